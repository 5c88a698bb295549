"""Densities that are densities: they sum to one, marginals and conditionals are exact."""

from itertools import combinations, product

import numpy as np
import pytest
from helpers.cases import Case, masked, tiny
from numpy.testing import assert_allclose
from scipy.integrate import trapezoid
from scipy.special import logsumexp

STRANGE = 987.0  # A category, or a value of a column of digits, that no table has.
SUBSETS = [list(s) for r in (1, 2, 3) for s in combinations(range(4), r)]


def all_states(case: Case):
    """Every row of a discrete table, a value never seen counted as one more state."""
    columns = [np.append(np.unique(c), STRANGE) for c in case.rows(300).T]
    return np.array(list(product(*columns)))


def test_densities_of_all_states_sum_to_one(discrete_case):
    scores = discrete_case.fitted().score_samples(all_states(discrete_case))
    assert_allclose(logsumexp(scores), 0.0, atol=1e-10)


@pytest.mark.parametrize("features", SUBSETS, ids=str)
def test_marginals_of_states_sum_to_one(features):
    case = Case("deep_trees", "cp", "categorical")
    states = all_states(case)
    _, first = np.unique(states[:, features], axis=0, return_index=True)
    scores = case.fitted().predict_marginal(states[first], features)
    assert_allclose(logsumexp(scores), 0.0, atol=1e-10)


@pytest.mark.parametrize("layer", ["cp", "tucker"])
@pytest.mark.parametrize("scale", [1.0, 1e-3, 1e4])
def test_density_of_one_column_integrates_to_one(layer, scale):
    x = scale * np.random.RandomState(0).gamma(2.0, size=(200, 1))
    model = tiny(layer=layer).fit(x)
    # The density jumps where the column's map bends, and a jump inside of an interval costs the
    # trapezoid rule up to half of its area: the intervals are short.
    grid = np.linspace(x.min() - 8 * x.std(), x.max() + 8 * x.std(), 400001)
    density = np.exp(model.score_samples(grid[:, None]))
    assert_allclose(trapezoid(density, grid), 1.0, atol=2e-5)


@pytest.mark.parametrize("layer", ["cp", "tucker"])
def test_density_of_two_columns_integrates_to_one(layer):
    rng = np.random.RandomState(0)
    x = rng.normal(size=(300, 1))
    X = np.hstack([x, 30 * x + 10 * rng.normal(size=x.shape)])
    model = tiny(layer=layer).fit(X)
    a, b = (np.linspace(c.min() - 6 * c.std(), c.max() + 6 * c.std(), 500) for c in X.T)
    mesh = np.stack(np.meshgrid(a, b, indexing="ij"), axis=-1).reshape(-1, 2)
    density = np.exp(model.score_samples(mesh)).reshape(len(a), len(b))
    assert_allclose(trapezoid(trapezoid(density, b), a), 1.0, atol=1e-5)


def test_row_without_evidence_scores_zero(case):
    model = case.fitted()
    assert_allclose(model.score_samples(np.full((2, 4), np.nan)), 0.0, atol=1e-12)
    assert_allclose(model.predict_marginal(case.rows(3), []), 0.0, atol=1e-12)


def test_missing_column_equals_the_marginal(case):
    model, X = case.fitted(), case.rows(20, seed=1)
    for features in SUBSETS:
        holes = X.copy()
        holes[:, [j for j in range(4) if j not in features]] = np.nan
        assert_allclose(
            model.predict_marginal(X, features), model.score_samples(holes), rtol=0, atol=1e-12
        )


def test_missing_column_of_states_is_summed_out(discrete_case):
    model, states = discrete_case.fitted(), all_states(discrete_case)
    scores = model.score_samples(states)
    for j in range(4):
        others = np.delete(states, j, axis=1)
        kept, group = np.unique(others, axis=0, return_inverse=True)
        total = np.log(np.bincount(group.ravel(), np.exp(scores), minlength=len(kept)))
        holes = np.insert(kept, j, np.nan, axis=1)
        assert_allclose(model.score_samples(holes), total, atol=1e-9)


@pytest.mark.parametrize("layer", ["cp", "tucker"])
@pytest.mark.parametrize("table", ["gaussian", "mixed"])
def test_missing_number_is_integrated_out(layer, table):
    case = Case("deep_trees", layer, table)
    model, X = case.fitted(), case.rows(300)
    grid = np.linspace(X[:, 0].min() - 6 * X[:, 0].std(), X[:, 0].max() + 6 * X[:, 0].std(), 8001)
    for row in case.rows(3, seed=2):
        filled = np.tile(row, (len(grid), 1))
        filled[:, 0] = grid
        integral = trapezoid(np.exp(model.score_samples(filled)), grid)
        assert_allclose(model.predict_marginal(row[None], [1, 2, 3]), np.log(integral), atol=1e-6)


def test_joint_is_marginal_times_conditional(case):
    model, whole = case.fitted(), case.rows(20, seed=1)
    for features in SUBSETS:
        # Missing cells have no conditional density, so only the others have holes.
        X = masked(whole, 0.2)
        X[:, features] = whole[:, features]
        joint = model.score_samples(X)
        rest = [j for j in range(4) if j not in features]
        parts = model.predict_marginal(X, rest) + model.predict_conditional(X, features)
        assert_allclose(parts, joint, rtol=0, atol=1e-9)


def test_conditional_of_all_columns_is_the_joint(case):
    model, X = case.fitted(), case.rows(5, seed=1)
    assert_allclose(model.predict_conditional(X, range(4)), model.score_samples(X), atol=1e-12)
    assert_allclose(model.predict_conditional(X, []), 0.0, atol=1e-12)


def test_features_by_position_mask_and_negative_position():
    case = Case("deep_trees", "cp", "mixed")
    model, X = case.fitted(), case.rows(5)
    wanted = model.predict_marginal(X, [1, 3])
    for features in ([False, True, False, True], np.array([1, 3]), [-3, -1], (3, 1)):
        assert_allclose(model.predict_marginal(X, features), wanted, rtol=0)
    assert_allclose(model.predict_marginal(X, 1), model.predict_marginal(X, [1]), rtol=0)


def test_score_is_the_mean_of_the_rows(case):
    model, X = case.fitted(), case.rows(50, seed=1)
    scores, weights = model.score_samples(X), np.random.RandomState(0).uniform(size=50)
    assert isinstance(model.score(X), float)
    assert_allclose(model.score(X), scores.mean(), rtol=1e-12)
    assert_allclose(
        model.score(X, sample_weight=weights), np.average(scores, weights=weights), rtol=1e-12
    )


def test_rows_are_scored_alone_as_in_a_table(case):
    model, X = case.fitted(), masked(case.rows(30, seed=1), 0.2)
    alone = np.concatenate([model.score_samples(row[None]) for row in X])
    assert_allclose(alone, model.score_samples(X), rtol=0, atol=1e-10)


def test_category_never_seen_has_the_documented_share():
    case = Case("deep_trees", "cp", "categorical")
    model, X = case.fitted(), case.rows(4, seed=1)
    odd = X.copy()
    odd[:, 2] = STRANGE
    n_categories = len(np.unique(case.rows(300)[:, 2]))
    share = np.log(n_categories * (n_categories + 1) / (300**2 + 300 + 2 * n_categories))
    assert_allclose(model.predict_marginal(odd, [2]), share, rtol=1e-12)
    # It tells nothing about the other columns.
    assert_allclose(
        model.score_samples(odd), model.predict_marginal(X, [0, 1, 3]) + share, rtol=1e-12
    )
