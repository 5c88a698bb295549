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
        rows = rows.to(self.circuit.device)
        numbers = self.numbers(rows)
        joint = self.joint(numbers)
        return GaussianPosterior(self.circuit, self.parameters, rows, self, numbers, joint)
