"""Groups of columns of one family, and the rows of Phi and of the parameters that are theirs.

Axes: D columns, d of a group, B rows, F leaf regions, N rows of packed parameters, K units, n
incidences (a group in a leaf region), t statistics of a family.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ..leaves import AtomLeaf, GroupLeaf, Leaf, as_group, with_atoms
from .cells import Cells
from .selection import Selection
from .shortcuts import may_fail


@dataclass(frozen=True)
class LeafFold:
    """Groups of columns of one family, whose leaves are computed together.

    Attributes
    ----------
    family : Leaf
    groups : Tensor (n_groups,)
        Positions among all groups of the circuit.
    columns : Tensor (n_groups, d)
    phi : slice
        Rows of these groups in Phi.
    packed : Selection
        Positions of all their incidences in the packed parameters.
    group_of : Tensor (n,)
        For each incidence the position of its group in `columns`.
    region_of : Tensor (n,)
        For each incidence its leaf region.
    """

    family: Leaf
    groups: Tensor
    columns: Tensor
    phi: slice
    packed: Selection
    group_of: Tensor
    region_of: Tensor

    @property
    def width(self) -> int:
        """Rows of one group: its statistics and a count."""
        return self.family.n_statistics + 1

    @cached_property
    def with_atoms(self) -> AtomLeaf | None:
        """The family as an `AtomLeaf`, or None if it has no atoms."""
        return with_atoms(self.family)

    @cached_property
    def of_group(self) -> GroupLeaf | None:
        """The family as a `GroupLeaf`, or None if it has one column."""
        return as_group(self.family)

    def read(self, cells: Cells, incomplete: bool) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Values, atoms and the mask of observed cells, each (n_groups, d, B).

        A missing cell has a value of the family's support. The atoms are None if the family has
        none. The mask is None if no cell is missing; `incomplete` says whether one may be.
        """
        values, atoms = self._of_groups(cells.values), self._atoms(cells)
        if not incomplete:
            return values, atoms, None
        observed = self._of_groups(cells.observed)
        if not may_fail(observed):
            return values, atoms, None
        return torch.where(observed, values, self.family.fill), atoms, observed

    def _atoms(self, cells: Cells) -> Tensor | None:
        if not self.family.n_atoms:
            return None
        if cells.atoms is None:
            shape = (*self.columns.shape, len(cells))
            return torch.zeros(shape, dtype=torch.int16, device=cells.device)
        return self._of_groups(cells.atoms)

    def _of_groups(self, cells: Tensor) -> Tensor:
        """Cells (B, D) as (n_groups, d, B)."""
        return cells.T.index_select(0, self.columns.flatten()).view(*self.columns.shape, -1)

    def statistics(self, values: Tensor, atoms: Tensor | None) -> Tensor:
        """Sufficient statistics T of the groups' cells, (n_groups, d, B) to (n_groups, t, B)."""
        if self.with_atoms is None or atoms is None:
            return self.family.statistics(values)
        return self.with_atoms.statistics(values, atoms)

    def log_base(self, values: Tensor, atoms: Tensor | None) -> Tensor:
        """The log base measure log h of the groups' cells, (n_groups, d, B) to (n_groups, B)."""
        if self.with_atoms is None or atoms is None:
            return self.family.log_base(values)
        return self.with_atoms.log_base(values, atoms)

    def draw(
        self, theta: Tensor, generator: torch.Generator | None
    ) -> tuple[Tensor, Tensor | None]:
        """Numbers and atoms (n, d, B) for parameters (n, t, B): draws; modes without generator."""
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
        """Packed (N, K) to statistics or parameters (n, t, K) and counts (n, 1, K)."""
        rows = self.packed.take(packed)
        rows = rows.reshape(-1, self.width, packed.shape[-1])
        return rows[:, :-1], rows[:, -1:]

    def pack(self, packed: Tensor, values: Tensor, counts: Tensor) -> None:
        """Write (n, t, K) and (n, 1, K) into packed (N, K), in place."""
        rows = torch.cat([values, counts], dim=1).reshape(-1, packed.shape[-1])
        self.packed.put(packed, rows)
