"""Data enters DIRECT here: weighted second moments, additive over blocks of rows.

Axes: N rows of a block, B features, T targets, C = B + T columns (features, then targets).
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..arrays import Floats

# Root mean squares that a column may have, unless it is zero: beyond them squares, and products of
# squares with the precision of numbers, leave the range of float64.
SMALLEST, LARGEST = 1e-100, 1e100
# What weights of rows may add to, for the same reason. Largest weights of a block that are beyond
# are divided by a power of two first.
LEAST_WEIGHT, MOST_WEIGHT = 1e-50, 1e50


class UnitError(ValueError):
    """A column whose squares float64 cannot hold.

    Attributes
    ----------
    column : int
        Position among the features; B is the first target.
    size : float
        Root mean square of the column; 0 or infinity where that cannot be computed.
    """

    def __init__(self, column: int, size: float) -> None:
        self.column, self.size = column, size
        super().__init__(self.message(f"column {column} of [x, y]"))

    def message(self, name: str) -> str:
        """The message, with the column's name."""
        side = "below" if self.size < SMALLEST else "above"
        bound = SMALLEST if side == "below" else LARGEST
        return (
            f"{name[0].upper()}{name[1:]} has a root mean square {side} {bound:g}, and its squares "
            f"leave the range of float64; 0, and {SMALLEST:g} to {LARGEST:g}, are accepted: "
            "choose another unit for it."
        )


@dataclass(frozen=True)
class Moments:
    """Sum of weights, means and scatter of rows; all float64.

    The scatter is about the rows' own mean, so that columns far from zero lose no digits.

    Attributes
    ----------
    n_rows : int
        Rows of positive weight.
    weight : float
        Sum of the rows' weights.
    mean : ndarray (C,)
        Weighted means of [x, y].
    rest : ndarray (C,)
        What rounding took from the means: a column far from zero varies by as little as that.
    scatter : ndarray (C, C)
        Weighted sum of outer products of [x, y] - mean.
    low, high : ndarray (C,)
        Smallest and largest value of every column.
    """

    n_rows: int
    weight: float
    mean: Floats
    rest: Floats
    scatter: Floats
    low: Floats
    high: Floats

    def check(self) -> None:
        """Refuse numbers of a file that are no moments.

        Raises
        ------
        ValueError
        """
        n = len(self.mean) if self.mean.ndim == 1 else 0
        if n < 2 or self.scatter.shape != (n, n):
            raise ValueError("mean and scatter have other shapes than (C,) and (C, C), C from 2.")
        for name in ("mean", "rest", "low", "high", "scatter"):
            array = getattr(self, name)
            if (array.shape != (n,) and name != "scatter") or not np.isfinite(array).all():
                raise ValueError(f"{name} is no finite array of {n} columns.")
        if self.n_rows < 1 or not 0 < self.weight < np.inf:
            raise ValueError(f"n_rows is {self.n_rows} and weight {self.weight!r}.")
        if (np.diag(self.scatter) < 0).any() or (self.low > self.high).any():
            raise ValueError("a scatter is negative, or a smallest value above the largest.")

    def of_target(self, target: int, n_features: int) -> "Moments":
        """The moments of the features and of one target, C = B + 1."""
        if len(self.mean) == n_features + 1:
            return self
        columns = np.append(np.arange(n_features), n_features + target)
        vectors = {name: vars(self)[name][columns] for name in ("mean", "rest", "low", "high")}
        return replace(self, scatter=self.scatter[np.ix_(columns, columns)], **vectors)

    @property
    def count(self) -> float:
        """Rows that these count for: the sum of the weights, or the rows if these are more."""
        return max(self.weight, float(self.n_rows))


def collect(x: Floats, y: Floats, weights: Floats, device: str = "cpu") -> Moments:
    """Moments of one block of rows.

    Parameters
    ----------
    x : ndarray (N, B)
    y : ndarray (N,) or (N, T)
    weights : ndarray (N,)
        Positive.
    device : str
        Of torch; where the products are formed.

    Raises
    ------
    UnitError
        If squares of a column are too large or too small for float64.
    """
    # Sums of tiny weights would lose the digits of small columns.
    unit = _unit_of(weights)
    # Written by NumPy, which takes rows in any order, and rows that are read-only.
    targets = y.reshape(len(y), -1)
    rows = np.empty((len(x), x.shape[1] + targets.shape[1]))
    rows[:, : x.shape[1]], rows[:, x.shape[1] :] = x, targets
    z = torch.as_tensor(rows, device=device)
    w = torch.as_tensor(weights / unit, dtype=torch.float64, device=device)
    low, high = (bound.cpu().numpy() for bound in (z.amin(dim=0), z.amax(dim=0)))
    total = w.sum()
    mean = (w @ z) / total
    z -= mean
    # The mean is rounded, and the square of its error would enter the scatter.
    correction = (w @ z) / total
    z -= correction
    z *= w.sqrt()[:, None]
    centre, rest = _sum(mean.cpu().numpy(), correction.cpu().numpy())
    moments = Moments(len(x), float(total), centre, rest, _gram(z), low, high)
    _check_units(moments, x, targets)
    if unit == 1:
        return moments
    return replace(moments, weight=moments.weight * unit, scatter=moments.scatter * unit)


def _sum(large: Floats, small: Floats) -> tuple[Floats, Floats]:
    """The sum of two numbers and what its rounding left out, where the first is the larger."""
    total = large + small
    return total, small - (total - large)


def _unit_of(weights: Floats) -> float:
    """A power of two by which weights are divided, 1 unless they are very large or small."""
    largest = float(weights.max())
    if LEAST_WEIGHT <= largest <= MOST_WEIGHT:
        return 1.0
    return float(np.ldexp(1.0, int(np.frexp(largest)[1]) - 1))


def _check_units(moments: Moments, x: Floats, y: Floats) -> None:
    """Refuse a column of which a square overflows, or all squares underflow."""
    with np.errstate(over="ignore", invalid="ignore"):
        size = np.sqrt(np.diag(moments.scatter) / moments.weight + moments.mean**2)
        wrong = ~((size >= SMALLEST) & (size <= LARGEST))
    for j in np.flatnonzero(wrong):
        column = x[:, j] if j < x.shape[1] else y[:, j - x.shape[1]]
        # A column of zeros is constant.
        if not size[j] == 0 or column.any():
            raise UnitError(int(j), float(np.nan_to_num(size[j], nan=np.inf)))


def _gram(z: Tensor) -> Floats:
    """Z'Z, (C, C). On a CPU by NumPy, which uses the symmetry and does half of the work."""
    if z.device.type == "cpu":
        array = z.numpy()
        with np.errstate(over="ignore", invalid="ignore"):  # `collect` refuses what overflows
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
    shift = (b.mean - a.mean) + (b.rest - a.rest)
    scatter = a.scatter + b.scatter
    # Row by row, since an outer product would be a third matrix in memory.
    for row, d in zip(scatter, (b.weight / weight) * a.weight * shift, strict=True):
        row += d * shift
    mean, rest = _sum(a.mean, a.rest + (b.weight / weight) * shift)
    low, high = np.minimum(a.low, b.low), np.maximum(a.high, b.high)
    return Moments(a.n_rows + b.n_rows, weight, mean, rest, scatter, low, high)


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
        Rows that the data count for, see `Moments.count`.
    x_mean, x_rest, x_scale : ndarray (B,)
        Of the features, in their units; means, and what rounding took from them, are 0 without an
        intercept.
    x_range : ndarray (B,)
        Largest less smallest value of a feature, in its unit; of zero and its values without an
        intercept. 0 where it is constant.
    y_mean, y_rest, y_scale : float
        Of the target, in its units.
    lowest_noise : float
        Lowest noise variance that numbers of this precision can show.
    centred : bool
        Whether the means were taken off.
    """

    gram: Floats
    moment: Floats
    square: float
    weight: float
    x_mean: Floats
    x_rest: Floats
    x_scale: Floats
    x_range: Floats
    y_mean: float
    y_rest: float
    y_scale: float
    lowest_noise: float
    centred: bool

    def only(self, columns: NDArray[np.bool_]) -> "Standardised":
        """The data with some of the features, by a mask (B,)."""
        if columns.all():
            return self
        names = ("moment", "x_mean", "x_rest", "x_scale", "x_range")
        vectors = {name: vars(self)[name][columns] for name in names}
        return replace(self, gram=self.gram[np.ix_(columns, columns)], **vectors)


def standardise(moments: Moments, fit_intercept: bool) -> Standardised:
    """Centre (if an intercept is fitted) and scale the moments of features and one target.

    A feature that varies by less than its rounding counts as constant: its scale is 1 and its
    products are 0. A target has at least the scale of its own rounding, and a single one, which
    says nothing of the noise, that of its size; the noise is no lower than that.

    Rows whose weights add to less than their number count for that number.
    """
    mean, scatter = moments.mean, moments.scatter
    centre, rest = (mean, moments.rest) if fit_intercept else (np.zeros_like(mean),) * 2
    if not fit_intercept:
        scatter = scatter + moments.weight * np.outer(mean, mean)
    spread = np.sqrt(np.diag(scatter) / moments.weight)
    constant = spread[:-1] <= _rounding(mean[:-1])
    least = _least_scale(moments, fit_intercept)
    scale = np.append(np.where(constant, 1.0, spread[:-1]), max(spread[-1], least))
    products = scatter / scale
    products /= scale[:, None] * (moments.weight / moments.count)
    products[:-1][constant] = 0.0
    products[:, :-1][:, constant] = 0.0
    # Two divisions by a rounded square root cost the diagonal its last digit.
    shares = np.append(np.where(constant, 0.0, 1.0), (spread[-1] / scale[-1]) ** 2)
    np.fill_diagonal(products, shares * moments.count)
    return Standardised(
        gram=np.ascontiguousarray(products[:-1, :-1]),
        moment=products[:-1, -1].copy(),
        square=float(products[-1, -1]),
        weight=moments.count,
        x_mean=centre[:-1],
        x_rest=rest[:-1],
        x_scale=scale[:-1],
        x_range=np.where(constant, 0.0, _range(moments, fit_intercept)),
        y_mean=float(centre[-1]),
        y_rest=float(rest[-1]),
        y_scale=float(scale[-1]),
        lowest_noise=float(least / scale[-1]) ** 2,
        centred=fit_intercept,
    )


def _range(moments: Moments, fit_intercept: bool) -> Floats:
    """How far a feature reaches, from its least value or, without an intercept, zero, (B,)."""
    low, high = moments.low[:-1], moments.high[:-1]
    if not fit_intercept:
        low, high = np.minimum(low, 0.0), np.maximum(high, 0.0)
    return high - low


def _least_scale(moments: Moments, fit_intercept: bool) -> float:
    """The least standard deviation that numbers of the target's size, and of its rows, can show."""
    size = float(np.abs(moments.mean[-1])) or 1.0
    if fit_intercept and moments.count <= 1:
        return size
    return _rounding(size) if fit_intercept or not moments.mean[-1] else 0.0


def _rounding(values: Any) -> Any:
    """The distance of neighbours among floats of the size of some numbers, at most."""
    return np.finfo(float).eps * np.abs(values)
