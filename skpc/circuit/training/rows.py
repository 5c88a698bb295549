"""Rows of a table as the core sees them, a bounded number at a time.

Axes: n rows, D columns, B rows of a block.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..passes.circuit import Circuit, Parameters
from ..queries import queries


@dataclass(frozen=True)
class Rows:
    """Rows of a table and their weights.

    Attributes
    ----------
    x : Tensor (n, D)
        Codes and standardised numbers, NaN where missing; on the circuit's device.
    weights : Tensor (n,)
        float64, positive.
    constant : float
        Weighted mean of what the change of units adds to a row's log density.
    """

    x: Tensor
    weights: Tensor
    constant: float = 0.0

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
        """Weights that add to the rows of evidence, so that those of any scale mean the same."""
        return self.weights * (self.evidence / self.total)

    def some(self, most: int, random: np.random.RandomState) -> "Rows":
        """All rows, or random ones of a larger table."""
        if len(self.x) <= most:
            return self
        index = torch.from_numpy(random.choice(len(self.x), most, replace=False))
        index = index.to(self.x.device)
        return Rows(self.x[index], self.weights[index], self.constant)

    def joined(self, other: "Rows") -> "Rows":
        """These rows and others; the constant stays that of these."""
        x, weights = torch.cat([self.x, other.x]), torch.cat([self.weights, other.weights])
        return Rows(x, weights, self.constant)


def blocks(circuit: Circuit, rows: Rows, index: Tensor | None) -> Iterator[tuple[Tensor, Tensor]]:
    """Rows and weights, a bounded number at a time."""
    size = circuit.block_rows
    if index is None:
        yield from zip(rows.x.split(size), rows.weights.split(size), strict=True)
    else:
        for part in index.split(size):
            yield rows.x[part], rows.weights[part]


def mean_log_density(
    circuit: Circuit, parameters: Parameters, rows: Rows, dtype: torch.dtype
) -> float:
    """Weighted mean log density of rows, in the units of the table."""
    scores = queries.log_density(circuit, parameters, rows.x, dtype).double()
    return float(rows.weights @ scores) / rows.total + rows.constant
