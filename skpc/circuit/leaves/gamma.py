"""Gamma leaves: columns of positive numbers, divided by their mean.

Axes: n columns or incidences, t = 2 statistics, B rows, K units.
"""

from math import log
from typing import ClassVar, Self

import torch
from torch import Tensor

from .base import Leaf
from .special import LARGEST, LARGEST_SHAPE, SMALLEST, log_gamma_draws, log_minus_digamma, shape_of

# Below, much of the mass is at numbers that no float can hold.
SMALLEST_SHAPE = 0.02


class Gamma(Leaf):
    """p(x) = b^a x^(a - 1) e^(-b x) / Gamma(a), shape a, mean a / b, variance a / b^2.

    T = (log x, x), theta = (a - 1, -b), A = log Gamma(a) - a log b, h = 1. The free
    parameters are log a and the log of the mean.

    Parameters
    ----------
    min_variance : float
        Floor of 1 / a, the squared ratio of standard deviation and mean.
    """

    name: ClassVar[str] = "gamma"
    support: ClassVar[str] = "positive"
    fill: ClassVar[float] = 1.0
    precise: ClassVar[bool] = True

    def __init__(self, min_variance: float) -> None:
        self.highest = min(max(1 / min_variance, 2.0), LARGEST_SHAPE)

    @classmethod
    def for_column(cls, n_categories: int, min_variance: float) -> Self:
        """A family with that variance floor."""
        return cls(min_variance)

    @property
    def n_statistics(self) -> int:
        """Two: the logarithm of x, and x."""
        return 2

    def statistics(self, x: Tensor) -> Tensor:
        """(n, 1, B) to (n, 2, B), between SMALLEST and LARGEST."""
        x = x.clamp(SMALLEST, LARGEST)
        return torch.cat([torch.log(x), x], dim=1)

    def log_partition(self, theta: Tensor) -> Tensor:
        """A = log Gamma(a) - a log b, (n, 2, K) to (n, K)."""
        a = theta[:, 0] + 1
        return torch.lgamma(a) - a * torch.log(-theta[:, 1])

    def natural(self, mu: Tensor) -> Tensor:
        """The shape has log a - digamma(a) = log E x - E log x, the rate is a / E x."""
        a = shape_of(torch.log(mu[:, 1]) - mu[:, 0])
        return torch.stack([a - 1, -a / mu[:, 1]], dim=1)

    def expectation(self, theta: Tensor) -> Tensor:
        """(digamma(a) - log b, a / b)."""
        a = theta[:, 0] + 1
        mean = -a / theta[:, 1]
        return torch.stack([torch.log(mean) - log_minus_digamma(a), mean], dim=1)

    def project(self, mu: Tensor) -> Tensor:
        """Bring the shape between its bounds: the best allowed shape for the same mean."""
        log_mean = torch.log(mu[:, 1])
        bounds = torch.tensor([self.highest, SMALLEST_SHAPE], dtype=mu.dtype, device=mu.device)
        low, high = log_minus_digamma(bounds)
        gap = (log_mean - mu[:, 0]).clamp(low, high)
        return torch.stack([log_mean - gap, mu[:, 1]], dim=1)

    def reference(self) -> Tensor:
        """Shape 1, mean 1."""
        return torch.tensor([-0.5772156649015329, 1.0], dtype=torch.float64)

    def spread(self, mu: Tensor, noise: Tensor) -> Tensor:
        """Means at quantiles of a log-normal like the column, each with twice its shape."""
        a = self.natural(self.project(mu))[:, 0] + 1
        width = torch.sqrt(torch.polygamma(1, a).clamp_max(4.0))
        quantile = torch.special.ndtri(noise[:, 0].clamp(1e-4, 1 - 1e-4))
        log_mean = torch.log(mu[:, 1]) - 0.5 * width * width + width * quantile
        gap = log_minus_digamma(2 * a)
        return self.project(torch.stack([log_mean - gap, torch.exp(log_mean)], dim=1))

    def to_free(self, theta: Tensor) -> Tensor:
        """(log a, log of the mean)."""
        log_a = torch.log(theta[:, 0] + 1)
        return torch.stack([log_a, log_a - torch.log(-theta[:, 1])], dim=1)

    def from_free(self, free: Tensor) -> Tensor:
        """(log a, log of the mean) to natural parameters, a between its bounds."""
        a, log_mean = self._bounded(free)
        return torch.stack([a - 1, -a * torch.exp(-log_mean)], dim=1)

    def free_gradient(self, free: Tensor, sums: Tensor, count: Tensor) -> Tensor:
        """The gradient by log a and by log m, m the mean.

        They are a (s1 - s2 / m - n (digamma(a) - log b - 1)) and a (s2 / m - n).
        """
        a, log_mean = self._bounded(free)
        n = count[:, 0]
        logs, ratios = sums[:, 0] - n * log_mean, sums[:, 1] * torch.exp(-log_mean)
        by_shape = a * (logs - ratios + n * (log_minus_digamma(a) + 1))
        return torch.stack([by_shape, a * (ratios - n)], dim=1)

    def _bounded(self, free: Tensor) -> tuple[Tensor, Tensor]:
        """The shape a and the log of the mean, between their bounds."""
        a = torch.exp(free[:, 0].clamp(log(SMALLEST_SHAPE), log(self.highest)))
        return a, free[:, 1].clamp(log(SMALLEST), log(LARGEST))

    def sample(self, theta: Tensor, generator: torch.Generator) -> Tensor:
        """(n, 2, B) to (n, 1, B), at least SMALLEST."""
        log_draw = log_gamma_draws(theta[:, :1] + 1, generator) - torch.log(-theta[:, 1:])
        return torch.exp(log_draw).clamp_min(SMALLEST)

    def mode(self, theta: Tensor) -> Tensor:
        """(a - 1) / b, or the smallest number where the density is highest at zero."""
        return (theta[:, :1] / -theta[:, 1:]).clamp_min(SMALLEST)

    def moments(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Mean a / b and variance a / b^2."""
        mean = -(theta[:, :1] + 1) / theta[:, 1:]
        return mean, -mean / theta[:, 1:]

    def cdf(self, x: Tensor, theta: Tensor) -> Tensor:
        """The lower incomplete Gamma function P(a, b x), (n, 1, B) to (n, K, B); within 1e-9."""
        a, rate = (theta[:, 0] + 1).unsqueeze(2), -theta[:, 1].unsqueeze(2)
        return torch.special.gammainc(*torch.broadcast_tensors(a, rate * x.clamp_min(0)))
