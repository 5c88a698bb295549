"""Log-normal leaves: columns of positive numbers, divided by their mean.

Axes: n columns or incidences, t = 2 statistics, B rows, K units.
"""

from math import log, pi
from typing import ClassVar, Self

import torch
from torch import Tensor

from .base import Leaf
from .gaussian import Gaussian
from .special import LARGEST, SMALLEST

# Variance of the logarithm beyond which moments overflow.
LARGEST_VARIANCE = 100.0


class LogNormal(Leaf):
    """The logarithm of x is normal with mean m and variance v.

    T = (log x, log(x)^2), theta and A as in `Gaussian`, log h = -log(x) - log(2 pi) / 2.

    Parameters
    ----------
    min_variance : float
        Floor of v.
    """

    name: ClassVar[str] = "lognormal"
    support: ClassVar[str] = "positive"
    fill: ClassVar[float] = 1.0
    has_base: ClassVar[bool] = True
    base_inside: ClassVar[bool] = True
    precise: ClassVar[bool] = True

    def __init__(self, min_variance: float) -> None:
        self.log = Gaussian(min(min_variance, 1.0))

    @classmethod
    def for_column(cls, n_categories: int, min_variance: float) -> Self:
        """A family with that variance floor."""
        return cls(min_variance)

    @property
    def n_statistics(self) -> int:
        """Two: the logarithm and its square."""
        return 2

    def statistics(self, x: Tensor) -> Tensor:
        """(n, 1, B) to (n, 2, B), between SMALLEST and LARGEST."""
        return self.log.statistics(_log(x))

    def log_base(self, x: Tensor) -> Tensor:
        """Log base measure: log h = -log(x) - log(2 pi) / 2, (n, 1, B) to (n, B)."""
        return -_log(x[:, 0]) - 0.5 * log(2 * pi)

    def log_partition(self, theta: Tensor) -> Tensor:
        """A = m^2 / 2v + log(v) / 2, (n, 2, K) to (n, K)."""
        return self.log.log_partition(theta)

    def natural(self, mu: Tensor) -> Tensor:
        """(m, m^2 + v) to (m / v, -1 / 2v)."""
        return self.log.natural(mu)

    def expectation(self, theta: Tensor) -> Tensor:
        """(m / v, -1 / 2v) to (m, m^2 + v)."""
        return self.log.expectation(theta)

    def project(self, mu: Tensor) -> Tensor:
        """Bring the variance between its bounds: the best allowed v for the same mean."""
        square = mu[:, 0] * mu[:, 0]
        variance = (mu[:, 1] - square).clamp(self.log.min_variance, LARGEST_VARIANCE)
        return torch.stack([mu[:, 0], square + variance], dim=1)

    def reference(self) -> Tensor:
        """Mean 0 and variance 1 of the logarithm."""
        return self.log.reference()

    def spread(self, mu: Tensor, noise: Tensor) -> Tensor:
        """Means at quantiles of the column's normal, each with half its variance."""
        return self.project(self.log.spread(mu, noise))

    def to_free(self, theta: Tensor) -> Tensor:
        """(m, log(v) / 2)."""
        return self.log.to_free(theta)

    def from_free(self, free: Tensor) -> Tensor:
        """(m, log(v) / 2) to natural parameters, v between its bounds."""
        half_log = free[:, 1].clamp_max(0.5 * log(LARGEST_VARIANCE))
        return self.log.from_free(torch.stack([free[:, 0], half_log], dim=1))

    def free_gradient(self, free: Tensor, sums: Tensor, count: Tensor) -> Tensor:
        """The gradient by m and log(v) / 2, as for a `Gaussian` of the logarithm."""
        return self.log.free_gradient(free, sums, count)

    def sample(self, theta: Tensor, generator: torch.Generator) -> Tensor:
        """Exponentials of normal draws, (n, 2, B) to (n, 1, B)."""
        return torch.exp(self.log.sample(theta, generator)).clamp(SMALLEST, LARGEST)

    def mode(self, theta: Tensor) -> Tensor:
        """exp(m - v)."""
        mean, variance = self.log.moments(theta)
        return torch.exp(mean - variance).clamp(SMALLEST, LARGEST)

    def moments(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Mean exp(m + v / 2) and variance, its square times e^v - 1."""
        mean, variance = self.log.moments(theta)
        first = torch.exp(mean + 0.5 * variance)
        return first, first * first * torch.expm1(variance)

    def cdf(self, x: Tensor, theta: Tensor) -> Tensor:
        """The Gaussian's at log x, and 0 up to 0, (n, 1, B) to (n, K, B)."""
        return torch.where(x > 0, self.log.cdf(torch.log(x.clamp_min(0)), theta), 0.0)


def _log(x: Tensor) -> Tensor:
    return torch.log(x.clamp(SMALLEST, LARGEST))
