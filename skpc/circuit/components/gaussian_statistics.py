"""Expected counts of mixtures of Gaussians: additive.

Axes: K units, d columns that are normal together, S statistics of a region.
"""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class GaussianStatistics:
    """Expected counts of a block of rows; additive.

    Attributes
    ----------
    leaves : Tensor (1, S, K)
        Expected statistics of observed cells, as `Statistics.leaves`.
    counts : Tensor (K,)
        Rows of every unit.
    first : Tensor (K, d)
        Sums of expected numbers.
    second : Tensor (K, d, d)
        Sums of their expected products.
    log_likelihood : Tensor ()
    """

    leaves: Tensor
    counts: Tensor
    first: Tensor
    second: Tensor
    log_likelihood: Tensor


def merge(a: GaussianStatistics, b: GaussianStatistics) -> GaussianStatistics:
    """Statistics of two blocks together: plain addition."""
    return GaussianStatistics(
        *(p + q for p, q in zip(vars(a).values(), vars(b).values(), strict=True))
    )


def scaled(sums: GaussianStatistics, factor: float) -> GaussianStatistics:
    """Statistics times a factor: every row counts that many times."""
    return GaussianStatistics(*(value * factor for value in vars(sums).values()))
