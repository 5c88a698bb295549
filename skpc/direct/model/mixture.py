"""The ELBO of a mixture of mean-field posteriors on a grid.

    q(w, sigma^2) = q(sigma^2) sum_i a_i prod_j q_ij(w_j)

Components share one factor of the noise, so that its best posterior stays in closed form. An
expectation under the mixture is the weighted sum of those under its components: the expected
log-likelihood is exact and takes one product with G a component, no pairs of components. Only the
entropy needs them together (see `information`). Each factor has a free logit for every code: the
best factors of a mixture do not have the form in `elbo`.

Axes: R components (i, k), B features, K codes, L noise levels.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..arrays import Floats
from .elbo import Noise, Problem, State, expected, expected_error, noise_posterior
from .information import Information

# I of log weights (R,) and log factors (R, B, K).
Mixing = Callable[[Floats, Floats], Information]


@dataclass(frozen=True)
class Mixture:
    """Weights and factors, in logarithms and normalised.

    Attributes
    ----------
    log_weights : ndarray (R,)
    log_q : ndarray (R, B, K)
    """

    log_weights: Floats
    log_q: Floats


@dataclass(frozen=True)
class Posterior:
    """What prediction needs of a posterior; mean-field is R = 1.

    Attributes
    ----------
    weights : ndarray (R,)
    probabilities : ndarray (R, B, K)
    mean, variance : ndarray (R, B)
        Of the weights under each component, from the origin of the problem.
    noise : Noise
        S = 1.
    """

    weights: Floats
    probabilities: Floats
    mean: Floats
    variance: Floats
    noise: Noise


@dataclass(frozen=True)
class MixtureElbo:
    """The ELBO of a mixture and its gradient.

    Attributes
    ----------
    posterior : Posterior
    elbo : float
    by_weights : ndarray (R,)
        By the logits of the weights.
    by_factors : ndarray (R, B, K)
        By the logits of the factors.
    """

    posterior: Posterior
    elbo: float
    by_weights: Floats
    by_factors: Floats


def posterior_of(state: State) -> Posterior:
    """A mean-field state, S = 1, as a mixture of one component."""
    q = state.posterior
    return Posterior(np.ones(1), q.probabilities, q.mean, q.variance, state.noise)


def mixture_of(problem: Problem, state: State) -> Mixture:
    """The starts of a state as components, weighted by exp(ELBO)."""
    weights = problem.weights
    tau = state.tau[:, None, None]
    log_q = state.theta[..., None] * weights + problem.log_prior
    log_q -= 0.5 * tau * problem.diagonal[:, None] * weights**2
    log_q -= state.posterior.log_normaliser[..., None]
    return Mixture(state.elbo - np.logaddexp.reduce(state.elbo), log_q)


def mixture_elbo(problem: Problem, mixture: Mixture, mixing: Mixing) -> MixtureElbo:
    """The ELBO and its gradient.

    Parameters
    ----------
    problem : Problem
    mixture : Mixture
    mixing : callable
        I and its slopes: of the bound, or an estimate.

    Notes
    -----
    With E_i the expected squared error under a component,

        ELBO = log sum over levels of p(sigma^2) (2 pi sigma^2)^(-n/2) exp(-sum_i a_i E_i /
               (2 sigma^2)) - sum_i a_i KL(q_i || p) + I,

    where the first term has taken the best posterior of the noise; its slope by E is -tau / 2.
    """
    a, q = np.exp(mixture.log_weights), np.exp(mixture.log_q)
    mean, variance = weight_moments(problem, q)
    cross = problem.cross(mean)
    error = expected_error(problem, mean, variance, cross)
    noise = noise_posterior(problem, np.array([a @ error]))
    tau = float(noise.precision[0])
    shortfall = problem.log_prior - mixture.log_q
    divergence = -(q * shortfall).sum(axis=(1, 2))
    information = mixing(mixture.log_weights, mixture.log_q)
    weights = problem.weights  # (B, K)
    pull = (problem.moment - cross)[..., None] * weights - 0.5 * problem.diagonal[
        :, None
    ] * weights**2
    by_factors = a[:, None, None] * q * (tau * pull + shortfall) + information.by_factors
    by_weights = a * (-0.5 * tau * error - divergence) + information.by_weights
    return MixtureElbo(
        posterior=Posterior(a, q, mean, variance, noise),
        elbo=float(noise.evidence[0] - a @ divergence) + information.value,
        by_weights=by_weights - a * by_weights.sum(),
        by_factors=by_factors - q * by_factors.sum(axis=-1, keepdims=True),
    )


def weight_moments(problem: Problem, probabilities: Floats) -> tuple[Floats, Floats]:
    """Means, from the origin, and variances of the weights under factors (R, B, K), (R, B)."""
    mean = expected(probabilities, problem.offsets)
    variance = (probabilities * (problem.offsets - mean[..., None]) ** 2).sum(axis=-1)
    return mean * problem.step, variance * problem.step**2
