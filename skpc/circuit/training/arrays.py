"""A solver's state as plain NumPy arrays and back, for fitted attributes and files."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..passes.circuit import Parameters
from .adam import AdamState, Momentum
from .em import EMState
from .loop import State

Arrays = dict[str, Any]


def to_arrays(state: State) -> Arrays:
    """Everything that a state holds: dict of str, int and lists of ndarray."""
    arrays: Arrays = {"parameters": to_numbers(state.parameters.leaves, *state.parameters.sums)}
    if isinstance(state, EMState):
        running = [] if state.leaves is None else to_numbers(state.leaves, *state.sums)
        return {**arrays, "solver": "em", "running": running}
    if not isinstance(state, AdamState):
        raise TypeError(f"A state of {type(state).__name__} is not kept; its parameters are.")
    return {
        **arrays,
        "solver": "adam",
        "step": state.momentum.step,
        **{
            name: to_numbers(*getattr(state.momentum, name)) for name in ("free", "first", "second")
        },
    }


def from_arrays(arrays: Arrays, device: torch.device) -> State:
    """The state that `to_arrays` was given."""
    parameters = parameters_from(arrays, device)
    if arrays["solver"] == "em":
        running = from_numbers(arrays["running"], device)
        return EMState(parameters, running[0] if running else None, tuple(running[1:]))
    lists = {
        name: tuple(from_numbers(arrays[name], device)) for name in ("free", "first", "second")
    }
    return AdamState(parameters, Momentum(step=arrays["step"], **lists))


def parameters_from(arrays: Arrays, device: torch.device) -> Parameters:
    """The parameters alone."""
    leaves, *sums = from_numbers(arrays["parameters"], device)
    return Parameters(leaves, tuple(sums))


def to_numbers(*tensors: Tensor) -> list[np.ndarray]:
    """Arrays of the same numbers."""
    return [tensor.cpu().numpy() for tensor in tensors]


def from_numbers(arrays: Sequence[np.ndarray], device: torch.device) -> list[Tensor]:
    """Tensors of float64."""
    return [_tensor(array, device) for array in arrays]


def _tensor(array: np.ndarray, device: torch.device) -> Tensor:
    # A copy: results must not depend on how a file aligned the array's memory.
    return torch.tensor(array, dtype=torch.float64, device=device)
