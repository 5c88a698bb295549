"""What a pass through a circuit leaves behind for the passes that follow.

Axes: F regions, P partitions, Q edges, K units, B rows, per level; n nodes of any kind.
"""

from dataclasses import dataclass, field
from functools import cache
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor

from .block_statistics import Direct
from .selection import Placed
from .shortcuts import may_fail

# Keeps sums of log densities of cells that are absurdly far off finite in float32.
LOWEST = -1e30
# Numbers of the largest tensor in the passes over a block of rows: 32 MB in float32.
LARGEST = 8_000_000
# Bytes of the largest block that changes how glibc maps memory, less its own head.
MAPPED = 2**25 - 2**13


class Scaled(NamedTuple):
    """Values of nodes, with one factor for all units of a node kept apart.

    Sums and products run on the values alone, and logarithms are taken of one number a node
    and row instead of one a unit. Weights have a floor (`layers.base.WEIGHT_FLOOR`), so a sum
    does not fall below it, and what underflows is a unit beyond the digits of its neighbours.

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
    """Nodes of log values h (n, K, B), in another type once the maximum is out; in place."""
    # What is taken out of values is put into logarithms, so that derivatives need not see it.
    m = h.detach().amax(dim=1, keepdim=True)
    if may_fail(m.amin() >= LOWEST):
        h.clamp_min_(LOWEST)
        m.clamp_min_(LOWEST)
    return Scaled(h.sub_(m).to(dtype).exp_(), m.to(dtype))


def rescale(values: Tensor, logs: Tensor) -> Scaled:
    """Take the maximum over units out of values (n, K, B), in place; no maximum may be zero."""
    m = values.amax(dim=1, keepdim=True)
    return Scaled(values.div_(m), logs + m.log())


class Space:
    """Memory of the largest tensors of passes, kept from one block of rows to the next.

    Memory that is given back after a block comes as fresh pages for the next one, which may
    cost as much as the arithmetic. What was written for a block is gone with the next, so only
    what is not a view of it may be kept. A space belongs to one circuit and one thread, and
    serves inside of inference mode or outside, not both.
    """

    def __init__(self) -> None:
        _keep_pages()
        self._kept: dict[str, Tensor] = {}

    def empty(
        self, name: str, shape: tuple[int, ...], like: Tensor, dtype: torch.dtype | None = None
    ) -> Tensor:
        """An uninitialised tensor like another; the last one of the same name is lost."""
        size, dtype = prod(shape), dtype or like.dtype
        kept = self._kept.get(name)
        if kept is None or len(kept) < size or kept.dtype != dtype:
            # The old one goes first, so that both are never there.
            self._kept.pop(name, None)
            self._kept[name] = kept = like.new_empty(size, dtype=dtype)
        return kept[:size].view(shape)


@cache
def _keep_pages() -> None:
    """Have the C library keep what smaller tensors give back, up to 64 MiB, for the next ones.

    glibc maps blocks as large as the largest that it has seen come and go, up to 32 MiB, from
    fresh pages, and returns to the system what is free beyond twice that size. So one comes
    and goes here, once a process; it is not written to, so it takes no memory. It helps the
    main thread; other allocators take no notice.
    """
    torch.empty(MAPPED, dtype=torch.uint8, device="cpu")


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
    direct : Direct or None
        Densities of leaf regions that products read without a sum.
    space : Space
        Of the edges, and of what layers need for a moment.
    """

    edges: Tensor
    edge_logs: Tensor
    space: Space
    regions: dict[int, Scaled] = field(default_factory=dict)
    partitions: dict[int, Scaled] = field(default_factory=dict)
    sums: dict[int, Tensor] = field(default_factory=dict)
    root: Tensor = field(default_factory=lambda: torch.empty(0))
    direct: Direct | None = None


@dataclass
class Flow:
    """Flows of the downward pass: the share of a row's weight that passes a unit.

    Attributes
    ----------
    root : Tensor (B,)
        Weights of the rows.
    power : float
        By which the root shares a row among its partitions, see `layers.root`; 1 is exact.
    objective : Tensor (B,) or None
        What flows of another power are the gradient of, in place of the log density.
    regions, partitions : dict of Tensor (F, K, B) and (P, K, B)
        By level.
    edges : Tensor (Q, K, B)
        Divided by the edge's sums.
    direct : list of (Places, Tensor (f, K, B))
        Of leaf regions that products read without a sum.
    """

    root: Tensor
    edges: Tensor
    power: float = 1.0
    objective: Tensor | None = None
    regions: dict[int, Tensor] = field(default_factory=dict)
    partitions: dict[int, Tensor] = field(default_factory=dict)
    direct: Placed = field(default_factory=list)


@dataclass
class Choice:
    """Units chosen from the root down, one sub-circuit a row; -1 where not chosen.

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
        """B."""
        return self.edges.shape[1]

    def none_of(self, n: int) -> Tensor:
        """(n, B) of -1."""
        return self.edges.new_full((n, self.n_rows), -1)


def pick(weights: Tensor, generator: torch.Generator | None, n_rows: int | None = None) -> Tensor:
    """One index a row, with probability proportional to weights (n, I) >= 0; (n,).

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
