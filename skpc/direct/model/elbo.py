"""The exact ELBO of a mean-field posterior on a grid, from second moments alone.

A weight is step_j * c with an integer code c. At any stationary point the factor of a weight is

    q_j(c) proportional to p(c) exp(theta_j w_jc - (tau / 2) D_j w_jc**2),    w_jc = step_j c,

so that K probabilities are one free number theta_j; tau = E[1 / sigma^2] and D = diag(X'X).

Where the noise is small, sums of squares of y cancel in ||y - Xw||^2. A problem may therefore be
about the residuals of codes o, its origin: y stands for y - X (step o), and a weight for its
distance from there, step_j (c - o_j). Nothing else changes.

Axes: S starts, computed together, B features, K codes, L levels of the noise variance.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from scipy.linalg.blas import dsymv

from ..arrays import Floats


@dataclass(frozen=True)
class Problem:
    """A linear regression in standard units with grids for weights and noise.

    Attributes
    ----------
    off_diagonal : ndarray (B, B)
        X'WX with zeros on its diagonal.
    diagonal : ndarray (B,)
        Diagonal of X'WX.
    moment : ndarray (B,)
        X'Wy.
    square : float
        y'Wy.
    weight : float
        Sum n of the rows' weights.
    codes : ndarray (K,)
        Integers.
    step : ndarray (B,)
        Weight of code 1.
    log_prior : ndarray (K,) or (B, K)
        Of the codes, one for all weights or one each.
    noise : ndarray (L,)
        Levels of the noise variance, of equal prior probability.
    origin : ndarray (B,) or None
        Codes whose residuals `moment` and `square` are of; None: zeros.
    slack : float
        What rounding may have taken from E||y - Xw||^2; it is added there, so that the ELBO stays
        below the evidence.
    """

    off_diagonal: Floats
    diagonal: Floats
    moment: Floats
    square: float
    weight: float
    codes: Floats
    step: Floats
    log_prior: Floats
    noise: Floats
    origin: Floats | None = None
    slack: float = 0.0

    @cached_property
    def offsets(self) -> Floats:
        """Codes less their origin, (B, K), or (1, K) if that is zero."""
        return self.codes[None] if self.origin is None else self.codes - self.origin[:, None]

    @cached_property
    def weights(self) -> Floats:
        """Weights of all codes, from the origin, (B, K)."""
        return self.step[:, None] * self.offsets

    def with_grid(self, **changes: Any) -> "Problem":
        """The same data with another step, prior or noise grid."""
        return replace(self, **changes)

    def cross(self, mean: Floats) -> Floats:
        """G_off s of every start, (S, B), the one product of a step that grows as B squared.

        Parameters
        ----------
        mean : ndarray (S, B)
        """
        if len(mean) != 1 or not mean.size:
            return mean @ self.off_diagonal
        # dsymv reads one triangle only; for a single vector, reading takes most of the time.
        return dsymv(1.0, self.off_diagonal.T, mean[0])[None]


@dataclass(frozen=True)
class Factors:
    """The mean-field posterior of the weights.

    Attributes
    ----------
    probabilities : ndarray (S, B, K)
    mean, variance : ndarray (S, B)
        Of the weights, from the origin.
    log_normaliser : ndarray (S, B)
        Log of the sum over c of p(c) exp(theta w - tau D w**2 / 2).
    """

    probabilities: Floats
    mean: Floats
    variance: Floats
    log_normaliser: Floats


def factors(problem: Problem, theta: Floats, tau: Floats) -> Factors:
    """Posterior of all weights from their natural parameters.

    Parameters
    ----------
    problem : Problem
    theta : ndarray (S, B)
    tau : ndarray (S,)
    """
    codes = problem.offsets
    # In units of the step, so that the codes are integers.
    linear = theta * problem.step
    quadratic = 0.5 * tau[:, None] * problem.diagonal * problem.step**2
    logits = linear[..., None] * codes
    logits -= quadratic[..., None] * codes**2
    logits += problem.log_prior
    largest = logits.max(axis=-1, keepdims=True)
    np.exp(np.subtract(logits, largest, out=logits), out=logits)
    total = logits.sum(axis=-1)
    logits /= total[..., None]
    mean = expected(logits, codes)
    # About the mean: the difference of two squares would lose the digits of small variances.
    variance = (logits * (codes - mean[..., None]) ** 2).sum(axis=-1)
    return Factors(
        probabilities=logits,
        mean=mean * problem.step,
        variance=variance * problem.step**2,
        log_normaliser=np.log(total) + largest[..., 0],
    )


def expected(probabilities: Floats, codes: Floats) -> Floats:
    """Means of codes (B, K) or (1, K) under probabilities (..., B, K), (..., B)."""
    if len(codes) == 1:
        return probabilities @ codes[0]
    return np.einsum("...bk,bk->...b", probabilities, codes)


def expected_error(problem: Problem, mean: Floats, variance: Floats, cross: Floats) -> Floats:
    """E||y - Xw||^2 = y'y - 2 s'b + s'Gs + sum_j D_j v_j, (S,), where `cross` is G_off s.

    It is never too small, see `Problem.slack`.
    """
    error = problem.square - 2 * mean @ problem.moment
    error += ((cross + problem.diagonal * mean) * mean).sum(axis=-1) + variance @ problem.diagonal
    # Rounding may leave a residual of zero slightly below zero.
    return np.maximum(error + problem.slack, 0.0)


@dataclass(frozen=True)
class Noise:
    """The posterior of the noise variance, and its term of the ELBO.

    Attributes
    ----------
    probabilities : ndarray (S, L)
    precision, variance : ndarray (S,)
        E[1 / sigma^2], called tau, and E[sigma^2].
    evidence : ndarray (S,)
        The expected log-likelihood less the divergence of the noise's posterior from its prior.
    """

    probabilities: Floats
    precision: Floats
    variance: Floats
    evidence: Floats


def noise_posterior(problem: Problem, error: Floats) -> Noise:
    """The best posterior of the noise for an expected squared error, in closed form.

    q(sigma^2) is proportional to p(sigma^2) (2 pi sigma^2)^(-n/2) exp(-error / (2 sigma^2)); with
    it the evidence is the log of that sum.

    Parameters
    ----------
    problem : Problem
    error : ndarray (S,)
        E||y - Xw||^2.
    """
    levels = problem.noise
    logits = -0.5 * problem.weight * np.log(2 * np.pi * levels) - 0.5 * error[:, None] / levels
    logits -= np.log(len(levels))
    largest = logits.max(axis=-1, keepdims=True)
    probabilities = np.exp(logits - largest)
    total = probabilities.sum(axis=-1)
    probabilities /= total[:, None]
    return Noise(
        probabilities=probabilities,
        precision=probabilities @ (1 / levels),
        variance=probabilities @ levels,
        evidence=np.log(total) + largest[:, 0],
    )


def elbo(problem: Problem, theta: Floats, tau: Floats, posterior: Factors, noise: Noise) -> Floats:
    """The evidence lower bound, (S,), where `noise` is the best for these factors.

    KL(q_j || p) = theta_j s_j - (tau / 2) D_j E[w_j^2] - log normaliser, since q_j has the form
    above; tau is the one that the factors were made with.
    """
    second = posterior.variance + posterior.mean**2
    divergence = theta * posterior.mean - 0.5 * tau[:, None] * problem.diagonal * second
    divergence -= posterior.log_normaliser
    return noise.evidence - divergence.sum(axis=-1)


@dataclass(frozen=True)
class State:
    """Natural parameters, with the factors, noise and ELBO that follow from them.

    Attributes
    ----------
    theta : ndarray (S, B)
    tau : ndarray (S,)
    posterior : Factors
    noise : Noise
    elbo : ndarray (S,)
    """

    theta: Floats
    tau: Floats
    posterior: Factors
    noise: Noise
    elbo: Floats

    def best(self) -> "State":
        """The start with the highest ELBO alone, S = 1."""
        return self.take([int(np.argmax(self.elbo))])

    def take(self, starts: list[int]) -> "State":
        """The chosen starts alone, in their order."""
        posterior = {name: values[starts] for name, values in vars(self.posterior).items()}
        noise = {name: values[starts] for name, values in vars(self.noise).items()}
        return State(
            self.theta[starts],
            self.tau[starts],
            Factors(**posterior),
            Noise(**noise),
            self.elbo[starts],
        )


def evaluate(problem: Problem, theta: Floats, tau: Floats) -> State:
    """Factors, noise and ELBO of natural parameters (S, B) and their tau (S,)."""
    posterior = factors(problem, theta, tau)
    mean, variance = posterior.mean, posterior.variance
    noise = noise_posterior(problem, expected_error(problem, mean, variance, problem.cross(mean)))
    return State(theta, tau, posterior, noise, elbo(problem, theta, tau, posterior, noise))
