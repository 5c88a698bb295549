"""Settings of the whole suite, and the cases that every estimator test can ask for."""

import os

# SciPy reads this once, at its first import. Without it scikit-learn would skip its check
# of array API dispatch, which our estimators have to pass like all others.
os.environ.setdefault("SCIPY_ARRAY_API", "1")
# Thousands of tiny fits: more threads would only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch
from helpers.cases import CASES, DISCRETE_CASES, Case
from hypothesis import settings

# In CI the same cases are drawn every time; elsewhere new ones are looked for.
settings.register_profile("ci", derandomize=True, deadline=None)
if os.environ.get("CI"):
    settings.load_profile("ci")


def pytest_addoption(parser: pytest.Parser) -> None:
    """How many tables the fuzz tests draw; 0: as many as in CI, always the same ones."""
    parser.addoption("--fuzz", type=int, default=0, help="number of tables of each fuzz test")


def pytest_configure(config: pytest.Config) -> None:
    """Tests have tiny tables, and such without noise: that a fit of these may be poor is no error.

    `test_regression_doubts.py` says when a fit tells so, and when it does not.
    """
    config.addinivalue_line("filterwarnings", "ignore::skpc.PoorFitWarning")


@pytest.fixture(params=CASES, ids=str, scope="session")
def case(request: pytest.FixtureRequest) -> Case:
    """Every structure with every layer on every kind of table."""
    return request.param


@pytest.fixture(params=DISCRETE_CASES, ids=str, scope="session")
def discrete_case(request: pytest.FixtureRequest) -> Case:
    """The cases whose states can be enumerated."""
    return request.param


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out tests of CUDA where there is none; they are reported as deselected."""
    if torch.cuda.is_available():
        return
    absent = [item for item in items if item.get_closest_marker("gpu")]
    if absent:
        config.hook.pytest_deselected(items=absent)
        items[:] = [item for item in items if item not in absent]
