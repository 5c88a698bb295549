"""Binomial leaves: columns of counts 0 to N.

Axes: n columns or incidences, t = 1 statistic, B rows, K units.
"""

from typing import ClassVar, Self

import torch
from torch import Tensor

from .base import Leaf
from .bernoulli import PROBABILITY_FLOOR
from .incomplete_beta import incomplete_beta


class Binomial(Leaf):
    """p(x) = C(N, x) p^x (1 - p)^(N - x), the number of successes in N trials.

    T = x, theta = logit p, A = N log(1 + e^theta), h = C(N, x), mean N p. A subclass with
    `n_trials` has that N in every column; otherwise it is the column's largest value in
    training.

    Parameters
    ----------
    n : int
        Number of trials N.
    """

    name: ClassVar[str] = "binomial"
    support: ClassVar[str] = "trials"
    has_base: ClassVar[bool] = True
    base_inside: ClassVar[bool] = True
    precise: ClassVar[bool] = True
    n_trials: ClassVar[int | None] = None

    def __init__(self, n: int) -> None:
        self.n = n

    @classmethod
    def for_column(cls, n_categories: int, min_variance: float) -> Self:
        """A family of values 0 to n_categories - 1."""
        return cls(max(1, n_categories - 1))

    @property
    def n_statistics(self) -> int:
        """One: x itself."""
        return 1

    def statistics(self, x: Tensor) -> Tensor:
        """The cells themselves, (n, 1, B)."""
        return x

    def log_base(self, x: Tensor) -> Tensor:
        """Log base measure: log h = log C(N, x), (n, 1, B) to (n, B)."""
        x = x[:, 0]
        whole = torch.lgamma(torch.full_like(x, self.n + 1.0))
        return whole - torch.lgamma(x + 1) - torch.lgamma(self.n - x + 1)

    def log_partition(self, theta: Tensor) -> Tensor:
        """A = N log(1 + e^theta), (n, 1, K) to (n, K)."""
        return self.n * torch.nn.functional.softplus(theta[:, 0])

    def natural(self, mu: Tensor) -> Tensor:
        """logit(mu / N)."""
        return torch.logit(mu / self.n)

    def expectation(self, theta: Tensor) -> Tensor:
        """N sigmoid(theta)."""
        return self.n * torch.sigmoid(theta)

    def project(self, mu: Tensor) -> Tensor:
        """Keep every count possible."""
        return mu.clamp(self.n * PROBABILITY_FLOOR, self.n * (1 - PROBABILITY_FLOOR))

    def reference(self) -> Tensor:
        """Probability 1/2 of a success."""
        return torch.tensor([0.5 * self.n], dtype=torch.float64)

    def spread(self, mu: Tensor, noise: Tensor) -> Tensor:
        """Half the column's probability, half a uniform one."""
        return self.project(0.5 * mu + 0.5 * self.n * noise)

    def to_free(self, theta: Tensor) -> Tensor:
        """The logit is free already."""
        return theta

    def from_free(self, free: Tensor) -> Tensor:
        """The logit is free already; bounded as `project` bounds the probability."""
        return free.clamp(-27.6, 27.6)

    def free_gradient(self, free: Tensor, sums: Tensor, count: Tensor) -> Tensor:
        """The gradient by the logit, sums - count N p."""
        return sums - count * self.n * torch.sigmoid(free)

    def sample(self, theta: Tensor, generator: torch.Generator) -> Tensor:
        """Numbers of successes, (n, 1, B)."""
        p = torch.sigmoid(theta)
        return torch.binomial(torch.full_like(p, self.n), p, generator=generator)

    def mode(self, theta: Tensor) -> Tensor:
        """The integer part of (N + 1) p, and N at most."""
        p = torch.sigmoid(theta)
        # Rounded up a little: where (N + 1) p is an integer, it and the count below are modes.
        return torch.floor((self.n + 1) * p * (1 + 1e-14)).clamp_max(self.n)

    def moments(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Mean N p and variance N p (1 - p)."""
        p = torch.sigmoid(theta)
        return self.n * p, self.n * p * (1 - p)

    def cdf(self, x: Tensor, theta: Tensor) -> Tensor:
        """I_(1 - p)(N - k, k + 1), k the integer part of x, (n, 1, B) to (n, K, B)."""
        k, logit = torch.floor(x), theta[:, 0].unsqueeze(2)
        inside = k.clamp(0, self.n - 1)
        p, rest = torch.sigmoid(logit), torch.sigmoid(-logit)
        shares = incomplete_beta(self.n - inside, inside + 1, rest, p)
        return torch.where(k >= self.n, 1.0, torch.where(k >= 0, shares, 0.0))
