"""Predictions of rows with missing cells, which a density of the columns integrates out.

The density is asked for two queries by name: `moments(X)`, means and variances of every column
given the seen cells of a row, and `sample_conditional(X, n_samples, random_state)`, draws of the
missing ones.

Axes: n rows, m of them with missing cells, D columns (B = D: there is no feature map), S draws,
R components of the posterior of a target.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..direct.moments import row_blocks
from .feature_space import column_name
from .result import FittedRegression

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Draws of a row, for the correlations of its missing cells.
N_DRAWS = 256
QUERIES = ("moments", "sample_conditional")


def complete(
    fitted: FittedRegression,
    x: NDArray[Any],
    take: Callable[[NDArray[np.intp]], Any],
    density: Any,
    random_state: Any,
    with_variance: bool,
) -> tuple[Floats, list[Floats] | None]:
    """Rows with conditional means in missing cells, (n, D), and what these add to the variance.

    Parameters
    ----------
    fitted : FittedRegression
    x : ndarray (n, D)
        Missing cells are NaN.
    take : callable
        Some rows by position, as the user's own table holds them.
    density : object
        With the two queries that the module names.
    random_state : int, RandomState or None
        For draws.
    with_variance : bool
        Whether the variance is asked for.

    Returns
    -------
    filled : ndarray (n, D)
    added : list of ndarray (n, R), or None
        Variance of the linear predictor of every target under each component; None: nothing.

    Raises
    ------
    TypeError
        For an object without these queries.
    ValueError
        If the regression has a feature map, and for a missing cell without a mean.
    """
    _check(fitted, density)
    missing = np.isnan(x)
    holed = np.flatnonzero(missing.any(axis=1))
    if not len(holed):
        return x, None
    filled = x.astype(np.float64)
    added = [np.zeros((len(x), len(posterior.weights))) for posterior in fitted.posteriors]
    for block in row_blocks(len(holed), x.shape[1] * (x.shape[1] + N_DRAWS)):
        rows = holed[block]
        mean, variance = density.moments(take(rows))
        _check_means(mean, missing[rows], rows, fitted)
        filled[rows] = np.where(missing[rows], mean, filled[rows])
        if with_variance:
            spread = np.sqrt(np.where(missing[rows], variance, 0.0))
            several = np.flatnonzero(missing[rows].sum(axis=1) > 1)
            covariances = spread[:, :, None] ** 2 * np.eye(x.shape[1])
            if len(several):
                drawn = density.sample_conditional(take(rows[several]), N_DRAWS, random_state)
                draws = np.asarray(drawn, dtype=np.float64).reshape(-1, N_DRAWS, x.shape[1])
                covariances[several] = _covariances(spread[several], draws)
            for variances, posterior in zip(added, fitted.posteriors, strict=True):
                variances[rows] = posterior.variance_of(covariances)
    return filled, added


def _check(fitted: FittedRegression, density: Any) -> None:
    """Refuse feature maps and objects that are no density."""
    if not all(hasattr(density, query) for query in QUERIES):
        raise TypeError(
            f"density is {density!r}; a fitted EinetDensityEstimator is accepted, or an object "
            f"with its methods {' and '.join(QUERIES)}."
        )
    if fitted.feature_map is not None:
        raise ValueError(
            "density is accepted without a feature_map only: means of cells are not means of the "
            "features that a map makes of them. Fill missing cells first, by density.impute or by "
            "several draws of density.sample_conditional."
        )


def _check_means(
    mean: Floats, missing: Mask, rows: NDArray[np.intp], fitted: FittedRegression
) -> None:
    """Refuse missing cells (m, D) without a mean."""
    bad = np.argwhere(missing & np.isnan(mean))
    if len(bad):
        i, j = bad[0]
        raise ValueError(
            f"Row {rows[i]} has no value in {column_name(int(j), fitted.feature_names, False)}, "
            "which density models as one of categories: they have no mean. Fit a density that "
            "reads it as a column of numbers."
        )


def _covariances(spread: Floats, draws: Floats) -> Floats:
    """Covariances of exact standard deviations (m, D) and the correlations of draws, (m, D, D).

    Parameters
    ----------
    spread : ndarray (m, D)
    draws : ndarray (m, S, D)
        A cell whose draws are all alike counts as independent of the others.
    """
    gap = draws - draws.mean(axis=1, keepdims=True)
    size = np.sqrt(np.square(gap).mean(axis=1, keepdims=True))
    gap /= np.where(size > 0, size, 1.0)
    correlations = np.einsum("msi,msj->mij", gap, gap, optimize=True) / draws.shape[1]
    own = np.arange(spread.shape[1])
    correlations[:, own, own] = 1.0
    return correlations * spread[:, :, None] * spread[:, None, :]
