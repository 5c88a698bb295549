"""The table of a query, as the components of a fitted density read it.

Axes: n rows, D columns.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from .._fitting import FittedDensity, cells_of
from .._tables import Encoded, RawTable, Table, numbers, strangers
from ..circuit.components import Component
from ..circuit.passes import Cells

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Evidence:
    """The rows of a query.

    Attributes
    ----------
    table : Table
        Columns of the density.
    components : list of Component
        On the device of the query.
    raw : RawTable
        The rows in the user's values.
    encoded : Encoded
        The rows as numbers.
    """

    table: Table
    components: list[Component]
    raw: RawTable
    encoded: Encoded

    @classmethod
    def read(
        cls, density: FittedDensity, raw: RawTable, device: str, unknown: Mask | None = None
    ) -> "Evidence":
        """Rows of a checked table; warns of columns of which no value was in training.

        Where holes are modelled a missing cell is one, but in the columns of the mask `unknown`
        (D,), where it says nothing.

        Raises
        ------
        ValueError
            For infinities, text in a column of numbers, and values that a family does not model;
            the message names the column.
        """
        table = density.plan.table
        encoded = table.encode(raw, unknown)
        density.warn(strangers(table.columns, raw, encoded), stacklevel=4)
        return cls(table, density.components(device), raw, encoded)

    def values(self, j: int) -> NDArray[np.float64]:
        """Numbers of column j in the units of the table, (n,); NaN where missing."""
        return numbers(self.raw.columns[j])

    @classmethod
    def nothing(cls, density: FittedDensity, device: str) -> "Evidence":
        """One row without any evidence, of holes either."""
        table = density.plan.table
        raw = table.raw_rows(np.full((1, table.n_values), np.nan), None)
        encoded = table.encode(raw, np.ones(len(table.columns), dtype=bool))
        return cls(table, density.components(device), raw, encoded)

    def of_states(self) -> "Evidence":
        """The rows as draws see them, see `Encoded.of_states`."""
        return replace(self, encoded=self.encoded.of_states())

    def only(self, columns: Mask) -> "Evidence":
        """The rows with evidence in columns of a mask (D,), holes included, and in no others."""
        return replace(self, encoded=self.table.only(self.encoded, columns))

    def without(self, columns: Mask | NDArray[np.intp]) -> "Evidence":
        """The rows without evidence in columns of a mask (D,), or at some positions."""
        keep = np.ones(len(self.table.columns), dtype=bool)
        keep[columns] = False
        return self.only(keep)

    @property
    def cells(self) -> Cells:
        """The rows as tensors."""
        return cells_of(self.encoded)


def seed_device(components: list[Component]) -> torch.device:
    """Device of the components, on which their draws are made."""
    return components[0].circuit.device
