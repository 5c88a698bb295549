"""Mutual information of all pairs of columns, from counts of their bins.

Axes: n rows, D columns, S bins of all columns together, C columns of one block.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

# Rows whose indicators of bins are in memory at once, and counts of pairs of bins.
BLOCK = 4096
CELLS = 2**25

# Bins of a column of codes, at most: rarer codes share the last one.
MAX_CODES = 32


def bin_columns(
    z: Floats, continuous: Sequence[bool], weights: Floats, n_bins: int = 8
) -> list[Indices]:
    """Columns as bins: codes by frequency, numbers by quantiles; -1 where missing.

    Parameters
    ----------
    z : ndarray (n, D)
        NaN where missing.
    continuous : sequence of bool (D,)
        Which columns hold numbers.
    weights : ndarray (n,)
    n_bins : int, default=8
        Bins of a column of numbers, at most; fewer where values tie.

    Returns
    -------
    list of ndarray (n,)
        Bins 0 to (their number - 1) of every column.
    """
    return [
        _quantile_bins(column, weights, n_bins) if real else _code_bins(column)
        for column, real in zip(z.T, continuous, strict=True)
    ]


def _code_bins(column: Floats) -> Indices:
    """One bin for each code, (n,), the most frequent code first."""
    observed = ~np.isnan(column)
    bins = np.full(len(column), -1)
    _, codes, counts = np.unique(column[observed], return_inverse=True, return_counts=True)
    by_frequency = np.argsort(np.argsort(-counts, kind="stable"), kind="stable")
    bins[observed] = np.minimum(by_frequency[codes], MAX_CODES - 1)
    return bins


def _quantile_bins(column: Floats, weights: Floats, n_bins: int) -> Indices:
    """Bins of about equal weight (n,), in the order of the numbers."""
    observed = np.flatnonzero(~np.isnan(column))
    bins = np.full(len(column), -1)
    if not len(observed):
        return bins
    order = observed[np.argsort(column[observed], kind="stable")]
    cumulative = np.cumsum(weights[order])
    # Slightly below the quantiles, so that rounding does not decide which of two rows is the edge.
    quantiles = np.arange(1, n_bins) / n_bins - 1e-9
    edges = np.unique(column[order][np.searchsorted(cumulative / cumulative[-1], quantiles)])
    intervals = np.searchsorted(edges, column[observed], side="left")
    # Intervals without any row are left out.
    bins[observed] = np.unique(intervals, return_inverse=True)[1]
    return bins


def count_bins(bins: list[Indices]) -> Indices:
    """Number of bins of every column (D,), at least one."""
    return np.array([int(column.max(initial=0)) + 1 for column in bins])


def mutual_information(bins: list[Indices], weights: Floats) -> Floats:
    """Mutual information of every pair of columns over the rows that show both.

    The counts of all pairs of bins are a product of the bins' indicators with themselves. It
    is made in blocks of rows, for a block of columns against all.

    Parameters
    ----------
    bins : list of ndarray (n,)
        Bins of every column, -1 where missing.
    weights : ndarray (n,)

    Returns
    -------
    ndarray (D, D)
        Nats; 0 for pairs that no row shows together, and on the diagonal the entropy.
    """
    sizes = count_bins(bins)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    information = np.empty((len(bins), len(bins)))
    n_columns = max(1, CELLS // int(starts[-1] * sizes.max()))
    for first in range(0, len(bins), n_columns):
        last = min(first + n_columns, len(bins))
        counts = _pair_counts(bins, weights, starts, slice(starts[first], starts[last]))
        information[first:last] = _information(
            counts, starts[first:last] - starts[first], starts[:-1]
        )
    return np.maximum(information, 0.0)


def _pair_counts(bins: list[Indices], weights: Floats, starts: Indices, block: slice) -> Floats:
    """Weighted counts of the bins of `block` with all bins, (bins of the block, S).

    All counts are divided by the largest weight, so that float32 holds the roots of the weights.
    """
    counts = np.zeros((block.stop - block.start, starts[-1]))
    heaviest = max(float(weights.max()), np.finfo(float).tiny)
    for begin in range(0, len(weights), BLOCK):
        rows = slice(begin, begin + BLOCK)
        root = np.sqrt(weights[rows] / heaviest)
        indicators = np.zeros((len(root), starts[-1]), dtype=np.float32)
        for column, start in zip(bins, starts, strict=False):
            observed = np.flatnonzero(column[rows] >= 0)
            indicators[observed, start + column[rows][observed]] = root[observed]
        # Blocks of some thousand rows keep float32 sums exact to six digits; the
        # totals over blocks are float64.
        counts += indicators[:, block].T @ indicators
    return counts


def _information(counts: Floats, starts: Indices, all_starts: Indices) -> Floats:
    """Mutual information of C columns with all, (C, D), from counts of their bins.

    With N the sum of the counts n of a pair's bins, and r, c the sums of n over the bins of one
    column, it is (sum of n log n - sum of r log r - sum of c log c + N log N) / N.

    Parameters
    ----------
    counts : ndarray (bins of the C columns, S)
    starts : ndarray (C,)
        First bin of each of the C columns in the rows of `counts`.
    all_starts : ndarray (D,)
        First bin of each column in the columns of `counts`.
    """
    # Counts of every bin of one column among the rows that show the other column.
    bins_by_column = _sum_blocks(counts, all_starts, 1)
    column_by_bins = _sum_blocks(counts, starts, 0)
    totals = _sum_blocks(bins_by_column, starts, 0)
    information = (
        _sum_blocks(_sum_blocks(_xlogx(counts), starts, 0), all_starts, 1)
        - _sum_blocks(_xlogx(bins_by_column), starts, 0)
        - _sum_blocks(_xlogx(column_by_bins), all_starts, 1)
        + _xlogx(totals)
    )
    return information / np.where(totals > 0, totals, 1.0)


def _xlogx(x: Floats) -> Floats:
    return x * np.log(np.where(x > 0, x, 1.0))


def _sum_blocks(x: Floats, starts: Indices, axis: int) -> Floats:
    return np.add.reduceat(x, starts, axis=axis)
