"""Moments of columns whose leaves model a piecewise-linear transform of the values.

Axes: n incidences, K units, s pieces, m atoms, b rows.
"""

from dataclasses import dataclass
from math import pi, sqrt

import torch
from torch import Tensor

from ..leaves import Leaf, normal_below, with_atoms


@dataclass(frozen=True)
class Pieces:
    """Values u of a column as a function of the leaf's normal number z.

    u = intercept + slope z on each piece, or the value of an atom.

    Attributes
    ----------
    breaks : Tensor (s - 1,)
        Ends of the pieces, ascending.
    intercepts, slopes : Tensor (s,)
    atoms : Tensor (m,)
    """

    breaks: Tensor
    intercepts: Tensor
    slopes: Tensor
    atoms: Tensor

    def to(self, device: torch.device) -> "Pieces":
        """The same pieces on another device."""
        return Pieces(*(value.to(device) for value in vars(self).values()))

    def numbers(self, u: Tensor) -> Tensor:
        """The largest normal number whose value is at most u, elementwise.

        In the cell of an atom, where there are no numbers, that is the number at its cut.
        """
        starts = self.intercepts[1:] + self.slopes[1:] * self.breaks
        piece = torch.searchsorted(starts, u.contiguous(), right=True)
        last = torch.cat([self.breaks, self.breaks.new_full((1,), torch.inf)])
        distance, slope = u - self.intercepts[piece], self.slopes[piece]
        # All numbers of a piece without a slope have the one value of its intercept.
        flat = torch.where(distance >= 0, torch.inf, -torch.inf).to(u.dtype)
        z = torch.where(slope > 0, distance / slope.where(slope > 0, 1.0), flat)
        return torch.minimum(z, last[piece])

    def moments(self, family: Leaf, theta: Tensor) -> tuple[Tensor, Tensor]:
        """E[u] and E[u^2] of every unit, theta (n, t, K) to twice (n, K); exact.

        The family's numbers are normal, with atoms or without.
        """
        of_atoms = with_atoms(family)
        if of_atoms is None:
            mean, variance = family.moments(theta)
            shares = torch.ones_like(theta[:, :1])
        else:
            mean, variance, shares = of_atoms.decompose(theta)
        mean, variance = mean[:, 0], variance[:, 0]
        of_numbers = self.of_normal(mean, variance)
        atoms = (torch.einsum("nmk,m->nk", shares[:, 1:], v) for v in (self.atoms, self.atoms**2))
        number, square = (shares[:, 0] * x + y for x, y in zip(of_numbers, atoms, strict=True))
        return number, square

    def of_normal(self, mean: Tensor, variance: Tensor) -> tuple[Tensor, Tensor]:
        """E[u] and E[u^2] where z is normal, without atoms; (n, K) to twice (n, K)."""
        zeroth, first, second = partial_moments(mean, variance, self.breaks)
        a, b = self.intercepts, self.slopes
        return zeroth @ a + first @ b, zeroth @ a**2 + first @ (2 * a * b) + second @ b**2


def values_of(
    pieces: Pieces | None, shares: Tensor | None, mean: Tensor, variance: Tensor
) -> tuple[Tensor, Tensor]:
    """E[u] and E[u^2] of a column where every unit and row has a normal number of its own.

    Parameters
    ----------
    pieces : Pieces or None
        None: the number is the value.
    shares : Tensor (1 + m, K) or None
        Of numbers and of each atom in the units; None where there are no atoms.
    mean, variance : Tensor (K, b)
        Of the number.

    Returns
    -------
    tuple of two Tensor (K, b)
    """
    if pieces is None:
        return mean, variance + mean * mean
    number, square = pieces.of_normal(mean, variance)
    if shares is None or not len(pieces.atoms):
        return number, square
    first, second = (shares[1:].T @ value for value in (pieces.atoms, pieces.atoms**2))
    numbers = shares[0, :, None]
    return numbers * number + first[:, None], numbers * square + second[:, None]


def partial_moments(
    mean: Tensor, variance: Tensor, breaks: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Integrals of 1, z and z^2 over each piece under normal densities.

    Parameters
    ----------
    mean, variance : Tensor (n, K)
    breaks : Tensor (s - 1,)

    Returns
    -------
    tuple of three Tensor (n, K, s)
    """
    mean, spread = mean.unsqueeze(2), variance.sqrt().unsqueeze(2)
    w = (breaks - mean) / spread
    density = torch.exp(-0.5 * w * w) / sqrt(2 * pi)
    # Probabilities are taken from the nearer tail, so that pieces far out keep their digits.
    below = _between(normal_below(w), 0.0, 1.0)
    above = _between(normal_below(-w), 1.0, 0.0)
    zeroth = torch.where(
        above[..., :-1] < 0.5, above[..., :-1] - above[..., 1:], below[..., 1:] - below[..., :-1]
    )
    at_ends = _between(density, 0.0, 0.0)
    times_w = _between(w * density, 0.0, 0.0)
    first = at_ends[..., :-1] - at_ends[..., 1:]
    second = zeroth + times_w[..., :-1] - times_w[..., 1:]
    return (
        zeroth,
        mean * zeroth + spread * first,
        mean**2 * zeroth + 2 * mean * spread * first + spread**2 * second,
    )


def _between(inner: Tensor, first: float, last: float) -> Tensor:
    """Values at the breaks (n, K, s - 1) with those at the ends of the line, (n, K, s + 1)."""
    ends = [torch.full_like(inner[..., :0].sum(dim=2, keepdim=True), v) for v in (first, last)]
    return torch.cat([ends[0], inner, ends[1]], dim=2)
