"""Reads arrays and pandas and polars frames to the same kind of table.

Neither pandas nor polars is imported here: where a user passes a frame, its library is loaded.
"""

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .dtypes import pandas_name, polars_name
from .objects import read_objects
from .raw import RawColumn, RawTable

Floats = NDArray[np.float64]

KINDS = {"b": "bool", "i": "integer", "u": "integer", "f": "number"}

# Names of pandas types whose cells are neither numbers nor words begin so.
NOT_MODELLED = (
    "period", "interval", "list", "large_list", "fixed_size_list", "struct", "map", "date", "time",
    "duration", "month_day_nano",
)  # fmt: skip

# Frames of at most so many rows are read by one call for all columns of numbers. Those of larger
# ones are read one by one: a column of float64 is then a view, and no cell of it is copied.
SHORT = 4096


def container(X: Any) -> str:
    """The kind of X: "pandas", "polars" or "array"."""
    for library in ("pandas", "polars"):
        module = sys.modules.get(library)
        if module is not None and isinstance(X, module.DataFrame):
            return library
    return "array"


def read_table(X: Any) -> RawTable:
    """All columns of a frame or of a two-dimensional array.

    Raises
    ------
    ValueError
        For dates, times, complex numbers and all other types that are not modelled, or of which no
        column could be made again; the message names the column.
    """
    library = container(X)
    if library == "array":
        return RawTable(_array_columns(X), library)
    names = list(X.columns)
    if library == "polars":
        return RawTable(_polars_columns(X), library, names)
    return RawTable(_pandas_columns(X, names), library, names, list(X.columns.names))


def read_column(values: Any, name: str) -> RawColumn:
    """A one-dimensional array or a series as a column of that name.

    Raises
    ------
    ValueError
        For dates, times and complex numbers.
    """
    for library, read in (("pandas", _read_pandas), ("polars", _read_polars)):
        module = sys.modules.get(library)
        if module is not None and isinstance(values, module.Series):
            return read(values, name)
    return _array_columns(values[:, None], name)[0]


def holds_numbers(X: Any) -> bool:
    """Whether all cells have types of numbers that NumPy reads as what they are.

    Dates, durations, texts, categories and objects have not; read them by `read_table`.
    """
    library = container(X)
    if library == "pandas":
        # Types of pandas' own have missing cells of another kind.
        return all(isinstance(dtype, np.dtype) and dtype.kind in "biuf" for dtype in X.dtypes)
    if library == "polars":
        return all(_polars_kind(dtype) and not dtype.is_decimal() for dtype in X.dtypes)
    return getattr(X.dtype, "kind", "f") in "biufc"


def _polars_kind(dtype: Any) -> str:
    """Kind of a column of numbers of polars; "" for all others."""
    if dtype.is_numeric():
        return "integer" if dtype.is_integer() else "number"
    return "bool" if polars_name(dtype) == "Boolean" else ""


def _array_columns(X: Any, name: str = "") -> list[RawColumn]:
    names = [name] if name else [f"column {j}" for j in range(X.shape[1])]
    if X.dtype.kind in "mM":
        raise ValueError(refusal(names[0], X.dtype))
    if X.dtype.kind in "OUST":
        columns = X.astype(object, copy=False).T
        return [read_objects(n, column, "object") for n, column in zip(names, columns, strict=True)]
    # Columns of float64 are views: a table that fills half of the memory is not copied.
    # The name leaves out the order of bytes.
    numbers, dtype = X.astype(np.float64, copy=False), X.dtype.name
    kind = KINDS.get(X.dtype.kind, "number")
    return [RawColumn(n, kind, values, dtype) for n, values in zip(names, numbers.T, strict=True)]


def _pandas_columns(X: Any, names: list[Any]) -> list[RawColumn]:
    dtypes = list(X.dtypes)
    plain = [j for j, d in enumerate(dtypes) if isinstance(d, np.dtype) and d.kind in KINDS]
    numbers = dict(zip(plain, _plain_numbers(X, plain), strict=True))
    columns = []
    for j, (name, dtype) in enumerate(zip(names, dtypes, strict=True)):
        title = f"column {name!r}"
        if j in numbers:
            columns.append(RawColumn(title, KINDS[dtype.kind], numbers[j], dtype.name))
        else:
            columns.append(_read_pandas(_series(X, j, name), title))
    return columns


def _series(X: Any, j: int, name: Any) -> Any:
    """Column j: by its name where that is enough, in a third of the time."""
    by_name = isinstance(name, str) and X.columns.is_unique
    return X[name] if by_name else X.iloc[:, j]


def _plain_numbers(X: Any, positions: Sequence[int]) -> list[Floats]:
    """Columns of NumPy's types of numbers as floats, each (n,)."""
    if len(X) > SHORT:
        return [X.iloc[:, j].to_numpy(dtype=np.float64) for j in positions]
    chosen = X if len(positions) == X.shape[1] else X.take(positions, axis=1)
    return list(chosen.to_numpy(dtype=np.float64).T)


def _read_pandas(series: Any, name: str) -> RawColumn:
    dtype = series.dtype
    numpy_kind, type_name = getattr(dtype, "kind", "O"), pandas_name(dtype)
    if numpy_kind in "mMc" or type_name is None or not _is_modelled(type_name):
        raise ValueError(refusal(name, dtype))
    if hasattr(dtype, "categories"):
        return _read_categories(series, name, type_name)
    if numpy_kind in KINDS or type_name.startswith("decimal"):
        # Types with a mask distinguish NaN from a missing cell; here both are NaN.
        numbers = series.to_numpy(dtype=np.float64, na_value=np.nan)
        return RawColumn(name, KINDS.get(numpy_kind, "number"), numbers, type_name)
    missing, cells = _missing(series), np.asarray(series.array, dtype=object)
    as_categories = type_name.startswith("dictionary")
    return read_objects(name, cells, type_name, missing, as_categories=as_categories)


def _is_modelled(name: str) -> bool:
    """Whether cells of a pandas type may be numbers, words or categories."""
    return not name.lower().startswith(NOT_MODELLED)


def _missing(series: Any) -> NDArray[np.bool_]:
    """Mask of the missing cells, (n,)."""
    # The array of a column answers at once, the column itself after a while.
    return np.asarray(series.array.isna(), dtype=bool)


def _read_categories(series: Any, name: str, type_name: str) -> RawColumn:
    dtype, codes = series.dtype, series.array.codes
    declared = tuple(dtype.categories)
    # Code -1 stands for a missing cell: the last entry.
    of_code = np.empty(len(declared) + 1, dtype=object)
    of_code[:-1] = declared
    return read_objects(
        name,
        of_code[codes],
        type_name,
        codes < 0,
        as_categories=True,
        categories=declared,
        ordered=bool(dtype.ordered),
    )


def _polars_columns(X: Any) -> list[RawColumn]:
    names = [f"column {name!r}" for name in X.columns]
    return [_read_polars(X.to_series(j), name) for j, name in enumerate(names)]


def _read_polars(series: Any, name: str) -> RawColumn:
    dtype, type_name = series.dtype, polars_name(series.dtype)
    if type_name is None:
        raise ValueError(refusal(name, dtype))
    kind = _polars_kind(dtype)
    if kind:
        numbers = series.cast(sys.modules["polars"].Float64).to_numpy().copy()
        return RawColumn(name, kind, numbers, type_name)
    cells = np.empty(len(series), dtype=object)
    cells[:] = series.to_list()
    declared = {"categories": tuple(dtype.categories)} if type_name == "Enum" else {}
    missing = series.is_null().to_numpy()
    return read_objects(name, cells, type_name, missing, as_categories=True, **declared)


def refusal(name: str, dtype: Any) -> str:
    """Message about a column of a type that is not modelled."""
    return (
        f"{name[0].upper()}{name[1:]} has the type {dtype}; numbers, booleans, strings and "
        "categories are accepted. Turn dates and durations into numbers first, and other types of "
        "words into strings."
    )
