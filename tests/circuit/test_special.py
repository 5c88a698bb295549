"""Digamma equations and Gamma draws over all shapes that leaves may have."""

import pytest
import torch
from scipy import special, stats

from skpc.circuit.leaves.incomplete_beta import incomplete_beta
from skpc.circuit.leaves.special import (
    LARGEST_SHAPE,
    beta_shapes,
    beta_shapes_of_sum,
    log_gamma_draws,
    log_minus_digamma,
    normal_below,
    shape_of,
)

SHAPES = torch.logspace(-3, 5, 81, dtype=torch.float64)


def assert_near(a, b, rtol):
    torch.testing.assert_close(a, b, rtol=rtol, atol=0)


def test_the_normal_cdf_keeps_its_digits_in_both_tails():
    x = torch.linspace(-37, 37, 149, dtype=torch.float64)
    assert_near(normal_below(x), torch.from_numpy(stats.norm.cdf(x.numpy())), 1e-12)
    assert normal_below(torch.tensor([-torch.inf, torch.inf])).tolist() == [0.0, 1.0]


def test_log_minus_digamma():
    """Against the integral of (1 / (1 - e^-t) - 1 / t) e^(-a t) where digits are lost."""
    small = SHAPES[SHAPES < 10]
    wanted = torch.log(small) - torch.from_numpy(special.digamma(small.numpy()))
    assert_near(log_minus_digamma(small), wanted, 1e-13)
    a = SHAPES[SHAPES > 10]
    nodes, weights = special.roots_laguerre(40)
    t = torch.from_numpy(nodes) / a[:, None]
    inner = torch.where(t > 1e-3, -1 / torch.expm1(-t) - 1 / t, 0.5 + t / 12 - t**3 / 720)
    assert_near(log_minus_digamma(a), inner @ torch.from_numpy(weights) / a, 1e-12)


def test_shape_of_is_the_inverse():
    assert_near(shape_of(log_minus_digamma(SHAPES)), SHAPES, 1e-12)


def test_beta_shapes_are_the_inverse():
    a, b = (side.flatten() for side in torch.meshgrid(SHAPES, SHAPES, indexing="ij"))
    both = torch.digamma(a + b)
    first, second = torch.digamma(a) - both, torch.digamma(b) - both
    found = torch.stack(beta_shapes(first, second))
    # Large shapes are told by differences of nearly equal numbers: the digits that are left.
    digits = 1e-15 * (a + b + 100) * (1 + torch.maximum(a / b, b / a)).sqrt()
    assert torch.isfinite(found).all()
    error = (found / torch.stack([a, b]) - 1).abs()
    assert (error < (100 * digits).clamp_min(1e-11)).all()


@pytest.mark.parametrize("total", [4.0, 100.0, LARGEST_SHAPE])
def test_beta_shapes_of_a_sum(total):
    share = torch.logspace(-6, -0.31, 60, dtype=torch.float64)
    a = total * torch.cat([share, 1 - share])
    a = a[(a > 1e-3) & (total - a > 1e-3)]
    difference = torch.digamma(a) - torch.digamma(total - a)
    first, second = beta_shapes_of_sum(difference, total)
    assert_near(first, a, 1e-9)
    assert_near(first + second, torch.full_like(a, total), 1e-13)


@pytest.mark.parametrize("a", [1e-3, 0.02, 0.5, 1.0, 7.0, 1e5])
def test_gamma_draws_follow_the_density(a):
    generator = torch.Generator().manual_seed(0)
    draws = log_gamma_draws(torch.full((5000,), a, dtype=torch.float64), generator)
    assert torch.isfinite(draws).all()
    # The smallest shape's draws are all log(u) / a, but for a share of them too small to see.
    if a > 0.01:
        p_value = stats.kstest(draws.numpy(), stats.loggamma(a).cdf).pvalue
    else:
        p_value = stats.kstest(-draws.numpy(), stats.expon(scale=1 / a).cdf).pvalue
    assert p_value > 1e-3


def test_incomplete_beta():
    """At quantiles and far out, for all pairs of shapes that Beta leaves may have."""
    shapes = torch.logspace(-3, 5, 25, dtype=torch.float64)
    a, b = (side.flatten()[:, None] for side in torch.meshgrid(shapes, shapes, indexing="ij"))
    shares = torch.tensor([1e-300, 1e-9, 0.2, 0.5, 0.9, 1 - 1e-12], dtype=torch.float64)
    mean = a / (a + b)
    spread = torch.sqrt(mean * (1 - mean) / (a + b + 1))
    steps = torch.tensor([-8.0, -2, -0.1, 0.1, 2, 8], dtype=torch.float64)
    x = torch.cat([shares.expand(len(a), -1), (mean + spread * steps).clamp(0, 1)], dim=1)
    expected = torch.from_numpy(special.betainc(a.numpy(), b.numpy(), x.numpy()))
    torch.testing.assert_close(incomplete_beta(a, b, x, 1 - x), expected, rtol=0, atol=1e-10)
    ends = torch.tensor([0.0, 1.0], dtype=torch.float64)
    assert torch.equal(incomplete_beta(a, b, ends, 1 - ends), ends.expand(len(a), -1))


def test_incomplete_beta_keeps_digits_near_one():
    """y = 1e-30 is no float below 1: both sides are given."""
    one, small = torch.ones(1, dtype=torch.float64), torch.full((1,), 1e-30, dtype=torch.float64)
    share = incomplete_beta(small.new_tensor([2.0]), small.new_tensor([0.01]), one, small)
    expected = 1 - special.betainc(0.01, 2.0, 1e-30)
    assert share.item() == pytest.approx(expected, abs=1e-12)
