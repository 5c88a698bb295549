"""Data enters DIRECT only here: weighted second moments, additive over blocks of rows.

Axes: N rows of a block, B features, C = B + 1 columns (the features, then the target).
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..arrays import Floats


@dataclass(frozen=True)
class Moments:
    """Sum of weights, means and scatter of rows; all float64.

    The scatter is about the rows' own mean, so that columns far from zero lose no digits.

    Attributes
    ----------
    n_rows : int
    weight : float
        Sum of the rows' weights.
    mean : ndarray (C,)
        Weighted means of [x, y].
    scatter : ndarray (C, C)
        Weighted sum of outer products of [x, y] - mean.
    """

    n_rows: int
    weight: float
    mean: Floats
    scatter: Floats


def collect(x: Floats, y: Floats, weights: Floats, device: str = "cpu") -> Moments:
    """Moments of one block of rows.

    Parameters
    ----------
    x : ndarray (N, B)
    y : ndarray (N,)
    weights : ndarray (N,)
        Positive.
    device : str
        Of torch; where the products are formed.
    """
    z = torch.empty((x.shape[0], x.shape[1] + 1), dtype=torch.float64, device=device)
    z[:, :-1] = torch.as_tensor(x, device=device)
    z[:, -1] = torch.as_tensor(y, device=device)
    w = torch.as_tensor(weights, dtype=torch.float64, device=device)
    total = w.sum()
    mean = (w @ z) / total
    z -= mean
    # The mean is rounded, and the square of its error would enter the scatter.
    correction = (w @ z) / total
    z -= correction
    z *= w.sqrt()[:, None]
    return Moments(
        n_rows=len(x),
        weight=float(total),
        mean=(mean + correction).cpu().numpy(),
        scatter=_gram(z),
    )


def _gram(z: Tensor) -> Floats:
    """Z'Z, (C, C). On a CPU by NumPy, which uses the symmetry and does half of the work."""
    if z.device.type == "cpu":
        array = z.numpy()
        with np.errstate(over="ignore", invalid="ignore"):  # `standardise` refuses what overflows
            return array.T @ array
    return (z.T @ z).cpu().numpy()


def merge(a: Moments, b: Moments) -> Moments:
    """Moments of the rows of both.

    Notes
    -----
    The scatter about the common mean is the sum of both scatters and of
    (w_a w_b / w) d d', where d is the difference of the means (Chan et al. 1983).

    Examples
    --------
    >>> x, y, w = np.arange(8.0).reshape(4, 2), np.arange(4.0), np.ones(4)
    >>> both = merge(collect(x[:1], y[:1], w[:1]), collect(x[1:], y[1:], w[1:]))
    >>> bool(np.allclose(both.scatter, collect(x, y, w).scatter))
    True
    """
    weight = a.weight + b.weight
    shift = b.mean - a.mean
    scatter = a.scatter + b.scatter
    # Row by row, since an outer product would be a third matrix in memory.
    with np.errstate(over="ignore", invalid="ignore"):
        for row, d in zip(scatter, (a.weight * b.weight / weight) * shift, strict=True):
            row += d * shift
    return Moments(
        n_rows=a.n_rows + b.n_rows,
        weight=weight,
        mean=a.mean + (b.weight / weight) * shift,
        scatter=scatter,
    )


@dataclass(frozen=True)
class Standardised:
    """The least-squares problem in standard units: columns centred and of mean square 1.

    Attributes
    ----------
    gram : ndarray (B, B)
        X'WX; its diagonal is the sum of weights, or 0 where a feature is constant.
    moment : ndarray (B,)
        X'Wy.
    square : float
        y'Wy.
    weight : float
        Sum of the weights.
    x_mean, x_scale : ndarray (B,)
        Of the features, in their units; the means are 0 without an intercept.
    y_mean, y_scale : float
        Of the target, in its units.
    """

    gram: Floats
    moment: Floats
    square: float
    weight: float
    x_mean: Floats
    x_scale: Floats
    y_mean: float
    y_scale: float


def standardise(moments: Moments, fit_intercept: bool) -> Standardised:
    """Centre (if an intercept is fitted) and scale the moments.

    A column that varies by less than its rounding counts as constant: its scale is 1 and its
    products are 0. A constant target gets the scale of its own rounding.

    Raises
    ------
    ValueError
        If a column's square overflows.
    """
    if not np.isfinite(moments.scatter).all():
        raise ValueError("The squares of X or y overflow float64; rescale them.")
    mean, scatter = moments.mean, moments.scatter
    centre = mean if fit_intercept else np.zeros_like(mean)
    if not fit_intercept:
        scatter = scatter + moments.weight * np.outer(mean, mean)
    scale, constant = _scales(moments, scatter)
    products = scatter / scale
    products /= scale[:, None]
    products[constant] = 0.0
    products[:, constant] = 0.0
    # Two divisions by a rounded square root cost the diagonal its last digit.
    np.fill_diagonal(products, np.where(constant, 0.0, moments.weight))
    return Standardised(
        gram=np.ascontiguousarray(products[:-1, :-1]),
        moment=products[:-1, -1].copy(),
        square=float(products[-1, -1]),
        weight=moments.weight,
        x_mean=centre[:-1],
        x_scale=scale[:-1],
        y_mean=float(centre[-1]),
        y_scale=float(scale[-1]),
    )


def _scales(moments: Moments, scatter: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Scales of the columns, and which of them are constant, from their scatter (C, C), (C,)."""
    spread = np.sqrt(np.diag(scatter) / moments.weight)
    rounding = 8 * np.finfo(float).eps * np.abs(moments.mean)
    constant = spread <= rounding
    scale = np.where(constant, 1.0, spread)
    if constant[-1]:
        scale[-1] = max(rounding[-1], np.finfo(float).eps)
    return scale, constant
