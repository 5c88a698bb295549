"""Expectation maximisation: statistics to parameters in closed form.

Axes: N rows of packed leaves, K units; sums (F, O, I) a layer.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..passes import (
    Circuit,
    MeanStatistics,
    Parameters,
    compiled_update,
    floored,
    may_fail,
)
from .arrays import Arrays, from_numbers, parameters_from_numbers, parameters_to_numbers, to_numbers
from .prior import Prior
from .statistics import Statistics


@dataclass(frozen=True)
class EMState:
    """Parameters and the running mean statistics of a row that they were made from.

    Attributes
    ----------
    parameters : Parameters
    leaves : Tensor (N, K) or None
        None before the first update.
    sums : tuple of Tensor (F, O, I)
    """

    parameters: Parameters
    leaves: Tensor | None = None
    sums: tuple[Tensor, ...] = ()


class EM:
    """EM as a `Solver`: full steps, or damped ones of running statistics."""

    name = "em"
    closed_form = True
    learning_rate = 0.5

    def begin(self, circuit: Circuit, parameters: Parameters) -> EMState:
        """The state before any update."""
        return EMState(parameters)

    def update(
        self,
        circuit: Circuit,
        state: EMState,
        statistics: Statistics,
        prior: Prior,
        rate: float,
        evidence: float,
    ) -> EMState:
        """The M-step, damped: running statistics move towards the block's by `rate` in (0, 1].

        With rate 1 and the statistics of all rows it is an EM step and never lowers the
        penalised objective, `Statistics.objective` + `Prior.log_density`.

        References
        ----------
        Cappé and Moulines, "On-line expectation-maximization algorithm for latent data
        models", JRSS B 2009, equation 12: the statistics are averaged, not the parameters,
        so a unit that a block hardly uses is hardly moved by it.
        """
        if circuit.updates is not None:
            fresh = MeanStatistics(statistics.leaves, statistics.sums)
            return _compiled(circuit, state, fresh, prior, rate, evidence)
        if state.leaves is None or rate == 1.0:
            leaves, sums = statistics.leaves, statistics.sums
        else:
            leaves = torch.lerp(state.leaves, statistics.leaves, rate)
            pairs = zip(state.sums, statistics.sums, strict=True)
            sums = tuple(torch.lerp(old, new, rate) for old, new in pairs)
        running = EMState(state.parameters, leaves, sums)
        return self.under_prior(circuit, running, prior, evidence)

    def under_prior(
        self, circuit: Circuit, state: EMState, prior: Prior, evidence: float
    ) -> EMState:
        """The M-step alone: parameters with the running statistics and the prior's.

        Units without expected counts keep their parameters. With another prior than that of the
        last update, the result is in closed form what the same rows lead to under that prior.
        """
        assert state.leaves is not None
        if circuit.updates is not None:
            running = MeanStatistics(state.leaves, state.sums)
            return _compiled(circuit, state, running, prior, 1.0, evidence)
        leaves, counts = prior.add(circuit, state.leaves, state.sums, evidence)
        old = state.parameters
        sums = tuple(
            normalised(count, weights, layer.mask)
            for layer, count, weights in zip(circuit.weighted, counts, old.sums, strict=True)
        )
        parameters = Parameters(circuit.inputs.from_expectation(leaves, old.leaves), sums)
        return replace(state, parameters=parameters)

    def to_arrays(self, state: EMState) -> Arrays:
        """Parameters and running statistics."""
        running = [] if state.leaves is None else to_numbers(state.leaves, *state.sums)
        parameters = parameters_to_numbers(state.parameters)
        return {"solver": self.name, "parameters": parameters, "running": running}

    def from_arrays(self, arrays: Arrays, device: torch.device) -> EMState:
        """The state from the arrays of `to_arrays`."""
        parameters = parameters_from_numbers(arrays["parameters"], device)
        running = from_numbers(arrays["running"], device)
        return EMState(parameters, running[0] if running else None, tuple(running[1:]))


def _compiled(
    circuit: Circuit,
    state: EMState,
    fresh: MeanStatistics,
    prior: Prior,
    rate: float,
    evidence: float,
) -> EMState:
    """`EM.update` by the compiled M-step; of running statistics, with rate 1, `under_prior`."""
    share = prior.smoothing / evidence
    before = None
    if state.leaves is not None and rate < 1.0:
        before = MeanStatistics(state.leaves, state.sums)
    running, parameters = compiled_update(
        circuit, state.parameters, before, fresh, rate, prior.leaves, share
    )
    return EMState(parameters, running.leaves, tuple(running.sums))


def normalised(counts: Tensor, old: Tensor, mask: Tensor | None) -> Tensor:
    """Counts as shares over the last axis, floored where weights exist; in place."""
    totals = counts.sum(dim=2, keepdim=True)
    # Reciprocals of smaller totals overflow.
    alive = totals > 1e-300
    weights = counts.mul_(totals.clamp_min(1e-300).reciprocal())
    if may_fail(alive):
        weights = torch.where(alive, weights, old)
    return floored(weights, mask)
