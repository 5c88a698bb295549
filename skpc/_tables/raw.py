"""A table before any change: its columns with their names and types.

A missing cell is NaN among numbers and None among objects; there is no other mark.

Axes: n rows, D columns.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Number
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

# How the names of types begin that hold words and nothing else.
TEXTS = ("str", "utf8", "large_string", "enum", "categorical")


@dataclass(frozen=True)
class RawColumn:
    """One column of a user's table.

    Attributes
    ----------
    name : str
        For messages: "column 'age'", or "column 3" of an array.
    kind : {"number", "integer", "bool", "category"}
    values : ndarray (n,)
        float64 for numbers, integers and bools, NaN where missing; else object, None where
        missing.
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
    dtype: str
    categories: tuple[Any, ...] | None = None
    ordered: bool = False

    @cached_property
    def missing(self) -> NDArray[np.bool_]:
        """Mask of the missing cells, (n,)."""
        if self.values.dtype != object:
            return np.isnan(self.values)
        cells = (value is None for value in self.values)
        return np.fromiter(cells, dtype=bool, count=len(self.values))

    @property
    def title(self) -> str:
        """The name with a capital, to begin a sentence."""
        return self.name[0].upper() + self.name[1:]

    @property
    def float_type(self) -> type:
        """The floats that a column of its type can hold."""
        name = self.dtype.lower()
        if name.startswith(("float16", "halffloat")):
            return np.float16
        return np.float32 if name.startswith(("float32", "float[")) else np.float64

    def can_hold(self, values: NDArray[Any]) -> bool:
        """Whether a column of its type can hold values (n,) other than its own.

        Numbers are rounded for integers, and categories can be added to those that it declares.
        """
        if self.dtype == "object":
            return True
        if self.kind != "category":
            return values.dtype != object or all(isinstance(v, Number) for v in values)
        if self.dtype.startswith("category"):
            return values.dtype == object
        return self.dtype.lower().startswith(TEXTS) and all(isinstance(v, str) for v in values)

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
        """A column without rows from what `state` returned."""
        declared = None if state["categories"] is None else tuple(state["categories"])
        no_values = np.empty(0, dtype=object if state["kind"] == "category" else np.float64)
        return cls(**{**state, "categories": declared, "values": no_values})

    def rows(self, index: NDArray[Any]) -> "RawColumn":
        """The rows of a mask or of positions."""
        return replace(self, values=self.values[index])


@dataclass(frozen=True)
class RawTable:
    """A user's table.

    Attributes
    ----------
    columns : list of RawColumn (D,)
    library : {"array", "pandas", "polars"}
        What the table was.
    names : list or None
        Of a frame's columns.
    """

    columns: list[RawColumn]
    library: str
    names: list[Any] | None = None

    def __len__(self) -> int:
        return len(self.columns[0].values)

    def rows(self, index: NDArray[Any]) -> "RawTable":
        """The rows of a mask or of positions."""
        return replace(self, columns=[column.rows(index) for column in self.columns])
