"""Sums over rows of the log likelihood of classes, its gradient and its curvature.

Two classes have one score, the log odds of the second, S = 1; more have one each, S = C, and
probabilities are their softmax. In both cases

    gradient_s = sum_i n_i (t_is - p_is) z_i,    block_s = sum_i n_i p_is (1 - p_is) z_i z_i',

where t is 1 for the row's own class, n its weight, and block_s minus the second derivative by the
weights of one score.

Axes: N rows of a block, E features and a one, C classes, S scores.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax

from ..arrays import Floats
from .rows import ClassRows


def n_scores(n_classes: int) -> int:
    """Scores S of so many classes.

    Examples
    --------
    >>> n_scores(2), n_scores(3)
    (1, 3)
    """
    return 1 if n_classes == 2 else n_classes


def targets_of(classes: NDArray[np.intp], n: int) -> Floats:
    """One for a row's own class, (N, S)."""
    if n == 1:
        return classes[:, None].astype(np.float64)
    return (classes[:, None] == np.arange(n)).astype(np.float64)


def shares_of(scores: Floats) -> Floats:
    """Probabilities p of scores, both (N, S): of the second class, or of all."""
    shares: Floats = expit(scores) if scores.shape[1] == 1 else softmax(scores, axis=1)
    return shares


def losses_of(scores: Floats, targets: Floats) -> Floats:
    """Minus the log probability of each row's class, in nats, (N,); scores and targets (N, S)."""
    if scores.shape[1] == 1:
        signed = np.where(targets[:, 0] > 0, -scores[:, 0], scores[:, 0])
        return np.logaddexp(0.0, signed)
    # About the own score, so that a small loss keeps its digits.
    others = scores - (scores * targets).sum(axis=1, keepdims=True)
    top = others.max(axis=1, keepdims=True)
    # The own score's share is exactly one of exp(-top); log1p keeps what the others add.
    rest = np.where(targets > 0, 0.0, np.exp(others - top)).sum(axis=1)
    own = np.exp(-top[:, 0])
    return np.where(top[:, 0] > 0, top[:, 0] + np.log(own + rest), np.log1p(rest))


@dataclass(frozen=True)
class Sums:
    """The loss of all rows at some weights, and its derivatives.

    Attributes
    ----------
    loss : float
        Minus the log likelihood, in nats.
    gradient : ndarray (S, E)
        Of the log likelihood.
    blocks : ndarray (S, E, E) or None
        See above.
    """

    loss: float
    gradient: Floats
    blocks: Floats | None


def sums_at(rows: ClassRows, weights: Floats, *, blocks: bool = True) -> Sums:
    """One pass over the rows at weights (S, E)."""
    n, e = weights.shape
    loss, gradient = 0.0, np.zeros((n, e))
    curved = np.zeros((n, e, e)) if blocks else None
    for z, classes, counts in rows.blocks():
        scores, targets = z @ weights.T, targets_of(classes, n)
        shares = shares_of(scores)
        loss += float(counts @ losses_of(scores, targets))
        gradient += ((targets - shares) * counts[:, None]).T @ z
        if curved is not None:
            for s in range(n):
                root = np.sqrt(counts * shares[:, s] * (1 - shares[:, s]))
                scaled = z * root[:, None]
                curved[s] += scaled.T @ scaled
    return Sums(loss, gradient, curved)


def curvature_along(rows: ClassRows, weights: Floats, direction: Floats) -> Floats:
    """Minus the second derivative at weights, times a direction, all (S, E): one pass."""
    product = np.zeros_like(weights)
    for z, _, counts in rows.blocks():
        shares, change = shares_of(z @ weights.T), z @ direction.T
        if len(weights) == 1:
            bent = shares * (1 - shares) * change
        else:
            bent = shares * (change - (shares * change).sum(axis=1, keepdims=True))
        product += (bent * counts[:, None]).T @ z
    return product
