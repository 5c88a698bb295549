"""DIRECT as published: L-BFGS-B over the logits of all probabilities at once, for comparison.

Written from the paper's equations. Axes: B features, K codes, L noise levels.
"""

import time

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax

from skpc.direct import Problem


def published(problem: Problem, ftol: float, max_iter: int = 5000) -> tuple[float, int]:
    """ELBO and number of gradients of quasi-Newton over B K + L logits, all 0 at the start.

    Random logits, and noise logits that are best for the first weights, ended no higher.
    """
    result = _minimise(problem, ftol, max_iter)
    return -result.fun, result.nfev


def _minimise(problem, ftol, max_iter, callback=None):
    shape = (len(problem.step), len(problem.codes))
    start = np.zeros(shape[0] * shape[1] + len(problem.noise))
    return minimize(
        lambda logits: _negative(problem, shape, logits),
        start,
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": max_iter, "maxfun": 2 * max_iter, "ftol": ftol},
        callback=callback,
    )


def published_path(problem: Problem, ftol: float, max_iter: int = 5000) -> np.ndarray:
    """Iterations, seconds of one core and ELBO after each of them."""
    rows, start = [], time.process_time()

    def note(intermediate_result):
        rows.append((len(rows) + 1, time.process_time() - start, -intermediate_result.fun))

    _minimise(problem, ftol, max_iter, callback=note)
    return np.array(rows)


def _negative(problem, shape, logits):
    """Negative ELBO and its gradient."""
    log_q = log_softmax(logits[: shape[0] * shape[1]].reshape(shape), axis=1)
    log_noise = log_softmax(logits[shape[0] * shape[1] :])
    q, noise = np.exp(log_q), np.exp(log_noise)
    weights = problem.step[:, None] * problem.codes
    mean = (q * weights).sum(axis=1)
    cross = problem.off_diagonal @ mean
    error = problem.square + mean @ (cross - 2 * problem.moment)
    error += problem.diagonal @ (q * weights**2).sum(axis=1)
    tau = noise @ (1 / problem.noise)
    per_level = -0.5 * problem.weight * np.log(2 * np.pi * problem.noise)
    per_level -= 0.5 * error / problem.noise + np.log(len(noise)) + log_noise
    value = noise @ per_level - (q * (log_q - problem.log_prior)).sum()
    slope = tau * ((problem.moment - cross)[:, None] * weights)
    slope -= 0.5 * tau * problem.diagonal[:, None] * weights**2 + log_q - problem.log_prior
    slope = q * (slope - (q * slope).sum(axis=1, keepdims=True))
    noise_slope = noise * (per_level - noise @ per_level)
    return -value, -np.concatenate([slope.ravel(), noise_slope])
