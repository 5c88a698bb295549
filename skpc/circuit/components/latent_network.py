"""The network of latent mixtures: it decodes points of a latent space to leaves.

Its outputs are deviations of the leaves' free numbers from those of the columns' own distributions.
All units of a free number stand side by side, as the families read them.

Axes: N points (the units), L latent dimensions, H hidden units, M free numbers of a unit's
leaves, R rows of Phi, n incidences, t statistics of a family.
"""

from collections.abc import Sequence
from math import sqrt

import torch
from torch import Tensor
from torch.nn.functional import leaky_relu, linear

from ..passes import Circuit, Parameters, floored
from ..training import column_means

LATENT, HIDDEN = 32, 128
# Hidden units that dropout drops, of 256.
DROPPED = 77
# Spread of the decoded free parameters over the latent space at the start.
SPREAD = 0.5
# Largest distance of free numbers from those of the column's own distribution: further out the
# families are at their bounds, and gradients would drive the network on without end.
REACH = 12.0
# Least distance of shifted points from the ends of the unit interval.
END = 1e-5


def random_layers(n_outputs: int, points: Tensor, generator: torch.Generator) -> list[Tensor]:
    """Weights (out, in) and biases (out,) of all layers, decoding points to numbers around zero.

    Parameters
    ----------
    n_outputs : int
        Number M of outputs.
    points : Tensor (N, L)
    generator : torch.Generator
        On the CPU.
    """
    layers: list[Tensor] = []
    for inputs in (LATENT, HIDDEN, HIDDEN):
        weights = normals((HIDDEN, inputs), generator) * sqrt(2 / inputs)
        layers += [weights, torch.zeros(HIDDEN, dtype=torch.float32)]
    weights = normals((n_outputs, HIDDEN), generator)
    decoded = hidden_layer(layers, points) @ weights.T
    scale = SPREAD / decoded.std(dim=0).mean()
    return [*layers, scale * weights, -scale * decoded.mean(dim=0)]


def hidden_layer(layers: Sequence[Tensor], points: Tensor) -> Tensor:
    """The last hidden layer at points (N, L), (N, H)."""
    hidden = points
    for i in range(0, 6, 2):
        hidden = leaky_relu(linear(hidden, layers[i], layers[i + 1]))
    return hidden


def outputs_at(layers: Sequence[Tensor], points: Tensor, mask: Tensor | None) -> Tensor:
    """Deviations of all units, (M, N), hidden units dropped by mask (N, H)."""
    hidden = hidden_layer(layers, points)
    hidden = hidden if mask is None else hidden * mask
    return torch.addmm(layers[7][:, None], layers[6], hidden.T)


def free_numbers(outputs: Tensor, centre: Tensor) -> Tensor:
    """Free numbers (M, N): deviations within REACH around the centre (M,)."""
    return outputs.clamp(-REACH, REACH).add_(centre[:, None])


def normals(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Normal numbers in float32."""
    return torch.randn(shape, generator=generator, dtype=torch.float32)


def to_normal(u: Tensor) -> Tensor:
    """Points of the unit cube as points of the latent space."""
    return torch.special.ndtri(u.clamp(END, 1 - END))


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


def parameters_at(circuit: Circuit, free: Tensor, logits: Tensor) -> Parameters:
    """Packed parameters from free numbers (M, N) and logits of the weights (N,)."""
    folds = circuit.inputs.folds
    leaves = torch.zeros(circuit.inputs.shape, dtype=torch.float64, device=free.device)
    sizes = [len(fold.group_of) * fold.family.n_statistics for fold in folds]
    for fold, rows in zip(folds, free.double().split(sizes), strict=True):
        theta = fold.family.from_free(rows.view(len(fold.group_of), -1, free.shape[1]))
        fold.pack(leaves, theta, -fold.family.log_partition(theta).unsqueeze(1))
    weights = torch.softmax(logits.double(), dim=0).view(1, 1, -1)
    return Parameters(leaves, (floored(weights, None),))
