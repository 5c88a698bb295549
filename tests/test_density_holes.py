"""`missing="model"`: a hole is a value of its cell, in training, in queries and in draws.

The yardstick of most tests is the density of a table that has its indicators as columns of its own:
the same circuit, so that answers agree to the last bit.
"""

from itertools import product

import numpy as np
import pandas as pd
import polars as pl
import pytest
from helpers.cases import (
    ANY_WIDTH,
    LAYERS,
    Case,
    assert_copies_score_alike,
    exact,
    inside,
    masked,
    mixed,
    tiny,
)
from helpers.types import MODELLED
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import trapezoid
from scipy.special import logsumexp
from scipy.stats import binomtest

from skpc import EinetImputer, EinetOutlierDetector
from skpc.circuit import RegionGraph

COMPONENTS = {"trees": "trees", "mixture": mixed(2, 1)}


def rows(n=400, seed=0):
    """A frame with two columns of numbers, one of words, and one of each with holes.

    The hole in "income" tells the word: there is one where it is "rich", and else in a tenth.
    """
    rng = np.random.RandomState(seed)
    word = rng.choice(["poor", "middle", "rich"], n, p=[0.5, 0.3, 0.2])
    age = rng.normal(50, 10, n)
    income = rng.normal(3, 1, n) + (word == "middle")
    hidden = (word == "rich") | (rng.uniform(size=n) < 0.1)
    town = np.where(rng.uniform(size=n) < 0.3, None, rng.choice(["Bath", "York"], n))
    columns = {"age": age, "income": np.where(hidden, np.nan, income), "town": town, "word": word}
    return pd.DataFrame(columns)


HOLED = ["income", "town"]


def beside(frame, unknown=()):
    """A frame with its indicators after it; None in those of columns that are unknown."""
    digits = {
        f"{name} hole": frame[name].isna().astype(object if name in unknown else bool)
        for name in HOLED
    }
    for name in unknown:
        if name in HOLED:
            digits[f"{name} hole"][frame[name].isna()] = None
    return frame.assign(**digits)


def with_holes(names):
    return [*names, *(f"{name} hole" for name in names if name in HOLED)]


@pytest.fixture(name="pair", scope="module", params=COMPONENTS)
def fit_pair(request):
    """A model of holes, and one of the table that has the indicators as columns."""
    settings = {"components": COMPONENTS[request.param], "max_iter": 5}
    frame = rows()
    model = tiny(missing="model", **settings).fit(frame)
    return model, tiny(**settings).fit(beside(frame))


@pytest.fixture(name="asked")
def make_asked():
    """Rows with holes of all kinds, also in a column that had none in training."""
    asked = rows(60, seed=1)
    asked.loc[:9, "age"] = np.nan
    asked.loc[5:14, "word"] = None
    asked.loc[10:19, HOLED] = None
    return asked


def test_scores_are_of_values_and_indicators(pair, asked):
    model, twin = pair
    assert_array_equal(model.score_samples(asked), twin.score_samples(beside(asked)))
    assert model.score(asked) == twin.score(beside(asked))


@pytest.mark.parametrize("features", [["income"], ["age", "town"], ["word"], HOLED])
def test_columns_are_asked_for_with_their_indicators(pair, asked, features):
    model, twin = pair
    wide, both = beside(asked), with_holes(features)
    assert_array_equal(model.predict_marginal(asked, features), twin.predict_marginal(wide, both))
    whole = asked[asked.notna().all(axis=1)]
    assert_array_equal(
        model.predict_conditional(whole, features),
        twin.predict_conditional(beside(whole), both),
    )


def test_draws_have_the_holes_that_the_indicators_say(pair):
    model, twin = pair
    draws, wide = model.sample(300, random_state=0), twin.sample(300, random_state=0)
    for name in HOLED:
        wide[name] = wide[name].mask(wide[f"{name} hole"], None)
    pd.testing.assert_frame_equal(draws, wide[list(draws.columns)])


def test_holes_are_filled_given_their_pattern(pair, asked):
    model, twin = pair
    wide, names = beside(asked), list(asked.columns)
    for strategy in ("mean", "median", "mode", "sample"):
        filled = model.impute(asked, strategy, random_state=0)
        wanted = twin.impute(wide, strategy, random_state=0)[names]
        pd.testing.assert_frame_equal(filled, wanted)
        assert filled.notna().all(axis=None)
    filled = model.sample_conditional(asked, 2, random_state=0)
    wanted = twin.sample_conditional(wide, 2, random_state=0)[names]
    pd.testing.assert_frame_equal(filled, wanted)


def test_moments_are_given_the_pattern(pair, asked):
    model, twin = pair
    for answers in (
        (model.moments(asked), twin.moments(beside(asked))),
        (model.moments(), twin.moments()),
    ):
        for ours, theirs in zip(*answers, strict=True):
            assert ours.shape[-1] == 4
            assert_array_equal(ours, theirs[..., :4])


def test_cells_are_scored_with_their_indicators(pair, asked):
    model, twin = pair
    scores = model.score_columns(asked)
    wide = beside(asked)
    for j, name in enumerate(asked.columns):
        known = asked[name].notna() | (name in HOLED)
        assert_array_equal(np.isnan(scores[:, j]), ~known)
        others = [other for other in wide if other not in with_holes([name])]
        wanted = twin.score_samples(wide) - twin.predict_marginal(wide, others)
        assert_allclose(scores[known, j], wanted[known], rtol=1e-7, atol=1e-9)


def test_quantiles_do_not_know_whether_their_cells_are_holes(pair, asked):
    model, twin = pair
    hidden = asked.assign(income=np.nan)
    wide = beside(hidden, unknown=["income"]).assign(**{"town hole": asked["town"].isna()})
    quantiles = model.predict_quantiles(asked, "income", [0.1, 0.9])
    assert_array_equal(quantiles, twin.predict_quantiles(wide, "income", [0.1, 0.9]))
    assert_array_equal(quantiles, model.predict_quantiles(hidden, "income", [0.1, 0.9]))
    levels = model.cdf(asked, "income")
    assert_array_equal(np.isnan(levels), asked["income"].isna())
    middle = asked.assign(income=model.predict_quantiles(asked, "income"))
    assert_allclose(model.cdf(middle, "income"), 0.5, atol=1e-6)


def test_columns_that_are_not_given_are_drawn_with_holes(pair):
    model, twin = pair
    draws = model.sample(300, random_state=0, given={"town": "Bath", "word": "rich"})
    wanted = twin.sample(
        300, random_state=0, given={"town": "Bath", "word": "rich", "town hole": False}
    )
    wanted["income"] = wanted["income"].mask(wanted["income hole"])
    pd.testing.assert_frame_equal(draws, wanted[list(draws.columns)])
    assert draws["income"].isna().any()


def test_users_see_their_columns_alone(pair):
    model, _ = pair
    assert model.n_features_in_ == len(model.leaf_families_) == len(model.columns_) == 4
    assert list(model.feature_names_in_) == list(rows().columns)
    assert model.structure_.n_variables == 6
    reports = {report.name: report.holes for report in model.columns_}
    assert reports["age"] == reports["word"] == 0
    assert_allclose([reports[name] for name in HOLED], rows()[HOLED].isna().mean(), atol=0.05)
    assert "holes" in repr(model.columns_)
    assert "holes" not in repr(tiny(max_iter=1).fit(rows()).columns_)


def test_copies_keep_the_indicators(asked):
    assert_copies_score_alike(tiny(missing="model", max_iter=2).fit(rows()), asked)


# What it means.


@pytest.mark.parametrize("structure", ANY_WIDTH)
@pytest.mark.parametrize("layer", LAYERS)
def test_probabilities_of_values_and_holes_add_to_one(structure, layer):
    def table(cells):
        """Digits of a type that holds no other values, so that none has a share."""
        return pd.DataFrame(cells, columns=list("abcd")).astype("boolean")

    X = Case(structure, layer, "bernoulli").rows(200)
    X[:, :3] = masked(X[:, :3], 0.3)
    model = tiny(missing="model", layer=layer, **ANY_WIDTH[structure]).fit(table(X))
    states = np.array(list(product(*([0, 1, np.nan],) * 3, [0, 1])), dtype=float)
    logs = model.score_samples(table(states))
    assert_allclose(logsumexp(logs), 0.0, atol=1e-9)
    # The last column has no holes: a missing cell of it is integrated out.
    patterns = states[states[:, 3] == 0] * [1, 1, 1, np.nan]
    assert_allclose(logsumexp(model.score_samples(table(patterns))), 0.0, atol=1e-9)
    # The entropy is that of these states.
    value, error = model.entropy()
    assert_allclose(value, -np.exp(logs) @ logs, rtol=1e-9)
    assert error == 0
    a, b, both = (model.entropy(f).value for f in ([0, 3], [1, 2], None))
    assert_allclose(model.mutual_information([0, 3], [1, 2]).value, a + b - both, atol=1e-9)


def test_density_of_numbers_and_holes_integrates_to_one():
    rng = np.random.RandomState(0)
    digit = rng.uniform(size=300) < 0.4
    x = np.where(rng.uniform(size=300) < 0.2 + 0.6 * digit, np.nan, rng.normal(digit, 1.0))
    model = exact(missing="model", leaf={"x": "gaussian"})
    model.fit(pd.DataFrame({"digit": digit, "x": x}))
    grid, total = np.linspace(-12, 12, 4001), 0.0
    for value in (False, True):
        cells = pd.DataFrame({"digit": value, "x": [*grid, np.nan]})
        shares = np.exp(model.score_samples(cells))
        total += trapezoid(shares[:-1], grid) + shares[-1]
    assert total == pytest.approx(1.0, abs=1e-6)


def test_chain_rule_with_holes_in_all_columns():
    X = rows()
    model = tiny(missing="model").fit(X)
    holes = X[HOLED].isna().any(axis=1)
    chain = model.predict_conditional(X, HOLED) + model.predict_marginal(X, ["age", "word"])
    assert_allclose(chain, model.score_samples(X), rtol=1e-9)
    assert holes.any()


def test_holes_that_inform_are_evidence():
    """A cell is missing only where the class is b: a hole says that it is."""
    rng = np.random.RandomState(0)
    classes = rng.choice(["a", "b"], 1000, p=[0.7, 0.3])
    x = np.where(classes == "b", np.nan, rng.normal(size=1000))
    frame = pd.DataFrame({"class": classes, "x": x})
    model = tiny(missing="model", max_iter=30).fit(frame)
    hole = pd.DataFrame({"class": ["b"], "x": [np.nan]})
    assert np.exp(model.predict_conditional(hole, "class"))[0] > 0.98
    assert np.exp(model.predict_conditional(hole, "x"))[0] > 0.98
    asked = hole.assign(**{"class": None})
    assert model.impute(asked)["class"].item() == "b"
    drawn = model.sample_conditional(asked, 500, random_state=0)["class"]
    assert (drawn == "b").mean() > 0.98
    assert (model.sample(500, random_state=0, given={"class": "b"})["x"].isna()).mean() > 0.98
    # Without a model of holes the hole says nothing.
    plain = tiny(max_iter=30).fit(frame)
    assert np.exp(plain.predict_conditional(hole, "class"))[0] == pytest.approx(0.3, abs=0.03)


def test_draws_have_as_many_holes_as_the_data():
    frame = rows(2000)
    draws = tiny(missing="model", max_iter=20).fit(frame).sample(4000, random_state=0)
    shares = frame.isna().mean()
    assert draws[["age", "word"]].notna().all(axis=None)
    for name in HOLED:
        count = int(draws[name].isna().sum())
        interval = binomtest(count, len(draws)).proportion_ci(0.999)
        assert interval.low - 0.02 < shares[name] < interval.high + 0.02
    # Given the word, too.
    rich = draws["word"] == "rich"
    assert draws.loc[rich, "income"].isna().mean() > 0.9
    assert draws.loc[~rich, "income"].isna().mean() < 0.2


def test_rows_of_holes_alone_have_the_probability_of_their_pattern():
    X = masked(Case("deep_trees", "cp", "gaussian").rows(500), 0.5)
    model = tiny(missing="model", max_iter=20).fit(X)
    nothing = np.full((1, 4), np.nan)
    share = np.isnan(X).all(axis=1).mean()
    assert np.exp(model.score_samples(nothing))[0] == pytest.approx(share, abs=0.03)
    assert_allclose(tiny().fit(X).score_samples(nothing), 0.0, atol=1e-12)


def test_without_holes_nothing_changes():
    X = Case("auto", "cp", "mixed").rows(150)
    model, plain = tiny(missing="model").fit(X), tiny().fit(X)
    holes = masked(X, 0.3)
    assert_array_equal(model.score_samples(holes), plain.score_samples(holes))
    assert_array_equal(model.sample(20, random_state=0), plain.sample(20, random_state=0))


# Types, weights, blocks and parameters.


def missing_in_first(table):
    """Whether the cells of the first column are missing, (n,)."""
    if isinstance(table, pl.DataFrame):
        return np.array([v is None or v != v for v in table.to_series(0).to_list()])
    return pd.isna(table.iloc[:, 0] if isinstance(table, pd.DataFrame) else table[:, 0])


@pytest.mark.parametrize("kind", [k for k in MODELLED if k.nullable], ids=str)
def test_every_type_is_drawn_with_holes(kind):
    table = kind.table((1, 4, 17, 20, 21, 22, 30, 31, 40, 50))
    model = tiny(missing="model", max_iter=2).fit(table)
    draws = model.sample(200, random_state=0)
    if hasattr(table, "columns"):
        assert list(draws.dtypes) == list(table.dtypes)
    else:
        assert draws.dtype == table.dtype
    assert 0.02 < missing_in_first(draws).mean() < 0.5
    assert np.isfinite(model.score_samples(draws)).all()
    assert not missing_in_first(model.impute(draws)).any()


def test_rows_without_weight_have_no_holes():
    X = Case("deep_trees", "cp", "gaussian").rows(100)
    X[:10, 1] = np.nan
    weights = np.r_[np.zeros(10), np.ones(90)]
    model = tiny(missing="model").fit(X, sample_weight=weights)
    assert inside(model).plan.table.holes.positions == ()
    assert_array_equal(model.score_samples(X[10:]), tiny().fit(X[10:]).score_samples(X[10:]))


def test_weights_count_holes():
    X = masked(Case("deep_trees", "cp", "gaussian").rows(80), 0.3)
    weights = np.random.RandomState(0).randint(1, 4, 80)
    weighted = exact(missing="model").fit(X, sample_weight=weights)
    repeated = exact(missing="model").fit(np.repeat(X, weights, axis=0))
    assert_allclose(weighted.score_samples(X), repeated.score_samples(X), rtol=1e-6)


def test_first_block_decides_whose_holes_are_modelled():
    X = Case("deep_trees", "cp", "gaussian").rows(200)
    X[::3, 0] = np.nan
    later = X.copy()
    later[::2, 2] = np.nan
    model = tiny(missing="model", batch_size=20).partial_fit(X)
    with pytest.warns(UserWarning, match="Column 2 has missing cells and had none in the first"):
        model.partial_fit(later)
    model.partial_fit(later)  # It says so once.
    assert np.isfinite(model.score_samples(later)).all()
    assert_array_equal(np.isnan(model.score_columns(later))[:, 2], np.isnan(later[:, 2]))
    draws = model.sample(100, random_state=0)
    assert np.isnan(draws[:, 0]).any()
    assert not np.isnan(draws[:, 1:]).any()


def test_warm_start_keeps_the_indicators():
    X = masked(Case("deep_trees", "cp", "gaussian").rows(200), 0.2)
    model = tiny(missing="model", warm_start=True, max_iter=3).fit(X)
    before = model.score(X)
    model.fit(np.where(np.isnan(X), 0.0, X)[:50])
    model.fit(X)
    assert model.score(X) > before - 0.5
    with pytest.raises(ValueError, match="missing is 'integrate'; the fitted model has 'model'"):
        model.set_params(missing="integrate").fit(X)


def test_structures_of_users_cover_the_indicators():
    X = Case("deep_trees", "cp", "gaussian").rows(100)
    X[::3, 0] = np.nan
    seen = []

    def line(z, numeric, weights, spec, random):
        seen.append((z.shape[1], numeric))
        return RegionGraph([(0, 1, 2, 3, 4), (0, 4), (1, 2, 3)], [(0, (1, 2))])

    model = tiny(missing="model", structure=line).fit(X)
    assert seen == [(5, [True] * 4 + [False])]
    again = tiny(missing="model", structure=model.structure_).fit(X)
    assert_array_equal(again.score_samples(X), model.score_samples(X))
    short = RegionGraph([(0, 1, 2, 3), (0, 1), (2, 3)], [(0, (1, 2))])
    with pytest.raises(ValueError, match="4 columns; X has 4 columns and, after them, 1 indicator"):
        tiny(missing="model", structure=short).fit(X)
    grid = tiny(missing="model", structure="poon_domingos", grid_shape=(2, 2))
    with pytest.raises(ValueError, match="grid_shape is \\(2, 2\\) and missing is 'model'"):
        grid.fit(X)
    grid.fit(np.where(np.isnan(X), 0.0, X))


def test_divergence_is_of_densities_of_the_same_holes():
    frame = rows()
    p, q = (tiny(missing="model", random_state=i, max_iter=4).fit(frame) for i in (0, 1))
    value, error = p.kl_divergence(q, n_samples=2000, random_state=0)
    assert value > -4 * error
    with pytest.raises(ValueError, match="models the holes of others"):
        p.kl_divergence(tiny(max_iter=2).fit(frame))


def test_conditional_of_a_cell_that_is_no_hole_is_refused():
    frame = rows(50)
    model = tiny(missing="model", max_iter=2).fit(frame)
    with pytest.raises(ValueError, match="Column 'age' is among features and is missing in row 3"):
        model.predict_conditional(frame.assign(age=frame["age"].mask(frame.index == 3)), "age")


def test_other_values_are_refused():
    with pytest.raises(ValueError, match="'missing' parameter"):
        tiny(missing="impute").fit(rows(50))


# What stands over a density.


def test_imputer_tells_holes_from_columns_that_are_unknown():
    rng = np.random.RandomState(0)
    word = rng.choice(["a", "b"], 600, p=[0.7, 0.3])
    x = np.where(word == "b", np.nan, rng.normal(size=600))
    frame = pd.DataFrame({"x": x, "word": word})
    density = tiny(missing="model", max_iter=20)
    imputer = EinetImputer(density, missing_columns="unknown").fit(frame)
    hole = pd.DataFrame({"x": [np.nan], "word": [None]})
    assert imputer.transform(hole)["word"].item() == "b"
    # A frame without the column does not say that its cells are holes.
    assert imputer.transform(hole[["word"]])["word"].item() == "a"
    assert imputer.transform(frame).notna().all(axis=None)


def test_outliers_may_be_holes():
    rng = np.random.RandomState(0)
    word = rng.choice(["a", "b"], 600)
    x = np.where(word == "b", np.nan, rng.normal(size=600))
    frame = pd.DataFrame({"x": x, "word": word})
    detector = EinetOutlierDetector(tiny(missing="model", max_iter=20, dtype="float64")).fit(frame)
    odd = pd.DataFrame({"x": [np.nan, 0.0], "word": ["a", "b"]})
    assert (detector.score_samples(odd) < detector.score_samples(frame).min()).all()
    reasons = detector.explain(odd, n_cells=2)
    assert len(reasons) == 4
    assert (reasons["surprise"] > 2).all()
    assert np.isnan(reasons.loc[(reasons["row"] == 0) & (reasons["column"] == "x"), "value"].item())


@pytest.mark.parametrize("holes_first", [False, True], ids=["none first", "another column first"])
def test_holes_that_come_later_are_told(holes_first):
    random = np.random.RandomState(0)
    first, later = random.normal(size=(60, 2)), random.normal(size=(60, 2))
    first[:3, 1] = np.nan if holes_first else 0.0
    later[:9, 0] = np.nan
    model = tiny(missing="model").partial_fit(first)
    with pytest.warns(UserWarning, match="Column 0 has missing cells and had none"):
        model.partial_fit(later)
    # Where holes are integrated out there is nothing to tell.
    tiny().partial_fit(first).partial_fit(later)
