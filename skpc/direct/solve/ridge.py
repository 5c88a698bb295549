"""The ridge regression that codes are rounded from, and its posterior.

Weights are normal a priori, w_j ~ N(0, (s2 / l) u_j^2), in standard units. Which u_j says which
effects are thought alike, and follows from the numbers of each column alone: those of a feature
over its whole range. A column of another unit or zero then has the same predictions, and a feature
that a few rows carry, whose range is many of its standard deviations, is held back.

Axes: B features, P penalties.
"""

from dataclasses import dataclass

import numpy as np

from ..arrays import Floats
from ..moments import Standardised
from .problem import lowest_noise

# Penalties to choose from, as shares of the sum of weights: a lattice, so that the same rows in
# other chunks have the same penalty to the last bit.
PENALTIES = 2.0 ** np.arange(-50.0, 7.25, 0.25)
# Features share a unit where nine in ten are within a factor of four of the median in size, as
# those of splines, indicators, kernels and random functions are by their ranges.
SHARED, ALIKE = 0.9, 4.0
# A feature whose range is below this share of that of the others was all but zero in training.
NEARLY_ZERO = 0.1
# Where half of the features share a unit, one that so many rows carry, and that reaches as many of
# its standard deviations, has the range that these few rows happen to have.
HALF, FEW_ROWS, FAR = 0.5, 3.0, 10.0


@dataclass(frozen=True)
class Ridge:
    """Ridge regression with the penalty of the highest evidence, as a normal posterior.

    Attributes
    ----------
    penalty : ndarray (B,)
        Noise variance s2 over the prior variances of the weights, L.
    noise : float
        Noise variance s2.
    weight : float
        Sum of the rows' weights n.
    freedom : float
        Share of n that the noise is known from: what weights and intercept do not take.
    mean : ndarray (B,)
        Of the weights: m = P^-1 X'y.
    precision : ndarray (B, B)
        P = X'X + diag(L); the posterior's covariance is s2 P^-1.
    root : ndarray (B, B)
        S with S'S = P.
    deviations : ndarray (B, B)
        R with R'R = s2 P^-1.
    """

    penalty: Floats
    noise: float
    weight: float
    freedom: float
    mean: Floats
    precision: Floats
    root: Floats
    deviations: Floats

    def spread_of_each(self) -> Floats:
        """Posterior standard deviations of every weight given all others, (B,)."""
        return np.sqrt(self.noise / np.diag(self.precision))

    def excess(self, weights: Floats) -> float:
        """Relative rise of the expected squared error with other weights (B,) than the mean.

        (w - m)'P(w - m) / (n s2): the mean over the training rows and the posterior, no row needed.
        """
        gap = weights - self.mean
        return max(float(gap @ self.precision @ gap), 0.0) / (self.weight * self.noise)

    def prior_variance(self) -> Floats:
        """Prior variances of the weights (B,), no less than the weights show.

        Where penalties end, for tiny noise, s2 / L would be too small.
        """
        variance = self.noise / self.penalty
        return variance * max(float(np.mean(self.mean**2 / variance)), 1.0)


def prior_units(data: Standardised) -> Floats:
    """Prior standard deviations u of the weights in standard units, up to a factor, (B,).

    A feature of standard deviation d and range r has u = d / r. Where the features share a unit,
    one whose range is far below that of the others has been zero in nearly all rows: it may
    reach a thousand times as far in the next one, so it is held back in proportion. Where half of
    them do, those that a few rows carry are held back so.
    """
    varies = data.x_range > 0
    if not varies.any():
        return np.ones_like(data.x_range)
    span = np.where(varies, data.x_range, 1.0)
    units = np.where(varies, data.x_scale / span, 1.0)
    share = span / np.median(span[varies])
    if share_unit(span[varies]):
        units = units * np.minimum(share / NEARLY_ZERO, 1.0)
    elif share_unit(span[varies], HALF):
        rare = (rows_that_carry(data) < FEW_ROWS) & (span > FAR * data.x_scale)
        units = units * np.where(rare & varies, np.minimum(share, 1.0), 1.0)
    return units


def share_unit(sizes: Floats, least: float = SHARED) -> bool:
    """Whether sizes of features (B,), not zero, are so alike that one unit is behind them.

    At least the share `least` of them are within a factor of four of the median.
    """
    share = sizes / np.median(sizes)
    return float(np.mean((share < ALIKE) & (share > 1 / ALIKE))) >= least


def rows_that_carry(data: Standardised) -> Floats:
    """Rows that the standard deviation d of a feature of range r is from, n (d / r)^2, (B,).

    One for a feature that is the same in all rows but one; infinite for a constant one.
    """
    varies = data.x_range > 0
    share = data.x_scale / np.where(varies, data.x_range, 1.0)
    return np.where(varies, data.weight * share**2, np.inf)


def is_noiseless(data: Standardised, ridge: Ridge) -> bool:
    """Whether the noise of the ridge is the lowest that there is, and the target varies."""
    return data.square > 0.5 * data.weight and ridge.noise <= 1.01 * lowest_noise(data)


@dataclass(frozen=True)
class Axes:
    """Principal axes of features in their prior units, the same for every target.

    Attributes
    ----------
    unit : ndarray (B,)
        Prior standard deviations u, of a mean square of one.
    values : ndarray (B,)
        Eigenvalues g, 0 where no row reaches.
    vectors : ndarray (B, B)
        Of the axes, in columns: diag(u) X'X diag(u) = U diag(g) U'.
    """

    unit: Floats
    values: Floats
    vectors: Floats


def principal_axes(data: Standardised, units: Floats) -> Axes:
    """Eigenvalues and vectors of X'X in prior units (B,), known up to a factor; O(B^3)."""
    # Penalties are shares of a mean square of one.
    varies = np.diag(data.gram) > 0
    unit = units / np.sqrt(np.mean(units[varies] ** 2)) if varies.any() else units
    gram = data.gram * unit
    gram *= unit[:, None]
    values, vectors = np.linalg.eigh(gram)
    nothing = values <= 16 * len(values) * np.finfo(float).eps * values.max(initial=0.0)
    return Axes(unit, np.where(nothing, 0.0, values), vectors)


def best_ridge(data: Standardised, units: Floats, axes: Axes | None = None) -> Ridge:
    """The penalty with the highest evidence, the noise variance at its best for each.

    Parameters
    ----------
    data : Standardised
    units : ndarray (B,)
        Prior standard deviations u of the weights, up to a factor.
    axes : Axes, optional
        From `principal_axes`, where they are known already, of another target.

    Notes
    -----
    In units of u, with X'X = U diag(g) U' and c = U'X'y, the log evidence of a penalty l is, up to
    a constant,

        -(n / 2) log(s(l)) + (1 / 2) sum_j log(l / (g_j + l)),
        s(l) = (y'y - sum_j c_j^2 / (g_j + l)) / n.

    The intercept takes a row, and n is one less with it. Else, with as many features as rows, the
    evidence would rise without end as l falls, and the ridge would pass through every row.
    """
    axes = axes or principal_axes(data, units)
    unit, values, vectors = axes.unit, axes.values, axes.vectors
    # Where no row reaches, it is zero but for rounding, of which a small penalty makes weights.
    along = np.where(values > 0, vectors.T @ (unit * data.moment), 0.0)
    penalties = data.weight * PENALTIES
    n_free = max(data.weight - data.centred, 1.0)
    total = values + penalties[:, None]  # (P, B)
    explained = (along**2 / total).sum(axis=1)
    # Where y is explained up to rounding, a better explanation is no merit of a penalty.
    noise = np.maximum((data.square - explained) / n_free, lowest_noise(data))
    evidence = -0.5 * n_free * np.log(noise)
    evidence += 0.5 * (np.log(penalties)[:, None] - np.log(total)).sum(axis=1)
    best = int(np.argmax(evidence))
    penalty = penalties[best] / unit**2
    precision = data.gram.copy()
    precision[np.diag_indices_from(precision)] += penalty
    taken = float((values / total[best]).sum())
    # By eigenvectors, since with a small penalty P may be singular but for rounding.
    size = np.sqrt(total[best])[:, None]
    return Ridge(
        penalty=penalty,
        noise=float(noise[best]),
        weight=data.weight,
        freedom=max((data.weight - data.centred - taken) / data.weight, 0.0),
        mean=np.where(np.diag(data.gram) > 0, unit * (vectors @ (along / total[best])), 0.0),
        precision=precision,
        root=size * vectors.T / unit,
        deviations=np.sqrt(noise[best]) / size * vectors.T * unit,
    )
