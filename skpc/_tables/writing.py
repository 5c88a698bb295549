"""Writes columns and tables in the library and the types of the user's table.

Axes: n rows, D columns.
"""

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .raw import RawColumn
from .reading import container


def column_like(raw: RawColumn, values: NDArray[Any], library: str) -> Any:
    """Values (n,) as a column of a library, with the type of `raw`.

    Numbers for integer types are rounded and kept in the type's range.
    """
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
    if raw.categories is not None:
        dtype = pandas.CategoricalDtype(list(raw.categories), raw.ordered)
        return pandas.Series(values, dtype=dtype)
    if raw.kind == "integer":
        values = fit_dtype(values, np.dtype(raw.dtype.lower().split("[")[0]))
    elif raw.kind == "bool":
        values = values.astype(bool)
    return pandas.Series(values).astype(raw.dtype)


def _polars_like(raw: RawColumn, values: NDArray[Any]) -> Any:
    polars = sys.modules["polars"]
    if raw.categories is not None:
        return polars.Series(values.tolist(), dtype=polars.Enum(list(raw.categories)))
    dtype = getattr(polars, raw.dtype)
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
    if hasattr(series.dtype, "categories"):
        known = set(series.cat.categories)
        series = series.cat.add_categories([c for c in values.cat.categories if c not in known])
    series.iloc[np.flatnonzero(mask)] = values.array
    return series


def take_rows(X: Any, index: NDArray[np.intp]) -> Any:
    """Rows of a frame or array by position, repeats included."""
    return X.iloc[index] if container(X) == "pandas" else X[index]
