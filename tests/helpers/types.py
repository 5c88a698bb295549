"""Every type of column that people have, and what a column of it is modelled as.

The table of types in the guide is made of this one: `guide_table`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

N = 60
RANDOM = np.random.RandomState(3)
WORDS = RANDOM.choice(["red", "green", "blue"], N).tolist()
COUNTS = RANDOM.randint(0, 9, N).tolist()
FLAGS = [word == "red" for word in WORDS]
REALS = [round(float(v), 2) for v in RANDOM.normal(3.0, 2.0, N)]
MONEY = [Decimal(f"{v:.2f}") for v in REALS]
SHARES = [Fraction(round(100 * v), 100) for v in REALS]
BYTES = [word.encode() for word in WORDS]
OTHERS = RANDOM.gamma(9.0, size=N).tolist()


@dataclass(frozen=True, eq=False)
class Type:
    """A type of column.

    Attributes
    ----------
    label : as the guide names it, one of several with the same label
    library : "array", "pandas" or "polars"
    cells : values of a column without holes
    make : from cells, None where missing, to a column; of an array to the column's cells
    family : of a column with `leaf="auto"`; None where fit refuses the type by name
    nullable : whether the type can hold a missing cell
    """

    label: str
    library: str
    cells: list[Any]
    make: Callable[[list[Any]], Any]
    family: str | None
    nullable: bool = True

    def __str__(self) -> str:
        column = self.make(self.cells[:3])
        return f"{self.library} {self.label} {getattr(column, 'dtype', '')}"

    def column(self, missing: Any = ()) -> Any:
        """The column, with None at some positions."""
        return self.make([None if i in missing else v for i, v in enumerate(self.cells)])

    def table(self, missing: Any = ()) -> Any:
        """The column beside a column of numbers."""
        column = self.column(missing)
        if self.library == "array":
            other = np.array(OTHERS, dtype=column.dtype)
            return np.stack([column, other], axis=1)
        return {"pandas": pd, "polars": pl}[self.library].DataFrame({"x": column, "y": OTHERS})


def _pandas(dtype: Any) -> Callable[[list[Any]], Any]:
    return lambda cells: pd.Series(cells, dtype=object).astype(dtype)


def _objects(cells: list[Any]) -> Any:
    return pd.Series(cells, dtype=object)


def _polars(dtype: Any) -> Callable[[list[Any]], Any]:
    return lambda cells: pl.Series(cells, dtype=dtype)


def _array(dtype: Any) -> Callable[[list[Any]], Any]:
    return lambda cells: np.array(cells, dtype=dtype)


def _view(cells: list[Any]) -> Any:
    return pd.Series(pd.arrays.ArrowExtensionArray(pa.array(cells, pa.string_view())))


def _arrow(dtype: Any) -> pd.ArrowDtype:
    return pd.ArrowDtype(dtype)


COLOURS = pd.CategoricalDtype(["green", "blue", "red", "black"], ordered=True)
GRADES = pd.CategoricalDtype(list(range(10)))
NULLABLE_COLOURS = pd.CategoricalDtype(pd.array(["green", "blue", "red"], dtype="string"))
BINS = pd.cut(pd.Series(COUNTS), [-1, 3, 6, 10])
DAYS = [pd.Timestamp(2020, 1, 1 + count) for count in COUNTS]
NUMERIC, CATEGORICAL, BERNOULLI = "numeric", "categorical", "bernoulli"

TYPES = [
    *(Type("float16 to float64", "array", REALS, _array(t), NUMERIC)
      for t in ("float16", "float32", "float64")),
    *(Type("int8 to uint64", "array", COUNTS, _array(t), NUMERIC, False)
      for t in ("int8", "int16", "int64", "uint8", "uint64")),
    Type("bool", "array", FLAGS, _array("bool"), BERNOULLI, False),
    *(Type("objects that are numbers", "array", cells, _array(object), NUMERIC)
      for cells in (REALS, COUNTS, MONEY, SHARES)),
    Type("objects that are booleans", "array", FLAGS, _array(object), BERNOULLI),

    *(Type("float16 to float64, Float32, Float64", "pandas", REALS, _pandas(t), NUMERIC)
      for t in ("float16", "float32", "float64", "Float32", "Float64")),
    *(Type("int8 to uint64", "pandas", COUNTS, _pandas(t), NUMERIC, False)
      for t in ("int8", "int64", "uint16", "uint64")),
    *(Type("Int8 to UInt64", "pandas", COUNTS, _pandas(t), NUMERIC)
      for t in ("Int8", "Int64", "UInt16", "UInt64")),
    Type("bool, boolean", "pandas", FLAGS, _pandas("bool"), BERNOULLI, False),
    Type("bool, boolean", "pandas", FLAGS, _pandas("boolean"), BERNOULLI),
    *(Type("str, string", "pandas", WORDS, _pandas(t), CATEGORICAL)
      for t in (pd.StringDtype("pyarrow", na_value=np.nan), "string[python]", "string[pyarrow]",
                pd.StringDtype("python", na_value=np.nan))),
    Type("category", "pandas", WORDS, _pandas(COLOURS), CATEGORICAL),
    Type("category", "pandas", WORDS, _pandas(NULLABLE_COLOURS), CATEGORICAL),
    Type("category", "pandas", COUNTS, _pandas(GRADES), CATEGORICAL),
    Type("category", "pandas", BINS.tolist(), _pandas(BINS.dtype), CATEGORICAL),
    *(Type("object that holds numbers (also Decimal, Fraction)", "pandas", cells, _objects, NUMERIC)
      for cells in (REALS, COUNTS, MONEY, SHARES)),
    Type("object that holds booleans", "pandas", FLAGS, _objects, BERNOULLI),
    *(Type("object that holds strings or bytes", "pandas", cells, _objects, CATEGORICAL)
      for cells in (WORDS, BYTES)),
    *(Type("Sparse of numbers", "pandas", cells, _pandas(t), NUMERIC, hole)
      for cells, t, hole in (
          (REALS, pd.SparseDtype("float64"), True),
          (REALS, pd.SparseDtype("float64", 0.0), True),
          (REALS, pd.SparseDtype("float32"), True),
          (COUNTS, pd.SparseDtype("int64", 0), False),
      )),
    Type("Sparse of booleans", "pandas", FLAGS, _pandas(pd.SparseDtype(bool, False)), BERNOULLI,
         False),
    *(Type("Arrow's integers, floats and decimals", "pandas", cells, _pandas(_arrow(t)), NUMERIC)
      for cells, t in (
          (COUNTS, pa.int8()), (COUNTS, pa.uint64()), (REALS, pa.float16()), (REALS, pa.float32()),
          (REALS, pa.float64()), (MONEY, pa.decimal32(6, 2)), (MONEY, pa.decimal64(8, 2)),
          (MONEY, pa.decimal128(10, 2)), (MONEY, pa.decimal256(40, 3)),
      )),
    Type("Arrow's bool", "pandas", FLAGS, _pandas(_arrow(pa.bool_())), BERNOULLI),
    *(Type("Arrow's string, large_string, binary and dictionary", "pandas", cells,
           _pandas(_arrow(t)), CATEGORICAL)
      for cells, t in (
          (WORDS, pa.string()), (WORDS, pa.large_string()), (BYTES, pa.binary()),
          (BYTES, pa.large_binary()), (WORDS, pa.dictionary(pa.int32(), pa.string())),
          (COUNTS, pa.dictionary(pa.int8(), pa.int64())),
      )),

    *(Type("Float16 to Float64", "polars", REALS, _polars(t), NUMERIC)
      for t in (pl.Float16, pl.Float32, pl.Float64)),
    *(Type("Int8 to UInt128", "polars", COUNTS, _polars(t), NUMERIC)
      for t in (pl.Int8, pl.Int16, pl.Int64, pl.UInt16, pl.UInt64, pl.Int128, pl.UInt128)),
    Type("Decimal", "polars", MONEY, _polars(pl.Decimal(10, 2)), NUMERIC),
    Type("Boolean", "polars", FLAGS, _polars(pl.Boolean), BERNOULLI),
    *(Type("String, Categorical, Enum, Binary", "polars", cells, _polars(t), CATEGORICAL)
      for cells, t in (
          (WORDS, pl.String), (WORDS, pl.Categorical), (BYTES, pl.Binary),
          (WORDS, pl.Enum(["green", "blue", "red", "black"])),
      )),

    *(Type("dates, times, periods, intervals, lists, structs", "pandas", DAYS, make, None)
      for make in (
          _pandas("datetime64[ns]"), _pandas("period[D]"), _pandas(_arrow(pa.date32())),
          lambda cells: pd.Series(cells, dtype="datetime64[ns]") - DAYS[0], _objects,
      )),
    Type("dates, times, periods, intervals, lists, structs", "pandas", BINS.tolist(),
         lambda cells: pd.Series(pd.arrays.IntervalArray(cells)), None),
    Type("dates, times, periods, intervals, lists, structs", "pandas", [[word] for word in WORDS],
         _pandas(_arrow(pa.list_(pa.string()))), None),
    Type("dates, times, periods, intervals, lists, structs", "pandas", [[word] for word in WORDS],
         _objects, None),
    Type("Arrow's views of strings and bytes", "pandas", WORDS, _view, None),
    Type("complex numbers", "pandas", COUNTS, _pandas("complex128"), None),
    *(Type("dates, times, lists, structs, Object", "polars", cells, _polars(t), None)
      for cells, t in (
          (DAYS, pl.Datetime), (DAYS, pl.Date), ([[word] for word in WORDS], pl.List(pl.String)),
          (MONEY, pl.Object),
      )),
]  # fmt: skip

MODELLED = [one for one in TYPES if one.family is not None]
REFUSED = [one for one in TYPES if one.family is None]

LIBRARIES = {"array": "NumPy array", "pandas": "pandas", "polars": "polars"}
WORDING = {
    NUMERIC: "numbers",
    BERNOULLI: "zeros and ones",
    CATEGORICAL: "categories",
    None: "refused by name",
}


def guide_table() -> str:
    """The table of types in the guide."""
    rows = dict.fromkeys((one.library, one.label, one.family) for one in TYPES)
    lines = ["| table | type of the column | modelled as |", "| --- | --- | --- |"]
    lines += [f"| {LIBRARIES[a]} | {label} | {WORDING[family]} |" for a, label, family in rows]
    return "\n".join(lines)
