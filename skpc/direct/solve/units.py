"""A solved regression in the units of X and y.

Axes: R components, B features.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays import Floats
from ..model import Predictive, pool
from ..moments import Standardised
from .ridge import Ridge
from .rounding import likeliest_codes
from .solution import Solution


def varying(data: Standardised) -> NDArray[np.bool_]:
    """The features to solve for, (B,): those that vary, or all where none does."""
    varies = data.x_range > 0
    return varies if varies.any() else ~varies


def expand(
    values: NDArray[Any], columns: NDArray[np.bool_], filler: Any, axis: int = 0
) -> NDArray[Any]:
    """Values of some features along an axis, and a filler for the other ones of a mask (B,).

    Examples
    --------
    >>> expand(np.array([1.0, 2.0]), np.array([True, False, True]), 0.0)
    array([1., 0., 2.])
    """
    moved = np.moveaxis(values, axis, 0)
    full = np.empty((len(columns), *moved.shape[1:]), dtype=moved.dtype)
    full[columns], full[~columns] = moved, filler
    return np.moveaxis(full, 0, axis)


def predictive_of(data: Standardised, solution: Solution, ridge: Ridge) -> Predictive:
    """What predictions and draws need, in the units of X and y.

    Features that were constant in training have code 0, the middle one of the other steps and,
    where the others have different ones, the mean of their priors as probabilities of codes.

    Parameters
    ----------
    data : Standardised
        With all features.
    solution : Solution
        Of the features of `varying`, as of `Standardised.only`.
    ridge : Ridge
        Of the same data.
    """
    columns = varying(data)
    solved = _predictive(data.only(columns), solution, ridge)
    if columns.all():
        return solved
    prior = mean_prior(solution)
    step = float(np.median(solved.step))
    weights = solution.problem.codes * step
    # Codes are symmetric, so that the mean of a symmetric prior is 0 to the last bit.
    mean = 0.5 * float((prior - prior[::-1]) @ weights)
    variance = float(prior @ weights**2) - mean**2
    # Of a weight that no row tells of, the deviation is the prior's.
    deviations = np.zeros((len(columns), len(columns)))
    deviations[np.ix_(columns, columns)] = solved.deviations
    own = np.flatnonzero(~columns)
    deviations[own, own] = np.sqrt(np.mean(ridge.noise / ridge.penalty)) * data.y_scale
    return replace(
        solved,
        centre=data.x_mean,
        spread=data.x_scale,
        step=expand(solved.step, columns, step),
        probabilities=np.stack([expand(one, columns, prior) for one in solved.probabilities]),
        mean=expand(solved.mean, columns, mean, axis=1),
        variance=expand(solved.variance, columns, variance, axis=1),
        codes=expand(solved.codes, columns, 0),
        deviations=deviations,
        bias=expand(solved.bias, columns, 0.0),
    )


def mean_prior(solution: Solution) -> Floats:
    """Prior probabilities of the codes (K,), the mean over features that have different ones."""
    prior = np.exp(solution.problem.log_prior)
    return prior if prior.ndim == 1 else prior.mean(axis=0)


def _predictive(data: Standardised, solution: Solution, ridge: Ridge) -> Predictive:
    """`predictive_of` for the features that were solved for."""
    problem, posterior = solution.problem, solution.posterior
    origin = 0.0 if problem.origin is None else problem.origin * problem.step
    mean = posterior.mean + origin
    pooled, _ = pool(posterior.weights, mean, posterior.variance, axis=0)
    excess = ridge.excess(pooled)
    # Expected squared residual of the weights, where the posterior of the noise is below it.
    shortfall = max(ridge.noise * (1 + excess) - float(posterior.noise.variance[0]), 0.0)
    mean = mean * data.y_scale
    # Features are centred on rounded means; what these lack is the same for all rows.
    rest = data.y_rest - float(posterior.weights @ (mean @ (data.x_rest / data.x_scale)))
    return Predictive(
        centre=data.x_mean,
        spread=data.x_scale,
        intercept=data.y_mean + rest,
        step=problem.step * data.y_scale,
        weights=posterior.weights,
        probabilities=posterior.probabilities,
        mean=mean,
        variance=posterior.variance * data.y_scale**2,
        codes=likeliest_codes(solution).astype(np.int8),
        deviations=ridge.deviations * data.y_scale,
        bias=(pooled - ridge.mean) * data.y_scale,
        excess=excess,
        shortfall=shortfall * data.y_scale**2,
        noise_levels=problem.noise * data.y_scale**2,
        noise_probabilities=posterior.noise.probabilities[0],
        noise_variance=float(posterior.noise.variance[0]) * data.y_scale**2,
    )
