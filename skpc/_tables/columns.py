"""One column: what it is, and its cells as the numbers that a circuit models.

Axes: n rows.
"""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .frames import RawColumn, refusal
from .piecewise import Shape
from .shapes import find_shape
from .supports import check, scales

Floats = NDArray[np.float64]
DATES = (date, time, timedelta)


@dataclass(frozen=True)
class Column:
    """How one column is turned into numbers.

    Attributes
    ----------
    raw : RawColumn
        Name and type of the training column, without its values.
    family : str or type
        Name of its leaf family, or the class of a user's own.
    support : str
        Values that the family models, see `circuit.leaves.Leaf`.
    shift, scale : float
        Of a column of numbers: x = shift + scale * z.
    variance : float
        What the floor of a leaf's variance is a share of.
    largest : int
        Of a column of trials: their number N.
    categories : tuple
        Of a column of codes, in the order of the codes.
    shape : Shape or None
        Of a real column: how z becomes atoms and roughly normal numbers; None: not at all.
    unseen : float
        Of a column of codes, digits or trials: probability that a value is none of those
        that training showed, or above them; 0 where such values are refused.
    """

    raw: RawColumn
    family: Any
    support: str
    shift: float = 0.0
    scale: float = 1.0
    variance: float = 1.0
    largest: int = 0
    categories: tuple[Any, ...] = ()
    unseen: float = 0.0
    shape: Shape | None = None

    @property
    def least_variance(self) -> float:
        """Of a leaf's numbers: half the distance of values on a grid, squared.

        Narrower ones would rise on the values themselves and fall between them, and their
        density would be more than the probability of a value over the step.
        """
        return min(0.1, (0.5 * self.shape.resolution) ** 2) if self.shape else 0.0

    @property
    def family_name(self) -> str:
        """Name of the leaf family."""
        if isinstance(self.family, str):
            return self.family
        return getattr(self.family, "name", self.family.__name__)

    @property
    def n_values(self) -> int:
        """Codes, values 0 to N of trials, or atoms of a column of numbers."""
        if self.support == "trials":
            return self.largest + 1
        return len(self.shape.atoms) if self.shape else len(self.categories)


def numbers(raw: RawColumn) -> Floats:
    """A column as floats, NaN where missing.

    Raises
    ------
    ValueError
        If a cell is infinite or no number.
    """
    values = raw.values
    if values.dtype == object:
        values = np.array([_number(raw, v, m) for v, m in zip(values, raw.missing, strict=True)])
    infinite = np.isinf(values)
    if infinite.any():
        raise ValueError(
            f"{raw.title} contains infinity (row {np.flatnonzero(infinite)[0]}); "
            "finite numbers are accepted, and NaN for a missing cell."
        )
    return np.where(raw.missing, np.nan, values.astype(np.float64))


def _number(raw: RawColumn, value: Any, missing: bool) -> float:
    if missing:
        return np.nan
    try:
        number = float(value)
    except ValueError:
        number = np.nan
    except TypeError as error:
        raise TypeError(f"{raw.title} contains {value!r}: {error}.") from None
    if np.isnan(number):
        raise ValueError(
            f"{raw.title} contains {value!r}, which is no number; to model the column as "
            "categories, list it in categorical_features, or in leaf as 'categorical'."
        )
    return number


def digits_of(column: Column, raw: RawColumn) -> tuple[Floats, NDArray[np.bool_]]:
    """Zeros and ones, NaN where missing or another value, and where another value."""
    values = numbers(raw)
    other = ~(raw.missing | (values == 0) | (values == 1))
    wrong = np.flatnonzero(other)
    if len(wrong) and not column.unseen:
        raise ValueError(
            f"{raw.title} is modelled as {column.family_name} and contains "
            f"{values[wrong[0]]:g} (row {wrong[0]}); 0 and 1 are accepted."
        )
    return np.where(other, np.nan, values), other


def numbers_within(column: Column, raw: RawColumn) -> tuple[Floats, NDArray[np.bool_]]:
    """Numbers, NaN where missing or above the largest that training showed, and where above."""
    values = numbers(raw)
    largest = None if column.unseen else column.largest
    check(raw, values, column.family_name, column.support, largest)
    if not column.unseen:
        return values, np.zeros(len(values), dtype=bool)
    above = values > column.largest
    return np.where(above, np.nan, values), above


def codes_of(column: Column, raw: RawColumn) -> tuple[Floats, NDArray[np.bool_]]:
    """Codes, NaN where missing or unseen, and where unseen."""
    position = {value: float(i) for i, value in enumerate(column.categories)}
    if raw.kind in ("number", "integer", "bool"):
        # Numbers are looked up once each, and not once a row.
        distinct, index = np.unique(numbers(raw), return_inverse=True)
        codes = np.array([position.get(value, np.nan) for value in distinct.tolist()])[index]
    else:
        cells = zip(raw.values.tolist(), raw.missing, strict=True)
        codes = np.array([np.nan if lost else position.get(v, np.nan) for v, lost in cells])
    return codes, np.isnan(codes) & ~raw.missing


def describe(
    raw: RawColumn,
    family: Any,
    support: str,
    weights: Floats,
    found: bool,
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
    found : bool
        Whether the family was chosen by looking at the values.
    n_trials : int or None
        Of a column of trials: their number, if the family knows it.
    row : float, default=1.0
        Weight that counts as one row where the shape of numbers is looked for.
    """
    bare = raw.rows(np.arange(0))
    observed = weights[~raw.missing]
    # As for the prior, weights that add up to little do not make rows fewer.
    rows = max(float(observed.sum()), float(len(observed)))
    if support == "codes":
        return _describe_codes(raw, bare, family, rows)
    if support == "binary":
        open_ended = found and raw.kind != "bool"
        return Column(bare, family, support, unseen=unseen_share(rows, 2) if open_ended else 0.0)
    values = numbers(raw)
    if support == "real":
        x = values[~raw.missing]
        shift, scale = _scale(x, observed)
        shape = find_shape((x - shift) / scale, x, observed / row) if family == "numeric" else None
        return Column(bare, family, support, shift=shift, scale=scale, shape=shape)
    column = Column(bare, family, support)
    check(raw, values, column.family_name, support, n_trials)
    if support == "trials" and n_trials is None:
        column = replace(column, unseen=unseen_share(rows, 2))
    return replace(column, **scales(values[~raw.missing], observed, support, n_trials))


def _describe_codes(raw: RawColumn, bare: RawColumn, family: str, rows: float) -> Column:
    seen = _seen_categories(raw)
    # A column without any observed cell has one category that is never met: nothing.
    categories = raw.categories or tuple(seen) or (None,)
    share = unseen_share(rows, len(seen))
    return Column(bare, family, "codes", categories=categories, unseen=share)


def _seen_categories(raw: RawColumn) -> list[Any]:
    """Distinct observed values, sorted.

    Raises
    ------
    ValueError
        For dates, values that cannot be compared for equality, and integers that a float
        cannot tell apart.
    """
    if raw.kind in ("number", "integer", "bool"):
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
    """Probability that the next value is none of the n_seen that so many rows showed.

    The natural law of succession, t (t + 1) / (n^2 + n + 2t): near certain where every row
    showed another value, of order 1 / n^2 where few values repeat often. At most 1/2, since
    weights may add up to little.

    References
    ----------
    Ristad, "A natural law of succession", arXiv cmp-lg/9508012.
    """
    t = max(n_seen, 1)
    return float(min(0.5, t * (t + 1) / (rows * rows + rows + 2 * t)))


def _sorted(values: set[Any]) -> list[Any]:
    """Sorted, by type first where values of different types do not compare."""
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
    # A spread at the level of rounding is that of a constant.
    if spread <= 1e-14:
        return mean * largest, largest
    return mean * largest, spread * largest
