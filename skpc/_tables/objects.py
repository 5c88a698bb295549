"""What kind of values a column of objects holds: numbers are numbers whatever holds them.

Axes: n rows.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .raw import RawColumn

Mask = NDArray[np.bool_]
# Of Python's own floats, which compare with integers of any size.
LARGEST = float(np.finfo(np.float64).max)


@dataclass(frozen=True)
class Held:
    """What the observed cells of a column are.

    Attributes
    ----------
    kind : {"number", "integer", "bool", "category", "mixed"}
        "category" for words and all else that is no number; "mixed" for values of several kinds.
    places : int or None
        Most digits after the point, where all cells are objects of `decimal.Decimal`.
    """

    kind: str
    places: int | None = None


def read_objects(
    name: str,
    values: NDArray[Any],
    dtype: str,
    missing: Mask | None = None,
    *,
    as_categories: bool = False,
    **declared: Any,
) -> RawColumn:
    """A column of objects: floats if its cells are numbers, else objects, None where missing.

    Parameters
    ----------
    name : str
    values : ndarray of objects (n,)
    dtype : str
    missing : ndarray (n,) of bool, optional
        None: None, NaN and pandas' own marks are missing.
    as_categories : bool, default=False
        Whether the type says that cells are categories, also where these are numbers.
    **declared
        Categories of the type, and whether they are ordered.

    Raises
    ------
    ValueError
        If a number is beyond all floats; the message names the column.
    """
    if missing is None:
        missing = np.fromiter((_is_missing(v) for v in values), dtype=bool, count=len(values))
    held = Held("category") if as_categories else kind_of(values[~missing].tolist())
    if held.kind in ("number", "integer", "bool"):
        return RawColumn(name, held.kind, _floats(name, values, missing), dtype, places=held.places)
    if missing.any():
        values = values.copy()
        values[missing] = None
    return RawColumn(name, held.kind, values, dtype, **declared)


def kind_of(cells: Iterable[Any]) -> Held:
    """What observed cells are."""
    cells = list(cells)
    # There are as many types as a column has kinds of cells: a handful, whatever n is.
    kinds = {kind: _kind_of_type(kind) for kind in set(map(type, cells))}
    found = set(kinds.values())
    if found == {"integer", "number"}:
        found = {"number"}
    if len(found) != 1:
        return Held("mixed" if found else "category")
    decimals = bool(kinds) and all(issubclass(kind, Decimal) for kind in kinds)
    return Held(found.pop(), max(map(_places, cells)) if decimals else None)


# Abstract base classes are slow to ask, and a table's cells have few types.
@lru_cache(maxsize=64)
def _kind_of_type(kind: type) -> str:
    if issubclass(kind, bool | np.bool_):
        return "bool"
    if issubclass(kind, np.timedelta64):
        # NumPy counts durations among its integers.
        return "category"
    if issubclass(kind, Integral):
        return "integer"
    return "number" if issubclass(kind, Real | Decimal) else "category"


def _places(value: Decimal) -> int:
    """Digits after the point."""
    exponent = value.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _is_missing(value: Any) -> bool:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    if isinstance(value, Decimal):
        return value.is_nan()
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def _floats(name: str, values: NDArray[Any], missing: Mask) -> NDArray[np.float64]:
    """Cells as floats, NaN where missing, (n,)."""
    floats = np.full(len(values), np.nan)
    try:
        floats[~missing] = values[~missing].astype(np.float64)
    except OverflowError:
        row = next(i for i in np.flatnonzero(~missing) if abs(values[i]) > LARGEST)
        raise ValueError(
            f"{name[0].upper()}{name[1:]} contains a number of {len(str(values[row]))} digits "
            f"(row {row}), beyond all floats; finite numbers are accepted, and NaN for a missing "
            "cell."
        ) from None
    return floats
