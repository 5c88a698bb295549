"""Numeric leaves with atoms: half discrete, half continuous.

Axes: t = 3 + 2 statistics, K units.
"""

import pytest
import torch

from skpc.circuit.leaves import Gaussian, Numeric

FAMILY = Numeric(2, 0.01)
ATOMS = torch.tensor([1, 2], dtype=torch.int16)
REALS = torch.linspace(-12, 12, 24001, dtype=torch.float64)


@pytest.fixture
def mu():
    """Two units: shares (0.5, 0.3, 0.2) and (0.1, 0.1, 0.8) of numbers and atoms, (1, t, 2)."""
    shares = torch.tensor([[0.5, 0.1], [0.3, 0.1], [0.2, 0.8]], dtype=torch.float64)
    mean = torch.tensor([[0.5, -1.0]], dtype=torch.float64)
    variance = torch.tensor([[0.25, 2.0]], dtype=torch.float64)
    numbers = torch.cat([mean, mean**2 + variance]) * shares[:1]
    return torch.cat([numbers, shares]).unsqueeze(0)


def log_density(theta, x=None, atoms=None):
    """Of numbers, or of atoms, in every unit."""
    x = torch.zeros(len(atoms), dtype=torch.float64) if x is None else x
    atoms = torch.zeros(len(x), dtype=torch.int16) if atoms is None else atoms
    x, atoms = x[None, None], atoms[None, None]
    inner = torch.einsum("ntk,tb->kb", theta, FAMILY.statistics(x, atoms)[0])
    return inner - FAMILY.log_partition(theta)[0, :, None] + FAMILY.log_base(x, atoms)


def test_numbers_and_atoms_add_to_one(mu):
    theta = FAMILY.natural(mu)
    numbers = log_density(theta, REALS).exp().sum(dim=1) * (REALS[1] - REALS[0])
    atoms = log_density(theta, atoms=ATOMS).exp()
    torch.testing.assert_close(numbers, mu[0, 2])
    torch.testing.assert_close(atoms, mu[0, 3:].T)


def test_cells_without_atoms_are_numbers():
    numbers, no_atoms = REALS[None, None, ::1000], torch.zeros((1, 1, 25), dtype=torch.int16)
    assert torch.equal(FAMILY.statistics(numbers), FAMILY.statistics(numbers, no_atoms))
    assert torch.equal(FAMILY.log_base(numbers), FAMILY.log_base(numbers, no_atoms))


def test_natural_expectation_and_free_are_forms_of_each_other(mu):
    theta = FAMILY.natural(mu)
    torch.testing.assert_close(FAMILY.expectation(theta), mu)
    torch.testing.assert_close(FAMILY.from_free(FAMILY.to_free(theta)), theta)
    torch.testing.assert_close(FAMILY.project(mu), mu)
    torch.testing.assert_close(FAMILY.log_partition(theta), torch.zeros(1, 2).double())


def test_expectation_is_the_gradient_of_the_log_partition(mu):
    theta = FAMILY.natural(mu).requires_grad_()
    (gradient,) = torch.autograd.grad(FAMILY.log_partition(theta).sum(), theta)
    torch.testing.assert_close(gradient, mu)


def test_free_gradient_equals_autograd(mu):
    free = FAMILY.to_free(FAMILY.natural(mu)).requires_grad_()
    sums = 5 * mu.flip(2)
    theta = FAMILY.from_free(free)
    value = (theta * sums).sum() - 5 * FAMILY.log_partition(theta).sum()
    (expected,) = torch.autograd.grad(value, free)
    actual = FAMILY.free_gradient(free.detach(), sums, torch.full((1, 1, 2), 5.0).double())
    torch.testing.assert_close(actual, expected)


def test_project_makes_single_values_possible(mu):
    x = torch.cat([torch.zeros(2).double(), REALS[:2]])[None, None]
    atoms = torch.cat([ATOMS, torch.zeros(2, dtype=torch.int16)])[None, None]
    border = FAMILY.statistics(x, atoms)
    projected = FAMILY.project(border)
    theta = FAMILY.natural(projected)
    assert torch.isfinite(theta).all()
    torch.testing.assert_close(FAMILY.project(projected), projected)
    assert (log_density(theta, atoms=ATOMS)[[0, 1], [0, 1]] > -1e-9).all()


def test_starts_are_allowed_and_apart(mu):
    noise = torch.rand((1, 5, 6), generator=torch.Generator().manual_seed(0)).double()
    noise[0, :, 0], noise[0, :, 1] = 0.0, 1.0
    spread = FAMILY.spread(mu[:, :, :1], noise)
    torch.testing.assert_close(FAMILY.project(spread), spread)
    assert len(torch.unique(spread[0].T, dim=0)) == 6
    reference = FAMILY.reference()[None, :, None]
    torch.testing.assert_close(FAMILY.project(reference), reference)


def test_shares_of_starts_lie_around_those_of_the_column(mu):
    noise = torch.rand((1, 5, 4000), generator=torch.Generator().manual_seed(0)).double()
    shares = FAMILY.spread(mu[:, :, 1:], noise)[0, 2:]
    torch.testing.assert_close(shares.mean(dim=1), mu[0, 2:, 1], atol=0.06, rtol=0)
    assert (shares.std(dim=1) > 0.02).all()


def test_without_numbers_their_normal_is_a_broad_one():
    projected = FAMILY.project(
        FAMILY.statistics(torch.zeros(1, 1, 1).double(), ATOMS[None, :1, None])
    )
    mean, variance, _ = FAMILY.decompose(FAMILY.natural(projected))
    assert (mean.item(), variance.item()) == (pytest.approx(0.0), pytest.approx(1.0))


def test_draws_have_the_shares_and_the_normal(mu):
    theta = FAMILY.natural(mu)[:, :, :1].expand(-1, -1, 20_000)
    generator = torch.Generator().manual_seed(0)
    draws = FAMILY.sample(theta, generator)[0, 0]
    drawn_atoms = FAMILY.sample_atoms(theta, generator)[0, 0]
    atoms = torch.stack([(drawn_atoms == a).double().mean() for a in ATOMS])
    torch.testing.assert_close(atoms, mu[0, 3:, 0], atol=0.015, rtol=0)
    numbers = draws[drawn_atoms == 0]
    assert abs(numbers.mean() - 0.5) < 0.02
    assert abs(numbers.std() - 0.5) < 0.02


def test_mode_is_the_highest_point(mu):
    theta = FAMILY.natural(mu)
    # Of the first unit the peak 0.5 / sqrt(2 pi 0.25) = 0.4 beats 0.3, of the second 0.8 wins.
    assert FAMILY.mode_atoms(theta)[0, 0].tolist() == [0, 2]
    assert FAMILY.mode(theta)[0, 0, 0].item() == pytest.approx(0.5)
    # A wide normal has a low peak: 0.5 / sqrt(2 pi 2) = 0.14 is less than 0.3.
    mean = mu[:, 0] / mu[:, 2]
    mu[:, 1] = (mean**2 + 2.0) * mu[:, 2]
    assert FAMILY.mode_atoms(FAMILY.natural(mu))[0, 0].tolist() == [1, 2]


def test_moments_need_the_values_of_atoms(mu):
    assert FAMILY.moments(FAMILY.natural(mu))[0].isnan().all()


def test_cdf_jumps_at_the_atoms(mu):
    theta = FAMILY.natural(mu)
    values = torch.tensor([[-0.5, 1.25]], dtype=torch.float64)
    x = torch.tensor([[[-torch.inf, -0.5 - 1e-9, -0.5, 1.25, torch.inf]]], dtype=torch.float64)
    actual = FAMILY.cdf(x, theta, values)[0]
    step = REALS[1] - REALS[0]
    numbers = [
        log_density(theta, REALS[value >= REALS]).exp().sum(dim=1) * step
        for value in x[0, 0].tolist()
    ]
    jumps = torch.tensor([0, 0, 1, 1, 1]), torch.tensor([0, 0, 0, 1, 1])
    for k in range(2):
        atoms = sum(mu[0, 3 + i, k] * jump for i, jump in enumerate(jumps))
        expected = torch.stack([number[k] for number in numbers]) + atoms
        torch.testing.assert_close(actual[k], expected, atol=1e-3, rtol=0)
    torch.testing.assert_close(actual[:, 2] - actual[:, 1], mu[0, 3], atol=1e-8, rtol=0)
    assert FAMILY.cdf(x, theta).isnan().all()


def test_without_atoms_it_is_a_gaussian():
    mu = torch.tensor([[[0.4], [0.5], [1.0]]], dtype=torch.float64)
    plain, gaussian = Numeric(0, 0.01), Gaussian(0.01)
    for ours, theirs in zip(
        plain.moments(plain.natural(mu)), gaussian.moments(gaussian.natural(mu[:, :2])), strict=True
    ):
        torch.testing.assert_close(ours, theirs)
