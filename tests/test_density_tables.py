"""Tables at the edge: constants, one column, one row, ties, far scales."""

import numpy as np
import pytest
from helpers.cases import ANY_WIDTH, LAYERS, exact, inside, masked, tiny
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

QUIET = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)


def assert_sound(model, X):
    """Finite parameters, finite scores, usable draws."""
    for array in inside(model).trees.arrays["parameters"]:
        assert np.isfinite(array).all()
    assert np.isfinite(model.score_samples(X)).all()
    assert np.isfinite(model.history_["trees"]["log_likelihood"]).all()
    assert np.isfinite(model.sample(3, random_state=0)).all()


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("structure", ANY_WIDTH.values(), ids=ANY_WIDTH)
@pytest.mark.parametrize("n_columns", [1, 2, 3, 5, 13])
def test_any_number_of_columns(structure, layer, n_columns):
    X = np.random.RandomState(0).normal(size=(40, n_columns))
    assert_sound(tiny(layer=layer, max_iter=3, **structure).fit(X), X)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("structure", ANY_WIDTH.values(), ids=ANY_WIDTH)
@pytest.mark.parametrize("row", [[1.5, -2.0, 0.0], [0.0, 1.0, 1.0], [1e9, 1e-9, -1.0]], ids=str)
def test_one_row(structure, layer, row):
    X = np.array([row])
    model = tiny(layer=layer, **structure).fit(X)
    assert_sound(model, X)
    # The row itself is more likely than a row some way off.
    off = X + np.abs(X) + (X == 0)
    assert model.score(X) > model.score(off)


@pytest.mark.parametrize("value", [0.0, 1.0, 7.0, -1e-9, 1e12])
def test_constant_column(value):
    rng = np.random.RandomState(0)
    X = np.column_stack([rng.normal(size=50), np.full(50, value), rng.normal(size=50)])
    model = tiny().fit(X)
    assert model.leaf_families_ == ["numeric"] * 3
    assert_sound(model, X)
    draws = model.sample(500, random_state=0)[:, 1]
    assert_allclose(draws, value, rtol=0.3, atol=0.3 if value == 0 else 0)


def test_constant_column_of_integers_is_a_digit():
    X = np.column_stack([np.zeros(20, dtype=int), np.arange(20)])
    model = tiny().fit(X)
    assert model.leaf_families_ == ["bernoulli", "numeric"]
    assert_sound(model, X)


def test_all_rows_alike():
    X = np.tile([3.0, -1.0, 0.0, 1.0], (30, 1))
    assert_sound(tiny().fit(X), X)
    assert_sound(tiny(solver="adam").fit(X), X)
    assert_sound(tiny(batch_size=7).fit(X), X)


def test_equal_columns():
    x = np.random.RandomState(0).normal(size=(60, 1))
    X = np.hstack([x, x, x])
    model = tiny(n_sums=10, max_iter=40).fit(X)
    assert_sound(model, X)
    apart = X.copy()
    apart[:, 0] = apart[::-1, 0]
    assert model.score(X) > model.score(apart) + 1.0


def test_duplicate_rows_do_not_collapse_a_leaf():
    rng = np.random.RandomState(0)
    X = np.vstack([np.tile(rng.normal(size=(1, 3)), (30, 1)), rng.normal(size=(30, 3))])
    model = tiny(n_sums=8, max_iter=60, smoothing=0.0).fit(X)
    assert_sound(model, X)
    # The floor of a variance is a thousandth of its column's.
    highest = 3 * 0.5 * np.log(1 / (2 * np.pi * 1e-3)) - np.log(X.std(axis=0)).sum()
    assert model.score_samples(X).max() < highest


def test_outlier_has_a_finite_score():
    X = np.random.RandomState(0).normal(size=(60, 3))
    model = tiny().fit(X)
    for far in (1e3, 1e6, 1e12):
        assert np.isfinite(model.score_samples(np.full((1, 3), far))).all()
        assert_sound(tiny().fit(np.vstack([X, np.full((1, 3), far)])), X)


def test_wide_table():
    X = np.random.RandomState(0).normal(size=(20, 150))
    assert_sound(tiny(max_iter=3).fit(X), X)


def test_shares_of_leaf_families_meet_in_one_column():
    X = np.random.RandomState(0).randint(0, 2, size=(60, 1)).astype(float)
    row = [[1.0]]
    truth = exact(smoothing=0.0).fit(X.astype(bool)).score(row)
    assert_allclose(truth, np.log(X.mean()), rtol=1e-6)
    for leaf in ("auto", "bernoulli", "categorical"):
        digit = exact(smoothing=0.0, leaf=leaf).fit(X).score(row)
        assert_allclose(digit, truth + np.log1p(-6 / (60**2 + 60 + 4)), rtol=1e-6)


@st.composite
def tables(draw):
    """Small tables: ties, constants, holes up to 99 percent, any scale."""
    n, d = draw(st.integers(1, 12)), draw(st.integers(1, 5))
    rng = np.random.RandomState(draw(st.integers(0, 2**31 - 1)))
    X = rng.normal(size=(n, d))
    X = np.round(X, draw(st.sampled_from([0, 1, 8])))
    X[:, rng.uniform(size=d) < draw(st.sampled_from([0.0, 0.5]))] = draw(st.sampled_from([0, 1, 3]))
    X = X[rng.randint(0, n, size=n)] if draw(st.booleans()) else X
    X = masked(X, draw(st.sampled_from([0.0, 0.3, 0.99])), seed=rng.randint(1000))
    return X * 10.0 ** draw(st.integers(-12, 12)) + draw(st.sampled_from([0.0, 0.0, 5.0]))


@QUIET
@given(
    tables(),
    st.sampled_from(LAYERS),
    st.sampled_from(sorted(ANY_WIDTH)),
    st.sampled_from([0.0, 0.1]),
    st.sampled_from(["em", "adam"]),
)
def test_no_table_gives_nan(X, layer, structure, smoothing, solver):
    model = tiny(
        layer=layer, smoothing=smoothing, solver=solver, max_iter=3, **ANY_WIDTH[structure]
    ).fit(X)
    assert_sound(model, X)
    filled = model.sample_conditional(X, random_state=0)
    seen = ~np.isnan(X)
    assert_array_equal(filled[seen], X[seen])
    assert np.isfinite(filled).all()
    assert_sound(model.partial_fit(X), X)


@pytest.mark.parametrize("leaf", ["auto", "gaussian"])
def test_numbers_further_apart_than_floats_reach_are_no_missing_cells(leaf):
    """What overflows must not read as a cell without evidence."""
    other = np.random.RandomState(0).normal(size=60)
    X = np.column_stack([np.where(other > 0, 1.7e308, -1.7e308), other])
    model = tiny(leaf=leaf).fit(X)
    alone = model.predict_marginal(X, [0])
    assert np.isfinite(alone).all()
    assert (alone < -600).all()
    assert not np.isclose(model.predict_conditional(X, [0]), 0).any()
    assert np.isfinite(model.score_samples(X)).all()
    far = tiny(leaf=leaf).fit(X[:, [1]] * 1e-300)
    assert (far.score_samples([[1e308], [-1e308]]) < far.score_samples([[0.0]])).all()
