"""Moments of mixtures of Gaussians.

Axes: B rows of a block, b of them with a hidden number, D columns, d of them normal together,
K units.
"""

import torch
from torch import Tensor

from ..passes import Cells
from ..queries import Pieces, UnitMoments, centred, expected_moments, values_of, with_evidence
from .correlations import Numbers
from .gaussian_units import LARGEST, GaussianUnits


def moments(
    units: GaussianUnits,
    rows: Cells,
    hidden: tuple[Tensor, Tensor],
    probabilities: Tensor,
    of_units: UnitMoments,
) -> tuple[Tensor, Tensor]:
    """Means and variances of rows: of hidden numbers given the observed ones, else of leaves.

    Parameters
    ----------
    units : GaussianUnits
    rows : Cells (B, D)
    hidden : tuple of two Tensor (K, B, d)
        From `of_hidden`.
    probabilities : Tensor (K, B)
        Posterior probabilities of the units.
    of_units : UnitMoments

    Returns
    -------
    mean, variance : Tensor (B, D)
        Of the values, as `Posterior.moments` has them.
    """
    mean, square = expected_moments(units.circuit, probabilities[None], of_units)
    unseen = ~units.observed_numbers(rows)
    for j, column in enumerate(units.columns.tolist()):
        index = torch.nonzero(unseen[:, j]).flatten()
        if not len(index):
            continue
        m, v = of_number(units, hidden, column, index)
        pieces, shares = of_units.pieces[column], units.shares.get(column)
        of_values = _expected(pieces, shares, m, v, probabilities[:, index])
        mean[index, column], square[index, column] = of_values
    return with_evidence(rows, mean, centred(mean, square))


def of_hidden(numbers: Numbers) -> tuple[Tensor, Tensor]:
    """Means and variances of hidden numbers given the observed ones, twice (K, B, d)."""
    means, variances = torch.empty_like(numbers.w), torch.empty_like(numbers.w)
    for pattern in numbers.patterns:
        cells = (slice(None), pattern.rows[:, None], pattern.hidden)
        means[cells] = pattern.expected(numbers.w, numbers.u)
        # The same for all rows of the pattern.
        of_pattern = pattern.covariance().diagonal(dim1=1, dim2=2).clamp_min(1e-12)
        variances[cells] = of_pattern.unsqueeze(1)
    return means, variances


def of_number(
    units: GaussianUnits, hidden: tuple[Tensor, Tensor], column: int, index: Tensor
) -> tuple[Tensor, Tensor]:
    """Mean and variance of a column's number in selected rows (b,) that hide it, twice (K, b)."""
    j = units.columns.tolist().index(column)
    (centre, spread), (means, variances) = units.scales, hidden
    mean = centre[:, :, j] + spread[:, :, j] * means[:, index, j]
    return mean, spread[:, :, j] ** 2 * variances[:, index, j]


def _expected(
    pieces: Pieces | None, shares: Tensor | None, m: Tensor, v: Tensor, probabilities: Tensor
) -> Tensor:
    """E[u] and E[u^2] of a column over units of these probabilities, as `values_of`, (2, b)."""
    # The largest tensors have a number for each unit, row and piece.
    width = len(m) * (1 if pieces is None else len(pieces.slopes) + 1)
    size = max(1, LARGEST // width)
    blocks = zip(m.split(size, 1), v.split(size, 1), probabilities.split(size, 1), strict=True)
    expected = [
        torch.stack([(p * value).sum(dim=0) for value in values_of(pieces, shares, mean, variance)])
        for mean, variance, p in blocks
    ]
    return torch.cat(expected, dim=1)
