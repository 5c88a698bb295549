"""Two classes: rounds of weighted second moments and an exact solve on the grid.

For every xi the log likelihood of a row with score h and class y is at least

    (y - 1/2) h - xi / 2 + log sigmoid(xi) - lambda(xi) (h^2 - xi^2),
    lambda(xi) = tanh(xi / 2) / (4 xi),

with equality at h = +-xi (Jaakkola and Jordan 2000, equation 6). It is quadratic in the weights,
so that the posterior on the grid given all xi is that of a regression with the moments X'diag(2 n
lambda)X and X'n(y - 1/2), and the best xi given the posterior is the root of E[h^2]. In turn they
raise one bound of the log evidence.

Axes: N rows of a block, B features, E features and a one, K codes.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import log_expit

from ..arrays import Floats
from ..model import Problem, evaluate
from ..solve import Options, Ridge, Rounded, Solution, held_near, solve_mean_field
from .near import moved, priors_of, problem_of, with_moment
from .quadratic import Quadratic
from .rows import ClassRows

# Turns of intercept and weights in a round, which cost no pass over the rows, and iterations of one
# solve, at most: the next round goes on from there.
TURNS, SOLVE = 2, 50
# Expected relative rise of the log loss by the mean weights at which rounds end, unless the codes
# have half of it: along flat directions the bound would go on rising by little, and the loss too.
HELD = 0.005


@dataclass(frozen=True)
class TwoClasses:
    """The posterior of the weights of two classes.

    Attributes
    ----------
    solution : Solution
        Its path is that of the bound, round by round.
    intercept : float
    quadratic : Quadratic
        The last bound of the rows' log likelihood, without that of earlier rows.
    """

    solution: Solution
    intercept: float
    quadratic: Quadratic


def bound_of(rows: ClassRows, mean: Floats, variance: Floats) -> Quadratic:
    """The best bound of the log likelihood at weights of a mean and variance, (E,) each."""
    e = len(mean)
    gram, moment, constant = np.zeros((e, e)), np.zeros(e), 0.0
    for z, classes, counts in rows.blocks():
        xi = np.sqrt((z @ mean) ** 2 + z**2 @ variance)
        # tanh(xi / 2) / xi, which is 1/2 at 0.
        curved = 0.5 * np.where(xi > 1e-6, np.tanh(xi / 2) / np.where(xi > 0, xi, 1.0), 0.5)
        scaled = z * np.sqrt(counts * curved)[:, None]
        gram += scaled.T @ scaled
        moment += (counts * (classes - 0.5)) @ z
        constant += float(counts @ (log_expit(xi) - 0.5 * xi + 0.5 * curved * xi**2))
    return Quadratic(gram[None], moment[None], constant)


def solve_two_classes(
    rows: ClassRows,
    ridge: Ridge,
    rounded: Rounded,
    intercept: float,
    earlier: Quadratic,
    options: Options,
) -> TwoClasses:
    """The posterior from rounded codes; of several shapes of the prior, of the highest bound.

    Parameters
    ----------
    rows : ClassRows
    ridge : Ridge
        Of the only score.
    rounded : Rounded
    intercept : float
        Of the optimum; the bound moves it.
    earlier : Quadratic
        Bound of the log likelihood of earlier rows.
    options : Options
    """
    b = len(ridge.mean)
    empty = problem_of(np.zeros((b, b)), np.zeros(b), 0.0, rounded.step, options)
    found = [
        _Rounds(rows, earlier, options, ridge, intercept).run(
            moved(rounded, ridge, empty.codes, own).codes, empty.with_grid(log_prior=log_prior)
        )
        for own, log_prior in priors_of(options, empty, ridge)
    ]
    return max(found, key=lambda one: one.solution.elbo)


class _Rounds:
    """Bounds and posteriors in turn."""

    def __init__(
        self,
        rows: ClassRows,
        earlier: Quadratic,
        options: Options,
        ridge: Ridge,
        intercept: float,
    ) -> None:
        self.rows, self.earlier, self.options, self.ridge = rows, earlier, options, ridge
        self.intercept = intercept
        self.has_intercept = earlier.moment.shape[1] > len(ridge.mean)

    def run(self, codes: Floats, grid: Problem) -> TwoClasses:
        """Rounds from codes (B,), on the grid of a problem, until the bound no longer rises."""
        tol = self.options.tol * self.rows.count
        allowed = np.inf
        if self.options.near_ridge is not None:
            allowed = max(HELD, 2 * self.ridge.excess(codes * grid.step))
        mean, variance, theta = codes * grid.step, np.zeros_like(codes), None
        path: list[float] = []
        best: TwoClasses | None = None
        n_iter, converged = 0, False
        while len(path) < self.options.max_iter and not converged:
            own = bound_of(self.rows, self._with_one(mean, True), self._with_one(variance, False))
            solution, n = self._solve(own, grid, mean, theta)
            n_iter += n
            state = solution.state
            mean, variance = state.posterior.mean[0], state.posterior.variance[0]
            if best is not None and self.ridge.excess(mean) > allowed:
                converged = True
                break
            theta = state.theta
            path.append(float(state.elbo[0]))
            converged = len(path) > 1 and path[-1] - path[-2] <= tol
            best = TwoClasses(replace(solution, codes=codes), self.intercept, own)
        assert best is not None  # there is a first round
        ended = replace(best.solution, path=path, n_iter=n_iter, converged=converged)
        if self.options.near_ridge is not None:
            ended = held_near(ended, self.ridge, HELD)
        return replace(best, solution=ended)

    def _with_one(self, values: Floats, is_mean: bool) -> Floats:
        """Means or variances of the weights and the intercept, (E,)."""
        if not self.has_intercept:
            return values
        return np.append(values, self.intercept if is_mean else 0.0)

    def _solve(
        self, own: Quadratic, grid: Problem, mean: Floats, theta: Floats | None
    ) -> tuple[Solution, int]:
        """Intercept and posterior for a bound, in turn, and the iterations that these took."""
        total = own.plus(self.earlier)
        gram, moment, constant = total.gram[0], total.moment[0], total.constant
        b, n_iter = len(mean), 0
        problem = problem_of(gram[:b, :b], moment[:b], constant, grid.step, self.options)
        problem = problem.with_grid(log_prior=grid.log_prior)
        for _ in range(TURNS if self.has_intercept else 1):
            if self.has_intercept:
                own_moment, cross, square = moment[b], gram[:b, b], gram[b, b]
                self.intercept = float((own_moment - cross @ mean) / square)
                at = self.intercept
                problem = with_moment(
                    problem,
                    moment[:b] - at * cross,
                    constant + at * own_moment - 0.5 * at**2 * square,
                )
            if theta is None:
                theta = (problem.moment - problem.cross(mean[None])[0])[None]
            solution = self._posterior(problem, theta)
            theta, mean = solution.state.theta, solution.state.posterior.mean[0]
            n_iter += solution.n_iter
        return solution, n_iter

    def _posterior(self, problem: Problem, theta: Floats) -> Solution:
        """The posterior on the grid, from natural parameters (1, B)."""
        return solve_mean_field(
            problem,
            solver=self.options.solver,
            start=evaluate(problem, theta, np.ones(1)),
            temper=False,
            max_iter=min(SOLVE, self.options.max_iter),
            tol=self.options.tol * self.rows.count,
        )
