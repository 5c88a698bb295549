"""The type of a column of a query whose missing cells are filled with values of training.

Axes: n rows.
"""

from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from .dtypes import WORDS
from .objects import kind_of
from .raw import RawColumn

# Types that hold what a column without a type is filled with, by library and kind of the values.
DEFAULTS = {
    "array": {"number": "float64", "integer": "int64", "bool": "bool", "text": "object"},
    "pandas": {"number": "float64", "integer": "int64", "bool": "bool", "text": "object"},
    "polars": {"number": "Float64", "integer": "Int64", "bool": "Boolean", "text": "String"},
}


def type_to_fill(
    raw: RawColumn, trained: RawColumn, values: NDArray[Any], from_library: str, library: str
) -> RawColumn:
    """The type that a query's column has after values are written to its missing cells.

    It is that of the column, with further categories if it needs them. A column that is all missing
    and cannot hold the values takes the type that it had in training.

    Parameters
    ----------
    raw, trained : RawColumn
        In the query and in training.
    values : ndarray (m,)
    from_library, library : str
        Of the training table and of the query.

    Raises
    ------
    ValueError
        If the column has observed cells and cannot hold the values.
    """
    if _can_hold(raw, values):
        if raw.categories is None or set(values.tolist()) <= set(raw.categories):
            return raw
        added = trained.categories or dict.fromkeys(values.tolist())
        return replace(raw, categories=tuple(dict.fromkeys([*raw.categories, *added])))
    if not raw.missing.all():
        raise ValueError(
            f"{raw.title} has missing cells and the type {raw.dtype}, which cannot hold "
            f"{values[0]!r}; in training it had the type {trained.dtype}."
        )
    if from_library == library:
        return trained
    kind = kind_of(values.tolist()).kind
    names, text = DEFAULTS[library], kind in ("category", "mixed")
    return replace(trained, dtype=names["text" if text else kind], categories=None)


def _can_hold(raw: RawColumn, values: NDArray[Any]) -> bool:
    """Whether a column of this type can hold the values.

    Numbers, integers and booleans hold each other, with rounding.
    """
    name = raw.dtype.lower()
    if name == "object":
        return True
    if raw.categories == () or name in ("null", "null[pyarrow]"):
        return False
    holds = kind_of(values.tolist()).kind if values.dtype == object else "number"
    if raw.has_numbers:
        return holds in ("number", "integer", "bool")
    if name.startswith((*WORDS, "dictionary<values=string", "dictionary<values=large_string")):
        return all(isinstance(value, str) for value in values.tolist())
    if "binary" in name:
        return all(isinstance(value, bytes) for value in values.tolist())
    # Categories are widened; what is left are Arrow's dictionaries of numbers.
    return name.startswith("category") or holds in ("number", "integer", "bool")
