"""Values, flows and choices: what one pass through a circuit keeps for the next.

Axes: F regions, P partitions, Q edges, K units, B rows, per level; n nodes of any kind.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor

from .memory import Space
from .selection import Selected
from .shortcuts import may_fail

# Floor of log densities: their sums stay finite in float32, however far off the cells are.
LOWEST = -1e30


class Scaled(NamedTuple):
    """Values of nodes, with a factor for all units of a node taken out.

    Sums and products run on the values alone, and logarithms are taken of one number per node
    and row instead of one per unit. Weights have a floor (`layers.base.WEIGHT_FLOOR`), so a sum
    does not fall below it, and a unit that underflows is too small to change the digits of the
    sum.

    Attributes
    ----------
    values : Tensor (n, K, B)
        Their maximum over units is 1, up to rounding.
    logs : Tensor (n, 1, B)
        Logarithm of the factor.
    """

    values: Tensor
    logs: Tensor


def from_logs(h: Tensor, dtype: torch.dtype) -> Scaled:
    """Nodes of log values h (n, K, B), in a type `dtype` after the maximum is out; in place."""
    # The values lose what the logarithms gain, so derivatives need not pass through m.
    m = h.detach().amax(dim=1, keepdim=True)
    if may_fail(m.amin() >= LOWEST):
        h.clamp_min_(LOWEST)
        m.clamp_min_(LOWEST)
    return Scaled(h.sub_(m).to(dtype).exp_(), m.to(dtype))


def rescale(values: Tensor, logs: Tensor) -> Scaled:
    """Take the maximum over units out of values (n, K, B), in place; no maximum may be zero."""
    m = values.amax(dim=1, keepdim=True)
    return Scaled(values.div_(m), logs + m.log())


@dataclass
class Trace:
    """Values of the upward pass.

    Attributes
    ----------
    regions, partitions : dict of Scaled (F, K, B) and (P, K, B)
        By level.
    edges : Tensor (Q, K, B)
        Sums on all edges of the circuit, over the values of their children.
    edge_logs : Tensor (Q, 1, B)
        Logarithms of the children's factors.
    sums : dict of Tensor
        By layer other than edges: its weighted sums, which divide the flows.
    root : Tensor (B,)
        Log density without log h.
    direct : Tensor (f, K, B) or None
        Densities of leaf regions that products read without a sum.
    space : Space
        Memory of the edges, and of tensors that a layer needs only while it runs.
    """

    edges: Tensor
    edge_logs: Tensor
    space: Space
    regions: dict[int, Scaled] = field(default_factory=dict)
    partitions: dict[int, Scaled] = field(default_factory=dict)
    sums: dict[int, Tensor] = field(default_factory=dict)
    root: Tensor = field(default_factory=lambda: torch.empty(0))
    direct: Tensor | None = None

    def for_choices(self, index: Tensor) -> "Trace":
        """Values of selected rows (b,), which may repeat: those alone that choices read.

        A trace of one row serves for all rows alike and is returned as it is.
        """
        if len(self.root) == 1:
            return self
        regions, partitions = (
            {level: Scaled(*(x[..., index] for x in nodes)) for level, nodes in levels.items()}
            for levels in (self.regions, self.partitions)
        )
        none = self.edges[:0]
        return Trace(none, none, self.space, regions, partitions, root=self.root[index])


@dataclass
class Flow:
    """Flows of the downward pass: the share of a row's weight that passes a unit.

    Attributes
    ----------
    root : Tensor (B,)
        Weights of the rows.
    exponent : float
        Tempering exponent of the partitions' shares of a row at the root, see `layers.root`;
        with 1 the flows are those of the log density.
    divided : bool
        Whether flows into the units of leaf regions are divided by the units' values: these are
        derivatives, which do not underflow where a value does.
    objective : Tensor (B,) or None
        The function of which the flows are the gradient, for exponents other than 1.
    regions, partitions : dict of Tensor (F, K, B) and (P, K, B)
        By level.
    edges : Tensor (Q, K, B)
        Divided by the edge's sums.
    direct : list of (Selection, Tensor (f, K, B))
        Of leaf regions that products read without a sum.
    """

    root: Tensor
    edges: Tensor
    exponent: float = 1.0
    divided: bool = False
    objective: Tensor | None = None
    regions: dict[int, Tensor] = field(default_factory=dict)
    partitions: dict[int, Tensor] = field(default_factory=dict)
    direct: Selected = field(default_factory=list)

    def divides(self, level: int) -> bool:
        """Whether flows into a level are divided by the values there: those into leaves may be."""
        return self.divided and level == 0


@dataclass
class Choice:
    """Units chosen from the root down, one sub-circuit per row; -1 where not chosen.

    Attributes
    ----------
    regions, partitions : dict of Tensor (F, B) and (P, B), integer
        By level.
    edges : Tensor (Q, B), integer
    direct : Tensor (F, B), integer
        Of leaf regions that products read without a sum.
    """

    edges: Tensor
    direct: Tensor
    regions: dict[int, Tensor] = field(default_factory=dict)
    partitions: dict[int, Tensor] = field(default_factory=dict)

    @property
    def n_rows(self) -> int:
        """Number of rows B."""
        return self.edges.shape[1]

    def none_of(self, n: int) -> Tensor:
        """(n, B) of -1."""
        return self.edges.new_full((n, self.n_rows), -1)


def pick(weights: Tensor, generator: torch.Generator | None, n_rows: int | None = None) -> Tensor:
    """One index per row, with probability proportional to weights (n, I) >= 0; (n,).

    One row of weights may serve for n_rows choices. Without a generator the index of the
    largest weight is taken.
    """
    n = len(weights) if n_rows is None else n_rows
    if generator is None:
        return weights.argmax(dim=1).expand(n)
    cumulative = weights.cumsum(dim=1)
    u = torch.rand((n, 1), generator=generator, dtype=weights.dtype, device=weights.device)
    # One sequence for all choices has to be one-dimensional.
    ordered = cumulative if len(weights) == n else cumulative[0]
    index = torch.searchsorted(ordered, u * cumulative[:, -1:], right=True)
    # A product that rounds up to the last cumulative weight must stay in range.
    return index.squeeze(1).clamp_max(weights.shape[1] - 1)
