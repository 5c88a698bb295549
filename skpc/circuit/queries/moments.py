"""Conditional means and variances of all columns.

Axes: B rows, D columns, d of a group, F leaf regions, K units, m incidences.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..passes import Cells, Circuit, LeafFold, Parameters
from .piecewise import Pieces


@dataclass(frozen=True)
class UnitMoments:
    """Moments of the values of all columns in every unit, the same for all rows.

    Attributes
    ----------
    pieces : list of Pieces or None (D,)
        Values of columns whose leaves model a map of them, on the circuit's device.
    of_folds : list of (Tensor, Tensor)
        Mean and mean square of every unit, twice (m, d, K), for each fold.
    """

    pieces: list[Pieces | None]
    of_folds: list[tuple[Tensor, Tensor]]


def unit_moments(
    circuit: Circuit, parameters: Parameters, pieces: Sequence[Pieces | None] | None = None
) -> UnitMoments:
    """Moments of all columns in every unit; of the values where columns have pieces (D,)."""
    moved = [p and p.to(circuit.device) for p in pieces or [None] * circuit.inputs.n_columns]
    return UnitMoments(moved, [_of_fold(g, parameters, moved) for g in circuit.inputs.folds])


def _of_fold(
    fold: LeafFold, parameters: Parameters, pieces: Sequence[Pieces | None]
) -> tuple[Tensor, Tensor]:
    theta, _ = fold.unpack(parameters.leaves)
    mean, variance = fold.family.moments(theta)
    square = variance + mean**2
    for position, columns in enumerate(fold.columns.tolist()):
        of_column = pieces[columns[0]] if len(columns) == 1 else None
        if of_column is not None:
            incidences = fold.group_of == position
            moments_of_column = of_column.moments(fold.family, theta[incidences])
            mean[incidences, 0], square[incidences, 0] = moments_of_column
    return mean, square


def expected_moments(
    circuit: Circuit, probabilities: Tensor, of_units: UnitMoments
) -> tuple[Tensor, Tensor]:
    """Mean and mean square of every column by the units' probabilities (F, K, B), twice (B, D)."""
    both = probabilities.new_empty((2, probabilities.shape[2], circuit.inputs.n_columns))
    for fold, (mean, square) in zip(circuit.inputs.folds, of_units.of_folds, strict=True):
        expected = expected_values(fold, torch.cat([mean, square], dim=1), probabilities)
        both[:, :, fold.columns] = expected.unflatten(1, (2, -1)).permute(1, 3, 0, 2)
    return both[0], both[1]


def given_seen(
    circuit: Circuit,
    parameters: Parameters,
    rows: Cells,
    probabilities: Tensor,
    moments: tuple[Tensor, Tensor],
) -> None:
    """Replace moments of hidden cells of groups by those given the seen cells; in place.

    Parameters
    ----------
    rows : Cells (B, D)
    probabilities : Tensor (F, K, B)
        Posterior probabilities of the units.
    moments : tuple of two Tensor (B, D)
        Means and mean squares.
    """
    for partly in circuit.inputs.partly_seen(rows):
        theta = partly.parameters(parameters.leaves)
        shares = probabilities[partly.regions][:, :, partly.rows].unsqueeze(1)
        mean, variance = partly.family.moments_given(
            theta, partly.seen, partly.evidence(len(theta))
        )
        for target, of_units in zip(moments, (mean, variance + mean * mean), strict=True):
            target[partly.rows[:, None], partly.hidden] = (shares * of_units).sum(dim=(0, 2)).T


def expected_values(fold: LeafFold, values: Tensor, probabilities: Tensor) -> Tensor:
    """Expectations over the units of a fold's groups.

    Parameters
    ----------
    fold : LeafFold
        Of c groups.
    values : Tensor (m, v, K)
        In every unit of every incidence.
    probabilities : Tensor (F, K, B)
        Posterior probabilities of the units; 0 where a region is not a row's.

    Returns
    -------
    Tensor (c, v, B)
    """
    if len(probabilities) == 1:
        # A product mixture may have very many units: they are not copied for every group.
        of_incidences = torch.matmul(values, probabilities[0])
    else:
        of_incidences = torch.bmm(values, probabilities[fold.region_of])
    columns = of_incidences.new_zeros((len(fold.columns), *of_incidences.shape[1:]))
    return columns.index_add_(0, fold.group_of, of_incidences)


def centred(mean: Tensor, square: Tensor) -> Tensor:
    """Variances from means and mean squares."""
    return (square - mean * mean).clamp_min(0.0)


def with_evidence(rows: Cells, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
    """Means and variances, twice (B, D), where an observed cell has its number and variance 0."""
    observed = rows.observed
    return torch.where(observed, rows.values, mean), torch.where(observed, 0.0, variance)
