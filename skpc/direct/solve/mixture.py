"""The optimisers of a mixture: quasi-Newton for the bound, Adam for sampled entropies.

Axes: R components, B features, K codes, P = R B K + R logits.
"""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax

from ..model.elbo import Floats, Problem, State, evaluate
from ..model.information import bound, estimate, estimate_value
from ..model.mixture import Ascent, Mixture, Posterior, ascend, mixture_of, posterior_of
from .mixture_start import begin, coarse_logarithm, on_lattice

# Quasi-Newton steps of a round, and the largest number of Adam's.
ROUND, ADAM_STEPS = 100, 300
# Draws of each component for a step of Adam, whose noise is averaged out over steps, and for a
# reported ELBO, which leaves a standard error of about 0.01 nats.
STEP_DRAWS, REPORT_DRAWS = 1, 1000
# Adam's first step, in logits, and its decay rates.
RATE, DECAY_MEAN, DECAY_SQUARE = 0.02, 0.9, 0.99


@dataclass(frozen=True)
class Mixed:
    """What the search found.

    Attributes
    ----------
    mixture : Mixture
    posterior : Posterior
        Of the mixture.
    path : list of float
        ELBO of the mean-field start and after every round; it never falls.
    n_iter : int
        Gradients.
    converged : bool
        Whether the last round raised the bound by less than the tolerance.
    """

    mixture: Mixture
    posterior: Posterior
    path: list[float]
    n_iter: int
    converged: bool


def solve_mixture(
    problem: Problem,
    state: State,
    n_components: int,
    *,
    sampling: bool,
    max_iter: int,
    tol: float,
    random: np.random.RandomState,
) -> Mixed:
    """The best mixture that the search finds, or the mean-field posterior if that is best.

    Parameters
    ----------
    problem : Problem
    state : State
        A mean-field optimum, S = 1.
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
    calm = on_lattice(problem)
    theta = np.round(state.theta * problem.step * 2.0**20) / 2.0**20 / calm.step
    start = begin(calm, evaluate(calm, theta, coarse_logarithm(state.tau)), n_components, random)
    plain = Mixed(mixture_of(problem, state), posterior_of(state), [float(state.elbo[0])], 0, True)
    mixed = _maximise_bound(problem, calm, start, plain, max_iter, tol)
    if sampling and len(mixed.mixture.log_weights) > 1:
        return _maximise_sampled(problem, calm, mixed, min(max_iter, ADAM_STEPS), random)
    return mixed


def _maximise_bound(
    problem: Problem, calm: Problem, mixture: Mixture, best: Mixed, max_iter: int, tol: float
) -> Mixed:
    """Rounds of quasi-Newton steps, each kept if the bound is above the best so far."""
    n_iter, converged = 0, len(mixture.log_weights) == 1
    while not converged and n_iter < max_iter:
        mixture, n = climb_bound(calm, mixture, min(ROUND, max_iter - n_iter))
        n_iter += n
        found = ascend(problem, mixture, bound)
        converged = not found.elbo > best.path[-1] + tol
        if not converged:
            best = Mixed(mixture, found.posterior, [*best.path, found.elbo], n_iter, False)
    return replace(best, n_iter=n_iter, converged=converged)


def climb_bound(problem: Problem, mixture: Mixture, max_iter: int) -> tuple[Mixture, int]:
    """L-BFGS over all logits; the mixture it ends in and the gradients it took."""
    shape = mixture.log_q.shape

    def negative(logits: Floats) -> tuple[float, Floats]:
        """Minus the bound and its gradient (P,)."""
        now = ascend(problem, _unpack(logits, shape), bound)
        return -now.elbo, -_gradient(now)

    options = {"maxiter": max_iter, "maxfun": 10 * max_iter, "ftol": 1e-13, "gtol": 1e-9}
    found = minimize(negative, _pack(mixture), jac=True, method="L-BFGS-B", options=options)
    return _unpack(found.x, shape), int(found.nfev)


def _maximise_sampled(
    problem: Problem, calm: Problem, mixed: Mixed, n_steps: int, random: np.random.RandomState
) -> Mixed:
    """Adam from the optimum of the bound; the better of both by their estimated ELBO."""
    moved = climb_sampled(calm, mixed.mixture, n_steps, random)
    found = [(*_estimated(problem, mixture, random), mixture) for mixture in (mixed.mixture, moved)]
    elbo, posterior, mixture = max(found, key=lambda each: each[0])
    path = [*mixed.path, max(elbo, mixed.path[-1])]
    return replace(
        mixed, mixture=mixture, posterior=posterior, path=path, n_iter=mixed.n_iter + n_steps
    )


def _estimated(
    problem: Problem, mixture: Mixture, random: np.random.RandomState
) -> tuple[float, Posterior]:
    """ELBO and posterior; where draws say less than the bound, which holds, the bound."""
    now = ascend(problem, mixture, bound)
    a, log_q = mixture.log_weights, mixture.log_q
    sampled = estimate_value(a, log_q, REPORT_DRAWS, random)
    return now.elbo + max(sampled - bound(a, log_q).value, 0.0), now.posterior


def climb_sampled(
    problem: Problem, mixture: Mixture, n_steps: int, random: np.random.RandomState
) -> Mixture:
    """Adam (Kingma and Ba 2015) over all logits, with steps that shrink linearly to nothing."""
    shape = mixture.log_q.shape
    mixing = partial(estimate, n_draws=STEP_DRAWS, random=random)
    logits = _pack(mixture)
    mean, square = np.zeros_like(logits), np.zeros_like(logits)
    for t in range(1, n_steps + 1):
        slope = _gradient(ascend(problem, _unpack(logits, shape), mixing))
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


def _gradient(now: Ascent) -> Floats:
    """By all logits, (P,)."""
    return np.concatenate([now.by_factors.ravel(), now.by_weights])
