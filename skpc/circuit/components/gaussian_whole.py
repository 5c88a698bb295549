"""The E-step of mixtures of Gaussians on rows whose numbers are all observed.

The log density of such a row in a unit is linear in the products of its numbers, so all units and
rows are one matrix product, and so are the sums of expected products. Other rows need their hidden
numbers' expectations, pattern by pattern: see `gaussian_em`. Products of raw numbers cancel digits
where a unit is narrow, so scores are not computed like this.

Axes: B rows, K units, d columns that are normal together, f products of two of them, S statistics
of a region.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..leaves import FARTHEST
from ..passes import LOWEST, BlockStatistics, Cells
from .gaussian_component import GaussianComponent
from .gaussian_statistics import GaussianStatistics

# Numbers of the largest tensor of a block, as larger ones leave the processor's caches, and the
# fewest rows of one, over which what is done once for all of them is shared.
LARGEST, LEAST_ROWS = 500_000, 512


def whole_rows(component: GaussianComponent, cells: Cells) -> Tensor:
    """Which rows have no hidden number, (n,)."""
    return component.observed_numbers(cells).all(dim=1)


def rows_of_block(component: GaussianComponent) -> int:
    """Rows of a `WholeBlock` at most."""
    return max(LEAST_ROWS, LARGEST // max(component.n_units, _width(component)))


def kept_numbers(component: GaussianComponent) -> int:
    """Numbers that a row in a `WholeBlock` has."""
    return _width(component) + component.circuit.inputs.shape[0]


def _width(component: GaussianComponent) -> int:
    d = len(component.columns)
    return max(d * (d + 1) // 2 + d, component.width)


@dataclass(frozen=True, eq=False)
class WholeBlock:
    """What the E-step reads of rows whose numbers are all observed, whatever the parameters are.

    Attributes
    ----------
    statistics : BlockStatistics
        Of all columns, from `Circuit.gather`.
    products : Tensor (f + d, B)
        Of two numbers, and the numbers.
    pairs : Tensor (2, f)
        Positions of the two.
    weights : Tensor (B,)
    """

    statistics: BlockStatistics
    products: Tensor
    pairs: Tensor
    weights: Tensor

    @classmethod
    def read(cls, component: GaussianComponent, cells: Cells, weights: Tensor) -> "WholeBlock":
        """The block of rows (B, D) of weights (B,)."""
        d, device = len(component.columns), cells.values.device
        pairs = torch.triu_indices(d, d, device=device)
        z = cells.values[:, component.columns].clamp(-FARTHEST, FARTHEST).T.contiguous()
        products = torch.cat([z[pairs[0]].mul_(z[pairs[1]]), z])
        return cls(component.circuit.gather(cells, torch.float64), products, pairs, weights)

    @torch.inference_mode()
    def collect(self, component: GaussianComponent) -> GaussianStatistics:
        """The E-step by the parameters of a component."""
        inputs, leaves = component.circuit.inputs, component.parameters.leaves
        by_products, constant = component.quadratic
        h = inputs.log_densities(leaves, self.statistics)[0]
        h = torch.addmm(h, by_products, self.products).add_(constant[:, None]).clamp_min_(LOWEST)
        h += torch.log(component.parameters.sums[0][0, 0])[:, None]
        total = torch.logsumexp(h, dim=0)
        shares = h.sub_(total).exp_().mul_(self.weights)
        sums = shares @ self.products.T  # (K, f + d)
        (first, second), d = self.pairs, len(component.columns)
        scatter = sums.new_empty((len(sums), d, d))
        scatter[:, first, second] = scatter[:, second, first] = sums[:, : len(first)]
        return GaussianStatistics(
            leaves=inputs.expected_statistics(leaves, shares[None], self.statistics),
            counts=shares.sum(dim=1),
            first=sums[:, len(first) :],
            second=scatter,
            log_likelihood=self.weights @ (total + self.statistics.log_base),
        )
