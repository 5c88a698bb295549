"""Checks of the tables that a packed ensemble predicts from.

Axes: N rows, B features.
"""

from decimal import Decimal
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Floats
from .bits import Codes


def check_features(X: Any, n_features: int) -> Floats:
    """X as finite float64, (N, B).

    Raises
    ------
    ValueError
        For NaN, infinity, anything but numbers, and another number of columns.
    """
    features = _numbers(X)
    _check_columns(features, n_features)
    bad = np.argwhere(~np.isfinite(features))
    if len(bad):
        i, j = bad[0]
        kind = "NaN" if np.isnan(features[i, j]) else "infinity"
        raise ValueError(f"X contains {kind} in column {j}, row {i}; finite numbers only.")
    return features


def _numbers(X: Any) -> Floats:
    """A table as float64, if its cells are numbers: no dates, texts of digits or complex ones."""
    try:
        cells = np.asarray(X)
    except TypeError:
        # A frame of dates beside numbers.
        cells = np.asarray(X, dtype=object)
    if cells.dtype.kind == "O" and cells.ndim == 2:
        names = getattr(X, "columns", range(cells.shape[1]))
        for (i, j), cell in np.ndenumerate(cells):
            if not isinstance(cell, Real | Decimal) or isinstance(cell, np.timedelta64):
                raise ValueError(
                    f"X contains {cell!r} in column {names[j]!r}, row {i}; numbers only."
                )
    elif cells.dtype.kind not in "biuf":
        raise ValueError(f"X has the type {cells.dtype} in column 0; numbers only.")
    return np.asarray(cells, dtype=np.float64)


def check_inputs(inputs: Any, n_features: int) -> Codes:
    """Int8 inputs, (N, B).

    Raises
    ------
    TypeError
        If the inputs are not int8.
    ValueError
        For another number of columns.
    """
    inputs = np.asarray(inputs)
    if inputs.dtype != np.int8:
        raise TypeError(f"inputs have dtype {inputs.dtype}; int8 from quantise is accepted.")
    _check_columns(inputs, n_features)
    return inputs


def _check_columns(table: NDArray[Any], n_features: int) -> None:
    """Refuse anything but (N, B)."""
    if table.ndim != 2 or table.shape[1] != n_features:
        raise ValueError(
            f"A table of shape {table.shape} was passed; (n_rows, {n_features}) is "
            "accepted: the features of training, after the feature map if there was one."
        )
