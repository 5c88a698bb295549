"""What a circuit says of rows given their observed cells, all of it from one upward pass.

Axes: B rows of a block, b selected rows, D columns, F leaf regions, K units.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ..passes import (
    BlockStatistics,
    Cells,
    Circuit,
    Parameters,
    Space,
    Trace,
    joined,
)
from .distributions import Cdf, cdf_of_column
from .draws import draw_leaves
from .leave_one_out import log_cells, log_codes, log_posteriors
from .moments import UnitMoments, centred, expected_moments, given_seen, with_evidence
from .piecewise import Pieces


@dataclass(frozen=True, eq=False)
class Posterior(ABC):
    """A circuit given the observed cells of B rows.

    The answers share what one upward pass computed: none passes the rows upward again. Its memory
    may serve the next block (`Space`), so a posterior is not kept beyond its block of rows.

    Attributes
    ----------
    circuit : Circuit
    parameters : Parameters
    rows : Cells (B, D)
        On the circuit's device.
    """

    circuit: Circuit
    parameters: Parameters
    rows: Cells

    @property
    @abstractmethod
    def log_density(self) -> Tensor:
        """Log density of the observed cells of every row, (B,)."""

    @property
    @abstractmethod
    def probabilities(self) -> Tensor:
        """Posterior probabilities of the leaf regions' units, (F, K, B).

        Over the units that read a column they add to one.
        """

    @property
    def draw_rows(self) -> int:
        """Rows that are drawn at once."""
        return self.circuit.draw_rows

    @abstractmethod
    def draw(self, index: Tensor, generator: torch.Generator | None) -> Cells:
        """All cells (b, D) of rows like selected ones (b,), drawn or most probable."""

    def complete(self, index: Tensor, generator: torch.Generator | None) -> Cells:
        """Selected rows with their missing cells drawn, or most probable without a generator.

        With a generator they are exact draws given the observed cells. Without one, from the root
        down the likeliest input of every chosen sum is taken, given the observed cells, and of the
        chosen leaves the modes (Peharz et al., "Einsum Networks", ICML 2020, section 3.5). That is
        the most probable state, which is NP-hard to compute, wherever the observed cells determine
        the units.

        Parameters
        ----------
        index : Tensor (b,)
            Positions of rows; one that repeats is completed as often, by draws of their own.
        generator : torch.Generator or None

        Returns
        -------
        Cells (b, D)
        """
        blocks = index.split(self.draw_rows)
        return joined([self.rows.rows(i).filled(self.draw(i, generator)) for i in blocks])

    @property
    @abstractmethod
    def log_cells(self) -> Tensor:
        """Log density of every cell given the others of its row, (B, D); NaN where not evidence."""

    @abstractmethod
    def log_codes(self, column: int) -> Tensor:
        """Log probability of every code of a column given the other cells of the row, (C, B).

        That of a code with the other cells, over the density of the whole row: not normalised.
        """

    def cdf(self, index: Tensor, column: int, pieces: Pieces | None) -> Cdf:
        """The cdf of a column in selected rows that hide it, given their observed cells.

        Parameters
        ----------
        index : Tensor (b,)
            Positions of the rows.
        column : int
        pieces : Pieces or None
            Values of the column, if its leaves model a map of them.
        """
        rows, probabilities = self.rows.rows(index), self.probabilities[:, :, index]
        return cdf_of_column(self.circuit, self.parameters, rows, probabilities, column, pieces)

    def moments(self, of_units: UnitMoments) -> tuple[Tensor, Tensor]:
        """Means and variances of all columns given the observed cells, twice (B, D).

        An observed cell has its number as mean (0 at an atom, whose value only the table knows)
        and the variance 0; columns of codes have NaN.
        """
        mean, square = expected_moments(self.circuit, self.probabilities, of_units)
        given_seen(self.circuit, self.parameters, self.rows, self.probabilities, (mean, square))
        return with_evidence(self.rows, mean, centred(mean, square))


@dataclass(frozen=True, eq=False)
class CircuitPosterior(Posterior):
    """The posterior of a circuit from the trace of its layers.

    Attributes
    ----------
    trace : Trace
    statistics : BlockStatistics
        Of the rows.
    """

    trace: Trace
    statistics: BlockStatistics

    @property
    def log_density(self) -> Tensor:
        """Log density of the observed cells of every row, (B,)."""
        return self.trace.root + self.statistics.log_base.to(torch.float64)

    @property
    def log_cells(self) -> Tensor:
        """Log density of every cell given the others of its row, (B, D); NaN where not evidence."""
        return log_cells(
            self.circuit, self.parameters, self.rows, self.statistics, self.log_posteriors
        )

    def log_codes(self, column: int) -> Tensor:
        """Log probability of every code of a column given the other cells of the row, (C, B)."""
        return log_codes(
            self.circuit, self.parameters, self.statistics, self.log_posteriors, column
        )

    @cached_property
    def log_posteriors(self) -> Tensor:
        """Log posterior probabilities of the leaf regions' units, (F, K, B)."""
        return log_posteriors(self.circuit, self.parameters, self.statistics, self.trace)

    @cached_property
    def probabilities(self) -> Tensor:
        """Posterior probabilities of the leaf regions' units, (F, K, B)."""
        # With rows of weight one, flows are the posterior probabilities of units.
        ones = torch.ones_like(self.trace.root)
        return self.circuit.flows(self.parameters, self.trace, ones)[0]

    def draw(self, index: Tensor, generator: torch.Generator | None) -> Cells:
        """All cells (b, D) of rows like selected ones (b,), drawn or most probable."""
        trace = self.trace.for_choices(index)
        units = self.circuit.choose(self.parameters, trace, len(index), generator)
        return draw_leaves(self.circuit, self.parameters, units, generator, self.rows.rows(index))


def observe(
    circuit: Circuit, parameters: Parameters, rows: Cells, space: Space | None = None
) -> CircuitPosterior:
    """The posterior given the observed cells of B rows, by one upward pass in float64.

    Parameters
    ----------
    circuit : Circuit
    parameters : Parameters
    rows : Cells (B, D)
        A block of rows, see `Circuit.block_rows`.
    space : Space, optional
        Memory of an earlier block, whose posterior is not needed any more.
    """
    circuit, parameters, rows = circuit.knowing(parameters, rows.to(circuit.device))
    statistics = circuit.gather(rows, torch.float64)
    trace = circuit.forward(parameters, statistics, torch.float64, space)
    return CircuitPosterior(circuit, parameters, rows, trace, statistics)
