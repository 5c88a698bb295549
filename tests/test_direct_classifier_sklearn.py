"""scikit-learn's own checks and tools: all checks, none skipped, none expected to fail."""

import os

# SciPy reads this once, at its first import: without it the check of array API would not run.
os.environ.setdefault("SCIPY_ARRAY_API", "1")

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer, StandardScaler
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_param_validation,
    parametrize_with_checks,
)

from skpc import DirectBayesianClassifier

INSTANCES = [
    DirectBayesianClassifier(),
    DirectBayesianClassifier(3, prior="spike", weight_scale="ridge", max_iter=5),
]


@parametrize_with_checks(INSTANCES)
def test_common_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("estimator", INSTANCES, ids=["default", "small"])
def test_column_names_and_parameters_are_checked(estimator):
    # check_estimator leaves these two out for third-party estimators.
    check_dataframe_column_names_consistency("DirectBayesianClassifier", estimator)
    check_param_validation("DirectBayesianClassifier", estimator)


@pytest.fixture(scope="module", name="cancer")
def load_cancer():
    return load_breast_cancer(return_X_y=True)


@pytest.fixture(scope="module", name="fitted")
def fit_cancer(cancer):
    return DirectBayesianClassifier().fit(*cancer)


def test_grid_search_over_bits_and_prior_in_a_pipeline(cancer):
    pipeline = make_pipeline(StandardScaler(), DirectBayesianClassifier())
    grid = {
        "directbayesianclassifier__n_bits": [2, 4],
        "directbayesianclassifier__prior": ["uniform", "normal"],
    }
    search = GridSearchCV(pipeline, grid, cv=3, scoring="neg_log_loss").fit(*cancer)
    assert search.best_score_ > -0.12
    assert len(search.cv_results_["params"]) == 4


def test_a_scaler_in_front_changes_nothing(cancer):
    X, y = cancer
    plain = DirectBayesianClassifier().fit(X, y)
    scaled = make_pipeline(StandardScaler(), DirectBayesianClassifier()).fit(X, y)
    assert np.allclose(plain.predict_proba(X), scaled.predict_proba(X), rtol=1e-6)


def test_clones_refits_and_pickles_are_the_same(fitted, cancer, tmp_path):
    X, y = cancer
    again = clone(fitted).fit(X, y)
    joblib.dump(fitted, tmp_path / "model.joblib")
    loaded = joblib.load(tmp_path / "model.joblib")
    expected = fitted.predict_proba(X)
    assert (again.predict_proba(X) == expected).all()
    assert (loaded.predict_proba(X) == expected).all()
    assert vars(loaded).keys() == vars(fitted).keys()


def test_scikit_learn_calibrates_and_scores_it():
    X, y = load_iris(return_X_y=True)
    calibrated = CalibratedClassifierCV(DirectBayesianClassifier(), cv=3).fit(X, y)
    assert calibrated.score(X, y) > 0.9
    scores = cross_val_score(DirectBayesianClassifier(), X, y, scoring="neg_log_loss")
    assert scores.mean() > -0.2


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames_and_arrays_are_alike(cancer, fitted, frame):
    X, y = cancer
    names = [f"x{j}" for j in range(X.shape[1])]
    table = frame(X, schema=names) if frame is pl.DataFrame else frame(X, columns=names)
    model = DirectBayesianClassifier().fit(table, y)
    assert model.feature_names_in_.tolist() == names
    assert (model.predict_proba(table) == fitted.predict_proba(X)).all()
    with pytest.raises(ValueError, match="feature names"):
        model.predict(table[names[::-1]])


def test_a_feature_map_is_applied_in_blocks_as_a_pipeline_would(cancer, monkeypatch):
    X, y = cancer
    splines = SplineTransformer(n_knots=3, extrapolation="constant")
    mapped = DirectBayesianClassifier(feature_map=splines)
    whole = mapped.fit(X[:, :6], y).predict_proba(X[:, :6])
    assert mapped.feature_map_.n_features_out_ == mapped.coef_.shape[1]
    features = mapped.feature_map_.transform(X[:, :6])
    scores = features @ mapped.coef_[0] + mapped.intercept_[0]
    assert np.allclose(scores, mapped.decision_function(X[:, :6]))
    assert mapped.score(X[:, :6], y) > 0.9
    monkeypatch.setattr("skpc.direct.moments.features.BLOCK_CELLS", 1000)
    monkeypatch.setattr("skpc.direct.logistic.rows.KEPT_CELLS", 0)
    blocks = mapped.fit(X[:, :6], y).predict_proba(X[:, :6])
    assert np.allclose(whole, blocks, rtol=1e-6)
