"""Values that leaf families model: checks of columns, scales, and the way back into bounds.

Axes: n rows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .raw import RawColumn

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Larger integers are not all distinct as floats.
LARGEST_COUNT = 2.0**53


@dataclass(frozen=True)
class Support:
    """A set of numbers.

    Attributes
    ----------
    accepts : callable
        Numbers (n,) to the mask of those in the set (n,); any value for NaN.
    words : str
        The set, as a message names it.
    """

    accepts: Callable[[Floats], Mask]
    words: str


def _is_count(x: Floats) -> Mask:
    return (x >= 0) & (x <= LARGEST_COUNT) & (x == np.rint(x))


SUPPORTS: dict[str, Support] = {
    "counts": Support(_is_count, "the whole numbers 0, 1, 2, ..."),
    "trials": Support(_is_count, "whole numbers from 0"),
    "nonnegative": Support(lambda x: x >= 0, "zero and positive numbers"),
    "positive": Support(lambda x: x > 0, "positive numbers"),
    "unit": Support(lambda x: (x > 0) & (x < 1), "numbers above 0 and below 1"),
}


def check(raw: RawColumn, values: Floats, name: str, support: str, largest: int | None) -> None:
    """Refuse numbers that a family does not model.

    Parameters
    ----------
    raw : RawColumn
    values : ndarray (n,)
        NaN where missing.
    name, support : str
        Of the family.
    largest : int or None
        N of a column of trials, if larger ones are refused.

    Raises
    ------
    ValueError
        Names the column, the first such value and its row, and what is accepted.
    """
    known = SUPPORTS.get(support)
    if known is None:
        return
    accepted, words = known.accepts(values), known.words
    if support == "trials" and largest is not None:
        accepted &= values <= largest
        words = f"whole numbers from 0 to {largest}"
    wrong = np.flatnonzero(~(accepted | np.isnan(values)))
    if len(wrong):
        raise ValueError(
            f"{raw.title} is modelled as {name} and contains {values[wrong[0]].item()!r} "
            f"(row {wrong[0]}); {words} are accepted."
        )


def scales(
    values: Floats, weights: Floats, support: str, n_trials: int | None = None
) -> dict[str, Any]:
    """Fields of a training column from its observed numbers (n,) and their weights (n,).

    Returns
    -------
    dict
        "largest" of trials; "scale", the mean, of positive columns; and "variance", of which
        the floor of a leaf's variance is a share: the variance of the scaled column, or for
        numbers between 0 and 1 its ratio to m (1 - m), m the mean. It is rounded down to a power
        of ten, so that columns share leaves, and is at most 1; it is 1 for constant columns.
    """
    if support == "trials":
        return {"largest": int(values.max(initial=1)) if n_trials is None else int(n_trials)}
    top = float(values.max(initial=0.0))
    if support not in ("nonnegative", "positive", "unit") or top == 0:
        return {}
    # Sums of 1e308 overflow: work in shares of the largest.
    shares = values / top
    mean = float(np.average(shares, weights=weights))
    variance = float(np.average((shares / mean - 1) ** 2, weights=weights))
    if support == "unit":
        mean *= top
        return {"variance": _power_of_ten(variance * mean / (1 - mean))}
    scale = max(mean * top, float(np.finfo(float).tiny))
    return {"scale": scale, "variance": _power_of_ten(variance)}


def _power_of_ten(variance: float) -> float:
    """The power of ten below, between 1e-16 and 1; 1 for a variance at the level of rounding."""
    if variance <= 1e-28:
        return 1.0
    return float(10.0 ** np.floor(np.log10(np.clip(variance, 1e-16, 1.0))))


def within(values: Floats, raw: RawColumn, support: str) -> Floats:
    """Numbers of a draw moved into the support, where rounding put them on its border.

    A draw is then accepted as a row of the same model, in the type of its column.
    """
    if support not in ("nonnegative", "positive", "unit"):
        return values
    info = np.finfo(raw.float_type)
    lowest = 0.0 if support == "nonnegative" else float(info.tiny)
    if raw.kind == "integer":
        values, lowest = np.rint(values), np.ceil(lowest)
    return np.clip(values, lowest, 1 - float(info.epsneg) if support == "unit" else info.max)
