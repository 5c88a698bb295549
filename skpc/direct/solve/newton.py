"""The last digits of a solve, by Newton's method.

The optimum is a fixed point in theta and tau together,

    theta = tau (b - G_off s)    and    tau = E[1 / sigma^2],

and is solved to rounding, so that the same data in other chunks, or with weights in place of
repeated rows, give the same model.

Axes: B features. All states have S = 1.
"""

from typing import Any

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from ..arrays import Floats
from ..model import Problem, State, evaluate


def newton(problem: Problem, state: State, max_iter: int = 20) -> State:
    """Both equations solved from a state near the optimum: Newton in theta, secant in log tau.

    Far from a maximum the state that is returned may be worse: the caller compares both.
    """
    theta, log_tau = state.theta[0], float(np.log(state.noise.precision[0]))
    factor: Any = None
    last: tuple[float, float] | None = None
    for _ in range(max_iter):
        now, factor = _solve_theta(problem, theta, np.exp(log_tau), factor)
        theta = now.theta[0]
        gap = float(np.log(now.noise.precision[0])) - log_tau
        if factor is None or abs(gap) < 1e-12:
            break
        slope = -1.0
        if last is not None and last[0] != log_tau:
            slope = (gap - last[1]) / (log_tau - last[0])
        last = (log_tau, gap)
        # Where the secant points away from the fixed point, a plain iteration is made instead.
        log_tau += np.clip(-gap / slope if slope < 0 else gap, -1.0, 1.0)
    return now


def _solve_theta(
    problem: Problem, theta: Floats, tau: float, factor: Any, max_iter: int = 60
) -> tuple[State, Any]:
    """Solve theta - tau (b - G_off s) = 0 for theta (B,) at one tau.

    A factorisation is kept for as long as it makes the steps shrink fast. The factor is None where
    there is none: then the state is no maximum.
    """
    last, fresh = np.inf, False
    now = evaluate(problem, theta[None], np.array([tau]))
    for _ in range(max_iter):
        if factor is None:
            factor, fresh = _factorise(problem, now, tau), True
            if factor is None:
                break
        gap = tau * (problem.moment - problem.cross(now.posterior.mean)[0]) - now.theta[0]
        root, cholesky = factor
        inner = root * cho_solve(cholesky, root * gap)
        move = gap - tau * problem.cross(inner[None])[0]
        size = float(np.max(np.abs(move) * problem.step, initial=0.0))
        if not size < 0.5 * last:
            if fresh or size < 1e-9:
                break
            factor, last = None, np.inf
            continue
        fresh = False
        now = evaluate(problem, (now.theta[0] + move)[None], np.array([tau]))
        last = size
    return now, factor


def _factorise(problem: Problem, state: State, tau: float) -> Any:
    """V^1/2 and the Cholesky factor of I + tau V^1/2 G_off V^1/2, or None.

    With V the variances, the Jacobian of theta - tau (b - G_off s) is I + tau G_off V; its
    symmetric form is positive definite at a maximum.
    """
    root = np.sqrt(state.posterior.variance[0])
    jacobian = problem.off_diagonal * (tau * root)
    jacobian *= root[:, None]
    np.fill_diagonal(jacobian, 1.0)
    try:
        return root, cho_factor(jacobian, overwrite_a=True)
    except LinAlgError:
        return None
