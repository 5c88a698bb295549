"""Whether the parts of a table, which a file may hold, agree.

Axes: D columns.
"""

import re
from collections.abc import Hashable
from typing import Any

from .columns import Column
from .dtypes import WORDS, is_name
from .holes import Holes
from .one_hot import Group

# Types of NumPy whose columns have no missing cells.
NO_HOLES = re.compile(r"bool|u?int\d+")


def check_table(
    columns: Any, library: Any, names: Any, levels: Any, holes: Any, groups: Any
) -> None:
    """Refuse parts that make no table.

    Parameters
    ----------
    columns, library, names, levels, holes, groups
        As `Table` takes them.

    Raises
    ------
    ValueError
    """
    if type(columns) is not list or not columns:
        raise ValueError("columns are no list of one column or more.")
    _check_all("columns", columns, Column)
    if library not in ("array", "pandas", "polars"):
        raise ValueError(f"library is {library!r}.")
    for column in columns:
        if not is_name(column.raw.dtype, library):
            raise ValueError(
                f"{column.raw.title} has the type {column.raw.dtype!r} of {library}, which files "
                "of skpc do not hold; pickle keeps it."
            )
        _check_categories(column)
    for name, values in (("names", names), ("levels", levels)):
        if values is not None and not (
            type(values) is list and all(isinstance(one, Hashable) for one in values)
        ):
            raise ValueError(f"{name} are no list of names.")
    if (names is None) != (library == "array") or len(names or columns) != len(columns):
        raise ValueError(f"{len(names or [])} names are those of {len(columns)} columns.")
    if not isinstance(holes, Holes) or type(groups) is not tuple:
        raise ValueError("holes and groups are none.")
    _check_all("groups", groups, Group)
    members = [j for group in groups for j in group.columns]
    for what, positions in (("groups", members), ("holes", list(holes.positions))):
        inside = all(0 <= j < len(columns) for j in positions)
        if not inside or len(set(positions)) < len(positions):
            raise ValueError(f"{what} name columns twice, or some that the table has not.")
    if set(members) & set(holes.positions):
        raise ValueError("a column of a group has an indicator of holes.")
    if any(NO_HOLES.fullmatch(columns[j].raw.dtype) for j in holes.positions):
        raise ValueError("a column of a type without missing cells has an indicator of holes.")
    if any(columns[j].support != "binary" for j in members):
        raise ValueError("a column of a group holds other than zeros and ones.")


def _check_categories(column: Column) -> None:
    """Refuse categories that the type of a column does not hold, or declares in another way."""
    raw, dtype = column.raw, column.raw.dtype.lower()
    declared = dtype.startswith(("category[", "enum"))
    if declared != (raw.categories is not None):
        raise ValueError(
            f"{raw.title} has the type {raw.dtype!r} and categories by type of another."
        )
    if raw.categories and column.support == "codes" and raw.categories != column.categories:
        raise ValueError(f"{raw.title} has other categories than its type.")
    words = dtype.startswith(WORDS) and not column.is_unknown
    if words and not all(isinstance(one, str) for one in column.categories):
        raise ValueError(f"{raw.title} has categories that are no texts, as its type holds.")


def _check_all(name: str, values: Any, cls: type) -> None:
    if not all(type(one) is cls for one in values):
        raise ValueError(f"{name} hold other than {cls.__name__}s.")
