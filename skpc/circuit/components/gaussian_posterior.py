"""What mixtures of Gaussians say of rows given their observed cells.

Axes: B rows of a block, b selected rows, D columns, K units.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ..passes import Cells, pick
from ..queries import Cdf, Pieces, Posterior, UnitMoments
from . import gaussian_columns, gaussian_draws, gaussian_moments
from .correlations import Numbers
from .gaussian_units import GaussianUnits


@dataclass(frozen=True, eq=False)
class GaussianPosterior(Posterior):
    """The posterior from the rows' numbers, standardised in each unit.

    Attributes
    ----------
    component : GaussianUnits
    numbers : Numbers
        Of the rows.
    joint : Tensor (K, B)
        Log of weight times density of every unit and row, without log h.
    """

    component: GaussianUnits
    numbers: Numbers
    joint: Tensor

    @property
    def log_density(self) -> Tensor:
        """Log density of the observed cells of every row, (B,)."""
        return torch.logsumexp(self.joint, dim=0) + self.numbers.statistics.log_base

    @cached_property
    def probabilities(self) -> Tensor:
        """Posterior probabilities of the units, (1, K, B)."""
        return torch.softmax(self.joint, dim=0).unsqueeze(0)

    @property
    def draw_rows(self) -> int:
        """Rows that are drawn at once."""
        return self.component.draw_rows

    def draw(self, index: Tensor, generator: torch.Generator | None) -> Cells:
        """All cells (b, D) of rows like selected ones (b,), drawn or most probable."""
        unit = pick(self.probabilities[0].T[index], generator)
        numbers = self.numbers.rows(index, unit)
        return gaussian_draws.draw(self.component, self.rows.rows(index), numbers, generator)

    @property
    def log_cells(self) -> Tensor:
        """Log density of every cell given the others of its row, (B, D); NaN where not evidence."""
        return gaussian_columns.log_cells(self.component, self.rows, self.numbers, self.joint)

    def log_codes(self, column: int) -> Tensor:
        """Log probability of every code of a column given the other cells of the row, (C, B)."""
        return gaussian_columns.log_codes(self.component, self.numbers, self.joint, column)

    def cdf(self, index: Tensor, column: int, pieces: Pieces | None) -> Cdf:
        """The cdf of a column in selected rows (b,) that hide it, given their observed cells."""
        if column not in self.component.columns.tolist():
            return super().cdf(index, column, pieces)
        units, shares = self.component, self.probabilities[:, :, index]
        number = gaussian_moments.of_number(units, self.hidden, column, index)
        return gaussian_columns.cdf(units, number, shares, column, pieces)

    @cached_property
    def hidden(self) -> tuple[Tensor, Tensor]:
        """Means and variances of hidden numbers given the observed ones, twice (K, B, d).

        They are standardised as the units see them, and serve all columns.
        """
        return gaussian_moments.of_hidden(self.numbers)

    def moments(self, of_units: UnitMoments) -> tuple[Tensor, Tensor]:
        """Means and variances of all columns given the observed cells, twice (B, D)."""
        probabilities = self.probabilities[0]
        return gaussian_moments.moments(
            self.component, self.rows, self.hidden, probabilities, of_units
        )
