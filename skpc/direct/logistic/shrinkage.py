"""How strongly weights are held back: by the loss of rows that are left out, one at a time.

No row is left out in fact. At the optimum, a Newton step without a row changes its own scores by

    g_i (p_i - t_i),    g_i = r_i h_i (1 - r_i W_i h_i)^-1,

where h_i (S, S) is the covariance z_i' P^-1 z_i of its scores, W_i minus the second derivative of
its log likelihood by them, and r_i what the row counts for, one at most (Rad and Maleki 2020,
equation 11). There its loss is that of a new row. Where classes are nearly separable, few rows lose
anything, and which penalty is best is a matter of chance: that weights have prior deviations beyond
one a standard deviation of a feature is therefore held to be rare, see `WIDE`.

Axes: N rows, S scores, E features and a one, B features.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..arrays import Floats
from .covariance import covariances
from .likelihood import losses_of, shares_of, targets_of
from .optimum import LAST_DIGITS, Optimum, optimum
from .quadratic import Quadratic
from .rows import ClassRows

# Penalties are 2**k: from those that hold no weight back to those at which none moves.
LEAST, MOST = -16, 30
# Strides of the search, in octaves.
STRIDES = (4, 2, 1)
# Accuracy of an optimum that is compared with others.
COARSE = 1e-8
# Octaves by which penalties are below one at half a nat of prior probability, of a half-normal
# density. On training rows of breast cancer and wine, 2 and 3 lost less than 1 and no such prior.
WIDE = 2.0


@dataclass(frozen=True)
class Chosen:
    """A penalty, the optimum with it, and what rows left out lose there.

    Attributes
    ----------
    at : Optimum
    left_out : float
        Mean loss of rows left out, in nats a row.
    """

    at: Optimum
    left_out: float


def left_out_losses(rows: ClassRows, at: Optimum) -> tuple[Floats, Floats]:
    """Losses of rows that are left out, in nats, and the rows' weights, (N,) each; see above."""
    parts = [
        (losses_of(without, targets), counts) for _, targets, counts, without in _left_out(rows, at)
    ]
    losses, weights = zip(*parts, strict=True)
    return np.concatenate(losses), np.concatenate(weights)


def left_out_precision(rows: ClassRows, at: Optimum) -> Floats:
    """Blocks (S, E, E) of P with the rows' second derivatives where they are left out.

    New rows are less certain than those of training, and what rounding costs them is larger.
    """
    precision = at.precision - at.blocks
    for z, _, counts, without in _left_out(rows, at):
        shares = shares_of(without)
        for s, share in enumerate(shares.T):
            scaled = z * np.sqrt(counts * share * (1 - share))[:, None]
            precision[s] += scaled.T @ scaled
    return precision


def _left_out(rows: ClassRows, at: Optimum) -> Iterator[tuple[Floats, ...]]:
    """Features, targets, weights, and scores (N, S) without the own row, by blocks."""
    n = len(at.weights)
    covariance = covariances(rows, at)
    for z, classes, counts in rows.blocks():
        scores, targets = z @ at.weights.T, targets_of(classes, n)
        shares = shares_of(scores)
        spread = np.minimum(counts, 1.0)[:, None, None] * covariance(z)
        yield z, targets, counts, scores + _change(spread, shares, targets)


def _change(spread: Floats, shares: Floats, targets: Floats) -> Floats:
    """Changes of the scores (N, S) without the own row, from r h (N, S, S)."""
    n = shares.shape[1]
    if n == 1:
        own = spread[:, :, 0]
        return own * (shares - targets) / np.maximum(1 - own * shares * (1 - shares), 1e-9)
    bent = -shares[:, :, None] * shares[:, None, :]
    bent[:, np.arange(n), np.arange(n)] += shares
    # The eigenvalues of 1 - r h W lie between 0 and 1.
    kept = np.eye(n) * (1 + 1e-9) - spread @ bent
    pushed = np.linalg.solve(kept, spread @ (shares - targets)[:, :, None])
    return np.asarray(pushed[:, :, 0], dtype=np.float64)


def best_penalty(rows: ClassRows, earlier: Quadratic, units: Floats, start: Floats) -> Chosen:
    """The optimum with the penalty of the least loss of rows left out.

    Parameters
    ----------
    rows : ClassRows
    earlier : Quadratic
        What stands for earlier rows, of which none is left out.
    units : ndarray (B,)
        Prior standard deviations of the weights, up to a factor.
    start : ndarray (S, E)
    """
    search = _Search(rows, earlier, units, start)
    at = search.optimum(search.descend(), LAST_DIGITS)
    return Chosen(at, mean_left_out(rows, at))


def mean_left_out(rows: ClassRows, at: Optimum) -> float:
    """Mean loss of rows that are left out, in nats a row."""
    losses, weights = left_out_losses(rows, at)
    return float(weights @ losses) / rows.count


class _Search:
    """Penalties that were tried, each from the weights of the nearest one before."""

    def __init__(self, rows: ClassRows, earlier: Quadratic, units: Floats, start: Floats) -> None:
        self.rows, self.earlier, self.start = rows, earlier, start
        # Of a mean square of one, so that a penalty is one of a standard deviation.
        self.units = units / np.sqrt(np.mean(units**2))
        self.found: dict[int, tuple[Floats, float]] = {}

    def optimum(self, exponent: int, tol: float) -> Optimum:
        """The optimum with a penalty of 2**exponent."""
        nearest = min(self.found, key=lambda e: abs(e - exponent), default=None)
        start = self.start if nearest is None else self.found[nearest][0]
        free = np.zeros(start.shape[1] - len(self.units))
        penalty = np.append(2.0**exponent / self.units**2, free)
        return optimum(self.rows, self.earlier, penalty, start, tol)

    def loss(self, exponent: int) -> float:
        """Nats that all rows lose when they are left out, and those of the penalty's prior."""
        if exponent not in self.found:
            at = self.optimum(exponent, COARSE)
            nats = mean_left_out(self.rows, at) * self.rows.count
            self.found[exponent] = (at.weights, nats + 0.5 * (min(exponent, 0) / WIDE) ** 2)
        return self.found[exponent][1]

    def descend(self) -> int:
        """The best exponent, by strides that become shorter."""
        here = 0
        for stride in STRIDES:
            moved = True
            while moved:
                near = [e for e in (here - stride, here + stride) if LEAST <= e <= MOST]
                best = min(near, key=self.loss)
                moved = self.loss(best) < self.loss(here)
                here = best if moved else here
        return here
