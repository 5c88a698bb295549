"""Leaves and M-steps of the compiled passes against those of torch.

Axes: B rows, D columns, N rows of packed leaves, K units.
"""

import copy
import pickle

import numpy as np
import pytest
import torch

from skpc import EinetDensityEstimator
from skpc.circuit import native
from skpc.circuit.leaves import (
    FARTHEST,
    Bernoulli,
    Categorical,
    Form,
    Gaussian,
    Numeric,
    Poisson,
    RareCategories,
)
from skpc.circuit.passes import Cells
from skpc.circuit.training import EM, Prior, collect

pytestmark = pytest.mark.skipif(
    not native.available(), reason="no compiler built the passes, or SKPC_NATIVE is 0"
)


class Halved(Gaussian):
    """A subclass that knows nothing of forms and reads its cells in another way."""

    def statistics(self, x):
        return super().statistics(x / 2)


class Miscounted(Categorical):
    """A subclass whose form has more values than there are statistics."""

    @property
    def form(self):
        return Form("codes", self.n_categories + 1)


class Narrow(Gaussian):
    """A subclass that reads cells as its parent does, with another M-step."""

    def project(self, mu):
        mean = mu[:, 0]
        return torch.stack([mean, mean * mean + 0.25], dim=1)


def by_torch(circuit, work):
    """The answer of torch."""
    kept = circuit.program, circuit.reader, circuit.updates
    circuit.program = circuit.reader = circuit.updates = None
    try:
        return work()
    finally:
        circuit.program, circuit.reader, circuit.updates = kept


def assert_same(mine, others, error=1e-10):
    for a, b in zip(mine, others, strict=True):
        scale = float(b.abs().max().clamp_min(1e-30)) if b.numel() else 1.0
        torch.testing.assert_close(a, b, rtol=error, atol=error * scale)


def numbers_of(statistics):
    return [
        statistics.leaves, *statistics.sums, statistics.log_likelihood[None],
        statistics.objective[None],
    ]  # fmt: skip


def cells_of(families, n_rows=60, missing=0.2, seed=0):
    """Codes, numbers and atoms, some of them missing, and some that no family was made for."""
    random = np.random.RandomState(seed)
    x = random.normal(size=(n_rows, len(families)))
    atoms = np.zeros(x.shape, np.int16)
    for v, family in enumerate(families):
        n = getattr(family, "n_categories", 2)
        if family.support in ("codes", "binary", "counts"):
            x[:, v] = random.randint(0, n, n_rows)
        if family.n_atoms:
            atoms[:, v] = random.randint(0, family.n_atoms + 1, n_rows)
            x[atoms[:, v] > 0, v] = 0.0
    x[random.uniform(size=x.shape) < missing] = np.nan
    return Cells(torch.from_numpy(x), torch.from_numpy(atoms))


FAMILIES = {
    "codes": [Bernoulli(), Categorical(3), Categorical(40), Bernoulli()],
    "numbers": [Gaussian(1e-3), Numeric(3, 1e-2), Numeric(0, 0.5), Gaussian(0.3)],
    "mixed": [Numeric(2, 1e-3, 0.2), Categorical(4), Gaussian(1e-3), Bernoulli()],
    "some in torch": [Poisson(), Numeric(2, 1e-3), Categorical(3), Gaussian(1e-3)],
    "rare codes": [RareCategories([0, 2], [5, 1, 4, 2, 1]), Numeric(2, 1e-3), Bernoulli()],
    "read by torch": [Halved(1e-3), Numeric(2, 1e-3), Bernoulli()],
    "of another size": [Miscounted(3), Numeric(2, 1e-3), Bernoulli()],
    "updated by torch": [Narrow(1e-3), Numeric(2, 1e-3), Bernoulli()],
}
TABLES = pytest.mark.parametrize("table", list(FAMILIES))


def case_of(kit, table, n_units=(4, 4)):
    families = FAMILIES[table]
    circuit = kit.build(kit.star(len(families), 3), families, "cp", *n_units)
    return circuit, kit.numbers(circuit), cells_of(families)


@TABLES
@pytest.mark.parametrize("n_units", [(4, 4), (5, 3), (20, 20)])
def test_every_kind_of_leaf(kit, table, n_units):
    circuit, parameters, cells = case_of(kit, table, n_units)
    assert (circuit.reader is not None) == (
        table in ("codes", "numbers", "mixed", "updated by torch")
    )
    weights = torch.linspace(0, 2, len(cells), dtype=torch.float64)

    def work():
        scores = circuit.log_density(parameters, cells, torch.float64)
        return [*numbers_of(collect(circuit, parameters, cells, weights, 0.6)), scores]

    assert_same(work(), by_torch(circuit, work))


def test_circuits_can_be_pickled_and_copied(kit):
    circuit, parameters, cells = case_of(kit, "mixed")
    expected = circuit.log_density(parameters, cells, torch.float64)
    for other in (pickle.loads(pickle.dumps(circuit)), copy.deepcopy(circuit)):
        assert other.program is not None
        assert torch.equal(other.log_density(parameters, cells, torch.float64), expected)


def steps(circuit, parameters, cells, rate, smoothing, n=4):
    """Some steps of EM, each with other rows, and one under another prior."""
    em, state = EM(), EM().begin(circuit, parameters)
    prior = Prior(smoothing, torch.linspace(0.1, 0.9, circuit.inputs.shape[0])[:, None].double())
    for i in range(n):
        rows = cells.rows(slice(i * 8, i * 8 + 24))
        weights = torch.ones(len(rows), dtype=torch.float64)
        mean = collect(circuit, state.parameters, rows, weights).per_row(24.0)
        state = em.update(circuit, state, mean, prior, rate, 100.0)
    other = em.under_prior(circuit, state, Prior(3 * smoothing, prior.leaves), 100.0)
    return [
        state.parameters.leaves, *state.parameters.sums, state.leaves, *state.sums,
        other.parameters.leaves, *other.parameters.sums,
    ]  # fmt: skip


@TABLES
@pytest.mark.parametrize("rate", [0.2, 0.7, 1.0])
@pytest.mark.parametrize("smoothing", [0.0, 0.5])
def test_every_m_step(kit, table, rate, smoothing):
    circuit, parameters, cells = case_of(kit, table)
    arguments = (circuit, parameters, cells, rate, smoothing)
    assert_same(steps(*arguments), by_torch(circuit, lambda: steps(*arguments)), 1e-7)


def test_units_and_sums_without_counts_keep_their_parameters(kit):
    circuit, parameters, cells = case_of(kit, "mixed")
    statistics = collect(circuit, parameters, cells, torch.ones(len(cells), dtype=torch.float64))
    with torch.inference_mode():
        statistics.leaves[:, 1] = 0.0
        statistics.sums[0][:, 2] = 0.0
    prior = Prior(0.0, torch.ones((circuit.inputs.shape[0], 1), dtype=torch.float64))
    state = EM().begin(circuit, parameters)
    moved = EM().update(circuit, state, statistics, prior, 1.0, 1.0).parameters
    torch.testing.assert_close(moved.leaves[:, 1], parameters.leaves[:, 1], rtol=0, atol=0)
    torch.testing.assert_close(moved.sums[0][:, 2], parameters.sums[0][:, 2], rtol=0, atol=0)
    assert not torch.equal(moved.leaves, parameters.leaves)


def test_every_column_has_its_own_floor_of_variance(kit):
    floors = [1e-3, 0.2, 0.7]
    families = [Gaussian(floors[0]), Numeric(2, floors[1]), Numeric(0, floors[2])]
    circuit = kit.build(kit.star(3, 2), families, "cp", 3, 3)
    cells = Cells(torch.full((30, 3), 0.5, dtype=torch.float64))
    parameters = kit.numbers(circuit)
    statistics = collect(circuit, parameters, cells, torch.ones(30, dtype=torch.float64))
    prior = Prior(0.0, torch.zeros((circuit.inputs.shape[0], 1), dtype=torch.float64))
    state = EM().begin(circuit, parameters)
    moved = EM().update(circuit, state, statistics, prior, 1.0, 30.0).parameters
    for fold, floor in zip(circuit.inputs.folds, floors, strict=True):
        theta, _ = fold.unpack(moved.leaves)
        torch.testing.assert_close(-0.5 / theta[:, 1], torch.full_like(theta[:, 1], floor))


def test_cells_that_no_leaf_was_made_for(kit):
    """Codes and atoms that are no values of their columns read no memory beside them."""
    circuit, parameters, cells = case_of(kit, "mixed")
    cells.values[:4, 1] = torch.tensor([9.0, -1.0, 1e30, 1.5], dtype=torch.float64)
    cells.values[:2, 0] = 0.0
    cells.atoms[:2, 0] = torch.tensor([9, -7])
    weights = torch.ones(len(cells), dtype=torch.float64)

    def work():
        return numbers_of(collect(circuit, parameters, cells, weights))

    assert_same(work(), by_torch(circuit, work))
    cells.values[:4, 2] = torch.tensor([1e300, -1e300, 2 * FARTHEST, -torch.inf])
    cells.values[:4, 3] = torch.tensor([7.0, -3.0, 0.5, torch.inf], dtype=torch.float64)
    assert all(torch.isfinite(x).all() for x in work())


def test_parameters_of_another_shape_are_refused(kit):
    circuit, parameters, cells = case_of(kit, "mixed")
    short = type(parameters)(parameters.leaves[:-1], parameters.sums)
    thin = type(parameters)(parameters.leaves, tuple(w[:, :-1] for w in parameters.sums))
    for wrong in (short, thin):
        with pytest.raises(ValueError, match="The compiled passes need"):
            circuit.log_density(wrong, cells, torch.float64)


@pytest.mark.parametrize("n_init", [1, 3])
def test_whole_trainings_of_numbers_and_atoms_agree(monkeypatch, n_init):
    """Constant, lumped, rounded and skewed columns: floors and atoms of all kinds."""
    random = np.random.RandomState(1)
    z = random.randint(0, 3, 800)
    skewed = np.exp(random.normal(z, 0.3))
    lumped = np.where(random.uniform(size=800) < 0.6, 0.0, random.normal(size=800))
    X = np.column_stack(
        [z, np.full(800, 2.5), lumped, (4 * skewed).round(), skewed, z + 1e-4 * lumped, z > 1]
    )
    X[random.uniform(size=X.shape) < 0.1] = np.nan

    def fit():
        model = EinetDensityEstimator(
            components="trees", max_iter=10, batch_size=100, categorical_features=[0, 6],
            n_init=n_init, dtype="float64", random_state=0,
        )  # fmt: skip
        return model.fit(X).score_samples(X)

    compiled = fit()
    monkeypatch.setenv("SKPC_NATIVE", "0")
    np.testing.assert_allclose(compiled, fit(), rtol=1e-6, atol=1e-6)
