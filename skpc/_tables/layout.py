"""Where the columns of a table stand among those of a circuit.

A circuit models columns that are in no group, then a column of codes for each group, then the
indicators of holes. Users see the D columns of the table.

Axes: n rows, D columns of the table, F of them in no group, G groups, m indicators of holes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .columns import Column
from .holes import Holes
from .one_hot import Group
from .piecewise import Atoms
from .raw import RawColumn

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Layout:
    """Columns of a table and of its circuit.

    Attributes
    ----------
    n_columns : int
        D.
    groups : tuple of Group (G,)
    holes : Holes
        Of columns in no group.
    """

    n_columns: int
    groups: tuple[Group, ...]
    holes: Holes

    @cached_property
    def grouped(self) -> dict[int, tuple[int, int]]:
        """Of every column in a group which group that is, and its position there."""
        return {
            j: (g, i) for g, group in enumerate(self.groups) for i, j in enumerate(group.columns)
        }

    @cached_property
    def free(self) -> NDArray[np.intp]:
        """Columns of the table that are columns of the circuit themselves, (F,)."""
        mine = (j for j in range(self.n_columns) if j not in self.grouped)
        return np.fromiter(mine, dtype=np.intp)

    @cached_property
    def variables(self) -> NDArray[np.intp]:
        """The circuit's column of every column; that of its group where it is in one, (D,)."""
        variables = np.empty(self.n_columns, dtype=np.intp)
        variables[self.free] = np.arange(len(self.free))
        for j, (g, _) in self.grouped.items():
            variables[j] = len(self.free) + g
        return variables

    def modelled(self, columns: Sequence[Column]) -> list[Column]:
        """The circuit's columns, (F + G + m,)."""
        free = [columns[j] for j in self.free]
        groups = [_as_codes(group, columns) for group in self.groups]
        return [*free, *groups, *self.holes.columns(list(columns))]

    def mask(self, columns: Mask) -> Mask:
        """The circuit's columns of a mask (D,) of columns, and their indicators, (F + G + m,).

        What is seen of a group is not said by it: its columns are in no mask.
        """
        no_groups = np.zeros(len(self.groups), dtype=bool)
        holes = columns[list(self.holes.positions)]
        return np.concatenate([columns[self.free], no_groups, holes])

    def spread(self, numbers: NDArray[Any], digits: Sequence[Floats]) -> NDArray[Any]:
        """Numbers of the circuit's columns (n, F + G + m) as of the table's, (n, D + m).

        Parameters
        ----------
        numbers : ndarray (n, F + G + m)
            Also atoms. Those of groups are not read.
        digits : sequence of ndarray (n, d)
            What the members of each group have instead.
        """
        if not self.groups:
            return numbers
        d = self.n_columns
        spread = np.empty((len(numbers), d + len(self.holes.positions)), dtype=numbers.dtype)
        spread[:, self.free] = numbers[:, : len(self.free)]
        spread[:, d:] = numbers[:, len(self.free) + len(self.groups) :]
        for group, own in zip(self.groups, digits, strict=True):
            spread[:, list(group.columns)] = own
        return spread

    def values(
        self, z: Floats, atoms: Atoms | None, digits: Sequence[Floats] | None = None
    ) -> tuple[Floats, Atoms | None]:
        """Numbers, codes and atoms of whole rows of the circuit as those of the table's columns.

        Members of groups have `digits`, (n, d) each; by default those of their codes.
        """
        if digits is None:
            codes = z[:, len(self.free) : len(self.free) + len(self.groups)].T
            digits = [group.digits(own) for group, own in zip(self.groups, codes, strict=True)]
        nothing = [np.zeros(own.shape) for own in digits]
        return self.spread(z, digits), atoms if atoms is None else self.spread(atoms, nothing)


def _as_codes(group: Group, columns: Sequence[Column]) -> Column:
    """A group as a column of codes."""
    names = f"{columns[group.columns[0]].raw.name} to {columns[group.columns[-1]].raw.name}"
    header = RawColumn(f"the one-hot group {names}", "category", np.empty(0, object), "object")
    codes = tuple(range(len(group.rows)))
    return Column(
        header,
        "categorical",
        "codes",
        categories=codes,
        rows=group.rows,
        unseen=group.unseen,
    )
