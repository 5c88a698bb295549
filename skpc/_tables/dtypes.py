"""Names of the types of pandas and polars columns, by which a column of the type is made again.

A name is a string, so that any file can hold it. It is what the library itself writes, but where
that does not tell two types apart, or leaves out what a type was made with.
"""

import re
import sys
from ast import literal_eval
from typing import Any

# Types of Arrow whose columns can be neither filtered nor written to.
VIEWS = ("string_view[pyarrow]", "binary_view[pyarrow]")

# What the names of types that hold words, and nothing else, begin with.
WORDS = ("str", "utf8", "large_string", "large_utf8", "enum", "categorical")

DECIMAL = re.compile(r"(decimal\d+)\((\d+), (-?\d+)\)\[pyarrow\]")
DICTIONARY = re.compile(r"dictionary<values=(.+), indices=(\w+), ordered=([01])>\[pyarrow\]")
SPARSE = re.compile(r"Sparse\[(\w+), (.+)\]")
POLARS_DECIMAL = re.compile(r"Decimal\((\d+), (\d+)\)")


def pandas_name(dtype: Any) -> str | None:
    """The name of a pandas type; None if no column of the type could be made of it."""
    pandas, name = sys.modules["pandas"], str(dtype)
    if isinstance(dtype, pandas.StringDtype):
        return f"{name}[{dtype.storage}]"
    if isinstance(dtype, pandas.CategoricalDtype):
        inner = pandas_name(dtype.categories.dtype)
        return None if inner is None else f"category[{inner}]"
    if name in VIEWS:
        return None
    if name == "string[pyarrow]":
        # Arrow's own type: the name means pandas' type of strings that Arrow keeps.
        return "utf8[pyarrow]"
    try:
        return name if pandas_type(name) == dtype else None
    except (TypeError, NotImplementedError, ValueError):
        return None


def pandas_type(name: str, categories: Any = None, ordered: bool = False) -> Any:
    """The pandas type of a name from `pandas_name`, with the categories that it declares."""
    pandas = sys.modules["pandas"]
    if categories is not None:
        inner = name.removeprefix("category[")[:-1] or "object"
        made = pandas.Index(list(categories), dtype=_index_type(inner, categories))
        return pandas.CategoricalDtype(made, ordered)
    if name in ("str[python]", "str[pyarrow]"):
        return pandas.StringDtype(name[4:-1], na_value=float("nan"))
    if found := SPARSE.fullmatch(name):
        fill = float("nan") if found[2] == "nan" else literal_eval(found[2])
        return pandas.SparseDtype(found[1], fill)
    if name.endswith("[pyarrow]") and (DECIMAL.fullmatch(name) or DICTIONARY.fullmatch(name)):
        return pandas.ArrowDtype(_arrow_type(name))
    return pandas.api.types.pandas_dtype(name)


def _index_type(name: str, categories: Any) -> Any:
    """The type of the categories; None, pandas' choice, where they are of another one by now."""
    pandas = sys.modules["pandas"]
    try:
        made = pandas_type(name)
        pandas.Index(list(categories), dtype=made)
    except (TypeError, ValueError):
        return None
    return made


def _arrow_type(name: str) -> Any:
    # Loaded, since pandas made a column of such a type.
    arrow = sys.modules["pyarrow"]
    if found := DECIMAL.fullmatch(name):
        return getattr(arrow, found[1])(int(found[2]), int(found[3]))
    found = DICTIONARY.fullmatch(name)
    assert found is not None
    values, indices = arrow.type_for_alias(found[1]), arrow.type_for_alias(found[2])
    return arrow.dictionary(indices, values, found[3] == "1")


def polars_name(dtype: Any) -> str | None:
    """The name of a polars type; None for types whose columns are not modelled."""
    polars = sys.modules["polars"]
    if dtype.is_temporal() or dtype.is_nested() or dtype in (polars.Object, polars.Unknown):
        return None
    if dtype.is_decimal():
        return f"Decimal({dtype.precision}, {dtype.scale})"
    name = dtype.__name__ if isinstance(dtype, type) else type(dtype).__name__
    return name if hasattr(polars, name) else None


def polars_type(name: str, categories: Any = None) -> Any:
    """The polars type of a name from `polars_name`."""
    polars = sys.modules["polars"]
    if categories is not None:
        return polars.Enum(list(categories))
    if found := POLARS_DECIMAL.fullmatch(name):
        return polars.Decimal(int(found[1]), int(found[2]))
    return getattr(polars, name)
