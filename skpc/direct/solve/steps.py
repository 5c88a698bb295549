"""The step of the grid and the shape of the prior with the highest ELBO, by hill climbing.

Axes: B features, K codes.
"""

from collections.abc import Sequence

import numpy as np

from ..model import PRIOR_SHAPES, Problem, State, evaluate
from .mean_field import solve_mean_field
from .options import Options
from .problem import prior_of_shape


def choose_step(problem: Problem, options: Options) -> tuple[Problem, State]:
    """The step and the prior's shape with the highest ELBO, and the state there.

    Parameters
    ----------
    problem : Problem
        With the default step, on a wide grid of the noise.
    options : Options
    """
    search = _StepSearch(problem, options)
    search.move_to(0.0, 0)
    search.walk([-1.0, 1.0])
    shapes = PRIOR_SHAPES[options.prior] if isinstance(options.prior, str) else (0.0,)
    exponent = search.position[0]
    for k, shape in enumerate(shapes[1:], start=1):
        # A prior of another width in codes keeps its width in weights; a spike keeps its step.
        shift = 0.0 if options.prior == "spike" else np.log2(shapes[0] / shape)
        if search.move_to(exponent + round(2 * shift) / 2, k):
            search.walk([-1.0, 1.0])
    search.walk([-0.5, 0.5])
    assert search.state is not None
    chosen = search.problem_at(*search.position)
    return chosen, evaluate(chosen, search.state.theta, search.state.tau)


class _StepSearch:
    """Hill climbing of the ELBO over steps, in powers of two, and shapes of the prior.

    Every solve starts from the best one so far: natural parameters belong to weights, not to
    codes, so they stay good when the step changes.
    """

    def __init__(self, problem: Problem, options: Options) -> None:
        self.problem = problem
        self.options = options
        self.tried: set[tuple[float, int]] = set()
        self.best = -np.inf
        self.position = (0.0, 0)
        self.state: State | None = None

    def problem_at(self, exponent: float, shape: int) -> Problem:
        """The problem with steps of 2**exponent times the default, and a shape of the prior."""
        return self.problem.with_grid(
            step=self.problem.step * 2.0**exponent,
            log_prior=prior_of_shape(self.options.prior, self.problem.codes, shape),
        )

    def move_to(self, exponent: float, shape: int) -> bool:
        """Solve on a grid and go there if it is better than the best so far; whether it is."""
        if (exponent, shape) in self.tried:
            return False
        self.tried.add((exponent, shape))
        problem = self.problem_at(exponent, shape)
        start = self.state and evaluate(problem, self.state.theta, self.state.tau)
        state = solve_mean_field(
            problem,
            solver=self.options.solver,
            start=start,
            max_iter=min(self.options.max_iter, 200),
            tol=1e-4,
            coarse=True,
        ).state
        value = float(state.elbo[0])
        # Smaller rises do not count, or else the search would walk along a plateau.
        if value <= self.best + 1e-2:
            return False
        self.best, self.position, self.state = value, (exponent, shape), state
        return True

    def walk(self, moves: Sequence[float]) -> None:
        """Change the exponent in each direction for as long as the ELBO rises."""
        for move in moves:
            for _ in range(20):
                if not self.move_to(self.position[0] + move, self.position[1]):
                    break
