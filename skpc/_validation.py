"""Checks of tables as scikit-learn makes them, for arrays and frames, and of counts.

Nothing here writes on an estimator: the columns of a table are returned together with it.
"""

from collections import Counter
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._sklearn import Features, validated
from ._tables import container

FLOATS = (np.float64, np.float32)


def check_table(estimator: Any, X: Any, features: Features | None) -> tuple[Any, Features]:
    """X as a frame or a two-dimensional array, and its columns.

    Parameters
    ----------
    estimator : estimator
    X : array-like or frame (n, D)
    features : Features or None
        Columns that X must have; None: X is the first table.

    Raises
    ------
    TypeError
        For Dask collections, which would be loaded into memory silently.
    ValueError
        For sparse, complex, empty or misshapen tables and other columns than in training.
    """
    _refuse_dask(estimator, X)
    if container(X) == "array":
        return _check_array(estimator, X, features)
    _refuse_repeated_names(X)
    _, features = validated(estimator, X, features=features, skip_check_array=True)
    for axis, what in enumerate(("sample", "feature")):
        if X.shape[axis] == 0:
            raise ValueError(
                f"Found array with 0 {what}(s) (shape={X.shape}) while a minimum of 1 is required."
            )
    return X, features


def check_numbers(
    estimator: Any, X: Any, y: Any = "no_validation", *, features: Features | None
) -> tuple[Any, Features]:
    """X, or X and y unless it is "no_validation", as arrays of finite floats, and the columns.

    Parameters
    ----------
    estimator : estimator
    X : array-like or frame (n, D)
    y : array-like (n,), optional
    features : Features or None
        Columns that X must have; None: X is the first table.

    Raises
    ------
    TypeError
        For Dask collections, which would be loaded into memory silently.
    ValueError
        For NaN, infinity, text, empty or misshapen tables and other columns than in training.
    """
    for table in (X, y):
        _refuse_dask(estimator, table)
    target = {} if isinstance(y, str) and y == "no_validation" else {"y_numeric": True}
    try:
        checked, features = validated(
            estimator, X, y, features=features, dtype=FLOATS, ensure_all_finite=False, **target
        )
    except ValueError as error:
        column = _first_text(X) if "convert" in str(error) else None
        if column is None:
            raise
        raise ValueError(f"{error} (column {column}; only numbers are accepted)") from error
    if target:
        checked = (checked[0], checked[1].astype(np.float64))
    _check_finite(estimator, checked[0] if target else checked, features)
    return checked, features


def check_count(n_samples: Any) -> int:
    """A number of draws as an int."""
    if not isinstance(n_samples, Integral) or n_samples < 1:
        raise ValueError(f"n_samples is {n_samples!r}; a positive integer is accepted.")
    return int(n_samples)


def _refuse_dask(estimator: Any, X: Any) -> None:
    """Raise a TypeError for Dask collections, which would be loaded into memory silently."""
    if type(X).__module__.partition(".")[0] in ("dask", "dask_expr"):
        raise TypeError(
            f"{type(estimator).__name__} does not accept Dask collections; "
            "call X.compute() first if the table fits in memory."
        )


def _refuse_repeated_names(X: Any) -> None:
    """Raise a ValueError for columns of the same name, which cannot be told apart in a query."""
    names = list(X.columns)
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise ValueError(
            f"Column {repeated[0]!r} is in X more than once; each column needs a name of its own."
        )


def _check_array(estimator: Any, X: Any, features: Features | None) -> tuple[Any, Features]:
    """Arrays of numbers, or of objects that are read column by column."""
    if isinstance(X, list | tuple) and np.asarray(X).dtype.kind in "US":
        # NumPy turns a list of numbers and texts into texts.
        X = np.array(X, dtype=object)
    textual = getattr(getattr(X, "dtype", None), "kind", "") in "OUSmM"
    return validated(
        estimator,
        X,
        features=features,
        dtype=None if textual else "numeric",
        ensure_all_finite=False,
    )


def _check_finite(estimator: Any, X: NDArray[Any], features: Features) -> None:
    """Refuse NaN and infinity; the message names the first column that has them."""
    # A finite sum shows that all cells are finite, in one pass and without a mask of the table.
    with np.errstate(all="ignore"):
        if np.isfinite(X.sum(dtype=np.float64)):
            return
    for j in range(X.shape[1]):
        bad = np.flatnonzero(~np.isfinite(X[:, j]))
        if len(bad):
            column = str(j) if features.names is None else repr(str(features.names[j]))
            kind = "NaN" if np.isnan(X[bad[0], j]) else "infinity"
            raise ValueError(
                f"Input X contains {kind} in column {column}, row {bad[0]}: "
                f"{type(estimator).__name__} takes finite numbers only; fill NaN cells first, for "
                "instance by sklearn.impute."
            )


def _first_text(X: Any) -> str | None:
    """Name or position of the first column that does not hold numbers."""
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
