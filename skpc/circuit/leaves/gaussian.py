"""Gaussian leaves: real columns, standardised.

Axes: n columns or incidences, t = 2 statistics, B rows, K units.
"""

from math import log, pi
from typing import ClassVar, Self

import torch
from torch import Tensor

from .base import Leaf
from .form import Form
from .special import normal_below

# Numbers are clipped to this: squares of larger ones overflow, and the density is almost zero.
FARTHEST = 1e12


class Gaussian(Leaf):
    """Normal density: T = (x, x^2), theta = (m / v, -1 / 2v), log h = -log(2 pi) / 2.

    A = m^2 / 2v + log(v) / 2 for mean m and variance v. The free parameters are m and
    log(v) / 2.

    Parameters
    ----------
    min_variance : float
        Floor of v, as a share of the variance of the (standardised) column.
    """

    name: ClassVar[str] = "gaussian"
    support: ClassVar[str] = "real"
    has_base: ClassVar[bool] = True
    precise: ClassVar[bool] = True

    def __init__(self, min_variance: float) -> None:
        self.min_variance = min_variance

    @classmethod
    def for_column(cls, n_categories: int, min_variance: float) -> Self:
        """A family with that variance floor."""
        return cls(min_variance)

    @property
    def n_statistics(self) -> int:
        """Two: x and its square."""
        return 2

    @property
    def form(self) -> Form:
        """A number without indicators."""
        return Form("numbers", 0, self.min_variance, log_base=-0.5 * log(2 * pi))

    def statistics(self, x: Tensor) -> Tensor:
        """(n, 1, B) to (n, 2, B), at most FARTHEST spreads from the mean."""
        x = x.clamp(-FARTHEST, FARTHEST)
        return torch.cat([x, x * x], dim=1)

    def log_base(self, x: Tensor) -> Tensor:
        """Log base measure: log h = -log(2 pi) / 2 for every cell, (n, 1, B) to (n, B)."""
        return torch.full_like(x[:, 0], -0.5 * log(2 * pi))

    def log_partition(self, theta: Tensor) -> Tensor:
        """A = m^2 / 2v + log(v) / 2, (n, 2, K) to (n, K)."""
        mean, variance = _moments(theta)
        return 0.5 * (mean * mean / variance + torch.log(variance))

    def natural(self, mu: Tensor) -> Tensor:
        """(m, m^2 + v) to (m / v, -1 / 2v)."""
        mean = mu[:, 0]
        return _natural(mean, mu[:, 1] - mean * mean)

    def expectation(self, theta: Tensor) -> Tensor:
        """(m / v, -1 / 2v) to (m, m^2 + v)."""
        mean, variance = _moments(theta)
        return torch.stack([mean, mean * mean + variance], dim=1)

    def project(self, mu: Tensor) -> Tensor:
        """Raise the variance to its floor: the best allowed v for the same mean."""
        square = mu[:, 0] * mu[:, 0]
        variance = (mu[:, 1] - square).clamp_min(self.min_variance)
        return torch.stack([mu[:, 0], square + variance], dim=1)

    def reference(self) -> Tensor:
        """Mean 0 and variance 1."""
        return torch.tensor([0.0, 1.0], dtype=torch.float64)

    def spread(self, mu: Tensor, noise: Tensor) -> Tensor:
        """Means at quantiles of the column's normal, each with half its variance."""
        mean, variance = mu[:, 0], (mu[:, 1] - mu[:, 0] ** 2).clamp_min(self.min_variance)
        means = mean + variance.sqrt() * torch.special.ndtri(noise[:, 0].clamp(1e-4, 1 - 1e-4))
        return self.project(torch.stack([means, means * means + 0.5 * variance], dim=1))

    def to_free(self, theta: Tensor) -> Tensor:
        """(m, log(v) / 2)."""
        mean, variance = _moments(theta)
        return torch.stack([mean, 0.5 * torch.log(variance)], dim=1)

    def from_free(self, free: Tensor) -> Tensor:
        """(m, log(v) / 2) to natural parameters, v at least its floor."""
        return _natural(free[:, 0], torch.exp(2 * free[:, 1]).clamp_min(self.min_variance))

    def free_gradient(self, free: Tensor, sums: Tensor, count: Tensor) -> Tensor:
        """The gradient by m, (s1 - n m) / v, and by log(v) / 2, (s2 - 2 m s1 + n m^2) / v - n."""
        mean, n = free[:, 0], count[:, 0]
        variance = torch.exp(2 * free[:, 1]).clamp_min(self.min_variance)
        by_mean = (sums[:, 0] - n * mean) / variance
        squares = sums[:, 1] - 2 * mean * sums[:, 0] + n * mean * mean
        return torch.stack([by_mean, squares / variance - n], dim=1)

    def sample(self, theta: Tensor, generator: torch.Generator) -> Tensor:
        """Draws m + sqrt(v) z, z standard normal, (n, 2, B) to (n, 1, B)."""
        mean, variance = self.moments(theta)
        z = torch.randn(mean.shape, generator=generator, dtype=mean.dtype, device=mean.device)
        return mean + variance.sqrt() * z

    def mode(self, theta: Tensor) -> Tensor:
        """The mean."""
        return self.moments(theta)[0]

    def moments(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Mean m and variance v."""
        variance = -0.5 / theta[:, 1:]
        return theta[:, :1] * variance, variance

    def cdf(self, x: Tensor, theta: Tensor) -> Tensor:
        """The standard normal's at (x - m) / sqrt(v), (n, 1, B) to (n, K, B)."""
        mean, variance = (value.unsqueeze(2) for value in _moments(theta))
        return normal_below((x - mean) / variance.sqrt())


def _moments(theta: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance, (n, 2, K) to twice (n, K)."""
    variance = -0.5 / theta[:, 1]
    return theta[:, 0] * variance, variance


def _natural(mean: Tensor, variance: Tensor) -> Tensor:
    return torch.stack([mean / variance, -0.5 / variance], dim=1)
