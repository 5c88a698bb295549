"""A part of a mixture of circuits: a circuit with its numbers, and what can be asked of it.

Axes: n rows, D columns, B rows of a block, K units.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..passes.circuit import Circuit, Parameters
from ..queries import queries
from ..queries.piecewise import Pieces


@dataclass(frozen=True)
class Part:
    """A circuit with its numbers and its weight in the mixture."""

    circuit: Circuit
    parameters: Parameters
    log_weight: float = 0.0

    @property
    def block_rows(self) -> int:
        """Rows of a block."""
        return self.circuit.block_rows

    def log_density(self, x: Tensor, dtype: torch.dtype) -> Tensor:
        """Of every row, (n, D) to (n,); missing cells are integrated out."""
        return queries.log_density(self.circuit, self.parameters, x, dtype)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Independent draws of whole rows, (n, D)."""
        return queries.sample(self.circuit, self.parameters, n, generator)

    def complete(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        """Rows (n, D) with missing cells drawn, or most probable without a generator."""
        if generator is None:
            return queries.most_probable(self.circuit, self.parameters, x)
        return queries.sample_conditional(self.circuit, self.parameters, x, generator)

    def moments(
        self, x: Tensor, pieces: Sequence[Pieces | None] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Conditional means and variances of all columns, twice (n, D)."""
        return queries.moments(self.circuit, self.parameters, x, pieces)

    def posterior(self, rows: Tensor, shares: Tensor | None = None) -> Tensor:
        """Probabilities of leaf units given rows (B, D), (F, K, B); they add to shares (B,)."""
        return queries.posterior(self.circuit, self.parameters, rows, shares)
