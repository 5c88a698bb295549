"""Rows in blocks of bounded memory, mapped to features one block at a time.

Axes: N rows, D columns of X, B features.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..arrays import Floats
from .statistics import Moments, collect, merge

FeatureMap = Callable[[Any], Any] | None

# Cells of a block of features: 4 million float64 are 32 MB, and several copies exist at a time.
BLOCK_CELLS = 4_000_000
# Rows of the block that a feature map is fitted on.
FIRST_BLOCK = 20_000


def row_blocks(n_rows: int, n_features: int) -> Iterator[slice]:
    """Slices of rows whose features fill at most `BLOCK_CELLS` cells.

    Examples
    --------
    >>> list(row_blocks(5, 2_000_000))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    size = max(BLOCK_CELLS // max(n_features, 1), 1)
    for start in range(0, n_rows, size):
        yield slice(start, min(start + size, n_rows))


def features_of(x: Any, feature_map: FeatureMap) -> Floats:
    """Features of a block of rows, (N, B), in float64.

    Raises
    ------
    ValueError
        If the map gives numbers that are not finite.
    """
    mapped = x if feature_map is None else feature_map(x)
    if hasattr(mapped, "toarray"):
        mapped = mapped.toarray()
    features = np.asarray(mapped, dtype=np.float64)
    if feature_map is not None and not np.isfinite(features).all():
        raise ValueError("feature_map gives NaN or infinity.")
    return features


def collect_blocks(
    x: Any, y: Floats, weights: Floats, feature_map: FeatureMap, n_features: int, device: str
) -> Moments:
    """Moments of all rows, one block of features in memory at a time.

    Parameters
    ----------
    x : ndarray (N, D)
    y : ndarray (N,)
    weights : ndarray (N,)
        Not negative; rows of weight 0 are left out.
    feature_map : callable or None
    n_features : int
        B.
    device : str
    """
    total = None
    for rows in row_blocks(len(y), n_features):
        counted = weights[rows] > 0
        if not counted.any():
            continue
        block = collect(
            features_of(x[rows][counted], feature_map),
            y[rows][counted],
            weights[rows][counted],
            device,
        )
        total = block if total is None else merge(total, block)
    assert total is not None  # the caller has checked that a weight is positive
    return total


def map_blocks(
    function: Callable[[Floats], Floats], x: Any, feature_map: FeatureMap, n_features: int
) -> Floats:
    """Rows of `function(features)` for all rows of x, block by block."""
    blocks = row_blocks(len(x), n_features)
    return np.concatenate([function(features_of(x[rows], feature_map)) for rows in blocks])
