"""From standardised moments to a solved regression: step, prior's width, noise grid, posterior.

Axes: S starts, B features, K codes, L noise levels.
"""

from dataclasses import replace
from functools import partial

import numpy as np

from ..model import Problem, State, edge_of, evaluate, integer_codes, noise_levels
from ..moments import Standardised
from .mean_field import solve_mean_field
from .mixture import solve_mixture
from .options import Options
from .problem import HIGHEST, LOWEST, levels_around, problem_on_grid
from .ridge import round_ridge
from .solution import Solution
from .steps import choose_step


def solve_regression(
    data: Standardised, options: Options, random: np.random.RandomState
) -> Solution:
    """Choose the grids, solve for the mean field, and from there for a mixture if there is one.

    Parameters
    ----------
    data : Standardised
    options : Options
    random : RandomState
        Source of starts and draws.
    """
    solution = _solve_independent(data, options, random)
    if options.n_components == 1:
        return solution
    return solve_mixture(
        solution,
        options.n_components,
        sampling=options.sampling,
        max_iter=options.max_iter,
        # A mixture gains no more than several nats, however many rows there are.
        tol=min(options.tol * data.weight, 1e-4),
        random=random,
    )


def _solve_independent(
    data: Standardised, options: Options, random: np.random.RandomState
) -> Solution:
    """Choose the grids and solve for independent weights."""
    if options.near_ridge:
        return _solve_near_ridge(data, options, random)
    problem = problem_on_grid(data, options)
    warm = None
    if options.step is None:
        problem, warm = choose_step(problem, options)
    if options.noise_range is None:
        state = (
            warm
            or solve_mean_field(problem, solver=options.solver, max_iter=options.max_iter).state
        )
        precision = float(state.noise.precision[0])
        problem = problem.with_grid(
            noise=levels_around(precision, problem.weight, options.n_noise_levels)
        )
    return _widen_noise(problem, options, warm, random)


def _solve_near_ridge(
    data: Standardised, options: Options, random: np.random.RandomState
) -> Solution:
    """Solve on the grid of a rounded ridge regression, from its codes and from a fresh start.

    The range of the noise is not widened: a larger noise variance could reach a higher bound with
    codes that are no longer certain, and a worse fit.
    """
    rounded = round_ridge(data, float(integer_codes(options.n_bits).max()))
    problem = problem_on_grid(data, replace(options, step=rounded.step))
    if options.noise_range is None:
        noise = levels_around(1 / rounded.noise, data.weight, options.n_noise_levels)
        problem = problem.with_grid(noise=noise)
    tau = 1 / float(np.clip(rounded.noise, problem.noise[0], problem.noise[-1]))
    theta = tau * (problem.moment - rounded.weights @ problem.off_diagonal)
    start = evaluate(problem, theta[None], np.array([tau]))
    return _best_solution(problem, options, start, random, temper=False)


def _widen_noise(
    problem: Problem, options: Options, warm: State | None, random: np.random.RandomState
) -> Solution:
    """Solve, and widen the noise grid until the posterior is inside."""
    widened = False
    for _ in range(10):
        solution = _best_solution(problem, options, warm, random)
        edge = edge_of(solution.state.noise.probabilities[0])
        low, high = float(problem.noise[0]), float(problem.noise[-1])
        if edge == 0 or (edge < 0 and low <= LOWEST) or (edge > 0 and high >= 1e3 * HIGHEST):
            break
        factor = max(high / low, 4.0)
        low, high = (max(low / factor, LOWEST / 2), high) if edge < 0 else (low, high * factor)
        problem = problem.with_grid(noise=noise_levels(low, high, options.n_noise_levels))
        warm, widened = solution.state, True
    return replace(solution, widened=widened and options.noise_range is not None)


def _best_solution(
    problem: Problem,
    options: Options,
    warm: State | None,
    random: np.random.RandomState,
    temper: bool = True,
) -> Solution:
    """The better one of a fresh start and of a warm one, which may be tempered."""
    # As many starts as cost about what one does with a thousand features.
    n_starts = int(np.clip(1024 // max(len(problem.moment), 1) - 31, 1, 256))
    run = partial(
        solve_mean_field, solver=options.solver, max_iter=options.max_iter, tol=options.tol
    )
    fresh = run(problem, n_starts=n_starts, random=random)
    if warm is None:
        return fresh
    again = run(problem, start=evaluate(problem, warm.theta, warm.tau), temper=temper)
    return max(fresh, again, key=lambda solution: float(solution.state.elbo[0]))
