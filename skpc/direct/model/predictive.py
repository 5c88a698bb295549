"""What the posterior says about weights and new targets.

Axes: N rows, R components, B features, K codes, L noise levels, S draws.
"""

import numpy as np
from numpy.typing import NDArray

from .elbo import Floats


def linear_moments(
    features: Floats, centre: Floats, coef: Floats, coef_variance: Floats, intercept: float
) -> tuple[Floats, Floats]:
    """Mean and variance of the linear predictor under each component, both (N, R) and exact.

    Parameters
    ----------
    features : ndarray (N, B)
    centre : ndarray (B,)
        Means that the features were centred on in training.
    coef, coef_variance : ndarray (R, B)
        In the units of the features.
    intercept : float
        Prediction at `centre`.
    """
    centred = features - centre
    return centred @ coef.T + intercept, centred**2 @ coef_variance.T


def pool(weights: Floats, mean: Floats, variance: Floats, axis: int) -> tuple[Floats, Floats]:
    """Mean and variance of a mixture: the variance within its components and that between.

    Parameters
    ----------
    weights : ndarray (R,)
    mean, variance : ndarray
        Of the components, which lie along `axis`.

    Examples
    --------
    >>> mean, variance = pool(np.array([0.5, 0.5]), np.array([-1.0, 1.0]), np.array([3.0, 5.0]), 0)
    >>> float(mean), float(variance)
    (0.0, 5.0)
    """
    mean, variance = np.moveaxis(mean, axis, -1), np.moveaxis(variance, axis, -1)
    pooled = mean @ weights
    return pooled, (variance + (mean - pooled[..., None]) ** 2) @ weights


def log_density(
    y: Floats,
    weights: Floats,
    mean: Floats,
    variance: Floats,
    levels: Floats,
    probabilities: Floats,
) -> Floats:
    """Log density of targets, (N,): a mixture over components and noise levels of normal ones.

    The mixture is exact; the linear predictor, a sum of B independent discrete terms, enters each
    of its parts as a normal variable of its exact mean and variance.

    Parameters
    ----------
    y : ndarray (N,)
        Targets.
    weights : ndarray (R,)
        Of the components.
    mean, variance : ndarray (N, R)
        Of the linear predictor.
    levels, probabilities : ndarray (L,)
        Of the noise variance.
    """
    parts = [
        np.log(weight) + _log_normal(y, mean[:, i], variance[:, i], levels, probabilities)
        for i, weight in enumerate(weights)
        if weight > 0
    ]
    return np.logaddexp.reduce(parts, axis=0)


def _log_normal(
    y: Floats, mean: Floats, variance: Floats, levels: Floats, probabilities: Floats
) -> Floats:
    """Log density of targets (N,) under one component."""
    kept = probabilities > 0
    total = variance[:, None] + levels[kept]
    logs = np.log(probabilities[kept]) - 0.5 * np.log(2 * np.pi * total)
    logs -= 0.5 * (y - mean)[:, None] ** 2 / total
    return np.logaddexp.reduce(logs, axis=1)


def draw_codes(
    probabilities: Floats, n_draws: int, random: np.random.RandomState
) -> NDArray[np.int8]:
    """Codes of every weight, drawn from its factor, (S, B).

    Parameters
    ----------
    probabilities : ndarray (B, K)
    n_draws : int
    random : RandomState
    """
    return _codes_at(random.random_sample((n_draws, len(probabilities))), probabilities)


def draw_mixture(
    weights: Floats, probabilities: Floats, n_draws: int, random: np.random.RandomState
) -> NDArray[np.int8]:
    """Codes of every weight from a component that each draw chooses, (S, B).

    Parameters
    ----------
    weights : ndarray (R,)
    probabilities : ndarray (R, B, K)
    n_draws : int
    random : RandomState
    """
    uniform = random.random_sample((n_draws, probabilities.shape[1]))
    component = random.choice(len(weights), size=n_draws, p=weights)
    codes = np.empty(uniform.shape, dtype=np.int8)
    for i, factors in enumerate(probabilities):
        codes[component == i] = _codes_at(uniform[component == i], factors)
    return codes


def _codes_at(uniform: Floats, probabilities: Floats) -> NDArray[np.int8]:
    """Codes at which cumulative probabilities (B, K) pass uniform numbers (S, B)."""
    n_codes = probabilities.shape[1]
    steps = np.cumsum(probabilities, axis=1)[:, :-1]
    place = np.zeros(uniform.shape, dtype=np.int16)
    for k in range(n_codes - 1):
        place += uniform > steps[:, k]
    return (place - n_codes // 2).astype(np.int8)
