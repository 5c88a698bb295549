"""The optimisers of a mixture: quasi-Newton for the bound, Adam for sampled entropies.

Axes: R components, B features, K codes, P = R B K + R logits.
"""

from dataclasses import replace
from functools import partial

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax

from ..arrays import Floats
from ..model import (
    Mixture,
    MixtureElbo,
    Posterior,
    Problem,
    evaluate,
    information_bound,
    mixture_elbo,
    mixture_of,
    sampled_information,
    sampled_information_value,
)
from .mixture_start import coarse_logarithm, on_lattice, starting_mixture
from .solution import Solution

# Quasi-Newton steps of a round, and the largest number of Adam's.
ROUND, ADAM_STEPS = 100, 300
# Draws of each component for a step of Adam, whose noise is averaged out over steps, and for a
# reported ELBO, which leaves a standard error of about 0.01 nats.
STEP_DRAWS, REPORT_DRAWS = 1, 1000
# Adam's first step, in logits, and its decay rates.
RATE, DECAY_MEAN, DECAY_SQUARE = 0.02, 0.9, 0.99


def solve_mixture(
    solution: Solution,
    n_components: int,
    *,
    sampling: bool,
    max_iter: int,
    tol: float,
    random: np.random.RandomState,
) -> Solution:
    """The best mixture that the search reaches, or the mean-field posterior if that is best.

    Parameters
    ----------
    solution : Solution
        A mean-field optimum. Its path and its iterations go on.
    n_components : int
        Largest number of components.
    sampling : bool
        Whether to go on from the optimum of the bound with sampled entropies.
    max_iter : int
        Largest number of gradients of either.
    tol : float
        Rise of the ELBO below which a round is the last.
    random : RandomState
        Source of starts and draws.
    """
    problem, state = solution.problem, solution.state
    coarse = on_lattice(problem)
    theta = np.round(state.theta * problem.step * 2.0**20) / 2.0**20 / coarse.step
    optimum = evaluate(coarse, theta, coarse_logarithm(state.tau))
    start = starting_mixture(coarse, optimum, n_components, random)
    mixture, solution = _maximise_bound(solution, coarse, start, max_iter, tol)
    if sampling and len(mixture.log_weights) > 1:
        return _maximise_sampled(solution, coarse, mixture, min(max_iter, ADAM_STEPS), random)
    return solution


def _maximise_bound(
    best: Solution, coarse: Problem, mixture: Mixture, max_iter: int, tol: float
) -> tuple[Mixture, Solution]:
    """Rounds of quasi-Newton steps, each kept if the bound is above the best so far."""
    best_mixture = mixture_of(best.problem, best.state)
    n_iter, converged = 0, len(mixture.log_weights) == 1
    while not converged and n_iter < max_iter:
        mixture, n = climb_bound(coarse, mixture, min(ROUND, max_iter - n_iter))
        n_iter += n
        now = mixture_elbo(best.problem, mixture, information_bound)
        converged = not now.elbo > best.elbo + tol
        if not converged:
            best_mixture = mixture
            best = replace(best, posterior=now.posterior, path=[*best.path, now.elbo])
    return best_mixture, replace(
        best, n_iter=best.n_iter + n_iter, converged=best.converged and converged
    )


def climb_bound(problem: Problem, mixture: Mixture, max_iter: int) -> tuple[Mixture, int]:
    """L-BFGS over all logits; the mixture it ends in and the gradients it took."""
    shape = mixture.log_q.shape

    def negative(logits: Floats) -> tuple[float, Floats]:
        """Minus the bound and its gradient (P,)."""
        now = mixture_elbo(problem, _unpack(logits, shape), information_bound)
        return -now.elbo, -_gradient(now)

    options = {"maxiter": max_iter, "maxfun": 10 * max_iter, "ftol": 1e-13, "gtol": 1e-9}
    result = minimize(negative, _pack(mixture), jac=True, method="L-BFGS-B", options=options)
    return _unpack(result.x, shape), int(result.nfev)


def _maximise_sampled(
    solution: Solution,
    coarse: Problem,
    mixture: Mixture,
    n_steps: int,
    random: np.random.RandomState,
) -> Solution:
    """Adam from the optimum of the bound; the better of both by their estimated ELBO."""
    moved = climb_sampled(coarse, mixture, n_steps, random)
    both = [_estimated(solution.problem, each, random) for each in (mixture, moved)]
    elbo, posterior = max(both, key=lambda estimate: estimate[0])
    return replace(
        solution,
        posterior=posterior,
        path=[*solution.path, max(elbo, solution.elbo)],
        n_iter=solution.n_iter + n_steps,
    )


def _estimated(
    problem: Problem, mixture: Mixture, random: np.random.RandomState
) -> tuple[float, Posterior]:
    """ELBO and posterior; the estimate from draws is used where it is above the bound."""
    now = mixture_elbo(problem, mixture, information_bound)
    a, log_q = mixture.log_weights, mixture.log_q
    sampled = sampled_information_value(a, log_q, REPORT_DRAWS, random)
    return now.elbo + max(sampled - information_bound(a, log_q).value, 0.0), now.posterior


def climb_sampled(
    problem: Problem, mixture: Mixture, n_steps: int, random: np.random.RandomState
) -> Mixture:
    """Adam (Kingma and Ba 2015) over all logits, with steps that shrink linearly to nothing."""
    shape = mixture.log_q.shape
    mixing = partial(sampled_information, n_draws=STEP_DRAWS, random=random)
    logits = _pack(mixture)
    mean, square = np.zeros_like(logits), np.zeros_like(logits)
    for t in range(1, n_steps + 1):
        slope = _gradient(mixture_elbo(problem, _unpack(logits, shape), mixing))
        mean += (1 - DECAY_MEAN) * (slope - mean)
        square += (1 - DECAY_SQUARE) * (slope**2 - square)
        size = RATE * (1 - (t - 1) / n_steps) / (1 - DECAY_MEAN**t)
        logits = logits + size * mean / (np.sqrt(square / (1 - DECAY_SQUARE**t)) + 1e-8)
    return _unpack(logits, shape)


def _pack(mixture: Mixture) -> Floats:
    """Logits of factors, then of weights, (P,)."""
    return np.concatenate([mixture.log_q.ravel(), mixture.log_weights])


def _unpack(logits: Floats, shape: tuple[int, ...]) -> Mixture:
    """The mixture of logits (P,), with factors of a shape (R, B, K)."""
    n_factors = len(logits) - shape[0]
    return Mixture(
        log_softmax(logits[n_factors:]), log_softmax(logits[:n_factors].reshape(shape), axis=-1)
    )


def _gradient(now: MixtureElbo) -> Floats:
    """Gradient by all logits, (P,), in the order of `_pack`."""
    return np.concatenate([now.by_factors.ravel(), now.by_weights])
