"""Draws of integer codes from factors, and from mixtures of them.

Axes: R components, B features, K codes, S draws.
"""

import numpy as np
from numpy.typing import NDArray

from ..arrays import Floats


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
    cumulative = np.cumsum(probabilities, axis=1)[:, :-1]
    index = np.zeros(uniform.shape, dtype=np.int16)
    for k in range(n_codes - 1):
        index += uniform > cumulative[:, k]
    return (index - n_codes // 2).astype(np.int8)
