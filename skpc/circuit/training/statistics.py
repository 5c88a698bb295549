"""Data enters a circuit only here: collect over blocks of rows, merge by addition.

Axes: B rows, D columns, F leaf regions, S slots, K units; sums (F, O, I) a layer.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..passes.circuit import Circuit, Parameters
from ..passes.layers import Layer
from ..passes.trace import Space


@dataclass(frozen=True)
class Statistics:
    """Expected counts of a block of rows under some parameters; float64, additive.

    Attributes
    ----------
    leaves : Tensor (F, S, K)
        Flow-weighted sums of statistics and, in the slots of counts, of observed cells.
    sums : tuple of Tensor (F, O, I)
        Expected uses of every weight.
    log_likelihood : Tensor ()
        Weighted sum of the rows' log densities, in the units of the circuit's columns.
    objective : Tensor ()
        Weighted sum of what training raises: the log densities, or their power mean over the
        root's partitions (see `layers.root`).
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


@torch.inference_mode()
def collect(
    circuit: Circuit,
    parameters: Parameters,
    x: Tensor,
    weights: Tensor,
    power: float = 1.0,
    space: Space | None = None,
) -> Statistics:
    """The E-step on one block: state is read, nothing is kept but memory.

    Parameters
    ----------
    circuit : Circuit
    parameters : Parameters
        In the types that the passes shall run in.
    x : Tensor (B, D)
        NaN where missing.
    weights : Tensor (B,)
        float64.
    power : float, default=1.0
        By which the root shares a row among its partitions, see `layers.root`.
    space : Space, optional
        Memory of the blocks before.

    Returns
    -------
    Statistics

    Notes
    -----
    Flows are those of Peharz et al., "Einsum Networks", ICML 2020, section 3.4,
    derived by hand (see `layers.base`). A missing cell is integrated out: it adds to no
    statistic and to no count.
    """
    dtype = parameters.sums[0].dtype
    slots = circuit.gather(x, dtype)
    trace = circuit.forward(parameters, slots, dtype, space)
    # Shares of the heaviest row: weights may be out of float32's range.
    heaviest = weights.max().clamp_min(torch.finfo(torch.float64).tiny)
    shares = (weights / heaviest).to(dtype)
    flows, counts, objective = circuit.flows(parameters, trace, shares, power)
    log_base = slots.log_base.double()
    return Statistics(
        leaves=circuit.inputs.expected_statistics(flows, slots).double().mul_(heaviest),
        sums=tuple(count.double().mul_(heaviest) for count in counts),
        log_likelihood=(weights * (trace.root + log_base)).sum(),
        objective=(weights * (objective + log_base)).sum(),
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


@dataclass(frozen=True)
class Prior:
    """Pseudo-rows that every unit has seen besides its expected rows.

    A unit of a leaf has seen `smoothing` rows of its column's own distribution, a sum
    has used each of its I weights smoothing / I times. `leaves` are the column's E[T], and
    1 in the slots of counts.

    Attributes
    ----------
    smoothing : float
        Pseudo-rows a unit.
    leaves : Tensor (F, S, 1)
    """

    smoothing: float
    leaves: Tensor

    def log_density(self, circuit: Circuit, parameters: Parameters) -> Tensor:
        """Log prior density of the parameters, up to a constant, ().

        The sum over leaf units of smoothing (<theta, E[T]> - A) and over sums of
        smoothing times the mean log weight: what full-batch EM adds to the
        log-likelihood that it never lowers.
        """
        total: Tensor = (parameters.leaves * self.leaves).sum()
        for layer, weights in zip(circuit.weighted, parameters.sums, strict=True):
            logs = torch.log(weights if layer.mask is None else weights.where(layer.mask, 1.0))
            total += (_uniform(layer) * logs).sum()
        return self.smoothing * total

    def add(
        self, circuit: Circuit, leaves: Tensor, sums: tuple[Tensor, ...], evidence: float
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Statistics of a mean row with the prior's share of a row among `evidence` rows.

        Parameters
        ----------
        leaves : Tensor (F, S, K)
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
