"""Leaves over several columns, by a family from outside; against SciPy, sums and quadrature.

Columns 0, 2 and 3 have one normal leaf with a covariance, column 1 a Gaussian one, column 4 a
Bernoulli one.
"""

import numpy as np
import pytest
import torch
from helpers.own_group import Joint
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, norm

from skpc.circuit import RegionGraph
from skpc.circuit.leaves import Bernoulli, Gaussian
from skpc.circuit.passes import Cells, Circuit
from skpc.circuit.queries import log_density, observe, sample, unit_moments
from skpc.circuit.training import EM, collect, column_sums, make_prior, random_parameters

CPU = torch.device("cpu")
GROUPS = [(0, 2, 3), (1,), (4,)]
GROUP = [0, 2, 3]
FLAT = RegionGraph([range(5)], [])
DEEP = RegionGraph([range(5), (0, 2, 3), (1, 4), (0, 1, 2, 3), (4,)], [(0, (1, 2)), (0, (3, 4))])
GRAPHS = [pytest.param(graph, layer) for graph in (FLAT, DEEP) for layer in ("cp", "tucker")]


def families():
    return [Joint(3), Gaussian(1e-3), Bernoulli()]


def rows_of(n, seed=0, holes=0.3):
    """Correlated numbers, two clusters, and a digit that goes with them; (n, 5)."""
    rng = np.random.default_rng(seed)
    cluster = rng.integers(2, size=n)
    x = rng.normal(size=(n, 5))
    x[:, 2] += 0.9 * x[:, 0] + 2 * cluster
    x[:, 3] -= 0.7 * x[:, 2]
    x[:, 1] = 0.5 * x[:, 1] - cluster
    x[:, 4] = rng.uniform(size=n) < 0.2 + 0.6 * cluster
    x[rng.uniform(size=x.shape) < holes] = np.nan
    return torch.from_numpy(x)


def start(graph, layer="cp", k=3, x=None):
    x = rows_of(200, holes=0.1) if x is None else x
    circuit = Circuit(graph, families(), layer, k, k, CPU, GROUPS)
    sums = column_sums(circuit, [(Cells(x), torch.ones(len(x), dtype=torch.float64))])
    parameters = random_parameters(circuit, sums, torch.Generator().manual_seed(0))
    return circuit, parameters, make_prior(circuit, sums, 0.1)


def units_of(circuit, parameters):
    """Weights, and for each unit of a flat circuit the numbers of its leaves."""
    joint, gaussian, bernoulli = (
        fold.unpack(parameters.leaves)[0] for fold in circuit.inputs.folds
    )
    means, covariances = Joint(3).normal(joint)
    m, v = (moment[0, 0] for moment in Gaussian(1e-3).moments(gaussian))
    p = torch.sigmoid(bernoulli[0, 0])
    weights = parameters.sums[0][0, 0]
    return [
        tuple(np.asarray(value) for value in values)
        for values in zip(weights, means[0], covariances[0], m, v, p, strict=True)
    ]


def log_unit(unit, row):
    """Log density of the observed cells of a row in a unit, by SciPy."""
    _, mean, covariance, m, v, p = unit
    seen = [i for i, column in enumerate(GROUP) if not np.isnan(row[column])]
    total = 0.0
    if seen:
        values = row[[GROUP[i] for i in seen]]
        total += multivariate_normal.logpdf(values, mean[seen], covariance[np.ix_(seen, seen)])
    if not np.isnan(row[1]):
        total += norm.logpdf(row[1], m, np.sqrt(v))
    if not np.isnan(row[4]):
        total += np.log(p if row[4] else 1 - p)
    return total


def log_joint(units, x):
    """Log of weight times density, (n, K)."""
    return np.array([[np.log(u[0]) + log_unit(u, row) for u in units] for row in x.numpy()])


@pytest.fixture
def flat():
    circuit, parameters, _ = start(FLAT)
    return circuit, parameters, units_of(circuit, parameters)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_any_part_of_a_group_has_its_exact_density(flat, dtype):
    circuit, parameters, units = flat
    x = rows_of(60, seed=1, holes=0.4)
    expected = logsumexp(log_joint(units, x), axis=1)
    actual = log_density(circuit, parameters, Cells(x), dtype)
    tolerance = 1e-5 if dtype == torch.float32 else 1e-10
    np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("graph", "layer"), GRAPHS)
def test_a_hidden_cell_is_integrated_out(graph, layer):
    circuit, parameters, _ = start(graph, layer)
    x = rows_of(6, seed=2, holes=0.0)
    x[3:, 2] = torch.nan
    whole = torch.linspace(-25, 25, 20_001, dtype=torch.float64)
    for column in (0, 3):
        for row in x:
            many = row.repeat(len(whole), 1)
            many[:, column] = whole
            hidden = row.clone()
            hidden[column] = torch.nan
            inside = log_density(circuit, parameters, Cells(many), torch.float64).exp()
            marginal = log_density(circuit, parameters, Cells(hidden[None]), torch.float64).exp()
            step = whole[1] - whole[0]
            torch.testing.assert_close(inside.sum() * step, marginal[0], rtol=1e-8, atol=0)


def test_expected_statistics_are_those_of_the_e_step(flat):
    circuit, parameters, units = flat
    x, weights = rows_of(50, seed=3, holes=0.4), torch.linspace(0.5, 2, 50, dtype=torch.float64)
    found = collect(circuit, parameters, Cells(x), weights)
    values, counts = circuit.inputs.folds[0].unpack(found.leaves)
    shares = np.exp(log_joint(units, x) - logsumexp(log_joint(units, x), axis=1, keepdims=True))
    for k, (_, mean, covariance, *_) in enumerate(units):
        first, second, count = np.zeros(3), np.zeros((3, 3)), 0.0
        for row, share in zip(x.numpy()[:, GROUP], shares[:, k] * weights.numpy(), strict=True):
            seen, hidden = np.flatnonzero(~np.isnan(row)), np.flatnonzero(np.isnan(row))
            if not len(seen):
                continue
            gain = np.linalg.solve(covariance[np.ix_(seen, seen)], covariance[np.ix_(seen, hidden)])
            whole, spread = row.copy(), np.zeros((3, 3))
            whole[hidden] = mean[hidden] + (row[seen] - mean[seen]) @ gain
            spread[np.ix_(hidden, hidden)] = (
                covariance[np.ix_(hidden, hidden)] - covariance[np.ix_(hidden, seen)] @ gain
            )
            first += share * whole
            second += share * (np.outer(whole, whole) + spread)
            count += share
        np.testing.assert_allclose(values[0, :3, k], first, rtol=1e-9)
        np.testing.assert_allclose(values[0, 3:, k], second.ravel(), rtol=1e-9)
        np.testing.assert_allclose(counts[0, 0, k], count, rtol=1e-9)


@pytest.mark.parametrize(("graph", "layer"), GRAPHS)
def test_em_never_lowers_its_objective(graph, layer):
    x = rows_of(150, holes=0.4)
    circuit, parameters, prior = start(graph, layer, x=x)
    em, ones = EM(), torch.ones(150, dtype=torch.float64)
    state, heights = em.begin(circuit, parameters), []
    for _ in range(12):
        statistics = collect(circuit, state.parameters, Cells(x), ones)
        heights.append(statistics.objective + prior.log_density(circuit, state.parameters))
        state = em.update(circuit, state, statistics.per_row(150), prior, 1.0, 150)
    assert np.diff(heights).min() > -1e-9
    assert heights[-1] > heights[0] + 10


def test_moments_given_a_part_of_a_group(flat):
    circuit, parameters, units = flat
    x = rows_of(40, seed=4, holes=0.4)
    mean, variance = observe(circuit, parameters, Cells(x)).moments(
        unit_moments(circuit, parameters)
    )
    logs = log_joint(units, x)
    shares = np.exp(logs - logsumexp(logs, axis=1, keepdims=True))
    for i, row in enumerate(x.numpy()):
        seen = [j for j, column in enumerate(GROUP) if not np.isnan(row[column])]
        for j, column in enumerate(GROUP):
            if j in seen:
                assert (mean[i, column], variance[i, column]) == (row[column], 0)
                continue
            first, second = 0.0, 0.0
            for k, (_, m, c, *_) in enumerate(units):
                gain = np.linalg.solve(c[np.ix_(seen, seen)], c[seen, j]) if seen else np.zeros(0)
                centre = m[j] + (row[[GROUP[s] for s in seen]] - m[seen]) @ gain
                first += shares[i, k] * centre
                second += shares[i, k] * (centre**2 + c[j, j] - c[j, seen] @ gain)
            np.testing.assert_allclose(mean[i, column], first, rtol=1e-9)
            np.testing.assert_allclose(variance[i, column], second - first**2, rtol=1e-8)


def test_draws_follow_the_mixture(flat):
    circuit, parameters, units = flat
    x = sample(circuit, parameters, 40_000, torch.Generator().manual_seed(0)).values.numpy()
    weights = np.array([u[0] for u in units])
    mean = sum(w * u[1] for w, u in zip(weights, units, strict=True))
    second = sum(w * (u[2] + np.outer(u[1], u[1])) for w, u in zip(weights, units, strict=True))
    np.testing.assert_allclose(x[:, GROUP].mean(axis=0), mean, atol=0.04)
    np.testing.assert_allclose(
        np.cov(x[:, GROUP].T), second - np.outer(mean, mean), atol=0.08, rtol=0.03
    )


@pytest.mark.parametrize(("graph", "layer"), GRAPHS)
def test_draws_given_a_part_follow_the_conditional(graph, layer):
    """Their means and variances are those that `moments` computes, their evidence is kept."""
    circuit, parameters, _ = start(graph, layer)
    row = torch.tensor([[0.5, torch.nan, torch.nan, -1.0, 1.0]], dtype=torch.float64)
    posterior = observe(circuit, parameters, Cells(row))
    drawn = posterior.complete(
        torch.zeros(30_000, dtype=torch.long), torch.Generator().manual_seed(2)
    )
    mean, variance = posterior.moments(unit_moments(circuit, parameters))
    values = drawn.values
    assert (values[:, [0, 3, 4]] == row[0, [0, 3, 4]]).all()
    for column in (1, 2):
        error = (variance[0, column] / 30_000).sqrt()
        assert abs(values[:, column].mean() - mean[0, column]) < 4 * error
        assert values[:, column].var() == pytest.approx(variance[0, column].item(), rel=0.05)


def test_the_most_probable_completion_lies_at_a_conditional_mean(flat):
    circuit, parameters, units = flat
    row = torch.tensor([[0.5, 0.0, torch.nan, -1.0, 1.0]], dtype=torch.float64)
    likeliest = int(log_joint(units, row)[0].argmax())
    _, m, c, *_ = units[likeliest]
    gain = np.linalg.solve(c[np.ix_([0, 2], [0, 2])], c[[0, 2], 1])
    completed = observe(circuit, parameters, Cells(row)).complete(torch.zeros(1).long(), None)
    assert completed.values[0, 2] == pytest.approx(
        m[1] + np.array([0.5 - m[0], -1.0 - m[2]]) @ gain
    )


def test_a_group_stays_together():
    graph = RegionGraph([range(5), (0, 1), (2, 3, 4)], [(0, (1, 2))])
    with pytest.raises(
        ValueError, match=r"owns the columns \(0, 2, 3\); .* columns \(0, 1\) has some"
    ):
        Circuit(graph, families(), "cp", 2, 2, CPU, GROUPS)


def test_a_family_of_another_width_is_refused():
    with pytest.raises(ValueError, match=r"'joint' has 2 columns; it is given \(0, 2, 3\)"):
        Circuit(FLAT, [Joint(2), *families()[1:]], "cp", 2, 2, CPU, GROUPS)
