"""Cells of one column as the numbers that a circuit models, NaN where there is no evidence.

Axes: n rows.
"""

import numpy as np
from numpy.typing import NDArray

from .columns import Column
from .objects import kind_of, read_objects
from .raw import RawColumn
from .supports import check

Floats = NDArray[np.float64]

# Types that turn into floats although they are no numbers; others raise by themselves.
NO_NUMBERS = (str, bytes, complex, np.complexfloating, np.datetime64, np.timedelta64)


def numbers(raw: RawColumn) -> Floats:
    """A column as floats, NaN where missing.

    Raises
    ------
    ValueError
        If a cell is infinite or no number.
    """
    values = raw.values if raw.has_numbers else _numbers_of_objects(raw)
    infinite = np.isinf(values)
    if infinite.any():
        raise ValueError(
            f"{raw.title} contains infinity (row {np.flatnonzero(infinite)[0]}); "
            "finite numbers are accepted, and NaN for a missing cell."
        )
    return values


def _numbers_of_objects(raw: RawColumn) -> Floats:
    """Numbers that a column of categories, or one without any cell, holds."""
    if raw.missing.all():
        return np.full(len(raw.values), np.nan)
    cells = read_objects(raw.name, raw.values, raw.dtype, raw.missing)
    if not cells.has_numbers:
        raise _no_number(raw)
    return cells.values


def _no_number(raw: RawColumn) -> Exception:
    """What to raise about the first cell that is no number, or not of the column's own kind.

    Where numbers stand beside booleans, that is a boolean.
    """
    kinds = [None if v is None else kind_of([v]).kind for v in raw.values]
    row = next(i for i, kind in enumerate(kinds) if kind not in (None, "number", "integer"))
    value, other = raw.values[row], ""
    if raw.kind == "mixed":
        first = next(i for i, kind in enumerate(kinds) if kind not in (None, kinds[row]))
        other = f", but row {first} holds {raw.values[first]!r}"
    if not isinstance(value, str | bytes | bool | np.bool_):
        try:
            float(value)
        except TypeError as error:
            return TypeError(f"{raw.title} contains {value!r} (row {row}{other}): {error}.")
        except ValueError:
            pass
    return ValueError(
        f"{raw.title} contains {value!r}, which is no number (row {row}{other}); to model the "
        "column as categories, list it in categorical_features, or in leaf as 'categorical'."
    )


def numbers_only(raw: RawColumn) -> Floats:
    """A column whose cells are numbers by type as floats, NaN where missing.

    Raises
    ------
    ValueError, TypeError
        If the type is one of categories, or a cell is a text, a date or anything but a number:
        a text of digits is none.
    """
    if raw.categories is not None:
        raise ValueError(f"{raw.title} holds categories; only numbers are accepted.")
    if raw.has_numbers:
        return raw.values
    if raw.missing.all():
        return np.full(len(raw.values), np.nan)
    for i, value in enumerate(raw.values):
        if isinstance(value, NO_NUMBERS):
            kind = type(value).__name__
            raise ValueError(
                f"{raw.title} contains {value!r} in row {i}, a {kind}; only numbers are accepted."
            )
    raise _no_number(raw)


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
    if raw.has_numbers:
        # The code of each distinct number is looked up once, not once per row.
        distinct, index = np.unique(numbers(raw), return_inverse=True)
        codes = np.array([position.get(value, np.nan) for value in distinct.tolist()])[index]
    else:
        # None is a missing cell here. It is a category only of a column without observed cells.
        position.pop(None, None)
        try:
            codes = np.array([position.get(value, np.nan) for value in raw.values.tolist()])
        except TypeError as error:
            message = f"{raw.title} contains a value that is no category: {error}."
            raise ValueError(message) from None
    return codes, np.isnan(codes) & ~raw.missing
