"""Holes as data: a digit for every column that had missing cells in training, 1 where one is.

The digits are columns that a circuit models after those of the table. Users do not see them.

Axes: n rows, D columns, m of them with indicators.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .columns import Column
from .encoded import Encoded
from .raw import RawColumn, RawTable

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Holes:
    """Indicators of missing cells.

    Attributes
    ----------
    positions : tuple of int (m,)
        Columns that have one.
    """

    positions: tuple[int, ...] = ()

    @classmethod
    def of(cls, table: RawTable) -> Self:
        """An indicator for every column with a missing cell."""
        return cls(tuple(j for j, raw in enumerate(table.columns) if raw.missing.any()))

    def columns(self, columns: list[Column]) -> list[Column]:
        """The indicators (m,) of a table of D columns, as columns of digits."""
        headers = [
            RawColumn(f"the holes of {columns[j].raw.name}", "bool", np.empty(0), "bool")
            for j in self.positions
        ]
        return [Column(header, "bernoulli", "binary") for header in headers]

    def beside(self, encoded: Encoded, table: RawTable, unknown: Mask | None) -> Encoded:
        """A table as numbers (n, D) with its indicators after it, (n, D + m).

        Parameters
        ----------
        encoded : Encoded
        table : RawTable
            The same table.
        unknown : ndarray (D,) of bool or None
            Columns whose missing cells are unknown, be they a value or a hole: there the
            indicator is no evidence.
        """
        if not self.positions:
            return encoded
        digits = np.column_stack([table.columns[j].missing for j in self.positions]).astype(float)
        if unknown is not None:
            digits[(digits == 1) & unknown[list(self.positions)]] = np.nan
        return encoded.beside(digits)

    def drawn(self, z: Floats) -> dict[int, Mask]:
        """Masks (n,) of the holes of columns that have any in rows of numbers (n, D + m)."""
        d = z.shape[1] - len(self.positions)
        masks = {j: z[:, d + i] == 1 for i, j in enumerate(self.positions)}
        return {j: mask for j, mask in masks.items() if mask.any()}

    def unmodelled(self, table: RawTable) -> dict[Any, str]:
        """Messages about later training rows with holes in columns that have no indicator."""
        return {
            ("holes", j): f"{raw.title} has missing cells and had none in the first fit, which "
            "decides whose holes are modelled: these are integrated out."
            for j, raw in enumerate(table.columns)
            if j not in self.positions and raw.missing.any()
        }
