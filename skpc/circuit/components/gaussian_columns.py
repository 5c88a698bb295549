"""Single columns of mixtures of Gaussians: cells given the others of their row, and cdfs.

In a unit an observed number is normal given the other observed ones. With Q the inverse of the
correlations R_SS of the observed standardised numbers w, its deviation from the conditional mean is
(Q w)_j / Q_jj and its variance 1 / Q_jj.

Axes: B rows of a block, b selected ones, D columns, d of them normal together, r of them observed,
K units.
"""

import torch
from torch import Tensor

from ..passes import Cells
from ..queries import Cdf, Pieces, fold_of, log_bases, log_leaves, mixed_codes, normal_cdf
from .correlations import Numbers
from .gaussian_units import GaussianUnits


def log_cells(units: GaussianUnits, rows: Cells, numbers: Numbers, joint: Tensor) -> Tensor:
    """Log density of every cell given the others of its row, (B, D); NaN where not evidence.

    Parameters
    ----------
    units : GaussianUnits
    rows : Cells (B, D)
    numbers : Numbers
        Of the rows.
    joint : Tensor (K, B)
        Log of weight times density of every unit and row, without log h.
    """
    shares = torch.log_softmax(joint, dim=0)
    answers = log_bases(units.circuit, rows)
    ratios, observed = _log_ratios(units, numbers), units.observed_numbers(rows)
    position = {column: j for j, column in enumerate(units.columns.tolist())}
    for fold in units.circuit.inputs.folds:
        theta, base = fold.unpack(units.parameters.leaves)
        for i, column in enumerate(fold.columns[:, 0].tolist()):
            mine = fold.group_of == i
            leaf = log_leaves(fold, i, theta[mine], base[mine], numbers.statistics)[0]
            if column in position:
                j = position[column]
                leaf = torch.where(observed[:, j], leaf + ratios[:, :, j], leaf)
            answers[:, column] -= torch.logsumexp(shares - leaf, dim=0)
    return answers


def log_codes(units: GaussianUnits, numbers: Numbers, joint: Tensor, column: int) -> Tensor:
    """Log of the sum over units u of post(u) / p_u(cell) p_u(c), of every code c, (C, B)."""
    fold, i = fold_of(units.circuit, column)
    mine = fold.group_of == i
    theta, base = (values[mine] for values in fold.unpack(units.parameters.leaves))
    leaf = log_leaves(fold, i, theta, base, numbers.statistics)
    return mixed_codes(fold, theta, base, torch.log_softmax(joint, dim=0) - leaf)


def _log_ratios(units: GaussianUnits, numbers: Numbers) -> Tensor:
    """Log density of observed numbers given the others, over that of the leaf, (K, B, d)."""
    precisions = units.correlations.inverses.diagonal(dim1=1, dim2=2)
    if numbers.patterns:
        solved, own = torch.zeros_like(numbers.w), torch.ones_like(numbers.w)
        whole = torch.ones(numbers.w.shape[1], dtype=torch.bool, device=own.device)
        for pattern in numbers.patterns:
            cells = (slice(None), pattern.rows[:, None], pattern.observed)
            products, diagonal = pattern.precision(numbers.w, numbers.u)
            solved[cells], own[cells] = products, diagonal.unsqueeze(1).expand_as(products)
            whole[pattern.rows] = False
        solved[:, whole] = numbers.u[:, whole]
        own[:, whole] = precisions.unsqueeze(1)
    else:
        solved, own = numbers.u, precisions.unsqueeze(1)
    return 0.5 * (own.log() - solved * solved / own + numbers.w * numbers.w)


def cdf(
    units: GaussianUnits,
    number: tuple[Tensor, Tensor],
    shares: Tensor,
    column: int,
    pieces: Pieces | None,
) -> Cdf:
    """The cdf of a column that is normal with others, for rows that hide it.

    Parameters
    ----------
    units : GaussianUnits
    number : tuple of two Tensor (K, b)
        Mean and variance of the column's number in every unit and row.
    shares : Tensor (1, K, b)
        Posterior probabilities of the units.
    column : int
    pieces : Pieces or None
    """
    of_values = units.shares.get(column)
    of_values = None if of_values is None else of_values.unsqueeze(0)
    mean, variance = (value.unsqueeze(0) for value in number)
    return lambda u: normal_cdf(pieces, u, shares, of_values, mean, variance)
