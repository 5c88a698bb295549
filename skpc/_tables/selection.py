"""Columns that a user names: by a mask, by positions or by names.

Axes: D columns.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray


def column_mask(chosen: Any, names: list[str] | None, d: int, argument: str) -> NDArray[np.bool_]:
    """The mask (D,) of columns that a user names by a mask, by positions or by names.

    Raises
    ------
    ValueError
        If a mask has the wrong length, an index is out of range or a name is unknown; the message
        names the argument.
    """
    chosen = (
        list(chosen) if isinstance(chosen, Iterable) and not isinstance(chosen, str) else [chosen]
    )
    if chosen and all(isinstance(w, bool | np.bool_) for w in chosen):
        if len(chosen) != d:
            raise ValueError(f"{argument} is a mask of {len(chosen)} columns; X has {d}.")
        return np.array(chosen, dtype=bool)
    mask = np.zeros(d, dtype=bool)
    for item in chosen:
        mask[column_position(item, names, d, argument)] = True
    return mask


def column_position(item: Any, names: list[str] | None, d: int, argument: str) -> int:
    """The position of a column that a user names by its name or its position.

    Raises
    ------
    ValueError
        If there is no such column; the message names the argument.
    """
    if isinstance(item, str):
        if names is None or item not in names:
            known = "X has no column names" if names is None else f"the columns are {names}"
            raise ValueError(f"{argument} names the column {item!r}; {known}.")
        return names.index(item)
    if not isinstance(item, int | np.integer) or not -d <= item < d:
        raise ValueError(
            f"{argument} holds {item!r}; a mask, column names or positions from {-d} to "
            f"{d - 1} are accepted."
        )
    return int(item)
