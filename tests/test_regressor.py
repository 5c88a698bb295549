"""EinetRegressor: means and quantiles by quadrature, contributions by two predictions."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
from helpers.cases import exact, tiny
from helpers.recorders import Traveller
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skpc
from skpc import EinetDensityEstimator, EinetRegressor

SMALL = tiny(max_iter=10, dtype="float64")


def rows(n=120, seed=0):
    """Two numbers and a category on which a number depends, with holes."""
    random = np.random.RandomState(seed)
    X = np.column_stack([random.normal(size=(n, 2)), random.randint(0, 3, n)])
    y = 10 * X[:, 0] + 20 * X[:, 2] + random.normal(size=n)
    X[random.uniform(size=X.shape) < 0.1] = np.nan
    return X, y


def with_codes(density):
    return clone(density).set_params(categorical_features=[2])


@pytest.fixture(scope="module")
def fitted():
    X, y = rows()
    return EinetRegressor(with_codes(SMALL)).fit(X, y), X, y


@pytest.fixture(scope="module")
def smooth():
    """One whose target has a density without steps, so that quadrature is accurate."""
    X, y = rows()
    leaf = ["auto", "auto", "auto", "gaussian"]
    return EinetRegressor(with_codes(exact(leaf=leaf))).fit(X, y), X[:15], y[:15]


def on_a_grid(model, X, n=4001):
    """Targets (n,) and their densities given each row (rows, n), by the joint density alone."""
    grid = np.linspace(-150, 200, n)
    every = np.column_stack([np.repeat(X, n, axis=0), np.tile(grid, len(X))])
    log_joint = model.density_.score_samples(every).reshape(len(X), n)
    joint = np.exp(log_joint - log_joint.max(axis=1, keepdims=True))
    return grid, joint / (joint.sum(axis=1, keepdims=True) * (grid[1] - grid[0]))


def test_answers_are_those_of_the_joint_density_by_quadrature(smooth):
    model, X, y = smooth
    grid, density = on_a_grid(model, X)
    step = grid[1] - grid[0]
    mean, std = model.predict(X, return_std=True)
    assert_allclose(mean, density @ grid * step, rtol=1e-6)
    second = (density * (grid - mean[:, None]) ** 2).sum(axis=1) * step
    assert_allclose(std, np.sqrt(second), rtol=1e-6)
    assert_array_equal(model.predict(X), mean)
    below = np.cumsum(density, axis=1) * step
    for q in (0.05, 0.5, 0.9):
        wanted = [np.interp(q, one, grid + step / 2) for one in below]
        assert_allclose(model.predict_quantiles(X, q), wanted, atol=0.01)
    found = np.exp(model.log_predictive_density(X, y))
    assert_allclose(found, [np.interp(t, grid, d) for t, d in zip(y, density, strict=True)], 1e-2)


def test_intervals_are_quantiles(fitted):
    model, X, _ = fitted
    assert_allclose(
        model.predict_interval(X, 0.8), model.predict_quantiles(X, [0.1, 0.9]), rtol=1e-9
    )
    assert model.predict_quantiles(X, [0.3]).shape == (len(X), 1)


def test_a_row_of_holes_has_the_distribution_of_the_target(fitted):
    model = fitted[0]
    nothing = np.full((1, 3), np.nan)
    mean, variance = model.density_.moments()
    found, std = model.predict(nothing, return_std=True)
    assert_allclose([found[0], std[0]], [mean[3], np.sqrt(variance[3])])


def test_missing_features_are_integrated_out(fitted):
    """The mean without a category is that of the means with each, by its probability."""
    model = fitted[0]
    row = np.array([[1.0, 0.5, np.nan]])
    each = np.repeat(row, 3, axis=0)
    each[:, 2] = [0, 1, 2]
    joint = np.column_stack([each, np.zeros(3)])
    shares = np.exp(model.density_.predict_marginal(joint, [0, 1, 2]))
    # Values that training did not show have a share of their own.
    wanted = shares @ model.predict(each) / shares.sum()
    assert_allclose(model.predict(row)[0], wanted, rtol=2e-3)


def test_contributions_are_differences_of_two_predictions(fitted):
    model, X, _ = fitted
    added = model.contributions(X)
    assert_array_equal(np.isnan(added), np.isnan(X))
    for j in range(3):
        without = X.copy()
        without[:, j] = np.nan
        seen = ~np.isnan(X[:, j])
        wanted = model.predict(X) - model.predict(without)
        assert_allclose(added[seen, j], wanted[seen], rtol=1e-7, atol=1e-9)


def test_explanations_list_the_largest_contributions(fitted):
    model, X, _ = fitted
    added, listed = model.contributions(X), model.explain(X, n_cells=2)
    assert list(listed) == ["row", "column", "value", "contribution"]
    assert_array_equal(listed["contribution"], added[listed["row"], listed["column"]])
    assert_array_equal(listed["value"].astype(float), X[listed["row"], listed["column"]])
    first = listed.groupby("row").first()["contribution"].abs()
    assert_allclose(first, np.nanmax(np.abs(added), axis=1)[first.index])
    with pytest.raises(ValueError, match="n_cells"):
        model.explain(X, n_cells=0)


def test_holes_that_are_modelled_contribute():
    random = np.random.RandomState(0)
    y = random.normal(size=200)
    X = np.column_stack([random.normal(size=200), random.normal(size=200)])
    X[y > 0.5, 0] = np.nan
    model = EinetRegressor(exact(missing="model", n_sums=6, n_leaves=6)).fit(X, y)
    added = model.contributions(X)
    assert not np.isnan(added).any()
    hole = np.isnan(X[:, 0])
    assert added[hole, 0].mean() > 0.3 > 0 > added[~hole, 0].mean()


def test_normal_columns_give_linear_regression():
    """One Gaussian is linear regression, with its standard deviation."""
    random = np.random.RandomState(0)
    X = random.normal(size=(4000, 2))
    y = 3 * X[:, 0] - X[:, 1] + 0.5 * random.normal(size=4000)
    model = EinetRegressor(
        EinetDensityEstimator(components="gaussians", leaf="gaussian", random_state=0)
    ).fit(X, y)
    mean, std = model.predict(X[:200], return_std=True)
    assert_allclose(mean, LinearRegression().fit(X, y).predict(X[:200]), atol=0.25)
    assert_allclose(std, 0.5, atol=0.1)
    low, high = model.predict_interval(X).T
    assert ((low <= y) & (y <= high)).mean() == pytest.approx(0.9, abs=0.03)


def test_a_target_of_zeros_and_ones_has_probabilities():
    X, y = rows()
    model = EinetRegressor(SMALL).fit(X, y > 20)
    chance = model.predict(X)
    assert ((chance >= 0) & (chance <= 1)).all()
    assert_allclose(model.log_predictive_density(X, np.ones(len(X))), np.log(chance), atol=2e-3)


def frame(library, n=120):
    X, y = rows(n)
    words = [None if np.isnan(v) else "abc"[int(v)] for v in X[:, 2]]
    return library.DataFrame({"one": X[:, 0], "two": X[:, 1], "word": words}), y


@pytest.mark.parametrize("library", [pd, pl])
@pytest.mark.parametrize("asked", ["from_dtype", ["word"], [False, False, True]])
def test_frames(library, asked):
    X, y = frame(library)
    density = clone(SMALL).set_params(categorical_features=asked)
    model = EinetRegressor(density).fit(X, library.Series("y", y) if library is pl else y)
    assert list(model.feature_names_in_) == ["one", "two", "word"]
    assert model.n_features_in_ == 3
    same = EinetRegressor(with_codes(SMALL)).fit(*rows())
    assert_allclose(model.predict(X), same.predict(rows()[0]), rtol=1e-6)
    assert list(model.density_.sample(2, random_state=0).columns)[-1] == "target"
    assert set(model.explain(X)["column"]) == {"one", "two", "word"}
    with pytest.raises(ValueError, match="feature names"):
        model.predict(X[["two", "one", "word"]])


@pytest.mark.parametrize(("names", "added"), [(["target", "b", "c"], "target_"), ([5, 2, 1], 6)])
def test_the_target_gets_a_free_name(names, added):
    X, y = rows()
    X = pd.DataFrame(X, columns=names)
    before = X.copy()
    model = EinetRegressor(SMALL).fit(X, y)
    assert model.predict(X).shape == y.shape
    assert added in list(model.density_.sample(2, random_state=0).columns)
    pd.testing.assert_frame_equal(X, before)


def test_arrays_of_texts():
    X = np.array([["a", "u"], ["b", "v"]] * 20)
    density = clone(SMALL).set_params(categorical_features=[0, 1], smoothing=1e-3)
    model = EinetRegressor(density).fit(X, [3.0, 4.0] * 20)
    assert_array_equal(model.predict(X).round(), [3, 4] * 20)


def test_what_is_refused(fitted):
    X, y = rows()
    for method in (EinetRegressor(SMALL).fit, fitted[0].log_predictive_density):
        for value, shown in ((np.nan, "nan"), (np.inf, "inf")):
            wrong = y.copy()
            wrong[3] = value
            with pytest.raises(ValueError, match=f"y contains {shown} in row 3; finite numbers"):
                method(X, wrong)
        with pytest.raises(ValueError, match="target y contains 'a' in row 0, a str"):
            method(X, np.array(["a"] * len(y)))
        with pytest.raises(ValueError, match="y to be passed"):
            method(X, None)
        with pytest.raises(ValueError, match="should be a 1d array"):
            method(X, np.column_stack([y, y]))
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            method(X, y[:-1])
    leaf = ["auto", "auto", "auto", "categorical"]
    with pytest.raises(ValueError, match="last column of the density holds categories"):
        EinetRegressor(clone(SMALL).set_params(leaf=leaf)).fit(X, np.round(y / 10))
    for coverage in (0, 1, "0.9"):
        with pytest.raises(ValueError, match="coverage is"):
            fitted[0].predict_interval(X, coverage)
    with pytest.raises(ValueError, match=r"q is 1\.5"):
        fitted[0].predict_quantiles(X, 1.5)


def test_a_failed_fit_leaves_the_last_one(fitted):
    X, y = fitted[1:]
    model = clone(fitted[0]).fit(X, y)
    before = model.predict(X)
    with pytest.raises(ValueError, match="infinity"):
        model.fit(np.full_like(X, np.inf), y)
    assert_array_equal(model.predict(X), before)


def test_weights_count_rows(fitted):
    _, X, y = fitted
    weights = np.random.RandomState(0).randint(0, 3, len(y))
    model = EinetRegressor(with_codes(exact()))
    weighted = clone(model).fit(X, y, sample_weight=weights).predict(X)
    repeated = clone(model).fit(np.repeat(X, weights, axis=0), np.repeat(y, weights)).predict(X)
    assert_allclose(weighted, repeated, rtol=1e-6)


def test_in_pipelines_searches_and_files(tmp_path):
    X, y = load_diabetes(return_X_y=True)
    scaled = make_column_transformer((StandardScaler(), [0, 1]), remainder="passthrough")
    pipeline = make_pipeline(scaled, EinetRegressor(SMALL))
    grid = {f"einetregressor__density__{name}": [1, 2] for name in ("depth", "n_replicas")}
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, y)
    assert search.best_score_ > 0.2
    model = search.best_estimator_[-1]
    model.save(tmp_path / "numbers.skpc")
    Z = search.best_estimator_[:-1].transform(X)
    same = skpc.load(tmp_path / "numbers.skpc")
    assert_array_equal(same.predict_interval(Z), model.predict_interval(Z))


def test_callbacks_hear_of_the_passes_of_the_density(fitted):
    pytest.importorskip("sklearn.callback", reason="callbacks came with scikit-learn 1.9")
    _, X, y = fitted
    recorder = Traveller()
    EinetRegressor(tiny(max_iter=3, tol=0.0)).set_callbacks(recorder).fit(X, y)
    passes = ["begin pass", "end pass"] * 3
    wanted = ["setup", "begin fit", "begin fit", *passes, "end fit", "end fit", "teardown"]
    assert recorder.calls == wanted


def test_verbose_is_the_densitys(fitted, capsys):
    _, X, y = fitted
    EinetRegressor(tiny(verbose=1)).fit(X, y)
    assert "pass" in capsys.readouterr().out


def test_routing_passes_weights_on(fitted):
    _, X, y = fitted
    weights = np.arange(len(y)) % 3
    with sklearn.config_context(enable_metadata_routing=True):
        model = EinetRegressor(SMALL).set_fit_request(sample_weight=True)
        routed = make_pipeline(model).fit(X, y, sample_weight=weights)
    plain = EinetRegressor(SMALL).fit(X, y, sample_weight=weights)
    assert_array_equal(routed.predict(X), plain.predict(X))
