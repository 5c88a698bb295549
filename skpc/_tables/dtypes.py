"""Names of the types of pandas and polars columns, by which a column of the type is made again.

A name is a string, so that any file can hold it. It is what the library itself writes, but where
that does not tell two types apart, or leaves out what a type was made with.
"""

import re
from ast import literal_eval
from importlib import import_module
from typing import Any, Literal

# Types of Arrow whose columns can be neither filtered nor written to.
VIEWS = ("string_view[pyarrow]", "binary_view[pyarrow]")

# What the names of types that hold words, and nothing else, begin with.
WORDS = ("str", "utf8", "large_string", "large_utf8", "enum", "categorical")

DECIMAL = re.compile(r"(decimal\d+)\((\d+), (-?\d+)\)\[pyarrow\]")
DICTIONARY = re.compile(r"dictionary<values=(.+), indices=(\w+), ordered=([01])>\[pyarrow\]")
SPARSE = re.compile(r"Sparse\[(\w+), (.+)\]")
POLARS_DECIMAL = re.compile(r"Decimal\((\d+), (\d+)\)")

# All names: files are read without the libraries, and must not name anything else of theirs.
_WIDTHS = r"(?:8|16|32|64)"
_NUMPY = rf"bool|object|u?int{_WIDTHS}|float(?:16|32|64|96|128)|longdouble"
_ARROW = (
    rf"bool|null|u?int{_WIDTHS}|halffloat|float|double|(?:large_)?(?:string|utf8|binary)"
    r"|fixed_size_binary\[\d{1,9}\]|decimal\d{2,3}\(\d{1,2}, -?\d{1,2}\)"
)
_INDICES = rf"u?int{_WIDTHS}"
_PANDAS = (
    rf"{_NUMPY}|U?Int{_WIDTHS}|Float(?:32|64)|boolean|(?:str|string)\[(?:python|pyarrow)\]"
    rf"|Sparse\[(?:{_NUMPY}), (?:nan|True|False|-?[0-9.e+-]{{1,30}})\]"
    rf"|(?:{_ARROW}|dictionary<values=(?:{_ARROW}), indices={_INDICES}, ordered=[01]>)\[pyarrow\]"
)
_BINS = rf"interval\[(?:{_NUMPY}), (?:left|right|both|neither)\]"
_POLARS = (
    r"U?Int(?:8|16|32|64|128)|Float(?:16|32|64)|Boolean|String|Utf8|Binary|Null|Categorical|Enum"
    r"|Decimal\(\d{1,2}, \d{1,2}\)"
)
NAMES_OF = {
    "array": re.compile(_NUMPY),
    "pandas": re.compile(rf"{_PANDAS}|category\[(?:{_PANDAS}|{_BINS})\]"),
    "polars": re.compile(_POLARS),
}


def is_name(name: str, library: str) -> bool:
    """Whether a name is one of a type of the library whose columns can be made of a file alone."""
    return NAMES_OF[library].fullmatch(name) is not None


def library_of(name: Literal["pandas", "polars", "pyarrow"]) -> Any:
    """The library that makes columns; a model from a file may come before it was imported."""
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(f"The table of training was one of {name}; install {name}.") from error


def pandas_name(dtype: Any) -> str | None:
    """The name of a pandas type; None if no column of the type could be made of it."""
    pandas, name = library_of("pandas"), str(dtype)
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
    pandas = library_of("pandas")
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
    pandas = library_of("pandas")
    try:
        made = pandas_type(name)
        pandas.Index(list(categories), dtype=made)
    except (TypeError, ValueError):
        return None
    return made


def _arrow_type(name: str) -> Any:
    arrow = library_of("pyarrow")
    if found := DECIMAL.fullmatch(name):
        return getattr(arrow, found[1])(int(found[2]), int(found[3]))
    found = DICTIONARY.fullmatch(name)
    assert found is not None
    values, indices = arrow.type_for_alias(found[1]), arrow.type_for_alias(found[2])
    return arrow.dictionary(indices, values, found[3] == "1")


def polars_name(dtype: Any) -> str | None:
    """The name of a polars type; None for types whose columns are not modelled."""
    polars = library_of("polars")
    if dtype.is_temporal() or dtype.is_nested() or dtype in (polars.Object, polars.Unknown):
        return None
    if dtype.is_decimal():
        return f"Decimal({dtype.precision}, {dtype.scale})"
    name = dtype.__name__ if isinstance(dtype, type) else type(dtype).__name__
    return name if hasattr(polars, name) else None


def polars_type(name: str, categories: Any = None) -> Any:
    """The polars type of a name from `polars_name`."""
    polars = library_of("polars")
    if categories is not None:
        return polars.Enum(list(categories))
    if found := POLARS_DECIMAL.fullmatch(name):
        return polars.Decimal(int(found[1]), int(found[2]))
    return getattr(polars, name)
