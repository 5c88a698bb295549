"""From standardised moments to a solved regression: step, prior's width, noise grid, posterior.

Axes: S starts, B features, K codes, L noise levels.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from ..arrays import Floats
from ..model import (
    Problem,
    State,
    edge_of,
    evaluate,
    noise_levels,
    posterior_of,
)
from ..moments import Residuals, Standardised
from .mean_field import solve_mean_field
from .mixture import solve_mixture
from .near_ridge import held_near, solve_near, solve_near_ridge
from .options import Options
from .precision import about, best_codes, is_exact, with_slack
from .problem import HIGHEST, coarse_levels, levels_around, lowest_noise, problem_on_grid
from .ridge import Ridge, best_ridge, prior_units
from .solution import Solution
from .starts import full_tau
from .steps import choose_step

# Passes over the rows for residuals, at most: the codes of a pass may not be the best yet.
MOST_PASSES = 3


def solve_regression(
    data: Standardised,
    options: Options,
    random: np.random.RandomState,
    residuals: Callable[[Floats], Residuals] | None = None,
    ridge: Ridge | None = None,
) -> Solution:
    """Choose the grids, solve for the mean field, and from there for a mixture if there is one.

    Parameters
    ----------
    data : Standardised
    options : Options
    random : RandomState
        Source of starts and draws.
    residuals : callable, optional
        Sums over the residuals of weights (B,) in standard units. It is called where the noise is
        so small that it drowns in the rounding of `data`. Without it the bound is lowered by as
        much as rounding may have raised it.
    ridge : Ridge, optional
        The ridge regression of the data, for a grid near it; without it, it is computed.
    """
    if options.near_ridge is not None:
        ridge = ridge or best_ridge(data, prior_units(data))
        solution = solve_near_ridge(ridge, data, options)
    else:
        ridge = None
        solution = _solve_independent(data, options, random)
    if residuals is not None:
        solution = _solve_residuals(solution, data, options, random, residuals)
    solution = _below_evidence(solution, data, options, random)
    if ridge is not None:
        solution = held_near(solution, ridge)
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


def _solve_residuals(
    solution: Solution,
    data: Standardised,
    options: Options,
    random: np.random.RandomState,
    residuals: Callable[[Floats], Residuals],
) -> Solution:
    """Solve again about the residuals of the best codes, until rounding no longer matters."""
    for _ in range(MOST_PASSES):
        if is_exact(solution):
            break
        codes = best_codes(solution)
        problem = about(solution.problem, codes, residuals(codes * solution.problem.step))
        again = _solve_at_origin(problem, data, options, random)
        solution = replace(again, codes=solution.codes, widened=again.widened or solution.widened)
    return solution


def _below_evidence(
    solution: Solution, data: Standardised, options: Options, random: np.random.RandomState
) -> Solution:
    """The solution, or another one whose slack is no less than the rounding of its bound."""
    problem = with_slack(solution.problem, solution.state.posterior.mean[0])
    if problem.slack <= solution.problem.slack:
        return solution
    state = evaluate(problem, solution.state.theta, solution.state.tau)
    if is_exact(solution):
        # Too little to move the optimum.
        change = float(state.elbo[0]) - solution.elbo
        return replace(
            solution,
            problem=problem,
            state=state,
            posterior=posterior_of(state),
            path=[*(elbo + change for elbo in solution.path[:-1]), float(state.elbo[0])],
        )
    again = _solve_from(problem, data, options, state, random)
    return replace(again, codes=solution.codes, widened=again.widened or solution.widened)


def _solve_at_origin(
    problem: Problem, data: Standardised, options: Options, random: np.random.RandomState
) -> Solution:
    """Solve about an origin, with a noise range of its own if it is to be chosen."""
    coarse = problem
    if options.near_ridge is not None:
        tau = np.array([full_tau(problem)])
        start = evaluate(problem, np.zeros((1, len(problem.moment))), tau)
        return _solve_from(problem, data, options, start, random)
    if options.noise_range is None:
        coarse = problem.with_grid(noise=coarse_levels(lowest_noise(data)))
    tau = np.array([full_tau(coarse)])
    start = evaluate(coarse, np.zeros((1, len(problem.moment))), tau)
    if options.noise_range is None:
        problem = problem.with_grid(noise=_levels(problem, start, data, options))
    return _solve_from(problem, data, options, start, random)


def _solve_from(
    problem: Problem,
    data: Standardised,
    options: Options,
    start: State,
    random: np.random.RandomState,
) -> Solution:
    """Solve on the grid of a problem, from a state and, where it was free, from a fresh start."""
    if options.near_ridge is not None:
        return solve_near(problem, options, start)
    return _widen_noise(problem, data, options, start, random)


def _levels(problem: Problem, state: State, data: Standardised, options: Options) -> Floats:
    """A noise grid around the precision of a state."""
    return levels_around(
        float(state.noise.precision[0]), problem.weight, options.n_noise_levels, lowest_noise(data)
    )


def _solve_independent(
    data: Standardised, options: Options, random: np.random.RandomState
) -> Solution:
    """Choose the grids and solve for independent weights."""
    problem = problem_on_grid(data, options)
    warm = None
    if options.step is None:
        problem, warm = choose_step(problem, options)
    if options.noise_range is None:
        state = (
            warm
            or solve_mean_field(problem, solver=options.solver, max_iter=options.max_iter).state
        )
        problem = problem.with_grid(noise=_levels(problem, state, data, options))
    return _widen_noise(problem, data, options, warm, random)


def _widen_noise(
    problem: Problem,
    data: Standardised,
    options: Options,
    warm: State | None,
    random: np.random.RandomState,
) -> Solution:
    """Solve, and widen the noise grid until the posterior is inside, or it ends where it may."""
    lowest, widened = lowest_noise(data), False
    for _ in range(10):
        solution = _best_solution(problem, options, warm, random)
        edge = edge_of(solution.state.noise.probabilities[0])
        low, high = float(problem.noise[0]), float(problem.noise[-1])
        if edge == 0 or (edge < 0 and low <= lowest) or (edge > 0 and high >= HIGHEST):
            break
        factor = max(high / low, 4.0)
        low, high = (
            (max(low / factor, lowest), high) if edge < 0 else (low, min(high * factor, HIGHEST))
        )
        problem = problem.with_grid(noise=noise_levels(low, high, options.n_noise_levels))
        warm, widened = solution.state, True
    return replace(solution, widened=widened and options.noise_range is not None)


def _best_solution(
    problem: Problem,
    options: Options,
    warm: State | None,
    random: np.random.RandomState,
) -> Solution:
    """The better one of a fresh start and of a warm one, which is tempered."""
    # As many starts as cost about what one does with a thousand features.
    n_starts = int(np.clip(1024 // max(len(problem.moment), 1) - 31, 1, 256))
    run = partial(
        solve_mean_field, solver=options.solver, max_iter=options.max_iter, tol=options.tol
    )
    fresh = run(problem, n_starts=n_starts, random=random)
    if warm is None:
        return fresh
    again = run(problem, start=evaluate(problem, warm.theta, warm.tau))
    return max(fresh, again, key=lambda solution: float(solution.state.elbo[0]))
