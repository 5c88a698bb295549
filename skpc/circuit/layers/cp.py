"""CP layers: a weighted sum on every edge, then products of a partition's edges.

Axes: F regions, P partitions, Q edges of a level, I input units, O output units, B rows.
"""

import torch
from torch import Tensor

from ..rows import Rows
from ..trace import Choice, Flow, Trace, pick
from .base import Layer, at_rows, chosen, sum_flows, weighted_sums


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
        self.children = Rows(children, device)
        self.n_regions = n_regions
        self.block = slice(first, first + len(children))
        self.shape = shape

    def forward(self, weights: Tensor, trace: Trace) -> None:
        """U = log(W E) + m on every edge."""
        inputs = self.children.take(trace.scaled[self.level])
        sums = weighted_sums(weights, inputs)
        trace.sums[id(self)] = sums
        torch.log(sums, out=trace.edges[self.block])
        trace.edges[self.block] += self.children.take(trace.maxima[self.level])

    def flows(self, weights: Tensor, trace: Trace, flow: Flow) -> Tensor:
        """Counts of the weights; children add up the flows of their edges."""
        inputs = self.children.take(trace.scaled[self.level])
        counts, into = sum_flows(weights, inputs, trace.sums[id(self)], flow.edges[self.block])
        if self.children.adjacent and len(self.children) == self.n_regions:
            flow.regions[self.level] = into
        else:
            regions = into.new_zeros((self.n_regions, *into.shape[1:]))
            self.children.add(regions, into)
            flow.regions[self.level] = regions
        return counts

    def choose(
        self, weights: Tensor, trace: Trace, choice: Choice, generator: torch.Generator
    ) -> None:
        """A unit of the child for every chosen unit of an edge."""
        edge, row, unit = chosen(choice.edges[self.block])
        child = self.children.index[edge]
        shares = weights[edge, unit] * at_rows(trace.scaled[self.level], child, row)
        regions = choice.none_of(self.n_regions)
        regions[child, row] = pick(shares, generator)
        choice.regions[self.level] = regions


class Products(Layer):
    """Products of a level: a partition's log value is the sum over its edges.

    Parameters
    ----------
    level : int
    partitions : list of int
        Indices of the level's partitions, in order.
    edges : dict
        Position among all edges of the edge of (partition, slot).
    device : torch.device
    """

    def __init__(
        self,
        level: int,
        partitions: tuple[int, ...],
        edges: dict[tuple[int, int], int],
        device: torch.device,
    ) -> None:
        self.level = level
        position = {p: i for i, p in enumerate(partitions)}
        slots: dict[int, list[tuple[int, int]]] = {}
        for (partition, slot), edge in edges.items():
            if partition in position:
                slots.setdefault(slot, []).append((position[partition], edge))
        self.slots = [
            (Rows([p for p, _ in pairs], device), Rows([e for _, e in pairs], device))
            for pairs in (sorted(slots[slot]) for slot in sorted(slots))
        ]

    def forward(self, weights: Tensor, trace: Trace) -> None:
        """H = sum over slots of u."""
        # Every partition has at least two children: the first two slots cover the level.
        (_, first), (_, second), *others = self.slots
        total = first.take(trace.edges) + second.take(trace.edges)
        for partitions, edges in others:
            partitions.add(total, edges.take(trace.edges))
        trace.partitions[self.level] = total

    def flows(self, weights: Tensor, trace: Trace, flow: Flow) -> None:
        """Every edge receives its partition's flow."""
        for partitions, edges in self.slots:
            edges.put(flow.edges, partitions.take(flow.partitions[self.level]))

    def choose(
        self, weights: Tensor, trace: Trace, choice: Choice, generator: torch.Generator
    ) -> None:
        """Every edge takes its partition's unit."""
        for partitions, edges in self.slots:
            edges.put(choice.edges, partitions.take(choice.partitions[self.level]))
