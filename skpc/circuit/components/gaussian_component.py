"""Mixtures of Gaussians as a component: their densities, draws and posterior.

Axes: n rows, D columns, B rows of a block.
"""

import torch

from ..passes import Cells, Space
from . import gaussian_draws
from .gaussian_posterior import GaussianPosterior
from .gaussian_units import GaussianUnits


class GaussianComponent(GaussianUnits):
    """A mixture of units whose columns of numbers are normal together, see `GaussianUnits`."""

    def sample(self, n: int, generator: torch.Generator) -> Cells:
        """Independent draws of whole rows, (n, D)."""
        return gaussian_draws.sample(self, n, generator)

    def observe(self, rows: Cells, space: Space | None = None) -> GaussianPosterior:
        """The posterior given the observed cells of B rows, whose densities are computed once."""
        units, rows = self.knowing(rows.to(self.circuit.device))
        numbers = units.numbers(rows)
        joint = units.joint(numbers)
        return GaussianPosterior(units.circuit, units.parameters, rows, units, numbers, joint)
