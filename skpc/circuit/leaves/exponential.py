"""Exponential leaves: columns of numbers from zero on, divided by their mean.

Axes: n columns or incidences, t = 1 statistic, B rows, K units.
"""

from math import log, sqrt
from typing import ClassVar, Self

import torch
from torch import Tensor

from .base import Leaf
from .special import LARGEST, log_uniform


class Exponential(Leaf):
    """p(x) = e^(-x / m) / m: T = x, theta = -1 / m, A = log m, h = 1, mean m.

    The free parameter is log m.

    Parameters
    ----------
    min_variance : float
        Floor of m^2, for a column of mean 1.
    """

    name: ClassVar[str] = "exponential"
    support: ClassVar[str] = "nonnegative"
    fill: ClassVar[float] = 1.0
    precise: ClassVar[bool] = True

    def __init__(self, min_variance: float) -> None:
        self.lowest = min(sqrt(min_variance), 1.0)

    @classmethod
    def for_column(cls, n_categories: int, min_variance: float) -> Self:
        """A family with that variance floor."""
        return cls(min_variance)

    @property
    def n_statistics(self) -> int:
        """One: x itself."""
        return 1

    def statistics(self, x: Tensor) -> Tensor:
        """The cells themselves, at most LARGEST, (n, 1, B)."""
        return x.clamp_max(LARGEST)

    def log_partition(self, theta: Tensor) -> Tensor:
        """A = log m, (n, 1, K) to (n, K)."""
        return -torch.log(-theta[:, 0])

    def natural(self, mu: Tensor) -> Tensor:
        """-1 / m."""
        return -1 / mu

    def expectation(self, theta: Tensor) -> Tensor:
        """The mean m."""
        return -1 / theta

    def project(self, mu: Tensor) -> Tensor:
        """Raise the mean to its floor."""
        return mu.clamp(self.lowest, LARGEST)

    def reference(self) -> Tensor:
        """Mean 1."""
        return torch.tensor([1.0], dtype=torch.float64)

    def spread(self, mu: Tensor, noise: Tensor) -> Tensor:
        """Means within a factor of 5 of the column's."""
        return self.project(mu * torch.exp(log(5) * (2 * noise - 1)))

    def to_free(self, theta: Tensor) -> Tensor:
        """The logarithm of m."""
        return -torch.log(-theta)

    def from_free(self, free: Tensor) -> Tensor:
        """Natural parameters -1 / m, with m bounded as `project` bounds it."""
        return -torch.exp(-self._bounded(free))

    def free_gradient(self, free: Tensor, sums: Tensor, count: Tensor) -> Tensor:
        """The gradient by log m, sums / m - count."""
        return sums * torch.exp(-self._bounded(free)) - count

    def _bounded(self, log_mean: Tensor) -> Tensor:
        """The logarithm of m between its bounds."""
        return log_mean.clamp(log(self.lowest), log(LARGEST))

    def sample(self, theta: Tensor, generator: torch.Generator) -> Tensor:
        """-m log u, (n, 1, B)."""
        return log_uniform(theta, generator) / theta

    def mode(self, theta: Tensor) -> Tensor:
        """Zero."""
        return torch.zeros_like(theta)

    def moments(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Mean m and variance m^2."""
        mean = -1 / theta
        return mean, mean * mean

    def cdf(self, x: Tensor, theta: Tensor) -> Tensor:
        """1 - e^(-x / m), (n, 1, B) to (n, K, B)."""
        return -torch.expm1(theta[:, 0].unsqueeze(2) * x.clamp_min(0.0))
