"""How the compiled passes read leaves, and where their statistics stand.

Axes: N rows of packed parameters, of which the first T are those of direct leaf regions, K units, D
columns of a table, G groups of columns, which one family has each.
"""

import ctypes
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .structs import ColumnStruct, EntryStruct, GroupStruct

# The order of `enum kind` of kernel.c.
KINDS = ("codes", "binary", "numbers", "kept")


class Places(NamedTuple):
    """Where the values of the other leaf regions stand in a matrix (Z, K).

    Regions of one scope stand together, all of them of the first row, then all of the second.

    Attributes
    ----------
    scope, copy, stride : list of int
        Of each region how many regions there are before its scope, which one of the scope it is,
        and how many the scope has.
    """

    scope: list[int]
    copy: list[int]
    stride: list[int]


class Group(NamedTuple):
    """What one family has in all regions of one scope, in the packed parameters.

    Attributes
    ----------
    row, copies : int
        The first row, and how many regions the scope has. For each of its statistics, the last of
        them the count, there are as many rows.
    kind : {"codes", "binary", "numbers", "kept"}
        What the statistics are, see `leaves.Form`; "kept" are rows that nothing is done to.
    values : int
        Indicators of values among the statistics.
    direct : bool
        Whether products read the regions without a sum.
    min_variance, min_share : float
        Floors of the family.
    """

    row: int
    copies: int
    kind: str
    values: int
    direct: bool
    min_variance: float = 0.0
    min_share: float = 0.0

    @property
    def stop(self) -> int:
        """The row after the last one."""
        return self.row + self.copies * (self.values + 1 + 2 * (self.kind == "numbers"))


class Entry(NamedTuple):
    """A group in a leaf region.

    Attributes
    ----------
    cell : int
        The group, among all of them.
    group : Group
    copy : int
        Which of the regions of the scope it is.
    """

    cell: int
    group: Group
    copy: int


class Column(NamedTuple):
    """How the cells of a group are read, which is one column.

    Attributes
    ----------
    column : int
    kind : {"codes", "binary", "numbers"}
    first, values : int
        The code of the first indicator, and how many indicators there are.
    log_base : float
        The log base measure of a number.
    """

    column: int
    kind: str
    first: int
    values: int
    log_base: float


class LeafPlan(NamedTuple):
    """All that the compiled passes and the M-step know of leaves.

    Attributes
    ----------
    shape : tuple (N, K)
    n_table_rows : int
        T.
    n_cells : int
        G.
    direct : list of Entry
        Of each direct leaf region its group.
    places : Places
    groups : list of Group
        Those whose parameters the passes read.
    entries : list of list of Entry
        Of each leaf region with a sum above it; none where its log densities come from outside.
    columns : list of Column
        Of each group where the cells are read here, else empty.
    updates : list of Group
        Those that have an M-step here.
    """

    shape: tuple[int, int]
    n_table_rows: int
    n_cells: int
    direct: list[Entry]
    places: Places
    groups: list[Group]
    entries: list[list[Entry]]
    columns: list[Column]
    updates: list[Group]

    def check(self) -> None:
        """Refuse an index that points outside."""
        n, t = self.shape[0], self.n_table_rows
        inside = all(g.row >= 0 and g.stop <= (t if g.direct else n) for g in self.groups)
        inside &= all(g.direct or g.row >= t for g in self.groups)
        inside &= all(g.row >= 0 and g.stop <= n for g in self.updates)
        summed = [e for of_region in self.entries for e in of_region]
        for e in (*self.direct, *summed):
            inside &= 0 <= e.cell < self.n_cells and 0 <= e.copy < e.group.copies
        known = set(self.groups)
        inside &= all(e.group in known for e in (*self.direct, *summed))
        inside &= all(e.group.direct for e in self.direct)
        inside &= not any(e.group.direct for e in summed)
        inside &= len(self.columns) in (0, self.n_cells)
        if not inside:
            raise ValueError("The leaves of a circuit name a row or a cell that is not there.")


def entry_structs(plan: LeafPlan) -> Tensor:
    """Entries of all regions, one after another; rows from the first one that is not direct."""
    entries = [e for of_region in plan.entries for e in of_region]
    first = plan.n_table_rows
    return _bytes(
        EntryStruct(e.cell, e.group.row + e.copy - first, e.group.copies, e.group.kind == "numbers")
        for e in entries
    )


def with_gaps(groups: Sequence[Group], n_rows: int) -> list[Group]:
    """Groups, and the rows of all N between them."""
    ends = [0, *sorted(group.stop for group in groups)]
    starts = [*sorted(group.row for group in groups), n_rows]
    gaps = [
        Group(end, start - end, "kept", 0, False)
        for end, start in zip(ends, starts, strict=True)
        if end < start
    ]
    return [*groups, *gaps]


def group_structs(groups: Sequence[Group]) -> Tensor:
    """Groups as kernel.c reads them."""
    return _bytes(
        GroupStruct(
            g.row, g.copies, KINDS.index(g.kind), g.values, g.direct, g.min_variance, g.min_share
        )
        for g in groups
    )


def column_structs(columns: Sequence[Column]) -> Tensor:
    """Columns as kernel.c reads them."""
    return _bytes(ColumnStruct(c.column, KINDS.index(c.kind), *c[2:]) for c in columns)


def _bytes(structs: Iterable[ctypes.Structure]) -> Tensor:
    """Structures one after another, as a tensor, which can be copied and pickled."""
    joined = b"".join(bytes(struct) for struct in structs)
    return torch.tensor(list(joined), dtype=torch.uint8)


def starts(lists: Sequence[Sequence[Any]]) -> list[int]:
    """Where each of several lists starts among all their members, and the end."""
    found = [0]
    for one in lists:
        found.append(found[-1] + len(one))
    return found
