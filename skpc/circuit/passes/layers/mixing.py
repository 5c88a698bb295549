"""Mixing layers: a region as a mixture of its partitions.

Axes: F regions, P partitions, K units, B rows.
"""

import torch
from torch import Tensor

from ...native import Builder
from ..trace import Choice, Flow, Trace, pick, rescale
from .base import Layer, chosen


class Single(Layer):
    """Regions of a level in which each has one partition: nothing to mix.

    Parameters
    ----------
    level : int
    """

    def __init__(self, level: int) -> None:
        self.level = level

    def compiled(self, program: Builder) -> bool:
        """Regions are their partitions there too."""
        return True

    def forward(self, weights: Tensor, trace: Trace) -> None:
        """A region is its partition."""
        trace.regions[self.level] = trace.partitions[self.level]

    def flows(self, weights: Tensor, trace: Trace, flow: Flow) -> None:
        """The partition receives the region's flow."""
        flow.partitions[self.level] = flow.regions[self.level]

    def choose(
        self, weights: Tensor, trace: Trace, choice: Choice, generator: torch.Generator | None
    ) -> None:
        """The partition takes the region's unit."""
        choice.partitions[self.level] = choice.regions[self.level]


class Mixing(Layer):
    """Regions of a level from their partitions: the sum over p of v_kp times unit k of p.

    Weights are (F, K, P), padded to the largest number of partitions of a region.

    Parameters
    ----------
    level : int
    counts : list of int
        Number of partitions of each region; partitions are ordered by their regions.
    n_units : int
        K.
    device : torch.device
    """

    def __init__(self, level: int, counts: list[int], n_units: int, device: torch.device) -> None:
        self.level = level
        self.n_partitions = sum(counts)
        widest = max(counts)
        self.shape = (len(counts), n_units, widest)
        numbers = torch.arange(widest)
        n_of = torch.tensor(counts)
        present = numbers < n_of[:, None]
        starts = n_of.cumsum(0) - n_of
        self.index = torch.where(present, starts[:, None] + numbers, 0).to(device)
        self.present = present.to(device)
        self.mask = self.present.unsqueeze(1)
        self.unpadded = torch.nonzero(self.present.flatten()).flatten()

    def _inputs(self, trace: Trace) -> tuple[Tensor, Tensor]:
        """Values with one factor a region, (F, P, K, B), and the factor's logarithm (F, 1, B)."""
        values, logs = trace.partitions[self.level]
        logs = logs[self.index].masked_fill(~self.present[:, :, None, None], -torch.inf)
        m = logs.amax(dim=1)
        return values[self.index] * torch.exp(logs - m.unsqueeze(1)), m

    def _weights(self, weights: Tensor) -> Tensor:
        """(F, K, P) as (F, P, K, 1)."""
        return weights.transpose(1, 2).unsqueeze(3)

    def forward(self, weights: Tensor, trace: Trace) -> None:
        """The weighted sums over the partitions of every region."""
        scaled, m = self._inputs(trace)
        sums = (self._weights(weights) * scaled).sum(dim=1)
        sums = sums.clamp_min_(torch.finfo(sums.dtype).tiny)
        trace.sums[id(self)] = sums
        trace.regions[self.level] = rescale(sums.clone(), m)

    def flows(self, weights: Tensor, trace: Trace, flow: Flow) -> Tensor:
        """Each partition receives its share of the region's flow."""
        scaled, _ = self._inputs(trace)
        ratio = flow.regions[self.level] / trace.sums[id(self)]
        shares = self._weights(weights) * scaled * ratio.unsqueeze(1)
        flow.partitions[self.level] = shares.flatten(0, 1)[self.unpadded]
        return shares.sum(dim=3).transpose(1, 2)

    def choose(
        self, weights: Tensor, trace: Trace, choice: Choice, generator: torch.Generator | None
    ) -> None:
        """One partition for every chosen unit of a region, and in it the same unit."""
        region, row, unit = chosen(choice.regions[self.level])
        values, logs = trace.partitions[self.level]
        column = row if values.shape[2] > 1 else torch.zeros_like(row)
        index = self.index[region]
        factors = logs[index, 0, column[:, None]].masked_fill(~self.present[region], -torch.inf)
        factors = torch.exp(factors - factors.amax(dim=1, keepdim=True))
        scaled = values[index, unit[:, None], column[:, None]] * factors
        number = pick(weights[region, unit] * scaled, generator)
        partitions = choice.none_of(self.n_partitions)
        partitions[self.index[region, number], row] = unit
        choice.partitions[self.level] = partitions
