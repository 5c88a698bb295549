"""From rows with classes to a posterior: shrinkage, codes near the optimum, and their posterior.

Axes: B features, F features that vary, C classes, S scores, E features and a one.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from ..arrays import Floats
from ..model import integer_codes
from ..moments import Moments, Source, Standardised, standardise
from ..solve import Options, Solution, expand, likeliest_codes, prior_units, varying
from .likelihood import n_scores
from .many_classes import expansion_of, fitted_intercepts, solve_score
from .near import ridge_of, rounded_near
from .optimum import Optimum, factor_of
from .posterior import ClassPosterior
from .quadratic import Quadratic, between_units, nothing
from .rows import ClassRows
from .shrinkage import Chosen, best_penalty, left_out_precision
from .two_classes import solve_two_classes

# Least log loss of a row, in nats, that excesses are relative to.
LEAST_LOSS = 1e-6


@dataclass(frozen=True)
class Seen:
    """What is kept of rows, so that others can be added to them.

    Attributes
    ----------
    moments : Moments
        Of features and positions of classes.
    quadratic : Quadratic
        Their log likelihood, or its bound, in the standard units of these moments, E = B + 1, or B
        without an intercept.
    """

    moments: Moments
    quadratic: Quadratic

    def check(self) -> None:
        """Refuse forms of other features than the moments are of."""
        e, b = self.quadratic.moment.shape[1], len(self.moments.mean) - 1
        if e not in (b, b + 1):
            raise ValueError(f"its quadratic form has {e} weights for {b} features.")


@dataclass(frozen=True)
class ClassFit:
    """A fit.

    Attributes
    ----------
    posterior : ClassPosterior
    seen : Seen
    path : list of float
        The bound of the log evidence after every round; empty for more than two classes.
    n_iter : int
    converged : bool
    penalty : ndarray (B,)
        Prior precision of the weights in standard units; 0 of features that were constant.
    left_out : float
        Estimated log loss of new rows, in nats a row, with weights that are not rounded.
    """

    posterior: ClassPosterior
    seen: Seen
    path: list[float]
    n_iter: int
    converged: bool
    penalty: Floats
    left_out: float


def fit_classes(
    source: Source,
    moments: Moments,
    n_classes: int,
    fit_intercept: bool,
    options: Options,
    last: Seen | None = None,
) -> ClassFit:
    """Fit the posterior of the weights.

    Parameters
    ----------
    source : Source
        Rows; y holds the positions of their classes.
    moments : Moments
        Of these rows, and of earlier ones.
    n_classes : int
        C, two or more.
    fit_intercept : bool
    options : Options
        Steps of the user's, if there are any, for all B features.
    last : Seen, optional
        What was kept of earlier rows.
    """
    data = standardise(moments, fit_intercept)
    columns = varying(data)
    rows, some = ClassRows(source, data, columns), data.only(columns)
    if options.step is not None:
        options = replace(options, step=options.step[columns])
    kept = np.append(columns, np.ones(int(data.centred), dtype=bool))
    shape = (n_scores(n_classes), len(kept))
    before = nothing(*shape) if last is None else _in_units_of(data, last)
    earlier = _only(before, kept)
    start = np.zeros((shape[0], int(kept.sum())))
    # Features of a map share a unit; columns of a table are alike by their deviations.
    mapped = source.feature_map is not None
    units = prior_units(some) if mapped else np.ones(len(some.moment))
    chosen = best_penalty(rows, earlier, units, start)
    solved = _solve(rows, some, chosen, earlier, options)
    posterior = _expanded(_posterior(some, solved, chosen.at), data, columns, chosen.at)
    seen = Seen(moments, before.plus(_full(solved.quadratic, kept)))
    return ClassFit(
        posterior=posterior,
        seen=seen,
        path=solved.path,
        n_iter=sum(one.n_iter for one in solved.scores),
        converged=all(one.converged for one in solved.scores),
        penalty=expand(chosen.at.penalty[: len(some.moment)], columns, 0.0),
        left_out=chosen.left_out,
    )


@dataclass(frozen=True)
class _Solved:
    """Solutions of all scores (S,), with intercepts (S,) and what stands for the rows later."""

    scores: list[Solution]
    intercepts: Floats
    excess: Floats
    unrounded: Floats
    quadratic: Quadratic
    path: list[float]


def _solve(
    rows: ClassRows, some: Standardised, chosen: Chosen, earlier: Quadratic, options: Options
) -> _Solved:
    """Round every score near the optimum, and solve on its grid."""
    at, b = chosen.at, len(some.moment)
    n = len(at.weights)
    # Each score has its share of what may be lost.
    loss = max(chosen.left_out, LEAST_LOSS) * some.weight / n
    precision = left_out_precision(rows, at)
    ridges = [ridge_of(at, precision[s], s, b, loss) for s in range(n)]
    x_scale = np.where(some.x_range > 0, some.x_scale, 0.0)
    grids = [rounded_near(ridge, x_scale, options, shared=n > 1) for ridge in ridges]
    unrounded, has_intercept = at.weights[:, :b], at.weights.shape[1] > b
    if n == 1:
        intercept = float(at.weights[0, -1]) if has_intercept else 0.0
        two = solve_two_classes(rows, ridges[0], grids[0], intercept, earlier, options)
        solutions, path = [two.solution], two.solution.path
        intercepts, quadratic = np.array([two.intercept]), two.quadratic
    else:
        tol = options.tol * rows.count
        pairs = zip(ridges, grids, strict=True)
        solutions = [solve_score(ridge, grid, options, tol) for ridge, grid in pairs]
        weights = at.weights.copy()
        weights[:, :b] = [one.posterior.mean[0] for one in solutions]
        if has_intercept:
            weights = fitted_intercepts(rows, weights, earlier)
        intercepts = weights[:, -1] if has_intercept else np.zeros(n)
        quadratic, path = expansion_of(at), []
    excess = np.array(
        [ridge.excess(one.posterior.mean[0]) for ridge, one in zip(ridges, solutions, strict=True)]
    )
    return _Solved(solutions, intercepts, excess / n, unrounded, quadratic, path)


def _posterior(some: Standardised, solved: _Solved, at: Optimum) -> ClassPosterior:
    """The posterior of the features that were solved for."""
    b, scores = len(some.moment), solved.scores
    mean = np.stack([one.posterior.mean[0] for one in scores])
    log_priors = [one.problem.log_prior for one in scores]
    probabilities = np.stack([one.posterior.probabilities[0] for one in scores])
    e = at.weights.shape[1]
    deviations = np.zeros((len(scores), b + 1, b + 1))
    for s, block in enumerate(at.precision):
        inverse = solve_triangular(factor_of(block), np.eye(e), trans=1, check_finite=False)
        deviations[s, :e, :e] = inverse
    # Features are centred on rounded means; what these lack is the same for all rows.
    rest = mean @ (some.x_rest / some.x_scale)
    return ClassPosterior(
        centre=some.x_mean,
        spread=some.x_scale,
        intercept=solved.intercepts - rest,
        step=np.stack([one.problem.step for one in scores]),
        log_prior=np.stack([np.broadcast_to(p, probabilities[0].shape) for p in log_priors]),
        probabilities=probabilities,
        mean=mean,
        variance=np.stack([one.posterior.variance[0] for one in scores]),
        codes=np.stack([likeliest_codes(one) for one in scores]).astype(np.int8),
        deviations=deviations,
        bias=mean - solved.unrounded,
        excess=solved.excess,
    )


def _expanded(
    solved: ClassPosterior, data: Standardised, columns: NDArray[np.bool_], at: Optimum
) -> ClassPosterior:
    """The posterior of all features: those that were constant have the mean prior, and code 0."""
    if columns.all():
        return solved
    n = len(solved.intercept)
    prior = solved.prior.mean(axis=1)
    step = np.median(solved.step, axis=1)
    codes = integer_codes(solved.n_bits)
    # Of a weight that no row tells of, the deviation is the prior's.
    own = 1 / np.sqrt(np.mean(at.penalty[at.penalty > 0]))
    kept = np.append(columns, True)
    deviations = np.zeros((n, len(kept), len(kept)))
    deviations[np.ix_(np.arange(n), kept, kept)] = solved.deviations
    idle = np.flatnonzero(~columns)
    deviations[:, idle, idle] = own
    full = {
        name: np.stack(
            [expand(one, columns, fill) for one, fill in zip(values, fills, strict=True)]
        )
        for name, values, fills in (
            ("step", solved.step, step),
            ("log_prior", solved.log_prior, np.log(prior)),
            ("probabilities", solved.probabilities, prior),
            ("mean", solved.mean, np.zeros(n)),
            ("variance", solved.variance, (prior @ codes**2) * step**2),
            ("codes", solved.codes, np.zeros(n, dtype=np.int8)),
            ("bias", solved.bias, np.zeros(n)),
        )
    }
    return ClassPosterior(
        centre=data.x_mean,
        spread=data.x_scale,
        intercept=solved.intercept,
        deviations=deviations,
        excess=solved.excess,
        **full,
    )


def _in_units_of(data: Standardised, last: Seen) -> Quadratic:
    """What was kept of earlier rows, in the standard units of all rows."""
    old = standardise(last.moments, data.centred)
    return last.quadratic.of_weights(between_units(old, data))


def _only(form: Quadratic, kept: NDArray[np.bool_]) -> Quadratic:
    """The form in some of the weights, the others zero."""
    return Quadratic(form.gram[:, kept][:, :, kept], form.moment[:, kept], form.constant)


def _full(form: Quadratic, kept: NDArray[np.bool_]) -> Quadratic:
    """The form in all weights, of which the others do not count."""
    n = len(form.moment)
    full = nothing(n, len(kept))
    full.gram[np.ix_(np.arange(n), kept, kept)] = form.gram
    full.moment[:, kept] = form.moment
    return Quadratic(full.gram, full.moment, form.constant)
