"""CP layers: a weighted sum on every edge, then products of a partition's edges.

Axes: F regions, P partitions, Q edges of a level, I input units, O output units, B rows.
"""

import numpy as np
import torch
from torch import Tensor

from ...native import Builder
from ..selection import Selection
from ..trace import Choice, Flow, Trace, pick, rescale
from .base import Layer, at_rows, chosen, sum_flows

# A child's level and number among a partition's children of that level, see `folding`.
Position = tuple[int, int]
# Number of factors of at least 1e-12 that are multiplied before the maximum is taken out. In
# float64 half of the range is left for units that are small so far, as later factors may make
# them the largest.
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
        self.children = Selection(children, device)
        self.n_regions = n_regions
        self.block = slice(first, first + len(children))
        self.shape = shape

    def compiled(self, program: Builder) -> bool:
        """Sums have a compiled form."""
        program.add_sums(self.level, self.children.index.tolist(), self.block)
        return True

    def forward(self, weights: Tensor, trace: Trace) -> None:
        """The weighted sums W E of every edge."""
        inputs = self.children.take(trace.regions[self.level].values)
        torch.bmm(weights, inputs, out=trace.edges[self.block])
        trace.edge_logs[self.block] = self.children.take(trace.regions[self.level].logs)

    def flows(self, weights: Tensor, trace: Trace, flow: Flow) -> Tensor:
        """Counts of the weights; children add up the flows of their edges."""
        inputs = self.children.take(trace.regions[self.level].values)
        divided = flow.divides(self.level)
        counts, into = sum_flows(weights, inputs, flow.edges[self.block], divided=divided)
        # Regions stand in the order of their first edges (`folding`): as many edges are one each.
        if len(self.children) == self.n_regions:
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
    """One factor of the products of a level: the edges at one position of its partitions.

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
    partitions : Selection
    children : Selection
        Of edges, or of direct leaf regions.
    direct : bool
    """

    def __init__(self, pairs: list[tuple[int, int]], n_direct: int, device: torch.device) -> None:
        self.direct = pairs[0][1] < 0
        shift = n_direct if self.direct else 0
        self.partitions = Selection([partition for partition, _ in pairs], device)
        self.children = Selection([edge + shift for _, edge in pairs], device)

    def take(self, trace: Trace) -> Tensor:
        """Values of the factor, (n, K, B)."""
        if not self.direct:
            return self.children.take(trace.edges)
        assert trace.direct is not None
        return self.children.take(trace.direct)


class Products(Layer):
    """Products of a level: a partition's value is the product over its edges.

    Parameters
    ----------
    level : int
    partitions : list of int
        Indices of the level's partitions, in order.
    edges : dict
        Number among all edges of the edge of (partition, position), see `Factors`.
    n_direct : int
        Leaf regions that are read without a sum.
    device : torch.device
    """

    def __init__(
        self,
        level: int,
        partitions: tuple[int, ...],
        edges: dict[tuple[int, Position], int],
        n_direct: int,
        device: torch.device,
    ) -> None:
        self.level = level
        order = {p: i for i, p in enumerate(partitions)}
        pairs: dict[Position, list[tuple[int, int]]] = {}
        for (partition, position), edge in edges.items():
            if partition in order:
                pairs.setdefault(position, []).append((order[partition], edge))
        # At one position either all edges have a sum or none has.
        self.factors = [Factors(sorted(pairs[at]), n_direct, device) for at in sorted(pairs)]
        self.n_partitions = len(partitions)
        # The product starts with at most two factors that all partitions have.
        self.whole = [f for f in self.factors if len(f.partitions) == self.n_partitions][:2]
        self.rest = [f for f in self.factors if f not in self.whole]
        self.full = {dtype: self._full(most) for dtype, most in MOST_FACTORS.items()}
        summed = sorted(pair for at in pairs.values() for pair in at if pair[1] >= 0)
        self.parents = torch.tensor([p for p, _ in summed], dtype=torch.long, device=device)
        self.edges = Selection([e for _, e in summed], device)

    def compiled(self, program: Builder) -> bool:
        """Products have a compiled form."""
        factors: list[list[int]] = [[] for _ in range(self.n_partitions)]
        for factor in self.factors:
            pairs = zip(factor.partitions.index, factor.children.index, strict=True)
            for partition, child in pairs:
                factors[partition].append(-1 - int(child) if factor.direct else int(child))
        program.add_products(self.level, factors)
        return True

    def forward(self, weights: Tensor, trace: Trace) -> None:
        """Multiply factor after factor.

        A factor is at least 1e-12, the floor of weights and probabilities: MOST_FACTORS of them
        do not underflow, and the maximum is taken out before the next one.
        """
        logs = trace.edge_logs.new_zeros((self.n_partitions, 1, trace.edge_logs.shape[2]))
        logs.index_add_(0, self.parents, self.edges.take(trace.edge_logs))
        values = self._first(trace)
        for factor, full in zip(self.rest, self.full[values.dtype], strict=True):
            product = factor.partitions.take(values)
            if full:
                product, log = rescale(product, factor.partitions.take(logs))
                factor.partitions.put(logs, log)
            product *= factor.take(trace)
            # Adjacent partitions are a view of `values`, which the product has changed already.
            if not factor.partitions.adjacent:
                factor.partitions.put(values, product)
        trace.partitions[self.level] = rescale(values, logs)

    def _first(self, trace: Trace) -> Tensor:
        """Product of the first two factors that all partitions have, or of fewer; a new tensor."""
        if not self.whole:
            shape = (self.n_partitions, trace.edges.shape[1], trace.edges.shape[2])
            return trace.edges.new_ones(shape)
        first = self.whole[0].take(trace)
        if len(self.whole) > 1:
            return first * self.whole[1].take(trace)
        return first.clone()

    def _full(self, most: int) -> list[bool]:
        """For each factor after the first ones: whether the maximum must be taken out before it.

        It must, where a partition has had `most` factors since its maximum was last taken out.
        """
        n_factors = np.full(self.n_partitions, len(self.whole))
        full = []
        for factor in self.rest:
            index = factor.partitions.index.cpu().numpy()
            full.append(bool(n_factors[index].max() >= most))
            n_factors[index] = 1 if full[-1] else n_factors[index] + 1
        return full

    def flows(self, weights: Tensor, trace: Trace, flow: Flow) -> None:
        """Every edge receives its partition's flow, divided by the edge's sum if it has one."""
        for factor in self.factors:
            of_edges = factor.partitions.take(flow.partitions[self.level])
            if factor.direct:
                # Densities of direct leaves have a floor, so that they may divide.
                of_leaves = of_edges / factor.take(trace) if flow.divided else of_edges
                flow.direct.append((factor.children, of_leaves))
            else:
                factor.children.put_ratio(flow.edges, of_edges, trace.edges)

    def choose(
        self, weights: Tensor, trace: Trace, choice: Choice, generator: torch.Generator | None
    ) -> None:
        """Every edge takes its partition's unit."""
        for factor in self.factors:
            units = factor.partitions.take(choice.partitions[self.level])
            factor.children.put(choice.direct if factor.direct else choice.edges, units)
