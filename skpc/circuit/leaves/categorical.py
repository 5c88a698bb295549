"""Categorical leaves: columns of codes 0 to C - 1.

Axes: n columns or incidences, t = C statistics, B rows, K units.
"""

from typing import ClassVar, Self

import torch
from torch import Tensor

from .base import Leaf
from .bernoulli import PROBABILITY_FLOOR
from .form import Form


class Categorical(Leaf):
    """p(x = c) = p_c: T = one-hot of x, theta = log p, A = logsumexp(theta), h = 1.

    Parameters
    ----------
    n_categories : int
        Number of codes C.
    """

    name: ClassVar[str] = "categorical"
    support: ClassVar[str] = "codes"
    closed: ClassVar[bool] = True

    def __init__(self, n_categories: int) -> None:
        self.n_categories = n_categories

    @classmethod
    def for_column(cls, n_categories: int, min_variance: float) -> Self:
        """A family of that many codes."""
        return cls(n_categories)

    @property
    def n_statistics(self) -> int:
        """One per category."""
        return self.n_categories

    @property
    def n_free(self) -> int:
        """One less: probabilities add to one."""
        return self.n_categories - 1

    @property
    def form(self) -> Form | None:
        """A code."""
        return Form("codes", self.n_categories)

    @property
    def n_codes(self) -> int:
        """Number of codes C."""
        return self.n_categories

    def log_codes(self, theta: Tensor) -> Tensor:
        """Log probability of every code plus A, (n, t, K) to (n, C, K)."""
        return theta

    def statistics(self, x: Tensor) -> Tensor:
        """One-hot, (n, 1, B) to (n, C, B)."""
        codes = torch.arange(self.n_categories, dtype=x.dtype, device=x.device)
        return (x == codes[:, None]).to(x.dtype)

    def log_partition(self, theta: Tensor) -> Tensor:
        """A = logsumexp(theta), (n, C, K) to (n, K)."""
        return torch.logsumexp(theta, dim=1)

    def natural(self, mu: Tensor) -> Tensor:
        """log(mu)."""
        return torch.log(mu)

    def expectation(self, theta: Tensor) -> Tensor:
        """softmax(theta)."""
        return torch.softmax(theta, dim=1)

    def project(self, mu: Tensor) -> Tensor:
        """Keep every category possible."""
        mu = mu.clamp_min(PROBABILITY_FLOOR)
        return mu / mu.sum(dim=1, keepdim=True)

    def reference(self) -> Tensor:
        """Equal probabilities of all categories."""
        return torch.full((self.n_categories,), 1 / self.n_categories, dtype=torch.float64)

    def spread(self, mu: Tensor, noise: Tensor) -> Tensor:
        """The column's probabilities, half of each moved by an exponential weight.

        A hundredth is spread evenly, so that categories that never occur start in reach.
        """
        mu = 0.99 * mu + 0.01 / self.n_categories
        weights = -torch.log(noise.clamp_min(PROBABILITY_FLOOR))
        moved = self.project(mu * weights)
        return self.project(0.5 * mu + 0.5 * moved)

    def to_free(self, theta: Tensor) -> Tensor:
        """Logits are free already."""
        return theta

    def from_free(self, free: Tensor) -> Tensor:
        """Normalised logits, bounded below as `project` bounds the probabilities."""
        return torch.log(self.project(torch.softmax(free, dim=1)))

    def free_gradient(self, free: Tensor, sums: Tensor, count: Tensor) -> Tensor:
        """The gradient by the logits, sums - count p."""
        return sums - count * torch.softmax(free, dim=1)

    def sample(self, theta: Tensor, generator: torch.Generator) -> Tensor:
        """Inverse of the cumulative probabilities, (n, C, B) to (n, 1, B)."""
        cumulative = torch.softmax(theta, dim=1).cumsum(dim=1)
        u = torch.rand(
            (theta.shape[0], 1, theta.shape[2]),
            generator=generator,
            dtype=theta.dtype,
            device=theta.device,
        )
        # The last cumulative probability may round below 1; leaving it out keeps codes in range.
        return (u >= cumulative[:, :-1]).sum(dim=1, keepdim=True).to(theta.dtype)

    def mode(self, theta: Tensor) -> Tensor:
        """The first most probable code."""
        return theta.argmax(dim=1, keepdim=True).to(theta.dtype)

    def moments(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Codes have no scale: NaN."""
        undefined = torch.full_like(theta[:, :1], torch.nan)
        return undefined, undefined

    def cdf(self, x: Tensor, theta: Tensor) -> Tensor:
        """Sum of the probabilities of all codes up to x, (n, 1, B) to (n, K, B)."""
        codes = torch.arange(self.n_categories, dtype=x.dtype, device=x.device)
        below = (codes[:, None] <= x).to(theta.dtype)
        shares = torch.bmm(torch.softmax(theta, dim=1).transpose(1, 2), below)
        return torch.where(x >= self.n_categories - 1, 1.0, shares)
