"""Columns that a frame lacks, and columns that are added to it.

Axes: n rows, D columns, m added ones.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .dtypes import library_of
from .reading import container, read_table
from .table import Table
from .writing import column_like


def missing_cells(X: Any) -> NDArray[np.bool_]:
    """Which cells of a table are missing, (n, D)."""
    return np.column_stack([column.missing for column in read_table(X).columns])


def complete(X: Any, table: Table) -> tuple[Any, list[int]]:
    """A frame with all columns of a table, and the positions of those that it lacked.

    The cells of these are missing. An array, and a frame with columns that the table has not, are
    returned as they are, for the check of every table to refuse.
    """
    library, names = container(X), table.names or []
    if library == "array":
        return X, []
    shown = list(X.columns)
    absent = [j for j, name in enumerate(names) if name not in shown]
    if not absent or len(shown) != len(names) - len(absent):
        return X, []
    if library == "polars":
        polars = library_of("polars")
        X = X.with_columns([polars.lit(None).alias(names[j]) for j in absent])
        return X.select(names), absent
    X = X[[name for name in names if name in shown]].copy()
    for j in absent:
        # Written at its place: names need not be texts.
        X.insert(j, names[j], None)
    return X, absent


def with_columns(X: Any, table: Table, positions: list[int]) -> Any:
    """A pandas frame whose columns at these positions have the types of a pandas table."""
    if container(X) != "pandas" or not positions:
        return X
    if table.library != "pandas":
        return X.infer_objects()
    X = X.copy()
    for j in positions:
        like = table.columns[j].raw
        values = X.iloc[:, j].to_numpy()
        column = column_like(
            like, values.astype(np.float64) if like.has_numbers else values, "pandas"
        )
        X.isetitem(j, column.set_axis(X.index))
    return X


def with_indicators(X: Any, masks: NDArray[np.bool_], names: list[str]) -> Any:
    """A table with a column of zeros and ones for each of m masks (n, m), at its end."""
    library, digits = container(X), masks.astype(np.float64)
    if library == "array":
        return np.hstack([X, digits.astype(X.dtype)])
    taken = [name for name in names if name in list(X.columns)]
    if taken:
        raise ValueError(f"X has a column {taken[0]!r} already; rename it to add indicators.")
    columns = dict(zip(names, digits.T, strict=True))
    if library == "polars":
        polars = library_of("polars")
        return X.with_columns([polars.Series(name, values) for name, values in columns.items()])
    return X.assign(**columns)


def with_last(X: Any, values: NDArray[Any], name: Any) -> Any:
    """A table with a last column of these values (n,), which a frame calls `name`."""
    library = container(X)
    if library == "array":
        # Numbers beside texts would become texts.
        return np.column_stack([X.astype(object) if X.dtype.kind in "US" else X, values])
    if library == "polars":
        return X.with_columns(library_of("polars").Series(name, values))
    X = X.copy(deep=False)
    X[name] = values
    return X


def free_name(X: Any, like: str) -> Any:
    """A name that no column of a frame has, which scikit-learn accepts beside its names.

    Where names are texts it is `like`, if that is free; None for an array.
    """
    if container(X) == "array":
        return None
    names = list(X.columns)
    if all(isinstance(name, tuple) for name in names):
        return (free_text([name[0] for name in names], like), *("" for _ in names[0][1:]))
    if any(isinstance(name, str) for name in names):
        return free_text(names, like)
    return 1 + max((int(name) for name in names if isinstance(name, int | np.integer)), default=-1)


def free_text(names: list[Any], like: str) -> str:
    """A text that is none of the names: `like`, with as many underscores as it takes."""
    while like in names:
        like += "_"
    return like
