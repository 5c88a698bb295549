"""What every leaf family must satisfy; a new family adds one line to EXAMPLES.

Axes: n incidences, t statistics, K units, B values.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from helpers.chi_square import chi_square
from helpers.own_family import Rayleigh
from scipy import optimize, special, stats

from skpc.circuit.leaves import (
    FAMILIES,
    Bernoulli,
    Beta,
    Binomial,
    Categorical,
    Exponential,
    Gamma,
    Gaussian,
    Leaf,
    LogNormal,
    Numeric,
    Poisson,
    RareCategories,
)

N, K = 3, 4
DISCRETE = ("binary", "codes", "counts", "trials")
VALUES = torch.arange(150, dtype=torch.float64)
STEP = 0.005
REALS = torch.arange(-15, 15, STEP, dtype=torch.float64)
LOGARITHMS = torch.arange(-40, 20, STEP, dtype=torch.float64)
LOGITS = torch.arange(-60, 34, STEP, dtype=torch.float64)


@dataclass(frozen=True)
class Example:
    """A family, rows to estimate it from, and its distribution in scipy.

    Attributes
    ----------
    draw : (rng, n) to n values of the support
    peer : expectation parameters (t,) to a scipy distribution
    points : values that carry all of the mass; evenly spaced, or in their logarithms or logits
    """

    family: Leaf
    draw: Callable
    peer: Callable
    points: torch.Tensor

    @property
    def is_discrete(self) -> bool:
        return self.family.support in DISCRETE

    @property
    def weights(self) -> torch.Tensor:
        """Weight of each point in sums that stand for integrals."""
        if self.is_discrete:
            return torch.ones_like(self.points)
        if self.family.support == "real":
            return torch.full_like(self.points, STEP)
        return STEP * self.points * (1 - self.points if self.family.support == "unit" else 1)


def gamma_peer(mu):
    """Shape by a search for the root."""
    gap = np.log(mu[1]) - mu[0]
    a = np.exp(optimize.brentq(lambda v: v - special.digamma(np.exp(v)) - gap, -9, 9, xtol=1e-14))
    return stats.gamma(a, scale=mu[1] / a)


def beta_peer(mu):
    """Both shapes by a search for the root."""

    def miss(logs):
        a, b = np.exp(logs)
        return special.digamma([a, b]) - special.digamma(a + b) - mu

    return stats.beta(*np.exp(optimize.root(miss, [1.0, 1.0], tol=1e-14).x))


EXAMPLES = {
    "bernoulli": Example(
        Bernoulli(), lambda rng, n: rng.randint(2, size=n), lambda mu: stats.bernoulli(mu[0]),
        VALUES[:2],
    ),
    "categorical": Example(
        Categorical(4), lambda rng, n: rng.randint(4, size=n),
        lambda mu: stats.rv_discrete(values=(np.arange(4), mu / mu.sum())), VALUES[:4],
    ),
    "rare categories": Example(
        RareCategories([1, 3], [1, 50, 2, 70, 4]), lambda rng, n: rng.randint(5, size=n),
        lambda mu: stats.rv_discrete(values=(
            np.arange(5),
            np.array([mu[2] / 7, mu[0], 2 * mu[2] / 7, mu[1], 4 * mu[2] / 7]) / mu.sum(),
        )), VALUES[:5],
    ),
    "binomial": Example(
        Binomial(7), lambda rng, n: rng.randint(8, size=n),
        lambda mu: stats.binom(7, mu[0] / 7), VALUES[:8],
    ),
    "poisson": Example(
        Poisson(), lambda rng, n: rng.poisson(4, size=n), lambda mu: stats.poisson(mu[0]), VALUES,
    ),
    "exponential": Example(
        Exponential(0.01), lambda rng, n: rng.exponential(size=n),
        lambda mu: stats.expon(scale=mu[0]), LOGARITHMS.exp(),
    ),
    "gamma": Example(
        Gamma(0.01), lambda rng, n: rng.gamma(2, size=n), gamma_peer, LOGARITHMS.exp(),
    ),
    "lognormal": Example(
        LogNormal(0.01), lambda rng, n: np.exp(rng.normal(size=n)),
        lambda mu: stats.lognorm(np.sqrt(mu[1] - mu[0] ** 2), scale=np.exp(mu[0])),
        LOGARITHMS.exp(),
    ),
    "beta": Example(
        Beta(0.01), lambda rng, n: rng.beta(3, 4, size=n), beta_peer, LOGITS.sigmoid(),
    ),
    "a user's own": Example(
        Rayleigh(), lambda rng, n: rng.rayleigh(size=n),
        lambda mu: stats.rayleigh(scale=np.sqrt(mu[0] / 2)), LOGARITHMS.exp(),
    ),
    "gaussian": Example(
        Gaussian(0.01), lambda rng, n: rng.normal(1, 1, n),
        lambda mu: stats.norm(mu[0], np.sqrt(mu[1] - mu[0] ** 2)), REALS,
    ),
    "numeric": Example(
        Numeric(0, 0.01), lambda rng, n: rng.normal(1, 1, n),
        lambda mu: stats.norm(mu[0], np.sqrt(mu[1] - mu[0] ** 2)), REALS,
    ),
}  # fmt: skip


@pytest.fixture(params=EXAMPLES)
def example(request) -> Example:
    return EXAMPLES[request.param]


@pytest.fixture
def mu(example):
    """Expectation parameters (N, t, K), each from a few random values."""
    return sums_of(example, seed=0)[0] / 6


def sums_of(example, seed):
    """Sums of the statistics of 6 random values (N, t, K), and their number (N, 1, K)."""
    x = torch.from_numpy(example.draw(np.random.RandomState(seed), N * K * 6)).double()
    statistics = example.family.statistics(x.view(N, 1, -1)).view(N, -1, K, 6)
    sums = statistics.sum(dim=3)
    return example.family.project(sums / 6) * 6, torch.full((N, 1, K), 6.0, dtype=sums.dtype)


def log_density(family, theta, x):
    """Log density of values (B,) under theta (n, t, K), (n, K, B)."""
    statistics = family.statistics(x[None, None])[0]
    inner = torch.einsum("ntk,tb->nkb", theta, statistics)
    return inner - family.log_partition(theta)[:, :, None] + family.log_base(x[None, None])


def mean_log_density(family, theta, mu):
    """<theta, mu> - A: of rows whose mean statistics are mu, (n, K)."""
    return (theta * mu).sum(dim=1) - family.log_partition(theta)


def assert_near(a, b, tolerance=1e-9):
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


def test_every_family_has_an_example():
    assert set(EXAMPLES) == {*FAMILIES, "rare categories", "a user's own"}
    assert all(type(EXAMPLES[name].family) is family for name, family in FAMILIES.items())


def test_shapes(example, mu):
    family = example.family
    theta = family.natural(mu)
    t = family.n_statistics
    x = torch.full((N, 1, 5), family.fill, dtype=torch.float64)
    assert theta.shape == family.expectation(theta).shape == (N, t, K)
    assert family.statistics(x).shape == (N, t, 5)
    assert family.log_base(x).shape == (N, 5)
    assert family.log_partition(theta).shape == (N, K)
    assert family.mode(theta).shape == (N, 1, K)
    assert all(moment.shape == (N, 1, K) for moment in family.moments(theta))
    assert family.reference().shape == (t,)


def test_density_adds_to_one(example, mu):
    density = log_density(example.family, example.family.natural(mu), example.points).exp()
    assert_near(density @ example.weights, torch.ones(N, K, dtype=torch.float64))


def test_log_density_equals_scipy(example, mu):
    found = log_density(example.family, example.family.natural(mu), example.points)
    for n in range(N):
        for k in range(K):
            peer = example.peer(mu[n, :, k].numpy())
            wanted = (peer.logpmf if example.is_discrete else peer.logpdf)(example.points.numpy())
            np.testing.assert_allclose(found[n, k], wanted, rtol=1e-9, atol=1e-9)


def test_expectation_is_the_mean_of_the_statistics(example, mu):
    family = example.family
    density = log_density(family, family.natural(mu), example.points).exp() * example.weights
    means = torch.einsum("nkb,tb->ntk", density, family.statistics(example.points[None, None])[0])
    assert_near(means, family.expectation(family.natural(mu)))


def test_expectation_is_the_gradient_of_the_log_partition(example, mu):
    theta = example.family.natural(mu).requires_grad_()
    (gradient,) = torch.autograd.grad(example.family.log_partition(theta).sum(), theta)
    assert_near(gradient, example.family.expectation(theta.detach()))


def test_natural_and_expectation_are_inverse(example, mu):
    family = example.family
    theta = family.natural(mu)
    assert_near(family.expectation(theta), mu)
    assert_near(family.natural(family.expectation(theta)), theta)


def test_project_keeps_what_is_allowed(example, mu):
    assert_near(example.family.project(mu), mu, 1e-14)


def test_project_makes_single_values_possible_parameters(example):
    """Statistics of one value repeated lie on the border of the allowed set."""
    family = example.family
    x = example.points[:: max(1, len(example.points) // 7)]
    projected = family.project(family.statistics(x[None, None]).transpose(0, 2))
    assert_near(family.project(projected), projected, 1e-14)
    theta = family.natural(projected)
    assert torch.isfinite(theta).all()
    assert torch.isfinite(log_density(family, theta, example.points)).all()


def test_project_finds_the_most_likely_allowed_parameters(example, mu):
    family = example.family
    x = example.points[:: max(1, len(example.points) // 7)]
    border = family.statistics(x[None, None]).transpose(0, 2)
    best = mean_log_density(family, family.natural(family.project(border)), border)
    for other in mu.transpose(1, 2).reshape(-1, mu.shape[1], 1):
        theta = family.natural(other.expand_as(border))
        assert (mean_log_density(family, theta, border) <= best + 1e-9).all()


def test_reference_and_spread_are_allowed(example, mu):
    family = example.family
    reference = family.reference()[None, :, None]
    assert_near(family.project(reference), reference, 1e-14)
    noise = torch.rand((N, mu.shape[1], K), generator=torch.Generator().manual_seed(0)).double()
    noise[0, :, 0], noise[0, :, 1] = 0.0, 1.0
    spread = family.spread(mu[:, :, :1], noise)
    assert torch.isfinite(family.natural(spread)).all()
    assert_near(family.project(spread), spread, 1e-12)
    assert len(torch.unique(spread[1], dim=1).T) == K, "units start apart"


# What the starting units of a column have on average, and by how much they are narrower than it.
CENTRES = {
    "gaussian": lambda theta: Gaussian(0.01).moments(theta)[0],
    "lognormal": lambda theta: Gaussian(0.01).moments(theta)[0],
    "exponential": lambda theta: -torch.log(-theta),
    "gamma": lambda theta: Gamma(0.01).moments(theta)[0],
    "beta": lambda theta: torch.log((theta[:, :1] + 1) / (theta[:, 1:] + 1)),
    "poisson": torch.exp,
}
WIDTHS = {
    "gaussian": (lambda theta: Gaussian(0.01).moments(theta)[1], 0.5),
    "lognormal": (lambda theta: Gaussian(0.01).moments(theta)[1], 0.5),
    "gamma": (lambda theta: 1 / (theta[:, :1] + 1), 0.5),
    "beta": (lambda theta: 1 / (theta.sum(dim=1) + 2), 0.5),
}


def starts_and_column(name, mu):
    """Natural parameters of units at all quantiles of the noise, and those of their column."""
    family, column = EXAMPLES[name].family, mu[:1, :, :1]
    noise = ((torch.arange(4000).double() + 0.5) / 4000).expand(1, mu.shape[1], -1)
    return family.natural(family.spread(column, noise)), family.natural(column)


@pytest.mark.parametrize("example", [EXAMPLES[name] for name in CENTRES], ids=CENTRES)
def test_starts_lie_around_their_column(example, mu):
    name = example.family.name
    starts, column = starts_and_column(name, mu)
    wanted = CENTRES[name](column).item()
    assert CENTRES[name](starts).mean().item() == pytest.approx(wanted, rel=5e-3)


@pytest.mark.parametrize("example", [EXAMPLES[name] for name in WIDTHS], ids=WIDTHS)
def test_starts_are_half_as_wide_as_their_column(example, mu):
    width, share = WIDTHS[example.family.name]
    starts, column = starts_and_column(example.family.name, mu)
    assert_near(width(starts), (share * width(column)).expand_as(width(starts)))


def test_categories_that_never_occur_start_in_reach():
    noise = torch.rand((1, 3, 50), generator=torch.Generator().manual_seed(0)).double()
    spread = Categorical(3).spread(torch.tensor([[[1.0], [0.0], [0.0]]]).double(), noise)
    assert spread.min() > 1e-3


def test_a_declared_code_without_rows_is_half_as_likely_as_the_rarest():
    codes = torch.tensor([0.0, 2.0, 3.0]).double()[None, None]
    shares = RareCategories([1], [2, 50, 0, 4]).log_base(codes).exp()
    assert_near(shares, torch.tensor([[2.0, 1.0, 4.0]]).double() / 7)


@pytest.mark.parametrize("family", [Gamma, Beta, LogNormal, Exponential])
def test_the_broad_reference_is_allowed_whatever_the_floor(family):
    for floor in (0.3, 1.0, 5.0):
        reference = family(floor).reference()[None, :, None]
        assert_near(family(floor).project(reference), reference, 1e-14)


def test_both_forms_of_parameters_have_the_same_bounds(example):
    """Those of single values lie on them."""
    family = example.family
    x = example.points[:: max(1, len(example.points) // 7)]
    theta = family.natural(family.project(family.statistics(x[None, None]).transpose(0, 2)))
    assert_near(family.from_free(family.to_free(theta)), theta, 1e-2)
    free = torch.tensor([-60.0, 60.0]).double().expand(1, family.n_statistics, -1)
    if family.support in ("binary", "codes", "trials"):
        probability = torch.sigmoid if family.n_statistics == 1 else torch.exp
        assert probability(family.from_free(free)).min() > 0.9e-12
        assert probability(-family.from_free(free)).min() > 0.9e-12


@pytest.mark.parametrize("family", [Categorical(3), Numeric(3, 0.01), Numeric(3, 0.01, 0.2)])
def test_projected_probabilities_add_to_one(family):
    n = family.n_statistics
    one_value = torch.eye(n, dtype=torch.float64)[:, :, None]
    shares = family.project(one_value)[:, n - 4 + isinstance(family, Categorical) :]
    assert_near(shares.sum(dim=1), torch.ones(n, 1).double(), 1e-15)


def test_natural_parameters_are_the_most_likely(example, mu):
    """A search over the free parameters, from the broad reference, ends at the same height."""
    family, one = example.family, mu[:1, :, :1]
    best = mean_log_density(family, family.natural(one), one).item()
    count = torch.ones((1, 1, 1), dtype=torch.float64)

    def lower(free):
        free = torch.from_numpy(free).view(one.shape)
        value = mean_log_density(family, family.from_free(free), one).item()
        return -value, -family.free_gradient(free, one, count).numpy().ravel()

    start = family.to_free(family.natural(family.reference()[None, :, None]))
    found = optimize.minimize(lower, start.numpy().ravel(), jac=True, method="BFGS")
    assert -found.fun == pytest.approx(best, abs=1e-6)
    assert -found.fun <= best + 1e-12


def test_samples_follow_the_density(example, mu):
    family, n_draws = example.family, 4000
    theta = family.natural(mu)[:, :, :1]
    generator = torch.Generator().manual_seed(3)
    draws = family.sample(theta.expand(-1, -1, n_draws), generator)[:, 0].numpy()
    assert draws.shape == (N, n_draws)
    for n in range(N):
        peer = example.peer(mu[n, :, 0].numpy())
        if example.is_discrete:
            shares = peer.pmf(example.points.numpy())
            counts = (draws[n][:, None] == example.points.numpy()).sum(axis=0)
            assert counts.sum() == n_draws, "draws stay in the support"
            assert counts[shares < 1e-9].sum() == 0
            rare = shares * n_draws < 5
            counts = np.append(counts[~rare], counts[rare].sum())
            shares = np.append(shares[~rare], shares[rare].sum() + 1e-9)
            p_value = chi_square(counts, shares * n_draws)
        else:
            p_value = stats.kstest(draws[n], peer.cdf).pvalue
        assert p_value > 1e-3


def test_samples_repeat_with_the_seed_and_differ_from_draw_to_draw(example, mu):
    theta = example.family.natural(mu).repeat(1, 1, 20)
    generator = torch.Generator().manual_seed(1)
    first, second = (example.family.sample(theta, generator) for _ in range(2))
    again = example.family.sample(theta, torch.Generator().manual_seed(1))
    assert torch.equal(first, again)
    assert not torch.equal(first, second)


def test_mode_is_the_highest_point(example, mu):
    family = example.family
    theta = family.natural(mu)
    highest = log_density(family, theta, example.points).amax(dim=2)
    mode = family.mode(theta)[:, 0]
    at_mode = [log_density(family, theta, mode[n])[n].diagonal() for n in range(N)]
    assert (torch.stack(at_mode) >= highest - 1e-12).all()


@pytest.mark.parametrize("x", [1e7, -1e11])
@pytest.mark.parametrize("family", [Gaussian(0.01), Numeric(0, 0.01)])
def test_numbers_far_from_the_mean_have_their_own_density(family, x):
    theta = family.natural(torch.tensor([[[0.5], [1.25], [1.0]][: family.n_statistics]]).double())
    found = log_density(family, theta, torch.tensor([x], dtype=torch.float64))
    assert found.item() == pytest.approx(stats.norm.logpdf(x, 0.5, 1.0), rel=1e-12)


@pytest.mark.parametrize("shapes", [(0.5, 3.0), (3.0, 0.5), (1.0, 2.0), (2.0, 1.0), (0.4, 0.6)])
def test_modes_at_an_end_are_the_highest_points(shapes):
    theta = torch.tensor(shapes).double().view(1, 2, 1) - 1
    beta, points = Beta(0.01), LOGITS.sigmoid()
    highest = log_density(beta, theta, points).max()
    assert log_density(beta, theta, beta.mode(theta)[0, 0]) >= highest - 1e-12
    theta[:, 1] = -1.0
    gamma, points = Gamma(0.01), LOGARITHMS.exp()
    highest = log_density(gamma, theta, points).max()
    assert log_density(gamma, theta, gamma.mode(theta)[0, 0]) >= highest - 1e-12


def test_the_mode_of_a_uniform_density_is_its_middle():
    assert Beta(0.01).mode(torch.zeros(1, 2, 1).double()).item() == 0.5


def test_of_two_modes_the_larger_count_is_taken():
    """Where a mean, or (N + 1) p, is a whole number, however its logarithm is rounded."""
    k = torch.arange(1, 200).double()
    assert torch.equal(Poisson().mode(torch.log(k)[None, None])[0, 0], k)
    p = torch.logit(k / 200)[None, None]
    assert torch.equal(Binomial(199).mode(p)[0, 0], k)
    assert Bernoulli().mode(torch.zeros(1, 1, 1).double()).item() == 1.0


def test_moments_by_quadrature(example, mu):
    theta = example.family.natural(mu)
    mean, variance = (moment[:, 0] for moment in example.family.moments(theta))
    if example.family.support == "codes":
        assert mean.isnan().all()
        assert variance.isnan().all()
        return
    x = example.points
    density = log_density(example.family, theta, x).exp() * example.weights
    assert_near(mean, density @ x)
    assert_near(variance, density @ (x * x) - (density @ x) ** 2)


def test_cdf_by_quadrature(example, mu):
    """Sums of the density up to each point; between two points half of the next one."""
    theta = example.family.natural(mu)
    density = log_density(example.family, theta, example.points).exp() * example.weights
    sums = density.cumsum(dim=2)
    if not example.is_discrete:
        # A sum of equal steps is the integral up to the middle of the next step.
        sums = sums - 0.5 * density
    actual = example.family.cdf(example.points.expand(N, 1, -1), theta)
    assert actual.shape == sums.shape
    assert_near(actual, sums, 1e-9 if example.is_discrete else 2e-5)


def test_cdf_equals_scipy(example, mu):
    points = example.points[:: max(1, len(example.points) // 500)]
    between = points + 0.4 if example.is_discrete else points
    actual = example.family.cdf(between.expand(N, 1, -1), example.family.natural(mu))
    for n in range(N):
        for k in range(K):
            peer = example.peer(mu[n, :, k].numpy())
            np.testing.assert_allclose(actual[n, k], peer.cdf(between.numpy()), atol=1e-9)


def test_cdf_rises_from_zero_to_one(example, mu):
    """Also at the ends of the support and beyond them."""
    family, theta = example.family, example.family.natural(mu)
    points, far = example.points, torch.tensor([1e9, 1e300, torch.inf], dtype=torch.float64)
    x = torch.cat([-far.flip(0), points[:1] - 1e-3, points, points[-1:] + 1, far])
    if family.support in ("positive", "nonnegative", "unit"):
        x = torch.cat([x[:4], torch.zeros(1, dtype=torch.float64), x[4:]])
        x[3] = -1e-300
    values = family.cdf(x.expand(N, 1, -1), theta)
    assert ((values >= 0) & (values <= 1)).all()
    assert (values.diff(dim=2) >= -1e-9).all()
    assert (values[:, :, :3] == 0).all()
    assert (values[:, :, -3:] == 1).all()
    if family.support != "real":
        assert (values[:, :, 3] == 0).all(), "just below the support"
    if family.support in ("positive", "nonnegative", "unit"):
        assert (values[:, :, 4] == 0).all(), "nothing lies at zero"
    if family.support in ("binary", "codes", "trials", "unit"):
        end = 1.0 if family.support == "unit" else float(points[-1])
        last = torch.full((N, 1, 1), end, dtype=torch.float64)
        assert (family.cdf(last, theta) == 1).all()


def test_a_family_without_a_cdf_is_named():
    class Plain(Gaussian):
        name = "plain"
        cdf = Leaf.cdf

    with pytest.raises(NotImplementedError, match="The family 'plain' has no cdf"):
        Plain(0.01).cdf(torch.zeros(1, 1), torch.zeros(1, 2, 1))


def test_free_parameters_are_another_form_of_natural_ones(example, mu):
    family = example.family
    theta = family.natural(mu)
    assert_near(family.from_free(family.to_free(theta)), theta)


def test_any_free_parameters_are_allowed(example):
    family = example.family
    free = torch.linspace(-60, 60, 41, dtype=torch.float64).expand(1, family.n_statistics, -1)
    theta = family.from_free(free.contiguous())
    mu = family.expectation(theta)
    assert torch.isfinite(theta).all()
    assert torch.isfinite(family.log_partition(theta)).all()
    # Where exp(60) meets exp(-60) the square takes the digits of the variance.
    assert_near(family.project(mu), mu, 1e-9)


def test_free_gradient_equals_autograd(example):
    family = example.family
    # Away from the border of the allowed set, where from_free bends.
    inside = (sums_of(example, seed=1)[0] / 6 + family.reference()[:, None]) / 2
    free = family.to_free(family.natural(inside)).requires_grad_()
    sums, count = sums_of(example, seed=2)
    theta = family.from_free(free)
    value = (theta * sums).sum() - (count[:, 0] * family.log_partition(theta)).sum()
    (wanted,) = torch.autograd.grad(value, free)
    found = family.free_gradient(free.detach(), sums, count)
    assert_near(found, wanted)
    assert found.abs().max() > 0.1, "the point is not stationary by chance"


def test_families_are_made_for_columns():
    assert Binomial.for_column(5, 0.1).n == 4
    assert Gamma.for_column(0, 0.1).highest == 10
    assert Categorical.for_column(5, 0.1).n_statistics == 5
    assert Gaussian.for_column(5, 0.1).min_variance == 0.1
    assert Bernoulli.for_column(2, 0.1).n_statistics == 1
