"""Codes near the optimum of a score, and the problem on their grid.

The log posterior of one score's weights is nearly quadratic about the optimum, so that a score is
to the rounding what a ridge regression of noise variance 1 is, with the intercept at its best.

Axes: S scores, B features, E features and a one, K codes.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from scipy.linalg import solve_triangular

from ..arrays import Floats
from ..model import PRIOR_SHAPES, Problem, integer_codes
from ..solve import (
    Options,
    Ridge,
    Rounded,
    grid_near,
    prior_of_shape,
    round_to,
    rounder,
    tilted_prior,
)
from .optimum import Optimum, factor_of

# Expected relative rise of the log loss at which a grid is good enough.
GOOD = 0.002


def ridge_of(at: Optimum, precision: Floats, score: int, n_features: int, loss: float) -> Ridge:
    """The posterior of a score's weights, all other scores and the best intercept given.

    Parameters
    ----------
    at : Optimum
    precision : ndarray (E, E)
        P of the score: what errors of its weights cost.
    score : int
    n_features : int
        B; beyond it there may be an intercept.
    loss : float
        Log loss in nats of all rows together, which excesses are relative to: weights w raise it
        by (w - m)'P(w - m) / 2.
    """
    b, whole = n_features, precision
    precision = whole[:b, :b]
    if len(whole) > b:
        cross, own = whole[:b, -1], whole[-1, -1]
        precision = precision - np.outer(cross, cross) / max(own, np.finfo(float).tiny)
    root = factor_of(precision)
    return Ridge(
        penalty=at.penalty[:b],
        noise=1.0,
        weight=2 * loss,
        freedom=1.0,
        mean=at.weights[score, :b],
        precision=precision,
        root=root,
        deviations=solve_triangular(root, np.eye(b), trans=1, check_finite=False),
    )


def rounded_near(ridge: Ridge, x_scale: Floats, options: Options, shared: bool) -> Rounded:
    """Codes near a score's optimum, on the grid that the options ask for.

    Parameters
    ----------
    ridge : Ridge
    x_scale : ndarray (B,)
        Standard deviations of the features.
    options : Options
    shared : bool
        Whether several scores read the same inputs: then steps of a score differ by powers of two
        only, in standard units, so that one input serves all.
    """
    if options.step is not None:
        return round_to(ridge, integer_codes(options.n_bits), options.step)
    if shared:
        return grid_near(ridge, np.ones_like(x_scale), options, GOOD, mantissas=(0,))
    return grid_near(ridge, x_scale, options, GOOD)


def priors_of(options: Options, problem: Problem, ridge: Ridge) -> Iterator[tuple[Floats, Floats]]:
    """Log priors of the shapes of a name: of the name alone (K,), and that of the weights.

    The second is (B, K), or (K,) on a user's grid: there it is the user's own.
    """
    named = isinstance(options.prior, str)
    shapes = PRIOR_SHAPES[str(options.prior)] if named and options.step is None else (0.0,)
    for k in range(len(shapes)):
        own = prior_of_shape(options.prior, problem.codes, k)
        yield own, own if options.step is not None else tilted_prior(problem, ridge, own)


def moved(rounded: Rounded, ridge: Ridge, codes: Floats, log_prior: Floats) -> Rounded:
    """The rounded codes, moved to where a prior (K,) would have them."""
    return rounder(ridge, codes, log_prior).moved(rounded.codes, rounded.step)


def problem_of(
    gram: Floats, moment: Floats, constant: float, step: Floats, options: Options
) -> Problem:
    """A quadratic log likelihood, constant + moment'w - w'Gram w / 2, as a problem of noise 1.

    Its ELBO is then the expectation of that less the divergence from the prior; the prior is
    uniform until another one takes its place.

    Parameters
    ----------
    gram : ndarray (B, B)
    moment : ndarray (B,)
    constant : float
    step : ndarray (B,)
    options : Options
    """
    codes, off_diagonal = integer_codes(options.n_bits), gram.copy()
    np.fill_diagonal(off_diagonal, 0.0)
    return Problem(
        off_diagonal=off_diagonal,
        diagonal=np.diag(gram).copy(),
        moment=moment,
        square=-2 * constant,
        # No row counts towards the normaliser of a normal density.
        weight=0.0,
        codes=codes,
        step=step,
        log_prior=np.full(len(codes), -np.log(len(codes))),
        noise=np.ones(1),
    )


def with_moment(problem: Problem, moment: Floats, constant: float) -> Problem:
    """The same problem with another linear and constant term."""
    return replace(problem, moment=moment, square=-2 * constant)
