"""The grid that a column of numbers is recorded to, and the bounds that it shows.

Axes: n numbers, d distinct values.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# A number is on a grid if it is at most this share of a step away from it. The step is the largest
# one on which nearly all rows lie, and nearly all of those rows that do not have the most frequent
# value: of an amount that is mostly zero, the zeros alone would be on any grid. In nearly all rows
# a cell has one value, too: with a far value in the column, a step of its distance would make one
# cell of all others.
ON_GRID = 0.02
NEARLY_ALL = 0.97
NEARLY_ALL_OTHERS = 0.95

# Steps are sought in the values with at least so many rows each, and among the most frequent gaps
# between neighbouring values; each gap is tried whole and in these parts.
LEAST_ROWS = (1, 2, 3, 5, 10, 20)
FREQUENT_GAPS = 4
PARTS = (1, 2, 3, 5)

# Values closer than this share of the range of the middle 80 % of the rows are one; a step is at
# least that other share of it. A far value must not decide what is close.
ONE_VALUE = 1e-9
SMALLEST_STEP = 1e-6

# Nearly all rows are so near to numbers that decimal digits spell: float32 has such errors.
SPELLED = 1e-3

# A number so many steps away is on no grid: its digits end before the steps do.
MOST_STEPS = 2.0**46

# Fewer rows are on some grid by chance.
FEWEST_ROWS = 5

# Values that a step is first tried on; most steps fail there.
FIRST_VALUES = 200

# Where the values met once are fewer than this share of the rows, new values are rare, and numbers
# are drawn from the values of training, if these are not too many to keep.
MET_ONCE = 0.05
MOST_VALUES = 4096


# Most decimal digits, before or after the point, that floats have.
MOST_DIGITS = 400


def check_ascending(name: str, values: Sequence[float]) -> None:
    """Refuse values of a file that are not finite, or do not ascend."""
    array = np.array(values, dtype=np.float64)
    if not np.isfinite(array).all() or (array[1:] <= array[:-1]).any():
        raise ValueError(f"{name} are not finite numbers that ascend.")


@dataclass(frozen=True)
class Grid:
    """Numbers that a column holds: origin + k step within bounds, or any within bounds.

    Attributes
    ----------
    step : float
        0 where there is no grid.
    origin : float
    digits : int or None
        Decimal digits by which origin + k step is spelled; None: as the sum comes out.
    low, high : float
        Least and largest number; on the grid.
    values : tuple of float
        Numbers of training, ascending, as they are spelled there; none where they are too many.
    closed : bool
        Whether these are nearly all that there are, so that no others are drawn.
    """

    step: float = 0.0
    origin: float = 0.0
    digits: int | None = None
    low: float = -np.inf
    high: float = np.inf
    values: tuple[float, ...] = ()
    closed: bool = False

    def check(self) -> None:
        """Refuse numbers of a file that make no grid."""
        check_ascending("values", self.values)
        if not (0 <= self.step < np.inf and np.isfinite(self.origin)):
            raise ValueError(f"step is {self.step!r} and origin {self.origin!r}.")
        if self.digits is not None and abs(self.digits) > MOST_DIGITS:
            raise ValueError(f"digits is {self.digits}; at most {MOST_DIGITS} are accepted.")
        if not self.low <= self.high:
            raise ValueError(f"low is {self.low!r} and high {self.high!r}.")
        if self.closed and not self.values:
            raise ValueError("it is closed and has no values.")

    def extended(self, x: Floats) -> Self:
        """The grid after further numbers (n,): they widen the bounds, and may be drawn."""
        x = self.nearest(x)
        low, high = min(self.low, float(x.min())), max(self.high, float(x.max()))
        values = np.union1d(self.values, x).tolist() if self.values else ()
        if len(values) > MOST_VALUES:
            return replace(self, low=low, high=high, values=(), closed=False)
        return replace(self, low=low, high=high, values=tuple(values))

    def nearest(self, x: Floats) -> Floats:
        """The numbers of the grid next to x, (n,), as they are spelled; NaN stays."""
        if not self.step:
            return x
        spelled = self.origin + self.step * np.rint((x - self.origin) / self.step)
        if self.digits is not None:
            spelled = np.round(spelled, self.digits)
        if not self.values:
            return spelled
        known = self._known(spelled)
        return np.where(np.abs(known - spelled) <= 2 * ON_GRID * self.step, known, spelled)

    def _known(self, x: Floats) -> Floats:
        """The numbers of training next to x, (n,)."""
        values = np.array(self.values)
        return values[np.searchsorted(0.5 * values[1:] + 0.5 * values[:-1], x)]

    def within(self, x: Floats) -> Floats:
        """The numbers next to x, (n,), that are on the grid and within the bounds."""
        return np.clip(self.nearest(x), self.low, self.high)

    def drawn(self, x: Floats) -> Floats:
        """As `within`, but the nearest number of training where these are nearly all."""
        return self._known(x) if self.closed else self.within(x)


def find_grid(x: Floats, rows: Floats, whole: bool = False, step: float | None = None) -> Grid:
    """Grid and bounds of observed numbers.

    Parameters
    ----------
    x, rows : ndarray (n,)
        Numbers, and how many rows each counts for.
    whole : bool
        Whether the type of the column holds whole numbers only: the step is then at least 1.
    step : float or None
        If it is known; 0: no grid. Where the rows do not tell the origin, it is 0.
    """
    if not len(x):
        return Grid()
    x, rows = _distinct(x, rows)
    known = bool(step)
    if step is None:
        step = find_step(x, rows)
        step = max(1.0, np.rint(step)) if whole else step
    if known and not _is_grid(x, rows, step, NEARLY_ALL, NEARLY_ALL_OTHERS):
        grid = _spelled(np.zeros(1), np.ones(1), step)
    else:
        grid = _spelled(x, rows, step) if step else Grid()
    cells, index = np.unique(grid.nearest(x), return_inverse=True)
    # A cell has the value that most of its rows have.
    order = np.argsort(-rows, kind="stable")
    spelled = x[order[np.unique(index[order], return_index=True)[1]]]
    on = np.abs(spelled - cells) <= ON_GRID * grid.step if grid.step else True
    values = np.where(on, spelled, cells)
    rows = np.bincount(index, rows).astype(np.float64)
    few = len(values) <= MOST_VALUES
    closed = bool(few and rows[rows < 1.5].sum() < MET_ONCE * rows.sum())
    seen = tuple(values.tolist()) if closed or (few and grid.step) else ()
    low, high = float(values[0]), float(values[-1])
    return replace(grid, low=low, high=high, values=seen, closed=closed)


def bounded(grid: Grid, low: float, high: float) -> Grid:
    """The grid with other bounds, the outermost of its numbers that lie within these."""
    if grid.step:
        ends = np.array([low, high])
        inner = grid.nearest(ends)
        inner[0] += grid.step * (inner[0] < low - ON_GRID * grid.step)
        inner[1] -= grid.step * (inner[1] > high + ON_GRID * grid.step)
        low, high = np.where(np.isfinite(ends), grid.nearest(inner), ends).tolist()
    values = tuple(value for value in grid.values if low <= value <= high)
    return replace(grid, low=low, high=high, values=values)


def find_step(x: Floats, rows: Floats) -> float:
    """The step of the grid on which nearly all rows lie; 0 if there is none.

    Neither the unit nor the origin of the values matters.

    Parameters
    ----------
    x, rows : ndarray (d,)
        Distinct values, ascending, and their rows.
    """
    # A range near the ends of those of floats has no digits left for its parts.
    if len(x) < 2 or rows.sum() < FEWEST_ROWS or not 1e-280 < 0.5 * x[-1] - 0.5 * x[0] < 1e280:
        return 0.0
    smallest = SMALLEST_STEP * 2 * _half_range(x, rows)
    first = np.unique(np.linspace(0, len(x) - 1, FIRST_VALUES).astype(np.intp))
    for step in _candidates(x, rows):
        if step < smallest:
            break
        if len(x) > FIRST_VALUES and not _is_grid(x[first], rows[first], step, 0.8, 0.8):
            continue
        for _ in range(2):
            step = _refined(x, rows, step)
        if _is_grid(x, rows, step, NEARLY_ALL, NEARLY_ALL_OTHERS):
            return step
    return 0.0


def _distinct(x: Floats, rows: Floats) -> tuple[Floats, Floats]:
    """Distinct values and their rows; values that only rounding tells apart are one."""
    x, index = np.unique(x, return_inverse=True)
    rows = np.bincount(index, rows).astype(np.float64)
    # What rounding alone tells apart is some units in the last place.
    rounding = 2 * np.spacing(np.maximum(np.abs(x[1:]), np.abs(x[:-1])))
    apart = np.diff(0.5 * x) > np.maximum(ONE_VALUE * _half_range(x, rows), rounding)
    group = np.concatenate([[0], np.cumsum(apart)])
    first = np.flatnonzero(np.concatenate([[True], apart]))
    return x[first], np.bincount(group, rows).astype(np.float64)


def _half_range(x: Floats, rows: Floats) -> float:
    """Half the range of the middle 80 % of the rows, of all if these have one value.

    The halves of a range do not overflow.
    """
    below = np.cumsum(rows)
    low, high = np.searchsorted(below, np.array([0.1, 0.9]) * below[-1]).clip(0, len(x) - 1)
    return float(0.5 * x[high] - 0.5 * x[low]) or float(0.5 * x[-1] - 0.5 * x[0])


def _candidates(x: Floats, rows: Floats) -> list[float]:
    """Steps that a column may have, the largest first."""
    gaps = []
    for least in LEAST_ROWS:
        chosen = np.diff(x[rows >= least])
        if len(chosen):
            gaps.append(chosen.min())
    neighbours = np.diff(x)
    # Gaps that differ by rounding alone are counted as one.
    size = 10.0 ** np.floor(np.log10(neighbours) - 6)
    gap_of = np.rint(neighbours / size) * size
    _, first, counts = np.unique(gap_of, return_index=True, return_counts=True)
    frequent = np.argsort(-counts, kind="stable")[:FREQUENT_GAPS]
    gaps.extend(neighbours[first[frequent]])
    steps = {float(gap) / part for gap in gaps for part in PARTS}
    span = x[-1] - x[0]
    exponents = range(int(np.floor(np.log10(SMALLEST_STEP * span))), int(np.log10(span)) + 1)
    steps |= {part * 10.0**exponent for exponent in exponents for part in (1.0, 5.0)}
    return sorted((step for step in steps if step <= span * (1 + ON_GRID)), reverse=True)


def _origin(x: Floats, rows: Floats, step: float) -> float:
    """A number of the grid: the circular mean of the rows' distances from one in their middle."""
    middle = _middle(x, rows)
    turns = (x - middle) / step
    near = np.abs(turns) < MOST_STEPS
    mean = np.sum(rows[near] * np.exp(2j * np.pi * turns[near]))
    return float(middle + step * (np.angle(mean) / (2 * np.pi)))


def _middle(x: Floats, rows: Floats) -> float:
    """A median of the rows: far values, of which there are few, must not be the reference."""
    below = np.cumsum(rows)
    return float(x[np.searchsorted(below, 0.5 * below[-1])])


def _on(x: Floats, step: float, origin: float, error: float = ON_GRID) -> NDArray[np.bool_]:
    """Which numbers are on a grid, up to a share of a step, (d,)."""
    k = (x - origin) / step
    return (np.abs(k - np.rint(k)) <= error) & (np.abs(k) < MOST_STEPS)


def _is_grid(x: Floats, rows: Floats, step: float, share: float, of_others: float) -> bool:
    origin = _origin(x, rows, step)
    on = _on(x, step, origin)
    if not on.any():
        return False
    # Rows with the most frequent value of their cell; values ascend, so cells are adjacent.
    cell = np.rint((x[on] - origin) / step)
    first = np.flatnonzero(np.concatenate([[True], np.diff(cell) != 0]))
    if np.maximum.reduceat(rows[on], first).sum() < share * rows[on].sum():
        return False
    others = np.ones(len(x), dtype=bool)
    others[np.argmax(rows)] = False
    enough = rows[on].sum() >= share * rows.sum()
    return bool(enough and rows[on & others].sum() >= of_others * rows[others].sum())


def _refined(x: Floats, rows: Floats, step: float) -> float:
    """The step by least squares over the rows on the grid: less rounding than in one gap."""
    origin = _origin(x, rows, step)
    on = _on(x, step, origin)
    k = np.rint((x[on] - origin) / step)
    if not len(k):
        return step
    share = rows[on] / rows[on].sum()
    k -= share @ k
    square = share @ (k * k)
    slope = share @ (k * (x[on] - origin)) / square if square > 0 else step
    # A step that moves far was none of these values.
    return float(slope) if abs(slope - step) <= ON_GRID * step else step


def _spelled(x: Floats, rows: Floats, step: float) -> Grid:
    """The grid with the least decimal digits that keep its rows on it, if any do."""
    origin = _origin(x, rows, step)
    first = int(-np.floor(np.log10(step))) - 1
    for digits in range(max(first, -300), min(first + 5, 300)):
        short = _rounded(step, digits), _rounded(origin, digits)
        if short[0] > 0 and rows @ _on(x, *short, SPELLED) >= NEARLY_ALL_OTHERS * rows.sum():
            # Adding 0 makes -0 and 0 alike.
            return Grid(short[0], short[1] + 0.0, digits)
    return Grid(step, origin)


def _rounded(value: float, digits: int) -> float:
    """A number with decimal digits; fewer than none are zeros before the point."""
    unit = 10.0 ** abs(digits)
    return float(np.rint(value * unit) / unit if digits > 0 else np.rint(value / unit) * unit)
