"""Distributions of single columns given the observed cells of a row: cdf and quantiles.

Each is a mixture of the column's leaf distributions, weighted by the posterior probabilities of
their units. Where a leaf models a piecewise-linear map of the values, the cdf is that of the
values.

Axes: B rows, D columns, F leaf regions, K units, m incidences of a column, a atoms, Q levels.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from ..leaves import Leaf, normal_below, with_atoms
from ..passes import Cells, Circuit, LeafFold, Parameters
from .piecewise import Pieces

# A cdf of one column: values (B,), one for each row, to P(X <= value | evidence), (B,).
Cdf = Callable[[Tensor], Tensor]

# An interval that holds a quantile is halved until it is this short, relative to the quantile.
PRECISION = 1e-12
# Doublings of the interval until it holds the quantile.
DOUBLINGS = 200
# Values nearer than this to an atom, relative to it, are the atom: bisection ends beside it.
NEAR = 1e-9


def cdf_of_column(
    circuit: Circuit,
    parameters: Parameters,
    rows: Cells,
    probabilities: Tensor,
    column: int,
    pieces: Pieces | None,
) -> Cdf:
    """The cdf of a hidden column given the observed cells of B rows.

    Parameters
    ----------
    circuit : Circuit
    parameters : Parameters
    rows : Cells (B, D)
    probabilities : Tensor (F, K, B)
        Posterior probabilities of the leaf regions' units.
    column : int
    pieces : Pieces or None
        Values of the column, if its leaves model a map of them.

    Raises
    ------
    NotImplementedError
        For a family without a cdf, and for a column of a leaf over several of which some are seen.
    """
    fold, position = fold_of(circuit, column)
    mine = torch.nonzero(fold.group_of == position)[:, 0]
    theta = fold.unpack(parameters.leaves)[0][mine]
    family: Leaf = fold.family
    if fold.of_group is not None:
        family, theta = _marginal(fold, position, column, rows, theta)
    shares = probabilities[fold.region_of[mine]]
    of_atoms = with_atoms(family)
    if of_atoms is not None and pieces is not None:
        mean, variance, of_values = of_atoms.decompose(theta)
        units = (shares, of_values, mean[:, 0].unsqueeze(2), variance[:, 0].unsqueeze(2))
        return lambda u: normal_cdf(pieces, u, *units)

    def cdf(u: Tensor) -> Tensor:
        """The units' cdfs by their probabilities."""
        z = u if pieces is None else pieces.numbers(u)
        return (shares * family.cdf(z[None, None].expand(len(theta), 1, -1), theta)).sum(dim=(0, 1))

    return cdf


def normal_cdf(
    pieces: Pieces | None,
    u: Tensor,
    shares: Tensor,
    of_values: Tensor | None,
    mean: Tensor,
    variance: Tensor,
) -> Tensor:
    """P(X <= u) where the numbers of all units are normal, with atoms or without.

    Parameters
    ----------
    pieces : Pieces or None
    u : Tensor (B,)
    shares : Tensor (m, K, B)
        Probabilities of the units.
    of_values : Tensor (m, 1 + a, K) or None
        Shares of numbers and of each atom in the units; None: numbers only.
    mean, variance : Tensor (m, K, B) or (m, K, 1)

    Returns
    -------
    Tensor (B,)
    """
    z = u if pieces is None else pieces.numbers(u)
    below = normal_below((z - mean) / variance.sqrt())
    if of_values is None or pieces is None:
        return (shares * below).sum(dim=(0, 1))
    total = (shares * below * of_values[:, 0].unsqueeze(2)).sum(dim=(0, 1))
    if len(pieces.atoms):
        of_atoms = torch.einsum("mak,mkb->ab", of_values[:, 1:], shares)
        total = total + (of_atoms * (pieces.atoms[:, None] <= u)).sum(dim=0)
    return total


def fold_of(circuit: Circuit, column: int) -> tuple[LeafFold, int]:
    """The fold of a column, and the position of its group there."""
    for fold in circuit.inputs.folds:
        position = torch.nonzero((fold.columns == column).any(dim=1))
        if len(position):
            return fold, int(position[0, 0])
    raise ValueError(f"The circuit has no column {column}.")


def _marginal(
    fold: LeafFold, position: int, column: int, rows: Cells, theta: Tensor
) -> tuple[Leaf, Tensor]:
    """The family of one column of a group of which no cell is seen, and its parameters."""
    columns = fold.columns[position]
    if rows.observed[:, columns].any():
        raise NotImplementedError(
            f"The family {fold.family.name!r} is of several columns; the cdf of one of them is "
            "known where none of the others is seen."
        )
    assert fold.of_group is not None
    return fold.of_group.marginal(theta, (columns.tolist().index(column),))


def quantile(cdf: Cdf, level: float, like: Tensor, whole: bool, atoms: Tensor | None) -> Tensor:
    """The least values whose cdf is at least a level, (B,).

    Parameters
    ----------
    cdf : callable
    level : float
        Above 0 and below 1.
    like : Tensor (B,)
        Of the type and device of the values.
    whole : bool
        Whether values are whole numbers.
    atoms : Tensor (a,) or None
        Values that have a probability of their own, and which quantiles that lie there equal.
    """
    low, high = torch.full_like(like, -1.0), torch.full_like(like, 1.0)
    for _ in range(DOUBLINGS):
        short = cdf(high) < level
        if not short.any():
            break
        high = torch.where(short, 2 * high, high)
    for _ in range(DOUBLINGS):
        long = cdf(low) >= level
        if not long.any():
            break
        low = torch.where(long, 2 * low, low)
    while (high - low > PRECISION * (1 + high.abs())).any():
        middle = 0.5 * (low + high)
        enough = cdf(middle) >= level
        low, high = torch.where(enough, low, middle), torch.where(enough, middle, high)
    if whole:
        return torch.round(high)
    if atoms is None or not len(atoms):
        return high
    nearest = atoms[(high[:, None] - atoms).abs().argmin(dim=1)]
    return torch.where((high - nearest).abs() <= NEAR * (1 + nearest.abs()), nearest, high)
