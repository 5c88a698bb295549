"""Integer codes near the mean of a ridge posterior, on a given grid: nearest planes and moves.

With many correlated features and little noise the errors of rounded weights must cancel. So weights
are rounded one after another, and those that are still to be rounded compensate the errors so far
(Babai's nearest plane); then one code at a time moves while that helps. What counts is

    J(w) = (w - m)'P(w - m) - 2 s2 log p(codes),

minus twice s2 the log density of the codes under the ridge's likelihood and the prior of codes.

Axes: B features, K codes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import qr

from ..arrays import Floats
from ..model import Problem
from .ridge import Ridge
from .solution import Solution

# Rounds in which one factor of all steps is fitted to the codes, and codes move again.
ROUNDS = 3

# Relative difference below which two numbers are equal: the same rows in other chunks, or counted
# by weights, must lead to the same codes.
TIE = 1e-9

# A step and a code for a feature and the weight that it would best have.
Round = Callable[[int, float], tuple[float, float]]


@dataclass(frozen=True)
class Rounded:
    """Codes and their steps.

    Attributes
    ----------
    step : ndarray (B,)
        Weights of code 1.
    codes : ndarray (B,)
    loss : float
        J.
    """

    step: Floats
    codes: Floats
    loss: float

    @property
    def weights(self) -> Floats:
        """Codes times steps, (B,)."""
        return self.codes * self.step


@dataclass(frozen=True)
class Rounder:
    """What codes are near to: a ridge posterior, and a prior of the codes.

    Attributes
    ----------
    ridge : Ridge
    codes : ndarray (K,)
    energy : ndarray (K,)
        -2 s2 log p, from its smallest value.
    """

    ridge: Ridge
    codes: Floats
    energy: Floats

    @cached_property
    def order(self) -> NDArray[np.intp]:
        """Features by the size of their weights: they are rounded from the last to the first."""
        size = np.abs(self.ridge.mean)
        unit = TIE * max(size.max(initial=0.0), 1e-300)
        return np.argsort(np.rint(size / unit), kind="stable")

    @cached_property
    def columns(self) -> Floats:
        """A lower triangular C with CC' = P, large weights last so that small ones compensate."""
        triangular = qr(self.ridge.root[:, self.order], mode="r", check_finite=False)[0]
        return np.ascontiguousarray(triangular.T)

    @property
    def largest(self) -> float:
        """Largest code."""
        return float(self.codes[-1])

    def nearest_plane(self, round_one: Round) -> tuple[Floats, Floats]:
        """Codes (B,) and steps (B,) by Babai's nearest plane.

        From the last feature in order to the first, each takes the weight that would be best if
        those before it could compensate freely, and rounds it.
        """
        mean, columns = self.ridge.mean, self.columns
        codes, step = np.zeros_like(mean), np.zeros_like(mean)
        residual = columns.T @ mean[self.order]
        for i in range(len(codes) - 1, -1, -1):
            j = self.order[i]
            step[j], codes[j] = round_one(j, residual[i] / columns[i, i])
            residual[: i + 1] -= columns[i, : i + 1] * (codes[j] * step[j])
        return codes, step

    def rounded(self, codes: Floats, step: Floats) -> Rounded:
        """Codes and steps with their loss."""
        ridge = self.ridge
        distance = ridge.excess(codes * step) * ridge.weight * ridge.noise
        return Rounded(step, codes, distance + float(self.energy[self._index(codes)].sum()))

    def moved(self, codes: Floats, step: Floats) -> Rounded:
        """The codes after single moves, for as long as they lower J."""
        precision = self.ridge.precision
        moves = Moves(precision, np.diag(precision), self.codes, step, self.energy)
        slope = precision @ (codes * step - self.ridge.mean)
        return self.rounded(moves.descend(codes, slope, 1e-9 * self.ridge.noise), step)

    def fitted(self, codes: Floats, step: Floats) -> Rounded:
        """Moves, then a factor of all steps fitted to the codes, and so on while J falls."""
        best = self.moved(codes, step)
        for _ in range(ROUNDS):
            product = self.ridge.precision @ best.weights
            square = float(best.weights @ product)
            if square == 0:
                break
            factor = float(product @ self.ridge.mean) / square
            again = self.moved(best.codes, best.step * factor) if factor > 0 else best
            if not again.loss < best.loss:
                break
            best = again
        return best

    def _index(self, codes: Floats) -> NDArray[np.intp]:
        """Positions of codes (B,) in the grid."""
        return np.rint(codes + self.largest).astype(np.intp)


@dataclass(frozen=True)
class Moves:
    """Moves of one code at a time that lower w'Aw - 2 w'a + the sum of the codes' energies.

    Attributes
    ----------
    matrix : ndarray (B, B)
        A; its diagonal does not count.
    diagonal : ndarray (B,)
        Of A.
    codes : ndarray (K,)
    step : ndarray (B,)
    energy : ndarray (K,) or (B, K)
    """

    matrix: Floats
    diagonal: Floats
    codes: Floats
    step: Floats
    energy: Floats

    def descend(self, codes: Floats, slope: Floats, least: float) -> Floats:
        """Codes (B,) after moves, the best first, of which each lowers the sum by `least`.

        Parameters
        ----------
        codes : ndarray (B,)
        slope : ndarray (B,)
            Aw - a at these codes.
        least : float
        """
        index = np.rint(codes + self.codes[-1]).astype(np.intp)
        features, slope = np.arange(len(codes)), slope.copy()
        energy = np.broadcast_to(self.energy, (len(codes), len(self.codes)))
        for _ in range(20 * len(codes)):
            change = (self.codes - self.codes[index][:, None]) * self.step[:, None]  # (B, K)
            rise = change * (2 * slope[:, None] + self.diagonal[:, None] * change)
            rise += energy - energy[features, index][:, None]
            best = rise.min()
            if not best < -least:
                break
            j, k = divmod(int(np.argmax(rise <= best * (1 - TIE))), len(self.codes))
            move, before = change[j, k], slope[j]
            slope += self.matrix[j] * move
            slope[j] = before + self.diagonal[j] * move
            index[j] = k
        return self.codes[index]


def rounder(ridge: Ridge, codes: Floats, log_prior: Floats | None = None) -> Rounder:
    """A rounder to codes (K,) with log probabilities (K,); None: all alike."""
    if log_prior is None:
        return Rounder(ridge, codes, np.zeros_like(codes))
    return Rounder(ridge, codes, -2 * ridge.noise * (log_prior - log_prior.max()))


def most_probable(codes: Floats, probabilities: Floats) -> Floats:
    """The most probable code (B,) of each weight, of several the one nearest to zero.

    All codes of a column that was constant in training may be as probable; it should add nothing
    where another row has another value.

    Parameters
    ----------
    codes : ndarray (K,)
    probabilities : ndarray (B, K)
    """
    tied = probabilities >= probabilities.max(axis=1, keepdims=True) * (1 - TIE)
    return codes[np.where(tied, np.abs(codes), np.inf).argmin(axis=1)]


def likeliest_codes(solution: Solution) -> Floats:
    """The likeliest codes together that single moves lead to, (B,).

    They start from the codes that a ridge was rounded to, if there are some, and from the most
    probable code of each weight by itself; together the latter need not be likely.
    """
    problem, posterior = solution.problem, solution.posterior
    noise = 1.0 / float(posterior.noise.precision[0])
    energy = -2 * noise * (problem.log_prior - problem.log_prior.max())
    moves = Moves(problem.off_diagonal, problem.diagonal, problem.codes, problem.step, energy)
    origin = np.zeros_like(problem.step) if problem.origin is None else problem.origin
    pooled = np.tensordot(posterior.weights, posterior.probabilities, 1)
    starts = [most_probable(problem.codes, pooled)]
    if solution.codes is not None:
        starts.append(solution.codes)
    ends = []
    for codes in starts:
        slope = _product(problem, (codes - origin) * problem.step) - problem.moment
        codes = moves.descend(codes, slope, 1e-9 * noise)
        weights = (codes - origin) * problem.step
        index = np.rint(codes + problem.codes[-1]).astype(np.intp)
        spent = np.broadcast_to(energy, problem.weights.shape)[np.arange(len(codes)), index].sum()
        value = weights @ (_product(problem, weights) - 2 * problem.moment) + spent
        ends.append((float(value), codes))
    return min(ends, key=lambda end: end[0])[1]


def _product(problem: Problem, weights: Floats) -> Floats:
    """X'X times weights (B,)."""
    return problem.cross(weights[None])[0] + problem.diagonal * weights
