"""Checks of a table as scikit-learn makes them, for arrays and frames, and of counts."""

from numbers import Integral
from typing import Any

import numpy as np

from ._sklearn import validate_data
from ._tables.frames import container


def check_table(estimator: Any, X: Any, *, reset: bool) -> Any:
    """X as a frame or a two-dimensional array, its names and width checked or learned.

    Raises
    ------
    TypeError
        For Dask collections, which would be loaded into memory silently.
    ValueError
        For sparse, complex, empty or misshapen tables and other columns than in training.
    """
    refuse_dask(estimator, X)
    if container(X) == "array":
        return _check_array(estimator, X, reset)
    validate_data(estimator, X, reset=reset, skip_check_array=True)
    for axis, what in enumerate(("sample", "feature")):
        if X.shape[axis] == 0:
            raise ValueError(
                f"Found array with 0 {what}(s) (shape={X.shape}) while a minimum of 1 is required."
            )
    return X


def refuse_dask(estimator: Any, X: Any) -> None:
    """Dask collections would be loaded into memory silently: a TypeError instead."""
    if type(X).__module__.partition(".")[0] in ("dask", "dask_expr"):
        raise TypeError(
            f"{type(estimator).__name__} does not accept Dask collections; "
            "call X.compute() first if the table fits in memory."
        )


def _check_array(estimator: Any, X: Any, reset: bool) -> Any:
    """Arrays of numbers, or of objects that are read column by column."""
    if isinstance(X, list | tuple) and np.asarray(X).dtype.kind in "US":
        # NumPy turns a list of numbers and texts into texts.
        X = np.array(X, dtype=object)
    textual = getattr(getattr(X, "dtype", None), "kind", "") in "OUSmM"
    return validate_data(
        estimator,
        X,
        reset=reset,
        dtype=None if textual else "numeric",
        ensure_all_finite=False,
    )


def check_count(n_samples: Any) -> int:
    """A number of draws as an int."""
    if not isinstance(n_samples, Integral) or n_samples < 1:
        raise ValueError(f"n_samples is {n_samples!r}; a positive integer is accepted.")
    return int(n_samples)
