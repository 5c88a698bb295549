"""Shapes of columns of numbers: atoms, and an invertible map of all other numbers.

Axes: n rows, D columns, d distinct values, m atoms, k knots.

An atom is a value v that stands for its cell, the numbers at most half a width from v. All
other numbers are mapped to roughly normal ones: the cells are cut out, the rest is moved
together, and the result goes through a continuous piecewise linear map. Both steps are
invertible, so the density of a number is that of its image times the slope of the map, the
density in a cell is the atom's probability over the width, and the whole integrates to one.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..circuit.leaves.gaussian import FARTHEST
from ..circuit.leaves.numeric import ATOM

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Shape:
    """How a standardised column becomes atoms and roughly normal numbers.

    Attributes
    ----------
    values : tuple of float (m,)
        Atoms in the units of the table, ascending.
    atoms : tuple of float (m,)
        The same, standardised.
    width : float
        Width of their cells; cells do not overlap.
    knots, levels : tuple of float (k,)
        Where the map bends, after the cells were cut out, and the normal numbers there; both
        ascend. Beyond the outer knots the map goes on straight.
    resolution : float
        Mean distance of neighbouring values after the map where values lie on a grid, else 0.
    """

    values: tuple[float, ...] = ()
    atoms: tuple[float, ...] = ()
    width: float = 0.0
    knots: tuple[float, ...] = (-1.0, 1.0)
    levels: tuple[float, ...] = (-1.0, 1.0)
    resolution: float = 0.0

    def state(self) -> dict[str, Any]:
        """Lists and numbers, for files."""
        found = asdict(self)
        return {name: list(v) if isinstance(v, tuple) else v for name, v in found.items()}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """The shape that `state` was made of."""
        found: dict[str, Any] = {
            name: tuple(v) if isinstance(v, list) else v for name, v in state.items()
        }
        return cls(**found)

    @property
    def edges(self) -> Floats:
        """Where the cells were cut out, in the numbers that are left (m,)."""
        return np.array(self.atoms) - self.width * (np.arange(len(self.atoms)) + 0.5)

    @cached_property
    def slopes(self) -> Floats:
        """Slopes of the map between knots (k - 1,)."""
        return np.diff(self.levels) / np.diff(self.knots)

    @cached_property
    def maps(self) -> "Maps":
        """The map of this column alone."""
        return Maps([self])

    def nearest(self, u: Floats) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """The atom next to each number (n,), and whether the number is in its cell."""
        if not self.atoms:
            return np.zeros(len(u), dtype=np.intp), np.zeros(len(u), dtype=bool)
        atoms = np.array(self.atoms)
        position = np.searchsorted(0.5 * (atoms[1:] + atoms[:-1]), u)
        with np.errstate(invalid="ignore"):
            return position, np.abs(u - atoms[position]) <= 0.5 * self.width

    def encode(self, u: Floats) -> tuple[Floats, Floats]:
        """As `Maps.encode`, of one column (n,)."""
        z, log_slope = self.maps.encode(u[:, None])
        return z[:, 0], log_slope[:, 0]

    def decode(self, z: Floats) -> tuple[NDArray[np.intp], Floats]:
        """Which atom every code is, -1 for numbers, and the standardised values, both (n,)."""
        atom = np.rint(np.nan_to_num(z) / ATOM).astype(np.intp) - 1
        y = self._uncurve(np.where(atom >= 0, 0.0, z))
        u = y + self.width * np.searchsorted(self.edges, y, side="right")
        if self.atoms:
            u = np.where(atom >= 0, np.array(self.atoms)[np.maximum(atom, 0)], u)
        return atom, u

    def _uncurve(self, z: Floats) -> Floats:
        """The map backwards, with the cells still cut out."""
        knots, levels = np.array(self.knots), np.array(self.levels)
        # Of the inner levels alone: beyond the outer ones the first and last pieces go on.
        segment = np.searchsorted(levels[1:-1], z)
        return knots[segment] + (z - levels[segment]) / self.slopes[segment]

    def inverse(self) -> tuple[Floats, Floats, Floats]:
        """The map backwards as straight pieces u = intercept + slope z.

        Returns
        -------
        breaks : ndarray (s - 1,)
            Normal numbers where a piece ends; at the cut of a cell the next one jumps.
        intercepts, slopes : ndarray (s,)
        """
        knots, levels = np.array(self.knots), np.array(self.levels)
        cuts = self.maps.bend(self.edges[:, None])[0][:, 0]
        breaks = np.sort(np.concatenate([levels[1:-1], cuts]))
        # A point of each piece tells its segment and how many cells lie below.
        ends = np.concatenate([[-np.inf], breaks, [np.inf]])
        segment = np.clip(
            np.searchsorted(levels, ends[:-1], side="right") - 1, 0, len(self.slopes) - 1
        )
        below = np.searchsorted(np.sort(cuts), ends[:-1], side="right")
        slopes = 1.0 / self.slopes[segment]
        return breaks, knots[segment] - levels[segment] * slopes + self.width * below, slopes


class Maps:
    """The maps of several columns, which are asked together: one row takes as few calls as many.

    Parameters
    ----------
    shapes : sequence of Shape or None (D,)
        None: numbers stay as they are.
    """

    def __init__(self, shapes: Sequence[Shape | None]) -> None:
        # From zero on, so that a straight line keeps the digits of numbers near zero.
        line = Shape(knots=(0.0, 1.0), levels=(0.0, 1.0))
        bent = [shape or line for shape in shapes]
        self._inner = [np.array(shape.knots[1:-1]) for shape in bent]
        # Pieces of all columns one after the other.
        self._first = np.cumsum([0, *(len(shape.slopes) for shape in bent[:-1])])
        self._knots = _joined([shape.knots[:-1] for shape in bent])
        self._levels = _joined([shape.levels[:-1] for shape in bent])
        self._slopes = _joined([shape.slopes for shape in bent])
        self._log_slopes = np.log(self._slopes)
        self._farthest = np.array([FARTHEST if shape else np.inf for shape in shapes])
        self._with_atoms = [(j, shape) for j, shape in enumerate(bent) if shape.atoms]

    def encode(self, u: Floats) -> tuple[Floats, Floats]:
        """Codes of atoms or normal numbers, and the log of the density's factor.

        Parameters
        ----------
        u : ndarray (n, D)
            Standardised; NaN where missing.

        Returns
        -------
        z, log_slope : ndarray (n, D)
            NaN where missing.
        """
        y = u.copy() if self._with_atoms else u
        for j, shape in self._with_atoms:
            y[:, j] -= shape.width * np.searchsorted(np.array(shape.atoms), u[:, j])
        z, piece = self.bend(y)
        z = np.minimum(np.maximum(z, -self._farthest), self._farthest)
        log_slope = self._log_slopes[piece]
        for j, shape in self._with_atoms:
            nearest, inside = shape.nearest(u[:, j])
            z[inside, j] = (nearest[inside] + 1) * ATOM
            log_slope[inside, j] = -np.log(shape.width or 1.0)
        missing = np.isnan(u)
        z[missing] = log_slope[missing] = np.nan
        return z, log_slope

    def bend(self, y: Floats) -> tuple[Floats, NDArray[np.intp]]:
        """The piecewise linear maps, and the piece of each number, cells cut out, (n, D)."""
        piece = np.empty(y.shape, dtype=np.intp)
        for j, inner in enumerate(self._inner):
            # Of the inner knots alone: beyond the outer ones the first and last pieces go on.
            piece[:, j] = inner.searchsorted(y[:, j])
        piece += self._first
        return self._levels[piece] + (y - self._knots[piece]) * self._slopes[piece], piece


def _joined(parts: Sequence[Any]) -> Floats:
    """Numbers one after the other, of no parts as well."""
    return np.concatenate([np.empty(0), *parts])
