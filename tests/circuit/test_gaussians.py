"""Mixtures of Gaussians against closed forms, draws and enumeration.

Axes: n rows, D = 5 columns, K units, d = 3 columns that are normal together.
"""

from dataclasses import replace
from math import log

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from skpc.circuit.components import (
    GaussianComponent,
    gaussian_draws,
    gaussian_moments,
    gaussian_training,
    gaussian_units,
    mixture,
)
from skpc.circuit.components import gaussian_em as em
from skpc.circuit.components.correlations import Correlations
from skpc.circuit.components.gaussian_start import describe, normal_columns, start
from skpc.circuit.components.gaussian_whole import WholeBlock
from skpc.circuit.leaves import Categorical, Gaussian, Numeric
from skpc.circuit.passes import Cells, product_mixture
from skpc.circuit.queries import Pieces
from skpc.circuit.training import Rows, column_sums

CPU = torch.device("cpu")
FAMILIES = [Gaussian(1e-3), Categorical(3), Numeric(2, 1e-3), Gaussian(1e-3), Numeric(1, 1e-3)]
# The last column is an atom mostly.
TOGETHER = [0, 2, 3]


def assert_near(a, b, tolerance=1e-9):
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance, equal_nan=True)


def table(n, seed=0, missing=0.0):
    """Rows (n, D) of related numbers, with atoms in the third and in the last column."""
    random = np.random.RandomState(seed)
    hidden = random.randint(2, size=n)
    numbers = random.normal(size=(n, 3)) @ random.normal(size=(3, 3)) + 2 * hidden[:, None]
    x = np.column_stack([numbers[:, 0], random.randint(3, size=n), numbers[:, 1:], np.ones(n)])
    atoms = np.zeros(x.shape, dtype=np.int16)
    atoms[random.uniform(size=n) < 0.3, 2] = 1 + hidden[0]
    atoms[:, 4] = random.uniform(size=n) < 0.9
    x[:, 4] = random.normal(size=n)
    x[atoms > 0] = 0.0
    hole = random.uniform(size=x.shape) < missing
    x[hole], atoms[hole] = np.nan, 0
    return Cells(torch.from_numpy(x), torch.from_numpy(atoms))


def numbers_of(cells, columns):
    """Columns of numbers alone, a copy of their values."""
    return cells.values[:, columns].clone()


def with_values(cells, column, value):
    """The cells with one value in a column, which has no atoms there."""
    values, atoms = cells.values.clone(), cells.atoms.clone()
    values[:, column], atoms[:, column] = value, 0
    return Cells(values, atoms)


def begun(rows, n_units=3, families=FAMILIES):
    """Where EM starts on the rows."""
    circuit = product_mixture(families, 1, CPU)
    sums = column_sums(circuit, [(rows.cells, rows.weights)])
    columns = normal_columns(circuit, sums)
    generator = torch.Generator().manual_seed(0)
    return start(describe(families, columns, sums, rows, generator), n_units)


def trained(state, rows, n_steps):
    """After so many steps of EM."""
    return gaussian_training.train(state, rows, n_steps, n_steps, torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def rows():
    x = table(400, missing=0.1)
    weights = torch.from_numpy(np.random.RandomState(1).uniform(0.5, 2.0, size=400))
    return Rows(x, weights)


@pytest.fixture(scope="module")
def component(rows) -> GaussianComponent:
    """A trained mixture of three units."""
    return trained(begun(rows), rows, 10).component


def unit(component, k):
    """Mean (d,) and covariance (d, d) of the numbers of a unit."""
    mean, spread = (value[k, 0].numpy() for value in component.scales)
    return mean, component.matrices[k].numpy() * np.outer(spread, spread)


def share(component, column, k, code):
    """Probability of a category, or of a number (0) or an atom (from 1), in a unit."""
    for fold in component.circuit.inputs.folds:
        if column in fold.columns:
            theta, _ = fold.unpack(component.parameters.leaves)
            mine = theta[fold.columns[:, 0].tolist().index(column)][None]
            if isinstance(fold.family, Numeric):
                return float(fold.family.decompose(mine)[2][0, code, k])
            if isinstance(fold.family, Categorical):
                return float(fold.family.expectation(mine)[0, code, k])
    return 1.0


def density(component, row, atoms):
    """Of a row (D,) with atoms (D,), unit by unit by SciPy's multivariate normal density."""
    total = 0.0
    for k in range(component.n_units):
        mean, covariance = unit(component, k)
        value = float(component.parameters.sums[0][0, 0, k])
        numbers = []
        for i, column in enumerate(TOGETHER):
            if not np.isnan(row[column]):
                value *= share(component, column, k, int(atoms[column]))
                numbers += [] if atoms[column] else [i]
        if not np.isnan(row[1]):
            value *= share(component, 1, k, int(row[1]))
        if atoms[4]:
            value *= share(component, 4, k, 1)
        elif not np.isnan(row[4]):
            fold = next(g for g in component.circuit.inputs.folds if 4 in g.columns)
            theta, _ = fold.unpack(component.parameters.leaves)
            m, v, shares = (of_units[..., k] for of_units in fold.family.decompose(theta))
            value *= float(shares[0, 0]) * multivariate_normal.pdf(row[4], m.item(), v.item())
        if numbers:
            value *= multivariate_normal.pdf(
                row[np.array(TOGETHER)[numbers]],
                mean[numbers],
                covariance[np.ix_(numbers, numbers)],
            )
        total += value
    return total


def test_columns_of_many_atoms_are_left_out(component):
    assert component.columns.tolist() == TOGETHER


@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_densities_are_those_of_multivariate_normals(component, missing):
    x = table(40, seed=3, missing=missing)
    actual = component.log_density(x, torch.float64)
    pairs = zip(x.values.numpy(), x.atoms.numpy(), strict=True)
    reference = np.log([density(component, row, atoms) for row, atoms in pairs])
    assert_near(actual, torch.from_numpy(reference), 1e-8)
    single = component.log_density(x, torch.float32)
    assert single.dtype == torch.float32
    assert_near(single.double(), actual, 1e-4)


def test_far_rows_have_finite_densities(component):
    far = torch.tensor([1.0, 1e3, -1e8, 1e12], dtype=torch.float64)
    x = with_values(table(4, seed=3), 0, far)
    actual = component.log_density(x, torch.float64)
    assert torch.isfinite(actual).all()
    assert (actual[:-1] >= actual[1:]).all()


def test_rows_without_evidence_have_density_one(component):
    no_evidence = Cells.empty(2, 5, CPU)
    assert_near(
        component.log_density(no_evidence, torch.float64), torch.zeros(2, dtype=torch.float64)
    )


def test_a_posterior_has_the_density_and_probabilities(component):
    x = table(20, seed=4, missing=0.3)
    posterior = component.observe(x)
    assert_near(posterior.log_density, component.log_density(x, torch.float64))
    assert_near(posterior.probabilities[0].sum(dim=0), torch.ones(20, dtype=torch.float64))


def test_draws_of_rows_that_repeat_are_those_of_repeated_rows(component):
    x, index = table(20, seed=4, missing=0.5), torch.tensor([3, 0, 3, 19, 3, 7])
    drawn = component.observe(x).complete(index, torch.Generator().manual_seed(4))
    repeated = component.observe(x.rows(index))
    expected = repeated.complete(torch.arange(6), torch.Generator().manual_seed(4))
    assert_near(drawn.values, expected.values)
    assert torch.equal(drawn.atoms, expected.atoms)


@pytest.mark.parametrize("largest", [10, 100, 1000])
def test_answers_do_not_depend_on_the_blocks(component, monkeypatch, largest):
    x, codes = table(40, seed=9, missing=0.4), [0, 3, 0, 0, 0]
    whole = mixture.expectations([component], x, None, codes)
    mode = mixture.most_probable([component], x)
    for module in (gaussian_units, gaussian_moments, gaussian_draws):
        monkeypatch.setattr(module, "LARGEST", largest)
    assert len(component.blocks(x)) > 1
    for actual, expected in zip(
        mixture.expectations([component], x, None, codes), whole, strict=True
    ):
        assert_near(actual, expected)
    assert_near(mixture.most_probable([component], x).values, mode.values)


@pytest.mark.parametrize("row", range(4))
def test_conditional_draws_have_the_moments(component, row):
    x = table(4, seed=5, missing=0.6).rows(slice(row, row + 1))
    pieces = [
        None,
        None,
        Pieces(*(torch.tensor(v).double() for v in ([0.3], [1.0, 0.4], [0.5, 2.5], [7.0, 9.0]))),
        None,
        Pieces(*(torch.tensor(v).double() for v in ([], [0.0], [1.0], [3.0]))),
    ]
    posterior = component.observe(x)
    mean, variance = posterior.moments(component.unit_moments(pieces))
    n = 40_000
    index = torch.zeros(n, dtype=torch.long)
    drawn = posterior.complete(index, torch.Generator().manual_seed(0))
    observed = x.observed[0]
    assert torch.equal(drawn.values[:, observed], x.values[0, observed].expand(n, -1))
    assert torch.equal(drawn.atoms[:, observed], x.atoms[0, observed].expand(n, -1))
    values = drawn.values.clone()
    for v, piece in enumerate(pieces):
        if piece is not None:
            z, atom = drawn.values[:, v].clone(), drawn.atoms[:, v].long()
            of = torch.searchsorted(piece.breaks, z)
            numbers = piece.intercepts[of] + piece.slopes[of] * z
            values[:, v] = torch.where(atom > 0, piece.atoms[(atom - 1).clamp_min(0)], numbers)
    for v in (0, 2, 3, 4):
        if observed[v]:
            assert variance[0, v] == 0
            continue
        error = values[:, v].mean() - mean[0, v]
        assert error.abs() <= 5 * (variance[0, v] / n).sqrt()
        assert values[:, v].var() == pytest.approx(float(variance[0, v]), rel=0.1)


def test_draws_have_the_moments_of_all_columns_together(component):
    n = 40_000
    drawn = component.sample(n, torch.Generator().manual_seed(1)).values[:, [0, 3]]
    reference, weights = np.zeros((2, 2)), component.parameters.sums[0][0, 0].numpy()
    means = np.array([unit(component, k)[0][[0, 2]] for k in range(3)])
    centre = weights @ means
    for k in range(3):
        reference += weights[k] * unit(component, k)[1][np.ix_([0, 2], [0, 2])]
        reference += weights[k] * np.outer(means[k] - centre, means[k] - centre)
    np.testing.assert_allclose(np.cov(drawn.numpy().T), reference, rtol=0.1)


def test_without_a_generator_numbers_are_conditional_means(component):
    x = with_values(with_values(table(1, seed=6), 2, 0.7), 3, torch.nan)
    posterior = component.observe(x)
    k = int(posterior.probabilities[0, :, 0].argmax())
    mean, covariance = unit(component, k)
    solved = np.linalg.solve(covariance[:2, :2], x.values[0, [0, 2]].numpy() - mean[:2])
    completed = posterior.complete(torch.arange(1), None).values[0, 3].item()
    assert completed == pytest.approx(mean[2] + covariance[2, :2] @ solved)


def test_codes_are_the_likeliest_by_enumeration(component):
    x = with_values(table(30, seed=7, missing=0.3), 1, torch.nan)
    actual = mixture.expectations([component], x, n_codes=[0, 3, 0, 0, 0]).codes[:, 1]
    tried = []
    for code in range(3):
        tried.append(component.log_density(with_values(x, 1, code), torch.float64))
    assert_near(actual, torch.stack(tried).argmax(dim=0).double())


def test_statistics_of_blocks_add_up(rows, component):
    whole = em.collect(component, rows.cells, rows.weights)
    halves = [
        em.collect(component, rows.cells.rows(slice(i, None, 2)), rows.weights[i::2])
        for i in range(2)
    ]
    assert_all_near(em.merge(*halves), whole)


@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_rows_without_hidden_numbers_are_read_by_products(component, missing):
    """Their statistics are those that all rows have one by one, numbers being hidden or not."""
    x = table(400, seed=3, missing=missing)
    rows = Rows(x, torch.linspace(0.5, 2, 400, dtype=torch.float64))
    blocks = list(em.read_blocks(component, rows))
    assert any(isinstance(block, WholeBlock) for block in blocks)
    assert_all_near(em.collect_all(component, blocks), em.collect(component, x, rows.weights))


def assert_all_near(first, second):
    for a, b in zip(vars(first).values(), vars(second).values(), strict=True):
        assert_near(a, b, 1e-8)


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_em_never_lowers_the_penalised_likelihood(missing):
    x = numbers_of(table(150, seed=8, missing=missing), [0, 3])
    rows = Rows(Cells(x), torch.ones(150, dtype=torch.float64))
    state = begun(rows, 5, [FAMILIES[0]] * 2)
    component, prior, last = state.component, state.prior, -np.inf
    for _ in range(30):
        statistics = em.collect_all(component, em.read_blocks(component, rows))
        now = float(statistics.log_likelihood + em.log_prior(component, prior))
        assert now >= last - 1e-7
        last, component = now, em.update(component, statistics, prior)


def test_columns_that_are_equal_keep_a_least_variance():
    x = numbers_of(table(200), [0, 0])
    rows = Rows(Cells(x), torch.ones(200, dtype=torch.float64))
    component = trained(begun(rows, 4, [Gaussian(1e-2)] * 2), rows, 20).component
    for k in range(4):
        assert np.linalg.eigvalsh(unit(component, k)[1])[0] >= 1e-2 - 1e-6


@pytest.mark.parametrize("floor", [1e-20, 1e-3])
def test_covariances_can_be_factored_whatever_the_floor(floor):
    x = numbers_of(table(200), [0, 0, 0, 3])
    x[:, 2] *= -1.0
    rows = Rows(Cells(x), torch.ones(200, dtype=torch.float64))
    component = trained(begun(rows, 8, [Gaussian(floor)] * 4), rows, 40).component
    x[::2, 0] = torch.nan
    assert torch.isfinite(component.log_density(Cells(x), torch.float64)).all()


def test_what_is_raised_to_the_floor_is_the_likeliest():
    generator = torch.Generator().manual_seed(0)
    a = torch.randn((3, 3), generator=generator, dtype=torch.float64)
    scatter, floor = a @ a.T, torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)

    def objective(s):
        return -torch.logdet(s) - torch.linalg.solve(s, scatter).trace()

    actual = em._floored(scatter[None], floor)[0]
    assert torch.linalg.eigvalsh(actual - torch.diag(floor))[0] >= -1e-9
    for _ in range(200):
        b = torch.randn((3, 3), generator=generator, dtype=torch.float64)
        other = torch.diag(floor) + 0.9 * (actual - torch.diag(floor)) + 0.1 * b @ b.T
        assert objective(other) <= objective(actual) + 1e-9


def mean_score(state, x):
    return float(state.component.log_density(x, torch.float64).mean())


def test_steps_on_batches_end_near_those_on_all_rows(monkeypatch):
    x = table(3000, seed=9)
    rows = Rows(x, torch.ones(3000, dtype=torch.float64))
    state = begun(rows)
    reference = mean_score(trained(state, rows, 20), x)
    monkeypatch.setattr(gaussian_training, "BUDGET", 1.0)
    assert gaussian_training.rows_a_step(state.component, x) == gaussian_training.LEAST_ROWS
    by_batches = trained(state, rows, 40)
    assert mean_score(by_batches, x) == pytest.approx(reference, abs=0.05)
    # Further steps go on from the running statistics.
    more = gaussian_training.train(by_batches, rows, 5, 40, torch.Generator().manual_seed(1))
    assert mean_score(more, x) == pytest.approx(reference, abs=0.05)
    assert more.steps == 45


def test_blocks_hold_every_row_once_and_no_more_than_memory_for_them(component, monkeypatch):
    x = table(300, seed=11, missing=0.4)
    reference = component.log_density(x, torch.float64)
    monkeypatch.setattr(gaussian_units, "LARGEST", 2000)
    blocks = component.blocks(x)
    assert len(blocks) > 5
    assert sorted(torch.cat(blocks).tolist()) == list(range(300))
    assert max(len(block) for block in blocks) * component.n_units <= 2000
    assert_near(component.log_density(x, torch.float64), reference)


@pytest.mark.parametrize("n_hidden", [1, 2, 5])
def test_patterns_are_conditional_normals(n_hidden):
    """Both ways to them, against the formulas with the matrix of the observed numbers."""
    random = np.random.RandomState(0)
    a = random.normal(size=(2, 6, 6))
    scatter = a @ a.transpose(0, 2, 1) + np.eye(6)
    spread = np.sqrt(scatter.diagonal(axis1=1, axis2=2))
    matrices = torch.from_numpy(scatter / (spread[:, :, None] * spread[:, None]))
    correlations = Correlations(matrices)
    observed = torch.arange(6).expand(3, 6) >= n_hidden
    w = torch.from_numpy(random.normal(size=(2, 3, 6))) * observed
    u = w @ correlations.inverses
    (pattern,) = correlations.patterns(observed)
    assert pattern.of_observed == (n_hidden == 5)
    distance, half_log_det = pattern.distance(w, u)
    expected, covariance = pattern.expected(w, u), pattern.covariance()
    for k in range(2):
        r = matrices[k].numpy()
        ss, hs, hh = r[n_hidden:, n_hidden:], r[:n_hidden, n_hidden:], r[:n_hidden, :n_hidden]
        known = w[k, :, n_hidden:].numpy()
        solved = np.linalg.solve(ss, known.T)
        np.testing.assert_allclose(distance[k], (known.T * solved).sum(axis=0))
        np.testing.assert_allclose(half_log_det[k, 0], 0.5 * np.linalg.slogdet(ss)[1], atol=1e-12)
        np.testing.assert_allclose(expected[k], (hs @ solved).T)
        np.testing.assert_allclose(covariance[k], hh - hs @ np.linalg.solve(ss, hs.T), atol=1e-12)
        of_unit = pattern.expected_of(torch.full((3,), k), w[k], u[k])
        np.testing.assert_allclose(of_unit, expected[k])


class Logarithm(Gaussian):
    """A normal distribution of another thing than the number."""


def test_subclasses_are_not_taken_for_normal():
    families = [Gaussian(1e-3), Logarithm(1e-3), Gaussian(1e-3)]
    circuit = product_mixture(families, 1, CPU)
    cells = Cells(numbers_of(table(50), [0, 3, 3]))
    sums = column_sums(circuit, [(cells, torch.ones(50, dtype=torch.float64))])
    assert normal_columns(circuit, sums).tolist() == [0, 2]


def test_a_component_of_a_mixture(component):
    x = table(30, seed=10, missing=0.3)
    components = [replace(component, log_weight=log(weight)) for weight in (0.25, 0.75)]
    scores = mixture.log_density(components, x, torch.float64)
    assert_near(scores, component.log_density(x, torch.float64))
    reference = component.observe(x).moments(component.unit_moments())
    for actual, expected in zip(mixture.expectations(components, x), reference, strict=False):
        assert_near(actual, expected)
