"""Rows of a table as training reads them, a bounded number at a time.

Axes: n rows, D columns, B rows of a block.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ..passes import Cells, Circuit, Parameters, Space, joined
from ..queries import log_density
from .start import column_sums
from .statistics import Statistics, collect, merge


class Source(Protocol):
    """Rows as training reads them, which may be in blocks on other machines.

    Attributes
    ----------
    total : float
        Sum of the weights.
    evidence : float
        Rows that the prior is weighed against.
    constant : float
        Weighted mean of the rows' log Jacobians of the change of units.
    """

    @property
    def total(self) -> float:
        """See above."""

    @property
    def evidence(self) -> float:
        """See above."""

    @property
    def constant(self) -> float:
        """See above."""

    def __len__(self) -> int:
        """Number of rows."""

    def collect(
        self,
        circuit: Circuit,
        parameters: Parameters,
        index: Tensor | None,
        dtype: torch.dtype,
        exponent: float,
        space: Space | None = None,
    ) -> Statistics:
        """Statistics of the rows at positions, or of all rows where the index is None."""

    def column_sums(self, circuit: Circuit) -> Tensor:
        """Weighted sums of every column's statistics, (R,); see `start.column_sums`."""

    def mean_log_density(
        self, circuit: Circuit, parameters: Parameters, dtype: torch.dtype
    ) -> float:
        """Weighted mean log density of the rows, in the units of the table."""


@dataclass(frozen=True)
class Rows:
    """Rows of a table and their weights.

    Attributes
    ----------
    cells : Cells (n, D)
        On the circuit's device.
    weights : Tensor (n,)
        float64, positive.
    constant : float
        Weighted mean of the rows' log Jacobians of the change of units.
    """

    cells: Cells
    weights: Tensor
    constant: float = 0.0

    def __len__(self) -> int:
        return len(self.cells)

    @property
    def total(self) -> float:
        """Sum of the weights."""
        return float(self.weights.sum())

    @property
    def evidence(self) -> float:
        """Rows that the prior is weighed against.

        The sum of the weights, which counts repeated rows, but at least the number of rows:
        weights that add up to one must not make the prior worth more than the table.
        """
        return max(self.total, float(len(self.weights)))

    @property
    def counts(self) -> Tensor:
        """Weights that add to the rows of evidence, so that their scale does not matter."""
        return self.weights * (self.evidence / self.total)

    def collect(
        self,
        circuit: Circuit,
        parameters: Parameters,
        index: Tensor | None,
        dtype: torch.dtype,
        exponent: float,
        space: Space | None = None,
    ) -> Statistics:
        """Statistics of the rows at positions (all without an index), in bounded memory."""
        space = space or Space()
        typed = circuit.typed(parameters, dtype)
        of_blocks = (
            collect(circuit, typed, cells, weights, exponent, space, dtype)
            for cells, weights in blocks(circuit, self, index)
        )
        return reduce(merge, of_blocks)

    def column_sums(self, circuit: Circuit) -> Tensor:
        """Weighted sums of every column's statistics, (R,)."""
        return column_sums(circuit, blocks(circuit, self))

    def mean_log_density(
        self, circuit: Circuit, parameters: Parameters, dtype: torch.dtype
    ) -> float:
        """Weighted mean log density of the rows, in the units of the table."""
        return self.mean(log_densities(circuit, parameters, self, dtype))

    def mean(self, log_densities: Tensor) -> float:
        """Weighted mean of the rows' log densities (n,), in the units of the table."""
        return float(self.weights @ log_densities) / self.total + self.constant

    def sampled(self, most: int, random: np.random.RandomState) -> "Rows":
        """All rows, or `most` random ones if there are more."""
        if len(self) <= most:
            return self
        index = torch.from_numpy(random.choice(len(self), most, replace=False))
        index = index.to(self.cells.device)
        return Rows(self.cells.rows(index), self.weights[index], self.constant)

    def joined(self, other: "Rows") -> "Rows":
        """These rows and others; the constant is that of these rows."""
        weights = torch.cat([self.weights, other.weights])
        return Rows(joined([self.cells, other.cells]), weights, self.constant)


def blocks(
    circuit: Circuit, rows: Rows, index: Tensor | None = None
) -> Iterator[tuple[Cells, Tensor]]:
    """Cells and weights of rows (all without an index), a bounded number at a time."""
    size = circuit.rows_of_block(rows.cells)
    if index is None:
        yield from zip(rows.cells.split(size), rows.weights.split(size), strict=True)
    else:
        for block in index.split(size):
            yield rows.cells.rows(block), rows.weights[block]


def log_densities(
    circuit: Circuit, parameters: Parameters, rows: Rows, dtype: torch.dtype
) -> Tensor:
    """Log densities of rows in the units of the circuit's columns, (n,), float64."""
    return log_density(circuit, parameters, rows.cells, dtype).double()
