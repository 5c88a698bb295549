"""What rounding does to a bound that is made of sums, and a problem about residuals instead.

Axes: B features.
"""

from dataclasses import replace

import numpy as np

from ..arrays import Floats
from ..model import Problem
from ..moments import Residuals
from .rounding import most_probable
from .solution import Solution

# Rounding of sums of squares, in units of the last digit: of sums in blocks, and the drift of a
# sum of so many parts as there are rows (measured: 3, and 0.1 a root of the rows).
BLOCKS, DRIFT = 8.0, 0.25
# Error of the bound, in nats a row, above which residuals are summed in a second pass.
TOLERABLE = 1e-10


def rounding(problem: Problem, mean: Floats) -> float:
    """What rounding may add to E||y - Xw||^2, or take from it, at weights `mean` (B,).

    The terms of y'y - 2 s'b + s'Gs lose digits in proportion to their absolute values.
    """
    size = np.abs(mean)
    terms = problem.square + 2 * size @ np.abs(problem.moment)
    terms += size @ (np.abs(problem.off_diagonal) @ size + problem.diagonal * size)
    digits = BLOCKS + DRIFT * np.sqrt(problem.weight)
    return float(digits * np.finfo(float).eps * terms)


def loss(solution: Solution) -> float:
    """By how many nats rounding may have changed the bound of a mean-field solution."""
    state = solution.state
    precision = float(state.noise.precision[0])
    return 0.5 * precision * rounding(solution.problem, state.posterior.mean[0])


def is_exact(solution: Solution) -> bool:
    """Whether sums have enough digits for the noise of a solution."""
    return loss(solution) <= TOLERABLE * solution.problem.weight


def best_codes(solution: Solution) -> Floats:
    """Most probable codes of a mean-field solution, (B,)."""
    return most_probable(solution.problem.codes, solution.state.posterior.probabilities[0])


def about(problem: Problem, codes: Floats, residuals: Residuals) -> Problem:
    """The same problem about the residuals of codes (B,)."""
    return with_slack(
        replace(
            problem,
            origin=codes,
            moment=residuals.moment,
            square=residuals.square,
        ),
        np.zeros(len(codes)),
    )


def with_slack(problem: Problem, mean: Floats) -> Problem:
    """The same problem, with slack for rounding at weights `mean` (B,)."""
    return replace(problem, slack=rounding(problem, mean))
