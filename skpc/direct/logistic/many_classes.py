"""Three classes and more: a Gaussian approximation on the codes, score by score.

The log posterior of softmax weights is expanded to second order about its optimum, and of the
second derivative the blocks of the scores are kept, which is what the log posterior of one score is
with all others at their optimum. The posterior of its codes is the mean-field posterior of that
quadratic form. Nothing bounds the evidence.

Axes: S scores, B features, E features and a one.
"""

from dataclasses import replace

import numpy as np

from ..arrays import Floats
from ..model import evaluate
from ..solve import Options, Ridge, Rounded, Solution, held_near, solve_mean_field
from .likelihood import losses_of, shares_of, targets_of
from .near import GOOD, moved, priors_of, problem_of
from .optimum import Optimum
from .quadratic import Quadratic
from .rows import ClassRows

# Newton steps of the intercepts, at most, and the decrement in nats a row at which they end.
STEPS, ENOUGH = 50, 1e-18


def solve_score(ridge: Ridge, rounded: Rounded, options: Options, tol: float) -> Solution:
    """The posterior of one score's codes; of several shapes of the prior, of the highest bound.

    The bound is one of the approximation, up to a constant.

    Parameters
    ----------
    ridge : Ridge
        Of the score.
    rounded : Rounded
    options : Options
    tol : float
        Rise of the bound, in nats, at which the search ends.
    """
    gram = ridge.precision - np.diag(ridge.penalty)
    moment = ridge.precision @ ridge.mean
    # Far enough below zero for the form to be no log likelihood above it.
    constant = -float(np.abs(moment) @ rounded.step) * 2.0**options.n_bits
    problem = problem_of(gram, moment, constant, rounded.step, options)
    found = []
    for own, log_prior in priors_of(options, problem, ridge):
        codes = moved(rounded, ridge, problem.codes, own).codes
        on_grid = problem.with_grid(log_prior=log_prior)
        theta = moment - on_grid.cross((codes * on_grid.step)[None])[0]
        solution = solve_mean_field(
            on_grid,
            solver=options.solver,
            start=evaluate(on_grid, theta[None], np.ones(1)),
            temper=False,
            max_iter=options.max_iter,
            tol=tol,
        )
        found.append(replace(solution, codes=codes))
    best = max(found, key=lambda one: one.elbo)
    return best if options.near_ridge is None else held_near(best, ridge, GOOD)


def fitted_intercepts(rows: ClassRows, weights: Floats, earlier: Quadratic) -> Floats:
    """The best intercepts of weights, as the last column of weights (S, E), by Newton's method.

    They add to zero: the same shift of all changes nothing.

    Parameters
    ----------
    rows : ClassRows
    weights : ndarray (S, E)
        With intercepts to start from.
    earlier : Quadratic
    """
    loss, slope, bent = _intercept_sums(rows, weights, earlier)
    length = 1.0
    for _ in range(STEPS):
        # Singular along the shift, unless there are earlier rows.
        step = np.linalg.pinv(bent, hermitian=True, rcond=1e-12) @ slope
        if not step @ slope > ENOUGH * rows.count:
            break
        moved = weights.copy()
        moved[:, -1] += length * step
        found = _intercept_sums(rows, moved, earlier)
        if found[0] <= loss + 1e-14 * abs(loss):
            weights, (loss, slope, bent), length = moved, found, min(2 * length, 1.0)
        else:
            length /= 4
    weights = weights.copy()
    weights[:, -1] -= weights[:, -1].mean()
    return weights


def _intercept_sums(
    rows: ClassRows, weights: Floats, earlier: Quadratic
) -> tuple[float, Floats, Floats]:
    """Minus the log likelihood, its slope (S,) and minus its second derivative (S, S)."""
    n, loss = len(weights), -earlier.value(weights)
    slope, bent = earlier.gradient(weights)[:, -1], np.diag(earlier.gram[:, -1, -1])
    for z, classes, counts in rows.blocks():
        scores, targets = z @ weights.T, targets_of(classes, n)
        shares = shares_of(scores)
        loss += float(counts @ losses_of(scores, targets))
        slope = slope + counts @ (targets - shares)
        bent = bent + np.diag(counts @ shares) - (shares * counts[:, None]).T @ shares
    return loss, slope, bent


def expansion_of(at: Optimum) -> Quadratic:
    """The rows' log likelihood about an optimum, by blocks of the scores."""
    assert at.sums.blocks is not None
    bent = np.einsum("sef,sf->se", at.sums.blocks, at.weights)
    constant = -at.sums.loss - float(np.sum(at.weights * (at.sums.gradient + 0.5 * bent)))
    return Quadratic(at.sums.blocks, at.sums.gradient + bent, constant)
