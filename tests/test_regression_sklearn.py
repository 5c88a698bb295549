"""scikit-learn's own checks and tools: all checks, none skipped, none expected to fail."""

import os

# SciPy reads this once, at its first import: without it the check of array API would not run.
os.environ.setdefault("SCIPY_ARRAY_API", "1")

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import skops.io
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer
from sklearn.kernel_approximation import RBFSampler
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_param_validation,
    parametrize_with_checks,
)

from skpc import DirectBayesianRegressor

SMALL = DirectBayesianRegressor(
    n_bits=3, prior="spike", n_noise_levels=5, max_iter=50, solver="coordinate"
)
RIDGE = DirectBayesianRegressor(weight_scale="ridge")
INSTANCES = [DirectBayesianRegressor(), SMALL, RIDGE]


@parametrize_with_checks(INSTANCES)
def test_common_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("estimator", INSTANCES, ids=["default", "small", "ridge"])
def test_column_names_and_parameters_are_checked(estimator):
    # check_estimator leaves these two out for third-party estimators.
    check_dataframe_column_names_consistency("DirectBayesianRegressor", estimator)
    check_param_validation("DirectBayesianRegressor", estimator)


@pytest.fixture(scope="module")
def diabetes():
    return load_diabetes(return_X_y=True)


@pytest.fixture(scope="module")
def fitted(diabetes):
    return DirectBayesianRegressor(random_state=0).fit(*diabetes)


def pickled(model, tmp_path):
    joblib.dump(model, tmp_path / "model.joblib")
    return joblib.load(tmp_path / "model.joblib")


def stored_by_skops(model, _):
    data = skops.io.dumps(model)
    return skops.io.loads(data, trusted=skops.io.get_untrusted_types(data=data))


@pytest.mark.parametrize("store", [pickled, stored_by_skops])
def test_stored_models_predict_the_same_to_the_last_bit(fitted, diabetes, tmp_path, store):
    X, y = diabetes
    loaded = store(fitted, tmp_path)
    for mine, theirs in zip(
        fitted.predict(X, return_std=True), loaded.predict(X, return_std=True), strict=True
    ):
        assert (mine == theirs).all()
    more = loaded.partial_fit(X[:50], y[:50]).predict(X)
    assert (more == clone_state(fitted, tmp_path).partial_fit(X[:50], y[:50]).predict(X)).all()


def clone_state(model, tmp_path):
    return pickled(model, tmp_path)


def test_only_skpc_itself_has_to_be_trusted_by_skops(fitted):
    types = skops.io.get_untrusted_types(data=skops.io.dumps(fitted))
    assert types == ["skpc.regression.DirectBayesianRegressor"]


def test_clones_and_refits_are_the_same(fitted, diabetes):
    X, y = diabetes
    again = clone(fitted).fit(X, y)
    assert (again.predict(X) == fitted.predict(X)).all()
    assert (fitted.fit(X, y).predict(X) == again.predict(X)).all()


def test_grid_search_over_bits_and_prior_in_a_pipeline(diabetes):
    X, y = diabetes
    pipeline = make_pipeline(StandardScaler(), DirectBayesianRegressor(random_state=0))
    grid = {
        "directbayesianregressor__n_bits": [2, 4],
        "directbayesianregressor__prior": ["uniform", "normal"],
    }
    search = GridSearchCV(pipeline, grid, cv=3).fit(X, y)
    assert search.best_score_ > 0.45
    assert len(search.cv_results_["params"]) == 4


def test_a_scaler_in_front_changes_nothing(diabetes):
    X, y = diabetes
    plain = DirectBayesianRegressor(random_state=0).fit(X, y)
    scaled = make_pipeline(StandardScaler(), DirectBayesianRegressor(random_state=0)).fit(X, y)
    assert np.allclose(plain.predict(X), scaled.predict(X), rtol=1e-9)
    assert plain.elbo_ == pytest.approx(scaled[-1].elbo_, rel=1e-10)


def test_iterative_imputer_draws_from_the_posterior(diabetes):
    X, _ = diabetes
    holes = X.copy()
    holes[::7, 2] = np.nan
    imputer = IterativeImputer(
        DirectBayesianRegressor(random_state=0), sample_posterior=True, max_iter=2, random_state=0
    )
    filled = imputer.fit_transform(holes)
    drawn, true = filled[::7, 2], X[::7, 2]
    assert np.isfinite(filled).all()
    assert np.corrcoef(drawn, true)[0, 1] > 0.3
    # Draws have the spread of the column, which filled means would lack.
    assert 0.7 < drawn.std() / true.std() < 1.3


def test_sample_weight_is_routed(diabetes):
    import sklearn

    X, y = diabetes
    weights = np.random.RandomState(0).randint(0, 3, len(y)).astype(float)
    with sklearn.config_context(enable_metadata_routing=True):
        model = DirectBayesianRegressor(random_state=0)
        model.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        scores = cross_validate(
            model, X, y, cv=3, params={"sample_weight": weights}, return_estimator=True
        )
    train = np.arange(len(y)) >= 148
    by_hand = DirectBayesianRegressor(random_state=0).fit(X[train], y[train], weights[train])
    assert np.allclose(scores["estimator"][0].coef_, by_hand.coef_, rtol=1e-9)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames_and_arrays_are_alike(fitted, diabetes, frame):
    X, y = diabetes
    table = frame({f"c{j}": X[:, j] for j in range(X.shape[1])})
    model = DirectBayesianRegressor(random_state=0).fit(table, y)
    assert list(model.feature_names_in_) == [f"c{j}" for j in range(10)]
    # Frames lie in memory by columns, so sums run in another order.
    assert np.allclose(model.predict(table), fitted.predict(X), rtol=1e-12)


def test_feature_map_is_cloned_and_seeded(diabetes):
    X, y = diabetes
    sampler = RBFSampler(gamma=5.0, n_components=30)
    model = DirectBayesianRegressor(feature_map=sampler, random_state=3)
    first, second = clone(model).fit(X, y), clone(model).fit(X, y)
    assert not hasattr(sampler, "random_weights_")
    assert (first.predict(X) == second.predict(X)).all()
    assert first.coef_.shape == (30,)
    by_hand = first.feature_map_.transform(X) @ first.coef_ + first.intercept_
    assert np.allclose(first.predict(X), by_hand)


def test_only_the_number_of_bits_is_positional():
    assert DirectBayesianRegressor(3).n_bits == 3
    with pytest.raises(TypeError, match="positional"):
        DirectBayesianRegressor(3, "normal")
