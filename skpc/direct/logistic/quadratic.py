"""Quadratic forms in the weights, which stand for rows that are not read again.

Axes: S scores, E features and a one, B features.
"""

from dataclasses import dataclass

import numpy as np

from ..arrays import Floats
from ..moments import Standardised


@dataclass(frozen=True)
class Quadratic:
    """A log likelihood as constant + sum over s of (m_s'w_s - w_s'G_s w_s / 2).

    Attributes
    ----------
    gram : ndarray (S, E, E)
        G.
    moment : ndarray (S, E)
        m.
    constant : float
        In nats.
    """

    gram: Floats
    moment: Floats
    constant: float

    def check(self) -> None:
        """Refuse numbers of a file that are no quadratic form.

        Raises
        ------
        ValueError
        """
        if self.moment.ndim != 2 or self.gram.shape != (*self.moment.shape, self.moment.shape[1]):
            raise ValueError("gram and moment are not (S, E, E) and (S, E).")
        for name, value in vars(self).items():
            if not np.isfinite(value).all():
                raise ValueError(f"{name} is NaN or infinite.")

    def along(self, direction: Floats) -> Floats:
        """G times a direction, (S, E)."""
        return np.einsum("sef,sf->se", self.gram, direction)

    def value(self, weights: Floats) -> float:
        """The log likelihood at weights (S, E)."""
        return self.constant + float(np.sum(weights * (self.moment - 0.5 * self.along(weights))))

    def gradient(self, weights: Floats) -> Floats:
        """Its gradient, (S, E)."""
        return self.moment - self.along(weights)

    def plus(self, other: "Quadratic") -> "Quadratic":
        """Of the rows of both."""
        return Quadratic(
            self.gram + other.gram, self.moment + other.moment, self.constant + other.constant
        )

    def of_weights(self, transform: Floats) -> "Quadratic":
        """The form in weights v, where w = T v with a transform T (E, F)."""
        gram = np.einsum("ef,seg,gh->sfh", transform, self.gram, transform, optimize=True)
        return Quadratic(gram, self.moment @ transform, self.constant)


def nothing(n: int, e: int) -> Quadratic:
    """The form of no rows, for S = n scores and E = e."""
    return Quadratic(np.zeros((n, e, e)), np.zeros((n, e)), 0.0)


def between_units(old: Standardised, new: Standardised) -> Floats:
    """T with w_old = T w_new, (E, E), where weights are of features in standard units.

    The linear predictor is the same: with x = mean + scale z, w_old = w_new scale_old / scale_new,
    and the intercept takes the difference of the means.
    """
    ratio = old.x_scale / new.x_scale
    if not old.centred:
        return np.diag(ratio)
    transform = np.diag(np.append(ratio, 1.0))
    shift = (old.x_mean - new.x_mean) + (old.x_rest - new.x_rest)
    transform[-1, :-1] = shift / new.x_scale
    return transform
