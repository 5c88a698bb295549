"""Reads arrays and pandas and polars frames to the same kind of table.

Neither pandas nor polars is imported here: where a user passes a frame, its library is loaded.
"""

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .raw import RawColumn, RawTable

# Types of pandas that Arrow can neither filter nor write to.
UNREADABLE = ("string_view[pyarrow]", "binary_view[pyarrow]")


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
        For dates, times and complex numbers.
    """
    library = container(X)
    names = None if library == "array" else list(X.columns)
    read = {"pandas": _pandas_columns, "polars": _polars_columns, "array": _array_columns}
    return RawTable(read[library](X), library, names)


def _array_columns(X: Any) -> list[RawColumn]:
    names = [f"column {j}" for j in range(X.shape[1])]
    if X.dtype.kind in "mM":
        raise ValueError(refusal(names[0], X.dtype))
    if X.dtype.kind in "OUS":
        dtype = str(X.dtype) if X.dtype.kind == "O" else "object"
        columns = X.astype(object, copy=False).T
        return [_objects(n, column, dtype) for n, column in zip(names, columns, strict=True)]
    # Columns of float64 are views: a table that fills half of the memory is not copied.
    numbers, dtype = X.astype(np.float64, copy=False), str(X.dtype)
    kind = {"b": "bool", "i": "integer", "u": "integer"}.get(X.dtype.kind, "number")
    return [RawColumn(n, kind, values, dtype) for n, values in zip(names, numbers.T, strict=True)]


def _objects(
    name: str,
    values: NDArray[Any],
    dtype: str,
    missing: NDArray[np.bool_] | None = None,
    **declared: Any,
) -> RawColumn:
    """A column of objects, with None for every cell that is missing by any other sign."""
    if missing is None:
        missing = np.fromiter((_is_missing(v) for v in values), dtype=bool, count=len(values))
    if missing.any():
        values = values.copy()
        values[missing] = None
    return RawColumn(name, "category", values, dtype, **declared)


def _is_missing(value: Any) -> bool:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def _pandas_columns(X: Any) -> list[RawColumn]:
    return [_read_pandas(X.iloc[:, j], f"column {name!r}") for j, name in enumerate(X.columns)]


def _read_pandas(series: Any, name: str) -> RawColumn:
    dtype = series.dtype
    numpy_kind = getattr(dtype, "kind", "O")
    if numpy_kind in "mMc":
        raise ValueError(refusal(name, dtype))
    if hasattr(dtype, "categories"):
        declared = {"categories": tuple(dtype.categories), "ordered": bool(dtype.ordered)}
        missing = series.isna().to_numpy(dtype=bool)
        inner = _name_of(dtype.categories.dtype)
        with_inner = "category" if inner is None else f"category[{inner}]"
        return _objects(name, series.to_numpy(dtype=object), with_inner, missing, **declared)
    if numpy_kind in "biuf":
        # Types with a mask distinguish NaN from a missing cell; here both are NaN.
        numbers = series.to_numpy(dtype=np.float64, na_value=np.nan)
        kind = {"b": "bool", "f": "number"}.get(numpy_kind, "integer")
        return RawColumn(name, kind, numbers, str(dtype))
    type_name = _name_of(dtype)
    if type_name is None:
        raise ValueError(refusal(name, dtype))
    missing = series.isna().to_numpy(dtype=bool)
    return _objects(name, series.to_numpy(dtype=object), type_name, missing)


def _name_of(dtype: Any) -> str | None:
    """The name by which a pandas type is made again; None if there is none.

    The parameters of some types of Arrow are not in their names, or not read from them.
    """
    pandas = sys.modules["pandas"]
    if isinstance(dtype, pandas.StringDtype):
        return f"string[{dtype.storage}]" if str(dtype) == "string" else str(dtype)
    # The name "string[pyarrow]" is that of pandas' own strings.
    named = "utf8[pyarrow]" if str(dtype) == "string[pyarrow]" else str(dtype)
    if named in UNREADABLE:
        return None
    try:
        made = pandas.api.types.pandas_dtype(named)
    except (TypeError, NotImplementedError):
        return None
    return named if made == dtype else None


def _polars_columns(X: Any) -> list[RawColumn]:
    return [_read_polars(X.to_series(j), f"column {name!r}") for j, name in enumerate(X.columns)]


def _read_polars(series: Any, name: str) -> RawColumn:
    dtype = series.dtype
    if (
        dtype == sys.modules["polars"].Object
        or dtype.is_temporal()
        or dtype.is_nested()
        or dtype.is_decimal()
    ):
        raise ValueError(refusal(name, dtype))
    base = type(dtype).__name__ if not isinstance(dtype, type) else dtype.__name__
    if dtype.is_numeric() or base == "Boolean":
        numbers = series.cast(sys.modules["polars"].Float64).to_numpy().copy()
        kind = "bool" if base == "Boolean" else "integer" if dtype.is_integer() else "number"
        return RawColumn(name, kind, numbers, base)
    values = np.empty(len(series), dtype=object)
    values[:] = series.to_list()
    missing = series.is_null().to_numpy()
    if base == "Enum":
        declared = tuple(dtype.categories.to_list())
        return _objects(name, values, base, missing, categories=declared)
    return _objects(name, values, base, missing)


def refusal(name: str, dtype: Any) -> str:
    """Message about a column of a type that is not modelled."""
    return (
        f"{name[0].upper()}{name[1:]} has the type {dtype}; numbers, booleans, strings and "
        "categories are accepted. Turn dates, durations and decimals into numbers first, and other "
        "types of words into strings or categories."
    )
