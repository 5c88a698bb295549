"""The shape of a column of numbers from its training rows: atoms, cells and knots.

Axes: d distinct values, k knots.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from .piecewise import Shape
from .supports import LARGEST_COUNT

Floats = NDArray[np.float64]
Atoms = tuple[Floats, Floats]

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

# Without a grid the width of a cell is free. A value with this many times the rows of a typical
# one near it is an atom whose cell is as narrow as it takes for most of the rows of such values.
REPEATED, REPEATED_SHARE = 10.0, 0.9
NARROWEST = 1e-3

# Numbers of inner knots that are tried, and the rows that each knot needs.
KNOTS = (2, 4, 8, 16, 32)
ROWS_A_KNOT = 10

# Log-likelihood that a knot must gain, in units of log(rows): the penalty of the Bayesian
# information criterion for its two coordinates.
PRICE = 1.0

# Width of an atom's cell in a column without a grid, as a share of the range of the middle 80 % of
# rows: the atom is then no denser than a Gaussian leaf at the default floor of its variance. The
# least distance of knots is a share of that range as well.
CELL = 0.03
KNOT_DISTANCE = 1e-4

# The map of numbers in a column whose rows are all atoms: a number that none of them is may be of
# any size. The distance grows tenfold from knot to knot.
DECADES = np.arange(9.0)

# Most rows from which a shape is chosen.
MOST_ROWS = 200_000


def row_weight(weights: Floats) -> float:
    """The weight that counts as one row in the choice of shapes.

    Whole weights count rows, as many as floats can count: a weight of 2 is a repeated row. The
    unit of any others does not matter, so that their mean is one row.
    """
    whole = (weights == np.rint(weights)).all() and weights.sum() <= LARGEST_COUNT
    return 1.0 if whole else float(weights.mean())


def find_shape(
    u: Floats, x: Floats, weights: Floats, step: float = 0.0, at: Atoms | None = None
) -> Shape:
    """The shape of a column.

    Parameters
    ----------
    u, x : ndarray (n,)
        Observed cells, standardised and in the units of the table.
    weights : ndarray (n,)
        In rows, see `row_weight`.
    step : float
        Of the grid on which all cells lie, standardised; 0: none.
    at : tuple of two ndarray (m,), optional
        Atoms that the user asks for, standardised and in the units of the table, ascending; None:
        the likelihood chooses them.

    Returns
    -------
    Shape
        Without atoms and bends, as for a Gaussian, unless the likelihood is in favour of them.
    """
    if not len(u):
        return Shape()
    if len(u) > MOST_ROWS:
        sampled = _sampled_rows(u)
        u, x, weights = u[sampled], x[sampled], weights[sampled]
    u, first, index = np.unique(u, return_index=True, return_inverse=True)
    rows = np.bincount(index, weights).astype(np.float64)
    chosen, width = _stand_out(u, rows, step)
    atoms, values = (u[chosen], x[first][chosen]) if at is None else at
    width = float(min(width, np.diff(atoms).min(initial=width))) if len(atoms) else 0.0
    cells = Shape(atoms=tuple(atoms.tolist()), width=width)
    free = ~cells.nearest(u)[1]
    y = u[free] - width * np.searchsorted(atoms, u[free])
    knots, levels = find_knots(y, rows[free]) if free.any() else _any_size()
    of_table = tuple(values.tolist())
    shape = Shape(of_table, cells.atoms, width, tuple(knots.tolist()), tuple(levels.tolist()))
    return replace(shape, resolution=_resolution(shape, u[free], rows[free], step))


def _any_size() -> tuple[Floats, Floats]:
    """Knots and levels of a map by which numbers of any size have a density."""
    return np.r_[-(10.0 ** DECADES[::-1]), 10.0**DECADES], np.r_[-1 - DECADES[::-1], 1 + DECADES]


def _sampled_rows(u: Floats) -> NDArray[np.intp]:
    """Random rows of a large column (always the same), and its least and largest value."""
    random = np.random.default_rng(0)
    chosen = random.choice(len(u), MOST_ROWS, replace=False, shuffle=False)
    return np.concatenate([chosen, [u.argmin(), u.argmax()]])


def _stand_out(u: Floats, rows: Floats, step: float) -> tuple[NDArray[np.bool_], float]:
    """Which distinct values are atoms (d,), and the width of their cells."""
    widest = step or CELL * (_spread(u, rows) or 1.0)
    few = len(u) <= ATOM_VALUES or (step and u[-1] - u[0] < (ATOM_VALUES - 0.5) * step)
    # Nothing shows another value of a constant column, however small it is.
    if len(u) == 1 or (few and rows.sum() >= ATOM_ROWS * len(u)):
        return np.ones(len(u), dtype=bool), widest
    frequent = np.flatnonzero(rows >= ATOM_ROWS)
    frequent = frequent[np.argsort(-rows[frequent], kind="stable")][: 4 * MAX_ATOMS]
    around = [_around(u, rows, i) for i in frequent]
    # The cell that holds as many rows around each of them as it has itself.
    widths = rows[frequent] / np.array([density for density, _ in around])
    width = widest
    if not step:
        # Repeated among numbers that are not, a value is an atom also where they are dense.
        alone = rows[frequent] >= REPEATED * np.array([typical for _, typical in around])
        width = _cell_width(widths[alone] / REPEATED, rows[frequent[alone]], widest)
    chosen = np.zeros(len(u), dtype=bool)
    chosen[frequent[widths >= ATOM_EXCESS * width][:MAX_ATOMS]] = True
    return chosen, width


def _cell_width(widths: Floats, rows: Floats, widest: float) -> float:
    """The width at which values with nine tenths of the rows are atoms; at most the widest."""
    if not len(widths):
        return widest
    order = np.argsort(-widths, kind="stable")
    shares = np.cumsum(rows[order]) / rows.sum()
    found = widths[order][np.searchsorted(shares, REPEATED_SHARE)]
    return float(np.clip(found, NARROWEST * widest, widest))


def _around(u: Floats, rows: Floats, i: Any) -> tuple[float, float]:
    """Density of the rows around value i, and the rows of a typical value there.

    These are as many rows of the nearest values or, if they are less dense, rows of NEIGHBOURS by
    their median.
    """
    order = np.argsort(np.abs(u - u[i]), kind="stable")[1:]
    others = np.cumsum(rows[order])
    last = min(int(np.searchsorted(others, rows[i])), len(order) - 1)
    density = others[last] / _window(u, i, order[last])
    near = order[:NEIGHBOURS]
    if len(near) < FEWEST_NEIGHBOURS:
        return float(density), np.inf
    typical = float(np.median(rows[near]))
    return float(min(density, typical * len(near) / _window(u, i, near[-1]))), typical


def _window(u: Floats, i: Any, other: Any) -> float:
    """Length of a window around value i that reaches another one, as far as in the range."""
    reach = np.abs(u[other] - u[i])
    return float(min(u[-1], u[i] + reach) - max(u[0], u[i] - reach))


def _resolution(shape: Shape, u: Floats, rows: Floats, step: float) -> float:
    """Mean width, over the rows, of a step of the column's grid after the map."""
    if not step or not len(u):
        return 0.0
    return float(np.average(step * np.exp(shape.encode(u)[2]), weights=rows))


def _quantiles(u: Floats, rows: Floats, shares: Floats) -> Floats:
    """Quantiles of distinct values (d,) with weights, each at the middle of its rows."""
    return np.interp(shares, (np.cumsum(rows) - 0.5 * rows) / rows.sum(), u)


def _spread(u: Floats, rows: Floats) -> float:
    """Range of the middle 80 % of the rows; of all rows if these have one value."""
    low, high = _quantiles(u, rows, np.array([0.1, 0.9]))
    return float(high - low) or float(u[-1] - u[0])


def find_knots(y: Floats, rows: Floats) -> tuple[Floats, Floats]:
    """Knots of a map to normal numbers; their number is chosen by penalised likelihood.

    Parameters
    ----------
    y : ndarray (d,)
        Distinct numbers, ascending.
    rows : ndarray (d,)
        Their weights.

    Returns
    -------
    knots, levels : ndarray (k,)
    """
    best = _line(y, rows)
    if len(y) < 2:
        return best
    highest = log_likelihood(y, rows, *best)
    n = rows.sum()
    for count in KNOTS:
        if n < ROWS_A_KNOT * count or len(y) < 2 * count:
            break
        bent = _bent(y, rows, count)
        if len(bent[0]) < 3:
            continue
        gain = log_likelihood(y, rows, *bent) - PRICE * count * np.log(n)
        if gain > highest:
            best, highest = bent, gain
    return best


def log_likelihood(y: Floats, rows: Floats, knots: Floats, levels: Floats) -> float:
    """Log-likelihood of rows that are standard normal after the map, up to a constant."""
    z, _, log_slope = Shape(knots=tuple(knots), levels=tuple(levels)).encode(y)
    return float(rows @ (log_slope - 0.5 * z * z))


def _line(y: Floats, rows: Floats) -> tuple[Floats, Floats]:
    """The straight map to mean 0 and variance 1."""
    if not len(y):
        return np.array([-1.0, 1.0]), np.array([-1.0, 1.0])
    mean = np.average(y, weights=rows)
    spread = np.sqrt(np.average((y - mean) ** 2, weights=rows))
    spread = spread if spread > 1e-12 * np.abs(y).max() else 1.0
    return np.array([mean - spread, mean + spread]), np.array([-1.0, 1.0])


def _bent(y: Floats, rows: Floats, count: int) -> tuple[Floats, Floats]:
    """Knots at the extremes and at `count` quantiles between them; levels are normal scores."""
    n = rows.sum()
    outer, inner = -ndtri(0.5 / n), -ndtri(min(0.4, ROWS_A_KNOT / n))
    levels = np.linspace(-inner, inner, count)
    knots = _quantiles(y, rows, ndtr(levels))
    knots, levels = np.r_[y[0], knots, y[-1]], np.r_[-outer, levels, outer]
    distance = KNOT_DISTANCE * _spread(y, rows)
    kept = [0]
    for i in range(1, len(knots)):
        if knots[i] - knots[kept[-1]] > distance:
            kept.append(i)
    return knots[kept], levels[kept]
