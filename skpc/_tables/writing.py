"""Writes columns and tables in the library and the types of the user's table.

Axes: n rows, D columns.
"""

import re
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .raw import RawColumn
from .reading import container


def column_like(raw: RawColumn, values: NDArray[Any], library: str) -> Any:
    """Values (n,) as a column of a library, with the type of `raw`.

    Numbers are kept in the type's range, and rounded for integer types. Where all values are None
    the column has missing cells alone.
    """
    if raw.kind == "number":
        top = float(np.finfo(raw.float_type).max)
        values = np.clip(values.astype(np.float64), -top, top)
    if library == "pandas":
        return _pandas_like(raw, values)
    if library == "polars":
        return _polars_like(raw, values)
    return fit_dtype(values, np.dtype(raw.dtype))


def fit_dtype(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Values in a NumPy type, rounded and clipped where it holds integers."""
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        # The float nearest to the largest integer may be above it; then the one below is taken.
        top = np.nextafter(float(info.max), 0) if info.bits == 64 else float(info.max)
        return np.clip(np.rint(values.astype(np.float64)), float(info.min), top).astype(dtype)
    return values.astype(dtype)


def _pandas_like(raw: RawColumn, values: NDArray[Any]) -> Any:
    pandas = sys.modules["pandas"]
    if len(values) and values[0] is None:
        return pandas.Series([None] * len(values), dtype=_pandas_dtype(raw))
    if raw.categories is not None:
        return pandas.Series(values, dtype=_pandas_dtype(raw))
    if raw.kind == "integer":
        values = fit_dtype(values, _integers(raw.dtype))
    elif raw.kind == "bool":
        values = values.astype(bool)
    return pandas.Series(values).astype(_pandas_dtype(raw))


def _pandas_dtype(raw: RawColumn) -> Any:
    pandas = sys.modules["pandas"]
    if raw.categories is None:
        return raw.dtype
    # "category[int8]" says of what the categories are.
    inner = raw.dtype.partition("[")[2].removesuffix("]") or None
    return pandas.CategoricalDtype(pandas.Index(raw.categories, dtype=inner), raw.ordered)


def _integers(dtype: str) -> np.dtype[Any]:
    """The NumPy type of "int8", "Int8", "int8[pyarrow]" or "Sparse[int8, 0]"."""
    found = re.search(r"u?int\d+", dtype.lower())
    assert found is not None
    return np.dtype(found.group())


def _polars_like(raw: RawColumn, values: NDArray[Any]) -> Any:
    polars = sys.modules["polars"]
    if raw.categories is not None:
        return polars.Series(values.tolist(), dtype=polars.Enum(list(raw.categories)))
    dtype = getattr(polars, raw.dtype)
    if len(values) and values[0] is None:
        return polars.Series([None] * len(values), dtype=dtype)
    if raw.dtype in ("Int128", "UInt128"):
        # NumPy has no such type.
        low, high = (0, 2**128 - 1) if raw.dtype == "UInt128" else (-(2**127), 2**127 - 1)
        whole = [min(max(int(v), low), high) for v in np.rint(values.astype(np.float64))]
        return polars.Series(whole, dtype=dtype)
    if raw.kind == "integer":
        return polars.Series(fit_dtype(values, np.dtype(raw.dtype.lower())), dtype=dtype)
    if raw.kind == "bool":
        return polars.Series(values.astype(bool), dtype=dtype)
    return polars.Series(values.tolist(), dtype=dtype)


def build(library: str, names: list[str] | None, columns: list[Any]) -> Any:
    """A frame or array of columns."""
    if library == "array":
        return np.stack(columns, axis=1)
    data = dict(zip(names or [], columns, strict=True))
    return sys.modules[library].DataFrame(data)


def with_cells(X: Any, cells: dict[int, tuple[NDArray[np.bool_], Any]]) -> Any:
    """A copy of X with new values in the cells of masks; all other cells are left as they are.

    Parameters
    ----------
    X : array or frame (n, D)
    cells : dict
        By column: mask of the rows (n,) and a column of their new values.
    """
    library = container(X)
    if library == "polars":
        return X.with_columns([_scatter(X.to_series(j), *new) for j, new in cells.items()])
    if library == "array":
        # Words do not fit into an array of floats.
        X = X.astype(np.result_type(X, *(new.dtype for _, new in cells.values())), copy=False)
    out = X.copy()
    for j, (mask, values) in cells.items():
        if library == "array":
            out[mask, j] = values
        else:
            out.isetitem(j, _replaced(out.iloc[:, j], mask, values))
    return out


def _scatter(series: Any, mask: NDArray[np.bool_], values: Any) -> Any:
    """A polars column with new values, in the type of the values."""
    return series.cast(values.dtype).clone().scatter(np.flatnonzero(mask), values)


def _replaced(series: Any, mask: NDArray[np.bool_], values: Any) -> Any:
    """A pandas column with new values; categories that it lacks are added."""
    series = series.copy()
    if mask.all():
        # Also to a column without a type, or of another one, that has no cells yet.
        return values.set_axis(series.index)
    if str(series.dtype).startswith("Sparse"):
        # Sparse columns cannot be written to.
        dense = series.sparse.to_dense()
        dense.iloc[np.flatnonzero(mask)] = values.sparse.to_dense().array
        return dense.astype(series.dtype)
    if hasattr(series.dtype, "categories"):
        series = series.astype(values.dtype)
    series.iloc[np.flatnonzero(mask)] = values.array
    return series


def take_rows(X: Any, index: NDArray[np.intp]) -> Any:
    """Rows of a frame or array by position, repeats included."""
    return X.iloc[index] if container(X) == "pandas" else X[index]
