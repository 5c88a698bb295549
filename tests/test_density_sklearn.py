"""scikit-learn's own checks: all of them, none skipped, none expected to fail."""

from itertools import product

import pytest
from helpers.cases import ANY_WIDTH, LAYERS, tiny
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_param_validation,
    estimator_checks_generator,
    parametrize_with_checks,
)

from skpc import EinetDensityEstimator

NAME = "EinetDensityEstimator"
SMALL = [
    tiny(max_iter=3, layer=layer, **structure)
    for structure, layer in product(ANY_WIDTH.values(), LAYERS)
]
OTHERS = [
    tiny(max_iter=3, solver="adam"),
    tiny(max_iter=3, batch_size=7),
    tiny(max_iter=3, dtype="float64", n_init=2),
]


# A check that would skip itself raises a warning, and warnings are errors: nothing is left
# out silently. The check of array API dispatch runs because of tests/conftest.py.
@parametrize_with_checks([*SMALL, *OTHERS])
def test_common_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@pytest.mark.parametrize(
    "check",
    [
        pytest.param(check, id=f"{i}-{check.func.__name__}")
        for i, (_, check) in enumerate(estimator_checks_generator(EinetDensityEstimator()))
    ],
)
def test_common_checks_of_the_default_instance(check):
    check(EinetDensityEstimator())


@pytest.mark.parametrize("estimator", SMALL, ids=str)
def test_column_names_and_parameters_are_checked(estimator):
    # check_estimator leaves these two out for third-party estimators.
    check_dataframe_column_names_consistency(NAME, estimator)
    check_param_validation(NAME, estimator)


def test_small_instances_cover_every_layer():
    assert {model.layer for model in SMALL} == set(LAYERS)


def test_tags_say_that_missing_cells_are_welcome():
    tags = EinetDensityEstimator().__sklearn_tags__()
    assert tags.input_tags.allow_nan
    assert not tags.non_deterministic


def test_repr_shows_what_was_set():
    assert repr(EinetDensityEstimator(n_sums=7)) == "EinetDensityEstimator(n_sums=7)"
    assert "n_sums" in EinetDensityEstimator(n_sums=7)._repr_html_()
