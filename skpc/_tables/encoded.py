"""A table as a circuit reads it: numbers and atoms, and the log Jacobian of the change of units.

Axes: n rows, b rows of a block, D columns, V columns of the circuit, d columns of numbers, G groups
of columns of zeros and ones, k patterns of a group that are seen in part, C its codes.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .cells import numbers
from .columns import Column, standardise
from .one_hot import Codes, Seen
from .piecewise import Atoms, Maps
from .raw import RawColumn

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Distance from the grid, in steps, that is an error of rounding.
ROUNDING = 1e-3


@dataclass(frozen=True)
class Encoded:
    """Cells of a table as a circuit models them.

    Attributes
    ----------
    z : ndarray (n, V)
        Digits, codes and standardised numbers, 0 at atoms; NaN where the circuit has no
        evidence, because the cell is missing or its value was never seen, and in the columns of
        groups, whose codes are in `codes`.
    atoms : ndarray of int16 (n, V) or None
        i + 1 at atom i of the column, else 0; None where no column has atoms.
    unseen : ndarray (n, D) of bool
        Whether the cell of the table has a value that training did not show.
    log_slope : ndarray (n, D)
        Log of the slope of z along a real column's values: its term in log |det J|.
    groups : tuple of Seen (G,)
        What the rows show of each group.
    first : int
        The circuit's column of the first group; the others follow.
    exact : bool
        Whether patterns that training never showed are allowed for where a row shows a part of a
        group (see `Seen.codes`).
    """

    z: Floats
    atoms: Atoms | None
    unseen: Mask
    log_slope: Floats
    groups: tuple[Seen, ...] = ()
    first: int = 0
    exact: bool = True

    @cached_property
    def codes(self) -> list[Codes]:
        """The groups as columns of codes, (G,)."""
        return [seen.codes(self.exact) for seen in self.groups]

    @cached_property
    def values(self) -> Floats:
        """The numbers with the codes of groups that are known, (n, V)."""
        if not self.groups:
            return self.z
        values = self.z.copy()
        for i, codes in enumerate(self.codes):
            values[:, self.first + i] = codes.values
        return values

    @property
    def evidence(self) -> list[tuple[int, Codes]]:
        """Columns of the circuit with groups that are seen in part, and these."""
        numbered = enumerate(self.codes, self.first)
        return [(v, codes) for v, codes in numbered if len(codes.likelihoods)]

    def of_states(self) -> "Encoded":
        """The same rows as training and draws see them.

        Where a row shows a part of a group, it has one of the patterns that training showed.
        """
        return replace(self, exact=False)

    @property
    def log_groups(self) -> Floats:
        """What the groups' constants add to the log density of the circuit, (n,)."""
        return sum((codes.log_constant for codes in self.codes), np.zeros(len(self.z)))

    def only(self, keep: Mask, variables: Mask) -> "Encoded":
        """The same table with evidence in some columns alone.

        The circuit integrates out all other columns: their cells are missing here.

        Parameters
        ----------
        keep : ndarray (D,) of bool
            Columns of the table.
        variables : ndarray (V,) of bool
            The same as columns of the circuit; of groups it says nothing.
        """
        atoms = None if self.atoms is None else np.where(variables, self.atoms, np.int16(0))
        # Integrate out: a cell of NaN is missing, and its change of units adds nothing.
        z, log_slope = np.where(variables, self.z, np.nan), np.where(keep, self.log_slope, 0.0)
        groups = tuple(seen.only(keep[list(seen.group.columns)]) for seen in self.groups)
        return replace(
            self, z=z, atoms=atoms, unseen=self.unseen & keep, log_slope=log_slope, groups=groups
        )

    def beside(self, digits: Floats) -> "Encoded":
        """The same table with m columns of digits (n, m) after its own, for the circuit."""
        wide = digits.shape
        atoms = None if self.atoms is None else np.hstack([self.atoms, np.zeros(wide, np.int16)])
        return replace(self, z=np.hstack([self.z, digits]), atoms=atoms)

    def rows(self, index: NDArray[np.intp]) -> "Encoded":
        """The rows at these positions."""
        return replace(
            self,
            z=self.z[index],
            atoms=None if self.atoms is None else self.atoms[index],
            unseen=self.unseen[index],
            log_slope=self.log_slope[index],
            groups=tuple(seen.rows(index) for seen in self.groups),
        )


class Reals:
    """Columns of numbers: their scales and piecewise-linear transforms, all of them together.

    Parameters
    ----------
    columns : list of Column
        Of the whole table.
    """

    def __init__(self, columns: list[Column]) -> None:
        self.index = [j for j, c in enumerate(columns) if c.support not in ("codes", "binary")]
        reals = [columns[j] for j in self.index]
        # Without a choice of columns a block is not copied.
        every = len(reals) == len(columns)
        self._chosen = slice(None) if every else np.array(self.index, dtype=np.intp)
        self._shift = np.array([column.shift for column in reals])
        self._scale = np.array([column.scale for column in reals])
        self._log_scale = np.log(self._scale)
        self._step = np.array([column.snapped for column in reals])
        self._origin = np.array([column.grid.origin for column in reals])
        self._maps = Maps([column.shape for column in reals])
        self.has_atoms = any(column.shape and column.shape.atoms for column in reals)

    def encode(
        self, raws: list[RawColumn], z: Floats, atoms: Atoms | None, log_slope: Floats
    ) -> None:
        """Standardise and map the numbers of a block of rows, in place.

        Parameters
        ----------
        raws : list of RawColumn
            Of all rows, for messages.
        z : ndarray (b, D)
            As they are in the table, NaN where there is no evidence.
        atoms : ndarray of int16 (b, D) or None
            Is written to.
        log_slope : ndarray (b, D)
            Is written to; 0 where there is no evidence.

        Raises
        ------
        ValueError
            For infinities; the message names the column.
        """
        values = z[:, self._chosen]
        if np.isinf(values).any():
            for j in self.index:
                numbers(raws[j])
        standardised = standardise(self._snapped(values), self._shift, self._scale)
        z[:, self._chosen], atoms_of_reals, slope = self._maps.encode(standardised)
        log_slope[:, self._chosen] = np.where(np.isnan(values), 0.0, slope - self._log_scale)
        if atoms is not None:
            atoms[:, self._chosen] = atoms_of_reals

    def _snapped(self, values: Floats) -> Floats:
        """Numbers off the grid of their column as the value of their cell, (b, d)."""
        if np.isnan(self._step).all():
            return values
        with np.errstate(over="ignore", invalid="ignore"):
            k = (values - self._origin) / self._step
            near = np.rint(k)
            # Rounding alone is none: a number on the grid keeps its digits.
            return np.where(np.abs(k - near) > ROUNDING, self._origin + self._step * near, values)
