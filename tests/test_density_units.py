"""Scores are in the units of the table, so they compare across scalers."""

import numpy as np
import pytest
from helpers.cases import LAYERS, STRUCTURES, Case, exact, tiny
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

SCALERS = [StandardScaler(), MinMaxScaler(), RobustScaler()]


def log_scales(scaler, X):
    """Log of the factors that turn scaled columns back."""
    low, high = scaler.transform(X[:1]), scaler.transform(X[:1] + 1.0)
    return -np.log(high - low).sum()


@pytest.mark.parametrize("scaler", SCALERS, ids=str)
@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_scores_differ_by_the_log_scales(structure, layer, scaler):
    case = Case(structure, layer, "gaussian")
    X = case.rows(120)
    Z = scaler.fit_transform(X)
    plain = case.model(dtype="float64").fit(X)
    scaled = case.model(dtype="float64").fit(Z)
    expected = plain.score_samples(X) + log_scales(scaler, X)
    assert_allclose(scaled.score_samples(Z), expected, rtol=0, atol=1e-6)


def test_only_numbers_have_units():
    case = Case("deep_trees", "cp", "mixed")
    X = case.rows(120)
    moved = X * [1000.0, 1.0, 1e-3, 1.0]
    plain = case.model(dtype="float64").fit(X)
    scaled = case.model(dtype="float64").fit(moved)
    # log 1000 - log 1000 = 0 for the joint; one column alone keeps its own.
    assert_allclose(scaled.score_samples(moved), plain.score_samples(X), atol=1e-7)
    assert_allclose(
        scaled.predict_marginal(moved, [0]),
        plain.predict_marginal(X, [0]) - np.log(1000.0),
        atol=1e-7,
    )
    assert_allclose(
        scaled.predict_conditional(moved, [2]),
        plain.predict_conditional(X, [2]) + np.log(1000.0),
        atol=1e-7,
    )


def test_missing_numbers_bring_no_scale():
    X = Case("deep_trees", "cp", "gaussian").rows(120)
    model = exact().fit(X)
    model_of_moved = exact().fit(1e6 * X)
    X[:, [1, 3]] = np.nan
    moved = model_of_moved.score_samples(1e6 * X)
    assert_allclose(moved, model.score_samples(X) - 2 * np.log(1e6), atol=1e-6)


def test_history_is_in_the_units_of_the_table():
    X = Case("deep_trees", "cp", "gaussian").rows(120)
    for settings in ({}, {"early_stopping": True}):
        plain, moved = (exact(**settings).fit(table) for table in (X, 100.0 * X))
        for name in set(plain.history_["trees"]) - {"seconds"}:
            shifted = plain.history_["trees"][name] - 4 * np.log(100.0)
            assert_allclose(moved.history_["trees"][name], shifted, atol=1e-6)


@pytest.mark.parametrize("scale", [1e-12, 1e-6, 1e6, 1e12])
@pytest.mark.parametrize("layer", LAYERS)
def test_any_scale_gives_the_same_density(layer, scale):
    X = Case("deep_trees", layer, "gaussian").rows(120)
    plain, moved = exact(layer=layer).fit(X), exact(layer=layer).fit(scale * X)
    expected = plain.score_samples(X) - 4 * np.log(scale)
    assert_allclose(moved.score_samples(scale * X), expected, rtol=0, atol=1e-6)


def test_column_far_from_zero_keeps_its_digits():
    z = np.random.RandomState(0).normal(size=(200, 2))
    plain, moved = exact().fit(z), exact().fit(z + 1e6)
    assert_allclose(moved.score_samples(z + 1e6), plain.score_samples(z), atol=1e-5)


def test_ranking_is_the_same_with_and_without_a_scaler():
    X = Case("deep_trees", "cp", "gaussian").rows(240)
    grid = {"n_sums": [1, 3], "depth": [0, None]}
    ranks, best = [], []
    for scaler in ["passthrough", *SCALERS]:
        pipeline = make_pipeline(scaler, tiny(dtype="float64", max_iter=15))
        named = {f"einetdensityestimator__{name}": values for name, values in grid.items()}
        search = GridSearchCV(pipeline, named, cv=2).fit(X)
        ranks.append(search.cv_results_["rank_test_score"])
        best.append(search.best_params_)
    for other in ranks[1:]:
        assert_array_equal(other, ranks[0])
    assert all(b == best[0] for b in best)
