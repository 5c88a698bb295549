"""Columns that a user names: by a mask, by positions or by names.

Axes: D columns.
"""

from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray


def column_mask(chosen: Any, names: list[Any] | None, d: int, argument: str) -> NDArray[np.bool_]:
    """The mask (D,) of columns that a user names by a mask, by positions or by names.

    A tuple that is a column's name (of a MultiIndex) is that column, any other one is several.

    Raises
    ------
    ValueError
        If a mask has the wrong length, an index is out of range, a name is unknown, or two columns
        could be meant; the message names the argument.
    """
    items = _items(chosen, names, argument)
    if items and all(isinstance(w, bool | np.bool_) for w in items):
        if len(items) != d:
            raise ValueError(f"{argument} is a mask of {len(items)} columns; X has {d}.")
        return np.array(items, dtype=bool)
    mask = np.zeros(d, dtype=bool)
    for item in items:
        mask[column_position(item, names, d, argument)] = True
    return mask


def column_positions(
    chosen: Any, names: list[Any] | None, d: int, argument: str
) -> tuple[NDArray[np.intp], bool]:
    """Positions of columns in the order in which a user names them, and whether that is one column.

    A mask names columns in their own order; a list of one column is a list.

    Raises
    ------
    ValueError
        As `column_mask`.
    """
    one = not isinstance(chosen, Iterable) or isinstance(chosen, str | bytes)
    items = _items(chosen, names, argument)
    one = one or (isinstance(chosen, tuple) and len(items) == 1 and items[0] is chosen)
    if items and all(isinstance(item, bool | np.bool_) for item in items):
        return np.flatnonzero(column_mask(items, names, d, argument)), one
    found = [column_position(item, names, d, argument) % d for item in items]
    return np.array(found, dtype=np.intp), one


def _items(chosen: Any, names: list[Any] | None, argument: str) -> list[Any]:
    """What a user names, one by one."""
    if not isinstance(chosen, Iterable) or isinstance(chosen, str | bytes):
        return [chosen]
    items = list(chosen)
    if not isinstance(chosen, tuple) or not _is_name(chosen, names):
        return items
    if items and all(_is_name(item, names) for item in items):
        raise ValueError(
            f"{argument} is {chosen!r}, which is the name of a column, and its entries are names "
            f"of columns as well; pass [{chosen!r}] or {items!r}."
        )
    return [chosen]


def column_position(item: Any, names: list[Any] | None, d: int, argument: str) -> int:
    """The position of a column that a user names by its name or its position.

    A whole number that is a column's name is that column, any other one is a position.

    Raises
    ------
    ValueError
        If there is no such column, or a whole number could mean two of them; the message names the
        argument.
    """
    is_whole = isinstance(item, int | np.integer)
    position = int(item) if is_whole and -d <= item < d else None
    if names is not None and _is_name(item, names):
        named = names.index(item)
        if position is not None and position % d != named:
            raise ValueError(
                f"{argument} holds {item!r}, which may be the column of that name, at position "
                f"{named}, or the column at position {position}, of the name "
                f"{names[position]!r}; pass a mask, or rename the columns to texts."
            )
        return named
    if position is not None:
        return position
    if names is not None or isinstance(item, str | tuple):
        known = "X has no column names" if names is None else f"the columns are {names}"
        raise ValueError(f"{argument} names the column {item!r}; {known}.")
    raise ValueError(
        f"{argument} holds {item!r}; a mask, column names or positions from {-d} to "
        f"{d - 1} are accepted."
    )


def _is_name(item: Any, names: list[Any] | None) -> bool:
    """Whether it is the name of a column; True and False are not, though they equal 1 and 0."""
    if names is None or isinstance(item, bool | np.bool_) or not isinstance(item, Hashable):
        return False
    return item in names
