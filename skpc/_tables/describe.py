"""Columns of a training table: their categories, scales and shapes from observed cells.

Axes: n rows.
"""

from collections.abc import Hashable
from dataclasses import replace
from datetime import date, time, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .cells import codes_of, digits_of, numbers
from .columns import Column, standardise
from .grids import Grid, bounded, find_grid
from .numeric import Numeric
from .raw import RawColumn
from .reading import refusal
from .shapes import find_shape
from .supports import check, scales

Floats = NDArray[np.float64]
DATES = (date, time, timedelta)


def describe(
    raw: RawColumn,
    family: Any,
    support: str,
    weights: Floats,
    n_trials: int | None = None,
    row: float = 1.0,
    asked: Numeric | None = None,
) -> Column:
    """A training column: categories or scale from its observed cells and their weights.

    Parameters
    ----------
    raw : RawColumn
    family : str or type
    support : str
    weights : ndarray (n,)
    n_trials : int or None
        Of a column of trials: their number, if the family knows it.
    row : float, default=1.0
        Weight that counts as one row in the choice of a column's shape, see `row_weight`.
    asked : Numeric, optional
        What the user set about a column of numbers.
    """
    header = raw.rows(np.arange(0))
    observed = weights[~raw.missing]
    # As for the prior: small weights must not count as fewer rows than there are.
    rows = max(float(observed.sum()), float(len(observed)))
    if support == "codes":
        return _describe_codes(raw, header, family, rows, weights)
    if support == "binary":
        closed = Column(header, family, support)
        # Training refuses other values; in queries they are values that training never showed.
        digits_of(closed, raw)
        return closed if raw.kind == "bool" else replace(closed, unseen=unseen_share(rows, 2))
    values = numbers(raw)
    if raw.categories is not None or raw.dtype.startswith("dictionary"):
        name = Column(header, family, support).family_name
        raise ValueError(
            f"{raw.title} has the type {raw.dtype} and is modelled as {name}, whose draws may be "
            "no categories; turn the column into numbers, or leave it to 'categorical'."
        )
    if support == "real":
        bare = Column(header, family, support)
        return _describe_real(raw, bare, observed, observed / row, rows, asked or Numeric())
    column = Column(header, family, support)
    check(raw, values, column.family_name, support, n_trials)
    if support == "trials" and n_trials is None:
        column = replace(column, unseen=unseen_share(rows, 2))
    return replace(column, **scales(values[~raw.missing], observed, support, n_trials))


def _describe_real(
    raw: RawColumn, bare: Column, weights: Floats, counts: Floats, n: float, asked: Numeric
) -> Column:
    """Scale, grid and shape from observed numbers with their weights, in rows as well, (n,)."""
    x = numbers(raw)[~raw.missing]
    check_within(raw, asked.known_bounds)
    numeric = bare.family == "numeric"
    # A family that the user names is as it is, without grid and bounds, but constants stay.
    known = numeric or (len(x) and x.min() == x.max())
    grid = find_grid(x, counts, raw.kind == "integer", asked.known_step) if known else Grid()
    if asked.known_bounds is not None:
        grid = bounded(replace(grid, closed=False), *_of_type(raw, asked.known_bounds))
        if grid.low > grid.high:
            raise ValueError(
                f"{raw.title} has the bounds {asked.known_bounds[0]:g} and "
                f"{asked.known_bounds[1]:g}, between which its grid of step {grid.step:g} has none."
            )
    x = grid.nearest(x) if numeric else x
    shift, scale = _scale(x, weights)
    column = replace(
        bare, shift=shift, scale=scale, grid=grid, fixed=asked.known_bounds is not None
    )
    if not numeric:
        return column
    u, at = standardise(x, shift, scale), None
    if asked.known_atoms is not None:
        atoms = np.unique(grid.nearest(np.array(asked.known_atoms)))
        outside = atoms[(atoms < grid.low) | (atoms > grid.high)]
        if asked.known_bounds is not None and len(outside):
            raise ValueError(
                f"{raw.title} has the atom {outside[0]:g}; its bounds are {grid.low:g} and "
                f"{grid.high:g}."
            )
        at = standardise(atoms, shift, scale), atoms
    shape = find_shape(u, x, counts, grid.step / scale, at)
    known = bool(len(u)) and bool(shape.nearest(u)[1].all())
    beyond = unseen_share(n, len(shape.atoms)) if known else 0.0
    return replace(column, shape=shape, beyond=beyond)


def _of_type(raw: RawColumn, bounds: tuple[float, float]) -> tuple[float, float]:
    """Bounds as a column of that type has them: whole numbers of integers."""
    low, high = bounds
    return (np.ceil(low), np.floor(high)) if raw.kind == "integer" else (low, high)


def check_within(raw: RawColumn, bounds: tuple[float, float] | None) -> None:
    """Refuse numbers beyond the bounds that a user set."""
    if bounds is None:
        return
    values = numbers(raw)
    # Decimal digits of a bound are rounded in the type of the column.
    rounding = float(np.finfo(raw.float_type).eps)
    low, high = (
        end - sign * rounding * abs(end) for end, sign in zip(bounds, (1, -1), strict=True)
    )
    wrong = np.flatnonzero((values < low) | (values > high))
    if len(wrong):
        raise ValueError(
            f"{raw.title} contains {values[wrong[0]].item()!r} (row {wrong[0]}); its bounds are "
            f"{bounds[0]:g} and {bounds[1]:g}."
        )


def _describe_codes(
    raw: RawColumn, header: RawColumn, family: str, rows: float, weights: Floats
) -> Column:
    seen = _seen_categories(raw)
    # A column without any observed cell has one category, None, which no cell has.
    categories = raw.categories or tuple(seen) or (None,)
    share = unseen_share(rows, len(seen))
    column = Column(header, family, "codes", categories=categories, unseen=share)
    codes, _ = codes_of(column, raw)
    shown = ~np.isnan(codes)
    counts = np.bincount(codes[shown].astype(np.intp), weights[shown], len(categories))
    per_weight = rows / (float(counts.sum()) or 1.0)
    return replace(column, rows=tuple((counts * per_weight).tolist()))


def _seen_categories(raw: RawColumn) -> list[Any]:
    """Distinct observed values, sorted.

    Raises
    ------
    ValueError
        For dates, values that cannot be compared for equality, and integers that a float
        cannot tell apart.
    """
    if raw.has_numbers:
        seen = sorted(set(numbers(raw)[~raw.missing].tolist()))
        if seen and max(-seen[0], seen[-1]) > 2**53:
            raise ValueError(
                f"{raw.title} holds categories beyond 2**53, which floats cannot tell apart; "
                "turn them into strings."
            )
        return seen
    values = raw.values[~raw.missing].tolist()
    strange = [v for v in values if not isinstance(v, Hashable) or isinstance(v, DATES)]
    if strange or any(type(v).__name__ == "Period" for v in values):
        raise ValueError(refusal(raw.name, type((strange or values)[0]).__name__))
    return _sorted(set(values))


def unseen_share(rows: float, n_seen: int) -> float:
    """Probability that the next value differs from the `n_seen` values of `rows` rows.

    The natural law of succession, t (t + 1) / (n^2 + n + 2t): nearly 1 where every row had another
    value, of order 1 / n^2 where a small number of values repeats often. It is bounded by 1/2,
    since n may be small.

    References
    ----------
    Ristad, "A natural law of succession", arXiv cmp-lg/9508012.
    """
    t = max(n_seen, 1)
    return float(min(0.5, t * (t + 1) / (rows * rows + rows + 2 * t)))


def _sorted(values: set[Any]) -> list[Any]:
    """Sorted values; by type first if values of different types cannot be compared."""
    try:
        return sorted(values)
    except TypeError:
        return sorted(values, key=lambda v: (type(v).__name__, repr(v)))


def _scale(values: Floats, weights: Floats) -> tuple[float, float]:
    """Weighted mean and standard deviation; a constant column has its size as scale."""
    if not len(values):
        return 0.0, 1.0
    largest = float(np.abs(values).max())
    if largest == 0:
        return 0.0, 1.0
    # Sums of squares of 1e200 overflow, those of 1e-200 vanish: work in shares of the power of two
    # next to the largest. Not quotients: NumPy before 2 warns of an overflow in x / x at 5e-324.
    exponent = int(np.frexp(largest)[1])
    shares = np.ldexp(values, -exponent)
    mean = float(np.average(shares, weights=weights))
    spread = float(np.sqrt(np.average((shares - mean) ** 2, weights=weights)))
    # A spread at the level of rounding is that of a constant column.
    shift = float(np.ldexp(mean, exponent))
    if spread <= 1e-14:
        return shift, largest
    # The product of numbers next to zero may be zero.
    return shift, float(np.ldexp(spread, exponent)) or largest
