"""Beta leaves: columns of numbers between 0 and 1, ends excluded.

Axes: n columns or incidences, t = 2 statistics, B rows, K units.
"""

from math import log
from typing import ClassVar, Self

import torch
from torch import Tensor

from .base import Leaf
from .incomplete_beta import incomplete_beta
from .special import LARGEST_SHAPE, SMALLEST, beta_shapes, beta_shapes_of_sum, log_gamma_draws

# No mean logarithm of floats between 0 and 1 needs a smaller shape.
SMALLEST_SHAPE = 1e-3
# The float below 1.
LARGEST_SHARE = 1 - 2.0**-53


class Beta(Leaf):
    """p(x) = x^(a - 1) (1 - x)^(b - 1) / B(a, b).

    T = (log x, log(1 - x)), theta = (a - 1, b - 1), A = log B(a, b), h = 1. With s = a + b,
    the mean is a / s and the variance a b / (s^2 (s + 1)). The free parameters are log(a / b)
    and log s.

    Parameters
    ----------
    min_variance : float
        Floor of 1 / s, about the variance as a share of the largest possible one for the
        mean.
    """

    name: ClassVar[str] = "beta"
    support: ClassVar[str] = "unit"
    fill: ClassVar[float] = 0.5
    precise: ClassVar[bool] = True

    def __init__(self, min_variance: float) -> None:
        self.highest = min(max(1 / min_variance, 4.0), LARGEST_SHAPE)

    @classmethod
    def for_column(cls, n_categories: int, min_variance: float) -> Self:
        """A family with that variance floor."""
        return cls(min_variance)

    @property
    def n_statistics(self) -> int:
        """Two: the logarithms of x and of 1 - x."""
        return 2

    def statistics(self, x: Tensor) -> Tensor:
        """(n, 1, B) to (n, 2, B)."""
        x = x.clamp(SMALLEST, LARGEST_SHARE)
        return torch.cat([torch.log(x), torch.log1p(-x)], dim=1)

    def log_partition(self, theta: Tensor) -> Tensor:
        """A = log B(a, b), (n, 2, K) to (n, K)."""
        a, b = _shapes(theta)
        return torch.lgamma(a) + torch.lgamma(b) - torch.lgamma(a + b)

    def natural(self, mu: Tensor) -> Tensor:
        """The shapes with these mean logarithms, by Newton steps."""
        return _natural(*beta_shapes(mu[:, 0], mu[:, 1]))

    def expectation(self, theta: Tensor) -> Tensor:
        """(digamma(a) - digamma(s), digamma(b) - digamma(s))."""
        a, b = _shapes(theta)
        of_sum = torch.digamma(a + b)
        return torch.stack([torch.digamma(a) - of_sum, torch.digamma(b) - of_sum], dim=1)

    def project(self, mu: Tensor) -> Tensor:
        """Bring s to its bound where the best s is higher: the best allowed a and b."""
        best = torch.stack(beta_shapes_of_sum(mu[:, 0] - mu[:, 1], self.highest), dim=1)
        bound = self.expectation(best - 1)
        # The likelihood is concave: s is too high where it still rises with s at the bound.
        rises = (best * (mu - bound)).sum(dim=1, keepdim=True) > 0
        return torch.where(rises, bound, mu)

    def reference(self) -> Tensor:
        """The uniform density."""
        return torch.tensor([-1.0, -1.0], dtype=torch.float64)

    def spread(self, mu: Tensor, noise: Tensor) -> Tensor:
        """Means at quantiles of the column's logits, each with twice its s."""
        a, b = _shapes(self.natural(self.project(mu)))
        width = torch.sqrt((torch.polygamma(1, a) + torch.polygamma(1, b)).clamp_max(4.0))
        quantile = torch.special.ndtri(noise[:, 0].clamp(1e-4, 1 - 1e-4))
        logit = torch.log(a / b) + width * quantile
        free = torch.stack([logit, torch.log(2 * (a + b)) + 0 * logit], dim=1)
        return self.expectation(self.from_free(free))

    def to_free(self, theta: Tensor) -> Tensor:
        """(log(a / b), log s)."""
        a, b = _shapes(theta)
        return torch.stack([torch.log(a / b), torch.log(a + b)], dim=1)

    def from_free(self, free: Tensor) -> Tensor:
        """(log(a / b), log s) to natural parameters, a, b and s within their bounds."""
        s = torch.exp(free[:, 1].clamp(log(4 * SMALLEST_SHAPE), log(self.highest)))
        a = (s * torch.sigmoid(free[:, 0])).clamp_min(SMALLEST_SHAPE)
        a = torch.minimum(a, s - SMALLEST_SHAPE)
        return _natural(a, s - a)

    def free_gradient(self, free: Tensor, sums: Tensor, count: Tensor) -> Tensor:
        """The gradient by log(a / b) and by log s.

        With g the gradient by (a, b), they are a b (g1 - g2) / s and a g1 + b g2.
        """
        theta = self.from_free(free)
        by_shape = sums - count * self.expectation(theta)
        a, b = _shapes(theta)
        by_logit = a * b / (a + b) * (by_shape[:, 0] - by_shape[:, 1])
        return torch.stack([by_logit, a * by_shape[:, 0] + b * by_shape[:, 1]], dim=1)

    def sample(self, theta: Tensor, generator: torch.Generator) -> Tensor:
        """Shares of two Gamma draws, (n, 2, B) to (n, 1, B), ends excluded."""
        shapes = (shape.unsqueeze(1) for shape in _shapes(theta))
        first, second = (log_gamma_draws(shape, generator) for shape in shapes)
        return torch.sigmoid(first - second).clamp(SMALLEST, LARGEST_SHARE)

    def mode(self, theta: Tensor) -> Tensor:
        """(a - 1) / (s - 2), or an end where the density is highest there."""
        a, b = _shapes(theta)
        inner = (a - 1) / (a + b - 2)
        end = torch.where(a <= b, torch.full_like(a, SMALLEST), LARGEST_SHARE)
        mode = torch.where((a > 1) & (b > 1), inner, end)
        return torch.where((a == 1) & (b == 1), 0.5, mode).unsqueeze(1)

    def moments(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Mean a / s and variance a b / (s^2 (s + 1))."""
        a, b = (shape.unsqueeze(1) for shape in _shapes(theta))
        s = a + b
        return a / s, a / s * (b / s) / (s + 1)

    def cdf(self, x: Tensor, theta: Tensor) -> Tensor:
        """The incomplete beta function I_x(a, b), (n, 1, B) to (n, K, B)."""
        a, b = (shape.unsqueeze(2) for shape in _shapes(theta))
        inside = x.clamp(SMALLEST, 1.0)
        return torch.where(x > 0, incomplete_beta(a, b, inside, 1 - inside), 0.0)


def _shapes(theta: Tensor) -> tuple[Tensor, Tensor]:
    return theta[:, 0] + 1, theta[:, 1] + 1


def _natural(a: Tensor, b: Tensor) -> Tensor:
    return torch.stack([a - 1, b - 1], dim=1)
