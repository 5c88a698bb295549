"""Where training starts: sums of column statistics, the prior, and random parameters.

Axes: D columns, B rows, F leaf regions, S statistics of a region, K units, R rows of Phi, n
incidences, t statistics of a family.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from ..passes import Cells, Circuit, LeafFold, Parameters, floored
from .prior import Prior

# Sums of more inputs start from sharper weights. The mean of many inputs is nearly the same for all
# sums: full steps of EM stayed at that saddle for as long as training lasted (energy, 200 rows and
# 32 units: -19.4 nats a validation row, -12.4 from sharper weights; concrete, 350 rows: -30.1 and
# -23.1).
MANY_INPUTS, SHARPER = 24, 1.5


def column_sums(circuit: Circuit, blocks: Iterable[tuple[Cells, Tensor]]) -> Tensor:
    """Weighted sums of every group's statistics and counts over blocks of rows.

    Parameters
    ----------
    circuit : Circuit
    blocks : iterable of (Cells (B, D), Tensor (B,))
        Rows and their weights.

    Returns
    -------
    Tensor (R,)
        In the order of `InputLayer.phi`, float64.
    """
    total = torch.zeros(circuit.inputs.n_phi + 1, dtype=torch.float64, device=circuit.device)
    for cells, weights in blocks:
        total += circuit.inputs.phi(cells.to(circuit.device, torch.float64)) @ weights.double()
    return total


def make_prior(circuit: Circuit, sums: Tensor, smoothing: float) -> Prior:
    """A prior of pseudo-rows distributed as the columns, with one row of a broad reference added.

    Parameters
    ----------
    circuit : Circuit
    sums : Tensor (R,)
        From `column_sums`.
    smoothing : float
        Pseudo-rows per unit.
    """
    packed = torch.zeros((circuit.inputs.shape[0], 1), dtype=torch.float64, device=sums.device)
    for fold in circuit.inputs.folds:
        values, counts = _of_fold(fold, sums)
        reference = fold.family.reference().to(values)[:, None]
        mu = (values + reference) / (counts + 1)
        fold.pack(packed, mu[fold.group_of], torch.ones_like(counts)[fold.group_of])
    return Prior(smoothing, packed)


def random_parameters(circuit: Circuit, sums: Tensor, generator: torch.Generator) -> Parameters:
    """Leaves spread around their columns' distributions, weights drawn from Dirichlet(1).

    Parameters
    ----------
    circuit : Circuit
    sums : Tensor (R,)
        From `column_sums`.
    generator : torch.Generator
        On the CPU, so that a seed means the same on every device.
    """
    k = circuit.inputs.n_units
    leaves = torch.zeros(circuit.inputs.shape, dtype=torch.float64, device=sums.device)
    for fold in circuit.inputs.folds:
        mu = column_means(fold, sums)[fold.group_of]
        noise = _uniform((len(mu), mu.shape[1], k), generator).to(sums.device)
        theta = fold.family.natural(fold.family.spread(mu, noise))
        fold.pack(leaves, theta, -fold.family.log_partition(theta).unsqueeze(1))
    weights = []
    for layer in circuit.weighted:
        assert layer.shape is not None
        # Dirichlet(1): nearly equal weights would start at a saddle, where all units of a
        # deep circuit are equal and the likelihood hardly rises.
        draw = -torch.log1p(-_uniform(layer.shape, generator).to(sums.device))
        if layer.shape[2] > MANY_INPUTS:
            draw = draw**SHARPER
        draw = draw if layer.mask is None else draw * layer.mask
        weights.append(floored(draw / draw.sum(dim=2, keepdim=True), layer.mask))
    return Parameters(leaves, tuple(weights))


def column_means(fold: LeafFold, sums: Tensor) -> Tensor:
    """Mean statistics of a fold's groups, projected to allowed ones, (n_groups, t, 1)."""
    values, counts = _of_fold(fold, sums)
    reference = fold.family.reference().to(values)[:, None]
    return fold.family.project(
        torch.where(counts > 0, values / counts.clamp_min(1e-300), reference)
    )


def _of_fold(fold: LeafFold, sums: Tensor) -> tuple[Tensor, Tensor]:
    """Sums (n_groups, t, 1) and counts (n_groups, 1, 1) of a fold's groups."""
    rows = sums[fold.phi].view(-1, fold.width, 1)
    return rows[:, :-1], rows[:, -1:]


def _uniform(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=generator, dtype=torch.float64)
