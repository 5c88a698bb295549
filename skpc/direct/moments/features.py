"""Rows in blocks of bounded memory, mapped to features one block at a time.

Axes: N rows, D columns of X, B features, T targets.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..arrays import Floats
from .statistics import Moments, collect, merge

FeatureMap = Callable[[Any], Any] | None
# Features, targets and weights of a block of rows.
Block = tuple[Floats, Floats, Floats]

# Cells of a block of features: 4 million float64 are 32 MB, and several copies exist at a time.
BLOCK_CELLS = 4_000_000
# Rows of the block that a feature map is fitted on.
FIRST_BLOCK = 20_000


def row_blocks(n_rows: int, n_cells: int) -> Iterator[slice]:
    """Slices of rows that fill at most `BLOCK_CELLS` cells.

    Parameters
    ----------
    n_rows : int
    n_cells : int
        Of a row: its columns or, if these are more, its features.

    Examples
    --------
    >>> list(row_blocks(5, 2_000_000))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    size = max(BLOCK_CELLS // max(n_cells, 1), 1)
    for start in range(0, n_rows, size):
        yield slice(start, min(start + size, n_rows))


def features_of(x: Any, feature_map: FeatureMap) -> Floats:
    """Features of a block of rows, (N, B), in float64.

    Raises
    ------
    ValueError
        If the map gives anything but finite numbers.
    """
    if feature_map is None:
        return np.asarray(x, dtype=np.float64)
    return mapped_features(feature_map(floats_of(x)))


def floats_of(x: Any) -> Any:
    """A block of rows as a map gets it: floats as they are, integers as float64."""
    return x if x.dtype.kind == "f" else x.astype(np.float64)


def mapped_features(mapped: Any) -> Floats:
    """What a map gave for a block of rows as an array (N, B) in float64.

    Raises
    ------
    ValueError
        If it is anything but finite numbers.
    """
    if hasattr(mapped, "toarray"):
        mapped = mapped.toarray()
    cells = np.asarray(mapped)
    if cells.dtype.kind not in "biufO":
        raise ValueError(f"feature_map gives values of the type {cells.dtype}; numbers only.")
    features = np.asarray(cells, dtype=np.float64)
    if not np.isfinite(features).all():
        raise ValueError("feature_map gives NaN or infinity.")
    return features


@dataclass(frozen=True)
class Source:
    """Rows to learn from, which are read as often as a fit needs them.

    Attributes
    ----------
    x : ndarray (N, D)
    y : ndarray (N,) or (N, T)
    weights : ndarray (N,)
        Not negative, one of them positive; rows of weight 0 are left out.
    feature_map : callable or None
    n_features : int
        B.
    first : ndarray or None
        Features of the first rows of positive weight, where these were mapped already.
    """

    x: Any
    y: Floats
    weights: Floats
    feature_map: FeatureMap
    n_features: int
    first: Floats | None = None

    def blocks(self) -> Iterator[Block]:
        """All rows, one block of features in memory at a time."""
        n_mapped = 0 if self.first is None else len(self.first)
        for rows in row_blocks(len(self.y), max(self.n_features, self.x.shape[1])):
            counted = self.weights[rows] > 0
            if not counted.any():
                continue
            # A slice is no copy.
            chosen = rows if counted.all() else rows.start + np.flatnonzero(counted)
            y, weights = self.y[chosen], self.weights[chosen]
            yield self._features(chosen, len(y), n_mapped), y, weights
            n_mapped = max(n_mapped - len(y), 0)

    def _features(self, chosen: Any, n_rows: int, n_mapped: int) -> Floats:
        """Features of some rows, of which the first `n_mapped` were mapped before."""
        x = self.x[chosen]
        if self.first is None or not n_mapped:
            return features_of(x, self.feature_map)
        mapped = self.first[len(self.first) - n_mapped :][:n_rows]
        if len(mapped) == n_rows:
            return mapped
        return np.concatenate([mapped, features_of(x[len(mapped) :], self.feature_map)])


def collect_blocks(source: Source, device: str) -> Moments:
    """Moments of all rows, one block of features in memory at a time.

    Raises
    ------
    UnitError
        If squares of a column are too large or too small for float64.
    """
    total = None
    for features, y, weights in source.blocks():
        block = collect(features, y, weights, device)
        total = block if total is None else merge(total, block)
    assert total is not None  # the caller has checked that a weight is positive
    return total


def map_blocks(
    function: Callable[[Floats], Floats], x: Any, feature_map: FeatureMap, n_features: int
) -> Floats:
    """Rows of `function(features)` for all rows of x, block by block."""
    blocks = row_blocks(len(x), max(n_features, x.shape[1]))
    return np.concatenate([function(features_of(x[rows], feature_map)) for rows in blocks])
