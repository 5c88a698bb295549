"""Shapes of columns of numbers: atoms, and a piecewise-linear transform of all other numbers.

Axes: n rows, D columns, d distinct values, m atoms, k knots.

An atom is a value v that stands for its cell, the numbers at most half the cell's width from v. All
other numbers are mapped to roughly normal ones: the cells are cut out, what is left is moved
together, and the result goes through a continuous piecewise-linear map. Both steps are
invertible, so the density of a number is that of its image times the slope of the map, the
density in a cell is the atom's probability over the width, and all of it adds to one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .grids import check_ascending

Floats = NDArray[np.float64]
LARGEST = float(np.finfo(np.float64).max)
# Most atoms of a column, whose codes are int16.
MOST_ATOMS = 2**15 - 2
# Atom codes of cells: 0 where a cell is not an atom, i + 1 at atom i of its column.
Atoms = NDArray[np.int16]


@dataclass(frozen=True)
class Shape:
    """How a standardised column becomes atoms and roughly normal numbers.

    Attributes
    ----------
    values : tuple of float (m,)
        Atoms in the units of the table, ascending.
    atoms : tuple of float (m,)
        The same, standardised.
    widths : tuple of float (m,)
        Widths of their cells, which do not overlap.
    knots, levels : tuple of float (k,)
        Bends of the map, after the cells were cut out, and the normal numbers there; both
        ascend. Beyond the outer knots the map continues in a straight line.
    resolution : float
        Mean distance of neighbouring values after the map where values lie on a grid, else 0.
    """

    values: tuple[float, ...] = ()
    atoms: tuple[float, ...] = ()
    widths: tuple[float, ...] = ()
    knots: tuple[float, ...] = (-1.0, 1.0)
    levels: tuple[float, ...] = (-1.0, 1.0)
    resolution: float = 0.0

    def check(self) -> None:
        """Refuse numbers of a file that make no shape."""
        if not len(self.values) == len(self.atoms) == len(self.widths) <= MOST_ATOMS:
            raise ValueError(
                f"it has {len(self.values)} values, {len(self.atoms)} atoms and "
                f"{len(self.widths)} widths; as many of each, and at most {MOST_ATOMS}."
            )
        if not len(self.knots) == len(self.levels) >= 2:
            raise ValueError(f"it has {len(self.knots)} knots and {len(self.levels)} levels.")
        for name in ("values", "atoms", "knots", "levels"):
            check_ascending(name, getattr(self, name))
        if not all(0 < width < np.inf for width in self.widths):
            raise ValueError("widths are not finite numbers above 0.")
        slopes = self.slopes
        if not (np.isfinite(slopes).all() and (slopes > 0).all() and np.isfinite(self.cut).all()):
            raise ValueError("knots and levels make no map of finite slopes.")
        if not 0 <= self.resolution < np.inf:
            raise ValueError(f"resolution is {self.resolution!r}.")

    @cached_property
    def cut(self) -> Floats:
        """Total width of the first 0, 1, ..., m cells, (m + 1,)."""
        return np.cumsum([0.0, *self.widths])

    @cached_property
    def edges(self) -> Floats:
        """Positions of the cuts among the numbers that are left, (m,)."""
        return np.array(self.atoms) - self.cut[:-1] - 0.5 * np.array(self.widths)

    @cached_property
    def between(self) -> Floats:
        """Middles of the gaps from one cell to the next, (m - 1,)."""
        atoms, half = np.array(self.atoms), 0.5 * np.array(self.widths)
        return 0.5 * ((atoms - half)[1:] + (atoms + half)[:-1])

    def together(self, u: Floats) -> Floats:
        """Numbers outside the cells where they are after the cells were cut out, (n,)."""
        return u - self.cut[np.searchsorted(np.array(self.atoms), u)]

    @cached_property
    def slopes(self) -> Floats:
        """Slopes of the map between knots (k - 1,)."""
        return np.diff(self.levels) / np.diff(self.knots)

    @cached_property
    def maps(self) -> "Maps":
        """The map of this column alone."""
        return Maps([self])

    def nearest(self, u: Floats) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """The atom whose cell is next to each number (n,), and whether the number is in it."""
        if not self.atoms:
            return np.zeros(len(u), dtype=np.intp), np.zeros(len(u), dtype=bool)
        position = np.searchsorted(self.between, u)
        with np.errstate(invalid="ignore"):
            distance = np.abs(u - np.array(self.atoms)[position])
            return position, distance <= 0.5 * np.array(self.widths)[position]

    def level(self, u: float) -> float:
        """The normal number at u, or where the cell of an atom is cut out in which u lies."""
        position, inside = self.nearest(np.array([u]))
        y = self.edges[position] if inside[0] else self.together(np.array([u]))
        return float(self.maps.bend(y[:, None])[0][0, 0])

    def encode(self, u: Floats) -> tuple[Floats, Atoms, Floats]:
        """`Maps.encode` of this column alone, (n,)."""
        z, atoms, log_slope = self.maps.encode(u[:, None])
        return z[:, 0], atoms[:, 0], log_slope[:, 0]

    def decode(self, z: Floats, atoms: Atoms) -> Floats:
        """Standardised values of normal numbers and atoms, all (n,)."""
        y = self._uncurve(z)
        u = y + self.cut[np.searchsorted(self.edges, y, side="right")]
        if self.atoms:
            u = np.where(atoms > 0, np.array(self.atoms)[np.maximum(atoms - 1, 0)], u)
        return u

    def _uncurve(self, z: Floats) -> Floats:
        """The map backwards, with the cells still cut out."""
        knots, levels = np.array(self.knots), np.array(self.levels)
        # The outer levels are left out: beyond them the first and the last piece continue.
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
        # The start of each piece determines its segment and how many cells lie below it.
        ends = np.concatenate([[-np.inf], breaks, [np.inf]])
        segment = np.clip(
            np.searchsorted(levels, ends[:-1], side="right") - 1, 0, len(self.slopes) - 1
        )
        below = np.searchsorted(np.sort(cuts), ends[:-1], side="right")
        slopes = 1.0 / self.slopes[segment]
        return breaks, knots[segment] - levels[segment] * slopes + self.cut[below], slopes


class Maps:
    """The maps of several columns, applied together: one row takes no more calls than many.

    Parameters
    ----------
    shapes : sequence of Shape or None (D,)
        None for a column whose numbers are not mapped.
    """

    def __init__(self, shapes: Sequence[Shape | None]) -> None:
        # Knots at 0 and 1, so that a straight line keeps the digits of numbers near zero.
        line = Shape(knots=(0.0, 1.0), levels=(0.0, 1.0))
        bent = [shape or line for shape in shapes]
        self._inner = [np.array(shape.knots[1:-1]) for shape in bent]
        # Pieces of all columns one after the other.
        self._first = np.cumsum([0, *(len(shape.slopes) for shape in bent[:-1])])
        self._knots = _concatenated([shape.knots[:-1] for shape in bent])
        self._levels = _concatenated([shape.levels[:-1] for shape in bent])
        self._slopes = _concatenated([shape.slopes for shape in bent])
        self._log_slopes = np.log(self._slopes)
        self._with_atoms = [(j, shape) for j, shape in enumerate(bent) if shape.atoms]

    def encode(self, u: Floats) -> tuple[Floats, Atoms, Floats]:
        """Normal numbers or atoms, and the log of the density's factor.

        Parameters
        ----------
        u : ndarray (n, D)
            Standardised; NaN where missing.

        Returns
        -------
        z : ndarray (n, D)
            Normal numbers, 0 at atoms; NaN where missing.
        atoms : ndarray of int16 (n, D)
            i + 1 at atom i of the column, 0 elsewhere.
        log_slope : ndarray (n, D)
            NaN where missing.
        """
        y = u.copy() if self._with_atoms else u
        for j, shape in self._with_atoms:
            y[:, j] = shape.together(u[:, j])
        z, piece = self.bend(y)
        log_slope, atoms = self._log_slopes[piece], np.zeros(u.shape, dtype=np.int16)
        for j, shape in self._with_atoms:
            nearest, inside = shape.nearest(u[:, j])
            z[inside, j], atoms[inside, j] = 0.0, nearest[inside] + 1
            log_slope[inside, j] = -np.log(shape.widths)[nearest[inside]]
        log_slope[np.isnan(u)] = np.nan
        return z, atoms, log_slope

    def bend(self, y: Floats) -> tuple[Floats, NDArray[np.intp]]:
        """The piecewise-linear maps of numbers with cells cut out, and their pieces, (n, D).

        What is beyond all floats after the map is the largest float.
        """
        piece = np.empty(y.shape, dtype=np.intp)
        for j, inner in enumerate(self._inner):
            # The outer knots are left out: beyond them the first and the last piece continue.
            piece[:, j] = inner.searchsorted(y[:, j])
        piece += self._first
        with np.errstate(over="ignore"):
            z = self._levels[piece] + (y - self._knots[piece]) * self._slopes[piece]
        return (np.clip(z, -LARGEST, LARGEST) if np.isinf(z).any() else z), piece


def _concatenated(arrays: Sequence[Any]) -> Floats:
    """One array of floats of any number of arrays, also of none."""
    return np.concatenate([np.empty(0), *arrays])
