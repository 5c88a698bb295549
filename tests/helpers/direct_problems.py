"""Small problems, and their enumeration: every vector of codes, every noise level.

Axes: M vectors of codes, B features, L noise levels.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np

from skpc.direct import Problem
from skpc.direct.model import integer_codes, named_log_prior, noise_levels


def random_problem(
    seed: int, n_features: int = 3, n_bits: int = 2, n_rows: int = 6, prior: str = "uniform"
) -> tuple[Problem, np.ndarray, np.ndarray]:
    """A problem with its rows x (n, B) and y (n,)."""
    random = np.random.RandomState(seed)
    x = random.standard_normal((n_rows, n_features)) @ random.standard_normal(
        (n_features, n_features)
    )
    codes = integer_codes(n_bits)
    step = random.uniform(0.2, 0.8, n_features)
    y = x @ (random.choice(codes, n_features) * step) + 0.5 * random.standard_normal(n_rows)
    return problem_of(x, y, codes, step, named_log_prior(prior, codes, 0.4)), x, y


def problem_of(x, y, codes, step, log_prior, noise=None) -> Problem:
    gram = x.T @ x
    noise = noise_levels(0.05, 5.0, 4) if noise is None else noise
    diagonal = np.diag(gram).copy()
    return Problem(
        off_diagonal=gram - np.diag(diagonal),
        diagonal=diagonal,
        moment=x.T @ y,
        square=float(y @ y),
        weight=float(len(y)),
        codes=codes,
        step=step,
        log_prior=log_prior,
        noise=noise,
    )


@dataclass
class Enumeration:
    """All vectors of codes as indices (M, B) and weights (M, B), with log joints (M, L)."""

    indices: np.ndarray
    weights: np.ndarray
    log_prior: np.ndarray
    log_joint: np.ndarray

    @property
    def log_evidence(self) -> float:
        return float(np.logaddexp.reduce(self.log_joint, axis=None))


def enumerate_all(problem: Problem, x: np.ndarray, y: np.ndarray) -> Enumeration:
    n_codes, n_levels = len(problem.codes), len(problem.noise)
    indices = np.array(list(product(range(n_codes), repeat=len(problem.step))))
    weights = problem.codes[indices] * problem.step
    error = ((y - weights @ x.T) ** 2).sum(axis=1)
    log_prior = problem.log_prior[indices].sum(axis=1)
    log_likelihood = (
        -0.5 * len(y) * np.log(2 * np.pi * problem.noise) - 0.5 * error[:, None] / problem.noise
    )
    return Enumeration(
        indices, weights, log_prior, log_likelihood + log_prior[:, None] - np.log(n_levels)
    )


def elbo_by_enumeration(every: Enumeration, probabilities, noise) -> float:
    """E_q[log joint - log q] for factors (B, K) and noise probabilities (L,)."""
    columns = np.arange(probabilities.shape[0])
    q = probabilities[columns, every.indices].prod(axis=1)
    joint = q[:, None] * noise
    safe = joint > 0
    return float((joint[safe] * (every.log_joint[safe] - np.log(joint[safe]))).sum())
