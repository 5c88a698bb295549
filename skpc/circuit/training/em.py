"""Expectation maximisation: statistics to parameters in closed form.

Axes: F leaf regions, S slots, K units; sums (F, O, I) a layer.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..passes.circuit import Circuit, Parameters
from ..passes.layers.base import floored
from ..passes.shortcuts import may_fail
from .statistics import Prior, Statistics


@dataclass(frozen=True)
class EMState:
    """Parameters and the running mean statistics of a row that they were made from.

    Attributes
    ----------
    parameters : Parameters
    leaves : Tensor (F, S, K) or None
        None before the first update.
    sums : tuple of Tensor (F, O, I)
    """

    parameters: Parameters
    leaves: Tensor | None = None
    sums: tuple[Tensor, ...] = ()


def update(
    circuit: Circuit,
    state: EMState,
    mean: Statistics,
    prior: Prior,
    rate: float,
    evidence: float,
) -> EMState:
    """The M-step, damped: running statistics move towards the block's by `rate`.

    With rate 1 and the statistics of all rows it is an EM step and never lowers the
    penalised objective, `Statistics.objective` + `Prior.log_density`.

    Parameters
    ----------
    circuit : Circuit
    state : EMState
    mean : Statistics
        Of a mean row, `Statistics.per_row`.
    prior : Prior
    rate : float
        Step size in (0, 1].
    evidence : float
        Rows that the prior is weighed against.

    Returns
    -------
    EMState

    References
    ----------
    Cappé and Moulines, "On-line expectation-maximization algorithm for latent data
    models", JRSS B 2009, equation 12: the statistics are averaged, not the parameters,
    so a unit that a block hardly uses is hardly moved by it.
    """
    if state.leaves is None or rate == 1.0:
        leaves, sums = mean.leaves, mean.sums
    else:
        leaves = torch.lerp(state.leaves, mean.leaves, rate)
        sums = tuple(
            torch.lerp(old, new, rate) for old, new in zip(state.sums, mean.sums, strict=True)
        )
    return maximise(circuit, EMState(state.parameters, leaves, sums), prior, evidence)


def maximise(circuit: Circuit, state: EMState, prior: Prior, evidence: float) -> EMState:
    """The M-step alone: parameters with the running statistics and the prior's.

    Units without any keep their parameters. Under another prior than that of the last update it
    gives, in closed form, what the same rows say under that one.
    """
    assert state.leaves is not None
    leaves, counts = prior.add(circuit, state.leaves, state.sums, evidence)
    old = state.parameters
    sums = tuple(
        _normalise(count, weights, layer.mask)
        for layer, count, weights in zip(circuit.weighted, counts, old.sums, strict=True)
    )
    parameters = Parameters(circuit.inputs.from_expectation(leaves, old.leaves), sums)
    return replace(state, parameters=parameters)


def _normalise(counts: Tensor, old: Tensor, mask: Tensor | None) -> Tensor:
    """Counts as shares over the last axis, floored where weights exist; in place."""
    totals = counts.sum(dim=2, keepdim=True)
    # What is less has no exact reciprocal.
    alive = totals > 1e-300
    weights = counts.mul_(totals.clamp_min(1e-300).reciprocal())
    if may_fail(alive):
        weights = torch.where(alive, weights, old)
    return floored(weights, mask)
