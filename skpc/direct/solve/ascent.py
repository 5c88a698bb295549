"""Two ways to raise the ELBO: coordinate ascent, and quasi-Newton at one tau.

Axes: S starts, computed together, B features, K codes.
"""

import numpy as np
from scipy.optimize import minimize

from ..arrays import Floats
from ..model import Problem, State, evaluate, factors


def climb(problem: Problem, theta: Floats, tau: float, max_iter: int) -> tuple[State, int]:
    """L-BFGS over theta (1, B) at one tau; the state it ends in and the gradients it took.

    Up to a constant the ELBO at tau is tau s'b - (tau / 2) s'G_off s - theta's + sum_j log Z_j.
    """
    precision = np.array([tau])

    def negative(theta: Floats) -> tuple[float, Floats]:
        """Minus the ELBO at tau and its gradient by theta (B,)."""
        q = factors(problem, theta[None], precision)
        mean = q.mean[0]
        cross = problem.cross(q.mean)[0]
        value = tau * mean @ (problem.moment - 0.5 * cross) - theta @ mean
        gradient = q.variance[0] * (tau * (problem.moment - cross) - theta)
        return -(value + q.log_normaliser.sum()), -gradient

    options = {"maxiter": max(max_iter, 1), "maxfun": 10 * max(max_iter, 1)}
    result = minimize(negative, theta[0], jac=True, method="L-BFGS-B", options=options)
    return evaluate(problem, result.x[None], precision), int(result.nfev)


def sweep(problem: Problem, state: State) -> State:
    """One pass of coordinate ascent: each factor is set to its optimum with the others fixed.

    tau is set to its optimum first; the ELBO cannot fall.
    """
    tau = state.noise.precision
    theta, mean = state.theta.copy(), state.posterior.mean.copy()
    cross = problem.cross(mean)
    codes = np.broadcast_to(problem.offsets, (len(problem.step), len(problem.codes)))
    squares, log_prior = codes**2, np.broadcast_to(problem.log_prior, codes.shape)
    sharpness = -0.5 * tau[:, None] * (problem.diagonal * problem.step**2)
    for j, step in enumerate(problem.step):
        theta[:, j] = tau * (problem.moment[j] - cross[:, j])
        logits = np.outer(theta[:, j] * step, codes[j])
        logits += sharpness[:, j, None] * squares[j]
        logits += log_prior[j]
        logits -= logits.max(axis=1, keepdims=True)
        np.exp(logits, out=logits)
        change = step * (logits @ codes[j]) / logits.sum(axis=1) - mean[:, j]
        if change.any():
            mean[:, j] += change
            cross += change[:, None] * problem.off_diagonal[j]
    return evaluate(problem, theta, tau)
