"""Cells of rows as a circuit reads them.

Axes: n rows, D columns.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import torch
from torch import Tensor

from .partly import Partly, joined_partly


@dataclass(frozen=True, eq=False)
class Cells:
    """Numbers, codes and atoms of a table's cells. A missing cell is a NaN in `values`.

    Attributes
    ----------
    values : Tensor (n, D)
        Codes and standardised numbers; NaN where the circuit has no evidence, 0 at an atom.
    atoms : Tensor (n, D) of int16, or None
        i + 1 where the cell is atom i of its column, else 0; None where no column has atoms.
    partly : Partly or None
        Evidence that leaves several codes possible, about cells that are missing in `values`:
        a circuit that does not know of it (`Circuit.knowing`) integrates these out.
    """

    values: Tensor
    atoms: Tensor | None = None
    partly: Partly | None = None

    @classmethod
    def empty(
        cls, n_rows: int, n_columns: int, device: torch.device, with_atoms: bool = False
    ) -> Self:
        """Rows of missing cells only, in float64; `with_atoms` adds an array of atoms."""
        shape = (n_rows, n_columns)
        values = torch.full(shape, torch.nan, dtype=torch.float64, device=device)
        atoms = torch.zeros(shape, dtype=torch.int16, device=device) if with_atoms else None
        return cls(values, atoms)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def n_columns(self) -> int:
        """Number of columns D."""
        return self.values.shape[1]

    @property
    def device(self) -> torch.device:
        """Device of the cells."""
        return self.values.device

    @cached_property
    def observed(self) -> Tensor:
        """Which cells are evidence, (n, D)."""
        return ~torch.isnan(self.values)

    @property
    def numbers(self) -> Tensor:
        """Which cells are evidence and not atoms, (n, D)."""
        return self.observed if self.atoms is None else self.observed & (self.atoms == 0)

    def to(self, device: torch.device, dtype: torch.dtype | None = None) -> "Cells":
        """The same cells on a device, with values of a type."""
        values = self.values.to(device, dtype)
        atoms = self.atoms if self.atoms is None else self.atoms.to(device)
        partly = self.partly and self.partly.to(device)
        same = values is self.values and atoms is self.atoms and partly is self.partly
        return self if same else Cells(values, atoms, partly)

    def rows(self, index: slice | Tensor) -> "Cells":
        """Rows by a slice, by positions or by a mask."""
        partly = self.partly and self.partly.rows(index)
        if isinstance(index, Tensor) and index.dtype == torch.long:
            # Quicker than by square brackets for the few rows of a batch.
            atoms = None if self.atoms is None else self.atoms.index_select(0, index)
            return Cells(self.values.index_select(0, index), atoms, partly)
        atoms = self.atoms if self.atoms is None else self.atoms[index]
        return Cells(self.values[index], atoms, partly)

    def spelled(self, n_codes: Sequence[int]) -> "Cells":
        """The same cells with the evidence i of a column of `partly` as the value C + i.

        Parameters
        ----------
        n_codes : sequence of int (D,)
            Number of codes C of every column.
        """
        if self.partly is None:
            return self
        values = self.values.clone()
        for column, index in zip(self.partly.columns, self.partly.index.T, strict=True):
            spelled = (index + n_codes[column]).to(values.dtype)
            values[:, column] = torch.where(index >= 0, spelled, values[:, column])
        return Cells(values, self.atoms)

    def split(self, size: int) -> Iterator["Cells"]:
        """Blocks of `size` rows, the last one of those that remain; no rows are one block."""
        if len(self) <= size:
            yield self
            return
        for start in range(0, len(self), size):
            yield self.rows(slice(start, start + size))

    def filled(self, others: "Cells") -> "Cells":
        """These cells, with missing ones taken from `others`."""
        values = torch.where(self.observed, self.values, others.values)
        if self.atoms is None and others.atoms is None:
            return Cells(values)
        return Cells(values, torch.where(self.observed, _atoms(self), _atoms(others)))

    def put(self, index: Tensor, rows: "Cells") -> None:
        """Write rows to the positions of an index or of a mask, in place."""
        self.values[index] = rows.values
        if self.atoms is not None:
            self.atoms[index] = _atoms(rows)


def joined(blocks: Sequence[Cells]) -> Cells:
    """Rows of blocks one after the other."""
    if len(blocks) == 1:
        return blocks[0]
    values = torch.cat([block.values for block in blocks])
    partly = joined_partly([(len(block), block.partly) for block in blocks])
    if all(block.atoms is None for block in blocks):
        return Cells(values, None, partly)
    return Cells(values, torch.cat([_atoms(block) for block in blocks]), partly)


def _atoms(cells: Cells) -> Tensor:
    """The atoms, zeros where no column has any."""
    if cells.atoms is not None:
        return cells.atoms
    return torch.zeros(cells.values.shape, dtype=torch.int16, device=cells.device)
