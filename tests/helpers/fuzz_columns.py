"""Columns for the fuzz tests: values of every kind in every type of a library.

Axes: n rows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

Random = np.random.RandomState
Mask = NDArray[np.bool_]

NUMBERS: dict[str, Callable[[Random, int], NDArray[np.float64]]] = {
    "normal": lambda rng, n: rng.normal(3.0, 2.0, n),
    "counts": lambda rng, n: rng.poisson(2.0, n).astype(float),
    "digits": lambda rng, n: rng.randint(0, 2, n).astype(float),
    "constant": lambda rng, n: np.full(n, 7.0),
    "zeros": lambda rng, n: np.where(rng.uniform(size=n) < 0.5, 0.0, -0.0),
    "grid": lambda rng, n: np.round(rng.normal(size=n), 1),
    "atoms": lambda rng, n: np.where(rng.uniform(size=n) < 0.7, 0.0, rng.lognormal(2.0, 1.0, n)),
    "ties": lambda rng, n: 1.0 + 1e-12 * rng.randint(0, 5, n),
    "neighbours": lambda rng, n: np.where(rng.uniform(size=n) < 0.5, 1.0, np.nextafter(1.0, 2.0)),
    "offset": lambda rng, n: 1e9 + 1e-3 * rng.normal(size=n),
    "ids": lambda rng, n: rng.permutation(n).astype(float),
    "long": lambda rng, n: 2.0**60 + 1024.0 * rng.randint(0, 9, n),
    "tails": lambda rng, n: rng.standard_cauchy(n) ** 3,
    "scales": lambda rng, n: 10.0 ** rng.randint(-200, 200, n),
    "huge": lambda rng, n: 1e300 * rng.normal(size=n),
    "ends": lambda rng, n: rng.choice([-1.7e308, 1.7e308], n),
    "tiny": lambda rng, n: 1e-300 * rng.normal(size=n),
    "subnormal": lambda rng, n: 5e-324 * rng.randint(1, 99, n),
    "outlier": lambda rng, n: np.where(np.arange(n) == n // 2, 1e150, rng.normal(size=n)),
}

WORDS: dict[str, Callable[[Random, int], list[str]]] = {
    "some": lambda rng, n: rng.choice(["red", "green", "blue"], n).tolist(),
    "one": lambda rng, n: ["same"] * n,
    "odd": lambda rng, n: rng.choice(["", " ", "nan", "None", "äö", "1", "\n"], n).tolist(),
    "unique": lambda rng, n: [f"id {i}" for i in rng.permutation(n)],
}


@dataclass(frozen=True)
class Type:
    """A type of columns.

    Attributes
    ----------
    values : str
        What it holds: "numbers", "words" or "nothing".
    make : callable
        From values (n,) and a mask of the missing cells to a column.
    accepted : bool or None
        Whether `fit` must accept it; None: it may, and then all queries must as well.
    by_cells : bool
        Whether it is refused for its cells, so that a column without any is accepted.
    """

    values: str
    make: Callable[[Any, Mask], Any]
    accepted: bool | None = True
    by_cells: bool = False


def in_range(values: Any, dtype: Any) -> Any:
    """Numbers as that NumPy type holds them, without overflow."""
    dtype = np.dtype(dtype)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        # The largest integers of 64 bits have no float of their own.
        top = min(float(info.max), 2.0**62)
        return np.clip(np.rint(values), float(info.min), top).astype(dtype)
    if dtype.kind == "b":
        return np.asarray(values) > 1.0
    top = float(np.finfo(dtype).max)
    return np.clip(values, -top, top).astype(dtype)


def with_holes(values: Any, holes: Mask) -> list[Any]:
    """A list with None in the cells of the mask."""
    values = values.tolist() if isinstance(values, np.ndarray) else list(values)
    return [None if hole else v for v, hole in zip(values, holes, strict=True)]


# ---- arrays: one type for all columns ----------------------------------------------------------

ARRAYS = [
    "float64", "float32", "float16", "longdouble", "int8", "int64", "uint8", "uint64", "bool",
    "object", "words", "texts",
]  # fmt: skip


def array_of(columns: list[Any], holes: list[Mask], kind: str) -> NDArray[Any]:
    """An array (n, D) of columns of numbers, or of words for "words" and "texts"."""
    if kind == "words":
        return np.array([with_holes(*pair) for pair in zip(columns, holes, strict=True)], object).T
    if kind == "texts":
        return np.array([list(column) for column in columns], dtype=str).T
    if kind == "object":
        cells = [with_holes(*pair) for pair in zip(columns, holes, strict=True)]
        return np.array(cells, dtype=object).T
    X = np.column_stack([in_range(column, kind) for column in columns])
    if X.dtype.kind == "f":
        X[np.column_stack(holes)] = np.nan
    return X


# ---- pandas ------------------------------------------------------------------------------------


def _numpy(dtype: str) -> Type:
    """Floats with NaN, or integers and booleans without holes."""

    def make(values: Any, holes: Mask) -> Any:
        column = in_range(values, dtype)
        if column.dtype.kind == "f":
            column[holes] = np.nan
        return pd.Series(column)

    return Type("numbers", make)


def _nullable(dtype: Any, numpy: str, accepted: bool | None = True) -> Type:
    """Numbers with a mask of missing cells."""

    def make(values: Any, holes: Mask) -> Any:
        return pd.Series(with_holes(in_range(values, numpy), holes), dtype=dtype)

    return Type("numbers", make, accepted)


def _text(dtype: Any, accepted: bool | None = True) -> Type:
    return Type("words", lambda words, holes: pd.Series(with_holes(words, holes), dtype=dtype),
                accepted)  # fmt: skip


def _categories(extra: list[Any], ordered: bool = False) -> Type:
    """Words as a declared category, with categories that no cell has."""

    def make(words: Any, holes: Mask) -> Any:
        seen = sorted({w for w, hole in zip(words, holes, strict=True) if not hole})
        known = pd.CategoricalDtype([*seen, *extra], ordered)
        return pd.Series(with_holes(words, holes), dtype=known)

    return Type("words", make)


def _number_categories(kind: str) -> Type:
    """Numbers as a declared category."""

    def make(values: Any, holes: Mask) -> Any:
        column = pd.Series(in_range(values, kind)).astype("category")
        return column.mask(pd.Series(holes))

    return Type("numbers", make)


def _objects(convert: Callable[[Any], Any], values: str, accepted: bool | None = True) -> Type:
    """A column of Python objects."""

    def make(cells: Any, holes: Mask) -> Any:
        made = with_holes([convert(cell) for cell in np.asarray(cells).tolist()], holes)
        return pd.Series(made, dtype=object)

    return Type(values, make, accepted, by_cells=True)


def _cut(values: Any, holes: Mask) -> Any:
    """What pandas.cut returns: a category of intervals."""
    return pd.Series(pd.cut(in_range(values, "float32").astype(float), 3)).mask(pd.Series(holes))


def _arrow(type_: Any) -> Any:
    return pd.ArrowDtype(type_)


def _decimal(value: Any) -> Decimal:
    return Decimal(round(min(max(float(value), -1e6), 1e6), 2)).quantize(Decimal("0.01"))


def _days(dtype: Any) -> Type:
    """Dates, which are refused."""

    def make(values: Any, holes: Mask) -> Any:
        days = pd.Series(pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(len(holes)), "D"))
        days = days.mask(pd.Series(holes))
        if dtype == "utc":
            return days.dt.tz_localize(dtype)
        return days if dtype is None else days.astype(dtype)

    return Type("numbers", make, False, by_cells=dtype == "category")


PANDAS: dict[str, Type] = {
    **{name: _numpy(name) for name in ("float64", "float32", "float16", "int8", "int64", "uint8",
                                       "uint64", "bool")},
    "Float64": _nullable("Float64", "float64"),
    "Float32": _nullable("Float32", "float32"),
    "Int8": _nullable("Int8", "int8"),
    "Int64": _nullable("Int64", "int64"),
    "UInt64": _nullable("UInt64", "uint64"),
    "boolean": _nullable("boolean", "bool"),
    "arrow double": _nullable(_arrow(pa.float64()), "float64"),
    "arrow float": _nullable(_arrow(pa.float32()), "float32"),
    "arrow halffloat": _nullable(_arrow(pa.float16()), "float16", None),
    "arrow int8": _nullable(_arrow(pa.int8()), "int8"),
    "arrow int64": _nullable(_arrow(pa.int64()), "int64"),
    "arrow uint64": _nullable(_arrow(pa.uint64()), "uint64"),
    "arrow bool": _nullable(_arrow(pa.bool_()), "bool"),
    "object words": _text(object),
    "str": _text("str"),
    "string": _text("string"),
    "string python": _text("string[python]"),
    "arrow string": _text(_arrow(pa.string())),
    "arrow large string": _text(_arrow(pa.large_string())),
    "arrow string view": _text(_arrow(pa.string_view()), None),
    "arrow dictionary": _text(_arrow(pa.dictionary(pa.int32(), pa.string())), None),
    "category": _categories([]),
    "spare category": _categories(["never", "ever"]),
    "ordered category": _categories(["never"], ordered=True),
    "category of counts": _number_categories("int8"),
    "category of numbers": _number_categories("float64"),
    "category of flags": _number_categories("bool"),
    "category of intervals": Type("numbers", _cut, None),
    "object numbers": _objects(float, "numbers"),
    "object counts": _objects(lambda x: int(min(max(x, -1e15), 1e15)), "numbers"),
    "object flags": _objects(lambda x: bool(x > 1), "numbers"),
    "decimals": _objects(_decimal, "numbers"),
    "tuples": _objects(lambda w: (w, 1), "words", None),
    "mixed objects": _objects(lambda w: w if w < "h" else len(w), "words", None),
    "arrow decimal": Type("numbers", lambda values, holes: pd.Series(
        with_holes([_decimal(v) for v in values], holes), dtype=_arrow(pa.decimal128(12, 2))),
        None),
    "sparse floats": Type("numbers", lambda values, holes: pd.Series(pd.arrays.SparseArray(
        np.where(holes, np.nan, values))), None),
    "sparse counts": Type("numbers", lambda values, holes: pd.Series(pd.arrays.SparseArray(
        in_range(values, "int64"))), None),
    "sparse flags": Type("numbers", lambda values, holes: pd.Series(pd.arrays.SparseArray(
        in_range(values, "bool"))), None),
    "no objects": Type("nothing", lambda _, holes: pd.Series([None] * len(holes), dtype=object)),
    "no categories": Type("nothing", lambda _, holes: pd.Series([None] * len(holes),
                                                                dtype="category")),
    "arrow null": Type("nothing", lambda _, holes: pd.Series([None] * len(holes),
                                                             dtype=_arrow(pa.null())), None),
    # Refused.
    "datetime": _days(None),
    "datetime with zone": _days("utc"),
    "period": _days("period[D]"),
    "arrow timestamp": _days(_arrow(pa.timestamp("us"))),
    "arrow date": _days(_arrow(pa.date32())),
    "category of dates": _days("category"),
    "object dates": _objects(lambda w: date(2020, 1, 1), "words", False),
    "object datetimes": _objects(lambda w: datetime(2020, 1, 1), "words", False),
    "object times": _objects(lambda w: time(3), "words", False),
    "timedelta": Type("numbers", lambda _, holes: pd.Series(pd.to_timedelta(
        np.arange(len(holes)), "h")), False),
    "arrow duration": Type("numbers", lambda _, holes: pd.Series(pd.to_timedelta(
        np.arange(len(holes)), "h")).astype(_arrow(pa.duration("us"))), False),
    "intervals": Type("numbers", lambda _, holes: pd.Series(pd.interval_range(
        0, len(holes))), None),
    "complex": Type("numbers", lambda values, holes: pd.Series(
        in_range(values, "float32") + 1j), False),
    "lists": _objects(lambda w: [w], "words", False),
    "dicts": _objects(lambda w: {w: 1}, "words", False),
    "arrow list": Type("words", lambda words, holes: pd.Series(
        with_holes([[w] for w in words], holes), dtype=_arrow(pa.list_(pa.string()))), False),
    "arrow struct": Type("words", lambda words, holes: pd.Series(
        with_holes([{"w": w} for w in words], holes),
        dtype=_arrow(pa.struct([("w", pa.string())]))), False),
    "bytes": _objects(lambda w: w.encode(), "words", None),
    "infinities": Type("numbers", lambda values, holes: pd.Series(
        np.where(holes, np.nan, np.inf)), False, by_cells=True),
}  # fmt: skip


# ---- polars ------------------------------------------------------------------------------------


def _polars(dtype: Any, numpy: str, accepted: bool | None = True) -> Type:
    def make(values: Any, holes: Mask) -> Any:
        return pl.Series(with_holes(in_range(values, numpy), holes), dtype=dtype)

    return Type("numbers", make, accepted)


def _polars_text(dtype: Any, convert: Any = str, accepted: bool | None = True) -> Type:
    def make(words: Any, holes: Mask) -> Any:
        return pl.Series(with_holes([convert(w) for w in words], holes), dtype=dtype)

    return Type("words", make, accepted)


def _polars_days(dtype: Any, value: Any) -> Type:
    def make(_: Any, holes: Mask) -> Any:
        return pl.Series(with_holes([value] * len(holes), holes), dtype=dtype)

    return Type("numbers", make, False)


def _enum(words: Any, holes: Mask) -> Any:
    known = [*sorted(set(words)), "never"]
    return pl.Series(with_holes(words, holes), dtype=pl.Enum(known))


POLARS: dict[str, Type] = {
    "Float64": _polars(pl.Float64, "float64"),
    "Float32": _polars(pl.Float32, "float32"),
    **{name: _polars(getattr(pl, name), name.lower()) for name in
       ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64")},
    **{name: _polars(getattr(pl, name), kind, None) for name, kind in
       (("Float16", "float16"), ("Int128", "int64"), ("UInt128", "uint64")) if hasattr(pl, name)},
    "Boolean": _polars(pl.Boolean, "bool"),
    "String": _polars_text(pl.String),
    "Categorical": _polars_text(pl.Categorical),
    "Enum": Type("words", _enum),
    "Null": Type("nothing", lambda _, holes: pl.Series([None] * len(holes), dtype=pl.Null)),
    "empty Enum": Type("nothing", lambda _, holes: pl.Series(
        [None] * len(holes), dtype=pl.Enum([]))),
    "Decimal": Type("numbers", lambda values, holes: pl.Series(
        with_holes([_decimal(v) for v in values], holes), dtype=pl.Decimal(12, 2)), None),
    "Object": Type("words", lambda words, holes: pl.Series(
        with_holes(words, holes), dtype=pl.Object), None),
    "Binary": _polars_text(pl.Binary, str.encode, None),
    # Refused.
    "Date": _polars_days(pl.Date, date(2020, 1, 1)),
    "Datetime": _polars_days(pl.Datetime, datetime(2020, 1, 1)),
    "Duration": _polars_days(pl.Duration, timedelta(1)),
    "Time": _polars_days(pl.Time, time(3)),
    "List": _polars_text(pl.List(pl.String), lambda w: [w], False),
    "Array": _polars_text(pl.Array(pl.String, 1), lambda w: [w], False),
    "Struct": _polars_text(pl.Struct({"w": pl.String}), lambda w: {"w": w}, False),
    "infinities": Type("numbers", lambda values, holes: pl.Series(
        with_holes(np.full(len(holes), np.inf), holes), dtype=pl.Float64), False, by_cells=True),
}  # fmt: skip
