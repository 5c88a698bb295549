"""Gradient ascent on softmax logits, from the same statistics as EM.

The gradient of the log-likelihood by the logits of weights w is counts - w * (sum of
counts); by the free parameters of a leaf it is `Leaf.free_gradient`. No automatic
differentiation is needed.

Axes: N rows of packed leaves, K units; sums (F, O, I) a layer.
"""

from dataclasses import dataclass, replace
from math import sqrt

import torch
from torch import Tensor

from ..passes import Circuit, Parameters, floored
from .arrays import Arrays, from_numbers, parameters_from_numbers, parameters_to_numbers, to_numbers
from .prior import Prior
from .statistics import Statistics

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
        """One rectified step along the gradients of an objective that is maximised.

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
            moved(f, m, v, step, rate) for f, m, v in zip(self.free, first, second, strict=True)
        )
        return Momentum(free, first, second, step)


@dataclass(frozen=True)
class AdamState:
    """Parameters, and their free form with its moments.

    Attributes
    ----------
    parameters : Parameters
    momentum : Momentum
        Of the free leaves (N, K), then of the logits (F, O, I) of every layer.
    """

    parameters: Parameters
    momentum: Momentum


class Adam:
    """Rectified Adam as a `Solver`."""

    name = "adam"
    closed_form = False
    learning_rate = 0.1

    def begin(self, circuit: Circuit, parameters: Parameters) -> AdamState:
        """The state at these parameters, before any update."""
        leaves = _free_leaves(circuit, parameters)
        logits = tuple(torch.log(weights.clamp_min(1e-30)) for weights in parameters.sums)
        return AdamState(parameters, Momentum.begin((leaves, *logits)))

    def update(
        self,
        circuit: Circuit,
        state: AdamState,
        statistics: Statistics,
        prior: Prior,
        rate: float,
        evidence: float,
    ) -> AdamState:
        """One rectified Adam step up the mean penalised log-likelihood of a row."""
        smoothed = prior.add(circuit, statistics.leaves, statistics.sums, evidence)
        gradients = _gradients(circuit, state, *smoothed)
        momentum = state.momentum.advance(gradients, rate)
        parameters = _parameters(circuit, momentum.free)
        # Free numbers that went beyond a floor are set back to it: else they would take as many
        # steps to return.
        free = (_free_leaves(circuit, parameters), *momentum.free[1:])
        return AdamState(parameters, replace(momentum, free=free))

    def under_prior(
        self, circuit: Circuit, state: AdamState, prior: Prior, evidence: float
    ) -> AdamState:
        """The same state: Adam has no closed form of the state under another prior."""
        return state

    def to_arrays(self, state: AdamState) -> Arrays:
        """Parameters, free numbers and moments."""
        momentum = state.momentum
        return {
            "solver": self.name,
            "parameters": parameters_to_numbers(state.parameters),
            "step": momentum.step,
            **{name: to_numbers(*getattr(momentum, name)) for name in ("free", "first", "second")},
        }

    def from_arrays(self, arrays: Arrays, device: torch.device) -> AdamState:
        """The state from the arrays of `to_arrays`."""
        parameters = parameters_from_numbers(arrays["parameters"], device)
        lists = {
            name: tuple(from_numbers(arrays[name], device)) for name in ("free", "first", "second")
        }
        return AdamState(parameters, Momentum(step=arrays["step"], **lists))


def _free_leaves(circuit: Circuit, parameters: Parameters) -> Tensor:
    """Free form of the leaves, (N, K)."""
    leaves = torch.zeros_like(parameters.leaves)
    for fold in circuit.inputs.folds:
        theta, counts = fold.unpack(parameters.leaves)
        fold.pack(leaves, fold.family.to_free(theta), torch.zeros_like(counts))
    return leaves


def _gradients(
    circuit: Circuit, state: AdamState, leaves: Tensor, sums: tuple[Tensor, ...]
) -> tuple[Tensor, ...]:
    """Gradients by the free leaves (N, K) and by the logits (F, O, I) of every layer.

    They are made from expected statistics of the leaves and expected counts of the sums.
    """
    by_leaves = torch.zeros_like(state.momentum.free[0])
    for fold in circuit.inputs.folds:
        expected, counts = fold.unpack(leaves)
        free, _ = fold.unpack(state.momentum.free[0])
        gradient = fold.family.free_gradient(free, expected, counts)
        fold.pack(by_leaves, gradient, torch.zeros_like(counts))
    by_logits = (
        counts - weights * counts.sum(dim=2, keepdim=True)
        for counts, weights in zip(sums, state.parameters.sums, strict=True)
    )
    return (by_leaves, *by_logits)


def moved(free: Tensor, first: Tensor, second: Tensor, step: int, rate: float) -> Tensor:
    """Free numbers after the rectified step: plain momentum until the second moment is trusted.

    Plain momentum is clipped to the size of later steps, about 1: the gradient of a leaf of large
    counts, or of a narrow one, is large, and one such step would lead far away from the data.
    """
    unbiased = 1 - BETA_1**step
    longest = 2 / (1 - BETA_2) - 1
    length = longest - 2 * step * BETA_2**step / (1 - BETA_2**step)
    if length <= 5:
        return free + rate * (first / unbiased).clamp_(-1.0, 1.0)
    rectifier = sqrt(
        (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
    )
    spread = (second / (1 - BETA_2**step)).sqrt_().add_(EPSILON)
    return torch.addcdiv(free, first, spread, value=rate * rectifier / unbiased)


def _parameters(circuit: Circuit, free: tuple[Tensor, ...]) -> Parameters:
    leaves = torch.zeros_like(free[0])
    for fold in circuit.inputs.folds:
        theta = fold.family.from_free(fold.unpack(free[0])[0])
        fold.pack(leaves, theta, -fold.family.log_partition(theta).unsqueeze(1))
    sums = []
    for layer, logits in zip(circuit.weighted, free[1:], strict=True):
        if layer.mask is not None:
            logits = logits.masked_fill(~layer.mask, -torch.inf)
        sums.append(floored(torch.softmax(logits, dim=2), layer.mask))
    return Parameters(leaves, tuple(sums))
