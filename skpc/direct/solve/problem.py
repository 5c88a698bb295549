"""Standardised moments as a problem on a grid, and the noise levels around a precision.

Axes: B features, K codes, L noise levels.
"""

import numpy as np

from ..arrays import Floats
from ..model import PRIOR_SHAPES, Problem, integer_codes, named_log_prior, noise_levels
from ..moments import Standardised
from .options import Options

# Noise variances as shares of the target's, unless a user names a range: twelve decades, and
# little above the target's own, where the model would be worse than none.
LOWEST, HIGHEST = 1e-12, 4.0


def problem_on_grid(data: Standardised, options: Options) -> Problem:
    """The data with the grids of the options, and with default grids where these are None.

    Parameters
    ----------
    data : Standardised
    options : Options
    """
    codes = integer_codes(options.n_bits)
    n_features = len(data.moment)
    diagonal = np.diag(data.gram).copy()
    off_diagonal = data.gram.copy()
    np.fill_diagonal(off_diagonal, 0.0)
    # Uncorrelated features of equal weight would explain the target with a few codes each.
    default = 2.0 / (codes.max() * np.sqrt(n_features))
    if options.noise_range is None:
        noise = coarse_levels(lowest_noise(data))
    else:
        noise = noise_levels(*options.noise_range, options.n_noise_levels)
    return Problem(
        off_diagonal=off_diagonal,
        diagonal=diagonal,
        moment=data.moment,
        square=data.square,
        weight=data.weight,
        codes=codes,
        step=np.full(n_features, default) if options.step is None else options.step,
        log_prior=prior_of_shape(options.prior, codes, 0),
        noise=noise,
    )


def lowest_noise(data: Standardised) -> float:
    """Lowest level of a noise range that is chosen: `LOWEST`, or what y's digits can show."""
    return min(max(LOWEST, data.lowest_noise), HIGHEST)


def coarse_levels(lowest: float) -> Floats:
    """All levels of the noise that a range may be chosen from, (81,)."""
    return noise_levels(lowest, HIGHEST, 81)


def prior_of_shape(prior: str | Floats, codes: Floats, k: int) -> Floats:
    """Log prior in the k-th shape of its name, (K,); probabilities have one shape only."""
    if isinstance(prior, str):
        return named_log_prior(prior, codes, PRIOR_SHAPES[prior][k])
    return prior


def levels_around(
    precision: float,
    weight: float,
    n_levels: int,
    lowest: float,
    deviations: float = 6.0,
    least: float = 1.5,
) -> Floats:
    """A noise grid around a precision, by default wider than the posterior, (L,).

    It ends at `lowest` and at `HIGHEST`.

    Parameters
    ----------
    precision : float
        E[1 / sigma^2].
    weight : float
        Sum of the rows' weights.
    n_levels : int
    lowest : float
    deviations, least : float
        Standard deviations of the log of a variance that the grid reaches, and the factor that it
        reaches at least.
    """
    # Rounded to a lattice, so that the same rows in other chunks have the same grid exactly.
    centre = 2.0 ** (round(-8 * np.log2(precision)) / 8)
    # The log of a variance is known to sqrt(2 / n) from n rows.
    reach = max(least, np.exp(min(deviations * np.sqrt(2.0 / weight), 6.0)))
    low = min(max(centre / reach, lowest), HIGHEST / 2)
    high = max(centre, min(2.0, reach) * low) * reach
    return noise_levels(low, min(high, HIGHEST), n_levels)
