"""Atoms of a column of numbers, and the widths of their cells, from its distinct values.

Axes: d distinct values, ascending; m atoms.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Rows that a value needs to be an atom, and the largest number of atoms; those with the most rows
# come first.
ATOM_ROWS = 10
MAX_ATOMS = 64

# Rows around a value are also those that so many of the nearest values (at least the other number)
# would have if each had the median: values that stand out side by side must not hide each other.
NEIGHBOURS, FEWEST_NEIGHBOURS = 32, 16

# A value is an atom where its rows are this many times as dense as those around it. In a column
# of at most so many values, or steps of its grid, and enough rows for each, all values are atoms.
ATOM_EXCESS = 4.0
ATOM_VALUES = 16

# Width of an atom's cell in a column without a grid, as a share of the range of the middle 80 % of
# rows: the atom is then no denser than a Gaussian leaf at the default floor of its variance.
CELL = 0.03

# Without a grid the width of a cell is free. A value with this many times the rows of a typical
# one near it is an atom, and a cell is so narrow that it holds this many times fewer rows of other
# values than of its own.
REPEATED = 10.0

# Width of the narrowest cell as a share of the widest. Values that are closer are one number,
# computed in two ways.
NARROWEST = 1e-9


def find_atoms(u: Floats, rows: Floats, step: float) -> Mask:
    """Which distinct values are atoms.

    Parameters
    ----------
    u : ndarray (d,)
        Standardised.
    rows : ndarray (d,)
        Their weights.
    step : float
        Of the grid on which all of them lie, 0 without one.

    Returns
    -------
    ndarray of bool (d,)
    """
    chosen = np.zeros(len(u), dtype=bool)
    few = len(u) <= ATOM_VALUES or (step and u[-1] - u[0] < (ATOM_VALUES - 0.5) * step)
    # Nothing shows another value of a constant column, however small it is.
    if len(u) == 1 or (few and rows.sum() >= ATOM_ROWS * len(u)):
        return ~chosen
    frequent = np.flatnonzero(rows >= ATOM_ROWS)
    frequent = frequent[np.argsort(-rows[frequent], kind="stable")][: 4 * MAX_ATOMS]
    widest, all_values = _widest(u, rows, step), _Values(u, rows, u[0], u[-1])
    found: list[int] = []
    for i in frequent.tolist():
        density, typical = all_values.around(u[i], rows[i])
        # Repeated among numbers that are not, a value is an atom also where they are dense.
        alone = not step and rows[i] >= REPEATED * typical
        dense = rows[i] >= ATOM_EXCESS * widest * density
        if (alone or dense) and (step or _apart(u[i], u[found], widest)):
            found.append(i)
    chosen[found[:MAX_ATOMS]] = True
    return chosen


def cell_widths(u: Floats, rows: Floats, step: float, atoms: Floats) -> Floats:
    """Widths of the cells of atoms.

    Parameters
    ----------
    u, rows, step
        As in `find_atoms`.
    atoms : ndarray (m,)
        Standardised, ascending; not all of them need be among the values.

    Returns
    -------
    ndarray (m,)
        Above 0; no cell reaches into another one.
    """
    widest = _widest(u, rows, step)
    widths = np.full(len(atoms), widest)
    other = ~np.isin(u, atoms)
    if not step and len(atoms) and other.any():
        at = np.searchsorted(u, atoms).clip(max=len(u) - 1)
        own = np.where(u[at] == atoms, rows[at], 0.0).clip(min=ATOM_ROWS)
        others = _Values(u[other], rows[other], min(u[0], atoms[0]), max(u[-1], atoms[-1]))
        density = np.array([others.around(*atom)[0] for atom in zip(atoms, own, strict=True)])
        widths = np.minimum(widest, own / (REPEATED * density))
    gaps = np.concatenate([[np.inf], np.diff(atoms), [np.inf]])
    return np.minimum(np.maximum(widths, NARROWEST * widest), np.minimum(gaps[1:], gaps[:-1]))


def quantiles(u: Floats, rows: Floats, shares: Floats) -> Floats:
    """Quantiles of distinct values with weights, both (d,), each at the middle of its rows."""
    return np.interp(shares, (np.cumsum(rows) - 0.5 * rows) / rows.sum(), u)


def spread(u: Floats, rows: Floats) -> float:
    """Range of the middle 80 % of the rows; of all rows if these have one value."""
    low, high = quantiles(u, rows, np.array([0.1, 0.9]))
    return float(high - low) or float(u[-1] - u[0])


def _widest(u: Floats, rows: Floats, step: float) -> float:
    return step or CELL * (spread(u, rows) or 1.0)


def _apart(value: float, atoms: Floats, widest: float) -> bool:
    """Whether a value is outside of the narrowest cells of atoms."""
    return bool((np.abs(atoms - value) > 0.5 * NARROWEST * widest).all())


@dataclass(frozen=True)
class _Values:
    """Distinct values (d,), ascending, and their rows; the column's range is from low to high."""

    u: Floats
    rows: Floats
    low: float
    high: float

    @cached_property
    def total(self) -> Floats:
        """Rows of the first 0, 1, ..., d values, (d + 1,)."""
        return np.concatenate([[0.0], np.cumsum(self.rows)])

    def around(self, value: float, count: float) -> tuple[float, float]:
        """Density of the rows around a value, not its own, and the rows of a typical value there.

        These are the rows of the nearest values, at least `count` of them, or, if they are less
        dense, rows of NEIGHBOURS by their median.
        """
        near = self._near(value, 2 * count)
        distance = np.abs(self.u[near] - value)
        order = np.argsort(distance, kind="stable")
        order = order[distance[order] > 0]
        distance, rows = distance[order], self.rows[near][order]
        last = min(int(np.searchsorted(np.cumsum(rows), count)), len(rows) - 1)
        density = rows[: last + 1].sum() / self._window(value, distance[last])
        rows, distance = rows[:NEIGHBOURS], distance[:NEIGHBOURS]
        if len(rows) < FEWEST_NEIGHBOURS:
            return float(density), np.inf
        typical = float(np.median(rows))
        alike = typical * len(rows) / self._window(value, distance[-1])
        return float(min(density, alike)), typical

    def _near(self, value: float, count: float) -> slice:
        """Positions on both sides of a value, so many rows and values of each as there are."""
        i = int(np.searchsorted(self.u, value))
        first = int(np.searchsorted(self.total, self.total[i] - count)) - 1
        last = int(np.searchsorted(self.total, self.total[i] + count)) + 1
        return slice(max(0, min(first, i - NEIGHBOURS)), max(last, i + NEIGHBOURS + 1))

    def _window(self, value: float, reach: float) -> float:
        """Length of a window around a value that reaches so far, as far as in the range."""
        return float(min(self.high, value + reach) - max(self.low, value - reach))
