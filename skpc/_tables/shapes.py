"""The shape of a column of numbers from its training rows: atoms, cells and knots.

Axes: d distinct values, k knots.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from .atoms import cell_widths, find_atoms, quantiles, spread
from .piecewise import Shape
from .supports import LARGEST_COUNT

Floats = NDArray[np.float64]
Atoms = tuple[Floats, Floats]

# Numbers of inner knots that are tried, and the rows that each knot needs.
KNOTS = (2, 4, 8, 16, 32)
ROWS_A_KNOT = 10

# Log-likelihood that a knot must gain, in units of log(rows): the penalty of the Bayesian
# information criterion for its two coordinates.
PRICE = 1.0

# The least distance of knots, as a share of the range of the middle 80 % of rows.
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
    if at is None:
        chosen = find_atoms(u, rows, step)
        at = u[chosen], x[first][chosen]
    atoms, values = at
    widths = cell_widths(u, rows, step, atoms)
    cells = Shape(tuple(values.tolist()), tuple(atoms.tolist()), tuple(widths.tolist()))
    free = ~cells.nearest(u)[1]
    y = cells.together(u[free])
    knots, levels = find_knots(y, rows[free]) if free.any() else _any_size()
    shape = replace(cells, knots=tuple(knots.tolist()), levels=tuple(levels.tolist()))
    return replace(shape, resolution=_resolution(shape, u[free], rows[free], step))


def _any_size() -> tuple[Floats, Floats]:
    """Knots and levels of a map by which numbers of any size have a density."""
    return np.r_[-(10.0 ** DECADES[::-1]), 10.0**DECADES], np.r_[-1 - DECADES[::-1], 1 + DECADES]


def _sampled_rows(u: Floats) -> NDArray[np.intp]:
    """Random rows of a large column (always the same), and its least and largest value."""
    random = np.random.default_rng(0)
    chosen = random.choice(len(u), MOST_ROWS, replace=False, shuffle=False)
    return np.concatenate([chosen, [u.argmin(), u.argmax()]])


def _resolution(shape: Shape, u: Floats, rows: Floats, step: float) -> float:
    """Mean width, over the rows, of a step of the column's grid after the map."""
    if not step or not len(u):
        return 0.0
    return float(np.average(step * np.exp(shape.encode(u)[2]), weights=rows))


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
    knots = quantiles(y, rows, ndtr(levels))
    knots, levels = np.r_[y[0], knots, y[-1]], np.r_[-outer, levels, outer]
    distance = KNOT_DISTANCE * spread(y, rows)
    kept = [0]
    for i in range(1, len(knots)):
        if knots[i] - knots[kept[-1]] > distance:
            kept.append(i)
    return knots[kept], levels[kept]
