"""The root: one weighted sum over everything below it.

With a_p the log of what partition p adds to the density of a row, the density is
sum over p of exp(a_p), and a row's flow is shared in proportion to exp(a_p). In training the
shares may be in proportion to exp(exponent a_p) instead, with a tempering exponent between 0 and
1: then every partition learns also from rows that another one explains better. At exponent 0 all
would learn from all rows alike, as the members of an ensemble do.
These flows are the gradient of

    (1 / exponent) log(sum over p of exp(exponent a_p)).

EM with them never lowers it: it is convex in a, so that it is nowhere below its tangent.

Axes: P partitions, K units, I = P K input units, B rows.
"""

import torch
from torch import Tensor

from ...native import Builder
from ..trace import Choice, Flow, Trace, pick
from .base import Layer, sum_flows


class Root(Layer):
    """The root: one sum over all units of all its partitions (or of a single leaf).

    Parameters
    ----------
    level : int
        Height of the root.
    n_nodes, n_units : int
        Partitions of the root and units of each; a root that is a leaf counts as one.
    """

    def __init__(self, level: int, n_nodes: int, n_units: int) -> None:
        self.level = level
        self.n_nodes = n_nodes
        self.n_units = n_units
        self.shape = (1, 1, n_nodes * n_units)

    def compiled(self, program: Builder) -> bool:
        """The root has a compiled form where it has partitions."""
        if self.level:
            program.add_root(self.level, self.n_nodes)
        return self.level > 0

    def _inputs(self, trace: Trace) -> tuple[Tensor, Tensor]:
        """Values with one factor for all units, (1, I, B), and its logarithm, (1, 1, B)."""
        if self.level == 0:
            return trace.regions[0]
        values, logs = trace.partitions[self.level]
        m = logs.amax(dim=0, keepdim=True)
        return (values * torch.exp(logs - m)).flatten(0, 1).unsqueeze(0), m

    def forward(self, weights: Tensor, trace: Trace) -> None:
        """Log density of every row."""
        scaled, m = self._inputs(trace)
        # Kept above zero: the weights of several product mixtures in one circuit have no floor.
        sums = torch.bmm(weights, scaled).clamp_min_(torch.finfo(scaled.dtype).tiny)
        trace.sums[id(self)] = sums
        trace.root = (torch.log(sums) + m).flatten()

    def flows(self, weights: Tensor, trace: Trace, flow: Flow) -> Tensor:
        """The rows' weights flow into the partitions."""
        if flow.exponent != 1.0 and self.n_nodes > 1:
            return self._tempered_flows(weights, trace, flow)
        scaled, _ = self._inputs(trace)
        ratio = flow.root.view(1, 1, -1) / trace.sums[id(self)]
        counts, into = sum_flows(weights, scaled, ratio, divided=flow.divides(self.level))
        into = into.view(self.n_nodes, self.n_units, -1)
        (flow.partitions if self.level else flow.regions)[self.level] = into
        return counts

    def _tempered_flows(self, weights: Tensor, trace: Trace, flow: Flow) -> Tensor:
        """Flows with a tempering exponent other than 1, and the objective that they raise."""
        values, logs = trace.partitions[self.level]
        terms = values * weights.view(self.n_nodes, self.n_units, 1)
        sums = terms.sum(dim=1, keepdim=True).clamp_min_(torch.finfo(terms.dtype).tiny)
        a = sums.log() + logs  # (P, 1, B)
        shares = torch.softmax(flow.exponent * a, dim=0)
        flow.objective = torch.logsumexp(flow.exponent * a, dim=0).flatten() / flow.exponent
        into = terms.mul_(flow.root * shares / sums)
        flow.partitions[self.level] = into
        return into.sum(dim=2).view(1, 1, -1)

    def choose(
        self, weights: Tensor, trace: Trace, choice: Choice, generator: torch.Generator | None
    ) -> None:
        """One unit of one partition for every row."""
        scaled, _ = self._inputs(trace)
        rows = torch.arange(choice.n_rows, device=scaled.device)
        unit = pick((weights[0, 0, :, None] * scaled[0]).T, generator, choice.n_rows)
        nodes = choice.none_of(self.n_nodes)
        nodes[unit // self.n_units, rows] = unit % self.n_units
        (choice.partitions if self.level else choice.regions)[self.level] = nodes
