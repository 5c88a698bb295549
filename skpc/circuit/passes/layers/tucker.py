"""Tucker layers: weighted sums over all pairs of units of two children.

Axes: F partitions of a fold, I and J units of their children, O output units, B rows.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from ..memory import LARGEST, Space
from ..selection import Selection
from ..trace import Choice, Flow, Scaled, Trace, pick, rescale
from .base import Layer, at_rows, chosen, sum_flows

# Pairs of units, times rows, that are in memory at once on the CPU: 4 MiB in float32, which the
# caches hold until they are read again.
MOST_PAIRS = 2**20


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
    n_inputs : int
        The larger one of I and J.

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
        n_inputs: int,
    ) -> None:
        self.level = level
        self.n_partitions = n_partitions
        self.partitions = Selection(partitions, device)
        self.child_levels = (children[0][0], children[1][0])
        self.children = (Selection(children[0][1], device), Selection(children[1][1], device))
        self.n_regions = n_regions
        self.shape = shape
        self.n_inputs = n_inputs
        self.at_once = device.type == "cuda"

    @property
    def floats_per_row(self) -> int:
        """Numbers of all pairs on a GPU; else a bound by which one partition's fit the caches."""
        assert self.shape is not None
        n, n_sums, n_pairs = self.shape
        if self.at_once:
            return n * n_pairs
        return max(n * max(n_sums, self.n_inputs), n_pairs * LARGEST // MOST_PAIRS)

    def _scaled(self, trace: Trace) -> list[Tensor]:
        """Scaled values of the left and the right children, (F, I, B) and (F, J, B)."""
        return [
            rows.take(trace.regions[level].values)
            for level, rows in zip(self.child_levels, self.children, strict=True)
        ]

    def _groups(self, trace: Trace) -> Iterator[tuple[slice, Tensor, Tensor, Tensor]]:
        """Groups of partitions: positions, values of both children, and their pairs of units."""
        left, right = self._scaled(trace)
        most = MOST_PAIRS // (left[0].numel() * right.shape[1])
        size = len(left) if self.at_once else max(1, min(len(left), most))
        for first in range(0, len(left), size):
            group = slice(first, first + size)
            yield group, left[group], right[group], _pairs(left[group], right[group], trace.space)

    def forward(self, weights: Tensor, trace: Trace) -> None:
        """One product over all pairs of units."""
        ends = zip(self.child_levels, self.children, strict=True)
        logs = [rows.take(trace.regions[level].logs) for level, rows in ends]
        sums = weights.new_empty((*weights.shape[:2], logs[0].shape[2]))
        for group, _, _, pairs in self._groups(trace):
            torch.bmm(weights[group], pairs, out=sums[group])
        trace.sums[id(self)] = sums
        scaled = rescale(sums.clone(), logs[0] + logs[1])
        if len(self.partitions) == self.n_partitions:
            trace.partitions[self.level] = scaled
            return
        if self.level not in trace.partitions:
            trace.partitions[self.level] = Scaled(
                *(each.new_empty((self.n_partitions, *each.shape[1:])) for each in scaled)
            )
        for each, whole in zip(scaled, trace.partitions[self.level], strict=True):
            self.partitions.put(whole, each)

    def flows(self, weights: Tensor, trace: Trace, flow: Flow) -> Tensor:
        """Counts of the weights; each child receives the flow of its units over all pairs."""
        ratio = self.partitions.take(flow.partitions[self.level]) / trace.sums[id(self)]
        counts = torch.empty_like(weights)
        divided = [flow.divides(level) for level in self.child_levels]
        into = [torch.empty_like(values) for values in self._scaled(trace)]
        for group, left, right, pairs in self._groups(trace):
            # Flow into each pair; an einsum with either child would first copy it in another order.
            flows = trace.space.empty("pair flows", pairs.shape, pairs)
            out = counts[group], flows
            sum_flows(weights[group], pairs, ratio[group], out, divided=any(divided))
            flows = flows.view(*left.shape[:2], *right.shape[1:])
            if any(divided):
                # Pairs are divided by both children's values; one that is not to be is put back.
                by_left = (flows * right.unsqueeze(1)).sum(dim=2)
                by_right = (flows * left.unsqueeze(2)).sum(dim=1)
                into[0][group] = by_left if divided[0] else by_left * left
                into[1][group] = by_right if divided[1] else by_right * right
                continue
            torch.sum(flows, dim=2, out=into[0][group])
            torch.sum(flows, dim=1, out=into[1][group])
        ends = zip(self.child_levels, self.children, self.n_regions, into, strict=True)
        for level, children, n_regions, values in ends:
            if level not in flow.regions:
                flow.regions[level] = values.new_zeros((n_regions, *values.shape[1:]))
            children.add(flow.regions[level], values)
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
