"""Columns and cells given the rest of the row, against conditionals, sums and quadrature.

Axes: n rows, D columns.
"""

import numpy as np
import pandas as pd
import pytest
from helpers.cases import LAYERS, STRUCTURES, Case, masked, mixed, tiny
from numpy.testing import assert_allclose, assert_array_equal

from skpc import EinetDensityEstimator

NUMBERS = [Case(s, layer, t) for s in STRUCTURES for layer in LAYERS for t in ("gaussian", "mixed")]
LEVELS = [0.02, 0.3, 0.5, 0.9, 0.999]


def integers_and_reals(n=300, seed=0):
    """A column of zeros, numbers and a cap, one of integers, one of reals and one of codes."""
    random = np.random.RandomState(seed)
    a = random.normal(size=n)
    amount = np.clip(np.where(random.uniform(size=n) < 0.3, 0.0, np.exp(a)), 0, 3.0)
    return np.column_stack(
        [amount, np.rint(3 * a + 20), a + random.normal(size=n), random.randint(0, 3, n)]
    )


@pytest.fixture(scope="module")
def rich():
    """Trees, Gaussians and a latent mixture over atoms, integers, reals and codes."""
    components = mixed(2, 1)
    model = tiny(components=components, categorical_features=[3], max_iter=4)
    model.fit(integers_and_reals())
    assert len(model.component_weights_) == 3
    return model


def assert_cells_are_conditionals(model, X, **tolerance):
    cells = model.score_columns(X)
    assert_array_equal(np.isnan(cells), np.isnan(X))
    for j in range(X.shape[1]):
        seen = ~np.isnan(X[:, j])
        assert_allclose(cells[seen, j], model.predict_conditional(X[seen], [j]), **tolerance)


def test_cells_are_the_conditionals_of_single_columns(case):
    assert_cells_are_conditionals(case.fitted(), masked(case.rows(40, 3), 0.3), atol=1e-8)


def test_cells_of_all_components_are_conditionals(rich):
    assert_cells_are_conditionals(rich, masked(integers_and_reals(60, 1), 0.3), atol=1e-8)
    assert_cells_are_conditionals(rich, integers_and_reals(20, 2), atol=1e-8)


@pytest.mark.parametrize("distance", [10.0, 1e3, 1e6])
def test_cells_far_from_all_units_are_conditionals(rich, distance):
    # Units that explain the cell and units that explain the others need not be the same; the first
    # have densities that underflow.
    X = integers_and_reals(20, 1)
    X[:, 2] += distance
    # Densities of rows are up to exp(-1e12) here, and differences of their logarithms, which the
    # conditionals are, have as many digits less. A tree whose log density is 745 below another's
    # counts as absent.
    assert_cells_are_conditionals(rich, X, rtol=1e-5, atol=1e-4)


def test_an_unseen_category_has_its_share_and_tells_nothing(rich):
    X = integers_and_reals(5, 1)
    X[:, 3] = 9.0
    assert_cells_are_conditionals(rich, X, atol=1e-8)


@pytest.mark.parametrize("case", NUMBERS, ids=str)
def test_cdf_is_the_integral_of_the_conditional(case):
    model, X = case.fitted(), case.rows(300)
    row = masked(case.rows(4, seed=5), 0.3)
    low, high = X[:, 0].min() - 8 * X[:, 0].std(), X[:, 0].max() + 8 * X[:, 0].std()
    grid = np.linspace(low, high, 16001)
    row[:, 0] = np.linspace(X[:, 0].min(), X[:, 0].max(), 4)
    found = model.cdf(row, 0)
    for one, wanted in zip(row, found, strict=True):
        filled = np.tile(one, (len(grid), 1))
        filled[:, 0] = grid
        density = np.exp(model.predict_conditional(filled, [0]))
        below = np.concatenate(
            [[0.0], np.cumsum(0.5 * (density[1:] + density[:-1])) * (grid[1] - grid[0])]
        )
        assert_allclose(np.interp(one[0], grid, below), wanted, atol=2e-5)


@pytest.mark.parametrize("table", ["counts", "bernoulli"])
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_cdf_of_counts_and_digits_is_a_sum(structure, layer, table):
    case = Case(structure, layer, table)
    model, j = case.fitted(), 1
    row = masked(case.rows(1, seed=4), 0.3)
    values = np.arange(6 if table == "counts" else 2)
    states = np.tile(row, (len(values), 1))
    states[:, j] = values
    below = np.cumsum(np.exp(model.predict_conditional(states, [j])))
    # Counts above the largest of training have a share of their own.
    assert_allclose(model.cdf(states, j), below / below[-1], atol=1e-9)
    quantiles = model.predict_quantiles(row, j, LEVELS)[0]
    assert_array_equal(quantiles, values[np.searchsorted(below / below[-1], LEVELS)])


def test_quantiles_invert_the_cdf(case):
    X = masked(case.rows(30, seed=3), 0.3)
    model, columns = case.fitted(), [j for j in range(4) if case.table != "categorical" or j > 9]
    if case.table == "mixed":
        columns = [0, 1, 2]
    for j in columns:
        found = model.predict_quantiles(X, j, LEVELS)
        assert found.shape == (30, len(LEVELS))
        assert (np.diff(found, axis=1) >= 0).all()
        for level, values in zip(LEVELS, found.T, strict=True):
            at = X.copy()
            at[:, j] = values
            assert (model.cdf(at, j) >= level - 1e-8).all()
            if case.table in ("gaussian", "positive") or (case.table == "mixed" and j != 1):
                assert_allclose(model.cdf(at, j), level, atol=1e-8)


def test_quantiles_of_atoms_are_atoms(rich):
    X = masked(integers_and_reals(60, 1), 0.3)
    found = rich.predict_quantiles(X, 0, LEVELS)
    assert (found[:, 0] == 0.0).mean() > 0.5
    assert_array_equal(found[np.abs(found) < 1e-6], 0.0)
    at = X.copy()
    at[:, 0] = -1e-6
    below = rich.cdf(at, 0)
    at[:, 0] = 0.0
    assert (rich.cdf(at, 0) - below).mean() == pytest.approx(0.3, abs=0.1)


def test_quantiles_are_those_of_draws(rich):
    X = masked(integers_and_reals(3, 1), 0.3)
    X[:, 2] = np.nan
    draws = rich.sample_conditional(X, 4000, random_state=0)[:, 2].reshape(3, 4000)
    found = rich.predict_quantiles(X, 2, [0.1, 0.5, 0.9])
    for i in range(3):
        shares = (draws[i][:, None] <= found[i]).mean(axis=0)
        assert_allclose(shares, [0.1, 0.5, 0.9], atol=4 * 0.5 / np.sqrt(4000))


def test_columns_that_are_asked_for_are_no_evidence_for_each_other(rich):
    X = integers_and_reals(10, 1)
    hidden = X.copy()
    hidden[:, [0, 2]] = np.nan
    both = rich.predict_quantiles(X, [0, 2], 0.5)
    assert_array_equal(both, rich.predict_quantiles(hidden, [0, 2], 0.5))
    assert both.shape == (10, 2)
    assert_array_equal(rich.predict_quantiles(X, [2, 0]), both[:, ::-1])
    assert_array_equal(rich.cdf(X, [-2, 0]), rich.cdf(X, [True, False, True, False])[:, ::-1])
    assert rich.predict_quantiles(X, [0], [0.5]).shape == (10, 1, 1)
    assert rich.predict_quantiles(X, 0).shape == (10,)


def test_medians_fill_numbers_and_modes_fill_codes(rich):
    X = masked(integers_and_reals(40, 1), 0.4)
    filled, means = rich.impute(X, "median"), rich.impute(X)
    for j in range(3):
        holes = np.isnan(X[:, j])
        rows = X[holes].copy()
        # Quantiles invert the cdf; what is filled is moved to the column's grid and bounds.
        column, expected = rich.columns_[j], rich.predict_quantiles(rows, j)
        if column.step:
            expected = column.step * np.round(expected / column.step)
        assert_array_equal(filled[holes, j], np.clip(expected, *column.bounds))
    assert_array_equal(filled[:, 3], means[:, 3])


def test_samples_fill_by_draws(rich):
    X = masked(integers_and_reals(40, 1), 0.4)
    filled = rich.impute(X, "sample", random_state=3)
    assert_array_equal(filled[~np.isnan(X)], X[~np.isnan(X)])
    assert_array_equal(filled, rich.impute(X, "sample", random_state=3))
    assert (filled != rich.impute(X, "sample", random_state=4)).any()
    with pytest.raises(ValueError, match="'mean', 'median', 'mode' and 'sample' are accepted"):
        rich.impute(X, "median of means")


def test_what_has_no_answer_is_refused_by_name(rich):
    X = integers_and_reals(5, 1)
    for query in (rich.predict_quantiles, rich.cdf):
        with pytest.raises(ValueError, match="Column 3 holds categories, which have no order"):
            query(X, 3)
    for q in (0.0, 1.0, [0.5, 2.0], np.nan, [[0.5]]):
        with pytest.raises(ValueError, match="numbers above 0 and below 1 are accepted"):
            rich.predict_quantiles(X, 0, q)
    X[3, 2] = np.nan
    with pytest.raises(ValueError, match="Column 2 is among features and is missing in row 3"):
        rich.predict_conditional(X, [1, 2])
    assert np.isfinite(rich.predict_conditional(X, [1])).all()
    assert_array_equal(np.isnan(rich.cdf(X, 2)), [False, False, False, True, False])


def penguins(n=240):
    random = np.random.RandomState(0)
    species = random.choice(["Adelie", "Gentoo"], n)
    mass = np.rint(np.where(species == "Gentoo", 5000, 3700) + 300 * random.normal(size=n))
    frame = pd.DataFrame({"species": species, "mass": mass.astype(int), "old": mass > 4000})
    return frame.astype({"species": "category"})


@pytest.fixture(scope="module")
def of_penguins():
    return tiny(max_iter=30).fit(penguins())


@pytest.mark.parametrize(
    "given",
    [
        {"species": "Gentoo"},
        {0: "Gentoo"},
        ["Gentoo", None, None],
        pd.DataFrame({"species": ["Gentoo"]}),
        pd.DataFrame({"mass": [np.nan], "species": ["Gentoo"]}),
    ],
    ids=str,
)
def test_draws_have_what_is_given(of_penguins, given):
    frame = penguins()
    drawn = of_penguins.sample(300, random_state=0, given=given)
    assert list(drawn.columns) == list(frame.columns)
    assert drawn.dtypes.to_dict() == frame.dtypes.to_dict()
    assert (drawn["species"] == "Gentoo").all()
    assert drawn["mass"].mean() == pytest.approx(5000, abs=120)


def test_rows_that_are_given_are_drawn_from_in_turn(of_penguins):
    given = pd.DataFrame({"mass": [3600, 5100]})
    drawn = of_penguins.sample(50, random_state=0, given=given)
    assert drawn["mass"].tolist() == [3600] * 50 + [5100] * 50
    assert (drawn["species"][:50] == "Adelie").mean() > 0.9
    assert (drawn["species"][50:] == "Gentoo").mean() > 0.9


def test_draws_given_numbers_are_conditional_draws(rich):
    row = np.array([np.nan, 21.0, np.nan, np.nan])
    drawn = rich.sample(20, random_state=0, given=row)
    assert_array_equal(drawn, rich.sample_conditional(row[None], 20, random_state=0))
    assert_array_equal(drawn, rich.sample(20, random_state=0, given={1: 21}))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"species": "Chinstrap"}, "'Chinstrap' in column 'species' .* training did not show"),
        ({"kind": "Gentoo"}, "given names the column 'kind'"),
        ({"mass": 3600.5}, "Column 'mass' holds whole numbers; 3600.5 is given"),
        ({"mass": "heavy"}, "Column 'mass' contains 'heavy', which is no number"),
        ({"old": 2}, "2 in column 'old'|contains 2"),
        ({}, "given names no column"),
        ([1, 2], "given has the shape"),
    ],
    ids=str,
)
def test_what_cannot_be_given_is_named(of_penguins, given, message):
    with pytest.raises(ValueError, match=message):
        of_penguins.sample(3, given=given)


def test_float32_tables_have_scores_of_cells():
    X = integers_and_reals().astype(np.float32)
    model = EinetDensityEstimator(components="trees", max_iter=3, random_state=0)
    with pytest.warns(UserWarning, match="max_iter"):
        model.fit(X)
    assert np.isfinite(model.score_columns(X)).all()
