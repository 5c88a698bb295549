"""The integer arithmetic of packed draws, which the C header repeats to the last bit.

Axes: N rows, B features, S draws.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Floats
from .bits import Codes

# Largest input that `quantise` makes, and largest absolute value of an int8.
TOP_LEVEL, TOP_INT8 = 127, 128
# Integers up to here are float64 exactly, so that a sum is rounded only when it is scaled.
EXACT = 2.0**53


def quantise(features: Floats, offset: Floats, scale: Floats) -> Codes:
    """Int8 inputs of features, (N, B): (x - offset) / scale, rounded, ties to even, and clipped.

    Parameters
    ----------
    features : ndarray (N, B)
    offset, scale : ndarray (B,)
    """
    levels = np.rint((features - offset) / scale)
    return np.clip(levels, -TOP_LEVEL, TOP_LEVEL).astype(np.int8)


def integer_sums(inputs: Codes, codes: Codes, exponents: NDArray[Any]) -> NDArray[np.int64]:
    """Sum over j of c_sj 2**e_j q_j for every draw, (N, S).

    Parameters
    ----------
    inputs : ndarray of int8 (N, B)
    codes : ndarray of int8 (S, B)
    exponents : ndarray of integers (B,)
    """
    return (inputs * 2**exponents) @ codes.T.astype(np.int64)


def squared_deviations(sums: NDArray[np.int64]) -> Floats:
    """Sum over the draws of (S sum_s - total)**2, added in the order of the draws, (N,).

    Parameters
    ----------
    sums : ndarray of int64 (N, S)
    """
    total = sums.sum(axis=1)
    squares = np.zeros(len(sums))
    for draw in sums.T:
        squares += (sums.shape[1] * draw - total).astype(np.float64) ** 2
    return squares


def largest_sum(codes: Codes, exponents: NDArray[Any]) -> float:
    """Bound of the absolute values of partial sums, and of a shifted input whose codes are all 0.

    Parameters
    ----------
    codes : ndarray of int8 (S, B)
    exponents : ndarray of integers (B,)
    """
    at_least_one = np.maximum(np.abs(codes), 1)
    return float((at_least_one @ 2.0**exponents).max()) * TOP_INT8
