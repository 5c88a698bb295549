"""A table before any change: its columns with their names and types.

A missing cell is NaN among numbers and None among objects; there is no other mark.

Axes: n rows, D columns.
"""

from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

KINDS_OF_CELLS = ("number", "integer", "bool", "category", "mixed")


def check_distinct(name: str, values: Any) -> None:
    """Refuse values of a file that are no tuple, or not different."""
    if type(values) is not tuple or len(set(values)) < len(values):
        raise ValueError(f"{name} are no tuple of different values.")


@dataclass(frozen=True)
class RawColumn:
    """One column of a user's table.

    Attributes
    ----------
    name : str
        For messages: "column 'age'", or "column 3" of an array.
    kind : {"number", "integer", "bool", "category", "mixed"}
        What the cells are, whatever type holds them: see `objects.Held`.
    values : ndarray (n,)
        float64 for numbers, integers and bools, NaN where missing; else object, None where
        missing.
    dtype : str
        Name of the type, by which `column_like` makes a column of the same type: that of a NumPy
        type, or one of `dtypes`.
    categories : tuple or None
        Categories that the type declares, in its order.
    ordered : bool
        Whether the type says that they are ordered.
    places : int or None
        Digits after the point, where the cells are objects of `decimal.Decimal`.
    """

    name: str
    kind: str
    values: NDArray[Any]
    dtype: str
    categories: tuple[Any, ...] | None = None
    ordered: bool = False
    places: int | None = None

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
    def has_numbers(self) -> bool:
        """Whether its cells are numbers or booleans, and its values floats."""
        return self.kind in ("number", "integer", "bool")

    @property
    def float_type(self) -> type:
        """The floats that a column of its type can hold."""
        name = self.dtype.lower().removeprefix("sparse[")
        if name.startswith(("float16", "halffloat")):
            return np.float16
        return np.float32 if name.startswith(("float32", "float[")) else np.float64

    def state(self) -> dict[str, Any]:
        """Name and type of the column, for files."""
        return {one.name: getattr(self, one.name) for one in fields(self) if one.name != "values"}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """A column without rows from what `state` returned."""
        words = state["kind"] in ("category", "mixed")
        return cls(**state, values=np.empty(0, dtype=object if words else np.float64))

    def check(self) -> None:
        """Refuse what a file may say of a column that none is."""
        texts = (self.name, self.kind, self.dtype)
        if not all(type(text) is str for text in texts) or self.kind not in KINDS_OF_CELLS:
            raise ValueError(f"name, kind and dtype are {texts}.")
        if self.categories is not None:
            check_distinct("categories", self.categories)
        if type(self.ordered) is not bool:
            raise ValueError(f"ordered is {self.ordered!r}; True and False are accepted.")
        if self.places is not None and not (type(self.places) is int and 0 <= self.places <= 400):
            raise ValueError(f"places is {self.places!r}; None and 0 to 400 are accepted.")

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
        Of a frame's columns: texts, whole numbers, tuples of the levels of a MultiIndex.
    levels : list or None
        Names of the levels of a pandas frame's columns, one each, None where a level has none.
    """

    columns: list[RawColumn]
    library: str
    names: list[Any] | None = None
    levels: list[Any] | None = None

    def __len__(self) -> int:
        return len(self.columns[0].values)

    def rows(self, index: NDArray[Any]) -> "RawTable":
        """The rows of a mask or of positions."""
        return replace(self, columns=[column.rows(index) for column in self.columns])
