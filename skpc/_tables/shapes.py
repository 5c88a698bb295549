"""The shape of a column of numbers from its training rows: atoms, cells and knots.

Axes: d distinct values, k knots.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from .frames import RawColumn
from .piecewise import Shape

Floats = NDArray[np.float64]

# A value can be an atom if it holds so many rows; those with the most rows come first.
ATOM_ROWS = 10
MAX_ATOMS = 64

# It is one where its rows are so many times as dense as those around it, or if the column has
# so few places.
ATOM_EXCESS = 8.0
FEW_PLACES = 16

# Numbers of inner knots that are tried; each must have so many rows.
KNOTS = (2, 4, 8, 16, 32)
ROWS_A_KNOT = 10

# What a knot must gain, in log(rows): twice the price of the Bayesian information criterion
# for its two coordinates, since a bend that is wrong costs much and one too few little.
PRICE = 2.0

# Gaps between values that are whole multiples of one step, up to this error, are a grid.
GRID_ERROR = 1e-2

# Width of a cell off any grid, as a share of the middle 80 % of rows: an atom is then no denser
# than a Gaussian leaf at the default floor of its variance. Least distance of knots, likewise.
CELL = 0.03
KNOT_DISTANCE = 1e-4

# Rows that a shape is found from, at most.
MOST_ROWS = 200_000


def row_weight(raws: list[RawColumn], weights: Floats) -> float:
    """The weight that counts as one row: the lower quartile of those of different rows.

    Weights count rows, and their unit does not matter: so a table that is given twice, or
    with weights of 2 or 1/2, must get the shapes of the table itself.
    """
    key = np.zeros(len(weights), dtype=np.uint64)
    for raw in raws:
        if raw.values.dtype == object:
            cells: NDArray[Any] = np.array(
                [hash(str(v)) for v in raw.values.tolist()], dtype=np.int64
            )
        else:
            # Adding 0 makes -0 and 0 alike.
            cells = (raw.values + 0.0).view(np.int64)
        bits = np.where(raw.missing, 1, cells).view(np.uint64)
        # Wraps around: a hash, in which different rows hardly ever meet.
        key = (key ^ bits) * np.uint64(0x9E3779B97F4A7C15)
        key ^= key >> np.uint64(29)
    _, index = np.unique(key, return_inverse=True)
    return float(np.quantile(np.bincount(index, weights), 0.25, method="lower"))


def find_shape(u: Floats, x: Floats, weights: Floats) -> Shape:
    """The shape of a column.

    Parameters
    ----------
    u, x : ndarray (n,)
        Observed cells, standardised and in the units of the table.
    weights : ndarray (n,)
        In rows, see `row_weight`.

    Returns
    -------
    Shape
        That of a Gaussian, if nothing speaks for another one.
    """
    if len(u) < 2:
        return Shape()
    if len(u) > MOST_ROWS:
        some = _some_rows(u)
        u, x, weights = u[some], x[some], weights[some]
    u, first, index = np.unique(u, return_index=True, return_inverse=True)
    rows = np.bincount(index, weights).astype(np.float64)
    step = grid_step(u)
    width = step or CELL * _spread(u, rows)
    chosen = _stand_out(u, rows, step, width)
    atoms = u[chosen]
    width = float(min(width, np.diff(atoms).min(initial=width))) if len(atoms) else 0.0
    cells = Shape(atoms=tuple(atoms.tolist()), width=width)
    free = ~cells.nearest(u)[1]
    y = u[free] - width * np.searchsorted(atoms, u[free])
    knots, levels = find_knots(y, rows[free])
    values = tuple(x[first][chosen].tolist())
    found = Shape(values, cells.atoms, width, tuple(knots.tolist()), tuple(levels.tolist()))
    return replace(found, resolution=_resolution(found, u[free], rows[free], step))


def _some_rows(u: Floats) -> NDArray[np.intp]:
    """Random rows of a large column, the same every time, and its least and largest value."""
    random = np.random.default_rng(0)
    chosen = random.choice(len(u), MOST_ROWS, replace=False, shuffle=False)
    return np.concatenate([chosen, [u.argmin(), u.argmax()]])


def _stand_out(u: Floats, rows: Floats, step: float, width: float) -> NDArray[np.bool_]:
    """Which distinct values are atoms, (d,)."""
    if step and u[-1] - u[0] < (FEW_PLACES - 0.5) * step and rows.sum() >= ATOM_ROWS * len(u):
        return np.ones(len(u), dtype=bool)
    often = np.flatnonzero(rows >= ATOM_ROWS)
    often = often[np.argsort(-rows[often], kind="stable")][: 4 * MAX_ATOMS]
    found = [i for i in often if _excess(u, rows, i, width) >= ATOM_EXCESS]
    chosen = np.zeros(len(u), dtype=bool)
    chosen[found[:MAX_ATOMS]] = True
    return chosen


def _excess(u: Floats, rows: Floats, i: Any, width: float) -> float:
    """How many times as dense the rows of value i are as the next so many other rows."""
    order = np.argsort(np.abs(u - u[i]), kind="stable")[1:]
    if not len(order):
        return np.inf
    others = np.cumsum(rows[order])
    last = min(int(np.searchsorted(others, rows[i])), len(order) - 1)
    reach = np.abs(u[order[last]] - u[i])
    # A window that leaves the column's range is as long as its part inside.
    length = min(u[-1], u[i] + reach) - max(u[0], u[i] - reach)
    return float(rows[i] / others[last] * length / width)


def _resolution(shape: Shape, u: Floats, rows: Floats, step: float) -> float:
    """Width of a step of the column's grid after the map: its mean over the rows."""
    if not step or not len(u):
        return 0.0
    return float(np.average(step * np.exp(shape.encode(u)[1]), weights=rows))


def grid_step(u: Floats) -> float:
    """The step of which all gaps between distinct values (d,) are multiples; 0 if there is none.

    Neither the unit nor the origin of the values matters.
    """
    gaps = np.diff(u)
    if not len(gaps) or gaps.min() < 1e-9 * (u[-1] - u[0]):
        return 0.0
    for parts in (1, 2, 3, 5):
        multiples = gaps * (parts / gaps.min())
        if (np.abs(multiples - np.rint(multiples)) <= GRID_ERROR).all():
            # The mean over the whole range has less rounding than one gap.
            return float((u[-1] - u[0]) / np.rint(multiples).sum())
    return 0.0


def _quantiles(u: Floats, rows: Floats, shares: Floats) -> Floats:
    """Quantiles of distinct values (d,) with weights, each at the middle of its rows."""
    return np.interp(shares, (np.cumsum(rows) - 0.5 * rows) / rows.sum(), u)


def _spread(u: Floats, rows: Floats) -> float:
    """The middle 80 % of the rows; of all of them if these are one value."""
    low, high = _quantiles(u, rows, np.array([0.1, 0.9]))
    return float(high - low) or float(u[-1] - u[0])


def find_knots(y: Floats, rows: Floats) -> tuple[Floats, Floats]:
    """Knots of a map to normal numbers, as many as the likelihood of the column asks for.

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
        found = _bent(y, rows, count)
        if len(found[0]) < 3:
            continue
        gain = log_likelihood(y, rows, *found) - PRICE * count * np.log(n)
        if gain > highest:
            best, highest = found, gain
    return best


def log_likelihood(y: Floats, rows: Floats, knots: Floats, levels: Floats) -> float:
    """Of rows that are standard normal after the map, up to a constant."""
    z, log_slope = Shape(knots=tuple(knots), levels=tuple(levels)).encode(y)
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
    """Extremes and `count` quantiles between them, at their normal scores."""
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
