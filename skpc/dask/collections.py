"""Dask arrays and frames as blocks of rows, and lazy answers for each of their blocks.

Axes: n rows of a block, D columns.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import dask.array as da
import numpy as np
from dask.base import is_dask_collection
from dask.delayed import Delayed, delayed
from sklearn.utils import check_random_state

__all__ = [
    "blocks_of",
    "check_rows",
    "column_blocks",
    "empty_like",
    "is_dask_collection",
    "like_rows",
    "one_a_row",
    "seeds_of",
    "table_of",
]


def is_frame(X: Any) -> bool:
    """Whether X is a Dask frame or series, not an array."""
    return not isinstance(X, da.Array)


def whole_rows(X: Any) -> Any:
    """An array whose blocks hold whole rows; frames do."""
    if is_frame(X) or X.ndim == 1 or X.numblocks[1] == 1:
        return X
    return X.rechunk({1: -1})


def blocks_of(X: Any) -> list[Delayed]:
    """The blocks of rows, in their order."""
    X = whole_rows(X)
    parts = X.to_delayed()
    return list(parts) if is_frame(X) else list(parts.ravel())


def check_rows(X: Any) -> None:
    """Refuse a collection that is no table.

    Raises
    ------
    ValueError
    """
    if X.ndim != 2:
        raise ValueError(
            f"X is a Dask {type(X).__name__} of {X.ndim} dimensions; arrays and frames of 2 "
            "dimensions, rows and columns, are accepted."
        )


def column_blocks(values: Any, X: Any, n_blocks: int, name: str) -> list[Any]:
    """The blocks of a target or of weights, in step with those of X; None for each without any.

    Raises
    ------
    ValueError
        For other blocks than those of X.
    """
    if values is None:
        return [None] * n_blocks
    sizes = _row_chunks(X)
    if not is_dask_collection(values):
        if not all(size == size for size in sizes):
            raise ValueError(
                f"{name} is in memory, and X has blocks of unknown lengths: pass a Dask array or "
                "series with the blocks of X, or call X.compute_chunk_sizes()."
            )
        ends = np.cumsum([0, *map(int, sizes)])
        array = np.asarray(values)
        if len(array) != ends[-1]:
            raise ValueError(f"{name} has {len(array)} rows; X has {ends[-1]}.")
        return [array[start:stop] for start, stop in pairwise(ends)]
    if not is_frame(values) and len(values.shape) and sum(values.chunks[0]) == sum(sizes):
        values = values.rechunk({0: sizes})
    blocks = blocks_of(values)
    if len(blocks) != n_blocks:
        raise ValueError(
            f"{name} has {len(blocks)} blocks; {n_blocks} are accepted, those of X: rechunk or "
            "repartition it."
        )
    return blocks


def _row_chunks(X: Any) -> tuple[float, ...]:
    """Rows of each block; NaN where they are not known."""
    if is_frame(X):
        return (float("nan"),) * X.npartitions
    chunks: tuple[float, ...] = X.chunks[0]
    return chunks


def one_a_row(function: Callable[..., Any], X: Any, *arguments: Any, columns: int = 0) -> Any:
    """A lazy array of what `function(block, *arguments)` gives each row: one number, or several."""
    X = whole_rows(X)
    shared = [delayed(argument, pure=False, traverse=False) for argument in arguments]
    parts = [
        da.from_delayed(
            delayed(function, pure=False)(block, *shared),
            shape=(size, columns) if columns else (size,),
            dtype=np.float64,
        )
        for block, size in zip(blocks_of(X), _row_chunks(X), strict=True)
    ]
    return da.concatenate(parts, allow_unknown_chunksizes=True)


def like_rows(function: Callable[..., Any], X: Any, meta: Any, seeds: Any, argument: Any) -> Any:
    """A lazy table of the rows that `function(block, argument, seed)` makes of each block."""
    X = whole_rows(X)
    shared = delayed(argument, pure=False, traverse=False)
    parts = [
        delayed(function, pure=False)(block, shared, seed)
        for block, seed in zip(blocks_of(X), seeds, strict=True)
    ]
    return table_of(parts, meta, _row_chunks(X))


def table_of(parts: list[Delayed], meta: Any, sizes: Any) -> Any:
    """A lazy table of blocks: a frame like `meta`, or an array of its columns and type."""
    if hasattr(meta, "columns"):
        from dask.dataframe import from_delayed

        return from_delayed(parts, meta=meta, verify_meta=False)
    arrays = [
        da.from_delayed(part, shape=(size, meta.shape[1]), dtype=meta.dtype)
        for part, size in zip(parts, sizes, strict=True)
    ]
    return da.concatenate(arrays, allow_unknown_chunksizes=True)


def empty_like(X: Any) -> Any:
    """No rows of the columns and types of a collection."""
    return X._meta if hasattr(X, "columns") else np.empty((0, X.shape[1]), X.dtype)


def seeds_of(random_state: Any, n: int) -> list[int]:
    """A seed for each block."""
    random = check_random_state(random_state)
    seeds: list[int] = random.randint(np.iinfo(np.int32).max, size=n).tolist()
    return seeds
