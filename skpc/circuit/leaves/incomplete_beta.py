"""The regularised incomplete beta function, which torch does not have; elementwise, any shape."""

from math import log, pi

import torch
from torch import Tensor

# Terms of the continued fraction, at most. It needs some multiples of sqrt(max(a, b)).
MOST_TERMS = 20_000
ENOUGH = 1e-14
SMALLEST = 1e-300
# From here on the series of `_stirling_error` has the digits of float64.
LARGE = 10.0


def incomplete_beta(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """The share I_x(a, b) of the Beta(a, b) density that lies below x, in float64.

    Parameters
    ----------
    a, b : Tensor
        Positive shapes.
    x, y : Tensor
        Two numbers from 0 to 1 with x + y = 1. Both are taken, since the smaller one has digits
        that 1 less the larger one has not.

    Notes
    -----
    I_x(a, b) = x^a y^b / (a B(a, b)) / (1 + d1 / (1 + d2 / (1 + ...))) is a continued fraction
    (Abramowitz and Stegun, 26.5.8), computed from its front by Lentz's method. It converges fast
    for x below (a + 1) / (a + b + 2), and elsewhere 1 - I_y(b, a) is taken. The factor before it
    is free of cancellation, see `_log_factor`. The error is below 1e-10 for shapes from 1e-3 to
    1e6.
    """
    a, b, x, y = torch.broadcast_tensors(*(value.double() for value in (a, b, x, y)))
    inside = (x > 0) & (y > 0)
    ends = (y <= 0).double()
    x, y = torch.where(inside, x, 0.5), torch.where(inside, y, 0.5)
    below = x * (a + b + 2) < a + 1
    first, second = torch.where(below, a, b), torch.where(below, b, a)
    near, far = torch.where(below, x, y), torch.where(below, y, x)
    share = torch.exp(_log_factor(first, second, near, far)) / first
    share = share / _fraction(first, second, near)
    share = torch.where(below, share, 1 - share).clamp(0.0, 1.0)
    return torch.where(inside, share, ends)


def _fraction(a: Tensor, b: Tensor, x: Tensor) -> Tensor:
    """The continued fraction 1 + d1 / (1 + d2 / (1 + ...)) by Lentz's method.

    d_(2m + 1) = -(a + m)(a + b + m) x / ((a + 2m)(a + 2m + 1)) and
    d_2m = m (b - m) x / ((a + 2m - 1)(a + 2m)).
    """
    value = torch.ones_like(x)
    above, under = torch.ones_like(x), torch.zeros_like(x)
    for term in range(1, MOST_TERMS):
        m = term // 2
        if term % 2:
            d = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            d = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        under = 1 / _away_from_zero(1 + d * under)
        above = _away_from_zero(1 + d / above)
        step = above * under
        value = value * step
        if bool(((step - 1).abs() < ENOUGH).all()):
            break
    return value


def _away_from_zero(value: Tensor) -> Tensor:
    return torch.where(value.abs() < SMALLEST, SMALLEST, value)


def _log_factor(a: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """The logarithm of x^a y^b / B(a, b).

    Around the mean p = a / s, s = a + b, it is

        a log(x / p) + b log(y / (1 - p)) + log(a b / (2 pi s)) / 2 - e(a) - e(b) + e(s)

    with the error e of Stirling's formula (Loader, "Fast and accurate computation of binomial
    probabilities", 2000). The log Gamma functions of large shapes would cancel their digits.
    """
    s = a + b
    move = (b * x - a * y) / s
    exponent = a * _log_less(x * s / a, move * s / a) + b * _log_less(y * s / b, -move * s / b)
    errors = _stirling_error(a) + _stirling_error(b) - _stirling_error(s)
    return exponent + 0.5 * torch.log(a / s * b / (2 * pi)) - errors


def _log_less(ratio: Tensor, e: Tensor) -> Tensor:
    """The difference log(ratio) - e for ratio = 1 + e, with all digits around 1 and near 0."""
    r = e / (2 + e)
    square, series = r * r, torch.zeros_like(e)
    # log(1 + e) = 2 (r + r^3 / 3 + r^5 / 5 + ...), and 2 r - e = -r e.
    for k in range(19, 1, -2):
        series = series * square + 1 / k
    near = 2 * r * square * series - r * e
    return torch.where(r.abs() < 0.1, near, torch.log(ratio) - e)


def _stirling_error(a: Tensor) -> Tensor:
    """Error of Stirling's formula: log Gamma(a) - ((a - 1/2) log a - a + log(2 pi) / 2)."""
    direct = torch.lgamma(a) - ((a - 0.5) * torch.log(a) - a + 0.5 * log(2 * pi))
    y = 1 / a.clamp_min(LARGE)
    u = y * y
    terms = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156)
    series = torch.zeros_like(a)
    for term in reversed(terms):
        series = series * u + term
    return torch.where(a < LARGE, direct, y * series)
