"""Cells of one column as the numbers that a circuit models, NaN where there is no evidence.

Axes: n rows.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .columns import Column
from .raw import RawColumn
from .reading import refusal
from .supports import check

Floats = NDArray[np.float64]


def numbers(raw: RawColumn) -> Floats:
    """A column as floats, NaN where missing.

    Raises
    ------
    ValueError
        If a cell is infinite or no number.
    """
    values = raw.values
    if values.dtype == object:
        values = np.array([_number(raw, value) for value in values], dtype=np.float64)
    infinite = np.isinf(values)
    if infinite.any():
        raise ValueError(
            f"{raw.title} contains infinity (row {np.flatnonzero(infinite)[0]}); "
            "finite numbers are accepted, and NaN for a missing cell."
        )
    return values


def _number(raw: RawColumn, value: Any) -> float:
    if value is None:
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
    """Zeros and ones, NaN elsewhere, and the mask of cells with another value, both (n,)."""
    values = numbers(raw)
    other = ~(np.isnan(values) | (values == 0) | (values == 1))
    wrong = np.flatnonzero(other)
    if len(wrong) and not column.unseen:
        raise ValueError(
            f"{raw.title} is modelled as {column.family_name} and contains "
            f"{values[wrong[0]]:g} (row {wrong[0]}); 0 and 1 are accepted."
        )
    return np.where(other, np.nan, values), other


def numbers_within(column: Column, raw: RawColumn) -> tuple[Floats, NDArray[np.bool_]]:
    """Numbers, and the mask of cells above the largest number of training, both (n,).

    The numbers are NaN where missing or in the mask. Where training did not allow for larger
    numbers, they are refused.
    """
    values = numbers(raw)
    largest = None if column.unseen else column.largest
    check(raw, values, column.family_name, column.support, largest)
    if not column.unseen:
        return values, np.zeros(len(values), dtype=bool)
    above = values > column.largest
    return np.where(above, np.nan, values), above


def codes_of(column: Column, raw: RawColumn) -> tuple[Floats, NDArray[np.bool_]]:
    """Codes, NaN where missing or unseen, and the mask of unseen values, both (n,)."""
    position = {value: float(i) for i, value in enumerate(column.categories)}
    if raw.kind in ("number", "integer", "bool"):
        # The code of each distinct number is looked up once, not once per row.
        distinct, index = np.unique(numbers(raw), return_inverse=True)
        codes = np.array([position.get(value, np.nan) for value in distinct.tolist()])[index]
    else:
        # None is a missing cell here. It is a category only of a column without observed cells.
        position.pop(None, None)
        codes = np.array([_code(raw, position, value) for value in raw.values.tolist()])
    return codes, np.isnan(codes) & ~raw.missing


def _code(raw: RawColumn, position: dict[Any, float], value: Any) -> float:
    """The code of a value, NaN for one that is no category."""
    try:
        return position.get(value, np.nan)
    except TypeError:
        raise ValueError(refusal(raw.name, type(value).__name__)) from None
