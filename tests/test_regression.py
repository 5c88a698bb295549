"""What the regressor promises: exact moments, chunks, weights, units, intervals."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.datasets import load_diabetes, make_regression
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import BayesianRidge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer

from skpc import DirectBayesianRegressor
from skpc.direct import collect
from skpc.direct.moments import standardise
from skpc.direct.solve import best_ridge, prior_units

X, Y = load_diabetes(return_X_y=True)
FAST = {"max_iter": 200, "random_state": 0}


def table(n=200, d=6, noise=0.5, seed=0):
    random = np.random.RandomState(seed)
    x = random.standard_normal((n, d)) * np.logspace(-1, 1, d) + random.uniform(-3, 3, d)
    weights = random.standard_normal(d) / np.logspace(-1, 1, d)
    return x, x @ weights + noise * random.standard_normal(n) + 2.0


def ridge_of(x, y):
    """The ridge regression that deviations are of, in standard units, and the unit of y."""
    data = standardise(collect(x, y, np.ones(len(y))), True)
    return best_ridge(data, prior_units(data)), y.std()


def weights_of(model, codes):
    return codes * model.weight_scale_ / model.feature_scale_


def test_predictive_means_equal_enumeration_and_variances_those_of_the_ridge():
    x, y = table(d=3)
    model = DirectBayesianRegressor(n_bits=2, prior="laplace", random_state=0).fit(x, y)
    codes = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    q = np.prod(model.weight_probabilities_[np.arange(3), codes + 1], axis=1)
    values = (x[:20] - x.mean(axis=0)) @ weights_of(model, codes).T + y.mean()
    ours, std = model.predict(x[:20], return_std=True)
    assert ours == pytest.approx(values @ q, abs=1e-10)
    ridge, unit = ridge_of(x, y)
    z = (x[:20] - x.mean(axis=0)) / x.std(axis=0)
    covariance = ridge.noise * np.linalg.inv(ridge.precision)
    noise = max(model.noise_variance_ / unit**2, ridge.noise * (1 + model.excess_error_))
    variance = np.einsum("nb,bc,nc->n", z, covariance, z) + noise
    assert std**2 == pytest.approx(unit**2 * variance, rel=1e-9)
    gap = model.coef_ * x.std(axis=0) / unit - ridge.mean
    excess = gap @ ridge.precision @ gap / (len(y) * ridge.noise)
    assert model.excess_error_ == pytest.approx(excess, rel=1e-6)
    deviation = np.sqrt(np.diag(covariance) + gap**2) * unit / x.std(axis=0)
    assert model.coef_std_ == pytest.approx(deviation, rel=1e-9)
    spread = np.sqrt(q @ (weights_of(model, codes) - model.coef_) ** 2)
    assert model.draw_std_ == pytest.approx(spread, abs=1e-12)


@pytest.mark.parametrize("prior", ["uniform", "normal", "laplace", "spike"])
def test_every_prior_recovers_strong_weights(prior):
    x, y = table(n=500)
    model = DirectBayesianRegressor(n_bits=5, prior=prior, **FAST).fit(x, y)
    assert model.score(x, y) > BayesianRidge().fit(x, y).score(x, y) - 0.01
    assert model.code_prior_.shape == (6, 31)
    assert model.code_prior_.sum(axis=1) == pytest.approx(1.0)


def test_a_spike_gives_zeros_to_features_without_effect():
    x, y, coef = make_regression(400, 40, n_informative=5, noise=5.0, coef=True, random_state=0)
    model = DirectBayesianRegressor(prior="spike", **FAST).fit(x, y)
    drawn = model.sample_weights(2000, random_state=0)
    assert (model.weight_codes_[coef == 0] == 0).mean() > 0.9
    assert model.sparsity_ == pytest.approx((drawn == 0).mean(), abs=0.01)
    assert model.sparsity_ > 0.7


@pytest.mark.parametrize("cuts", [[100], [1, 30, 31, 199], [150, 160]])
def test_chunks_equal_one_fit(cuts):
    x, y = table()
    w = np.random.RandomState(1).uniform(0.1, 2.0, 200)
    whole = DirectBayesianRegressor(**FAST).fit(x, y, w)
    model = DirectBayesianRegressor(**FAST)
    for rows in np.split(np.arange(200), cuts):
        model.partial_fit(x[rows], y[rows], w[rows])
    assert np.allclose(model.predict(x), whole.predict(x), rtol=1e-9)
    assert np.allclose(model.coef_, whole.coef_, rtol=1e-9, atol=1e-9 * abs(whole.coef_).max())
    assert np.allclose(model.coef_std_, whole.coef_std_, rtol=1e-8)
    assert model.elbo_ == pytest.approx(whole.elbo_, rel=1e-10)


def test_partial_fit_goes_on_from_fit():
    x, y = table()
    model = DirectBayesianRegressor(**FAST).fit(x[:120], y[:120]).partial_fit(x[120:], y[120:])
    assert np.allclose(
        model.predict(x), DirectBayesianRegressor(**FAST).fit(x, y).predict(x), rtol=1e-9
    )


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1000), n=st.integers(12, 60))
def test_integer_weights_are_repeated_rows(seed, n):
    x, y = table(n=n, d=3, seed=seed)
    counts = np.random.RandomState(seed).randint(0, 4, n)
    counts[0] = 1
    weighted = DirectBayesianRegressor(n_bits=3, **FAST).fit(x, y, counts)
    repeated = DirectBayesianRegressor(n_bits=3, **FAST).fit(x.repeat(counts, 0), y.repeat(counts))
    assert np.allclose(weighted.predict(x), repeated.predict(x), rtol=1e-8, atol=1e-8)
    # Moments that differ in their last bits may end the solve a step earlier or later.
    assert weighted.elbo_ == pytest.approx(repeated.elbo_, rel=1e-7)


@pytest.mark.parametrize(("a", "b"), [(1e12, 0.0), (1e-12, 0.0), (1.0, 1e8), (-3.0, 7.0)])
def test_targets_of_any_unit(a, b):
    x, y = table()
    plain = DirectBayesianRegressor(**FAST).fit(x, y)
    moved = DirectBayesianRegressor(**FAST).fit(x, a * y + b)
    mean, std = plain.predict(x, return_std=True)
    moved_mean, moved_std = moved.predict(x, return_std=True)
    digits = 1e-8 * abs(a) + 1e-15 * abs(b)
    assert np.allclose(moved_mean, a * mean + b, rtol=1e-9, atol=1e3 * digits)
    assert np.allclose(moved_std, abs(a) * std, rtol=1e-5)
    assert moved.elbo_ == pytest.approx(plain.elbo_ - 200 * np.log(abs(a)), abs=1e-3)
    density = moved.log_predictive_density(x, a * y + b)
    expected = plain.log_predictive_density(x, y) - np.log(abs(a))
    assert np.allclose(density, expected, atol=1e-3)


@pytest.mark.parametrize("offset", [0.0, -40.0, 1e8])
def test_columns_of_any_unit(offset):
    x, y = table()
    units = np.array([1e-6, 1.0, 1e3, 5.0, 1e9, 0.1])
    plain = DirectBayesianRegressor(**FAST).fit(x, y)
    moved = DirectBayesianRegressor(**FAST).fit(x * units + offset * units, y)
    atol = 1e-8 if offset < 1e8 else 1e-4
    assert np.allclose(moved.predict(x * units + offset * units), plain.predict(x), atol=atol)
    assert np.allclose(moved.coef_ * units, plain.coef_, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("value", [0.0, 3.5, 1e12, 1e-12, -1e8])
def test_constant_targets_are_predicted_exactly(value):
    model = DirectBayesianRegressor(random_state=0).fit(X[:50], np.full(50, value))
    mean, std = model.predict(X, return_std=True)
    # Zeros are zeros to the least scale that a target can have: probabilities of the signs of a
    # weight are equal up to rounding.
    assert (np.abs(mean - value) <= 1e-13 * max(abs(value), 1e-16)).all()
    assert np.isfinite(std).all()
    assert (std <= 1e-12 * max(abs(value), 1.0)).all()
    assert np.isfinite(model.elbo_path_).all()


def test_constant_and_duplicate_columns():
    x, y = table()
    plain = DirectBayesianRegressor(**FAST).fit(x, y)
    wide = np.column_stack([x, np.full(200, 1e8), x[:, 0], np.zeros(200)])
    model = DirectBayesianRegressor(**FAST).fit(wide, y)
    # What their symmetric prior gives, to rounding.
    assert np.abs(model.coef_[[6, 8]]).max() < 1e-12
    assert np.sqrt(np.mean((model.predict(wide) - plain.predict(x)) ** 2)) < 0.1 * y.std()
    for values in (model.coef_, model.coef_std_, model.weight_probabilities_, model.elbo_path_):
        assert np.isfinite(values).all()


@pytest.mark.parametrize("prior", ["uniform", "spike"])
def test_constant_columns_leave_the_steps_of_others_as_they_were(prior):
    random = np.random.RandomState(2)
    x = random.standard_normal((40, 30)) @ random.standard_normal((30, 30))
    y = x @ (random.standard_normal(30) / x.std(axis=0)) + 0.5 * random.standard_normal(40)
    plain = DirectBayesianRegressor(prior=prior, **FAST).fit(x, y)
    wide = np.column_stack([np.zeros((40, 5)), x, np.full((40, 5), 7.0)])
    model = DirectBayesianRegressor(prior=prior, **FAST).fit(wide, y)
    assert model.weight_scale_[5:35] == pytest.approx(plain.weight_scale_, rel=1e-6)
    assert (model.weight_codes_[5:35] == plain.weight_codes_).all()


@pytest.mark.parametrize(("n", "d"), [(1, 3), (2, 1), (10, 40), (30, 100)])
def test_more_features_than_rows(n, d):
    random = np.random.RandomState(0)
    x = random.standard_normal((n, d))
    y = x[:, 0] + 0.1 * random.standard_normal(n)
    model = DirectBayesianRegressor(**FAST).fit(x, y)
    mean, std = model.predict(x, return_std=True)
    assert np.isfinite(mean).all()
    assert (std > 0).all() or n == 1
    assert np.mean((y - mean) ** 2) <= np.var(y) + 1e-12


def test_without_an_intercept_zero_goes_to_zero():
    x, y = table()
    model = DirectBayesianRegressor(fit_intercept=False, **FAST).fit(x, y)
    assert model.intercept_ == 0.0
    assert model.predict(np.zeros((1, 6)))[0] == 0.0
    ones = np.column_stack([x, np.ones(200)])
    with_ones = DirectBayesianRegressor(fit_intercept=False, n_bits=6, **FAST).fit(ones, y)
    assert with_ones.score(ones, y) > 0.9


@pytest.mark.parametrize(("n", "correlation"), [(50, 0.0), (200, 0.8), (5000, 0.0), (5000, 0.8)])
def test_true_weights_lie_within_their_deviations(n, correlation):
    """Those of draws are far too small: codes are certain, and weights depend on each other."""
    hits = []
    for seed in range(12):
        random = np.random.RandomState(seed)
        common = np.sqrt(correlation) * random.standard_normal((n, 1))
        x = common + np.sqrt(1 - correlation) * random.standard_normal((n, 8))
        coef = random.standard_normal(8)
        y = x @ coef + 0.7 * random.standard_normal(n)
        model = DirectBayesianRegressor(**FAST).fit(x, y)
        gap = np.abs(model.coef_ - coef)
        hits.append([np.mean(gap < 1.96 * s) for s in (model.coef_std_, model.draw_std_)])
    honest, drawn = np.mean(hits, axis=0)
    # 96 weights: a standard error is 2 %.
    assert 0.88 <= honest <= 1.0
    assert drawn < honest - 0.08


@pytest.mark.parametrize("own", [False, True], ids=["one step", "a step a feature"])
@pytest.mark.parametrize("seed", range(2))
def test_planted_integers_are_found_and_predict_as_the_truth_does(own, seed):
    random = np.random.RandomState(seed)
    x = random.standard_normal((10_000, 12))
    steps = 2.0 ** random.randint(-2, 3, 12) / 7 if own else np.full(12, 1 / 7)
    codes = random.randint(-7, 8, 12)
    y = x @ (codes * steps) + 0.3 * random.standard_normal(10_000)
    model = DirectBayesianRegressor(random_state=0).fit(x[:5000], y[:5000])
    assert np.round(model.coef_ / steps) == pytest.approx(codes)
    assert model.coef_ == pytest.approx(codes * steps, abs=0.02)
    error = np.sqrt(np.mean((model.predict(x[5000:]) - y[5000:]) ** 2))
    right = np.sqrt(np.mean((x[5000:] @ (codes * steps) - y[5000:]) ** 2))
    assert error < 1.003 * right
    given = DirectBayesianRegressor(weight_scale=steps * x[:5000].std(axis=0), random_state=0)
    assert (given.fit(x[:5000], y[:5000]).weight_codes_ == codes).all()


@pytest.mark.parametrize("weight_scale", ["auto", "ridge", "elbo"])
def test_the_scale_that_was_taken_can_be_named(weight_scale):
    model = DirectBayesianRegressor(weight_scale=weight_scale, **FAST).fit(X, Y)
    named = DirectBayesianRegressor(weight_scale=model.weight_scale_, **FAST).fit(X, Y)
    assert named.weight_scale_ == pytest.approx(model.weight_scale_, rel=1e-12)


@pytest.mark.parametrize("n_bits", [2, 3, 4, 8])
@pytest.mark.parametrize("prior", ["uniform", "normal"])
def test_the_default_predicts_as_the_ridge_does(n_bits, prior):
    (x, y), (new_x, new_y) = waves(400), waves(1000, seed=1)
    model = DirectBayesianRegressor(n_bits, prior=prior, **FAST).fit(x, y)
    ridge, unit = ridge_of(x, y)
    z = (new_x - x.mean(axis=0)) / x.std(axis=0)
    theirs = z @ ridge.mean * unit + y.mean()
    errors = [np.sqrt(np.mean((m - new_y) ** 2)) for m in (model.predict(new_x), theirs)]
    assert errors[0] < 1.05 * errors[1]
    assert model.excess_error_ < 0.05


def test_features_of_a_map_and_of_a_pipeline_give_one_model():
    splines = SplineTransformer(n_knots=6)
    inside = DirectBayesianRegressor(feature_map=splines, **FAST).fit(X, Y)
    outside = make_pipeline(splines, DirectBayesianRegressor(**FAST)).fit(X, Y)
    for ours, theirs in zip(
        inside.predict(X, return_std=True), outside.predict(X, return_std=True), strict=True
    ):
        assert ours == pytest.approx(theirs, rel=1e-9)
    assert (inside.weight_codes_ == outside[-1].weight_codes_).all()


@pytest.mark.parametrize("weight_scale", ["auto", "ridge"])
def test_more_mass_at_zero_gives_more_zeros(weight_scale):
    x, y = waves(400)
    zeros, errors = [], []
    for mass in (0.2, 0.9, 0.999):
        prior = np.where(np.arange(-7, 8) == 0, mass, (1 - mass) / 14)
        options = {"prior": prior, "weight_scale": weight_scale, **FAST}
        model = DirectBayesianRegressor(**options).fit(x, y)
        zeros.append(model.sparsity_)
        errors.append(model.excess_error_)
    assert zeros[0] < zeros[1] < zeros[2]
    assert errors[0] <= errors[2] * (1 + 1e-6)


@pytest.mark.parametrize("posterior", ["mean_field", "mixture"])
@pytest.mark.parametrize("weight_scale", ["auto", "ridge", "elbo", 0.2])
@pytest.mark.parametrize("n", [12, 60])
def test_constant_columns_change_nothing(weight_scale, n, posterior):
    random = np.random.RandomState(n)
    x = random.standard_normal((n, 20))
    y = x @ random.standard_normal(20) + 0.5 * random.standard_normal(n)
    constant = np.column_stack([x[:, :5], np.full((n, 3), 0.1), x[:, 5:], np.zeros(n)])
    varies = np.ptp(constant, axis=0) > 0
    # Both searches go on to the optimum: where one ends before, its place depends on rounding.
    options = {"n_mixtures": 2, "weight_scale": weight_scale, "tol": 1e-12, "random_state": 0}
    plain = DirectBayesianRegressor(posterior=posterior, **options).fit(x, y)
    with_constants = DirectBayesianRegressor(posterior=posterior, **options).fit(constant, y)
    for name in ("coef_", "coef_std_", "draw_std_", "weight_codes_"):
        assert np.allclose(getattr(plain, name), getattr(with_constants, name)[varies], rtol=1e-6)
    assert with_constants.elbo_ == pytest.approx(plain.elbo_, rel=1e-9)
    assert (with_constants.coef_[~varies] == 0).all()
    assert (with_constants.weight_codes_[~varies] == 0).all()
    assert with_constants.weight_probabilities_.sum(axis=1) == pytest.approx(np.ones(24))
    # Of a weight that no row tells of, the uncertainty is large.
    assert (with_constants.coef_std_[~varies] > 0).all()
    mean, std = with_constants.predict(constant, return_std=True)
    for mine, theirs in zip((mean, std), plain.predict(x, return_std=True), strict=True):
        assert np.allclose(mine, theirs, rtol=1e-6)
    assert np.allclose(with_constants.pack(1).predict(constant), plain.pack(1).predict(x))


@pytest.mark.parametrize("seed", range(3))
def test_intervals_cover_what_they_claim(seed):
    random = np.random.RandomState(seed)
    coef = random.standard_normal(8)
    x = random.standard_normal((12_000, 8))
    y = x @ coef + 0.7 * random.standard_normal(12_000) + 5.0
    model = DirectBayesianRegressor(**FAST).fit(x[:2000], y[:2000])
    mean, std = model.predict(x[2000:], return_std=True)
    covered = np.mean(np.abs(y[2000:] - mean) < 1.6448536 * std)
    assert 0.88 <= covered <= 0.92


def test_eight_bits_and_a_normal_prior_approach_bayesian_ridge():
    z = (X - X.mean(axis=0)) / X.std(axis=0)
    ridge = BayesianRidge().fit(z, Y)
    width = 1 / np.sqrt(ridge.lambda_)
    model = DirectBayesianRegressor(
        n_bits=8,
        prior="normal",
        # The prior's standard deviation is a third of the largest code, 127.
        weight_scale=width * 3 / 127,
        noise_range=(0.999 / ridge.alpha_, 1.001 / ridge.alpha_),
        n_noise_levels=2,
        random_state=0,
    ).fit(z, Y)
    # Within 1 % of a prior standard deviation, and predictions within 2 % of the noise's.
    assert np.abs(model.coef_ - ridge.coef_).max() < 0.01 * width
    gap = np.abs(model.predict(z) - ridge.predict(z)).max()
    assert gap < 0.02 / np.sqrt(ridge.alpha_)
    assert model.intercept_ == pytest.approx(ridge.intercept_, rel=1e-12)


def test_noise_range_is_widened_with_a_warning_only_where_it_must():
    x, y = table(noise=0.5)
    with pytest.warns(UserWarning, match=r"edge of noise_range=\(1e-05, 0.001\); it was widened"):
        model = DirectBayesianRegressor(noise_range=(1e-5, 1e-3), **FAST).fit(x, y)
    assert 0.15 < model.noise_variance_ < 0.5
    with pytest.warns(UserWarning, match="was widened"):
        high = DirectBayesianRegressor(noise_range=(50.0, 90.0), **FAST).fit(x, y)
    assert high.noise_variance_ < 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        DirectBayesianRegressor(noise_range=(0.01, 10.0), **FAST).fit(x, y)
        auto = DirectBayesianRegressor(weight_scale="elbo", **FAST).fit(x, y)
    assert max(auto.noise_probabilities_[[0, -1]]) < 1e-3


def test_noise_free_targets_on_the_grid_stay_finite():
    x, _ = table(noise=0.0)
    y = x @ np.array([1.0, -2, 0, 3, 7, 0]) / x.std(axis=0).mean()
    model = DirectBayesianRegressor(**FAST).fit(x, y)
    assert np.isfinite(model.elbo_path_).all()
    assert model.score(x, y) > 1 - 1e-11
    with pytest.warns(UserWarning, match=r"expected squared error by .* Use more n_bits"):
        powers = DirectBayesianRegressor(weight_scale="ridge", **FAST).fit(x, y)
    assert 0.99 < powers.score(x, y) < 0.9999


def test_sampled_weights_follow_their_posterior():
    x, y = table(n=60)
    model = DirectBayesianRegressor(weight_scale="elbo", **FAST).fit(x, y)
    codes = model.sample_weights(20_000, random_state=0)
    assert codes.dtype == np.int8
    assert codes.shape == (20_000, 6)
    assert (np.abs(codes) <= 7).all()
    share = np.stack([(codes == c).mean(axis=0) for c in range(-7, 8)], axis=1)
    assert np.abs(share - model.weight_probabilities_).max() < 0.02
    drawn = weights_of(model, codes)
    assert np.allclose(drawn.mean(axis=0), model.coef_, atol=5 * model.draw_std_.max() / 141)
    assert np.allclose(drawn.std(axis=0), model.draw_std_, rtol=0.03)
    assert (model.sample_weights(5, 1) == model.sample_weights(5, 1)).all()
    assert (model.sample_weights(50, 1) != model.sample_weights(50, 2)).any()


def test_sampled_targets_have_the_predictive_moments():
    x, y = table(n=60)
    model = DirectBayesianRegressor(**FAST).fit(x, y)
    mean, std = model.predict(x[:5], return_std=True)
    drawn = model.sample_y(x[:5], 20_000, random_state=0)
    assert drawn.shape == (5, 20_000)
    assert np.allclose(drawn.mean(axis=1), mean, atol=5 * std.max() / 141)
    assert np.allclose(drawn.std(axis=1), std, rtol=0.03)


def test_log_predictive_density_integrates_to_one_and_has_the_predictive_moments():
    x, y = table(n=40)
    model = DirectBayesianRegressor(**FAST).fit(x, y)
    mean, std = model.predict(x[:1], return_std=True)
    line = np.linspace(mean[0] - 12 * std[0], mean[0] + 12 * std[0], 4001)
    density = np.exp(model.log_predictive_density(np.repeat(x[:1], 4001, axis=0), line))
    cell = line[1] - line[0]
    assert density.sum() * cell == pytest.approx(1.0, abs=1e-6)
    assert (density @ line) * cell == pytest.approx(mean[0], abs=1e-6)
    assert (density @ (line - mean[0]) ** 2) * cell == pytest.approx(std[0] ** 2, rel=1e-5)


def test_attributes_agree_with_each_other():
    model = DirectBayesianRegressor(n_bits=3, **FAST).fit(X, Y)
    codes = np.arange(-3, 4)
    q = model.weight_probabilities_
    assert np.allclose(q.sum(axis=1), 1.0)
    assert np.allclose(model.coef_, weights_of(model, q @ codes))
    assert model.elbo_ == model.elbo_path_[-1]
    assert (np.diff(model.elbo_path_) >= -1e-12 * abs(model.elbo_)).all()
    assert model.noise_variance_ == pytest.approx(model.noise_levels_ @ model.noise_probabilities_)
    assert model.converged_
    assert model.n_iter_ > 0


def test_steps_of_features_may_differ():
    steps = np.linspace(2.0, 6.0, 10)
    model = DirectBayesianRegressor(weight_scale=steps, **FAST).fit(X, Y)
    assert np.allclose(model.weight_scale_, steps)
    assert np.allclose(DirectBayesianRegressor(weight_scale=4.0).fit(X, Y).weight_scale_, 4.0)


def test_the_elbo_scale_has_a_higher_elbo_than_far_scales():
    auto = DirectBayesianRegressor(weight_scale="elbo", **FAST).fit(X, Y)
    for factor in (0.1, 0.3, 4.0, 15.0):
        other = DirectBayesianRegressor(weight_scale=auto.weight_scale_ * factor, **FAST).fit(X, Y)
        assert other.elbo_ < auto.elbo_


def waves(n, seed=0):
    """Rows of 100 overlapping features of a smooth curve, and a target of little noise."""
    random = np.random.RandomState(seed)
    x = random.uniform(-2, 2, (n, 2))
    features = RBFSampler(gamma=0.5, n_components=100, random_state=0).fit_transform(x)
    return features, np.sin(2 * x[:, 0]) * x[:, 1] + 0.02 * random.standard_normal(n)


def test_steps_near_ridge_predict_as_ridge_does_where_features_overlap():
    (x, y), (new_x, new_y) = waves(400), waves(1000, seed=1)
    ridge = BayesianRidge().fit(x, y)
    with pytest.warns(UserWarning, match='in place of "ridge", weight_scale="auto"'):
        near = DirectBayesianRegressor(weight_scale="ridge", **FAST).fit(x, y)
    auto = DirectBayesianRegressor(**FAST).fit(x, y)
    elbo = DirectBayesianRegressor(weight_scale="elbo", **FAST).fit(x, y)
    models = (ridge, near, auto, elbo)
    errors = [np.sqrt(np.mean((m.predict(new_x) - new_y) ** 2)) for m in models]
    assert errors[1] < 1.2 * errors[0]
    assert errors[2] < 1.05 * errors[0]
    assert auto.excess_error_ <= 0.01
    assert errors[3] > 1.5 * errors[0]
    assert elbo.excess_error_ > 1.0
    assert near.noise_variance_ == pytest.approx(0.02**2, rel=0.5)
    exponents = np.log2(near.weight_scale_ / near.weight_scale_.min())
    assert exponents == pytest.approx(exponents.round(), abs=1e-9)
    assert (np.diff(near.elbo_path_) >= -1e-12 * abs(near.elbo_)).all()


@pytest.mark.parametrize("weight_scale", ["auto", "ridge"])
def test_steps_near_ridge_keep_a_given_noise_range_and_chunks(weight_scale):
    x, y = waves(200)
    options = {"weight_scale": weight_scale, "noise_range": (1e-5, 0.02), **FAST}
    model = DirectBayesianRegressor(**options).fit(x, y)
    assert model.noise_levels_[[0, -1]] == pytest.approx([1e-5, 0.02])
    chunks = clone(model).partial_fit(x[:70], y[:70]).partial_fit(x[70:], y[70:])
    assert (chunks.weight_codes_ == model.weight_codes_).all()
    assert chunks.predict(x) == pytest.approx(model.predict(x), abs=1e-9)


def test_feature_maps_work_in_blocks(monkeypatch):
    monkeypatch.setattr("skpc.direct.moments.features.BLOCK_CELLS", 1000)
    sampler = RBFSampler(gamma=2.0, n_components=20, random_state=0)
    mapped = sampler.fit_transform(X)
    by_hand = DirectBayesianRegressor(**FAST).fit(mapped, Y)
    inside = DirectBayesianRegressor(feature_map=sampler, **FAST).fit(X, Y)
    assert np.allclose(inside.predict(X), by_hand.predict(mapped), rtol=1e-8)
    mean, std = inside.predict(X, return_std=True)
    assert mean.shape == std.shape == (442,)


def test_inputs_and_global_seeds_are_left_alone():
    x, y = table()
    w = np.ones(200)
    copies = [a.copy() for a in (x, y, w)]
    np.random.seed(3)  # noqa: NPY002
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    model = DirectBayesianRegressor(**FAST).fit(x, y, w)
    model.sample_y(x, 2, random_state=0)
    assert (state == np.random.get_state()[1]).all()  # noqa: NPY002
    for before, after in zip(copies, (x, y, w), strict=True):
        assert (before == after).all()


def test_verbose_prints_and_silence_is_the_default(capsys):
    x, y = table(n=40)
    DirectBayesianRegressor(**FAST).fit(x, y)
    assert capsys.readouterr().out == ""
    DirectBayesianRegressor(verbose=1, **FAST).fit(x, y)
    assert "ELBO" in capsys.readouterr().out


def modules_of(value):
    """Where the classes of a value, and of all that it holds, come from."""
    inside = value.values() if isinstance(value, dict) else ()
    return {type(value).__module__.partition(".")[0]}.union(*map(modules_of, inside))


def test_fitted_attributes_and_files_are_numpy():
    model = DirectBayesianRegressor(**FAST).fit(X, Y)
    public = {name: value for name, value in vars(model).items() if not name.startswith("_")}
    assert set(vars(model)) - set(public) == {"_fitted_regression"}
    assert modules_of(public) <= {"builtins", "numpy"}
    assert modules_of(model.__getstate__()) <= {"builtins", "numpy"}
