"""The prior: pseudo-rows of every unit.

Axes: N rows of packed leaves, K units; sums (F, O, I) a layer.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..passes import Circuit, Layer, Parameters


@dataclass(frozen=True)
class Prior:
    """Pseudo-rows that are added to the expected rows of every unit.

    A leaf unit has `smoothing` pseudo-rows of its column's own distribution; a sum unit has
    smoothing / I pseudo-counts for each of its I weights. `leaves` holds the columns' E[T], and
    1 in the rows of counts.

    Attributes
    ----------
    smoothing : float
        Pseudo-rows per unit.
    leaves : Tensor (N, 1)
    """

    smoothing: float
    leaves: Tensor

    def log_density(self, circuit: Circuit, parameters: Parameters) -> Tensor:
        """Log prior density of the parameters, up to a constant, ().

        The sum over leaf units of smoothing (<theta, E[T]> - A), A the log partition, and over
        sum units of smoothing times the mean log weight. Full-batch EM never lowers the
        log-likelihood plus this.
        """
        total: Tensor = (parameters.leaves * self.leaves).sum()
        for layer, weights in zip(circuit.weighted, parameters.sums, strict=True):
            logs = torch.log(weights if layer.mask is None else weights.where(layer.mask, 1.0))
            total += (_uniform(layer) * logs).sum()
        return self.smoothing * total

    def add(
        self, circuit: Circuit, leaves: Tensor, sums: tuple[Tensor, ...], evidence: float
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Statistics of a mean row plus the pseudo-rows, divided by the rows of evidence.

        Parameters
        ----------
        leaves : Tensor (N, K)
        sums : tuple of Tensor (F, O, I)
        """
        share = self.smoothing / evidence
        smoothed = tuple(
            counts + share * _uniform(layer)
            for layer, counts in zip(circuit.weighted, sums, strict=True)
        )
        return leaves + share * self.leaves, smoothed


def _uniform(layer: Layer) -> Tensor | float:
    """Equal shares of the weights that exist, (F, 1, I), or of all of them."""
    if layer.mask is None:
        assert layer.shape is not None
        return 1 / layer.shape[2]
    return layer.mask.double() / layer.mask.sum(dim=2, keepdim=True)
