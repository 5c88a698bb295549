"""One-hot groups: columns of zeros and ones that stand for one column of categories.

The tables are small, so that all their 2^D rows, and all that a row with holes allows, are summed.
They hold booleans: other values of a column of numbers have a share of their own.
"""

from itertools import product

import numpy as np
import pandas as pd
import polars as pl
import pytest
from helpers.cases import LAYERS, assert_copies_score_alike, exact, inside, mixed, tiny
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import binomtest
from sklearn.preprocessing import OneHotEncoder

from skpc import EinetDensityEstimator, EinetImputer, EinetOutlierDetector
from skpc.components import Kernels

D, MEMBERS = 5, [0, 2, 3]
EVERYTHING = np.array(list(product([0.0, 1.0], repeat=D)))
IN_PART = np.array(list(product([0.0, 1.0, np.nan], repeat=D)))


def rows(n=500, seed=0, dropped=False):
    """Columns 0, 2 and 3 are one-hot, or without a fourth category; 1 and 4 depend on them."""
    rng = np.random.RandomState(seed)
    kind = rng.randint(0, 4 if dropped else 3, n)
    shift = rng.uniform(size=(2, n)) < 0.2
    one_hot = (kind[:, None] == np.arange(3)).T
    others = (kind == 1) ^ shift[0], (kind > 0) ^ shift[1]
    return np.column_stack([one_hot[0], others[0], one_hot[1], one_hot[2], others[1]])


def fitted(dropped=False, **settings):
    return tiny(max_iter=10, **settings).fit(rows(dropped=dropped))


@pytest.fixture(name="model", scope="module", params=["whole", "dropped"])
def make_model(request):
    return fitted(request.param == "dropped")


def allowed(X, everything=EVERYTHING):
    """Which of all rows (m, D) rows with holes allow, (n, m)."""
    return (np.isnan(X)[:, None] | (X[:, None] == everything[None])).all(axis=2)


def chances(model, X):
    """Probabilities of rows with holes, by the sum over all rows that they allow."""
    return allowed(X) @ np.exp(model.score_samples(EVERYTHING))


def is_one_hot(X, members=MEMBERS, dropped=False):
    ones = np.asarray(X)[:, members].astype(float).sum(axis=1)
    return (ones <= 1) if dropped else (ones == 1)


MODELS = {
    "mixture": {"components": ["trees", *mixed(0, 1)[1:]]},
    "kernels": {"components": Kernels(n_units=50)},
    "random trees": {"structure": "random_trees"},
    **{layer: {"layer": layer} for layer in LAYERS},
}


@pytest.mark.parametrize("dropped", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_patterns_have_probabilities_that_add_to_one_and_holes_sum_them(name, dropped):
    model = fitted(dropped, **MODELS[name])
    assert model.settings_["one_hot"] == [MEMBERS]
    scores = model.score_samples(EVERYTHING)
    assert np.isfinite(scores).all()
    assert_allclose(np.exp(scores).sum(), 1.0, rtol=1e-12)
    expected = np.log(chances(model, IN_PART))
    assert_allclose(model.score_samples(IN_PART), expected, rtol=1e-9, atol=1e-12)
    # Patterns that training never showed have a small share together.
    strange = np.exp(scores[~is_one_hot(EVERYTHING, dropped=dropped)]).sum()
    assert 0 < strange < 1e-3


@pytest.mark.parametrize("columns", [[0], [1], [0, 2], [0, 1], [2, 3, 4], [0, 2, 3]])
def test_marginals_and_conditionals_of_a_part_of_a_group(model, columns):
    asked = np.isin(np.arange(D), columns)
    marginal = np.log(chances(model, np.where(asked, IN_PART, np.nan)))
    assert_allclose(model.predict_marginal(IN_PART, columns), marginal, rtol=1e-9, atol=1e-12)
    seen = IN_PART[~np.isnan(IN_PART[:, asked]).any(axis=1)]
    others = np.where(asked, np.nan, seen)
    conditional = np.log(chances(model, seen)) - np.log(chances(model, others))
    assert_allclose(model.predict_conditional(seen, columns), conditional, rtol=1e-8, atol=1e-10)


def test_each_cell_given_all_others(model):
    found, mean = model.score_columns(IN_PART), model.moments(IN_PART)[0]
    variance = model.moments(IN_PART)[1]
    whole = chances(model, IN_PART)
    for j in range(D):
        hidden, one = IN_PART.copy(), IN_PART.copy()
        hidden[:, j], one[:, j] = np.nan, 1.0
        without = chances(model, hidden)
        seen = ~np.isnan(IN_PART[:, j])
        assert_allclose(found[seen, j], np.log(whole / without)[seen], rtol=1e-8, atol=1e-9)
        assert np.isnan(found[~seen, j]).all()
        p = np.where(seen, IN_PART[:, j], chances(model, one) / without)
        assert_allclose(mean[:, j], p, rtol=1e-8)
        assert_allclose(variance[:, j], p * (1 - p), rtol=1e-8, atol=1e-12)


def test_moments_without_evidence(model):
    p = np.exp(model.score_samples(EVERYTHING))
    assert_allclose(model.moments()[0], p @ EVERYTHING, rtol=1e-9)


def test_cdfs_and_quantiles_of_members(model):
    # Both columns are asked for, and none of them is evidence for the other.
    columns, levels = [2, 1, 0], [0.1, 0.5, 0.9]
    hidden = np.where(np.isin(np.arange(D), columns), np.nan, IN_PART)
    cdf = model.cdf(np.where(np.isnan(IN_PART), 0.0, IN_PART), columns)
    quantiles = model.predict_quantiles(IN_PART, columns, levels)
    for i, j in enumerate(columns):
        zero = hidden.copy()
        zero[:, j] = 0.0
        p = chances(model, zero) / chances(model, hidden)
        seen_zero = (IN_PART[:, j] == 0) & ~np.isnan(IN_PART).any(axis=1)
        assert_allclose(cdf[seen_zero, i], p[seen_zero], rtol=1e-8)
        assert_allclose(cdf[IN_PART[:, j] == 1, i], 1.0, rtol=1e-12)
        assert_array_equal(quantiles[:, i], p[:, None] < np.array(levels))


def test_draws_are_one_hot_and_follow_the_density(model):
    dropped = inside(model).plan.table.groups[0].has_none
    drawn, n = model.sample(4000, random_state=0), 4000
    assert drawn.dtype == bool
    assert is_one_hot(drawn, dropped=dropped).all()
    p = np.exp(model.score_samples(EVERYTHING))
    counts = allowed(drawn.astype(float)).sum(axis=0)
    for count, share in zip(counts[counts > 0], p[counts > 0], strict=True):
        assert binomtest(int(count), n, min(share, 1.0)).pvalue > 1e-4


@pytest.mark.parametrize("row", [[np.nan, 1, 0, np.nan, np.nan], [np.nan, 0, np.nan, 0, 1]])
def test_draws_given_a_part_of_a_group(model, row):
    row, n = np.array([row], dtype=float), 4000
    drawn = model.sample_conditional(row, n, random_state=0)
    assert (drawn == np.where(np.isnan(row), drawn, row)).all()
    dropped = inside(model).plan.table.groups[0].has_none
    valid = is_one_hot(EVERYTHING, dropped=dropped) & allowed(row)[0]
    p = np.exp(model.score_samples(EVERYTHING)) * valid
    counts = allowed(drawn).sum(axis=0)
    assert (counts[~valid] == 0).all()
    for count, share in zip(counts[valid], p[valid] / p.sum(), strict=True):
        assert binomtest(int(count), n, share).pvalue > 1e-4


def test_draws_given_a_pattern_that_training_never_showed():
    model, n = fitted(), 4000
    row = np.array([[1.0, 1.0, 1.0, np.nan, np.nan]])
    drawn = model.sample_conditional(row, n, random_state=0)
    p = np.exp(model.score_samples(EVERYTHING)) * allowed(row)[0]
    counts = allowed(drawn).sum(axis=0)
    for count, share in zip(counts[p > 0], p[p > 0] / p.sum(), strict=True):
        assert binomtest(int(count), n, share).pvalue > 1e-4


def test_draws_with_given_members():
    model = fitted()
    drawn = model.sample(50, random_state=0, given={2: True})
    assert_array_equal(drawn[:, MEMBERS], np.tile([False, True, False], (50, 1)))
    assert is_one_hot(model.sample(50, random_state=0, given={2: False, 4: True})).all()
    with pytest.raises(ValueError, match=r"2 ones .row 0: column 0, column 2. in the one-hot"):
        model.sample(given={0: True, 2: True})
    with pytest.raises(ValueError, match=r"0 ones .row 0: none. in the one-hot group"):
        model.sample(given={0: False, 2: False, 3: False})


@pytest.mark.parametrize("strategy", ["mean", "median", "mode", "sample"])
def test_imputed_rows_are_one_hot(model, strategy):
    dropped = inside(model).plan.table.groups[0].has_none
    X = IN_PART[allowed(IN_PART)[:, is_one_hot(EVERYTHING, dropped=dropped)].any(axis=1)]
    filled = model.impute(X, strategy, random_state=0)
    assert not np.isnan(filled).any()
    assert (filled == np.where(np.isnan(X), filled, X)).all()
    assert is_one_hot(filled, dropped=dropped).all()
    if strategy in ("mean", "median"):
        # The most probable pattern of the group, given what is seen.
        bare = X.copy()
        patterns = np.array([*np.eye(3), *([np.zeros(3)] if dropped else [])])
        scores = np.full((len(X), len(patterns)), -np.inf)
        for k, pattern in enumerate(patterns):
            bare[:, MEMBERS] = pattern
            fits = (np.isnan(X[:, MEMBERS]) | (X[:, MEMBERS] == pattern)).all(axis=1)
            scores[fits, k] = model.score_samples(bare[fits])
        assert_array_equal(filled[:, MEMBERS], patterns[scores.argmax(axis=1)])


def table_of_words(n=600, seed=0):
    """Numbers, and two columns of words that depend on one another."""
    rng = np.random.RandomState(seed)
    colour = rng.choice(["blue", "green", "red", "white"], n, p=[0.4, 0.3, 0.2, 0.1])
    shape = np.where(rng.uniform(size=n) < 0.3, "round", np.where(colour == "red", "flat", "long"))
    size = rng.normal(size=n) + (colour == "blue")
    return pd.DataFrame({"size": size, "colour": colour, "shape": shape})


@pytest.mark.parametrize("dtype", [bool, int, float])
def test_dummies_score_as_their_categories_do(dtype):
    words = table_of_words()
    dummies = pd.get_dummies(words, dtype=dtype)
    train, test = slice(0, 500), slice(500, None)
    categories = EinetDensityEstimator(random_state=0).fit(words[train])
    one_hot = EinetDensityEstimator(random_state=0).fit(dummies[train])
    assert [len(group) for group in one_hot.settings_["one_hot"]] == [4, 3]
    # Columns of numbers have a share for other values than zeros and ones.
    difference = one_hot.score_samples(dummies[test]) - categories.score_samples(words[test])
    assert_allclose(difference, 0.0, atol=1e-6 if dtype is bool else 1e-3)


def test_one_hot_encoded_words_score_as_their_categories_do():
    words = table_of_words()[["colour", "shape"]]
    encoded = OneHotEncoder(sparse_output=False, dtype=np.uint8).fit_transform(words)
    categories = EinetDensityEstimator(random_state=0).fit(words)
    one_hot = EinetDensityEstimator(random_state=0).fit(encoded)
    assert one_hot.score(encoded) == pytest.approx(categories.score(words), abs=1e-3)
    # Without the first column of each the last category is where no other one is.
    first = OneHotEncoder(sparse_output=False, drop="first").fit_transform(words)
    fewer = EinetDensityEstimator(random_state=0).fit(first)
    assert fewer.score(first) == pytest.approx(categories.score(words), abs=0.02)


def test_adjacent_and_other_columns_are_found():
    words = table_of_words(2000)
    dummies = pd.get_dummies(words)
    shuffled = dummies.sample(frac=1, axis=1, random_state=0)
    for frame in (dummies, shuffled):
        model = tiny(max_iter=1).fit(frame)
        groups = set(map(frozenset, model.settings_["one_hot"]))
        assert groups == {
            frozenset(name for name in frame if name.startswith(word))
            for word in ("colour", "shape")
        }


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_flag_that_rarely_is_one_takes_no_column_from_a_group_beside_it(side):
    """The flag never meets the column next to it, and meets another one of the group."""
    kind = np.random.RandomState(0).randint(0, 3, 40)
    group = kind[:, None] == np.arange(3)
    flag = (kind == 1) & (np.cumsum(kind == 1) <= 2)
    X = np.column_stack([flag, group] if side == "before" else [group, flag])
    first = 1 if side == "before" else 0
    assert tiny(max_iter=1).fit(X).settings_["one_hot"] == [[first, first + 1, first + 2]]


def test_what_is_left_open_is_left_alone_in_few_rows():
    dummies = pd.get_dummies(table_of_words(40))
    assert len(tiny(max_iter=1).fit(dummies).settings_["one_hot"]) == 2
    # Apart from one another the columns of a group may as well be attributes of their own.
    apart = dummies[dummies.columns[[1, 5, 2, 6, 3, 7, 4, 0]]]
    assert tiny(max_iter=1).fit(apart).settings_["one_hot"] is None


def test_held_out_rows_choose_and_move_no_other_draw():
    dummies = pd.get_dummies(table_of_words(800))
    apart = dummies[dummies.columns[[1, 5, 2, 6, 3, 7, 4, 0]]]
    found = tiny(max_iter=2).fit(apart)
    assert len(found.settings_["one_hot"]) == 2
    named = tiny(max_iter=2, one_hot=found.settings_["one_hot"]).fit(apart)
    again = tiny(max_iter=2, structure=found.structure_).fit(apart)
    wanted = found.score_samples(apart)
    assert_array_equal(named.score_samples(apart), wanted)
    assert_array_equal(again.score_samples(apart), wanted)


@pytest.mark.parametrize("n", [20, 200, 2000])
def test_chance_makes_no_group(n):
    for seed in range(10):
        rng = np.random.RandomState(seed)
        X = (rng.uniform(size=(n, 20)) < rng.uniform(0, 0.3, 20)).astype(int)
        assert tiny(max_iter=1, components="trees").fit(X).settings_["one_hot"] is None


def test_columns_that_are_never_seen_together_make_no_group():
    """Two tables above one another, each with a flag that the other one lacks."""
    rng = np.random.RandomState(0)
    X = (rng.uniform(size=(600, 3)) < 0.6).astype(float)
    X[:300, 0] = X[300:, 1] = np.nan
    model = tiny(max_iter=5).fit(X)
    assert model.settings_["one_hot"] is None


def test_columns_that_are_rarely_one_make_no_group():
    kind = np.random.RandomState(0).randint(0, 10, 1000)
    X = np.column_stack([kind == 0, kind == 1])
    assert tiny(max_iter=1).fit(X).settings_["one_hot"] is None
    assert tiny(max_iter=1, one_hot=[[0, 1]]).fit(X).settings_["one_hot"] == [[0, 1]]


def test_groups_that_the_user_names_and_none():
    frame = pd.get_dummies(table_of_words())
    names = [name for name in frame if name.startswith("shape")]
    one = tiny(max_iter=1, one_hot=[names]).fit(frame)
    assert one.settings_["one_hot"] == [names]
    assert one.columns_[frame.columns.get_loc(names[0])].group == tuple(names)
    assert tiny(max_iter=1, one_hot=None).fit(frame).settings_["one_hot"] is None
    assert all(report.group == () for report in tiny(max_iter=1, one_hot=None).fit(frame).columns_)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([[0, 1]], "one_hot names column 0 and column 1 in one group; both are 1 in row"),
        ([[0, 2], [2, 3]], "one_hot names column 2 twice"),
        ([[0]], "a group has two columns or more"),
        ([0, 2], "one_hot has 0; lists of columns are accepted"),
        ([[0, 9]], "one_hot"),
        ([[0, 5]], "one_hot names column 5, which is modelled as numeric"),
    ],
)
def test_groups_that_are_none_are_refused(groups, message):
    X = np.column_stack([rows(), np.random.RandomState(0).normal(size=500)])
    with pytest.raises(ValueError, match=message):
        tiny(one_hot=groups).fit(X)


def test_what_a_search_found_gives_the_same_model_when_it_is_named():
    model = fitted()
    wanted = model.score_samples(IN_PART)
    named = tiny(**{"max_iter": 10, **model.settings_}).fit(rows())
    assert_array_equal(named.score_samples(IN_PART), wanted)
    again = tiny(max_iter=10, structure=model.structure_).fit(rows())
    assert_array_equal(again.score_samples(IN_PART), wanted)
    assert model.structure_.n_variables == 3
    # A graph over the columns of the table leaves them by themselves.
    plain = tiny(max_iter=10, one_hot=None).fit(rows())
    alone = tiny(max_iter=10, structure=plain.structure_).fit(rows())
    assert alone.settings_["one_hot"] is None


def test_copies_and_reports():
    model = fitted()
    assert_copies_score_alike(model, IN_PART)
    reports = model.columns_
    assert [report.group for report in reports] == [(0, 2, 3), (), (0, 2, 3), (0, 2, 3), ()]
    assert "one-hot of 3" in repr(reports)
    assert model.leaf_families_ == ["bernoulli"] * D
    assert model.n_features_in_ == D


def test_weights_are_repeated_rows():
    X, counts = rows(80).astype(float), np.random.RandomState(1).randint(1, 4, 80)
    X[:20, MEMBERS[:2]] = np.nan
    weighted = exact(one_hot=[MEMBERS]).fit(X, sample_weight=counts)
    repeated = exact(one_hot=[MEMBERS]).fit(np.repeat(X, counts, axis=0))
    scores = repeated.score_samples(IN_PART)
    assert_allclose(weighted.score_samples(IN_PART), scores, rtol=1e-9, atol=1e-12)


def test_holes_in_training_leave_the_shares_as_they_are():
    """A row without a 1 is known only where all members are seen: leaving it out would bias."""
    rng = np.random.RandomState(0)
    kind = rng.choice(4, 20_000, p=[0.1, 0.2, 0.3, 0.4])
    X = (kind[:, None] == np.arange(3)).astype(float)
    X[rng.uniform(size=X.shape) < [0.1, 0.4, 0.6]] = np.nan
    model = tiny(components="trees", one_hot="auto", max_iter=30).fit(X)
    assert model.settings_["one_hot"] == [[0, 1, 2]]
    assert_allclose(model.moments()[0], [0.1, 0.2, 0.3], atol=0.015)


@pytest.mark.parametrize(
    "settings", [{}, {"solver": "adam"}, {"batch_size": None}, *MODELS.values()]
)
def test_training_with_holes_in_groups_raises_the_likelihood(settings):
    X = rows(400).astype(float)
    X[np.random.RandomState(0).uniform(size=X.shape) < 0.2] = np.nan
    model = tiny(max_iter=10, **settings).fit(X)
    assert model.settings_["one_hot"] == [MEMBERS]
    alone = tiny(max_iter=10, one_hot=None, **settings).fit(X)
    test = rows(400, seed=1)
    assert model.score(test) > alone.score(test)


def test_blocks_and_warm_starts_keep_the_groups():
    X = rows(400).astype(float)
    X[300:][np.random.RandomState(0).uniform(size=(100, D)) < 0.2] = np.nan
    X[399, MEMBERS] = 1.0
    model = tiny()
    for block in np.array_split(X, 4):
        model.partial_fit(block)
    assert model.settings_["one_hot"] == [MEMBERS]
    assert np.isfinite(model.score_samples(IN_PART)).all()
    before = model.score(rows(200, seed=1))
    warm = tiny(warm_start=True, max_iter=3).fit(X[:300]).fit(X[:300])
    assert warm.score(rows(200, seed=1)) > before - 0.5
    with pytest.raises(ValueError, match="one_hot is None; the fitted model has 'auto'"):
        model.set_params(one_hot=None).partial_fit(X)


def test_entropy_and_information_by_all_patterns(model):
    dropped = inside(model).plan.table.groups[0].has_none
    valid = EVERYTHING[is_one_hot(EVERYTHING, dropped=dropped)]
    p = np.exp(model.score_samples(valid))
    p /= p.sum()

    def entropy(columns):
        _, index = np.unique(valid[:, columns], axis=0, return_inverse=True)
        shares = np.bincount(index.reshape(-1), p)
        return -(shares * np.log(shares)).sum()

    for columns in ([0], [0, 2], [0, 2, 3], [1, 3], list(range(D))):
        found = model.entropy(columns)
        assert found.standard_error == 0
        assert found.value == pytest.approx(entropy(columns), rel=1e-9)
    shared = entropy([0, 1]) + entropy([2]) - entropy([0, 1, 2])
    assert model.mutual_information([0, 1], [2]).value == pytest.approx(shared, abs=1e-10)
    other = tiny(max_iter=2, one_hot=None).fit(rows(dropped=dropped))
    divergence = p @ (model.score_samples(valid) - other.score_samples(valid))
    assert model.kl_divergence(other).value == pytest.approx(divergence, rel=1e-6)


@pytest.mark.parametrize("library", ["array", "pandas", "polars"])
@pytest.mark.parametrize("dtype", [bool, np.int8, np.float32])
def test_rows_come_back_in_the_users_own_columns(library, dtype):
    X = rows().astype(dtype)
    names = [f"c{j}" for j in range(D)]
    make = {"array": lambda x: x, "pandas": lambda x: pd.DataFrame(x, columns=names),
            "polars": lambda x: pl.DataFrame(x, schema=names)}[library]  # fmt: skip
    table = make(X)
    model = tiny(max_iter=2).fit(table)
    drawn = model.sample(20, random_state=0)
    assert type(drawn) is type(table)
    kinds = [drawn.dtype] if library == "array" else list(drawn.dtypes)
    assert kinds == ([table.dtype] if library == "array" else list(table.dtypes))
    assert is_one_hot(np.asarray(drawn)).all()


def test_numbers_beside_groups():
    """Gaussians read groups that are known in part as well; numbers are drawn with them."""
    words = table_of_words(400)
    words["weight"] = words["size"] + np.random.RandomState(1).normal(size=400) / 5
    frame = pd.get_dummies(words, dtype=float)
    model = tiny(max_iter=5, components=mixed(2, 1)).fit(frame)
    names = [name for name in frame if name.startswith("colour")]
    X = frame.head(40).copy()
    X.loc[:20, names[:2]] = np.nan
    X.loc[10:30, ["size", "shape_long"]] = np.nan
    joint = model.predict_conditional(X, ["weight"]) + model.predict_marginal(
        X, [name for name in frame if name != "weight"]
    )
    assert_allclose(joint, model.score_samples(X), rtol=1e-9)
    # A hole is the sum over both digits.
    both = [X.head(10).assign(**{names[1]: digit}) for digit in (0.0, 1.0)]
    total = np.logaddexp(*(model.score_samples(x) for x in both))
    assert_allclose(total, model.score_samples(X.head(10)), atol=1e-3)
    filled = model.sample_conditional(X, 3, random_state=0)
    assert (filled[names].sum(axis=1) == 1).all()
    assert not filled.isna().any().any()
    median = model.predict_quantiles(X, ["size", names[0]])
    assert median.shape == (40, 2)
    assert model.columns_[0].bounds is not None


def test_an_imputer_and_an_outlier_detector_over_groups():
    frame = pd.get_dummies(table_of_words(300), dtype=int)
    names = [name for name in frame if name.startswith("colour")]
    density = tiny(max_iter=5)
    X = frame.astype(float)
    X.loc[:5, names[1:]] = np.nan
    filled = EinetImputer(density).fit(frame).transform(X)
    assert (filled[names].sum(axis=1) == 1).all()
    detector = EinetOutlierDetector(density).fit(frame)
    odd = frame.head(1).copy()
    odd[names] = 1
    assert detector.predict(odd)[0] == -1
    assert detector.score_samples(odd)[0] < detector.score_samples(frame).min()
    assert detector.explain(odd, n_cells=2)["column"].isin(names).all()


def test_columns_whose_holes_are_modelled_are_in_no_group():
    X = rows().astype(float)
    X[:50, 0] = np.nan
    model = tiny(max_iter=5, missing="model").fit(X)
    assert model.settings_["one_hot"] == [[2, 3]] or model.settings_["one_hot"] is None
    assert np.isfinite(model.score_columns(IN_PART[::7])[:, 0]).all()
    with pytest.raises(ValueError, match="one_hot names column 0, whose holes are modelled"):
        tiny(missing="model", one_hot=[MEMBERS]).fit(X)
    model = tiny(max_iter=5, missing="model", one_hot=[[2, 3]]).fit(X)
    drawn = model.sample(500, random_state=0)
    assert 0.02 < np.isnan(drawn[:, 0]).mean() < 0.3
    given = np.where(np.isnan(X[:5]), np.nan, X[:5])
    given[:, 2] = np.nan
    assert np.isnan(model.sample_conditional(given, random_state=0)).sum() == 0
    marginal = model.predict_marginal(given, [1, 2, 3, 4])
    assert (marginal > model.score_samples(given)).all()


def test_a_function_for_the_structure_sees_a_group_as_one_column():
    seen = []

    def build(z, numeric, weights, spec, random):
        from skpc.circuit.structures import random_binary_trees

        seen.append(z)
        return random_binary_trees(z.shape[1], None, 1, random)

    model = tiny(max_iter=2, structure=build).fit(rows())
    (z,) = seen
    assert z.shape[1] == 3
    assert set(z[:, 2]) == {0.0, 1.0, 2.0}
    assert_allclose(np.exp(model.score_samples(EVERYTHING)).sum(), 1.0, rtol=1e-12)


def test_a_value_that_is_neither_zero_nor_one():
    model = tiny(max_iter=5).fit(rows().astype(int))
    X = np.array([[2.0, 1.0, 0.0, 0.0, 1.0], [np.nan, 1.0, 0.0, 0.0, 1.0]])
    odd, hidden = model.score_samples(X)
    assert odd < hidden
    known, without = model.score_columns(X)[0, 1:], model.score_columns(X)[1, 1:]
    assert_allclose(known, without, rtol=1e-12)


def test_a_column_of_zeros_between_members_is_a_member():
    X = np.insert(pd.get_dummies(table_of_words()["colour"]).to_numpy(), 2, False, axis=1)
    model = tiny(max_iter=5).fit(X)
    assert model.settings_["one_hot"] == [[0, 1, 2, 3, 4]]
    row = np.eye(5, dtype=bool)[2:3]
    assert np.log(1e-8) < model.score_samples(row)[0] < np.log(0.05)
