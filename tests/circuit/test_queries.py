"""Questions to a circuit, against enumeration and quadrature.

Axes: n rows, D columns, B points of a grid.
"""

import pytest
import torch

from skpc.circuit import RegionGraph, queries
from skpc.circuit.leaves import Numeric
from skpc.circuit.passes import Cells


def assert_near(a, b, tolerance=1e-9):
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance, equal_nan=True)


def moments(circuit, parameters, x):
    """Conditional means and variances of rows (n, D)."""
    posterior = queries.observe(circuit, parameters, Cells(x))
    return posterior.moments(queries.unit_moments(circuit, parameters))


def completed(circuit, parameters, x, generator, times=1):
    """Rows (n, D) with their missing cells drawn, each as often, (n * times, D)."""
    posterior = queries.observe(circuit, parameters, Cells(x))
    return posterior.complete(torch.arange(len(x)).repeat_interleave(times), generator).values


@pytest.fixture(scope="module")
def mixed(kit, plain_case):
    """Families, circuit, parameters and rows with missing cells."""
    families = plain_case.families("mixed")
    circuit = plain_case.circuit(families)
    return families, circuit, kit.numbers(circuit, seed=6), kit.table(families, 12, missing=0.4)


def on_grid(kit, circuit, parameters, row, column, points):
    """Conditional density of one missing cell at points (B,), given the row's others."""
    rows = row.expand(len(points), -1).clone()
    rows[:, column] = points
    joint = kit.log_density(circuit, parameters, rows)
    return torch.exp(joint - kit.log_density(circuit, parameters, row[None]))


def test_log_density_is_that_of_the_circuit(kit, mixed):
    _, circuit, parameters, x = mixed
    expected = kit.log_density(circuit, parameters, x)
    assert_near(queries.log_density(circuit, parameters, Cells(x), torch.float64), expected)
    assert_near(queries.observe(circuit, parameters, Cells(x)).log_density, expected)


def test_moments_equal_sums_and_integrals(kit, mixed):
    families, circuit, parameters, x = mixed
    mean, variance = moments(circuit, parameters, x)
    side = torch.linspace(-9, 9, 2001, dtype=torch.float64)
    step = float(side[1] - side[0])
    for i, row in enumerate(x[:5]):
        for v in torch.nonzero(row.isnan()).flatten().tolist():
            if families[v].support == "codes":
                assert mean[i, v].isnan()
                assert variance[i, v].isnan()
                continue
            is_real = families[v].support == "real"
            points = side if is_real else torch.arange(2, dtype=torch.float64)
            density = on_grid(kit, circuit, parameters, row, v, points) * (step if is_real else 1)
            assert density.sum().item() == pytest.approx(1, abs=1e-6)
            expected = (density * points).sum()
            assert_near(mean[i, v], expected, 1e-6)
            assert_near(variance[i, v], (density * (points - expected) ** 2).sum(), 1e-6)


def test_an_observed_cell_is_its_own_mean(mixed):
    _, circuit, parameters, x = mixed
    mean, variance = moments(circuit, parameters, x)
    observed = ~x.isnan()
    assert torch.equal(mean[observed], x[observed])
    assert (variance[observed] == 0).all()


def test_conditional_draws_keep_the_evidence_to_the_bit(mixed):
    families, circuit, parameters, x = mixed
    generator = torch.Generator().manual_seed(0)
    drawn = completed(circuit, parameters, x, generator)
    observed = ~x.isnan()
    assert torch.equal(drawn[observed], x[observed])
    assert torch.isfinite(drawn).all()
    for v, family in enumerate(families):
        if family.support != "real":
            n = 2 if family.support == "binary" else family.n_categories
            assert torch.isin(drawn[:, v], torch.arange(n).double()).all()


def test_draws_have_the_moments(kit, mixed):
    families, circuit, parameters, _ = mixed
    n_draws = 4000
    drawn = queries.sample(circuit, parameters, n_draws, torch.Generator().manual_seed(1)).values
    assert drawn.shape == (n_draws, len(families))
    no_evidence = torch.full((1, len(families)), torch.nan, dtype=torch.float64)
    mean, variance = (m[0] for m in moments(circuit, parameters, no_evidence))
    error = (drawn.mean(dim=0) - mean).abs() / (variance / n_draws).sqrt()
    assert (error[~error.isnan()] < 4.5).all(), "standard errors"
    ratio = drawn.var(dim=0) / variance
    assert ((ratio[~ratio.isnan()] - 1).abs() < 0.2).all()


def test_conditional_draws_have_the_conditional_moments(mixed):
    _, circuit, parameters, x = mixed
    n_draws = 3000
    row = x[2:3]
    mean, variance = (m[0] for m in moments(circuit, parameters, row))
    generator = torch.Generator().manual_seed(2)
    drawn = completed(circuit, parameters, row, generator, n_draws)
    error = (drawn.mean(dim=0) - mean).abs() / (variance / n_draws).sqrt().clamp_min(1e-9)
    assert (error[~error.isnan()] < 4.5).all(), "standard errors"


def test_draws_repeat_with_the_seed(mixed):
    _, circuit, parameters, _ = mixed
    generator = torch.Generator().manual_seed(3)
    first, second = (queries.sample(circuit, parameters, 30, generator).values for _ in range(2))
    again = queries.sample(circuit, parameters, 30, torch.Generator().manual_seed(3)).values
    assert torch.equal(first, again)
    assert not torch.equal(first, second)


def test_draws_of_rows_that_repeat_are_those_of_repeated_rows(mixed):
    _, circuit, parameters, x = mixed
    index = torch.tensor([2, 0, 2, 2, 7])
    posterior = queries.observe(circuit, parameters, Cells(x))
    first, second = (torch.Generator().manual_seed(4) for _ in range(2))
    drawn = posterior.complete(index, first).values
    assert torch.equal(drawn, completed(circuit, parameters, x[index], second))


def test_a_posterior_answers_from_one_upward_pass(mixed, monkeypatch):
    _, circuit, parameters, x = mixed
    posterior = queries.observe(circuit, parameters, Cells(x))
    monkeypatch.setattr(circuit, "forward", None)
    shares = posterior.probabilities
    posterior.complete(torch.arange(len(x)), None)
    posterior.moments(queries.unit_moments(circuit, parameters))
    assert posterior.log_density.shape == (len(x),)
    for fold in circuit.inputs.folds:
        of_columns = torch.zeros(len(fold.columns), len(x), dtype=torch.float64)
        of_columns.index_add_(0, fold.group_of, shares[fold.region_of].sum(dim=1))
        assert_near(of_columns, torch.ones_like(of_columns))


@pytest.mark.parametrize("centre", [1e12, -1e12, 1e-12, 0.0])
def test_quantiles_are_found_wherever_they_are(centre):
    def cdf(u):
        return torch.sigmoid((u - centre) / max(abs(centre), 1.0))

    level = torch.sigmoid(torch.tensor(0.5, dtype=torch.float64)).item()
    found = queries.quantile(cdf, level, torch.zeros(2).double(), whole=False, atoms=None)
    assert_near(found, torch.full_like(found, centre + 0.5 * max(abs(centre), 1.0)))


def test_atoms_lie_within_all_bounds(kit):
    """Only numbers are beyond them: the normal's tails by the share of numbers."""
    circuit = kit.build(RegionGraph([(0,)]), [Numeric(2, 0.01)], n_leaves=2)
    parameters = kit.numbers(circuit)
    posterior = queries.observe(circuit, parameters, Cells.empty(1, 1, circuit.device))
    low, high = torch.tensor([-0.7]).double(), torch.tensor([0.9]).double()
    (fold,) = circuit.inputs.folds
    mean, variance, shares = fold.family.decompose(fold.unpack(parameters.leaves)[0])
    normal = torch.distributions.Normal(mean[0, 0], variance[0, 0].sqrt())
    tails = normal.cdf(low) + 1 - normal.cdf(high)
    wanted = (parameters.sums[0][0, 0] * shares[0, 0] * tails).sum()
    assert_near(queries.shares_beyond(posterior, low, high)[0], wanted)


def test_variances_are_not_negative():
    mean = torch.linspace(0.1, 3.0, 30, dtype=torch.float64)
    assert (queries.centred(mean, mean * mean * (1 - 1e-15)) == 0).all()
