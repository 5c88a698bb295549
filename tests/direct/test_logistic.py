"""Classes by small integers: sums, optimum, shrinkage and bounds against what they stand for."""

import numpy as np
import pytest
from helpers.class_problems import log_likelihoods, rows_of_classes
from numpy.testing import assert_allclose
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from skpc.direct.logistic import Quadratic, log_odds_of, probabilities_of
from skpc.direct.logistic.likelihood import curvature_along, losses_of, sums_at, targets_of
from skpc.direct.logistic.many_classes import expansion_of, fitted_intercepts
from skpc.direct.logistic.optimum import optimum
from skpc.direct.logistic.quadratic import between_units, nothing
from skpc.direct.logistic.rows import ClassRows
from skpc.direct.logistic.shrinkage import best_penalty, left_out_losses
from skpc.direct.logistic.two_classes import bound_of
from skpc.direct.moments import Source, collect_blocks, standardise
from skpc.direct.solve import varying


def class_rows(X, y, weights=None):
    weights = np.ones(len(y)) if weights is None else weights
    source = Source(X, y.astype(float), weights, None, X.shape[1])
    data = standardise(collect_blocks(source, "cpu"), True)
    return ClassRows(source, data, varying(data))


def design(rows):
    """Standardised features with a one, (n, E)."""
    return np.concatenate([z for z, _, _ in rows.blocks()])


def case(n_classes, n=60, seed=0):
    X, y = rows_of_classes(n, 3, n_classes, seed)
    rows = class_rows(X, y)
    shape = (1 if n_classes == 2 else n_classes, 4)
    return rows, y, nothing(*shape), np.random.RandomState(seed).standard_normal(shape)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_sums_are_the_likelihood_and_its_derivatives(n_classes):
    rows, y, _, w = case(n_classes)
    z = design(rows)

    def loss(weights):
        return -log_likelihoods(z @ weights.T, y)

    sums = sums_at(rows, w)
    assert_allclose(sums.loss, loss(w))
    step = 1e-5
    for s, e in np.ndindex(*w.shape):
        one = np.zeros_like(w)
        one[s, e] = step
        assert_allclose(sums.gradient[s, e], (loss(w - one) - loss(w + one)) / 2 / step, rtol=1e-5)
        bent = curvature_along(rows, w, one / step)
        by_gradients = sums_at(rows, w - one).gradient - sums_at(rows, w + one).gradient
        assert_allclose(bent, by_gradients / 2 / step, atol=1e-4)
        # The block of a score is the part of the second derivative within it.
        assert_allclose(bent[s], sums.blocks[s, e], rtol=1e-9)


def test_losses_keep_their_digits_where_probabilities_do_not():
    scores = np.array([[50.0], [-50.0], [800.0], [0.0]])
    targets = np.array([[1.0], [1.0], [0.0], [1.0]])
    expected = [np.exp(-50.0), 50.0, 800.0, np.log(2)]
    assert_allclose(losses_of(scores, targets), expected, rtol=1e-12)
    both = np.concatenate([scores, 0 * scores, 0 * scores - 1e9], axis=1)
    assert_allclose(losses_of(both, targets_of(np.array([0, 0, 1, 0]), 3)), expected, rtol=1e-12)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_optimum_is_that_of_logistic_regression(n_classes):
    rows, y, earlier, _ = case(n_classes, n=80)
    penalty = np.array([3.0, 3.0, 3.0, 0.0])
    found = optimum(rows, earlier, penalty, earlier.moment)
    other = LogisticRegression(C=1 / 3.0, tol=1e-10, max_iter=5000).fit(design(rows)[:, :3], y)
    assert_allclose(found.weights[:, :3], other.coef_, atol=1e-5)
    assert_allclose(found.gradient, penalty * found.weights, atol=1e-7)


@pytest.mark.parametrize(("n_classes", "most"), [(2, 0.02), (3, 0.02)])
def test_rows_left_out_lose_what_refits_without_them_lose(n_classes, most):
    X, y = rows_of_classes(60, 3, n_classes, 1, size=1.0)
    rows, n = class_rows(X, y), 1 if n_classes == 2 else n_classes
    penalty = np.array([1.0, 1.0, 1.0, 0.0])
    whole = optimum(rows, nothing(n, 4), penalty, np.zeros((n, 4)))
    found, _ = left_out_losses(rows, whole)
    exact = []
    for i in range(60):
        source = Source(X, y.astype(float), (np.arange(60) != i).astype(float), None, 3)
        others = ClassRows(source, rows.data, rows.columns)
        at = optimum(others, nothing(n, 4), penalty, whole.weights)
        exact.append(losses_of(design(rows)[[i]] @ at.weights.T, targets_of(y[[i]], n))[0])
    training = whole.sums.loss / 60
    assert np.mean(exact) > training + 0.03
    assert abs(found.mean() - np.mean(exact)) < most


def test_the_penalty_is_strong_for_noise_and_weak_for_planted_weights():
    X, y = rows_of_classes(400, 3, 2, 0, size=2.0)
    chance = np.random.RandomState(0).permutation(y)
    units, start = np.ones(3), np.zeros((1, 4))
    planted = best_penalty(class_rows(X, y), nothing(1, 4), units, start)
    noise = best_penalty(class_rows(X, chance), nothing(1, 4), units, start)
    assert noise.at.penalty[0] > 30 * planted.at.penalty[0]
    assert planted.left_out < noise.left_out <= np.log(2) + 0.02


def test_the_bound_touches_the_likelihood_and_stays_below_it():
    rows, y, _, w = case(2)
    z = design(rows)
    form = bound_of(rows, w[0], np.zeros(4))
    assert_allclose(form.value(w), log_likelihoods(z @ w.T, y), rtol=1e-12)
    assert_allclose(form.gradient(w), sums_at(rows, w).gradient, atol=1e-9)
    for other in np.random.RandomState(1).standard_normal((50, 1, 4)) * 3:
        assert form.value(other) <= log_likelihoods(z @ other.T, y) + 1e-9


def test_the_expansion_has_the_value_and_the_slope_of_the_likelihood():
    rows, _, earlier, _ = case(3)
    at = optimum(rows, earlier, np.array([1.0, 1.0, 1.0, 0.0]), earlier.moment)
    form = expansion_of(at)
    assert_allclose(form.value(at.weights), -at.sums.loss, rtol=1e-10)
    assert_allclose(form.gradient(at.weights), at.gradient, atol=1e-9)


def test_fitted_intercepts_leave_no_slope_and_add_to_zero():
    rows, _, earlier, w = case(4)
    found = fitted_intercepts(rows, 5 * w, earlier)
    assert (found[:, :3] == 5 * w[:, :3]).all()
    assert_allclose(sums_at(rows, found).gradient[:, 3], 0, atol=1e-6)
    assert_allclose(found[:, 3].sum(), 0, atol=1e-9)


def test_forms_keep_their_values_in_other_units():
    X, y = rows_of_classes(50, 3, 2, 2)
    old, new = class_rows(X[:30], y[:30]).data, class_rows(X, y).data
    random = np.random.RandomState(0)
    root = random.standard_normal((1, 4, 4))
    form = Quadratic(root @ root.transpose(0, 2, 1), random.standard_normal((1, 4)), -2.0)
    transform = between_units(old, new)
    w = random.standard_normal((1, 4))
    before = w @ transform.T
    assert_allclose(form.of_weights(transform).value(w), form.value(before))
    scores = [
        (X - data.x_mean) / data.x_scale @ v[0, :3] + v[0, 3]
        for data, v in ((old, before), (new, w))
    ]
    assert_allclose(*scores, rtol=1e-9)


def test_log_odds_have_the_moments_of_draws():
    random = np.random.RandomState(0)
    moments = np.stack([random.normal(0, 2, (4, 3)), random.uniform(0.001, 0.02, (4, 3))], axis=-1)
    odds = log_odds_of(moments)
    draws = moments[..., 0] + np.sqrt(moments[..., 1]) * random.standard_normal((20000, 4, 3))
    shares = probabilities_of(draws.reshape(-1, 3)).reshape(20000, 4, 3)
    drawn = np.log(shares) - np.log1p(-shares)
    assert_allclose(odds[..., 0], drawn.mean(axis=0), atol=0.02)
    assert_allclose(odds[..., 1], drawn.var(axis=0), rtol=0.1)
    two = log_odds_of(np.array([[[1.5, 0.3]]]))
    assert_allclose(two[0], [[-1.5, 0.3], [1.5, 0.3]])
    assert_allclose(probabilities_of(np.array([[1.5]]))[0, 1], expit(1.5))
