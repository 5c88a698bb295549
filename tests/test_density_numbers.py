"""Columns of numbers by default: zeros, integers, heavy tails, in the units of the table."""

import numpy as np
import pandas as pd
import pytest
from helpers.cases import inside, tiny
from numpy.testing import assert_allclose, assert_array_equal

from skpc import EinetDensityEstimator


def spending(n=600, seed=0):
    """A skewed amount, an amount that is often zero, and a count; all related."""
    rng = np.random.RandomState(seed)
    group = rng.randint(2, size=n)
    income = np.exp(rng.normal(3.0 + group, 0.5))
    spent = np.where(rng.uniform(size=n) < 0.7 - 0.4 * group, 0.0, income * rng.uniform(size=n))
    visits = rng.poisson(1.0 + 4.0 * group)
    return np.column_stack([income, spent, visits])


@pytest.fixture(scope="module")
def model():
    return tiny(max_iter=30, dtype="float64").fit(spending())


def test_every_column_integrates_to_one(model):
    rng = np.random.RandomState(0)
    for j, (low, high) in enumerate([(-200.0, 2000.0), (-400.0, 1500.0), (-30.0, 60.0)]):
        edges = np.linspace(low, high, 400_001)
        x = edges[:-1] + rng.uniform(size=400_000) * np.diff(edges)
        rows = np.full((len(x), 3), np.nan)
        rows[:, j] = x
        mass = np.exp(model.score_samples(rows)).sum() * (edges[1] - edges[0])
        assert_allclose(mass, 1.0, atol=0.005)


def test_zeros_and_integers_have_their_shares(model):
    X = spending()
    shape = inside(model).plan.table.columns[1].shape
    assert shape.values == (0.0,)
    rows = np.full((2, 3), np.nan)
    rows[0, 1], rows[1, 2] = 0.0, 1.0
    width = np.exp(model.score_samples(rows[:1])[0]) * shape.widths[0] * X[:, 1].std()
    assert_allclose(width, (X[:, 1] == 0).mean(), atol=0.03)
    # The step of integers is 1: the density is the probability.
    assert_allclose(np.exp(model.score_samples(rows[1:])[0]), (X[:, 2] == 1).mean(), atol=0.03)


def test_draws_are_of_the_kind_of_the_rows(model):
    draws = model.sample(3000, random_state=0)
    X = spending()
    assert_allclose((draws[:, 1] == 0).mean(), (X[:, 1] == 0).mean(), atol=0.04)
    whole = draws[:, 2] == np.rint(draws[:, 2])
    assert whole.mean() > 0.99
    assert_allclose(np.median(draws[:, 0]), np.median(X[:, 0]), rtol=0.1)


def test_integer_columns_draw_integers():
    frame = pd.DataFrame(spending(), columns=["income", "spent", "visits"])
    frame["visits"] = frame["visits"].astype("int32")
    model = tiny().fit(frame)
    assert model.sample(50, random_state=0).dtypes.tolist() == frame.dtypes.tolist()


def test_moments_are_those_of_draws(model):
    mean, variance = model.moments()
    draws = model.sample(60_000, random_state=1)
    error = np.sqrt(variance / len(draws))
    assert (np.abs(draws.mean(axis=0) - mean) < 5 * error).all()
    assert_allclose(draws.std(axis=0), np.sqrt(variance), rtol=0.1)


def test_conditional_moments_are_those_of_conditional_draws(model):
    row = np.array([[60.0, np.nan, np.nan]])
    mean, variance = model.moments(row)
    draws = model.sample_conditional(row, n_samples=30_000, random_state=0)
    error = np.sqrt(variance[0, 1:] / len(draws))
    assert (np.abs(draws[:, 1:].mean(axis=0) - mean[0, 1:]) < 5 * error).all()
    assert (draws[:, 0] == 60.0).all()
    assert mean[0, 0] == 60.0


@pytest.mark.parametrize("scale", [1e-9, 0.3, 1e9])
def test_scores_are_in_the_units_of_the_table(model, scale):
    X = spending()
    moved = tiny(max_iter=30, dtype="float64").fit(scale * X)
    expected = model.score_samples(X) - 3 * np.log(scale)
    assert_allclose(moved.score_samples(scale * X), expected, atol=1e-5)


def test_values_beyond_the_first_block_have_densities():
    X = spending()
    model = tiny()
    for block in np.array_split(X, 4):
        model.partial_fit(block)
    far = np.array([[1e6, 5.0, 100.0], [-1e6, -5.0, 2.5], [20.0, 0.0, -1.0]])
    assert np.isfinite(model.score_samples(far)).all()
    assert model.score(X) > model.score(far)


def test_the_likelihood_of_new_rows_is_higher_than_that_of_gaussian_leaves():
    X, new = spending(), spending(seed=1)
    noise = np.random.RandomState(0).uniform(-0.5, 0.5, len(new))
    new[:, 2] += noise
    plain = tiny(max_iter=30, leaf="gaussian").fit(X)
    assert tiny(max_iter=30).fit(X).score(new) > plain.score(new) + 0.1


def test_named_for_one_column():
    X = spending()
    model = EinetDensityEstimator(
        leaf=["gaussian", "numeric", "auto"], n_sums=3, max_iter=5, random_state=0
    ).fit(X)
    assert model.leaf_families_ == ["gaussian", "numeric", "numeric"]
    assert inside(model).plan.table.columns[0].shape is None


def test_missing_cells_do_not_change_the_atoms():
    X = spending()
    X[::3, 1] = np.nan
    model = tiny().fit(X)
    assert inside(model).plan.table.columns[1].shape.values == (0.0,)
    filled = model.sample_conditional(X, random_state=0)
    assert_array_equal(filled[~np.isnan(X)], X[~np.isnan(X)])
    assert (filled[::3, 1] == 0).any()


@pytest.mark.parametrize("dtype", ["float16", "float32", "Float32", "halffloat[pyarrow]"])
def test_draws_stay_in_the_range_of_small_floats(dtype):
    top = 65504.0 if "16" in dtype or "half" in dtype else 3.4e38
    values = np.random.RandomState(0).normal(size=(200, 1)) * [0.5 * top]
    frame = pd.DataFrame({"a": values.clip(-top, top)[:, 0], "b": np.arange(200) % 7})
    frame = frame.astype({"a": dtype})
    model = tiny().fit(frame)
    draws = model.sample(3000, random_state=0)
    assert np.isfinite(draws["a"].astype(float)).all()
    assert np.isfinite(model.score_samples(draws)).all()


@pytest.mark.parametrize("leaf", ["auto", "gaussian"])
@pytest.mark.parametrize("scale", [5e-324, 1e-310])
def test_subnormal_columns_have_scores(scale, leaf):
    X = np.column_stack([scale * (np.arange(90) % 2), np.arange(90) % 7])
    model = tiny(leaf=leaf).fit(X)
    draws = model.sample(20, random_state=0)
    for table in (X, draws):
        assert np.isfinite(table).all()
        assert np.isfinite(model.score_samples(table)).all()
