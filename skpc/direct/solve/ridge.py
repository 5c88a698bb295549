"""A grid near ridge regression: one step per feature, and the codes nearest to the ridge weights.

With many correlated features and little noise the errors of rounded weights must cancel. So the
weights of a ridge regression, whose penalty maximises the evidence, are rounded one after
another, and those that are still to be rounded compensate the errors so far.

Axes: B features, P penalties.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve, cholesky

from ..arrays import Floats
from ..moments import Standardised

# Penalties to choose from, as shares of the sum of weights: a lattice, so that the same rows in
# other chunks have the same penalty to the last bit.
PENALTIES = 2.0 ** np.arange(-30.0, 7.25, 0.25)
# Penalties of the weights that are rounded, as multiples of the ridge's own: with larger ones the
# errors of rounding need to cancel less.
EASINGS = 2.0 ** np.arange(0.0, 3.5, 0.5)
# Shares of the weights' root mean square that the grid of every weight reaches at least: with a
# small share errors cancel better, and there are more different steps.
FLOORS = (0.04, 0.08, 0.16)
# Posterior standard deviations that a step reaches beyond its weight, so that the grid's edge
# does not cut the posterior off: on held-out training rows 1/2 and 1 were equally good, and better
# than 0 and 2 (benchmarks/results/direct_reach.md).
REACH = 1.0


@dataclass(frozen=True)
class Ridge:
    """Ridge regression with the penalty of the highest evidence.

    Attributes
    ----------
    penalty : float
        Noise variance over the prior variance of a weight.
    noise : float
        Noise variance.
    """

    penalty: float
    noise: float


@dataclass(frozen=True)
class Rounded:
    """Weights on a grid near those of a ridge regression.

    Attributes
    ----------
    step : ndarray (B,)
        Weights of code 1, powers of two.
    weights : ndarray (B,)
        Codes times steps.
    noise : float
        Noise variance: that of the ridge or, if larger, the mean squared residual of the weights.
    """

    step: Floats
    weights: Floats
    noise: float


def best_ridge(data: Standardised) -> Ridge:
    """The penalty with the highest evidence, the noise variance at its best for each.

    Notes
    -----
    With X'X = U diag(g) U' and c = U'X'y the log evidence of a penalty l, up to a constant, is

        -(n / 2) log(s(l)) + (1 / 2) sum_j log(l / (g_j + l)),
        s(l) = (y'y - sum_j c_j^2 / (g_j + l)) / n.
    """
    values, vectors = np.linalg.eigh(data.gram)
    penalties = data.weight * PENALTIES
    total = np.maximum(values, 0.0) + penalties[:, None]  # (P, B)
    explained = ((vectors.T @ data.moment) ** 2 / total).sum(axis=1)
    # Where y is explained up to rounding, a better explanation is no merit of a penalty.
    noise = np.maximum((data.square - explained) / data.weight, 1e-12)
    evidence = -0.5 * data.weight * np.log(noise)
    evidence += 0.5 * (np.log(penalties)[:, None] - np.log(total)).sum(axis=1)
    best = int(np.argmax(evidence))
    return Ridge(float(penalties[best]), float(noise[best]))


def feed_back(
    root: Floats, target: Floats, largest: float, smallest: float, deviation: float = 0.0
) -> tuple[Floats, Floats]:
    """Integer codes (B,) and steps (B,) with weights near a target in the metric of root'root.

    From the last feature to the first, each takes the weight that would be best if those before
    it could compensate freely (Babai's nearest plane). It is rounded to a code, whose step is the
    smallest power of two with which the largest code reaches the weight.

    Parameters
    ----------
    root : ndarray (B, B)
        Upper triangular.
    target : ndarray (B,)
    largest : float
        Largest code.
    smallest : float
        Weight that the grid of every feature reaches at least.
    deviation : float
        Distance beyond the weight that its grid reaches, so that its posterior is not cut off.

    Examples
    --------
    >>> codes, step = feed_back(np.eye(3), np.array([1.0, -1.8, 0.01]), 7.0, 0.5)
    >>> codes, step
    (array([ 4., -4.,  0.]), array([0.25 , 0.5  , 0.125]))
    """
    codes, step = np.zeros_like(target), np.zeros_like(target)
    columns = np.ascontiguousarray(root.T)
    residual = root @ target
    for j in range(len(target) - 1, -1, -1):
        weight = residual[j] / root[j, j]
        reach = max(abs(weight) + deviation, smallest)
        step[j] = 2.0 ** np.ceil(np.log2(reach / largest))
        codes[j] = np.round(weight / step[j])
        residual[: j + 1] -= columns[j, : j + 1] * (codes[j] * step[j])
    return codes, step


def round_ridge(data: Standardised, largest: float) -> Rounded:
    """The best of several roundings: the one with the highest posterior density of the ridge.

    Parameters
    ----------
    data : Standardised
    largest : float
        Largest code.
    """
    ridge = best_ridge(data)
    roundings = [
        rounded for easing in EASINGS for rounded in _roundings(data, ridge, float(easing), largest)
    ]
    errors = [_squared_error(data, weights) for weights, _ in roundings]
    losses = [
        error + ridge.penalty * float(weights @ weights)
        for error, (weights, _) in zip(errors, roundings, strict=True)
    ]
    best = int(np.argmin(losses))
    weights, step = roundings[best]
    return Rounded(step, weights, max(ridge.noise, errors[best] / data.weight))


def _roundings(
    data: Standardised, ridge: Ridge, easing: float, largest: float
) -> Iterator[tuple[Floats, Floats]]:
    """Weights (B,) and steps (B,), for each floor, near the ridge regression of one penalty."""
    penalty = easing * ridge.penalty
    deviation = REACH * np.sqrt(ridge.noise / (data.weight + ridge.penalty))
    # Rounded to a lattice, so that no step depends on the last bit of the data.
    deviation = 2.0 ** (round(8 * np.log2(max(deviation, 1e-12))) / 8)
    penalised = data.gram.copy()
    penalised[np.diag_indices_from(penalised)] += penalty
    target = cho_solve(cho_factor(penalised), data.moment)
    # Large weights are rounded first: many small ones, with fine steps, compensate their errors.
    order = np.argsort(np.abs(target), kind="stable")
    root = cholesky(penalised[np.ix_(order, order)])
    typical = max(float(np.sqrt(np.mean(target**2))), 1e-8)
    for floor in FLOORS:
        weights, step = np.empty_like(target), np.empty_like(target)
        codes, step[order] = feed_back(root, target[order], largest, floor * typical, deviation)
        weights[order] = codes * step[order]
        yield weights, step


def _squared_error(data: Standardised, weights: Floats) -> float:
    """||y - Xw||^2, not below 0."""
    error = data.square - 2 * weights @ data.moment + weights @ data.gram @ weights
    return max(float(error), 0.0)
