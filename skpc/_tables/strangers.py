"""Columns of a query of which no value was in training, and what a user should know of them.

Axes: n rows, D columns.
"""

from collections.abc import Iterable
from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np

from .columns import Column
from .encoded import Encoded
from .raw import RawColumn, RawTable

# Cells that must all be unseen before a column of the same kind as in training is named. Fewer are
# what a query of a rare value looks like.
MANY = 10


def strangers(columns: list[Column], table: RawTable, encoded: Encoded) -> dict[int, str]:
    """Messages by column for columns of categories none of whose values was in training.

    Parameters
    ----------
    columns : list of Column (D,)
        Of training.
    table : RawTable
    encoded : Encoded
        The table as numbers.
    """
    messages = {}
    for j, (column, raw) in enumerate(zip(columns, table.columns, strict=True)):
        unseen = encoded.unseen[:, j]
        if column.support != "codes" or column.is_unknown or not unseen.any():
            continue
        if (unseen | raw.missing).all():
            message = _message(column, raw, raw.values[unseen])
            if message is not None:
                messages[j] = message
    return messages


def _message(column: Column, raw: RawColumn, values: Any) -> str | None:
    ours, theirs = _kinds(column.categories), _kinds(values.tolist())
    if ours & theirs and len(values) < MANY:
        return None
    shown, known = _plain(values[0]), _plain(column.categories[0])
    if ours & theirs:
        return (
            f"No value of {raw.name} was in training (the first is {shown!r}): each is scored as a "
            "value never seen, and says nothing about the other columns."
        )
    return (
        f"{raw.title} holds {' and '.join(sorted(theirs))} such as {shown!r}; in training it held "
        f"{' and '.join(sorted(ours))} such as {known!r}. No value equals one of training, so "
        "each is scored as a value never seen."
    )


def _kinds(values: Iterable[Any]) -> set[str]:
    """Words for the kinds of values; numbers of all types are one kind."""
    return {_kind(kind) for kind in set(map(type, values))}


def _kind(kind: type) -> str:
    if issubclass(kind, Real | Decimal | np.bool_):
        return "numbers"
    return "texts" if issubclass(kind, str) else kind.__name__


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
