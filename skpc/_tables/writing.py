"""Writes columns and tables in the library and the types of the user's table.

Axes: n rows, D columns.
"""

import re
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .dtypes import library_of, pandas_type, polars_type
from .raw import RawColumn
from .reading import container


def column_like(raw: RawColumn, values: NDArray[Any], library: str) -> Any:
    """Values (n,) as a column of a library, with the type of `raw`.

    Numbers are kept in the type's range, and rounded for integer types. Where all values are None,
    all cells of the column are missing.
    """
    if not (len(values) and values[0] is None):
        values = _in_range(raw, values)
    if library == "pandas":
        return _pandas_like(raw, values)
    if library == "polars":
        return _polars_like(raw, values)
    return values.astype(np.dtype(raw.dtype))


def _in_range(raw: RawColumn, values: NDArray[Any]) -> NDArray[Any]:
    """Values as cells that the type can hold."""
    if raw.dtype == "object":
        return _objects(raw, values)
    if raw.kind == "integer":
        return fit_integers(values, raw.dtype)
    if raw.kind == "bool":
        return values.astype(bool)
    if raw.kind == "number":
        top = float(np.finfo(raw.float_type).max)
        return np.clip(values.astype(np.float64), -top, top)
    return values


def _objects(raw: RawColumn, values: NDArray[Any]) -> NDArray[Any]:
    """Objects of Python's own classes, as the column holds them."""
    cells = values.tolist()
    if raw.kind == "integer":
        cells = [round(v) for v in cells]
    elif raw.kind == "bool":
        cells = [bool(v) for v in cells]
    elif raw.places is not None:
        cells = [Decimal(f"{v:.{raw.places}f}") for v in cells]
    objects = np.empty(len(cells), dtype=object)
    objects[:] = cells
    return objects


def fit_integers(values: NDArray[Any], name: str) -> NDArray[Any]:
    """Values rounded, and clipped to the range of a type of integers.

    Parameters
    ----------
    values : ndarray (n,)
    name : str
        Such as "int8", "UInt8", "int8[pyarrow]", "Sparse[int8, 0]" or "Int128".

    Returns
    -------
    ndarray (n,)
        Of that type, or of whole numbers of Python where NumPy has none as wide.
    """
    found = re.search(r"(u?)int(\d+)", name.lower())
    assert found is not None
    rounded, bits = np.rint(values.astype(np.float64)), int(found[2])
    low, high = (0, 2**bits - 1) if found[1] else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    if bits > 64:
        return np.array([min(max(int(v), low), high) for v in rounded], dtype=object)
    # The float nearest to the largest integer may be above it; then the one below is taken.
    top = np.nextafter(float(high), 0) if bits == 64 else float(high)
    return np.clip(rounded, float(low), top).astype(found.group())


def _pandas_like(raw: RawColumn, values: NDArray[Any]) -> Any:
    pandas = library_of("pandas")
    dtype = pandas_type(raw.dtype, raw.categories, raw.ordered)
    if raw.dtype.startswith("decimal"):
        # The digits of a float itself may be more than the type holds.
        values = _decimals(values, dtype.pyarrow_dtype.precision, dtype.pyarrow_dtype.scale)
    if raw.dtype == "object" or values.dtype == object:
        return pandas.Series(values, dtype=object).astype(dtype)
    return pandas.Series(values).astype(dtype)


def _polars_like(raw: RawColumn, values: NDArray[Any]) -> Any:
    polars = library_of("polars")
    dtype = polars_type(raw.dtype, raw.categories)
    if raw.dtype.startswith("Decimal"):
        values = _decimals(values, dtype.precision, dtype.scale)
    return polars.Series(values if values.dtype != object else values.tolist(), dtype=dtype)


def _decimals(values: NDArray[Any], precision: int, scale: int) -> NDArray[Any]:
    """Numbers as decimals of so many digits, `scale` of them after the point; None stays."""
    top = Decimal(10**precision - 1).scaleb(-scale)
    cells = [None if v is None else Decimal(f"{v:.{scale}f}") for v in values.tolist()]
    objects = np.empty(len(cells), dtype=object)
    objects[:] = [v if v is None else min(max(v, -top), top) for v in cells]
    return objects


def build(
    library: str, names: list[Any] | None, columns: list[Any], levels: list[Any] | None = None
) -> Any:
    """A frame or array of columns.

    Parameters
    ----------
    library : {"array", "pandas", "polars"}
    names : list or None
        Of a frame's columns.
    columns : list of columns (D,)
    levels : list, optional
        Names of the levels of a pandas frame's columns.
    """
    if library == "array":
        return np.stack(columns, axis=1)
    names = names or []
    if library == "polars":
        return library_of("polars").DataFrame(dict(zip(names, columns, strict=True)))
    frame = library_of("pandas").concat(columns, axis=1)
    frame.columns = column_index(names, levels or [None])
    return frame


def column_index(names: list[Any], levels: list[Any]) -> Any:
    """The columns of a pandas frame from their names and those of their levels."""
    pandas = library_of("pandas")
    if len(levels) > 1:
        return pandas.MultiIndex.from_tuples(names, names=levels)
    return pandas.Index(names, name=levels[0], tupleize_cols=False)


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
    if mask.all():
        return values.alias(series.name)
    return series.cast(values.dtype).append(values).gather(_sources(mask))


def _replaced(series: Any, mask: NDArray[np.bool_], values: Any) -> Any:
    """A pandas column with new values; categories that it lacks are added."""
    if mask.all():
        # Also where the column has no type yet, or one that cannot hold them.
        return values.set_axis(series.index)
    if hasattr(series.dtype, "categories"):
        known = set(series.cat.categories)
        added = [c for c in values.cat.categories if c not in known]
        # The type of the categories may change when some are added, and may be another one than
        # that of the values: integers of several widths are equal but not identical.
        series = series.cat.add_categories(added) if added else series
        values = values.astype(series.dtype)
    both = library_of("pandas").concat([series, values.astype(series.dtype)])
    return take_rows(both.to_frame(), _sources(mask)).iloc[:, 0].set_axis(series.index)


def _sources(mask: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Of every row its position in a column that is followed by the values for a mask's rows.

    Rows are taken from both, as not every type can be written to: no sparse column of pandas, no
    narrow float of arrow before pandas 3, no decimals or bytes of polars before 1.37.
    """
    rows = np.arange(len(mask))
    rows[mask] = len(mask) + np.arange(mask.sum())
    return rows


def take_rows(X: Any, index: NDArray[np.intp]) -> Any:
    """Rows of a frame or array by position, repeats included."""
    if container(X) != "pandas":
        return X[index]
    rows = X.iloc[index]
    for j, dtype in enumerate(X.dtypes):
        # Narrow sparse columns with holes come as wide ones before pandas 3.
        if rows.dtypes.iloc[j] != dtype:
            rows.isetitem(j, rows.iloc[:, j].astype(dtype))
    return rows
