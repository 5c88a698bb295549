"""The ridge regression that codes are near to: evidence, units of its prior, posterior."""

import numpy as np
import pytest
from scipy.linalg import null_space
from scipy.stats import multivariate_normal
from sklearn.linear_model import BayesianRidge

from skpc.direct import collect
from skpc.direct.moments import standardise
from skpc.direct.solve import best_ridge, prior_units
from skpc.direct.solve.ridge import PENALTIES


def rows(seed, n_rows=60, n_features=12, noise=0.05):
    """Strongly correlated columns x (n, B) and a target, both centred and of unit spread."""
    random = np.random.RandomState(seed)
    x = random.standard_normal((n_rows, 4)) @ random.standard_normal((4, n_features))
    x += 0.1 * random.standard_normal(x.shape)
    y = x @ random.standard_normal(n_features) + noise * random.standard_normal(n_rows)
    x, y = x - x.mean(axis=0), y - y.mean()
    return x / x.std(axis=0), y / y.std()


def standard(x, y, fit_intercept=True):
    return standardise(collect(x, y, np.ones(len(y))), fit_intercept)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("noise", [0.05, 1.0, 5.0])
@pytest.mark.parametrize("seed", range(3))
def test_penalty_maximises_the_density_of_what_no_intercept_changes(seed, noise, fit_intercept):
    x, y = rows(seed, noise=noise)
    data = standard(x, y, fit_intercept)
    if fit_intercept:
        # All contrasts of rows, of which there is one less.
        contrasts = null_space(np.ones((1, len(y))))
        x, y = contrasts.T @ x, contrasts.T @ y
    units = np.random.RandomState(seed).uniform(0.2, 1.0, 12)
    units /= np.sqrt(np.mean(units**2))

    def evidence(penalty):
        shape = np.eye(len(y)) + (x * units**2) @ x.T / penalty
        noise = y @ np.linalg.solve(shape, y) / len(y)
        return multivariate_normal(np.zeros(len(y)), noise * shape).logpdf(y), noise

    ridge = best_ridge(data, units)
    penalty = ridge.penalty * units**2
    assert penalty == pytest.approx(penalty[0])
    best, at_best = evidence(penalty[0])
    assert ridge.noise == pytest.approx(at_best, rel=1e-6)
    assert best >= max(evidence(p)[0] for p in data.weight * PENALTIES[100::4]) - 1e-6


@pytest.mark.parametrize("shape", [(30, 29), (30, 30), (30, 50), (50, 200)])
def test_targets_of_noise_alone_are_noise_though_features_could_explain_them(shape):
    random = np.random.RandomState(0)
    data = standard(random.standard_normal(shape), random.standard_normal(shape[0]))
    assert best_ridge(data, prior_units(data)).noise > 0.5


@pytest.mark.parametrize("noise", [0.05, 1.0])
def test_the_posterior_is_that_of_bayesian_ridge(noise):
    x, y = rows(1, n_rows=200, noise=noise)
    ridge, theirs = best_ridge(standard(x, y), np.ones(12)), BayesianRidge(tol=1e-8).fit(x, y)
    # Penalties are a quarter of an octave apart.
    assert 1 / ridge.noise == pytest.approx(theirs.alpha_, rel=0.1)
    assert ridge.mean == pytest.approx(theirs.coef_, abs=0.02 * np.abs(theirs.coef_).max())
    covariance = ridge.deviations.T @ ridge.deviations
    assert covariance == pytest.approx(ridge.noise * np.linalg.inv(ridge.precision), rel=1e-6)
    assert ridge.root.T @ ridge.root == pytest.approx(ridge.precision)
    assert np.sqrt(np.diag(covariance)) == pytest.approx(np.sqrt(np.diag(theirs.sigma_)), rel=0.1)


def test_excess_is_the_rise_of_the_error_that_the_posterior_expects():
    x, y = rows(0, noise=1.0)
    ridge = best_ridge(standard(x, y), np.ones(12))
    random = np.random.RandomState(0)
    codes = ridge.mean + 0.3 * random.standard_normal(12)
    drawn = ridge.mean + random.standard_normal((100_000, 12)) @ ridge.deviations
    # P is X'X and as much of the prior.
    gram = ridge.precision

    def error(weights):
        gaps = drawn - weights
        return np.mean(np.einsum("sb,bc,sc->s", gaps, gram, gaps)) / len(y)

    rise = (error(codes) - error(ridge.mean)) / ridge.noise
    assert ridge.excess(codes) == pytest.approx(rise, rel=0.02)
    assert ridge.excess(ridge.mean) == 0.0


def test_units_of_columns_and_what_is_added_to_them_change_nothing():
    x, y = rows(2)
    plain = prior_units(standard(x, y))
    assert plain == pytest.approx(1 / np.ptp(x, axis=0))
    other = x * np.logspace(-9, 9, 12) + np.logspace(-5, 5, 12)
    assert prior_units(standard(other, y)) == pytest.approx(plain, rel=1e-9)


def test_without_an_intercept_ranges_are_from_zero():
    x, y = rows(2)
    units = prior_units(standard(x + 100.0, y, fit_intercept=False))
    assert units == pytest.approx(np.sqrt(np.mean((x + 100) ** 2, 0)) / (x + 100).max(axis=0))


def test_a_feature_that_was_nearly_always_zero_is_held_back_among_its_like():
    """Its next value may be thousands of its standard deviations away."""
    random = np.random.RandomState(0)
    x = random.uniform(size=(500, 20))
    x[:, 0] = np.where(np.arange(500) < 3, 1e-6 * x[:, 0], 0.0)
    y = x[:, 1:] @ random.standard_normal(19) + 0.1 * random.standard_normal(500)
    units = prior_units(standard(x, y))
    assert units[0] < 1e-5 * units[1:].min()
    # Among columns of all kinds of units it is a column in a unit of its own.
    mixed = x * np.append(1.0, np.logspace(-9, 9, 19))
    assert prior_units(standard(mixed, y))[0] > 1e-3


def test_constant_features_and_targets_have_a_ridge():
    x, y = np.ones((20, 3)), np.full(20, 7.0)
    for table in (x, np.column_stack([x, np.arange(20.0)])):
        data = standard(table, y)
        ridge = best_ridge(data, prior_units(data))
        assert (ridge.mean == 0).all()
        assert np.isfinite(ridge.deviations).all()
        assert ridge.noise > 0


@pytest.mark.parametrize("noise", [1e-3, 1e-6, 0.0])
def test_tiny_noise_is_seen_and_weights_are_not_shrunk(noise):
    random = np.random.RandomState(0)
    x = random.standard_normal((300, 3))
    y = x @ [1.0, -2.0, 0.5] + noise * random.standard_normal(300)
    data = standard(x, y)
    ridge = best_ridge(data, prior_units(data))
    assert np.sqrt(ridge.noise) * y.std() == pytest.approx(max(noise, 1e-6 * y.std()), rel=0.2)
    weights = ridge.mean * y.std() / x.std(axis=0)
    assert weights == pytest.approx([1.0, -2.0, 0.5], abs=max(noise, 1e-9))
    assert (ridge.prior_variance() * 30 > ridge.mean**2).all()
