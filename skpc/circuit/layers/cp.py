"""CP layers: a weighted sum on every edge, then products of a partition's edges.

Axes: F regions, P partitions, Q edges of a level, I input units, O output units, B rows.
"""

import numpy as np
import torch
from torch import Tensor

from ..places import Places
from ..trace import Choice, Flow, Trace, pick, rescale
from .base import Layer, at_rows, chosen, sum_flows, weighted_sums

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
        weighted_sums(weights, inputs, out=trace.edges[self.block])
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


class Products(Layer):
    """Products of a level: a partition's value is the product over its edges.

    Parameters
    ----------
    level : int
    partitions : list of int
        Indices of the level's partitions, in order.
    edges : dict
        Position among all edges of the edge of (partition, slot).
    n_direct : int
        Edges, the first ones, that have no sum.
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
        self.slots = [
            (Places([p for p, _ in pairs], device), Places([e for _, e in pairs], device))
            for pairs in (sorted(slots[slot]) for slot in sorted(slots))
        ]
        # Of a slot all edges have a sum, or none.
        self.summed = [min(slots[slot])[1] >= n_direct for slot in sorted(slots)]
        self.n_partitions = len(partitions)
        # Up to two slots of all partitions start the product, the rest goes on.
        everyone = [slot for slot in self.slots if len(slot[0]) == self.n_partitions][:2]
        self.whole = [edges for _, edges in everyone]
        self.rest = [slot for slot in self.slots if slot not in everyone]
        self.full = {dtype: self._full(most) for dtype, most in MOST_FACTORS.items()}
        everywhere = sorted(pair for pairs in slots.values() for pair in pairs)
        self.parents = torch.tensor([p for p, _ in everywhere], dtype=torch.long, device=device)
        self.edges = Places([e for _, e in everywhere], device)

    def forward(self, weights: Tensor, trace: Trace) -> None:
        """Multiply slot after slot.

        A factor is at least 1e-12, the floor of weights and probabilities: MOST_FACTORS of them
        do not underflow, and the maximum is taken out before the next one.
        """
        logs = trace.edge_logs.new_zeros((self.n_partitions, 1, trace.edge_logs.shape[2]))
        logs.index_add_(0, self.parents, self.edges.take(trace.edge_logs))
        values = self._first(trace)
        for (partitions, edges), full in zip(self.rest, self.full[values.dtype], strict=True):
            part = partitions.take(values)
            if full:
                part, log = rescale(part, partitions.take(logs))
                partitions.put(logs, log)
            partitions.put(values, part * edges.take(trace.edges))
        trace.partitions[self.level] = rescale(values, logs)

    def _first(self, trace: Trace) -> Tensor:
        """Product of the first two slots that all partitions have, or of fewer."""
        if len(self.whole) > 1:
            return self.whole[0].take(trace.edges) * self.whole[1].take(trace.edges)
        if self.whole:
            return self.whole[0].take(trace.edges).clone()
        return trace.edges.new_ones((self.n_partitions, *trace.edges.shape[1:]))

    def _full(self, most: int) -> list[bool]:
        """Of the slots after the first two, whether a partition has so many factors before."""
        factors = np.full(self.n_partitions, len(self.whole))
        full = []
        for partitions, _ in self.rest:
            index = partitions.index.cpu().numpy()
            full.append(bool(factors[index].max() >= most))
            factors[index] = 1 if full[-1] else factors[index] + 1
        return full

    def flows(self, weights: Tensor, trace: Trace, flow: Flow) -> None:
        """Every edge receives its partition's flow, divided by the edge's sum if it has one."""
        found = flow.partitions[self.level]
        for (partitions, edges), summed in zip(self.slots, self.summed, strict=True):
            if summed:
                edges.put_ratio(flow.edges, partitions.take(found), trace.edges)
            else:
                edges.put(flow.edges, partitions.take(found))

    def choose(
        self, weights: Tensor, trace: Trace, choice: Choice, generator: torch.Generator | None
    ) -> None:
        """Every edge takes its partition's unit."""
        for partitions, edges in self.slots:
            edges.put(choice.edges, partitions.take(choice.partitions[self.level]))
