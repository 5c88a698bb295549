"""What a mixture posterior promises at the estimator: exact moments, a bound that never falls."""

from itertools import product

import joblib
import numpy as np
import pytest
import skops.io
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_param_validation,
    parametrize_with_checks,
)

from skpc import DirectBayesianRegressor

SAMPLED = DirectBayesianRegressor(
    posterior="mixture", n_mixtures=2, n_bits=3, solver="sampling", max_iter=20
)
INSTANCES = [
    DirectBayesianRegressor(posterior="mixture"),
    SAMPLED,
    DirectBayesianRegressor(posterior="mixture", n_mixtures=2, weight_scale="ridge"),
]


def mixture(**parameters):
    return DirectBayesianRegressor(posterior="mixture", random_state=0, **parameters)


def table(n=40, d=3, seed=0):
    """Columns that are nearly the same, so that their weights depend on each other."""
    random = np.random.RandomState(seed)
    x = random.standard_normal((n, 1)) + 0.3 * random.standard_normal((n, d))
    return x + 2.0, x @ np.arange(1.0, d + 1) + random.standard_normal(n)


def enumerate_weights(model):
    """All vectors of weights (M, B), in the units of X, with their probabilities (M,)."""
    half = 2 ** (model.n_bits - 1) - 1
    codes = np.array(list(product(range(-half, half + 1), repeat=len(model.coef_))))
    columns = np.arange(codes.shape[1])
    q = model.component_probabilities_[:, columns, codes + half].prod(axis=-1)
    return codes * model.weight_scale_ / model.feature_scale_, model.mixture_weights_ @ q


@parametrize_with_checks(INSTANCES)
def test_common_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("estimator", INSTANCES, ids=["default", "sampled", "ridge"])
def test_column_names_and_parameters_are_checked(estimator):
    check_dataframe_column_names_consistency("DirectBayesianRegressor", estimator)
    check_param_validation("DirectBayesianRegressor", estimator)


@pytest.mark.parametrize("solver", ["auto", "coordinate", "sampling"])
@pytest.mark.parametrize("n_bits", [2, 3])
def test_means_and_deviations_of_draws_equal_enumeration_under_the_posterior(n_bits, solver):
    x, y = table(n=6)
    options = {"weight_scale": "elbo", "prior": "normal", "max_iter": 200}
    model = mixture(n_bits=n_bits, solver=solver, **options).fit(x, y)
    assert len(model.mixture_weights_) > 1
    weights, q = enumerate_weights(model)
    assert q.sum() == pytest.approx(1.0)
    values = (x - x.mean(axis=0)) @ weights.T + y.mean()
    assert model.predict(x) == pytest.approx(values @ q, abs=1e-10)
    assert model.coef_ == pytest.approx(q @ weights, abs=1e-10)
    assert model.draw_std_**2 == pytest.approx(q @ (weights - model.coef_) ** 2, abs=1e-10)


def test_weights_of_a_mixture_depend_on_each_other():
    x, y = table(n=30, d=2)
    plain = DirectBayesianRegressor(weight_scale="elbo", random_state=0).fit(x, y)
    model = mixture(weight_scale=plain.weight_scale_).fit(x, y)
    assert model.elbo_ > plain.elbo_ + 0.3
    weights, q = enumerate_weights(model)
    covariance = np.cov(weights.T, aweights=q, ddof=0)
    assert covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1]) < -0.3
    # The weights' own uncertainty is what independence leaves out.
    assert (model.draw_std_ > plain.draw_std_).all()


@pytest.mark.parametrize("weight_scale", ["auto", "ridge", "elbo", 4.0, np.linspace(2.0, 6.0, 10)])
def test_every_weight_scale_and_the_mean_field_start(weight_scale):
    X, y = load_diabetes(return_X_y=True)
    plain = DirectBayesianRegressor(weight_scale=weight_scale, random_state=0).fit(X, y)
    model = mixture(weight_scale=weight_scale).fit(X, y)
    assert np.all(model.weight_scale_ == plain.weight_scale_)
    assert (model.noise_levels_ == plain.noise_levels_).all()
    assert model.elbo_ >= plain.elbo_
    assert (np.diff(model.elbo_path_) >= -1e-12 * abs(model.elbo_)).all()
    assert model.elbo_ == model.elbo_path_[-1]
    assert model.converged_
    assert model.n_iter_ >= plain.n_iter_


def test_one_component_is_mean_field():
    x, y = table()
    plain = DirectBayesianRegressor(random_state=0).fit(x, y)
    one = mixture(n_mixtures=1).fit(x, y)
    assert one.elbo_ == pytest.approx(plain.elbo_, abs=1e-10)
    for ours, theirs in zip(one.predict(x, True), plain.predict(x, True), strict=True):
        assert ours == pytest.approx(theirs, abs=1e-10)
    density = one.log_predictive_density(x, y)
    assert density == pytest.approx(plain.log_predictive_density(x, y), abs=1e-10)
    assert (one.sample_weights(9, 0) == plain.sample_weights(9, 0)).all()
    assert one.sparsity_ == pytest.approx(plain.sparsity_, abs=1e-10)


def test_draws_choose_a_component_first():
    x, y = table(n=30, d=2)
    model = mixture(n_bits=3).fit(x, y)
    drawn = model.sample_weights(20_000, random_state=0)
    assert drawn.dtype == np.int8
    weights, q = enumerate_weights(model)
    ours = drawn * model.weight_scale_ / model.feature_scale_
    exact = np.cov(weights.T, aweights=q, ddof=0)
    assert np.cov(ours.T) == pytest.approx(exact, abs=0.05 * abs(exact).max())
    assert (drawn == 0).mean() == pytest.approx(model.sparsity_, abs=0.01)
    share = np.stack([(drawn == c).mean(axis=0) for c in range(-3, 4)], axis=1)
    assert share == pytest.approx(model.weight_probabilities_, abs=0.02)
    assert (np.asarray(model.pack(7, 0).codes()) == model.sample_weights(7, 0)).all()
    mean, std = model.predict(x[:4], return_std=True)
    targets = model.sample_y(x[:4], 20_000, random_state=0)
    assert targets.mean(axis=1) == pytest.approx(mean, abs=5 * std.max() / 141)
    assert targets.std(axis=1) == pytest.approx(std, rel=0.03)


def test_log_predictive_density_integrates_to_one_and_has_the_predictive_moments():
    x, y = table(n=30, d=2)
    model = mixture().fit(x, y)
    mean, std = model.predict(x[:1], return_std=True)
    line = np.linspace(mean[0] - 12 * std[0], mean[0] + 12 * std[0], 4001)
    density = np.exp(model.log_predictive_density(np.repeat(x[:1], 4001, axis=0), line))
    cell = line[1] - line[0]
    assert density.sum() * cell == pytest.approx(1.0, abs=1e-6)
    assert (density @ line) * cell == pytest.approx(mean[0], abs=1e-6)
    assert (density @ (line - mean[0]) ** 2) * cell == pytest.approx(std[0] ** 2, rel=1e-5)


@pytest.mark.parametrize("solver", ["auto", "sampling"])
def test_chunks_and_weights_equal_one_fit(solver):
    x, y = table(n=60)
    model = mixture(solver=solver, max_iter=100)
    whole = clone(model).fit(x, y)
    chunks = clone(model).partial_fit(x[:25], y[:25]).partial_fit(x[25:], y[25:])
    assert chunks.predict(x) == pytest.approx(whole.predict(x), rel=1e-9)
    assert chunks.elbo_ == pytest.approx(whole.elbo_, rel=1e-9)
    counts = np.random.RandomState(0).randint(1, 4, 60)
    weighted = clone(model).fit(x, y, counts)
    repeated = clone(model).fit(x.repeat(counts, 0), y.repeat(counts))
    assert weighted.predict(x) == pytest.approx(repeated.predict(x), rel=1e-9)


def test_search_over_the_number_of_components_and_clones():
    X, y = load_diabetes(return_X_y=True)
    grid = {"n_mixtures": [1, 2, 4], "posterior": ["mixture", "mean_field"]}
    search = GridSearchCV(DirectBayesianRegressor(random_state=0), grid, cv=3).fit(X, y)
    assert np.ptp(search.cv_results_["mean_test_score"]) < 0.05
    assert search.best_score_ > 0.45
    model = mixture(n_mixtures=3).fit(X, y)
    again = clone(model).fit(X, y)
    assert again.get_params() == model.get_params()
    assert (again.predict(X) == model.predict(X)).all()


def test_stored_mixtures_predict_the_same(tmp_path):
    X, y = load_diabetes(return_X_y=True)
    model = mixture(n_mixtures=3).fit(X, y)
    joblib.dump(model, tmp_path / "model.joblib")
    stored = skops.io.dumps(model)
    trusted = skops.io.get_untrusted_types(data=stored)
    assert trusted == ["skpc.regression.DirectBayesianRegressor"]
    for loaded in (joblib.load(tmp_path / "model.joblib"), skops.io.loads(stored, trusted)):
        for mine, theirs in zip(model.predict(X, True), loaded.predict(X, True), strict=True):
            assert (mine == theirs).all()


def test_targets_of_any_unit():
    x, y = table()
    plain, moved = mixture().fit(x, y), mixture().fit(x, 1e6 * y + 1e6)
    mean, std = plain.predict(x, return_std=True)
    moved_mean, moved_std = moved.predict(x, return_std=True)
    assert moved_mean == pytest.approx(1e6 * mean + 1e6, rel=1e-8)
    assert moved_std == pytest.approx(1e6 * std, rel=1e-6)
    assert moved.elbo_ == pytest.approx(plain.elbo_ - 40 * np.log(1e6), abs=1e-4)


@pytest.mark.parametrize(("n", "d"), [(1, 3), (2, 1), (10, 40)])
def test_few_rows_constant_targets_and_constant_columns_stay_finite(n, d):
    random = np.random.RandomState(0)
    x = np.column_stack([random.standard_normal((n, d)), np.ones(n)])
    for y in (x[:, 0] + 0.1 * random.standard_normal(n), np.full(n, 3.0)):
        model = mixture().fit(x, y)
        mean, std = model.predict(x, return_std=True)
        assert np.isfinite([mean, std]).all()
        assert np.isfinite(model.elbo_path_).all()
        assert model.mixture_weights_.sum() == pytest.approx(1.0)


def test_sampling_without_a_mixture_is_refused():
    X, y = load_diabetes(return_X_y=True)
    with pytest.raises(ValueError, match="posterior is 'mean_field', whose entropy is exact"):
        DirectBayesianRegressor(solver="sampling").fit(X, y)
    with pytest.raises(ValueError, match="'n_mixtures' parameter"):
        DirectBayesianRegressor(posterior="mixture", n_mixtures=0).fit(X, y)
