"""Mixtures of Gaussians against closed forms, draws and enumeration.

Axes: n rows, D = 5 columns, K units, d = 3 columns that are normal together.
"""

from math import log

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from skpc.circuit.components import gaussians, mixture
from skpc.circuit.components import gaussians_em as em
from skpc.circuit.components import gaussians_fit as fit
from skpc.circuit.components.correlations import Correlations
from skpc.circuit.components.gaussians import GaussianPart
from skpc.circuit.components.latent_mixture import flat_circuit
from skpc.circuit.leaves import Categorical, Gaussian, Numeric
from skpc.circuit.leaves.numeric import ATOM
from skpc.circuit.queries.piecewise import Pieces
from skpc.circuit.training.initial import marginals
from skpc.circuit.training.rows import Rows

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
    x[random.uniform(size=n) < 0.3, 2] = ATOM * (1 + hidden[0])
    x[:, 4] = np.where(random.uniform(size=n) < 0.9, ATOM, random.normal(size=n))
    x[random.uniform(size=x.shape) < missing] = np.nan
    return torch.from_numpy(x)


def begun(rows, n_units=3, families=FAMILIES):
    """Where EM starts on the rows."""
    sums = marginals(flat_circuit(families, 1, CPU), [(rows.x, rows.weights)])
    columns = fit.together(flat_circuit(families, 1, CPU), sums)
    generator = torch.Generator().manual_seed(0)
    return fit.start(fit.describe(families, columns, sums, rows, generator), n_units)


def trained(state, rows, n_steps):
    """After so many steps of EM."""
    return fit.train(state, rows, n_steps, n_steps, torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def rows():
    x = table(400, missing=0.1)
    weights = torch.from_numpy(np.random.RandomState(1).uniform(0.5, 2.0, size=400))
    return Rows(x, weights)


@pytest.fixture(scope="module")
def part(rows) -> GaussianPart:
    """A trained mixture of three units."""
    return trained(begun(rows), rows, 10).part


def unit(part, k):
    """Mean (d,) and covariance (d, d) of the numbers of a unit."""
    mean, spread = (value[k, 0].numpy() for value in part.scales)
    return mean, part.matrices[k].numpy() * np.outer(spread, spread)


def share(part, column, k, code):
    """Probability of a category, or of a number (0) or an atom (from 1), in a unit."""
    for group in part.circuit.inputs.groups:
        if column in group.columns:
            theta, _ = group.unpack(part.parameters.leaves)
            mine = theta[group.columns.tolist().index(column)][None]
            if isinstance(group.family, Numeric):
                return float(group.family.parts(mine)[2][0, code, k])
            if isinstance(group.family, Categorical):
                return float(group.family.expectation(mine)[0, code, k])
    return 1.0


def density(part, row):
    """Of a row (D,), unit by unit by SciPy's multivariate normal density."""
    total = 0.0
    for k in range(part.n_units):
        mean, covariance = unit(part, k)
        value = float(part.parameters.sums[0][0, 0, k])
        seen = []
        for i, column in enumerate(TOGETHER):
            x = row[column]
            code = 0 if x < ATOM / 2 else round(x / ATOM) if not np.isnan(x) else None
            value *= 1.0 if code is None else share(part, column, k, code)
            seen += [i] if code == 0 else []
        if not np.isnan(row[1]):
            value *= share(part, 1, k, int(row[1]))
        if row[4] > ATOM / 2:
            value *= share(part, 4, k, 1)
        elif not np.isnan(row[4]):
            group = next(g for g in part.circuit.inputs.groups if 4 in g.columns)
            theta, _ = group.unpack(part.parameters.leaves)
            m, v, shares = (found[..., k] for found in group.family.parts(theta))
            value *= float(shares[0, 0]) * multivariate_normal.pdf(row[4], m.item(), v.item())
        if seen:
            value *= multivariate_normal.pdf(
                row[np.array(TOGETHER)[seen]], mean[seen], covariance[np.ix_(seen, seen)]
            )
        total += value
    return total


def test_columns_of_many_atoms_are_left_out(part):
    assert part.columns.tolist() == TOGETHER


@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_densities_are_those_of_multivariate_normals(part, missing):
    x = table(40, seed=3, missing=missing)
    found = part.log_density(x, torch.float64)
    wanted = np.log([density(part, row) for row in x.numpy()])
    assert_near(found, torch.from_numpy(wanted), 1e-8)
    single = part.log_density(x, torch.float32)
    assert single.dtype == torch.float32
    assert_near(single.double(), found, 1e-4)


def test_far_rows_have_finite_densities(part):
    x = table(4, seed=3)
    x[:, 0] = torch.tensor([1.0, 1e3, -1e8, 1e12], dtype=torch.float64)
    found = part.log_density(x, torch.float64)
    assert torch.isfinite(found).all()
    assert (found[:-1] >= found[1:]).all()


def test_nothing_seen_has_density_one(part):
    nothing = torch.full((2, 5), torch.nan, dtype=torch.float64)
    assert_near(part.log_density(nothing, torch.float64), torch.zeros(2, dtype=torch.float64))


def test_posteriors_add_to_the_shares(part):
    x = table(20, seed=4, missing=0.3)
    shares = torch.rand(20, dtype=torch.float64)
    assert_near(part.posterior(x, shares)[0].sum(dim=0), shares)


@pytest.mark.parametrize("row", range(4))
def test_conditional_draws_have_the_moments(part, row):
    x = table(4, seed=5, missing=0.6)[row : row + 1]
    pieces = [
        None,
        None,
        Pieces(*(torch.tensor(v).double() for v in ([0.3], [1.0, 0.4], [0.5, 2.5], [7.0, 9.0]))),
        None,
        Pieces(*(torch.tensor(v).double() for v in ([], [0.0], [1.0], [3.0]))),
    ]
    mean, variance = part.moments(x, pieces)
    n = 40_000
    drawn = part.complete(x.expand(n, -1), torch.Generator().manual_seed(0))
    seen = ~x[0].isnan()
    assert torch.equal(drawn[:, seen], x[0, seen].expand(n, -1))
    values = drawn.clone()
    for v, piece in enumerate(pieces):
        if piece is not None:
            z, atom = drawn[:, v].clone(), torch.round(drawn[:, v] / ATOM).long()
            of = torch.searchsorted(piece.breaks, z)
            numbers = piece.intercepts[of] + piece.slopes[of] * z
            values[:, v] = torch.where(atom > 0, piece.atoms[(atom - 1).clamp_min(0)], numbers)
    for v in (0, 2, 3, 4):
        if seen[v]:
            assert variance[0, v] == 0
            continue
        error = values[:, v].mean() - mean[0, v]
        assert error.abs() <= 5 * (variance[0, v] / n).sqrt()
        assert values[:, v].var() == pytest.approx(float(variance[0, v]), rel=0.1)


def test_draws_have_the_moments_of_all_columns_together(part):
    n = 40_000
    drawn = part.sample(n, torch.Generator().manual_seed(1))[:, [0, 3]]
    wanted, weights = np.zeros((2, 2)), part.parameters.sums[0][0, 0].numpy()
    means = np.array([unit(part, k)[0][[0, 2]] for k in range(3)])
    centre = weights @ means
    for k in range(3):
        wanted += weights[k] * unit(part, k)[1][np.ix_([0, 2], [0, 2])]
        wanted += weights[k] * np.outer(means[k] - centre, means[k] - centre)
    np.testing.assert_allclose(np.cov(drawn.numpy().T), wanted, rtol=0.1)


def test_without_a_generator_numbers_are_conditional_means(part):
    x = table(1, seed=6)
    x[0, 2], x[0, 3] = 0.7, torch.nan
    k = int(part.posterior(x)[0, :, 0].argmax())
    mean, covariance = unit(part, k)
    given = np.linalg.solve(covariance[:2, :2], x[0, [0, 2]].numpy() - mean[:2])
    assert part.complete(x, None)[0, 3].item() == pytest.approx(mean[2] + covariance[2, :2] @ given)


def test_codes_are_the_likeliest_by_enumeration(part):
    x = table(30, seed=7, missing=0.3)
    x[:, 1] = torch.nan
    found = mixture.likeliest_codes([part], x, [0, 3, 0, 0, 0])[:, 1]
    tried = []
    for code in range(3):
        x[:, 1] = code
        tried.append(part.log_density(x, torch.float64))
    assert_near(found, torch.stack(tried).argmax(dim=0).double())


def test_statistics_of_blocks_add_up(rows, part):
    whole = em.collect(part, rows.x, rows.weights)
    halves = [em.collect(part, rows.x[i::2], rows.weights[i::2]) for i in range(2)]
    for a, b in zip(vars(em.merge(*halves)).values(), vars(whole).values(), strict=True):
        assert_near(a, b, 1e-8)


@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_em_never_lowers_the_penalised_likelihood(missing):
    x = table(150, seed=8, missing=missing)[:, [0, 3]]
    rows = Rows(x, torch.ones(150, dtype=torch.float64))
    state = begun(rows, 5, [FAMILIES[0]] * 2)
    part, prior, last = state.part, state.prior, -np.inf
    for _ in range(30):
        statistics = em.collect_all(part, rows)
        now = float(statistics.log_likelihood + em.log_prior(part, prior))
        assert now >= last - 1e-7
        last, part = now, em.update(part, statistics, prior)


def test_columns_that_are_equal_keep_a_least_variance():
    x = table(200)[:, [0, 0]]
    rows = Rows(x, torch.ones(200, dtype=torch.float64))
    part = trained(begun(rows, 4, [Gaussian(1e-2)] * 2), rows, 20).part
    for k in range(4):
        assert np.linalg.eigvalsh(unit(part, k)[1])[0] >= 1e-2 - 1e-6


@pytest.mark.parametrize("floor", [1e-20, 1e-3])
def test_covariances_can_be_factored_whatever_the_floor(floor):
    x = table(200)[:, [0, 0, 0, 3]]
    x[:, 2] *= -1.0
    rows = Rows(x, torch.ones(200, dtype=torch.float64))
    part = trained(begun(rows, 8, [Gaussian(floor)] * 4), rows, 40).part
    x[::2, 0] = torch.nan
    assert torch.isfinite(part.log_density(x, torch.float64)).all()


def test_what_is_raised_to_the_floor_is_the_likeliest():
    generator = torch.Generator().manual_seed(0)
    a = torch.randn((3, 3), generator=generator, dtype=torch.float64)
    scatter, floor = a @ a.T, torch.tensor([0.5, 1.0, 2.0], dtype=torch.float64)

    def objective(s):
        return -torch.logdet(s) - torch.linalg.solve(s, scatter).trace()

    found = em._above(scatter[None], floor)[0]
    assert torch.linalg.eigvalsh(found - torch.diag(floor))[0] >= -1e-9
    for _ in range(200):
        b = torch.randn((3, 3), generator=generator, dtype=torch.float64)
        other = torch.diag(floor) + 0.9 * (found - torch.diag(floor)) + 0.1 * b @ b.T
        assert objective(other) <= objective(found) + 1e-9


def test_steps_on_some_rows_end_near_those_on_all(monkeypatch):
    x = table(3000, seed=9)
    rows = Rows(x, torch.ones(3000, dtype=torch.float64))
    state = begun(rows)
    wanted = float(trained(state, rows, 20).part.log_density(x, torch.float64).mean())
    monkeypatch.setattr(fit, "BUDGET", 1.0)
    assert fit.rows_a_step(state.part, x) == fit.LEAST_ROWS
    some = trained(state, rows, 40)
    assert float(some.part.log_density(x, torch.float64).mean()) == pytest.approx(wanted, abs=0.05)
    # Further steps go on from the running statistics.
    more = fit.train(some, rows, 5, 40, torch.Generator().manual_seed(1))
    assert float(more.part.log_density(x, torch.float64).mean()) == pytest.approx(wanted, abs=0.05)
    assert more.steps == 45


def test_blocks_hold_every_row_once_and_no_more_than_memory_for_them(part, monkeypatch):
    x = table(300, seed=11, missing=0.4)
    wanted = part.log_density(x, torch.float64)
    monkeypatch.setattr(gaussians, "LARGEST", 2000)
    blocks = part.blocks(x)
    assert len(blocks) > 5
    assert sorted(torch.cat(blocks).tolist()) == list(range(300))
    assert max(len(block) for block in blocks) * part.n_units <= 2000
    assert_near(part.log_density(x, torch.float64), wanted)


@pytest.mark.parametrize("n_hidden", [1, 2, 5])
def test_patterns_are_conditional_normals(n_hidden):
    """Both ways to them, against the formulas with the matrix of the numbers in view."""
    random = np.random.RandomState(0)
    a = random.normal(size=(2, 6, 6))
    scatter = a @ a.transpose(0, 2, 1) + np.eye(6)
    spread = np.sqrt(scatter.diagonal(axis1=1, axis2=2))
    matrices = torch.from_numpy(scatter / (spread[:, :, None] * spread[:, None]))
    correlations = Correlations(matrices)
    seen = torch.arange(6).expand(3, 6) >= n_hidden
    w = torch.from_numpy(random.normal(size=(2, 3, 6))) * seen
    u = w @ correlations.inverses
    (pattern,) = correlations.patterns(seen)
    assert pattern.few == (n_hidden == 5)
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
    circuit = flat_circuit(families, 1, CPU)
    sums = marginals(circuit, [(table(50)[:, [0, 3, 3]], torch.ones(50, dtype=torch.float64))])
    assert fit.together(circuit, sums).tolist() == [0, 2]


def test_a_part_of_a_mixture(part):
    x = table(30, seed=10, missing=0.3)
    parts = [GaussianPart(**{**vars_of(part), "log_weight": log(w)}) for w in (0.25, 0.75)]
    assert_near(mixture.log_density(parts, x, torch.float64), part.log_density(x, torch.float64))
    for found, wanted in zip(mixture.moments(parts, x), part.moments(x), strict=True):
        assert_near(found, wanted)


def vars_of(part):
    names = ("circuit", "parameters", "columns", "matrices")
    return {name: getattr(part, name) for name in names}
