"""A solved regression in the units of X and y.

Axes: R components, B features.
"""

import numpy as np

from ..model import Predictive, pool
from ..moments import Standardised
from .ridge import Ridge
from .rounding import likeliest_codes
from .solution import Solution


def predictive_of(data: Standardised, solution: Solution, ridge: Ridge) -> Predictive:
    """What predictions and draws need, in the units of X and y.

    Parameters
    ----------
    data : Standardised
        The data that were solved, with their units.
    solution : Solution
    ridge : Ridge
        Of the same data.
    """
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
