"""What all layers share: weighted sums, their flows, and the layer interface.

Axes: F regions, P partitions, Q edges of a level, I input units, O output units, B rows.
Weights are (F, O, I), never negative, and add to one over the last axis. Sums and products
run in the linear domain, with the maximum over units taken out of each node (see `Scaled`):
the largest input is 1, so a sum is at least the floor of weights, and flows may divide by it.

For S = W E and the flow g of the outputs, with G = g / S: expected counts of W are
W * (G E'), and the flow into the inputs is E * (W' G) (see Peharz et al., "Einsum
Networks", ICML 2020, section 3.4; here without automatic differentiation).
"""

import torch
from torch import Tensor

from ...native import Builder
from ..shortcuts import may_fail
from ..trace import Choice, Flow, Trace

# Keeps logarithms of weights finite, and products of several sums within range (see
# `cp.MOST_FACTORS`); far below any estimate from data with smoothing.
WEIGHT_FLOOR = 1e-12


def floored(weights: Tensor, mask: Tensor | None) -> Tensor:
    """Shares (F, O, I) raised to the floor where weights exist, adding to one again; in place."""
    if not may_fail(weights.amin() >= WEIGHT_FLOOR):
        return weights
    weights.clamp_min_(WEIGHT_FLOOR)
    if mask is not None:
        weights *= mask
    return weights.div_(weights.sum(dim=2, keepdim=True))


def sum_flows(
    weights: Tensor,
    inputs: Tensor,
    ratio: Tensor,
    out: tuple[Tensor | None, Tensor | None] = (None, None),
    divided: bool = False,
) -> tuple[Tensor, Tensor]:
    """Expected counts (F, O, I) and flow into the inputs (F, I, B) of sums with ratio g / S.

    The flow divided by the inputs is the derivative by them, which does not underflow as they do.
    """
    counts = torch.bmm(ratio, inputs.transpose(1, 2), out=out[0]).mul_(weights)
    into = torch.bmm(weights.transpose(1, 2), ratio, out=out[1])
    return counts, into if divided else into.mul_(inputs)


def chosen(units: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Nodes, rows and units of all choices among units (n, B), where -1 is no choice."""
    node, row = torch.nonzero(units >= 0, as_tuple=True)
    return node, row, units[node, row]


def at_rows(values: Tensor, node: Tensor, row: Tensor) -> Tensor:
    """Units of values (n, K, B) at pairs (node, row); B may be 1 for all rows alike."""
    return values[node, :, row if values.shape[2] > 1 else torch.zeros_like(row)]


class Layer:
    """One folded step of a circuit.

    Attributes
    ----------
    shape : tuple (F, O, I) or None
        Of its weights; None where it has none.
    mask : Tensor (F, 1, I) of bool or None
        Where weights exist in a padded layer.
    """

    shape: tuple[int, int, int] | None = None
    mask: Tensor | None = None

    @property
    def floats_per_row(self) -> int:
        """Numbers per row in the largest tensor of the layer's passes; 0 without weights."""
        return self.shape[0] * max(self.shape[1:]) if self.shape else 0

    def compiled(self, program: Builder) -> bool:
        """Add the layer to a compiled program; whether there is such a form of it."""
        return False

    def forward(self, weights: Tensor, trace: Trace) -> None:
        """Read inputs from the trace, write outputs into it."""
        raise NotImplementedError

    def flows(self, weights: Tensor, trace: Trace, flow: Flow) -> Tensor | None:
        """Pass the outputs' flow to the inputs; return expected counts of the weights."""
        raise NotImplementedError

    def choose(
        self, weights: Tensor, trace: Trace, choice: Choice, generator: torch.Generator | None
    ) -> None:
        """Choose inputs of the chosen outputs, with probabilities of their shares of the sums."""
        raise NotImplementedError
