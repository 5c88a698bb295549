"""Columns of one family, and the rows of Phi and of the parameters that are theirs.

Axes: D columns, B rows, F leaf regions, K units, S statistics of a region, n incidences (a column
in a leaf region), t statistics of a family.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ..leaves import AtomLeaf, Leaf, with_atoms
from .cells import Cells
from .selection import Selection
from .shortcuts import may_fail


@dataclass(frozen=True)
class LeafFold:
    """Columns of one family with the same number of statistics.

    Attributes
    ----------
    family : Leaf
    columns : Tensor (n_columns,)
    phi : slice
        Rows of these columns in Phi.
    packed : Selection
        Positions of all their incidences in the packed parameters as (F S, K).
    column_of : Tensor (n,)
        For each incidence its position in `columns`.
    region_of : Tensor (n,)
        For each incidence its leaf region.
    """

    family: Leaf
    columns: Tensor
    phi: slice
    packed: Selection
    column_of: Tensor
    region_of: Tensor

    @property
    def width(self) -> int:
        """Rows of one column: its statistics and a count."""
        return self.family.n_statistics + 1

    @cached_property
    def with_atoms(self) -> AtomLeaf | None:
        """The family as an `AtomLeaf`, or None if it has no atoms."""
        return with_atoms(self.family)

    def read(self, cells: Cells, incomplete: bool) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Values, atoms and the mask of observed cells, each (n_columns, B).

        A missing cell has a value of the family's support. The atoms are None if the family has
        none. The mask is None if no cell is missing; `incomplete` says whether one may be.
        """
        values, atoms = cells.values.T.index_select(0, self.columns), self._atoms(cells)
        if not incomplete:
            return values, atoms, None
        observed = cells.observed.T.index_select(0, self.columns)
        if not may_fail(observed):
            return values, atoms, None
        return torch.where(observed, values, self.family.fill), atoms, observed

    def _atoms(self, cells: Cells) -> Tensor | None:
        if not self.family.n_atoms:
            return None
        if cells.atoms is None:
            return torch.zeros(
                (len(self.columns), len(cells)), dtype=torch.int16, device=cells.device
            )
        return cells.atoms.T.index_select(0, self.columns)

    def statistics(self, values: Tensor, atoms: Tensor | None) -> Tensor:
        """Sufficient statistics T of the columns' cells, (n_columns, B) to (n_columns, t, B)."""
        if self.with_atoms is None or atoms is None:
            return self.family.statistics(values)
        return self.with_atoms.statistics(values, atoms)

    def log_base(self, values: Tensor, atoms: Tensor | None) -> Tensor:
        """The log base measure log h of the columns' cells, (n_columns, B)."""
        if self.with_atoms is None or atoms is None:
            return self.family.log_base(values)
        return self.with_atoms.log_base(values, atoms)

    def draw(
        self, theta: Tensor, generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor | None]:
        """Numbers and atoms (n, B) for parameters (n, t, B): draws, or modes without generator."""
        family, of_atoms = self.family, self.with_atoms
        values = family.mode(theta) if generator is None else family.sample(theta, generator)
        if of_atoms is None:
            return values, None
        # Numbers are drawn before atoms; the order decides what a seed draws.
        atoms = (
            of_atoms.mode_atoms(theta)
            if generator is None
            else of_atoms.sample_atoms(theta, generator)
        )
        return values.masked_fill(atoms > 0, 0.0), atoms.to(torch.int16)

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
    """Columns by family object: those that share one are a fold."""
    members: dict[int, list[int]] = {}
    for column, family in enumerate(families):
        members.setdefault(id(family), []).append(column)
    return list(members.values())


def phi_starts(members: list[list[int]], widths: list[int]) -> dict[int, int]:
    """First row of every column in Phi: columns of a fold are adjacent."""
    starts, row = {}, 0
    for columns in members:
        for column in columns:
            starts[column] = row
            row += widths[column]
    return starts


def incidences(
    scopes: Sequence[tuple[int, ...]], widths: list[int], n_statistics: int
) -> list[tuple[int, int]]:
    """Pairs (column, its first row in the packed parameters as (F S, K))."""
    pairs = []
    for region, scope in enumerate(scopes):
        row = region * n_statistics
        for column in scope:
            pairs.append((column, row))
            row += widths[column]
    return pairs
