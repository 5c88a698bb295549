"""Covariances of the scores of a row under the normal approximation at an optimum.

Axes: N rows, S scores, E features and a one.
"""

from collections.abc import Callable, Iterator

import numpy as np
from scipy.linalg import cho_solve, solve_triangular

from ..arrays import Floats
from .likelihood import shares_of
from .optimum import Optimum, factor_of
from .rows import ClassRows

# Weights of all scores up to which they are taken together: 2,000 squared are 32 MB. With more,
# each score's are taken as given all others', and variances are too large for rows left out.
TOGETHER = 2_000
# Cells of rows of all scores that are made at a time.
CELLS = 4_000_000


def covariances(rows: ClassRows, at: Optimum) -> Callable[[Floats], Floats]:
    """The function from features (N, E) to covariances z'P^-1 z of their scores, (N, S, S).

    Parameters
    ----------
    rows : ClassRows
    at : Optimum
        Of these rows.
    """
    n, e = at.weights.shape
    if n > 1 and n * e <= TOGETHER:
        factor = factor_of(_whole_precision(rows, at))
        inverse = cho_solve((factor, False), np.eye(n * e), check_finite=False)
        return lambda z: _between(z, inverse.reshape(n, e, n, e))
    factors = [factor_of(block) for block in at.precision]
    return lambda z: _within(z, factors)


def _within(z: Floats, factors: list[Floats]) -> Floats:
    """Variances of independent scores, on diagonals."""
    spread = np.zeros((len(z), len(factors), len(factors)))
    for s, factor in enumerate(factors):
        whitened = solve_triangular(factor, z.T, trans=1, check_finite=False)
        spread[:, s, s] = np.square(whitened).sum(axis=0)
    return spread


def _between(z: Floats, inverse: Floats) -> Floats:
    """Covariances by an inverse (S, E, S, E)."""
    n = len(inverse)
    spread = np.empty((len(z), n, n))
    for s in range(n):
        for t in range(s + 1):
            spread[:, s, t] = spread[:, t, s] = np.sum((z @ inverse[s, :, t]) * z, axis=1)
    return spread


def _whole_precision(rows: ClassRows, at: Optimum) -> Floats:
    """Minus the second derivative of the log posterior by the weights of all scores, (S E, S E)."""
    n, e = at.weights.shape
    whole = np.zeros((n * e, n * e))
    for z, shares, counts in _pieces(rows, at):
        each = (shares[:, :, None] * z[:, None, :]).reshape(len(z), n * e)
        whole -= each.T @ (each * counts[:, None])
        for s in range(n):
            block = slice(s * e, (s + 1) * e)
            whole[block, block] += (z * (counts * shares[:, s])[:, None]).T @ z
    for s in range(n):
        block = slice(s * e, (s + 1) * e)
        whole[block, block] += at.precision[s] - at.blocks[s]
    if at.penalty[-1] == 0:
        # The same shift of all intercepts changes nothing, and has no precision of its own.
        shifts = np.ix_(np.arange(e - 1, n * e, e), np.arange(e - 1, n * e, e))
        whole[shifts] += np.trace(whole[shifts]) / n
    return whole


def _pieces(rows: ClassRows, at: Optimum) -> Iterator[tuple[Floats, Floats, Floats]]:
    """Features, probabilities and weights of few rows at a time."""
    size = max(CELLS // at.weights.size, 1)
    for z, _, counts in rows.blocks():
        for start in range(0, len(z), size):
            piece = slice(start, start + size)
            yield z[piece], shares_of(z[piece] @ at.weights.T), counts[piece]
