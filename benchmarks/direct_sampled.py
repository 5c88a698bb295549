"""Ways of fitting by samples, for comparison with DIRECT; written from their equations.

Axes: B features, K codes, L noise levels, S draws.
"""

import time

import numpy as np
from scipy.special import log_softmax

from skpc.direct import Problem
from skpc.direct.model import draw_codes, expected_error, weight_moments
from skpc.direct.moments import Standardised


class Adam:
    """Steps of Adam (Kingma and Ba 2015) up a gradient."""

    def __init__(self, size: float) -> None:
        self.size, self.t, self.mean, self.square = size, 0, 0.0, 0.0

    def step(self, gradient):
        self.t += 1
        self.mean = 0.9 * self.mean + 0.1 * gradient
        self.square = 0.999 * self.square + 0.001 * gradient**2
        root = np.sqrt(self.square / (1 - 0.999**self.t)) + 1e-8
        return self.size * self.mean / (1 - 0.9**self.t) / root


def exact_elbo(problem: Problem, log_q, noise) -> float:
    """ELBO of factors (B, K) and noise probabilities (L,)."""
    q = np.exp(log_q)
    mean, variance = weight_moments(problem, q[None])
    error = expected_error(problem, mean, variance, problem.cross(mean))
    possible, n = noise > 0, problem.weight
    levels = problem.noise[possible]
    value = -0.5 * n * np.log(2 * np.pi * levels) - 0.5 * error / levels
    value -= np.log(len(problem.noise)) + np.log(noise[possible])
    return float(noise[possible] @ value + (q * (problem.log_prior - log_q)).sum())


def reinforce(problem: Problem, n_draws: int, n_steps: int, size: float, seed=0):
    """Score-function gradients of the ELBO of the same mean-field posterior, by Adam.

    The running mean of the integrand is the control variate. Returns iterations, seconds and
    exact ELBOs at about 200 points; seconds leave out the exact ELBOs.
    """
    random = np.random.RandomState(seed)
    shape = (len(problem.step), len(problem.codes))
    logits = np.zeros(shape[0] * shape[1] + len(problem.noise))
    adam, baseline, trace, seconds = Adam(size), None, [], 0.0
    for k in range(n_steps + 1):
        log_q = log_softmax(logits[: shape[0] * shape[1]].reshape(shape), axis=1)
        log_noise = log_softmax(logits[shape[0] * shape[1] :])
        if k % max(n_steps // 200, 1) == 0:
            trace.append((k, seconds, exact_elbo(problem, log_q, np.exp(log_noise))))
        start = time.process_time()
        values, scores = _draws(problem, log_q, log_noise, n_draws, random)
        baseline = values.mean() if baseline is None else baseline
        gradient = (values - baseline) @ scores / n_draws
        baseline = 0.9 * baseline + 0.1 * values.mean()
        logits = logits + adam.step(gradient)
        seconds += time.process_time() - start
    return np.array(trace)


def _draws(problem, log_q, log_noise, n_draws, random):
    """log p(y, w, sigma^2) - log q of draws (S,), and the scores of log q (S, B K + L)."""
    q, noise = np.exp(log_q), np.exp(log_noise)
    index = draw_codes(q, n_draws, random).astype(int) + len(problem.codes) // 2
    level = random.choice(len(noise), size=n_draws, p=noise)
    w = problem.codes[index] * problem.step
    error = expected_error(problem, w, np.zeros_like(w), problem.cross(w))
    variance = problem.noise[level]
    columns = np.arange(len(q))
    values = -0.5 * problem.weight * np.log(2 * np.pi * variance) - 0.5 * error / variance
    values += (problem.log_prior[index] - log_q[columns, index]).sum(axis=1)
    values -= np.log(len(noise)) + log_noise[level]
    scores = np.broadcast_to(-np.append(q.ravel(), noise), (n_draws, q.size + len(noise))).copy()
    rows = np.arange(n_draws)
    scores[rows[:, None], columns * q.shape[1] + index] += 1.0
    scores[rows, q.size + level] += 1.0
    return values, scores


def reparam(data: Standardised, deviation: float, n_steps: int = 5000, size=0.01, seed=0):
    """Means (B,) of a normal mean-field posterior by reparameterised gradients and Adam.

    w ~ N(0, deviation^2) and log sigma^2 ~ N(0, 2^2), both with normal factors; one draw a step,
    whose likelihood comes from the moments of all rows. Means are averaged over the last half.
    """
    random = np.random.RandomState(seed)
    n_features = len(data.moment)
    # Means and log deviations in units of the prior, so that one step size suits all.
    center, spread = np.zeros(n_features + 1), np.full(n_features + 1, np.log(0.1))
    scale = np.append(np.full(n_features, deviation), 2.0)
    adam, average = Adam(size), np.zeros(n_features)
    for k in range(n_steps):
        adam.size = size * (1 - k / n_steps)
        noise = random.standard_normal(n_features + 1)
        draw = scale * (center + np.exp(spread) * noise)
        w, precision = draw[:-1], np.exp(-draw[-1])
        cross = data.gram @ w
        error = data.square + w @ (cross - 2 * data.moment)
        slope = np.append(
            precision * (data.moment - cross), 0.5 * (precision * error - data.weight)
        )
        slope *= scale
        by_center = slope - center
        by_spread = slope * np.exp(spread) * noise - np.exp(2 * spread) + 1
        move = adam.step(np.append(by_center, by_spread))
        center, spread = center + move[: n_features + 1], spread + move[n_features + 1 :]
        average += (k >= n_steps // 2) * center[:-1] * deviation / (n_steps - n_steps // 2)
    return average
