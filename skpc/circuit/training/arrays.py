"""Parameters as plain NumPy arrays and back, for fitted attributes and files."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..passes import Parameters

Arrays = dict[str, Any]


def to_numbers(*tensors: Tensor) -> list[np.ndarray]:
    """NumPy arrays of tensors, on the CPU."""
    return [tensor.cpu().numpy() for tensor in tensors]


def from_numbers(arrays: Sequence[np.ndarray], device: torch.device) -> list[Tensor]:
    """Tensors of float64 of NumPy arrays, on a device."""
    # Copies, because results may depend on the alignment of memory, and a file's is arbitrary.
    return [torch.tensor(array, dtype=torch.float64, device=device) for array in arrays]


def parameters_to_numbers(parameters: Parameters) -> list[np.ndarray]:
    """Arrays of the leaves, then of the weights of every layer."""
    return to_numbers(parameters.leaves, *parameters.sums)


def parameters_from_numbers(arrays: Sequence[np.ndarray], device: torch.device) -> Parameters:
    """The parameters from the arrays of `parameters_to_numbers`."""
    leaves, *sums = from_numbers(arrays, device)
    return Parameters(leaves, tuple(sums))
