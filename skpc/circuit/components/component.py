"""A component of a mixture of circuits: a circuit with its parameters, and its queries.

Axes: n rows, D columns, B rows of a block.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import ClassVar, Self

import torch
from torch import Tensor

from .. import queries
from ..passes import Cells, Circuit, Parameters, Space, check_parameters
from ..queries import Pieces, Posterior, UnitMoments


@dataclass(frozen=True)
class Component:
    """A circuit with its parameters and its weight in the mixture.

    Attributes
    ----------
    circuit : Circuit
    parameters : Parameters
    log_weight : float
    sorts_rows : bool
        Whether `blocks` puts rows next to each other that are cheaper together.
    """

    circuit: Circuit
    parameters: Parameters
    log_weight: float = 0.0

    sorts_rows: ClassVar[bool] = False

    def check(self) -> None:
        """Refuse numbers of a file that are none of this component's.

        Raises
        ------
        ValueError
        """
        check_parameters(self.circuit, self.parameters)

    def blocks(self, cells: Cells) -> tuple[Tensor, ...]:
        """Positions of rows in blocks of bounded memory."""
        return torch.arange(len(cells), device=cells.device).split(
            self.circuit.rows_of_block(cells)
        )

    def log_density(self, cells: Cells, dtype: torch.dtype) -> Tensor:
        """Log density of every row, (n,); missing cells are integrated out."""
        return queries.log_density(self.circuit, self.parameters, cells, dtype)

    def knowing(self, rows: Cells) -> tuple[Self, Cells]:
        """The component that reads the cells of B rows that are known in part, and these rows."""
        circuit, parameters, rows = self.circuit.knowing(self.parameters, rows)
        if circuit is self.circuit:
            return self, rows
        knowing = replace(self, circuit=circuit, parameters=parameters)
        # What was computed of the leaves and the units holds with slots as well.
        known = {name for name in vars(self) if name not in {f.name for f in fields(self)}}
        vars(knowing).update({name: vars(self)[name] for name in known})
        return knowing, rows

    def sample(self, n: int, generator: torch.Generator) -> Cells:
        """Independent draws of whole rows, (n, D)."""
        return queries.sample(self.circuit, self.parameters, n, generator)

    def unit_moments(self, pieces: Sequence[Pieces | None] | None = None) -> UnitMoments:
        """Moments of all columns in every unit, which `Posterior.moments` takes."""
        return queries.unit_moments(self.circuit, self.parameters, pieces)

    def observe(self, rows: Cells, space: Space | None = None) -> Posterior:
        """The posterior given the observed cells of B rows, by one upward pass.

        Parameters
        ----------
        rows : Cells (B, D)
            A block of `blocks`.
        space : Space, optional
            Memory of an earlier block, whose posterior is not needed any more.
        """
        return queries.observe(self.circuit, self.parameters, rows, space)
