"""The integer arithmetic of packed classifiers, which the C header repeats to the last bit.

Scores are integers in units of 2**-F doublings of the odds, so that powers of two take the place of
exponentials: 2**-d is a shift by the whole part of d and, by the rest, an entry of a table of 65,
between which it is linear. Its error is below one in 10,000.

Axes: N rows, B features, S scores, C classes.
"""

import numpy as np
from numpy.typing import NDArray

from ..arrays import Floats

Integers = NDArray[np.int64]

# Entries of the table of 2**-x, x from 0 to 1, and bits of their unit.
TABLE_BITS, TABLE_ONE = 6, 15
# Units of a probability: 2**-16.
SHARE_BITS = 16
# Bits that the table's numbers are raised by, so that small ones keep digits when shifted.
RAISED = 9
# Fractional bits F of a score: fewer than the table's would leave it no entry, and with more the
# linear part would pass 32 bits.
LEAST_FRACTION, MOST_FRACTION = TABLE_BITS, 28
# Classes whose powers of two add to less than 2**32.
MOST_SCORES = 255


def table_of_powers() -> Integers:
    """2**-x for x of 0, 1/64, ..., 1, in units of 2**-15, (65,).

    Examples
    --------
    >>> table_of_powers()[[0, 64]]
    array([32768, 16384])
    """
    x = np.arange(2**TABLE_BITS + 1) / 2**TABLE_BITS
    return np.rint(2.0 ** (TABLE_ONE - x)).astype(np.int64)


def powers(below: Integers, fraction: int) -> Integers:
    """2**-d in units of 2**-24 for distances d >= 0 in units of 2**-F.

    Parameters
    ----------
    below : ndarray of int64
    fraction : int
        F.
    """
    table, fine = table_of_powers(), fraction - TABLE_BITS
    whole, rest = below >> fraction, below & ((1 << fraction) - 1)
    i, part = rest >> fine, rest & ((1 << fine) - 1)
    value = table[i] - (((table[i] - table[i + 1]) * part) >> fine)
    return (value << RAISED) >> np.minimum(whole, 31)


def class_scores(scores: Integers) -> Integers:
    """Scores of all classes (N, C): of two, the first has the score 0."""
    if scores.shape[1] > 1:
        return scores
    return np.concatenate([np.zeros_like(scores), scores], axis=1)


def class_shares(scores: Integers, fraction: int) -> Integers:
    """Probabilities of the classes in units of 2**-16, (N, C), from scores (N, S).

    Rows add to 2**16 or a few units less, since all divisions round down.
    """
    every = class_scores(scores)
    odds = powers(every.max(axis=1, keepdims=True) - every, fraction)
    total = odds.sum(axis=1, keepdims=True)
    return (odds << (SHARE_BITS - RAISED)) // (total >> RAISED)


def score_sums(inputs: NDArray[np.int8], weights: Integers) -> Integers:
    """Sums over the features of integer weights (S, B) times inputs (N, B), (N, S)."""
    return inputs.astype(np.int64) @ weights.T


def largest_sums(weights: Integers) -> Floats:
    """Bound of the absolute values of partial sums of every score, (S,), and of a shifted input."""
    return 128.0 * np.maximum(np.abs(weights).sum(axis=1, dtype=np.float64), 1.0)
