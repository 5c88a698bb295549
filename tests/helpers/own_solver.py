"""A solver as a user writes one, in a module of theirs: EM whose weights move half of the way."""

from dataclasses import dataclass

import torch

from skpc.circuit.passes import Parameters
from skpc.circuit.training import EM, EMState


@dataclass(frozen=True)
class HalfSteps:
    """EM steps whose weights of sums move only a share of the way to the new ones."""

    share: float = 0.5
    name: str = "half steps"
    closed_form: bool = False
    learning_rate: float = 1.0

    def begin(self, circuit, parameters):
        return EMState(parameters)

    def update(self, circuit, state, statistics, prior, rate, evidence):
        full = EM().update(circuit, EMState(state.parameters), statistics, prior, 1.0, evidence)
        pairs = zip(state.parameters.sums, full.parameters.sums, strict=True)
        sums = tuple(torch.lerp(old, new, self.share) for old, new in pairs)
        return EMState(Parameters(full.parameters.leaves, sums))

    def under_prior(self, circuit, state, prior, evidence):
        return state

    def to_arrays(self, state):
        return EM().to_arrays(state)

    def from_arrays(self, arrays, device):
        return EM().from_arrays(arrays, device)
