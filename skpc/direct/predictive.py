"""What the posterior says about weights and new targets.

Axes: N rows, B features, K codes, L noise levels, S draws.
"""

import numpy as np
from numpy.typing import NDArray

from .elbo import Floats


def linear_moments(
    features: Floats, centre: Floats, coef: Floats, coef_variance: Floats, intercept: float
) -> tuple[Floats, Floats]:
    """Mean and variance of the linear predictor, both (N,) and exact under the posterior.

    Parameters
    ----------
    features : ndarray (N, B)
    centre : ndarray (B,)
        Means that the features were centred on in training.
    coef, coef_variance : ndarray (B,)
        In the units of the features.
    intercept : float
        Prediction at `centre`.
    """
    centred = features - centre
    return centred @ coef + intercept, centred**2 @ coef_variance


def log_density(
    y: Floats, mean: Floats, variance: Floats, levels: Floats, probabilities: Floats
) -> Floats:
    """Log density of targets, (N,): a mixture over the noise levels of normal densities.

    The mixture is exact; the linear predictor, a sum of B independent discrete terms, enters each
    of its parts as a normal variable of its exact mean and variance.

    Parameters
    ----------
    y, mean, variance : ndarray (N,)
        Targets, and moments of the linear predictor.
    levels, probabilities : ndarray (L,)
        Of the noise variance.
    """
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
    n_features, n_codes = probabilities.shape
    steps = np.cumsum(probabilities, axis=1)[:, :-1]
    uniform = random.random_sample((n_draws, n_features))
    place = np.zeros((n_draws, n_features), dtype=np.int16)
    for k in range(n_codes - 1):
        place += uniform > steps[:, k]
    return (place - n_codes // 2).astype(np.int8)
