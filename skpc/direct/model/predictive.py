"""A posterior in the units of X and y, and its predictions of new targets.

Axes: N rows, R components, B features, K codes, L noise levels, S draws.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..arrays import Floats
from .draws import draw_mixture

# Numbers of codes of 2 to 8 bits.
CODES = tuple(2**bits - 1 for bits in range(2, 9))
# How far probabilities may be from adding to one.
ROUNDING = 1e-6


@dataclass(frozen=True)
class Predictive:
    """What predictions and draws need of a fitted model; mean-field is R = 1.

    Attributes
    ----------
    centre, spread : ndarray (B,)
        Means that the features were centred on in training, and their standard deviations.
    intercept : float
        Prediction at `centre`.
    step : ndarray (B,)
        Weights of code 1, in units of y per standard deviation of a feature.
    weights : ndarray (R,)
        Of the components.
    probabilities : ndarray (R, B, K)
        Of the codes, under each component.
    mean, variance : ndarray (R, B)
        Of the weights under each component, in units of y per standard deviation of a feature
        (squared).
    codes : ndarray of int8 (B,)
        The likeliest ones together.
    deviations : ndarray (B, B)
        R, where R'R is the covariance of the weights under a ridge regression of the same data, in
        the same units. Independent factors are too certain of weights that depend on each other,
        and of a code that is nearest: they say how draws differ, not how far off the weights are.
    bias : ndarray (B,)
        Mean weights less those of the ridge.
    excess : float
        Relative rise of the expected squared error over the ridge's.
    shortfall : float
        What the noise variance lacks of the expected squared residual of the weights.
    noise_levels, noise_probabilities : ndarray (L,)
        Levels of the noise variance and their posterior probabilities.
    noise_variance : float
        Posterior mean of the noise variance.
    """

    centre: Floats
    spread: Floats
    intercept: float
    step: Floats
    weights: Floats
    probabilities: Floats
    mean: Floats
    variance: Floats
    codes: NDArray[np.int8]
    deviations: Floats
    bias: Floats
    excess: float
    shortfall: float
    noise_levels: Floats
    noise_probabilities: Floats
    noise_variance: float

    def check(self) -> None:
        """Refuse numbers of a file that are no posterior, or do not agree.

        Raises
        ------
        ValueError
        """
        if self.probabilities.ndim != 3 or self.noise_levels.ndim != 1:
            raise ValueError("probabilities are not (R, B, K), or noise_levels not (L,).")
        (r, b, k), noise = self.probabilities.shape, self.noise_levels.shape
        if k not in CODES or min(r, b) < 1 or noise == (0,):
            raise ValueError(f"it has {r} components, {b} features, {k} codes and {noise} levels.")
        shapes = {
            "centre": (b,), "spread": (b,), "step": (b,), "weights": (r,), "mean": (r, b),
            "variance": (r, b), "codes": (b,), "deviations": (b, b), "bias": (b,),
            "noise_probabilities": noise,
        }  # fmt: skip
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} has the shape {getattr(self, name).shape}, not {shape}.")
        for name, value in vars(self).items():
            if not np.isfinite(value).all():
                raise ValueError(f"{name} is NaN or infinite.")
        for name in ("weights", "probabilities", "noise_probabilities"):
            shares = getattr(self, name)
            if (shares < 0).any() or (np.abs(shares.sum(axis=-1) - 1) > ROUNDING).any():
                raise ValueError(f"{name} are negative, or do not add to one.")
        if (np.abs(self.codes.astype(int)) > k // 2).any():
            raise ValueError(f"codes are beyond {k // 2}.")
        for name in ("spread", "step", "noise_levels"):
            if (getattr(self, name) <= 0).any():
                raise ValueError(f"{name} is not above 0.")
        if (self.variance < 0).any() or self.noise_variance < 0 or self.shortfall < 0:
            raise ValueError("a variance is negative.")

    @property
    def n_features(self) -> int:
        """Features B, after the feature map if there is one."""
        return len(self.centre)

    @property
    def n_bits(self) -> int:
        """Bits of a code."""
        return self.probabilities.shape[-1].bit_length()

    def linear_moments(self, features: Floats) -> Floats:
        """Mean and variance of the linear predictor about each component, (N, R, 2).

        The mean is exact. The variance is the ridge's, and what the noise lacks.

        Parameters
        ----------
        features : ndarray (N, B)
        """
        # In standard units, whose squares stay in range where those of a unit of X do not.
        # In one order, so that a table has the same predictions in whichever it is stored.
        z = np.subtract(features, self.centre, order="C")
        z /= self.spread
        mean = z @ self.mean.T + self.intercept
        variance = np.square(z @ self.deviations.T).sum(axis=1) + self.shortfall
        return np.stack([mean, np.broadcast_to(variance[:, None], mean.shape)], axis=-1)

    def variance_of(self, covariances: Floats) -> Floats:
        """Variance of the linear predictor that features of some covariances add, (N, R).

        With C the covariances, m a component's mean weights and S the covariance of the weights,
        it is m'Cm + tr(SC): exact for weights that are independent of the features.

        Parameters
        ----------
        covariances : ndarray (N, B, B)
            In the units of the features.
        """
        standard = covariances / self.spread / self.spread[:, None]
        by_weights = np.einsum("ri,nij,rj->nr", self.mean, standard, self.mean, optimize=True)
        uncertain = np.einsum("nij,ij->n", standard, self.deviations.T @ self.deviations)
        return by_weights + uncertain[:, None]

    def predictions(self, features: Floats, weights: Floats) -> Floats:
        """Linear predictors (N, S) of features (N, B), for weights (B, S) of `draw_weights`."""
        return (features - self.centre) @ weights + self.intercept

    def coefficient_deviations(self) -> Floats:
        """Standard deviations of the true weights about ours, in units of coefficients, (B,)."""
        return np.sqrt(np.square(self.deviations).sum(axis=0) + self.bias**2) / self.spread

    def draw_codes(self, n_draws: int, random: np.random.RandomState) -> NDArray[np.int8]:
        """Codes of every weight, (S, B): each draw chooses a component first."""
        return draw_mixture(self.weights, self.probabilities, n_draws, random)

    def draw_weights(self, n_draws: int, random: np.random.RandomState) -> Floats:
        """Weights (S, B) about the components, in units of y per unit of a feature."""
        mean = self.mean[random.choice(len(self.weights), size=n_draws, p=self.weights)]
        return (mean + random.standard_normal(mean.shape) @ self.deviations) / self.spread

    def draw_noise(self, n_draws: int, random: np.random.RandomState) -> Floats:
        """Variances of targets about the linear predictor, (S,)."""
        levels = random.choice(self.noise_levels, size=n_draws, p=self.noise_probabilities)
        return levels + self.shortfall

    def log_density(self, y: Floats, linear: Floats) -> Floats:
        """Log density of targets, (N,).

        The mixture over components and noise levels is exact; the linear predictor enters each
        component as a normal variable of the mean and variance of `linear_moments`.

        Parameters
        ----------
        y : ndarray (N,)
        linear : ndarray (N, R, 2)
            From `linear_moments`.
        """
        by_component = [
            np.log(weight) + self._log_normal(y, linear[:, i, 0], linear[:, i, 1])
            for i, weight in enumerate(self.weights)
            if weight > 0
        ]
        return np.logaddexp.reduce(by_component, axis=0)

    def _log_normal(self, y: Floats, mean: Floats, variance: Floats) -> Floats:
        """Log density of targets (N,) under one component."""
        possible = self.noise_probabilities > 0
        total = variance[:, None] + self.noise_levels[possible]
        logs = np.log(self.noise_probabilities[possible]) - 0.5 * np.log(2 * np.pi * total)
        # A target too far off for its square has the density 0.
        with np.errstate(over="ignore"):
            logs -= 0.5 * ((y - mean)[:, None] / np.sqrt(total)) ** 2
        return np.logaddexp.reduce(logs, axis=1)


def pool(weights: Floats, mean: Floats, variance: Floats, axis: int) -> tuple[Floats, Floats]:
    """Mean and variance of a mixture: the variance within its components and that between.

    Parameters
    ----------
    weights : ndarray (R,)
    mean, variance : ndarray
        Of the components, which lie along `axis`.

    Examples
    --------
    >>> mean, variance = pool(np.array([0.5, 0.5]), np.array([-1.0, 1.0]), np.array([3.0, 5.0]), 0)
    >>> float(mean), float(variance)
    (0.0, 5.0)
    """
    mean, variance = np.moveaxis(mean, axis, -1), np.moveaxis(variance, axis, -1)
    pooled = mean @ weights
    return pooled, (variance + (mean - pooled[..., None]) ** 2) @ weights
