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
        x = values[~raw.missing]
        shift, scale = _scale(x, observed)
        u = standardise(x, shift, scale)
        shape = find_shape(u, x, observed / row) if family == "numeric" else None
        return Column(header, family, support, shift=shift, scale=scale, shape=shape)
    column = Column(header, family, support)
    check(raw, values, column.family_name, support, n_trials)
    if support == "trials" and n_trials is None:
        column = replace(column, unseen=unseen_share(rows, 2))
    return replace(column, **scales(values[~raw.missing], observed, support, n_trials))


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
    # Sums of squares of 1e200 overflow, those of 1e-200 vanish: work in shares of the largest.
    largest = float(np.abs(values).max())
    if largest == 0:
        return 0.0, 1.0
    shares = values / largest
    mean = float(np.average(shares, weights=weights))
    spread = float(np.sqrt(np.average((shares - mean) ** 2, weights=weights)))
    # A spread at the level of rounding is that of a constant column.
    if spread <= 1e-14:
        return mean * largest, largest
    # The product of numbers next to zero may be zero.
    return mean * largest, spread * largest or largest
