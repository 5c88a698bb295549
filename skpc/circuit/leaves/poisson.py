"""Poisson leaves: columns of counts without an upper bound.

Axes: n columns or incidences, t = 1 statistic, B rows, K units.
"""

from math import log
from typing import ClassVar

import torch
from torch import Tensor

from .base import Leaf

# Keeps every count possible where all are zero.
SMALLEST_MEAN = 1e-12
# Beyond, consecutive integers are not distinct as floats.
LARGEST_MEAN = 2.0**52


class Poisson(Leaf):
    """p(x) = m^x e^-m / x!: T = x, theta = log m, A = e^theta, h = 1 / x!, mean m."""

    name: ClassVar[str] = "poisson"
    support: ClassVar[str] = "counts"
    has_base: ClassVar[bool] = True
    base_inside: ClassVar[bool] = True
    precise: ClassVar[bool] = True

    @property
    def n_statistics(self) -> int:
        """One: x itself."""
        return 1

    def statistics(self, x: Tensor) -> Tensor:
        """The cells themselves, (n, 1, B)."""
        return x

    def log_base(self, x: Tensor) -> Tensor:
        """Log base measure: log h = -log(x!), (n, 1, B) to (n, B)."""
        return -torch.lgamma(x[:, 0] + 1)

    def log_partition(self, theta: Tensor) -> Tensor:
        """A = m, (n, 1, K) to (n, K)."""
        return torch.exp(theta[:, 0])

    def natural(self, mu: Tensor) -> Tensor:
        """log(m)."""
        return torch.log(mu)

    def expectation(self, theta: Tensor) -> Tensor:
        """The mean m."""
        return torch.exp(theta)

    def project(self, mu: Tensor) -> Tensor:
        """Keep every count possible."""
        return mu.clamp(SMALLEST_MEAN, LARGEST_MEAN)

    def reference(self) -> Tensor:
        """Mean 1."""
        return torch.tensor([1.0], dtype=torch.float64)

    def spread(self, mu: Tensor, noise: Tensor) -> Tensor:
        """Half the column's mean, half an exponential draw around it."""
        return self.project(mu * (0.5 - 0.5 * torch.log(noise.clamp(1e-12, 1 - 1e-12))))

    def to_free(self, theta: Tensor) -> Tensor:
        """The logarithm of m is free already."""
        return theta

    def from_free(self, free: Tensor) -> Tensor:
        """The logarithm of m is free already; bounded as `project` bounds m."""
        return free.clamp(log(SMALLEST_MEAN), log(LARGEST_MEAN))

    def free_gradient(self, free: Tensor, sums: Tensor, count: Tensor) -> Tensor:
        """The gradient by log m, sums - count m."""
        return sums - count * torch.exp(free)

    def sample(self, theta: Tensor, generator: torch.Generator) -> Tensor:
        """Counts, (n, 1, B)."""
        return torch.poisson(torch.exp(theta), generator=generator)

    def mode(self, theta: Tensor) -> Tensor:
        """The integer part of m."""
        # Rounded up a little: exp(log m) of an integer m may fall below it. Where m is an integer,
        # it and the count below are modes.
        return torch.floor(torch.exp(theta) * (1 + 1e-14))

    def moments(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Mean m and variance m."""
        mean = torch.exp(theta)
        return mean, mean

    def cdf(self, x: Tensor, theta: Tensor) -> Tensor:
        """The upper incomplete Gamma function Q(k + 1, m), k the integer part of x, (n, K, B)."""
        k, mean = torch.floor(x), torch.exp(theta[:, 0]).unsqueeze(2)
        shares = torch.special.gammaincc(*torch.broadcast_tensors(k.clamp_min(0) + 1, mean))
        return torch.where(k >= 0, shares, 0.0)
