"""Tucker layers: weighted sums over all pairs of units of two children.

Axes: F partitions of a fold, I and J units of their children, O output units, B rows.
"""

import torch
from torch import Tensor

from ..places import Places
from ..trace import Choice, Flow, Scaled, Space, Trace, pick, rescale
from .base import Layer, at_rows, chosen, weighted_sums


class Tucker(Layer):
    """The Einsum layer: the sum over i, j of W_ij E_left,i E_right,j.

    Parameters
    ----------
    level : int
    n_partitions : int
        Partitions in the level; this layer writes those of one fold.
    partitions : list of int
        Positions of the fold's partitions in the level.
    children : pair of (level, positions)
        Left and right children of the fold's partitions.
    n_regions : pair of int
        Regions in the children's levels.
    shape : tuple (F, O, I J)
    device : torch.device

    References
    ----------
    Peharz et al., "Einsum Networks", ICML 2020, equations 4 and 5.
    """

    def __init__(
        self,
        level: int,
        n_partitions: int,
        partitions: list[int],
        children: tuple[tuple[int, list[int]], tuple[int, list[int]]],
        n_regions: tuple[int, int],
        shape: tuple[int, int, int],
        device: torch.device,
    ) -> None:
        self.level = level
        self.n_partitions = n_partitions
        self.partitions = Places(partitions, device)
        self.child_levels = (children[0][0], children[1][0])
        self.children = (Places(children[0][1], device), Places(children[1][1], device))
        self.n_regions = n_regions
        self.shape = shape

    def _scaled(self, trace: Trace) -> list[Tensor]:
        """Scaled values of the left and the right children, (F, I, B) and (F, J, B)."""
        return [
            rows.take(trace.regions[level].values)
            for level, rows in zip(self.child_levels, self.children, strict=True)
        ]

    def forward(self, weights: Tensor, trace: Trace) -> None:
        """One product over all pairs of units."""
        left, right = self._scaled(trace)
        sums = weighted_sums(weights, _pairs(left, right, trace.space))
        trace.sums[id(self)] = sums
        ends = zip(self.child_levels, self.children, strict=True)
        logs = [rows.take(trace.regions[level].logs) for level, rows in ends]
        found = rescale(sums.clone(), logs[0] + logs[1])
        if len(self.partitions) == self.n_partitions and self.partitions.adjacent:
            trace.partitions[self.level] = found
            return
        if self.level not in trace.partitions:
            trace.partitions[self.level] = Scaled(
                *(part.new_empty((self.n_partitions, *part.shape[1:])) for part in found)
            )
        for part, whole in zip(found, trace.partitions[self.level], strict=True):
            self.partitions.put(whole, part)

    def flows(self, weights: Tensor, trace: Trace, flow: Flow) -> Tensor:
        """Counts of the weights; each child receives the flow of its units over all pairs."""
        left, right = self._scaled(trace)
        n, n_left, n_rows = left.shape
        ratio = self.partitions.take(flow.partitions[self.level]) / trace.sums[id(self)]
        pairs = _pairs(left, right, trace.space)
        counts = torch.bmm(ratio, pairs.transpose(1, 2)).mul_(weights)
        # Flow into each pair; an einsum with either child would first copy it in another order.
        into = trace.space.empty("pair flows", pairs.shape, pairs)
        flows = torch.bmm(weights.transpose(1, 2), ratio, out=into).mul_(pairs)
        flows = flows.view(n, n_left, -1, n_rows)
        into_left, into_right = flows.sum(dim=2), flows.sum(dim=1)
        ends = zip(
            self.child_levels,
            self.children,
            self.n_regions,
            (into_left, into_right),
            strict=True,
        )
        for level, rows, n_regions, into in ends:
            if level not in flow.regions:
                flow.regions[level] = into.new_zeros((n_regions, *into.shape[1:]))
            rows.add(flow.regions[level], into)
        return counts

    def choose(
        self, weights: Tensor, trace: Trace, choice: Choice, generator: torch.Generator | None
    ) -> None:
        """A pair of units for every chosen unit of a partition."""
        node, row, unit = chosen(self.partitions.take(choice.partitions[self.level]))
        ends = [
            (level, rows.index[node], n)
            for level, rows, n in zip(self.child_levels, self.children, self.n_regions, strict=True)
        ]
        left, right = (at_rows(trace.regions[level].values, child, row) for level, child, _ in ends)
        shares = weights[node, unit] * (left.unsqueeze(2) * right.unsqueeze(1)).flatten(1)
        pair = pick(shares, generator)
        units = (pair // right.shape[1], pair % right.shape[1])
        for (level, child, n), unit in zip(ends, units, strict=True):
            if level not in choice.regions:
                choice.regions[level] = choice.none_of(n)
            choice.regions[level][child, row] = unit


def _pairs(left: Tensor, right: Tensor, space: Space) -> Tensor:
    """Products over all pairs of units, (F, I, B) and (F, J, B) to (F, I J, B)."""
    n, units, n_rows = left.shape
    pairs = space.empty("pairs", (n, units, right.shape[1], n_rows), left)
    return torch.mul(left.unsqueeze(2), right.unsqueeze(1), out=pairs).flatten(1, 2)
