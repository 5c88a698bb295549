"""Mixtures to test with, and what enumeration says about them.

Axes: M vectors of codes, R components, B features, K codes, L noise levels.
"""

import numpy as np
from scipy.special import log_softmax, logsumexp

from skpc.direct.model import Mixture


def random_mixture(seed, n_components, problem, spread=1.0) -> Mixture:
    random = np.random.RandomState(seed)
    shape = (n_components, len(problem.step), len(problem.codes))
    return Mixture(
        log_softmax(random.standard_normal(n_components)),
        log_softmax(spread * random.standard_normal(shape), axis=-1),
    )


def joint(mixture: Mixture, indices) -> np.ndarray:
    """log(a_i q_i(w)) of all vectors of codes, (R, M)."""
    columns = np.arange(indices.shape[1])
    log_q = mixture.log_q[:, columns, indices].sum(axis=-1)
    return mixture.log_weights[:, None] + log_q


def information_by_enumeration(mixture: Mixture, indices) -> float:
    """I = E[log q_i(w) - log q(w)]."""
    log_joint = joint(mixture, indices)
    log_q = logsumexp(log_joint, axis=0)
    return float((np.exp(log_joint) * (log_joint - mixture.log_weights[:, None] - log_q)).sum())


def elbo_by_enumeration(every, mixture: Mixture, noise) -> float:
    """E_q[log joint - log q], q over weights (M,) times noise probabilities (L,)."""
    log_q = logsumexp(joint(mixture, every.indices), axis=0)
    q = np.exp(log_q)[:, None] * noise
    with np.errstate(divide="ignore"):
        rest = every.log_joint - log_q[:, None] - np.log(noise)
    return float((q[q > 0] * rest[q > 0]).sum())


def logits_of(mixture: Mixture) -> np.ndarray:
    return np.concatenate([mixture.log_q.ravel(), mixture.log_weights])


def mixture_at(logits, shape) -> Mixture:
    n_factors = len(logits) - shape[0]
    return Mixture(
        log_softmax(logits[n_factors:]),
        log_softmax(logits[:n_factors].reshape(shape), axis=-1),
    )


def by_differences(function, mixture: Mixture, width=1e-5) -> np.ndarray:
    """Gradient of a function of a mixture by all logits, by central differences."""
    logits, shape = logits_of(mixture), mixture.log_q.shape
    moves = width * np.eye(len(logits))
    return np.array(
        [
            (function(mixture_at(logits + m, shape)) - function(mixture_at(logits - m, shape)))
            / (2 * width)
            for m in moves
        ]
    )
