"""The entropy of a mixture beyond the mean entropy of its components.

    H(q) = sum_i a_i H(q_i) + I,    I = sum_i a_i E_i[log q_i(w) - log q(w)],    0 <= I <= H(a).

I is the mutual information between the component and the weights. It alone has no closed form:
`information_bound` is a lower bound, `sampled_information` an unbiased estimate. Both are 0 for one
component, and both return

    by_weights = a_i dI/da_i    and    by_factors = q_ij(c) dI/dq_ij(c),

each up to terms that do not change the gradient by logits of components, or of codes.

Axes: R components (i, k), B features, K codes, S draws.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from ..arrays import Floats
from .draws import draw_codes

Indices = NDArray[np.intp]


@dataclass(frozen=True)
class Information:
    """I, bounded or estimated, and its slopes.

    Attributes
    ----------
    value : float
    by_weights : ndarray (R,)
    by_factors : ndarray (R, B, K)
    """

    value: float
    by_weights: Floats
    by_factors: Floats


def information_bound(log_weights: Floats, log_q: Floats) -> Information:
    """A lower bound from how much the components overlap, two by two.

        I >= -sum_i a_i log sum_k a_k BC_ik,    BC_ik = prod_j sum_c sqrt(q_ij(c) q_kj(c))

    It is exact where components are equal or do not overlap.

    Parameters
    ----------
    log_weights : ndarray (R,)
        Normalised.
    log_q : ndarray (R, B, K)
        Log probabilities of the codes.

    Notes
    -----
    The bound of Kolchinsky and Tracey (2017, "Estimating Mixture Entropy with Pairwise
    Distances", equation 10) with the Bhattacharyya distance. The one that Evans and Nair take
    from Jensen's inequality, with <q_i, q_k> in place of BC and no H(q_i), is below the entropy
    even for one component.

    Examples
    --------
    >>> apart = np.log([[[0.5, 0.5, 1e-99]], [[1e-99, 1e-99, 1.0]]])
    >>> round(information_bound(np.log([0.5, 0.5]), apart).value, 6), round(float(np.log(2)), 6)
    (0.693147, 0.693147)
    """
    root = np.exp(0.5 * log_q).transpose(1, 0, 2)  # (B, R, K)
    overlap = np.maximum(root @ root.transpose(0, 2, 1), np.finfo(float).tiny)  # (B, R, R)
    log_overlap = np.log(overlap)
    log_product = log_overlap.sum(axis=0)
    np.fill_diagonal(log_product, 0.0)
    log_terms = log_weights + log_product
    log_sum = logsumexp(log_terms, axis=1)
    # flow_ik = a_i a_k BC_ik / sum over k of a_k BC_ik; its rows add up to a_i.
    flow = np.exp(log_weights[:, None] + log_terms - log_sum[:, None])
    pull = -0.5 * (flow + flow.T)
    np.fill_diagonal(pull, 0.0)
    weights = np.exp(log_weights)
    return Information(
        value=-float(weights @ log_sum),
        by_weights=-weights * log_sum - flow.sum(axis=0),
        by_factors=(root * ((pull / overlap) @ root)).transpose(1, 0, 2),
    )


def sampled_information(
    log_weights: Floats, log_q: Floats, n_draws: int, random: np.random.RandomState
) -> Information:
    """An unbiased estimate from draws of every component, with unbiased slopes.

    Parameters
    ----------
    log_weights : ndarray (R,)
    log_q : ndarray (R, B, K)
    n_draws : int
        Of each component.
    random : RandomState

    Notes
    -----
    The slope by a factor is its score's, dI/dq_ij(c) = a_i E_i[f_i(w) | w_j = c] with
    f_i = log q_i - log q, where the expectation over w_j is exact and that over the other weights
    is by draws (local expectation gradients, Titsias and Lazaro-Gredilla 2015): a score-function
    gradient, Rao-Blackwellised one weight at a time.
    """
    by_factors = np.zeros_like(log_q)
    value = np.zeros(len(log_q))
    for i in range(len(log_q)):
        for index in _draw(log_q[i], n_draws, random):
            terms = log_weights + _log_likelihoods(log_q, index)
            terms -= terms[i] - log_weights[i]
            value[i] -= logsumexp(terms) / n_draws
            by_factors[i] -= _local(log_q, i, index, terms) / n_draws
        by_factors[i] *= np.exp(log_weights[i] + log_q[i])
    by_weights = np.exp(log_weights) * value
    return Information(float(by_weights.sum()), by_weights, by_factors)


def sampled_information_value(
    log_weights: Floats, log_q: Floats, n_draws: int, random: np.random.RandomState
) -> float:
    """The estimate without its slopes, for many draws."""
    total = 0.0
    for i, log_weight in enumerate(log_weights):
        for index in _draw(log_q[i], n_draws, random):
            log_p = _log_likelihoods(log_q, index)
            total += np.exp(log_weight) * (log_p[i] - logsumexp(log_weights + log_p)) / n_draws
    return float(total)


def _draw(log_factors: Floats, n_draws: int, random: np.random.RandomState) -> Indices:
    """Indices of codes, (S, B), drawn from factors (B, K)."""
    half = log_factors.shape[1] // 2
    return draw_codes(np.exp(log_factors), n_draws, random).astype(np.intp) + half


def _log_likelihoods(log_q: Floats, index: Indices) -> Floats:
    """Log probabilities log q_k(w) of one draw, whose codes have the indices (B,), (R,)."""
    return log_q[:, np.arange(len(index)), index].sum(axis=1)


def _local(log_q: Floats, i: int, index: Indices, terms: Floats) -> Floats:
    """log(q(w) / q_i(w)) with one weight at a time moved to each code, (B, K).

    Parameters
    ----------
    log_q : ndarray (R, B, K)
    i : int
    index : ndarray of integers (B,)
        Of one draw's codes.
    terms : ndarray (R,)
        log(a_k q_k(w) / q_i(w)) of that draw.
    """
    columns = np.arange(len(index))
    ratio = log_q - log_q[i]
    ratio -= ratio[:, columns, index][..., None]
    ratio += terms[:, None, None]
    largest = ratio.max(axis=0)
    return np.log(np.exp(ratio - largest).sum(axis=0)) + largest
