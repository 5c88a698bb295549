"""Gradient ascent on softmax logits, from the same statistics as EM.

The gradient of the log-likelihood by the logits of weights w is counts - w * (sum of
counts); by the free parameters of a leaf it is `Leaf.free_gradient`. No automatic
differentiation is needed.

Axes: F leaf regions, S slots, K units; sums (F, O, I) a layer.
"""

from dataclasses import dataclass, replace
from math import sqrt

import torch
from torch import Tensor

from ..passes.circuit import Circuit, Parameters
from ..passes.layers.base import floored
from .statistics import Prior, Statistics

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8


@dataclass(frozen=True)
class Momentum:
    """Free numbers and the running moments of their gradients.

    Attributes
    ----------
    free, first, second : tuple of Tensor
        Free numbers; and the running means of their gradients and squared gradients.
    step : int
        Updates so far.
    """

    free: tuple[Tensor, ...]
    first: tuple[Tensor, ...]
    second: tuple[Tensor, ...]
    step: int = 0

    @classmethod
    def begin(cls, free: tuple[Tensor, ...]) -> "Momentum":
        """Before any update."""
        zeros = tuple(torch.zeros_like(f) for f in free)
        return cls(free, zeros, zeros)

    def advance(self, gradients: tuple[Tensor, ...], rate: float) -> "Momentum":
        """One rectified step along gradients of something to be raised.

        References
        ----------
        Liu et al., "On the variance of the adaptive learning rate and beyond", ICLR 2020,
        algorithm 2; its steps without adaptation are bounded here.
        """
        step = self.step + 1
        pairs = list(zip(self.first, self.second, gradients, strict=True))
        first = tuple(torch.lerp(m, g, 1 - BETA_1) for m, _, g in pairs)
        second = tuple(torch.lerp(v, g * g, 1 - BETA_2) for _, v, g in pairs)
        free = tuple(
            f + rate * _direction(m, v, step)
            for f, m, v in zip(self.free, first, second, strict=True)
        )
        return Momentum(free, first, second, step)


@dataclass(frozen=True)
class AdamState:
    """Parameters, and their free form with its moments.

    Attributes
    ----------
    parameters : Parameters
    momentum : Momentum
        Of the free leaves (F, S, K), then of the logits (F, O, I) of every layer.
    """

    parameters: Parameters
    momentum: Momentum


def start(circuit: Circuit, parameters: Parameters) -> AdamState:
    """State at given parameters, before any update."""
    leaves = _free_leaves(circuit, parameters)
    logits = tuple(torch.log(weights.clamp_min(1e-30)) for weights in parameters.sums)
    return AdamState(parameters, Momentum.begin((leaves, *logits)))


def _free_leaves(circuit: Circuit, parameters: Parameters) -> Tensor:
    """Free form of the leaves, (F, S, K)."""
    leaves = torch.zeros_like(parameters.leaves)
    for group in circuit.inputs.groups:
        theta, counts = group.unpack(parameters.leaves)
        group.pack(leaves, group.family.to_free(theta), torch.zeros_like(counts))
    return leaves


def update(
    circuit: Circuit,
    state: AdamState,
    mean: Statistics,
    prior: Prior,
    rate: float,
    evidence: float,
) -> AdamState:
    """One rectified Adam step up the mean penalised log-likelihood of a row.

    Parameters
    ----------
    circuit : Circuit
    state : AdamState
    mean : Statistics
        Of a mean row, `Statistics.per_row`.
    prior : Prior
    rate : float
        Step size.
    evidence : float
        Rows that the prior is weighed against.

    Returns
    -------
    AdamState
    """
    smoothed = prior.add(circuit, mean.leaves, mean.sums, evidence)
    gradients = _gradients(circuit, state, *smoothed)
    momentum = state.momentum.advance(gradients, rate)
    parameters = _parameters(circuit, momentum.free)
    # Free numbers beyond a floor come back to it, or they would need as long to return.
    free = (_free_leaves(circuit, parameters), *momentum.free[1:])
    return AdamState(parameters, replace(momentum, free=free))


def _gradients(
    circuit: Circuit, state: AdamState, leaves: Tensor, sums: tuple[Tensor, ...]
) -> tuple[Tensor, ...]:
    """By the free leaves and by the logits, from statistics (F, S, K) and counts (F, O, I)."""
    by_leaves = torch.zeros_like(state.momentum.free[0])
    for group in circuit.inputs.groups:
        expected, counts = group.unpack(leaves)
        free, _ = group.unpack(state.momentum.free[0])
        gradient = group.family.free_gradient(free, expected, counts)
        group.pack(by_leaves, gradient, torch.zeros_like(counts))
    by_logits = (
        counts - weights * counts.sum(dim=2, keepdim=True)
        for counts, weights in zip(sums, state.parameters.sums, strict=True)
    )
    return (by_leaves, *by_logits)


def _direction(first: Tensor, second: Tensor, step: int) -> Tensor:
    """The rectified step: plain momentum until the second moment can be trusted.

    Plain momentum is cut to what later steps can be, about 1: the gradient of a leaf of large
    counts, or of a narrow one, is large, and one such step would leave the data behind.
    """
    mean = first / (1 - BETA_1**step)
    longest = 2 / (1 - BETA_2) - 1
    length = longest - 2 * step * BETA_2**step / (1 - BETA_2**step)
    if length <= 5:
        return mean.clamp(-1.0, 1.0)
    rectifier = sqrt(
        (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
    )
    return rectifier * mean / ((second / (1 - BETA_2**step)).sqrt() + EPSILON)


def _parameters(circuit: Circuit, free: tuple[Tensor, ...]) -> Parameters:
    leaves = torch.zeros_like(free[0])
    for group in circuit.inputs.groups:
        theta = group.family.from_free(group.unpack(free[0])[0])
        group.pack(leaves, theta, -group.family.log_partition(theta).unsqueeze(1))
    sums = []
    for layer, logits in zip(circuit.weighted, free[1:], strict=True):
        if layer.mask is not None:
            logits = logits.masked_fill(~layer.mask, -torch.inf)
        sums.append(floored(torch.softmax(logits, dim=2), layer.mask))
    return Parameters(leaves, tuple(sums))
