"""In a grid search, in a pipeline, and with weights routed through both."""

import numpy as np
import pytest
import sklearn
from helpers.cases import Case, tiny
from numpy.testing import assert_allclose
from sklearn import config_context
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    RandomizedSearchCV,
    cross_val_score,
    cross_validate,
)
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.fixes import parse_version

GRID = {"depth": [1, None], "n_replicas": [1, 2], "n_sums": [1, 3], "layer": ["cp", "tucker"]}


@pytest.fixture(name="X")
def make_rows():
    return Case("deep_trees", "cp", "gaussian").rows(150)


@pytest.fixture(name="weights")
def make_weights():
    return np.random.RandomState(0).uniform(0.1, 3.0, size=150)


def test_grid_search_over_structure_and_layer(X):
    X[::2] += 10 * X.std(axis=0)  # Two clusters, which one unit cannot model.
    search = GridSearchCV(tiny(n_leaves="auto"), GRID, cv=2, error_score="raise").fit(X)
    scores = search.cv_results_["mean_test_score"]
    assert len(scores) == 16
    assert np.isfinite(scores).all()
    by_units = {n: [] for n in (1, 3)}
    for parameters, score in zip(search.cv_results_["params"], scores, strict=True):
        # Two replicas are two units already.
        if parameters["n_replicas"] == 1:
            by_units[parameters["n_sums"]].append(score)
    assert min(by_units[3]) > max(by_units[1]) + 0.1
    assert search.best_score_ == scores.max()
    assert_allclose(search.score(X), search.best_estimator_.score_samples(X).mean())
    assert search.best_estimator_.layer == search.best_params_["layer"]


def test_grid_search_scores_are_those_of_held_out_rows(X):
    search = GridSearchCV(tiny(), {"n_sums": [2]}, cv=KFold(2)).fit(X)
    for i, (train, test) in enumerate(KFold(2).split(X)):
        expected = tiny(n_sums=2).fit(X[train]).score(X[test])
        assert search.cv_results_[f"split{i}_test_score"][0] == expected


@pytest.mark.slow
def test_search_in_worker_processes_gives_the_same(X):
    scores = [
        RandomizedSearchCV(tiny(), GRID, n_iter=3, cv=2, n_jobs=n_jobs, random_state=0)
        .fit(X)
        .cv_results_["mean_test_score"]
        for n_jobs in (1, 2)
    ]
    assert_allclose(scores[0], scores[1], rtol=1e-6)


def test_held_out_category_never_seen_does_not_rank_last():
    X = Case("deep_trees", "cp", "categorical").rows(60)
    X[0, 2] = 555.0
    scores = cross_val_score(tiny(categorical_features=[0, 1, 2, 3]), X, cv=3)
    assert np.isfinite(scores).all()


def test_pipeline_scores_rows(X):
    pipeline = Pipeline([("scale", StandardScaler()), ("model", tiny())]).fit(X)
    Z = pipeline[:-1].transform(X)
    assert_allclose(pipeline.score_samples(X), pipeline[-1].score_samples(Z))
    assert_allclose(pipeline.score(X), pipeline.score_samples(X).mean())


def test_weights_are_routed_through_cross_validation(X, weights):
    with config_context(enable_metadata_routing=True):
        model = tiny().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        found = cross_validate(model, X, cv=KFold(2), params={"sample_weight": weights})
    for i, (train, test) in enumerate(KFold(2).split(X)):
        fold = tiny().fit(X[train], sample_weight=weights[train])
        expected = fold.score(X[test], sample_weight=weights[test])
        assert_allclose(found["test_score"][i], expected, rtol=1e-12)
        assert expected != fold.score(X[test])


def test_weights_are_routed_through_grid_search_and_pipeline(X, weights):
    with config_context(enable_metadata_routing=True):
        model = tiny().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        pipeline = Pipeline([("scale", scaler), ("model", model)])
        # Before scikit-learn 1.8 a pipeline had to be asked itself, too.
        if parse_version(sklearn.__version__) < parse_version("1.8"):
            pipeline.set_score_request(sample_weight=True)
        search = GridSearchCV(pipeline, {"model__n_sums": [1, 2]}, cv=KFold(2))
        search.fit(X, sample_weight=weights)
    Z = StandardScaler().fit_transform(X)
    best = tiny(n_sums=search.best_params_["model__n_sums"])
    expected = best.fit(Z, sample_weight=weights).score_samples(Z)
    assert_allclose(search.best_estimator_.score_samples(X), expected, rtol=1e-12)


def test_weights_of_partial_fit_can_be_requested():
    with config_context(enable_metadata_routing=True):
        model = tiny().set_partial_fit_request(sample_weight=True)
        assert model.get_metadata_routing().partial_fit.requests == {"sample_weight": True}
