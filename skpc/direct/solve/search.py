"""From standardised moments to a fitted model: step, prior's width, noise grid, posterior.

Axes: S starts, B features, K codes, L noise levels.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ..model import grid
from ..model.elbo import Floats, Problem, State, evaluate
from ..model.mixture import Posterior, posterior_of
from ..moments.statistics import Standardised
from .mean_field import Solution, solve
from .mixture import solve_mixture
from .ridge import round_ridge

# Noise variances as shares of the target's: nothing below the first can be told from rounding,
# and above the last the model would be worse than none.
LOWEST, HIGHEST = 1e-12, 4.0


@dataclass(frozen=True)
class Options:
    """What the user decides, in standard units.

    Attributes
    ----------
    n_bits : int
    prior : str or ndarray (K,)
        A name, or log probabilities.
    step : ndarray (B,) or None
        Weight of code 1; None: by the ELBO, or by a ridge regression.
    n_noise_levels : int
    noise_range : tuple of float or None
        Lowest and highest noise variance; None: around the best one.
    solver : str
    max_iter : int
    tol : float
    near_ridge : bool
        Whether steps, and the noise range if there is none, come from a ridge regression.
    n_components : int
        Of the mixture; 1 is mean-field.
    sampling : bool
        Whether the mixture's entropy is estimated from draws at the end, not bounded.
    """

    n_bits: int
    prior: str | Floats
    step: Floats | None
    n_noise_levels: int
    noise_range: tuple[float, float] | None
    solver: str
    max_iter: int
    tol: float
    near_ridge: bool = False
    n_components: int = 1
    sampling: bool = False


@dataclass(frozen=True)
class Fitted:
    """A problem with the grids that were chosen, and its solution.

    Attributes
    ----------
    problem : Problem
    solution : Solution
        Its state is mean-field; its path goes on to the mixture.
    posterior : Posterior
        The mixture, or the state.
    widened : bool
        Whether the noise grid is wider than the user's range.
    """

    problem: Problem
    solution: Solution
    posterior: Posterior
    widened: bool


def fit(data: Standardised, options: Options, random: np.random.RandomState) -> Fitted:
    """Choose the grids, solve, and let a mixture start from there."""
    fitted = _fit_mean_field(data, options, random)
    if options.n_components == 1:
        return fitted
    solution = fitted.solution
    mixed = solve_mixture(
        fitted.problem,
        solution.state,
        options.n_components,
        sampling=options.sampling,
        max_iter=options.max_iter,
        # A mixture gains a few nats, however many rows there are.
        tol=min(options.tol * data.weight, 1e-4),
        random=random,
    )
    solution = replace(
        solution,
        path=solution.path + mixed.path[1:],
        n_iter=solution.n_iter + mixed.n_iter,
        converged=solution.converged and mixed.converged,
    )
    return replace(fitted, solution=solution, posterior=mixed.posterior)


def _fit_mean_field(data: Standardised, options: Options, random: np.random.RandomState) -> Fitted:
    """Choose the grids and solve for independent weights."""
    if options.near_ridge:
        return _fit_near_ridge(data, options, random)
    problem = _problem(data, options)
    warm = None
    if options.step is None:
        problem, warm = _choose_step(problem, options)
    if options.noise_range is None:
        found = warm or solve(problem, solver=options.solver, max_iter=options.max_iter).state
        problem = problem.with_grid(
            noise=_levels_around(float(found.noise.precision[0]), problem.weight, options)
        )
    return _settle(problem, options, warm, random)


def _fit_near_ridge(data: Standardised, options: Options, random: np.random.RandomState) -> Fitted:
    """Solve on the grid of a rounded ridge regression, from its codes and afresh.

    The noise stays in its range: free to rise, it may do so until codes are no longer certain,
    at a higher bound and a worse fit.
    """
    rounded = round_ridge(data, float(grid.integer_codes(options.n_bits).max()))
    problem = _problem(data, replace(options, step=rounded.step))
    if options.noise_range is None:
        noise = _levels_around(1 / rounded.noise, data.weight, options)
        problem = problem.with_grid(noise=noise)
    tau = 1 / float(np.clip(rounded.noise, problem.noise[0], problem.noise[-1]))
    theta = tau * (problem.moment - rounded.weights @ problem.off_diagonal)
    start = evaluate(problem, theta[None], np.array([tau]))
    solution = _best_solution(problem, options, start, random, heat=False)
    return Fitted(problem, solution, posterior_of(solution.state), False)


def _problem(data: Standardised, options: Options) -> Problem:
    """The data with default grids."""
    codes = grid.integer_codes(options.n_bits)
    n_features = len(data.moment)
    diagonal = np.diag(data.gram).copy()
    off_diagonal = data.gram.copy()
    np.fill_diagonal(off_diagonal, 0.0)
    # Uncorrelated features of equal weight would explain the target with a few codes each.
    default = 2.0 / (codes.max() * np.sqrt(n_features))
    if options.noise_range is None:
        noise = grid.noise_levels(LOWEST, HIGHEST, 81)
    else:
        noise = grid.noise_levels(*options.noise_range, options.n_noise_levels)
    return Problem(
        off_diagonal=off_diagonal,
        diagonal=diagonal,
        moment=data.moment,
        square=data.square,
        weight=data.weight,
        codes=codes,
        step=np.full(n_features, default) if options.step is None else options.step,
        log_prior=_log_prior(options.prior, codes, 0),
        noise=noise,
    )


def _log_prior(prior: str | NDArray[np.float64], codes: Floats, k: int) -> Floats:
    """The prior in its k-th shape, (K,)."""
    if isinstance(prior, str):
        return grid.log_prior(prior, codes, grid.SHAPES[prior][k])
    return prior


class _Climb:
    """Hill climbing of the ELBO over steps, in powers of two, and shapes of the prior.

    Every solve starts from the best one so far: natural parameters belong to weights, not to
    codes, so they stay good when the step changes.
    """

    def __init__(self, problem: Problem, options: Options) -> None:
        self.problem = problem
        self.options = options
        self.seen: dict[tuple[float, int], float] = {}
        self.best = -np.inf
        self.at = (0.0, 0)
        self.state: State | None = None

    def grids(self, power: float, shape: int) -> Problem:
        """The problem with step 2**power times the default, and the prior's shape."""
        return self.problem.with_grid(
            step=self.problem.step * 2.0**power,
            log_prior=_log_prior(self.options.prior, self.problem.codes, shape),
        )

    def try_out(self, power: float, shape: int) -> bool:
        """Whether a grid is better than the best so far, which it then is."""
        if (power, shape) in self.seen:
            return False
        problem = self.grids(power, shape)
        start = self.state and evaluate(problem, self.state.theta, self.state.tau)
        state = solve(
            problem,
            solver=self.options.solver,
            start=start,
            max_iter=min(self.options.max_iter, 200),
            tol=1e-4,
            rough=True,
        ).state
        value = self.seen[power, shape] = float(state.elbo[0])
        # A rise has to be seen, lest the climb walks along a plateau of no information.
        if value <= self.best + 1e-2:
            return False
        self.best, self.at, self.state = value, (power, shape), state
        return True

    def walk(self, moves: Sequence[float]) -> None:
        """Go on in each direction for as long as it helps."""
        for move in moves:
            for _ in range(20):
                if not self.try_out(self.at[0] + move, self.at[1]):
                    break


def _choose_step(problem: Problem, options: Options) -> tuple[Problem, State]:
    """The step and the prior's shape with the highest ELBO, and the state there."""
    climb = _Climb(problem, options)
    climb.try_out(0.0, 0)
    climb.walk([-1.0, 1.0])
    shapes = grid.SHAPES[options.prior] if isinstance(options.prior, str) else (0.0,)
    power = climb.at[0]
    for k, shape in enumerate(shapes[1:], start=1):
        # A prior of another width in codes keeps its width in weights; a spike keeps its step.
        shift = 0.0 if options.prior == "spike" else np.log2(shapes[0] / shape)
        if climb.try_out(power + round(2 * shift) / 2, k):
            climb.walk([-1.0, 1.0])
    climb.walk([-0.5, 0.5])
    assert climb.state is not None
    chosen = climb.grids(*climb.at)
    return chosen, evaluate(chosen, climb.state.theta, climb.state.tau)


def _levels_around(precision: float, weight: float, options: Options) -> Floats:
    """A noise grid around a precision, wider than the posterior, (L,)."""
    # Rounded to a lattice: the same rows in other chunks shall have the same grid to the last bit.
    centre = 2.0 ** (round(-8 * np.log2(precision)) / 8)
    # The log of a variance is known to sqrt(2 / n) from n rows.
    reach = max(1.5, np.exp(min(6.0 * np.sqrt(2.0 / weight), 6.0)))
    low = max(centre / reach, LOWEST / 2)
    return grid.noise_levels(low, max(centre, 2 * low) * reach, options.n_noise_levels)


def _settle(
    problem: Problem, options: Options, warm: State | None, random: np.random.RandomState
) -> Fitted:
    """Solve, and widen the noise grid until the posterior is inside."""
    widened = False
    for _ in range(10):
        solution = _best_solution(problem, options, warm, random)
        edge = grid.edge_of(solution.state.noise.probabilities[0])
        low, high = float(problem.noise[0]), float(problem.noise[-1])
        if edge == 0 or (edge < 0 and low <= LOWEST) or (edge > 0 and high >= 1e3 * HIGHEST):
            break
        factor = max(high / low, 4.0)
        low, high = (max(low / factor, LOWEST / 2), high) if edge < 0 else (low, high * factor)
        problem = problem.with_grid(noise=grid.noise_levels(low, high, options.n_noise_levels))
        warm, widened = solution.state, True
    widened = widened and options.noise_range is not None
    return Fitted(problem, solution, posterior_of(solution.state), widened)


def _best_solution(
    problem: Problem,
    options: Options,
    warm: State | None,
    random: np.random.RandomState,
    heat: bool = True,
) -> Solution:
    """The better one of a fresh start and of a warm one, which may be heated."""
    # As many starts as cost about what one does with a thousand features.
    n_starts = int(np.clip(1024 // max(len(problem.moment), 1) - 31, 1, 256))
    run = partial(solve, solver=options.solver, max_iter=options.max_iter, tol=options.tol)
    fresh = run(problem, n_starts=n_starts, random=random)
    if warm is None:
        return fresh
    again = run(problem, start=evaluate(problem, warm.theta, warm.tau), heat=heat)
    return max(fresh, again, key=lambda found: float(found.state.elbo[0]))
