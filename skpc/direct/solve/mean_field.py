"""The search for the best mean-field posterior of a problem on its grid.

Three tools share one state, the natural parameters theta and tau (see `skpc.direct.model.elbo`):

- `climb`: L-BFGS over theta at a fixed tau, whose gradient is v (tau (b - G_off s) - theta);
- `sweep`: coordinate ascent, theta_j = tau (b_j - G_off,j s) for one factor after another;
- `newton`: Newton's method, for the last digits.

Axes: S starts, computed together, B features, K codes.
"""

import numpy as np

from ..model import Problem, State, evaluate, posterior_of
from .ascent import climb, sweep
from .newton import newton
from .solution import Solution
from .starts import full_tau, join, random_starts, small_tau, state_at_zero

SOLVERS = ("auto", "lbfgs", "coordinate")
# Rise of a sweep, in units of the tolerance, below which Newton's method may lead to the optimum.
NEAR = 100


def solve_mean_field(
    problem: Problem,
    *,
    solver: str = "auto",
    start: State | None = None,
    temper: bool = True,
    n_starts: int = 1,
    max_iter: int = 1000,
    tol: float = 1e-6,
    random: np.random.RandomState | None = None,
    coarse: bool = False,
) -> Solution:
    """The best mean-field posterior that the solver reaches.

    Parameters
    ----------
    problem : Problem
    solver : {"auto", "lbfgs", "coordinate"}
        "lbfgs" raises tau over quasi-Newton rounds and ends with sweeps; "coordinate" sweeps
        from the start; "auto" stands for "lbfgs".
    start : State, optional
        S = 1, such as the solution for another step or prior. Without one tau starts near 0.
    temper : bool
        Whether the search goes from `start` to a smaller tau first, so that codes may change.
    n_starts : int
        Further starts at random codes, for sweeps.
    max_iter : int
        Largest number of gradients and sweeps once tau is near its optimum.
    tol : float
        Rise of the ELBO per unit of weight below which a round is the last.
    random : RandomState, optional
        Source of the starts.
    coarse : bool
        Whether to leave out the last digits, as suffices to compare grids.
    """
    run = _Run(problem, solver, max_iter, tol * max(problem.weight, 1.0))
    # A slowly rising tau costs little where the problem is easy, and ends higher where it is not.
    run.begin(start, temper, growth=2.0 if coarse else 1.25)
    if n_starts > 1 and random is not None:
        run.try_random_starts(n_starts, random)
    run.path = [float(run.state.elbo[0])]
    run.refine(coarse)
    return Solution(
        problem=problem,
        state=run.state,
        posterior=posterior_of(run.state),
        path=run.path,
        n_iter=run.n_iter,
        converged=run.converged,
    )


class _Run:
    """One search: a state, the path of its ELBO and the iterations left."""

    def __init__(self, problem: Problem, solver: str, max_iter: int, tol: float) -> None:
        self.problem = problem
        self.by_coordinates = solver == "coordinate"
        self.max_iter = max_iter
        self.tol = tol
        self.state: State
        self.path: list[float] = []
        self.n_iter = 0
        self.converged = False

    def begin(self, start: State | None, temper: bool, growth: float) -> None:
        """The first state: `start` or theta = 0, from which tau is raised to its full value."""
        if self.by_coordinates or (start is not None and not temper):
            self.state = start or state_at_zero(self.problem, full_tau(self.problem))
        else:
            self._temper(start, growth)

    def _temper(self, start: State | None, growth: float) -> None:
        """Raise tau from small to full, a few quasi-Newton steps at each value; keep the best.

        With many rows codes become certain while tau is still small, and later states are worse.
        """
        smallest = small_tau(self.problem)
        # From `start` tau falls only a little: enough for codes to leave a poor local optimum.
        tau = smallest if start is None else max(smallest, float(start.tau[0]) / 16)
        state = state_at_zero(self.problem, tau) if start is None else start
        best: State | None = None
        for _ in range(300):
            state, n = climb(self.problem, state.theta, tau, min(20, self.max_iter))
            self.n_iter += n
            if best is None or state.elbo[0] > best.elbo[0]:
                best = state
            target = float(state.noise.precision[0])
            if target <= 1.01 * tau:
                break
            tau = min(growth * tau, target)
        self.state = best or state

    def try_random_starts(self, n_starts: int, random: np.random.RandomState) -> None:
        """Sweep from random codes as well, all starts together, and keep the best."""
        problem = self.problem
        tau = np.full(n_starts, float(self.state.noise.precision[0]))
        theta = random_starts(problem, tau, random)
        many = join(problem, evaluate(problem, theta, tau), self.state)
        for _ in range(min(30, self.max_iter)):
            before, many = many, sweep(problem, many)
            self.n_iter += 1
            if np.max(many.elbo - before.elbo) <= self.tol:
                break
        self.state = many.best()

    def refine(self, coarse: bool) -> None:
        """Quasi-Newton, Newton and a sweep in turn, until sweeps no longer raise the ELBO.

        Newton's method costs B**3, and far from the optimum it does not converge: it waits until
        sweeps raise the ELBO by little.
        """
        # Iterations of the tempering do not count: a posterior at too small a tau is of no use.
        self.max_iter += self.n_iter
        near = coarse
        while self.n_iter < self.max_iter and not self.converged:
            rising = self._approach()
            if near and not coarse:
                self._newton()
            self.n_iter += 1
            before = float(self.state.elbo[0])
            still = not self._accept(sweep(self.problem, self.state)) and not rising
            self.converged = near and still
            near = near or still or float(self.state.elbo[0]) - before < NEAR * self.tol
        if not coarse:
            self._newton()

    def _approach(self) -> bool:
        """At most 100 quasi-Newton steps or five sweeps; whether the last sweep still rose."""
        if self.by_coordinates:
            n = min(5, self.max_iter - self.n_iter)
            self.n_iter += n
            return [self._accept(sweep(self.problem, self.state)) for _ in range(n)][-1]
        tau = float(self.state.noise.precision[0])
        steps = min(100, self.max_iter - self.n_iter)
        state, n = climb(self.problem, self.state.theta, tau, steps)
        self.n_iter += n
        self._accept(state)
        return False

    def _newton(self) -> None:
        """The last digits, unless they make the ELBO worse by more than rounding."""
        # At the optimum, rounding may lower the ELBO although the step is an improvement.
        slack = 1e-13 * abs(float(self.state.elbo[0]))
        self._accept(newton(self.problem, self.state), slack)

    def _accept(self, state: State, slack: float = 0.0) -> bool:
        """Keep a state that is not worse; whether it is better by the tolerance."""
        rise = float(state.elbo[0] - self.state.elbo[0])
        if rise >= -slack:
            self.state = state
            self.path.append(float(state.elbo[0]))
        return rise > self.tol
