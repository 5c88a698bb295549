"""Bernoulli leaves: columns of zeros and ones.

Axes: n columns or incidences, t = 1 statistic, B rows, K units.
"""

from typing import ClassVar

import torch
from torch import Tensor

from .base import Leaf
from .form import Form

# Keeps every value possible, and products of several leaves within range (see `cp.MOST_FACTORS`
# of the layers); far below any estimate from data with smoothing.
PROBABILITY_FLOOR = 1e-12


class Bernoulli(Leaf):
    """p(x) = p^x (1 - p)^(1 - x): T = x, theta = logit p, A = log(1 + e^theta), h = 1."""

    name: ClassVar[str] = "bernoulli"
    support: ClassVar[str] = "binary"
    closed: ClassVar[bool] = True

    @property
    def n_statistics(self) -> int:
        """One: x itself."""
        return 1

    @property
    def form(self) -> Form:
        """Zero or one."""
        return Form("binary", 1)

    def statistics(self, x: Tensor) -> Tensor:
        """The cells themselves, (n, 1, B)."""
        return x

    def log_partition(self, theta: Tensor) -> Tensor:
        """A = log(1 + e^theta), (n, 1, K) to (n, K)."""
        return torch.nn.functional.softplus(theta[:, 0])

    def natural(self, mu: Tensor) -> Tensor:
        """logit(mu)."""
        return torch.logit(mu)

    def expectation(self, theta: Tensor) -> Tensor:
        """sigmoid(theta)."""
        return torch.sigmoid(theta)

    def project(self, mu: Tensor) -> Tensor:
        """Keep both values possible."""
        return mu.clamp(PROBABILITY_FLOOR, 1 - PROBABILITY_FLOOR)

    def reference(self) -> Tensor:
        """Probability 1/2."""
        return torch.tensor([0.5], dtype=torch.float64)

    def spread(self, mu: Tensor, noise: Tensor) -> Tensor:
        """Half the column's probability, half a uniform one."""
        return self.project(0.5 * mu + 0.5 * noise)

    def to_free(self, theta: Tensor) -> Tensor:
        """The logit is free already."""
        return theta

    def from_free(self, free: Tensor) -> Tensor:
        """The logit is free already; bounded as `project` bounds the probability."""
        return free.clamp(-27.6, 27.6)

    def free_gradient(self, free: Tensor, sums: Tensor, count: Tensor) -> Tensor:
        """The gradient by the logit, sums - count p."""
        return sums - count * torch.sigmoid(free)

    def sample(self, theta: Tensor, generator: torch.Generator) -> Tensor:
        """1 with probability sigmoid(theta), (n, 1, B)."""
        p = torch.sigmoid(theta)
        return (_uniform_like(p, generator) < p).to(p.dtype)

    def mode(self, theta: Tensor) -> Tensor:
        """1 where p >= 1/2."""
        return (theta >= 0).to(theta.dtype)

    def moments(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Mean p and variance p (1 - p)."""
        p = torch.sigmoid(theta)
        return p, p * (1 - p)

    def cdf(self, x: Tensor, theta: Tensor) -> Tensor:
        """0 below 0, 1 - p below 1, and 1 from there on, (n, 1, B) to (n, K, B)."""
        zero = torch.sigmoid(-theta[:, 0]).unsqueeze(2)
        return torch.where(x >= 1, 1.0, torch.where(x >= 0, zero, 0.0))


def _uniform_like(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.rand(like.shape, generator=generator, dtype=like.dtype, device=like.device)
