"""A solved regression in the units of X and y.

Axes: R components, B features.
"""

from ..model import Predictive
from ..moments import Standardised
from .solution import Solution


def predictive_of(data: Standardised, solution: Solution) -> Predictive:
    """What predictions and draws need, in the units of X and y.

    Parameters
    ----------
    data : Standardised
        The data that were solved, with their units.
    solution : Solution
    """
    problem, posterior = solution.problem, solution.posterior
    origin = 0.0 if problem.origin is None else problem.origin * problem.step
    mean = (posterior.mean + origin) * data.y_scale
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
        noise_levels=problem.noise * data.y_scale**2,
        noise_probabilities=posterior.noise.probabilities[0],
        noise_variance=float(posterior.noise.variance[0]) * data.y_scale**2,
    )
