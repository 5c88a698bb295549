"""Checks of tables of finite numbers, with errors that name the column."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._sklearn import validate_data
from ._validation import refuse_dask

FLOATS = (np.float64, np.float32)


def check_numbers(estimator: Any, X: Any, y: Any = "no_validation", *, reset: bool) -> Any:
    """X, and y unless it is "no_validation", as arrays of finite float64 or float32.

    Raises
    ------
    TypeError
        For Dask collections, which would be loaded into memory silently.
    ValueError
        For NaN, infinity, text, empty or misshapen tables and other columns than in training.
    """
    for table in (X, y):
        refuse_dask(estimator, table)
    try:
        checked = validate_data(
            estimator, X, y, reset=reset, dtype=FLOATS, ensure_all_finite=False, **_target(y)
        )
    except ValueError as error:
        column = _first_text(X) if "convert" in str(error) else None
        if column is None:
            raise
        raise ValueError(f"{error} (column {column}; only numbers are accepted)") from error
    if _target(y):
        _check_finite(estimator, checked[0])
        return checked[0], checked[1].astype(np.float64)
    _check_finite(estimator, checked)
    return checked


def _target(y: Any) -> dict[str, bool]:
    """Options for checking y, if it is to be checked."""
    return {} if isinstance(y, str) and y == "no_validation" else {"y_numeric": True}


def _kind(value: float) -> str:
    return "NaN" if np.isnan(value) else "infinity"


def _check_finite(estimator: Any, X: NDArray[Any]) -> None:
    """Refuse NaN and infinity, by the name of the first column that has them."""
    # A sum is finite unless a cell is not, or it overflows: one pass, no mask of the table.
    with np.errstate(all="ignore"):
        if np.isfinite(X.sum(dtype=np.float64)):
            return
    for j in range(X.shape[1]):
        bad = np.flatnonzero(~np.isfinite(X[:, j]))
        if len(bad):
            names = getattr(estimator, "feature_names_in_", None)
            column = repr(str(names[j])) if names is not None else str(j)
            raise ValueError(
                f"Input X contains {_kind(X[bad[0], j])} in column {column}, row {bad[0]}: "
                f"{type(estimator).__name__} takes finite numbers only; fill NaN cells first, for "
                "instance by sklearn.impute."
            )


def _first_text(X: Any) -> str | None:
    """Name or position of the first column that is no number."""
    columns = getattr(X, "columns", None)
    if columns is None:
        cells = np.asarray(X, dtype=object)
        pairs = [(str(j), cells[:, j]) for j in range(cells.shape[1])] if cells.ndim == 2 else []
    else:
        pairs = [(repr(str(name)), np.asarray(X[name], dtype=object)) for name in columns]
    for name, values in pairs:
        try:
            values.astype(np.float64)
        except (TypeError, ValueError):
            return name
    return None
