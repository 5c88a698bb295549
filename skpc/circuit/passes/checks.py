"""Whether the parameters of a circuit, which a file may hold, are those of one.

Axes: N rows of packed leaves, K units; sums (F, O, I) a layer.
"""

import torch
from torch import Tensor

from .circuit import Circuit, Parameters

# How far weights may be from adding to one, and log partitions from those of the leaves.
ROUNDING = 1e-6


def check_parameters(circuit: Circuit, parameters: Parameters) -> None:
    """Refuse parameters that are not of this circuit.

    Parameters
    ----------
    circuit : Circuit
    parameters : Parameters

    Raises
    ------
    ValueError
        For other shapes, NaN and infinity, weights that are negative or do not add to one, and
        rows of counts that do not hold the log partition of the leaves.
    """
    check_shapes(circuit, [parameters.leaves, *parameters.sums])
    for weights in parameters.sums:
        totals = weights.sum(dim=2)
        if bool((weights < 0).any()) or bool(((totals - 1).abs() > ROUNDING).any()):
            raise ValueError("Weights of sums are negative, or do not add to one.")
    for fold in circuit.inputs.folds:
        theta, counts = fold.unpack(parameters.leaves)
        expected = -fold.family.log_partition(theta).unsqueeze(1)
        if not torch.allclose(counts, expected, rtol=ROUNDING, atol=ROUNDING):
            raise ValueError(
                f"Leaves of the family {fold.family.name} have another log partition than stored."
            )


def check_shapes(circuit: Circuit, tensors: list[Tensor]) -> None:
    """Refuse tensors whose shapes are not those of the leaves and of the weights of every layer.

    Raises
    ------
    ValueError
        For other shapes, NaN and infinity.
    """
    shapes = [circuit.inputs.shape, *(layer.shape for layer in circuit.weighted)]
    found = [tuple(tensor.shape) for tensor in tensors]
    if found != shapes:
        raise ValueError(f"Arrays of the shapes {found} are stored; the circuit has {shapes}.")
    if not all(bool(torch.isfinite(tensor).all()) for tensor in tensors):
        raise ValueError("Parameters of the circuit are NaN or infinite.")
