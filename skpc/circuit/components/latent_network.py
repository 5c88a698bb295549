"""The network of latent mixtures: it decodes points of a latent space to leaves.

Axes: N points (the units), L latent dimensions, H hidden units, M free numbers of a unit's
leaves, F = 1 leaf regions, S statistics of the region, R rows of Phi, n incidences, t statistics.
"""

from collections.abc import Sequence
from math import sqrt

import torch
from torch import Tensor

from ..passes import Circuit, Parameters, floored
from ..training import column_means

LATENT, HIDDEN, DROPOUT = 32, 128, 0.3
# Spread of the decoded free parameters over the latent space at the start.
SPREAD = 0.5
# Largest distance of free numbers from those of the column's own distribution: further out the
# families are at their bounds, and gradients would drive the network on without end.
REACH = 12.0
# Least distance of shifted points from the ends of the unit interval.
END = 1e-5


def random_layers(centre: Tensor, points: Tensor, generator: torch.Generator) -> list[Tensor]:
    """Weights (out, in) and biases (out,) of all layers, decoding points to numbers around centre.

    Parameters
    ----------
    centre : Tensor (M,)
        Float32, on the CPU.
    points : Tensor (N, L)
    generator : torch.Generator
        On the CPU.
    """
    layers: list[Tensor] = []
    for inputs in (LATENT, HIDDEN, HIDDEN):
        weights = normals((HIDDEN, inputs), generator) * sqrt(2 / inputs)
        layers += [weights, torch.zeros(HIDDEN, dtype=torch.float32)]
    weights = normals((len(centre), HIDDEN), generator)
    decoded = hidden_layer(layers, points) @ weights.T
    scale = SPREAD / decoded.std(dim=0).mean()
    return [*layers, scale * weights, centre - scale * decoded.mean(dim=0)]


def hidden_layer(layers: Sequence[Tensor], points: Tensor) -> Tensor:
    """The last hidden layer at points (N, L), (N, H)."""
    hidden = points
    for i in range(0, 6, 2):
        hidden = torch.nn.functional.leaky_relu(hidden @ layers[i].T + layers[i + 1])
    return hidden


def outputs_at(layers: Sequence[Tensor], points: Tensor, mask: Tensor | None) -> Tensor:
    """Free numbers of all units, (N, M), hidden units dropped by mask (N, H)."""
    hidden = hidden_layer(layers, points)
    hidden = hidden if mask is None else hidden * mask
    return hidden @ layers[6].T + layers[7]


def inside(outputs: Tensor, centre: Tensor) -> Tensor:
    """Free numbers (N, M) within REACH of the centre (M,)."""
    return torch.minimum(torch.maximum(outputs, centre - REACH), centre + REACH)


def normals(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Normal numbers in float32."""
    return torch.randn(shape, generator=generator, dtype=torch.float32)


def to_normal(u: Tensor) -> Tensor:
    """Points of the unit cube as points of the latent space."""
    return torch.special.ndtri(u.clamp(END, 1 - END))


def _free_of_folds(circuit: Circuit, outputs: Tensor) -> list[Tensor]:
    """Each fold's free parameters (n, t, N), float64, from outputs (N, M)."""
    folds = circuit.inputs.folds
    sizes = [len(fold.group_of) * fold.family.n_statistics for fold in folds]
    return [
        free.reshape(len(fold.group_of), -1, free.shape[1])
        for fold, free in zip(folds, outputs.T.double().split(sizes), strict=True)
    ]


def column_centre(circuit: Circuit, sums: Tensor) -> Tensor:
    """Free parameters of the columns' own distributions, (M,)."""
    of_folds = []
    for fold in circuit.inputs.folds:
        mu = column_means(fold, sums)[fold.group_of]
        family = fold.family
        # A little of the broad reference is mixed in: a free number at a bound has no gradient.
        mu = family.project(0.99 * mu + 0.01 * family.reference().to(mu)[:, None])
        of_folds.append(family.to_free(family.natural(mu)).flatten())
    return torch.cat(of_folds)


def parameters_at(circuit: Circuit, outputs: Tensor, logits: Tensor) -> Parameters:
    """Packed parameters from free numbers (N, M) and logits of the weights (N,)."""
    shape = circuit.inputs.shape
    leaves = torch.zeros(shape, dtype=torch.float64, device=outputs.device)
    for fold, free in zip(circuit.inputs.folds, _free_of_folds(circuit, outputs), strict=True):
        theta = fold.family.from_free(free)
        fold.pack(leaves, theta, -fold.family.log_partition(theta).unsqueeze(1))
    weights = torch.softmax(logits.double(), dim=0).view(1, 1, -1)
    return Parameters(leaves, (floored(weights, None),))


def gradient_by_outputs(circuit: Circuit, outputs: Tensor, leaves: Tensor) -> Tensor:
    """Gradient by the free numbers (N, M) from a mean row's statistics (T, N), float32."""
    of_folds = []
    for fold, free in zip(circuit.inputs.folds, _free_of_folds(circuit, outputs), strict=True):
        gradient = fold.family.free_gradient(free, *fold.unpack(leaves))
        of_folds.append(gradient.flatten(0, 1).float())
    return torch.cat(of_folds).T
