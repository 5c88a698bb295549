"""CP layers: a weighted sum on every edge, then products of a partition's edges.

Axes: F regions, P partitions, Q edges of a level, I input units, O output units, B rows.
"""

import numpy as np
import torch
from torch import Tensor

from ..selection import Places
from ..trace import Choice, Flow, Trace, pick, rescale
from .base import Layer, at_rows, chosen, sum_flows

# A child's level and number among a partition's children of that level, see `folding`.
Slot = tuple[int, int]
# Factors of at least 1e-12 that are multiplied before the maximum is taken out. In float64 half
# of the range is left to units that are behind: they may win by what follows.
MOST_FACTORS = {torch.float32: 3, torch.float64: 12}


class EdgeSums(Layer):
    """The CP layer's sums: each edge into a level mixes the units of its child.

    Parameters
    ----------
    level : int
        Height of the children.
    children : list of int
        Position of each edge's child in the level.
    n_regions : int
        Regions in the level.
    first : int
        Position of the level's first edge among all edges.
    shape : tuple (Q, O, I)
    device : torch.device
    """

    def __init__(
        self,
        level: int,
        children: list[int],
        n_regions: int,
        first: int,
        shape: tuple[int, int, int],
        device: torch.device,
    ) -> None:
        self.level = level
        self.children = Places(children, device)
        self.n_regions = n_regions
        self.block = slice(first, first + len(children))
        self.shape = shape

    def forward(self, weights: Tensor, trace: Trace) -> None:
        """W E on every edge."""
        inputs = self.children.take(trace.regions[self.level].values)
        torch.bmm(weights, inputs, out=trace.edges[self.block])
        trace.edge_logs[self.block] = self.children.take(trace.regions[self.level].logs)

    def flows(self, weights: Tensor, trace: Trace, flow: Flow) -> Tensor:
        """Counts of the weights; children add up the flows of their edges."""
        inputs = self.children.take(trace.regions[self.level].values)
        counts, into = sum_flows(weights, inputs, flow.edges[self.block])
        if self.children.adjacent and len(self.children) == self.n_regions:
            flow.regions[self.level] = into
        else:
            regions = into.new_zeros((self.n_regions, *into.shape[1:]))
            self.children.add(regions, into)
            flow.regions[self.level] = regions
        return counts

    def choose(
        self, weights: Tensor, trace: Trace, choice: Choice, generator: torch.Generator | None
    ) -> None:
        """A unit of the child for every chosen unit of an edge."""
        edge, row, unit = chosen(choice.edges[self.block])
        child = self.children.index[edge]
        shares = weights[edge, unit] * at_rows(trace.regions[self.level].values, child, row)
        regions = choice.none_of(self.n_regions)
        regions[child, row] = pick(shares, generator)
        choice.regions[self.level] = regions


class Factors:
    """A slot of a level's partitions: one factor of the product of each partition that has it.

    Parameters
    ----------
    pairs : list of (int, int)
        Position of a partition, and that of its edge among all edges; edges into direct leaves
        have those from -n_direct to -1.
    n_direct : int
        Leaf regions that are read without a sum.
    device : torch.device

    Attributes
    ----------
    partitions : Places
    children : Places
        Of edges, or of direct leaf regions.
    direct : bool
    """

    def __init__(self, pairs: list[tuple[int, int]], n_direct: int, device: torch.device) -> None:
        self.direct = pairs[0][1] < 0
        shift = n_direct if self.direct else 0
        self.partitions = Places([partition for partition, _ in pairs], device)
        self.children = Places([edge + shift for _, edge in pairs], device)

    def take(self, trace: Trace) -> Tensor:
        """Their values (n, K, B); of direct leaves a new tensor."""
        if not self.direct:
            return self.children.take(trace.edges)
        assert trace.direct is not None
        return trace.direct.take(self.children)


class Products(Layer):
    """Products of a level: a partition's value is the product over its edges.

    Parameters
    ----------
    level : int
    partitions : list of int
        Indices of the level's partitions, in order.
    edges : dict
        Position among all edges of the edge of (partition, slot), see `Factors`.
    n_direct : int
        Leaf regions that are read without a sum.
    device : torch.device
    """

    def __init__(
        self,
        level: int,
        partitions: tuple[int, ...],
        edges: dict[tuple[int, Slot], int],
        n_direct: int,
        device: torch.device,
    ) -> None:
        self.level = level
        position = {p: i for i, p in enumerate(partitions)}
        slots: dict[Slot, list[tuple[int, int]]] = {}
        for (partition, slot), edge in edges.items():
            if partition in position:
                slots.setdefault(slot, []).append((position[partition], edge))
        # Of a slot all edges have a sum, or none.
        pairs_of = [sorted(slots[slot]) for slot in sorted(slots)]
        self.slots = [Factors(pairs, n_direct, device) for pairs in pairs_of]
        self.n_partitions = len(partitions)
        # Up to two slots of all partitions start the product, the rest goes on.
        self.whole = [s for s in self.slots if len(s.partitions) == self.n_partitions][:2]
        self.rest = [s for s in self.slots if s not in self.whole]
        self.full = {dtype: self._full(most) for dtype, most in MOST_FACTORS.items()}
        summed = sorted(pair for pairs in slots.values() for pair in pairs if pair[1] >= 0)
        self.parents = torch.tensor([p for p, _ in summed], dtype=torch.long, device=device)
        self.edges = Places([e for _, e in summed], device)

    def forward(self, weights: Tensor, trace: Trace) -> None:
        """Multiply slot after slot.

        A factor is at least 1e-12, the floor of weights and probabilities: MOST_FACTORS of them
        do not underflow, and the maximum is taken out before the next one.
        """
        logs = trace.edge_logs.new_zeros((self.n_partitions, 1, trace.edge_logs.shape[2]))
        logs.index_add_(0, self.parents, self.edges.take(trace.edge_logs))
        values = self._first(trace)
        for slot, full in zip(self.rest, self.full[values.dtype], strict=True):
            part = slot.partitions.take(values)
            if full:
                part, log = rescale(part, slot.partitions.take(logs))
                slot.partitions.put(logs, log)
            part *= slot.take(trace)
            # Adjacent partitions are a view, and done.
            if not slot.partitions.adjacent:
                slot.partitions.put(values, part)
        trace.partitions[self.level] = rescale(values, logs)

    def _first(self, trace: Trace) -> Tensor:
        """Product of the first two slots that all partitions have, or of fewer; a new tensor."""
        if not self.whole:
            shape = (self.n_partitions, trace.edges.shape[1], trace.edges.shape[2])
            return trace.edges.new_ones(shape)
        first = self.whole[0].take(trace)
        if len(self.whole) > 1:
            # Densities of leaves are a new tensor, sums are not.
            out = first if self.whole[0].direct else None
            return torch.mul(first, self.whole[1].take(trace), out=out)
        return first if self.whole[0].direct else first.clone()

    def _full(self, most: int) -> list[bool]:
        """Of the slots after the first two, whether a partition has so many factors before."""
        factors = np.full(self.n_partitions, len(self.whole))
        full = []
        for slot in self.rest:
            index = slot.partitions.index.cpu().numpy()
            full.append(bool(factors[index].max() >= most))
            factors[index] = 1 if full[-1] else factors[index] + 1
        return full

    def flows(self, weights: Tensor, trace: Trace, flow: Flow) -> None:
        """Every edge receives its partition's flow, divided by the edge's sum if it has one."""
        for slot in self.slots:
            found = slot.partitions.take(flow.partitions[self.level])
            if slot.direct:
                flow.direct.append((slot.children, found))
            else:
                slot.children.put_ratio(flow.edges, found, trace.edges)

    def choose(
        self, weights: Tensor, trace: Trace, choice: Choice, generator: torch.Generator | None
    ) -> None:
        """Every edge takes its partition's unit."""
        for slot in self.slots:
            found = slot.partitions.take(choice.partitions[self.level])
            slot.children.put(choice.direct if slot.direct else choice.edges, found)
