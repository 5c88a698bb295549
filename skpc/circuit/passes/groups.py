"""Columns of one family, and where their slots stand.

Axes: D columns, B rows, F leaf regions, K units, S slots of a region, n incidences (a column in a
leaf region), t statistics of a family.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..leaves import Leaf
from .selection import Places


@dataclass(frozen=True)
class LeafGroup:
    """Columns of one family with the same number of statistics.

    Attributes
    ----------
    family : Leaf
    columns : Tensor (n_columns,)
    phi : slice
        Slots of these columns in Phi.
    packed : Places
        Places of all their incidences in the packed parameters seen as (F S, K).
    column_of : Tensor (n,)
        For each incidence its position in `columns`.
    region_of : Tensor (n,)
        For each incidence its leaf region.
    """

    family: Leaf
    columns: Tensor
    phi: slice
    packed: Places
    column_of: Tensor
    region_of: Tensor

    @property
    def width(self) -> int:
        """Slots of one column: its statistics and a count."""
        return self.family.n_statistics + 1

    def unpack(self, packed: Tensor) -> tuple[Tensor, Tensor]:
        """Packed (F, S, K) to statistics or parameters (n, t, K) and counts (n, 1, K)."""
        rows = self.packed.take(packed.reshape(-1, packed.shape[-1]))
        rows = rows.reshape(-1, self.width, packed.shape[-1])
        return rows[:, :-1], rows[:, -1:]

    def pack(self, packed: Tensor, values: Tensor, counts: Tensor) -> None:
        """Write (n, t, K) and (n, 1, K) into a contiguous packed (F, S, K)."""
        rows = torch.cat([values, counts], dim=1).reshape(-1, packed.shape[-1])
        self.packed.put(packed.view(-1, packed.shape[-1]), rows)


def members_of(families: Sequence[Leaf]) -> list[list[int]]:
    """Columns that share a family object."""
    members: dict[int, list[int]] = {}
    for column, family in enumerate(families):
        members.setdefault(id(family), []).append(column)
    return list(members.values())


def phi_starts(members: list[list[int]], widths: list[int]) -> dict[int, int]:
    """First row of every column in Phi: columns of a group are adjacent."""
    starts, row = {}, 0
    for columns in members:
        for column in columns:
            starts[column] = row
            row += widths[column]
    return starts


def incidences(
    scopes: Sequence[tuple[int, ...]], widths: list[int], n_slots: int
) -> list[tuple[int, int]]:
    """Pairs (column, its first row in the packed parameters seen as (F S, K))."""
    pairs = []
    for region, scope in enumerate(scopes):
        row = region * n_slots
        for column in scope:
            pairs.append((column, row))
            row += widths[column]
    return pairs
