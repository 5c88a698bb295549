"""Columns of arrays and of pandas and polars frames, read and written alike.

Neither pandas nor polars is needed: a frame can only be given by who has its library.
"""

import sys
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class RawColumn:
    """One column as it was given.

    Attributes
    ----------
    name : str
        For messages: "column 'age'", or "column 3" of an array.
    kind : {"number", "integer", "bool", "category"}
    values : ndarray (n,)
        float64 for numbers, integers and bools, else object.
    missing : ndarray (n,) of bool
    dtype : str
        Name of the type, by which `column_like` makes a column of the same type.
    categories : tuple or None
        Categories that the type declares, in its order.
    ordered : bool
        Whether the type says that they are ordered.
    """

    name: str
    kind: str
    values: NDArray[Any]
    missing: NDArray[np.bool_]
    dtype: str
    categories: tuple[Any, ...] | None = None
    ordered: bool = False

    @property
    def title(self) -> str:
        """The name as a sentence begins with it."""
        return self.name[0].upper() + self.name[1:]

    def state(self) -> dict[str, Any]:
        """Name and type of the column, for files."""
        declared = None if self.categories is None else list(self.categories)
        return {
            "name": self.name,
            "kind": self.kind,
            "dtype": self.dtype,
            "categories": declared,
            "ordered": self.ordered,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """A column without rows from what `state` gave."""
        declared = None if state["categories"] is None else tuple(state["categories"])
        nothing = np.empty(0, dtype=object if state["kind"] == "category" else np.float64)
        empty = {"values": nothing, "missing": np.empty(0, dtype=bool)}
        return cls(**{**state, "categories": declared, **empty})

    def rows(self, index: NDArray[Any]) -> "RawColumn":
        """Some rows of the column, by mask or positions."""
        return replace(self, values=self.values[index], missing=self.missing[index])


def container(X: Any) -> str:
    """Which of "pandas", "polars" or "array" X is."""
    for library in ("pandas", "polars"):
        module = sys.modules.get(library)
        if module is not None and isinstance(X, module.DataFrame):
            return library
    return "array"


def read_columns(X: Any) -> list[RawColumn]:
    """All columns of a frame or of a two-dimensional array.

    Raises
    ------
    ValueError
        For dates, times and complex numbers.
    """
    kind = container(X)
    if kind == "pandas":
        return [_read_pandas(X, j) for j in range(X.shape[1])]
    if kind == "polars":
        return [_read_polars(X, j) for j in range(X.shape[1])]
    names = [f"column {j}" for j in range(X.shape[1])]
    if X.dtype.kind in "mM":
        raise ValueError(refusal(names[0], X.dtype))
    if X.dtype.kind in "OUS":
        dtype = str(X.dtype) if X.dtype.kind == "O" else "object"
        return [
            _objects(name, column, dtype)
            for name, column in zip(names, X.astype(object, copy=False).T, strict=True)
        ]
    # Columns of float64 are views: a table that fills half of the memory is not copied.
    numbers = X.astype(np.float64, copy=False)
    missing, dtype = np.isnan(numbers), str(X.dtype)
    what = {"b": "bool", "i": "integer", "u": "integer"}.get(X.dtype.kind, "number")
    columns = zip(names, numbers.T, missing.T, strict=True)
    return [RawColumn(name, what, values, lost, dtype) for name, values, lost in columns]


def _objects(
    name: str,
    values: NDArray[Any],
    dtype: str,
    missing: NDArray[np.bool_] | None = None,
    **declared: Any,
) -> RawColumn:
    if missing is None:
        missing = np.fromiter((_is_missing(v) for v in values), dtype=bool, count=len(values))
    return RawColumn(name, "category", values, missing, dtype, **declared)


def _is_missing(value: Any) -> bool:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def _read_pandas(X: Any, j: int) -> RawColumn:
    series, name = X.iloc[:, j], f"column {X.columns[j]!r}"
    dtype = series.dtype
    numpy_kind = getattr(dtype, "kind", "O")
    if numpy_kind in "mMc":
        raise ValueError(refusal(name, dtype))
    if hasattr(dtype, "categories"):
        declared = {"categories": tuple(dtype.categories), "ordered": bool(dtype.ordered)}
        lost = series.isna().to_numpy(dtype=bool)
        return _objects(name, series.to_numpy(dtype=object), "category", lost, **declared)
    if numpy_kind in "biuf":
        numbers = series.to_numpy(dtype=np.float64, na_value=np.nan)
        # Types with a mask of their own tell NaN from a missing cell; here it is one.
        missing = series.isna().to_numpy(dtype=bool) | np.isnan(numbers)
        kind = {"b": "bool", "f": "number"}.get(numpy_kind, "integer")
        return RawColumn(name, kind, numbers, missing, str(dtype))
    lost = series.isna().to_numpy(dtype=bool)
    return _objects(name, series.to_numpy(dtype=object), str(dtype), lost)


def _read_polars(X: Any, j: int) -> RawColumn:
    series, name = X.to_series(j), f"column {X.columns[j]!r}"
    dtype = series.dtype
    if dtype.is_temporal() or dtype.is_nested() or dtype.is_decimal():
        raise ValueError(refusal(name, dtype))
    base = type(dtype).__name__ if not isinstance(dtype, type) else dtype.__name__
    if dtype.is_numeric() or base == "Boolean":
        numbers = series.cast(sys.modules["polars"].Float64).to_numpy().copy()
        kind = "bool" if base == "Boolean" else "integer" if dtype.is_integer() else "number"
        return RawColumn(name, kind, numbers, np.isnan(numbers), base)
    values = np.empty(len(series), dtype=object)
    values[:] = series.to_list()
    if base == "Enum":
        lost = series.is_null().to_numpy()
        return _objects(name, values, base, lost, categories=tuple(dtype.categories.to_list()))
    return _objects(name, values, base, series.is_null().to_numpy())


def refusal(name: str, dtype: Any) -> str:
    """Message about a column of a type that is not modelled."""
    return (
        f"{name[0].upper()}{name[1:]} has the type {dtype}; numbers, booleans, strings and "
        "categories are accepted. Turn dates, durations and decimals into numbers first."
    )


def column_like(raw: RawColumn, values: NDArray[Any], library: str) -> Any:
    """Values (n,) as a column of the type that `raw` had, for the given library.

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
        # The float nearest to the largest integer may be above it; step below.
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
    """A copy of X with new values in some cells; X and all other cells are left as they are.

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
    """A polars column with new values, in their type where it is wider."""
    return series.cast(values.dtype).clone().scatter(np.flatnonzero(mask), values)


def _replaced(series: Any, mask: NDArray[np.bool_], values: Any) -> Any:
    """A pandas column with new values, with their categories added where it lacks some."""
    series = series.copy()
    if hasattr(series.dtype, "categories"):
        known = set(series.cat.categories)
        series = series.cat.add_categories([c for c in values.cat.categories if c not in known])
    series.iloc[np.flatnonzero(mask)] = values.array
    return series


def take_rows(X: Any, index: NDArray[np.intp]) -> Any:
    """Rows of a frame or array by position, repeats included."""
    return X.iloc[index] if container(X) == "pandas" else X[index]
