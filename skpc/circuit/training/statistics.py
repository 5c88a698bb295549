"""Data enters a circuit only here: collect over blocks of rows, merge by addition.

Axes: B rows, D columns, N rows of packed leaves, K units; sums (F, O, I) a layer.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..passes import Cells, Circuit, Parameters, Space, may_fail


@dataclass(frozen=True)
class Statistics:
    """Expected counts of a block of rows under parameters; float64, additive.

    Attributes
    ----------
    leaves : Tensor (N, K)
        Flow-weighted sums of statistics and, in the rows of counts, of observed cells.
    sums : tuple of Tensor (F, O, I)
        Expected counts of every weight.
    log_likelihood : Tensor ()
        Weighted sum of the rows' log densities, in the units of the circuit's columns.
    objective : Tensor ()
        Weighted sum of what training maximises: the log densities or, with a tempering exponent
        other than 1, the objective of `layers.root`.
    weight : Tensor ()
        Sum of the rows' weights.
    """

    leaves: Tensor
    sums: tuple[Tensor, ...]
    log_likelihood: Tensor
    objective: Tensor
    weight: Tensor

    def per_row(self, weight: float) -> "Statistics":
        """Statistics of a mean row: everything divided by a weight."""
        return Statistics(
            leaves=self.leaves / weight,
            sums=tuple(counts / weight for counts in self.sums),
            log_likelihood=self.log_likelihood / weight,
            objective=self.objective / weight,
            weight=self.weight / weight,
        )

    def on(self, device: torch.device) -> "Statistics":
        """The same numbers on a device."""
        return Statistics(
            leaves=self.leaves.to(device),
            sums=tuple(counts.to(device) for counts in self.sums),
            log_likelihood=self.log_likelihood.to(device),
            objective=self.objective.to(device),
            weight=self.weight.to(device),
        )


@torch.inference_mode()
def collect(
    circuit: Circuit,
    parameters: Parameters,
    cells: Cells,
    weights: Tensor,
    exponent: float = 1.0,
    space: Space | None = None,
    dtype: torch.dtype | None = None,
) -> Statistics:
    """The E-step on one block of rows: parameters are read, and only memory is kept.

    Parameters
    ----------
    circuit : Circuit
    parameters : Parameters
        From `Circuit.typed`, or in the types in which the passes run.
    cells : Cells (B, D)
    weights : Tensor (B,)
        float64.
    exponent : float, default=1.0
        Tempering exponent of the root's partitions, see `layers.root`.
    space : Space, optional
        Memory of the blocks before.
    dtype : torch.dtype, optional
        Of the passes; by default that of the weights of sums.

    Returns
    -------
    Statistics

    Notes
    -----
    Flows are those of Peharz et al., "Einsum Networks", ICML 2020, section 3.4,
    derived by hand (see `layers.base`). A missing cell is integrated out: it adds to no
    statistic and to no count.
    """
    dtype = dtype or parameters.sums[0].dtype
    # Weights are divided by the largest one, as they may be out of the range of float32.
    heaviest = weights.max().clamp_min(torch.finfo(torch.float64).tiny)
    found = circuit.expected(parameters, cells, weights / heaviest, dtype, exponent, space)
    log_base = found.log_base.double()
    if may_fail(heaviest == 1):
        for counts in (found.leaves, *found.sums):
            counts.mul_(heaviest)
    return Statistics(
        leaves=found.leaves,
        sums=tuple(found.sums),
        log_likelihood=(weights * (found.root + log_base)).sum(),
        objective=(weights * (found.objective + log_base)).sum(),
        weight=weights.sum(),
    )


def merge(a: Statistics, b: Statistics) -> Statistics:
    """Statistics of two blocks together: plain addition."""
    return Statistics(
        leaves=a.leaves + b.leaves,
        sums=tuple(s + t for s, t in zip(a.sums, b.sums, strict=True)),
        log_likelihood=a.log_likelihood + b.log_likelihood,
        objective=a.objective + b.objective,
        weight=a.weight + b.weight,
    )
