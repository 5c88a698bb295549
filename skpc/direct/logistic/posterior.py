"""The posterior of all scores in the units of X, and what it says of rows.

Axes: N rows, B features, C classes, S scores (1 for two classes, else C), K codes, D draws.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logsumexp, softmax

from ..arrays import Floats
from ..model import draw_codes

# Numbers of codes of 2 to 8 bits.
CODES = tuple(2**bits - 1 for bits in range(2, 9))
# How far probabilities may be from adding to one.
ROUNDING = 1e-6


@dataclass(frozen=True)
class ClassPosterior:
    """What probabilities and draws need of a fitted model.

    Attributes
    ----------
    centre, spread : ndarray (B,)
        Means that the features were centred on in training, and their standard deviations.
    intercept : ndarray (S,)
        Scores at `centre`.
    step : ndarray (S, B)
        Weights of code 1, in nats of log odds per standard deviation of a feature.
    log_prior : ndarray (S, B, K)
        Of the codes.
    probabilities : ndarray (S, B, K)
        Of the codes.
    mean, variance : ndarray (S, B)
        Of the weights, in the units of `step`.
    codes : ndarray of int8 (S, B)
        The likeliest ones together.
    deviations : ndarray (S, B + 1, B + 1)
        R, where R'R is the covariance of a score's weights and intercept about the unrounded
        optimum, all other scores given.
    bias : ndarray (S, B)
        Mean weights less those of the unrounded optimum.
    excess : ndarray (S,)
        Expected relative rise of the log loss over that of the unrounded optimum.
    """

    centre: Floats
    spread: Floats
    intercept: Floats
    step: Floats
    log_prior: Floats
    probabilities: Floats
    mean: Floats
    variance: Floats
    codes: NDArray[np.int8]
    deviations: Floats
    bias: Floats
    excess: Floats

    def check(self) -> None:
        """Refuse numbers of a file that are no posterior, or do not agree.

        Raises
        ------
        ValueError
        """
        if self.probabilities.ndim != 3:
            raise ValueError("probabilities are not (S, B, K).")
        s, b, k = self.probabilities.shape
        if k not in CODES or min(s, b) < 1 or s == 2:
            raise ValueError(f"it has {s} scores, {b} features and {k} codes.")
        shapes = {
            "centre": (b,), "spread": (b,), "intercept": (s,), "step": (s, b),
            "log_prior": (s, b, k), "mean": (s, b), "variance": (s, b), "codes": (s, b),
            "deviations": (s, b + 1, b + 1), "bias": (s, b), "excess": (s,),
        }  # fmt: skip
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} has the shape {getattr(self, name).shape}, not {shape}.")
        for name, value in vars(self).items():
            if not np.isfinite(value).all():
                raise ValueError(f"{name} is NaN or infinite.")
        for name, shares in (("probabilities", self.probabilities), ("log_prior", self.prior)):
            if (shares < 0).any() or (np.abs(shares.sum(axis=-1) - 1) > ROUNDING).any():
                raise ValueError(f"{name} are negative, or do not add to one.")
        if (np.abs(self.codes.astype(int)) > k // 2).any():
            raise ValueError(f"codes are beyond {k // 2}.")
        if (self.spread <= 0).any() or (self.step <= 0).any() or (self.variance < 0).any():
            raise ValueError("spread or step is not above 0, or a variance is negative.")

    @property
    def prior(self) -> Floats:
        """Prior probabilities of the codes, (S, B, K)."""
        with np.errstate(over="ignore"):
            return np.exp(self.log_prior)

    @property
    def n_features(self) -> int:
        """Features B, after the feature map if there is one."""
        return len(self.centre)

    @property
    def n_bits(self) -> int:
        """Bits of a code."""
        return self.probabilities.shape[-1].bit_length()

    @property
    def coefficients(self) -> Floats:
        """Mean weights in the units of X, (S, B)."""
        return self.mean / self.spread

    def coefficient_deviations(self) -> Floats:
        """Standard deviations of the true weights about `coefficients`, (S, B)."""
        variance = np.square(self.deviations[:, :, :-1]).sum(axis=1)
        return np.sqrt(variance + self.bias**2) / self.spread

    def scores(self, features: Floats) -> Floats:
        """Scores of the mean weights, (N, S)."""
        z = self._standard(features)
        return z[:, :-1] @ self.mean.T + self.intercept

    def score_moments(self, features: Floats) -> Floats:
        """Mean and variance of the scores, (N, S, 2)."""
        z = self._standard(features)
        mean = z[:, :-1] @ self.mean.T + self.intercept
        variance = np.stack([np.square(z @ one.T).sum(axis=1) for one in self.deviations], axis=1)
        return np.stack([mean, variance], axis=-1)

    def draw_codes(self, n_draws: int, random: np.random.RandomState) -> NDArray[np.int8]:
        """Codes of every weight, (D, S, B)."""
        s, b, k = self.probabilities.shape
        drawn = draw_codes(self.probabilities.reshape(s * b, k), n_draws, random)
        return drawn.reshape(n_draws, s, b)

    def _standard(self, features: Floats) -> Floats:
        """Features in standard units and a one, (N, B + 1)."""
        # In one order, so that a table has the same scores in whichever it is stored.
        z = np.ones((len(features), len(self.centre) + 1))
        np.subtract(features, self.centre, out=z[:, :-1])
        z[:, :-1] /= self.spread
        return z


def probabilities_of(scores: Floats) -> Floats:
    """Probabilities of the classes (N, C) at scores (N, S).

    Examples
    --------
    >>> probabilities_of(np.array([[0.0]]))
    array([[0.5, 0.5]])
    """
    if scores.shape[1] == 1:
        return np.concatenate([expit(-scores), expit(scores)], axis=1)
    shares: Floats = softmax(scores, axis=1)
    return shares


def log_odds_of(moments: Floats) -> Floats:
    """Mean and variance of the log odds of each class against all others, (N, C, 2).

    For two classes the log odds are a score. Of more they are the score less the log of the sum of
    the others' exponentials, whose variance is that of its tangent, with independent scores.

    Parameters
    ----------
    moments : ndarray (N, S, 2)
        Of the scores.
    """
    mean, variance = moments[..., 0], moments[..., 1]
    if mean.shape[1] == 1:
        both = np.concatenate([-mean, mean], axis=1)
        return np.stack([both, np.broadcast_to(variance, both.shape)], axis=-1)
    odds = np.empty_like(moments)
    for c in range(mean.shape[1]):
        others = np.delete(mean, c, axis=1)
        total = logsumexp(others, axis=1, keepdims=True)
        shares = np.exp(others - total)
        odds[:, c, 0] = mean[:, c] - total[:, 0]
        odds[:, c, 1] = variance[:, c] + (shares**2 * np.delete(variance, c, axis=1)).sum(axis=1)
    return odds
