"""The optimisers: from second moments to the best mean-field posterior.

Three tools share one state, the natural parameters theta and tau (see `elbo`):

- `climb`: L-BFGS over theta at a fixed tau, whose gradient is v (tau (b - G_off s) - theta);
- `sweep`: one factor after another set to its optimum, theta_j = tau (b_j - G_off,j s);
- `polish` (in its own file): Newton's method for the last digits.

Axes: S starts side by side, B features, K codes.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from ..model.elbo import Floats, Problem, State, evaluate, factors
from .newton import polish

SOLVERS = ("auto", "lbfgs", "coordinate")
# Rise of a sweep, in units of the tolerance, below which Newton's method may lead to the optimum.
NEAR = 100


@dataclass(frozen=True)
class Solution:
    """The posterior that a solve found.

    Attributes
    ----------
    state : State
        One start, S = 1.
    path : list of float
        ELBO after every round; it never falls.
    n_iter : int
        Evaluations of the gradient and sweeps, all together.
    converged : bool
        Whether the last round raised the ELBO by less than the tolerance.
    """

    state: State
    path: list[float]
    n_iter: int
    converged: bool


def solve(
    problem: Problem,
    *,
    solver: str = "auto",
    start: State | None = None,
    heat: bool = True,
    n_starts: int = 1,
    max_iter: int = 1000,
    tol: float = 1e-6,
    random: np.random.RandomState | None = None,
    rough: bool = False,
) -> Solution:
    """The best mean-field posterior that the solver finds.

    Parameters
    ----------
    problem : Problem
    solver : {"auto", "lbfgs", "coordinate"}
        "lbfgs" raises tau over quasi-Newton rounds and ends with sweeps; "coordinate" sweeps
        from the start; "auto" stands for "lbfgs".
    start : State, optional
        S = 1; for another step or prior, say. Without one tau starts near 0.
    heat : bool
        Whether a given start goes through a smaller tau, so that codes may leave it.
    n_starts : int
        Further starts at random codes, for sweeps.
    max_iter : int
        Largest number of gradients and sweeps once tau is near its optimum.
    tol : float
        Rise of the ELBO per unit of weight below which a round is the last.
    random : RandomState, optional
        Source of the starts.
    rough : bool
        Whether to leave out the last digits, for comparing grids.
    """
    run = _Run(problem, solver, max_iter, tol * max(problem.weight, 1.0))
    # Slow warming costs little where the problem is easy, and ends higher where it is not.
    run.begin(start, heat, growth=2.0 if rough else 1.25)
    if n_starts > 1 and random is not None:
        run.scatter(n_starts, random)
    run.path = [float(run.state.elbo[0])]
    run.refine(rough)
    return Solution(run.state, run.path, run.n_iter, run.converged)


def flat(problem: Problem, tau: float) -> State:
    """The state with theta = 0, S = 1."""
    return evaluate(problem, np.zeros((1, len(problem.moment))), np.array([tau]))


def _full_tau(problem: Problem) -> float:
    """Precision of a noise that explains all of y."""
    largest = problem.noise[-1]
    return 1.0 / min(max(problem.square / problem.weight, problem.noise[0]), largest)


def _small_tau(problem: Problem) -> float:
    """A tau so small that the data do not yet choose a code of any weight."""
    sharpness = float(np.max(problem.diagonal * problem.step**2, initial=0.0))
    return min(0.3 / sharpness, _full_tau(problem)) if sharpness > 0 else _full_tau(problem)


class _Run:
    """One solve: a state, the path of its ELBO and the iterations left."""

    def __init__(self, problem: Problem, solver: str, max_iter: int, tol: float) -> None:
        self.problem = problem
        self.by_coordinates = solver == "coordinate"
        self.max_iter = max_iter
        self.tol = tol
        self.state: State
        self.path: list[float] = []
        self.n_iter = 0
        self.converged = False

    def begin(self, start: State | None, heat: bool, growth: float) -> None:
        """The first state: the given one or theta = 0, and tau raised to full from there."""
        if self.by_coordinates or (start is not None and not heat):
            self.state = start or flat(self.problem, _full_tau(self.problem))
        else:
            self._anneal(start, growth)

    def _anneal(self, start: State | None, growth: float) -> None:
        """Raise tau from small to full, a few quasi-Newton steps at each value; keep the best.

        With many rows codes freeze while tau is still small, and what freezes later is worse.
        """
        small = _small_tau(self.problem)
        # A given start is re-heated only a little: enough to leave codes that got stuck.
        tau = small if start is None else max(small, float(start.tau[0]) / 16)
        state = flat(self.problem, tau) if start is None else start
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

    def scatter(self, n_starts: int, random: np.random.RandomState) -> None:
        """Sweep from random codes as well, side by side, and keep the best."""
        problem = self.problem
        tau = np.full(n_starts, float(self.state.noise.precision[0]))
        theta = scattered(problem, tau, random)
        many = join(problem, evaluate(problem, theta, tau), self.state)
        for _ in range(min(30, self.max_iter)):
            before, many = many, sweep(problem, many)
            self.n_iter += 1
            if np.max(many.elbo - before.elbo) <= self.tol:
                break
        self.state = many.best()

    def refine(self, rough: bool) -> None:
        """Quasi-Newton, Newton and a sweep in turn, until sweeps no longer raise the ELBO.

        Newton's method costs B**3, and far from the optimum it leads nowhere: it waits until
        sweeps raise the ELBO by little.
        """
        # However long the warming took: a posterior at a tau that is too small is of no use.
        self.max_iter += self.n_iter
        near = rough
        while self.n_iter < self.max_iter and not self.converged:
            rising = self._approach()
            if near and not rough:
                self._polish()
            self.n_iter += 1
            before = float(self.state.elbo[0])
            still = not self._accept(sweep(self.problem, self.state)) and not rising
            self.converged = near and still
            near = near or still or float(self.state.elbo[0]) - before < NEAR * self.tol
        if not rough:
            self._polish()

    def _approach(self) -> bool:
        """A hundred quasi-Newton steps, or five sweeps; whether to expect more of them."""
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

    def _polish(self) -> None:
        # At the optimum a step to more digits may cost the ELBO its last one.
        slack = 1e-13 * abs(float(self.state.elbo[0]))
        self._accept(polish(self.problem, self.state), slack)

    def _accept(self, state: State, slack: float = 0.0) -> bool:
        """Keep a state that is not worse; whether it is better by the tolerance."""
        rise = float(state.elbo[0] - self.state.elbo[0])
        if rise >= -slack:
            self.state = state
            self.path.append(float(state.elbo[0]))
        return rise > self.tol


def scattered(problem: Problem, tau: Floats, random: np.random.RandomState) -> Floats:
    """Natural parameters (S, B) that answer random codes, one start for each tau (S,)."""
    codes = random.choice(problem.codes, size=(len(tau), len(problem.moment)))
    # Half of the starts stay nearer to zero, where most good posteriors are.
    codes[::2] *= random.random_sample(len(codes[::2]))[:, None]
    return tau[:, None] * (problem.moment - problem.cross(codes * problem.step))


def join(problem: Problem, a: State, b: State) -> State:
    """The starts of both, side by side."""
    theta, tau = np.concatenate([a.theta, b.theta]), np.concatenate([a.tau, b.tau])
    return evaluate(problem, theta, tau)


def climb(problem: Problem, theta: Floats, tau: float, max_iter: int) -> tuple[State, int]:
    """L-BFGS over theta (1, B) at one tau; the state it ends in and the gradients it took.

    Up to a constant the ELBO at tau is tau s'b - (tau / 2) s'G_off s - theta's + sum_j log Z_j.
    """
    precision = np.array([tau])

    def negative(flat_theta: Floats) -> tuple[float, Floats]:
        """Minus the ELBO at tau and its gradient by theta (B,)."""
        q = factors(problem, flat_theta[None], precision)
        mean = q.mean[0]
        cross = problem.cross(q.mean)[0]
        value = tau * mean @ (problem.moment - 0.5 * cross) - flat_theta @ mean
        gradient = q.variance[0] * (tau * (problem.moment - cross) - flat_theta)
        return -(value + q.log_normaliser.sum()), -gradient

    options = {"maxiter": max(max_iter, 1), "maxfun": 10 * max(max_iter, 1)}
    found = minimize(negative, theta[0], jac=True, method="L-BFGS-B", options=options)
    return evaluate(problem, found.x[None], precision), int(found.nfev)


def sweep(problem: Problem, state: State) -> State:
    """One pass over the features, each factor set to its optimum given the others.

    tau is set to its optimum first; the ELBO cannot fall.
    """
    tau = state.noise.precision
    theta, mean = state.theta.copy(), state.posterior.mean.copy()
    cross = problem.cross(mean)
    codes, squares = problem.codes, problem.codes**2
    sharpness = -0.5 * tau[:, None] * (problem.diagonal * problem.step**2)
    for j, step in enumerate(problem.step):
        theta[:, j] = tau * (problem.moment[j] - cross[:, j])
        logits = np.outer(theta[:, j] * step, codes)
        logits += sharpness[:, j, None] * squares
        logits += problem.log_prior
        logits -= logits.max(axis=1, keepdims=True)
        np.exp(logits, out=logits)
        change = step * (logits @ codes) / logits.sum(axis=1) - mean[:, j]
        if change.any():
            mean[:, j] += change
            cross += change[:, None] * problem.off_diagonal[j]
    return evaluate(problem, theta, tau)
