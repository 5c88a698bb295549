"""Weights of the highest posterior density under a normal prior, by Newton's method.

For two classes the step is exact. For more, the second derivative has (S E)^2 numbers; its products
with directions are enough for conjugate gradients, whose steps the blocks of the scores shorten.

Axes: S scores, E features and a one.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve, cholesky

from ..arrays import Floats
from .likelihood import Sums, curvature_along, sums_at
from .quadratic import Quadratic
from .rows import ClassRows

# Newton steps, steps of conjugate gradients for one of them, and halvings, at most.
STEPS, INNER, HALVINGS = 60, 200, 30
# Decrement, as a share of the objective, at which weights are as good as their digits allow.
LAST_DIGITS = 1e-15
# Share of the middle diagonal that keeps factors from breaking down.
JITTER = 1e-12


@dataclass(frozen=True)
class Optimum:
    """Weights of the highest posterior density.

    Attributes
    ----------
    weights : ndarray (S, E)
    sums : Sums
        Of the rows there.
    penalty : ndarray (E,)
        Prior precision of the weights; 0 for the intercept.
    precision : ndarray (S, E, E)
        Blocks of minus the second derivative of the log posterior.
    objective : float
        Minus the log posterior, up to a constant.
    """

    weights: Floats
    sums: Sums
    penalty: Floats
    precision: Floats
    objective: float

    @property
    def blocks(self) -> Floats:
        """Blocks of minus the second derivative of the rows' log likelihood, (S, E, E)."""
        assert self.sums.blocks is not None
        return self.sums.blocks

    @property
    def gradient(self) -> Floats:
        """Of the log likelihood of the rows, (S, E)."""
        return self.sums.gradient


@dataclass(frozen=True)
class _Objective:
    """Minus the log posterior of rows, earlier rows and a normal prior."""

    rows: ClassRows
    earlier: Quadratic
    penalty: Floats

    def at(self, weights: Floats) -> Optimum:
        """All that a Newton step needs."""
        sums = sums_at(self.rows, weights)
        assert sums.blocks is not None
        precision = sums.blocks + self.earlier.gram
        diagonal = np.arange(weights.shape[1])
        precision[:, diagonal, diagonal] += self.penalty
        return Optimum(weights, sums, self.penalty, precision, self._value(sums.loss, weights))

    def value(self, weights: Floats) -> float:
        """Minus the log posterior."""
        return self._value(sums_at(self.rows, weights, blocks=False).loss, weights)

    def _value(self, loss: float, weights: Floats) -> float:
        prior = 0.5 * float(np.sum(self.penalty * weights**2))
        return loss + prior - self.earlier.value(weights)

    def slope(self, at: Optimum) -> Floats:
        """The gradient of the log posterior, (S, E)."""
        return at.gradient + self.earlier.gradient(at.weights) - self.penalty * at.weights

    def step(self, at: Optimum, slope: Floats) -> Floats:
        """Newton's step, (S, E)."""
        factors = [factor_of(block) for block in at.precision]
        first = _solved(factors, slope)
        if len(factors) == 1:
            return first
        return self._conjugate(at, slope, factors)

    def _conjugate(self, at: Optimum, slope: Floats, factors: list[Floats]) -> Floats:
        """Newton's step by conjugate gradients, preconditioned by the blocks."""
        step, left = np.zeros_like(slope), slope.copy()
        reduced = _solved(factors, left)
        direction, size = reduced, float(np.sum(left * reduced))
        # Steps near the optimum are worth more digits.
        enough = size * min(0.1, (size / max(abs(at.objective), 1e-300)) ** 0.5) ** 2
        for _ in range(INNER):
            product = curvature_along(self.rows, at.weights, direction)
            product += self.earlier.along(direction) + self.penalty * direction
            length = size / float(np.sum(direction * product))
            step, left = step + length * direction, left - length * product
            reduced = _solved(factors, left)
            before, size = size, float(np.sum(left * reduced))
            if size <= enough:
                break
            direction = reduced + (size / before) * direction
        return step


def factor_of(precision: Floats) -> Floats:
    """The upper triangular R with R'R = P, of a P (E, E) that may be singular but for rounding."""
    jitter = JITTER * float(np.median(np.diag(precision)))
    return cholesky(precision + jitter * np.eye(len(precision)), check_finite=False)


def _solved(factors: list[Floats], slope: Floats) -> Floats:
    """P^-1 times a slope, score by score."""
    pairs = zip(factors, slope, strict=True)
    return np.stack([cho_solve((factor, False), one, check_finite=False) for factor, one in pairs])


def optimum(
    rows: ClassRows,
    earlier: Quadratic,
    penalty: Floats,
    start: Floats,
    tol: float = LAST_DIGITS,
) -> Optimum:
    """The highest posterior density, from a start (S, E).

    Parameters
    ----------
    rows : ClassRows
    earlier : Quadratic
        What stands for earlier rows.
    penalty : ndarray (E,)
        Prior precision of the weights; 0 for the intercept.
    start : ndarray (S, E)
    tol : float
        Fall of the objective, as a share of it, that the last step promises.
    """
    objective = _Objective(rows, earlier, penalty)
    at = objective.at(start)
    for _ in range(STEPS):
        slope = objective.slope(at)
        step = objective.step(at, slope)
        promised = float(np.sum(slope * step))
        if not promised > tol * max(abs(at.objective), 1e-300):
            break
        length = _length(objective, at, step, promised)
        if length == 0:
            break
        at = objective.at(at.weights + length * step)
    return at


def _length(objective: _Objective, at: Optimum, step: Floats, promised: float) -> float:
    """The largest of 1, 1/2, 1/4 ... of a step that lowers the objective, or 0."""
    length, slack = 1.0, 1e-14 * abs(at.objective)
    for _ in range(HALVINGS):
        found = objective.value(at.weights + length * step)
        if found <= at.objective - 1e-4 * length * promised + slack:
            return length
        length /= 2
    return 0.0
