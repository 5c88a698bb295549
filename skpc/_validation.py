"""Checks of tables as scikit-learn makes them, for arrays and frames, and of counts.

Nothing here writes on an estimator: the columns of a table are returned together with it.
"""

from collections import Counter
from dataclasses import replace
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.utils import assert_all_finite, check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets

from ._sklearn import Features, check_sample_weight, validated
from ._tables import container, holds_numbers, numbers_only, read_column, read_table

# Types that a table of numbers may keep; all others are read as float64. Integers become floats
# block by block, so that a large table is not copied.
INTEGERS = (np.int64, np.int32, np.int16, np.int8, np.uint64, np.uint32, np.uint16, np.uint8)
NUMBERS = (np.float64, np.float32, *INTEGERS)
# Sums of weights beyond these would lose the squares of columns, or overflow.
LEAST_WEIGHT, MOST_WEIGHT = 1e-50, 1e50
# What messages call them.
TARGET, WEIGHTS = "the target y", "the argument sample_weight"


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
        For sparse, complex, empty or misshapen tables, columns of one name, and other columns
        than in training.
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
    estimator: Any,
    X: Any,
    y: Any = "no_validation",
    *,
    features: Features | None,
    allow_nan: bool = False,
) -> tuple[Any, Features]:
    """X, or X and y unless it is "no_validation", as arrays of finite numbers, and the columns.

    Parameters
    ----------
    estimator : estimator
    X : array-like or frame (n, D)
    y : array-like (n,) or (n, T), optional
    features : Features or None
        Columns that X must have; None: X is the first table.
    allow_nan : bool, default=False
        Whether cells of X may be missing, which are NaN then.

    Raises
    ------
    TypeError
        For Dask collections, which would be loaded into memory silently.
    ValueError
        For NaN, infinity, text, dates, categories, empty or misshapen tables and other columns
        than in training.
    """
    _refuse_dask(estimator, X)
    known = features
    if _is_table(X) and not holds_numbers(X := _as_array(X)):
        X, known = check_table(estimator, X, features)
        X = np.column_stack([numbers_only(raw) for raw in read_table(X).columns])
        # The names were checked; an array has none.
        features = Features(known.n, None)
    if target := not (isinstance(y, str) and y == "no_validation"):
        y = check_column(estimator, y, TARGET)
    checked, read = validated(
        estimator,
        X,
        y,
        features=features,
        dtype=NUMBERS,
        ensure_all_finite=False,
        **({"y_numeric": True, "multi_output": True} if target else {}),
    )
    known = known or read
    if target:
        checked = (checked[0], checked[1].astype(np.float64))
    _check_finite(estimator, checked[0] if target else checked, known, allow_nan)
    return checked, known


def check_column(estimator: Any, values: Any, name: str) -> Any:
    """A target or weights: as they are if they have a type of numbers, else as float64.

    Shape and length are not checked.

    Parameters
    ----------
    estimator : estimator
    values : array-like (n,) or (n, T), or anything else that scikit-learn refuses or takes
    name : str
        For messages.

    Raises
    ------
    TypeError, ValueError
        For Dask collections, sparse matrices, dates, durations, texts, also of digits, and
        categories.
    """
    _refuse_dask(estimator, values)
    if issparse(values):
        raise TypeError(f"{name[0].upper()}{name[1:]} is sparse; dense arrays are accepted.")
    if values is None or np.isscalar(values):
        return values
    values = _as_array(values)
    if container(values) != "array":
        columns = [replace(raw, name=name) for raw in read_table(values).columns]
        return np.column_stack([numbers_only(column) for column in columns])
    if not isinstance(values, np.ndarray):
        # Arrays of other libraries are for scikit-learn.
        return numbers_only(read_column(values, name)) if hasattr(values, "to_frame") else values
    if values.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: {name} has the type {values.dtype}.")
    if values.dtype.kind not in "OUSTmM":
        return values
    return numbers_only(read_column(values.ravel(), name)).reshape(values.shape)


def check_labels(estimator: Any, X: Any, y: Any) -> NDArray[Any]:
    """Labels of the rows of X, (n,), of classes.

    Raises
    ------
    ValueError
        For no labels, missing ones, another length, and targets that are no classes.
    """
    if y is None:
        raise ValueError(
            f"This {type(estimator).__name__} estimator requires y to be passed, but the target y "
            "is None."
        )
    labels = y if hasattr(y, "to_frame") else np.asarray(y)
    if len(labels.shape) == 1 and getattr(labels.dtype, "kind", "O") == "O":
        missing = read_column(labels, "y").missing
        if missing.any():
            raise ValueError(
                f"y has no label in row {np.flatnonzero(missing)[0]}; rows with labels are "
                "accepted. Leave the others out."
            )
    y = column_or_1d(y, warn=True)
    check_consistent_length(X, y)
    assert_all_finite(y, input_name="y")
    check_classification_targets(y)
    return y


def check_weights(estimator: Any, sample_weight: Any, X: Any) -> NDArray[np.float64]:
    """Weights of the rows of X, (n,): numbers that are not negative; ones for None.

    Raises
    ------
    TypeError, ValueError
        For anything but finite numbers, negative ones, another length, and no positive weight.
    """
    sample_weight = check_column(estimator, sample_weight, WEIGHTS)
    weights = check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
    with np.errstate(over="ignore"):
        total = float(weights.sum())
    if not LEAST_WEIGHT <= total <= MOST_WEIGHT:
        raise ValueError(
            f"sample_weight adds to {total:.3g}; sums from {LEAST_WEIGHT:g} to {MOST_WEIGHT:g} are "
            "accepted. Weights count rows: divide them by their mean."
        )
    return weights


def check_count(count: Any, least: int = 1, name: str = "n_samples") -> int:
    """A number of draws, or of what `name` says, as an int, at least `least`."""
    if not isinstance(count, Integral) or count < least:
        accepted = "a positive integer" if least == 1 else f"an integer of at least {least}"
        raise ValueError(f"{name} is {count!r}; {accepted} is accepted.")
    return int(count)


def _refuse_dask(estimator: Any, X: Any) -> None:
    """Raise a TypeError for Dask collections, which would be loaded into memory silently."""
    if type(X).__module__.partition(".")[0] in ("dask", "dask_expr"):
        raise TypeError(
            f"{type(estimator).__name__} does not accept Dask collections here, which it would "
            "load into memory. The estimators of skpc.dask fit, score, predict and impute them by "
            "blocks; for all else, and if the table fits in memory, pass X.compute()."
        )


def _refuse_repeated_names(X: Any) -> None:
    """Raise a ValueError for columns of the same name, which cannot be told apart in a query."""
    names = list(X.columns)
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise ValueError(
            f"Column {repeated[0]!r} is in X more than once; each column needs a name of its own."
        )


def _is_table(X: Any) -> bool:
    """Whether cells can be looked at; scikit-learn refuses what is no table."""
    return not issparse(X) and not isinstance(X, str) and X is not None


def _as_array(X: Any) -> Any:
    """Lists as arrays, of objects where NumPy would turn numbers beside texts into texts."""
    if container(X) != "array" or hasattr(X, "dtype"):
        return X
    array = np.asarray(X)
    return np.array(X, dtype=object) if array.dtype.kind in "US" else array


def _check_array(estimator: Any, X: Any, features: Features | None) -> tuple[Any, Features]:
    """Arrays of numbers, or of objects that are read column by column."""
    X = _as_array(X) if isinstance(X, list | tuple) else X
    textual = getattr(getattr(X, "dtype", None), "kind", "") in "OUSTmM"
    return validated(
        estimator,
        X,
        features=features,
        dtype=None if textual else "numeric",
        ensure_all_finite=False,
    )


def _check_finite(estimator: Any, X: NDArray[Any], features: Features, allow_nan: bool) -> None:
    """Refuse infinity and, unless it is allowed, NaN; the message names the first such column."""
    # A finite sum shows that all cells are finite, in one pass and without a mask of the table.
    with np.errstate(all="ignore"):
        if np.isfinite(X.sum(dtype=np.float64)):
            return
    for j in range(X.shape[1]):
        bad = np.flatnonzero(np.isinf(X[:, j]) if allow_nan else ~np.isfinite(X[:, j]))
        if len(bad):
            column = str(j) if features.names is None else repr(str(features.names[j]))
            kind = "NaN" if np.isnan(X[bad[0], j]) else "infinity"
            raise ValueError(
                f"Input X contains {kind} in column {column}, row {bad[0]}: "
                f"{type(estimator).__name__} takes finite numbers only; fill NaN cells first, for "
                "instance by sklearn.impute."
            )
