"""The mean-field posterior on a grid near a ridge regression, from the codes it was rounded to.

The prior of a code is that of its name times the ridge's own, the normal density of its weight.

Axes: B features, K codes.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..arrays import Floats
from ..model import (
    PRIOR_SHAPES,
    Problem,
    State,
    evaluate,
    integer_codes,
    noise_levels,
    posterior_of,
)
from ..moments import Standardised
from .mean_field import solve_mean_field
from .options import Options
from .plain_grid import GOOD, MANTISSAS, round_ridge
from .problem import levels_around, lowest_noise, prior_of_shape, problem_on_grid
from .ridge import Ridge
from .rounding import Rounded, rounder
from .solution import Solution

# Steps where zero is likelier a priori than other codes, in standard deviations of a weight given
# the others: with finer ones a weight that may be zero is as well spread over the codes around it.
APART = 2.0


def solve_near_ridge(ridge: Ridge, data: Standardised, options: Options) -> Solution:
    """The posterior on the rounded grid; of several shapes of the prior, of the highest bound.

    The range of the noise is that of the ridge and its standard error: a larger noise variance
    could reach a higher bound with codes that are no longer certain, and a worse fit.
    """
    x_scale = np.where(data.x_range > 0, data.x_scale, 0.0)
    rounded = grid_near(ridge, x_scale, options)
    codes = integer_codes(options.n_bits)
    problem = problem_on_grid(data, replace(options, step=rounded.step))
    # What the codes cannot reach is noise to them.
    noise = ridge.noise * (1 + ridge.excess(rounded.weights))
    levels, widened = _levels(noise, data, options)
    problem = problem.with_grid(noise=levels)
    shapes = PRIOR_SHAPES[options.prior] if isinstance(options.prior, str) else (0.0,)
    solutions = [
        _from_codes(problem, ridge, rounded, prior_of_shape(options.prior, codes, k), options)
        for k in range(len(shapes))
    ]
    best = max(solutions, key=lambda solution: solution.elbo)
    return replace(best, widened=widened)


def grid_near(
    ridge: Ridge,
    x_scale: Floats,
    options: Options,
    good: float = GOOD,
    mantissas: Sequence[int] = MANTISSAS,
) -> Rounded:
    """The grid that the options ask for, near a ridge, and codes on it.

    Parameters
    ----------
    ridge : Ridge
    x_scale : ndarray (B,)
        Standard deviations of the features, 0 of constant ones.
    options : Options
        With `near_ridge`.
    good, mantissas
        As `round_ridge` takes them.
    """
    codes = integer_codes(options.n_bits)
    powers = options.near_ridge == "powers"
    peaked = _is_peaked(prior_of_shape(options.prior, codes, 0))
    least = APART if peaked else 0.0
    return round_ridge(ridge, codes, x_scale, powers, least, good, mantissas)


def _is_peaked(log_prior: Floats) -> bool:
    """Whether zero is likelier a priori than any other code (K,)."""
    zero = len(log_prior) // 2
    return bool(log_prior[zero] > np.delete(log_prior, zero).max())


def _levels(noise: float, data: Standardised, options: Options) -> tuple[Floats, bool]:
    """Levels around a noise variance, or the user's, which are widened to hold it; whether so."""
    lowest = lowest_noise(data)
    if options.noise_range is None:
        n = options.n_noise_levels
        return levels_around(1 / noise, data.weight, n, lowest, deviations=1.0, least=1.0), False
    low, high = options.noise_range
    held = min(low, max(noise, lowest)), max(high, noise)
    return noise_levels(*held, options.n_noise_levels), held != (low, high)


def _from_codes(
    problem: Problem, ridge: Ridge, rounded: Rounded, log_prior: Floats, options: Options
) -> Solution:
    """Solve from the rounded codes, moved to where a prior (K,) would have them."""
    codes = rounder(ridge, problem.codes, log_prior).moved(rounded.codes, rounded.step).codes
    problem = problem.with_grid(log_prior=tilted_prior(problem, ridge, log_prior))
    tau = 1 / float(np.sqrt(problem.noise[0] * problem.noise[-1]))
    theta = tau * (problem.moment - problem.cross((codes * problem.step)[None])[0])
    start = evaluate(problem, theta[None], np.array([tau]))
    return replace(solve_near(problem, options, start), codes=codes)


def tilted_prior(problem: Problem, ridge: Ridge, log_prior: Floats) -> Floats:
    """A prior of codes (K,) times the ridge's normal density of their weights, (B, K)."""
    tilted = log_prior - 0.5 * np.outer(problem.step**2 / ridge.prior_variance(), problem.codes**2)
    tilted -= np.logaddexp.reduce(tilted, axis=1)[:, None]
    return tilted


def held_near(solution: Solution, ridge: Ridge, good: float = GOOD) -> Solution:
    """The solution or, where its mean lost what the codes had, one that is more certain of them.

    It may lose `good` in any case, and twice what the codes lost.

    With many correlated features, factors that are independent of each other may spread over codes
    whose errors no longer cancel: the bound rises, and so does the error of the mean.
    """
    problem, codes = solution.problem, solution.codes
    assert codes is not None  # the grid is near the ridge
    weights, origin = codes * problem.step, np.zeros_like(codes)
    if problem.origin is not None:
        origin = problem.origin * problem.step
    allowed = max(good, 2 * ridge.excess(weights))
    state = solution.state
    tau = float(state.tau[0])
    while ridge.excess(state.posterior.mean[0] + origin) > allowed:
        # At a large tau the factors are certain.
        tau *= 4
        theta = tau * problem.diagonal * (weights - origin)
        state = evaluate(problem, theta[None], np.array([tau]))
    if state is solution.state:
        return solution
    path = [float(state.elbo[0])]
    return replace(solution, state=state, posterior=posterior_of(state), path=path)


def solve_near(problem: Problem, options: Options, start: State) -> Solution:
    """Solve from a state, and from nowhere else: other optima predict worse than codes nearby."""
    return solve_mean_field(
        problem,
        solver=options.solver,
        start=start,
        temper=False,
        max_iter=options.max_iter,
        tol=options.tol,
    )
