"""Digamma equations, Gamma draws and the normal cdf; elementwise, any shape."""

from math import sqrt

import torch
from torch import Tensor

# Newton steps of the solvers, at most. Each start is so near that fewer than these reach the
# digits of float64 everywhere between the bounds of the leaves. Steps are quadratic: after one
# that moved nothing by more than ENOUGH the next would move nothing at all.
STEPS = 16
ENOUGH = 1e-7

# Positive numbers are kept between these: their logarithms, and products with any shape that
# a leaf may have, are numbers.
SMALLEST, LARGEST = 1e-300, 1e100

# Highest shape of a Gamma leaf and highest sum of the shapes of a Beta leaf: beyond, a log
# density is a difference of numbers so large that its digits are lost.
LARGEST_SHAPE = 1e5


def log_minus_digamma(a: Tensor) -> Tensor:
    """log(a) - digamma(a), from 1/a at zero down to 1/2a, without loss of digits."""
    y = 1 / a.clamp_min(32.0)
    far = y * (1 / 2 + y * (1 / 12 + y * y * (-1 / 120 + y * y * (1 / 252 - y * y / 240))))
    return torch.where(a > 32, far, torch.log(a) - torch.digamma(a))


def shape_of(gap: Tensor) -> Tensor:
    """The a with log(a) - digamma(a) = gap, for positive gaps.

    Notes
    -----
    Newton steps for 1/a, in which the gap is nearly linear, from the start of Minka,
    "Estimating a Gamma distribution" (2002), where the series of the digamma is cut.
    """
    a = (3 - gap + torch.sqrt((gap - 3) ** 2 + 24 * gap)) / (12 * gap)
    for _ in range(STEPS):
        slope = a * (a * torch.polygamma(1, a) - 1)
        step = a * (gap - log_minus_digamma(a)) / slope
        a = a / (1 + step)
        if _is_small(step):
            break
    return a


def beta_shapes(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """The a, b with digamma(a) - digamma(a + b) = first, digamma(b) - digamma(a + b) = second.

    Parameters
    ----------
    first, second : Tensor
        E log x and E log(1 - x) of a Beta density.

    Notes
    -----
    Newton steps on the concave likelihood (Minka, "Estimating a Dirichlet distribution",
    2000). A step that would make a shape small or negative divides it instead.
    """
    # Geometric means of x and 1 - x: they add to less, the more x varies.
    mean_a, mean_b = torch.exp(first), torch.exp(second)
    gap = 2 * (1 - mean_a - mean_b).clamp_min(1e-12)
    a, b = 0.5 + mean_a / gap, 0.5 + mean_b / gap
    for _ in range(STEPS):
        psi, slope = torch.digamma(a + b), torch.polygamma(1, a + b)
        slope_a, slope_b = torch.polygamma(1, a), torch.polygamma(1, b)
        residual_a = torch.digamma(a) - psi - first
        residual_b = torch.digamma(b) - psi - second
        # The Hessian is diagonal less a constant: its inverse has a closed form.
        shared = residual_a / slope_a + residual_b / slope_b
        shared = shared / (1 / slope - 1 / slope_a - 1 / slope_b)
        step_a = -(residual_a + shared) / slope_a / a
        step_b = -(residual_b + shared) / slope_b / b
        a, b = _moved(a, step_a), _moved(b, step_b)
        if _is_small(step_a) and _is_small(step_b):
            break
    return a, b


def _is_small(step: Tensor) -> bool:
    """Whether no step was larger than ENOUGH."""
    return bool((step.abs() < ENOUGH).all())


def _moved(shape: Tensor, step: Tensor) -> Tensor:
    """The shape times 1 + step, kept positive and at most ten times as large."""
    return shape * torch.where(step < 0, 1 / (1 - step), 1 + step.clamp_max(9.0))


def beta_shapes_of_sum(difference: Tensor, total: float) -> tuple[Tensor, Tensor]:
    """The a, b with a + b = total and digamma(a) - digamma(b) = difference."""
    of_total = torch.digamma(torch.full_like(difference, total))
    smaller = _inverse_digamma_start(of_total - difference.abs()).clamp_max(0.5 * total)
    logit = -torch.sign(difference) * torch.log(smaller / (total - smaller))
    for _ in range(STEPS):
        a, b = total * torch.sigmoid(logit), total * torch.sigmoid(-logit)
        slope = (torch.polygamma(1, a) + torch.polygamma(1, b)) * a * b / total
        step = (torch.digamma(a) - torch.digamma(b) - difference) / slope
        logit = logit - step.clamp(-4.0, 4.0)
        if _is_small(step):
            break
    return total * torch.sigmoid(logit), total * torch.sigmoid(-logit)


def _inverse_digamma_start(y: Tensor) -> Tensor:
    """About the a with digamma(a) = y (Minka 2000, appendix C)."""
    small = 1 / (-y - 0.5772156649015329).clamp_min(1e-3)
    return torch.where(y > -2.22, torch.exp(y.clamp_max(50.0)) + 0.5, small)


def log_gamma_draws(a: Tensor, generator: torch.Generator) -> Tensor:
    """Logarithms of draws from Gamma densities of shape a and rate 1.

    Logarithms, since draws of small shapes are often smaller than any float.

    References
    ----------
    Marsaglia and Tsang, "A simple method for generating gamma variables", ACM Transactions
    on Mathematical Software 2000; shapes below 1 by their section 6.
    """
    # A draw of shape a + 1 times u^(1 / a) has shape a, whatever a is.
    d = a + 1 - 1 / 3
    c = 1 / torch.sqrt(9 * d)
    log_draw = torch.full_like(a, torch.nan)
    while bool(torch.isnan(log_draw).any()):
        z = torch.randn(a.shape, generator=generator, dtype=a.dtype, device=a.device)
        log_cube = 3 * torch.log1p((c * z).clamp_min(-1 + 1e-12))
        bound = 0.5 * z * z + d * (1 - torch.exp(log_cube) + log_cube)
        accepted = (1 + c * z > 0) & (log_uniform(a, generator) < bound)
        log_draw = torch.where(torch.isnan(log_draw) & accepted, torch.log(d) + log_cube, log_draw)
    return log_draw + log_uniform(a, generator) / a


def normal_below(x: Tensor) -> Tensor:
    """P(Z <= x) of a standard normal Z, with all digits in both tails.

    `torch.special.ndtr` is (1 + erf) / 2, of which nothing is left below -8.3.
    """
    return 0.5 * torch.special.erfc(-sqrt(0.5) * x)


def log_uniform(like: Tensor, generator: torch.Generator) -> Tensor:
    """Logarithms of uniform draws from (0, 1], never infinite."""
    u = torch.rand(like.shape, generator=generator, dtype=like.dtype, device=like.device)
    return torch.log1p(-u)
