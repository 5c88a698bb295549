"""Numeric leaves with atoms: half discrete, half continuous.

Axes: t = 3 + 2 statistics, K units.
"""

import pytest
import torch

from skpc.circuit.leaves import Gaussian, Numeric
from skpc.circuit.leaves.numeric import ATOM

FAMILY = Numeric(2, 0.01)
ATOMS = torch.tensor([ATOM, 2 * ATOM], dtype=torch.float64)
REALS = torch.linspace(-12, 12, 24001, dtype=torch.float64)


@pytest.fixture
def mu():
    """Two units: shares (0.5, 0.3, 0.2) and (0.1, 0.1, 0.8) of numbers and atoms, (1, t, 2)."""
    shares = torch.tensor([[0.5, 0.1], [0.3, 0.1], [0.2, 0.8]], dtype=torch.float64)
    mean = torch.tensor([[0.5, -1.0]], dtype=torch.float64)
    variance = torch.tensor([[0.25, 2.0]], dtype=torch.float64)
    numbers = torch.cat([mean, mean**2 + variance]) * shares[:1]
    return torch.cat([numbers, shares]).unsqueeze(0)


def log_density(theta, x):
    inner = torch.einsum("ntk,tb->kb", theta, FAMILY.statistics(x[None])[0])
    return inner - FAMILY.log_partition(theta)[0, :, None] + FAMILY.log_base(x)


def test_numbers_and_atoms_add_to_one(mu):
    theta = FAMILY.natural(mu)
    numbers = log_density(theta, REALS).exp().sum(dim=1) * (REALS[1] - REALS[0])
    atoms = log_density(theta, ATOMS).exp()
    torch.testing.assert_close(numbers, mu[0, 2])
    torch.testing.assert_close(atoms, mu[0, 3:].T)


def test_codes_survive_float32(mu):
    single = FAMILY.statistics(ATOMS.float()[None])
    torch.testing.assert_close(single.double(), FAMILY.statistics(ATOMS[None]))


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
    (wanted,) = torch.autograd.grad(value, free)
    found = FAMILY.free_gradient(free.detach(), sums, torch.full((1, 1, 2), 5.0).double())
    torch.testing.assert_close(found, wanted)


def test_project_makes_single_values_possible(mu):
    border = FAMILY.statistics(torch.cat([ATOMS, REALS[:2]])[None]).transpose(1, 2).transpose(1, 2)
    projected = FAMILY.project(border)
    theta = FAMILY.natural(projected)
    assert torch.isfinite(theta).all()
    torch.testing.assert_close(FAMILY.project(projected), projected)
    assert (log_density(theta, ATOMS)[[0, 1], [0, 1]] > -1e-9).all()


def test_starts_are_allowed_and_apart(mu):
    noise = torch.rand((1, 5, 6), generator=torch.Generator().manual_seed(0)).double()
    noise[0, :, 0], noise[0, :, 1] = 0.0, 1.0
    spread = FAMILY.spread(mu[:, :, :1], noise)
    torch.testing.assert_close(FAMILY.project(spread), spread)
    assert len(torch.unique(spread[0].T, dim=0)) == 6
    reference = FAMILY.reference()[None, :, None]
    torch.testing.assert_close(FAMILY.project(reference), reference)


def test_draws_have_the_shares_and_the_normal(mu):
    theta = FAMILY.natural(mu)[:, :, :1].expand(-1, -1, 20_000)
    draws = FAMILY.sample(theta, torch.Generator().manual_seed(0))[0]
    atoms = torch.stack([(draws == a).double().mean() for a in ATOMS])
    torch.testing.assert_close(atoms, mu[0, 3:, 0], atol=0.015, rtol=0)
    numbers = draws[draws < ATOM / 2]
    assert abs(numbers.mean() - 0.5) < 0.02
    assert abs(numbers.std() - 0.5) < 0.02


def test_mode_is_the_highest_point(mu):
    mode = FAMILY.mode(FAMILY.natural(mu))[0]
    # Of the first unit the peak 0.5 / sqrt(2 pi 0.25) = 0.4 beats 0.3, of the second 0.8 wins.
    torch.testing.assert_close(mode, torch.tensor([0.5, 2 * ATOM], dtype=torch.float64))


def test_moments_need_the_values_of_atoms(mu):
    assert FAMILY.moments(FAMILY.natural(mu))[0].isnan().all()


def test_without_atoms_it_is_a_gaussian():
    mu = torch.tensor([[[0.4], [0.5], [1.0]]], dtype=torch.float64)
    plain, gaussian = Numeric(0, 0.01), Gaussian(0.01)
    for ours, theirs in zip(
        plain.moments(plain.natural(mu)), gaussian.moments(gaussian.natural(mu[:, :2])), strict=True
    ):
        torch.testing.assert_close(ours, theirs)
