"""The leaf region of latent mixtures against the passes of any circuit.

Axes: n rows, D columns, N units, M free numbers of a unit.
"""

import numpy as np
import pytest
import torch
from helpers.own_family import Rayleigh

from skpc.circuit.components import latent_training
from skpc.circuit.components.latent_network import parameters_at
from skpc.circuit.components.latent_solver import finish, start
from skpc.circuit.components.latent_training import train
from skpc.circuit.components.latent_units import LatentUnits
from skpc.circuit.leaves import Bernoulli, Categorical, Gaussian, Numeric, Poisson
from skpc.circuit.passes import Cells, product_mixture
from skpc.circuit.training import Rows, collect, column_sums

CPU = torch.device("cpu")
N = 7


class Plain(Bernoulli):
    """As users write families: no formula of the gradient, and nothing known of its statistics."""

    closed = False
    free_gradient = Categorical.__mro__[1].free_gradient


# Families with columns in between of others, so that those of a family are not adjacent.
LEAVES = [Bernoulli(), Gaussian(1e-3), Categorical(3), Numeric(2, 1e-3), Poisson(), Rayleigh()]
LEAVES += [Plain(), LEAVES[0], LEAVES[2], LEAVES[1]]
ONLY = {
    "all": LEAVES,
    "numbers": [LEAVES[1], LEAVES[3]],
    "codes": [LEAVES[0], LEAVES[2], LEAVES[0]],
    "one column": [LEAVES[3]],
}


def rows(leaves, holes=(), n=60, seed=0):
    """Cells of all families with atoms and, in some columns, holes; weights of any scale."""
    random = np.random.RandomState(seed)
    x, atoms = np.zeros((n, len(leaves))), np.zeros((n, len(leaves)), dtype=np.int16)
    for column, leaf in enumerate(leaves):
        if leaf.support == "real":
            x[:, column] = random.normal(size=n)
        elif leaf.support == "positive":
            x[:, column] = random.exponential(size=n) + 0.01
        else:
            x[:, column] = random.randint(0, 2 + (leaf.support in ("codes", "counts")), size=n)
        if leaf.n_atoms:
            atoms[:, column] = random.randint(0, leaf.n_atoms + 1, size=n)
            x[atoms[:, column] > 0, column] = 0.0
    for column in holes:
        hidden = random.uniform(size=n) < 0.3
        x[hidden, column], atoms[hidden, column] = np.nan, 0
    weights = torch.from_numpy(random.uniform(0.5, 2, size=n) * 1e-3)
    return Rows(Cells(torch.from_numpy(x), torch.from_numpy(atoms)), weights)


@pytest.mark.parametrize("table", ONLY)
@pytest.mark.parametrize("holes", ["none", "some", "all"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 2e-5)])
def test_expected_statistics_are_those_of_any_circuit(table, holes, dtype, tolerance):
    leaves = ONLY[table]
    columns = {"none": (), "some": range(0, len(leaves), 2), "all": range(len(leaves))}[holes]
    data, circuit = rows(leaves, columns), product_mixture(leaves, N, CPU)
    n_free = sum(leaf.n_statistics for leaf in leaves)
    generator = torch.Generator().manual_seed(0)
    free = 0.5 * torch.randn((n_free, N), generator=generator, dtype=dtype)
    logits = torch.linspace(-1, 1, N, dtype=dtype)
    parameters = parameters_at(circuit, free, logits)
    wanted = collect(circuit, parameters, data.cells, data.weights)
    units = LatentUnits(circuit, ~data.cells.observed.all(dim=0), dtype)
    read = units.read(data.cells)
    shares, log_density = units.posterior(read, units.natural(free, logits.log_softmax(dim=0)))
    flows = shares * data.weights[:, None].to(dtype)
    expected = units.expected(read, flows)
    torch.testing.assert_close(
        data.weights @ log_density, wanted.log_likelihood, rtol=tolerance, atol=tolerance
    )
    near = {"rtol": 10 * tolerance, "atol": tolerance * float(data.weights.sum())}
    counts = wanted.sums[0].flatten()
    torch.testing.assert_close(flows.sum(dim=0).double(), counts, **near)
    of_family = {fold.family: fold.unpack(wanted.leaves) for fold in circuit.inputs.folds}
    for part, of_part in zip(units.parts, expected, strict=True):
        for fold in part.folds:
            statistics, of_counts = of_family[fold.family]
            actual = of_part[fold.statistics].double().view_as(statistics)
            torch.testing.assert_close(actual, statistics, **near)
            torch.testing.assert_close(of_part[fold.counts].double(), of_counts[:, 0], **near)


def test_the_precise_part_is_float64_and_columns_without_holes_share_a_count():
    circuit = product_mixture(LEAVES, N, CPU)
    incomplete = torch.zeros(len(LEAVES), dtype=torch.bool)
    incomplete[2] = True
    units = LatentUnits(circuit, incomplete, torch.float32)
    assert [part.dtype for part in units.parts] == [torch.float32, torch.float64]
    # Three zeros or ones, two columns of three codes, one of which has a count, and the rest's.
    assert len(units.parts[0].rows) + 1 == 3 + 6 + 1 + 1


def trained(data, leaves, dtype=torch.float32):
    circuit = product_mixture(leaves, N, CPU)
    sums = column_sums(circuit, [(data.cells, data.weights)])
    state = start(circuit, sums, torch.Generator().manual_seed(0), 1e-2)
    state = train(circuit, state, data, 8, 1e-2, dtype, torch.Generator().manual_seed(1))
    return finish(circuit, state)


def test_statistics_that_are_kept_and_read_batch_by_batch_train_alike(monkeypatch):
    data = rows(LEAVES, range(3), n=300)
    kept = trained(data, LEAVES)
    monkeypatch.setattr(latent_training, "MOST_KEPT", 0)
    torch.testing.assert_close(trained(data, LEAVES).leaves, kept.leaves)


def test_the_scale_of_weights_and_the_type_do_not_decide_the_training():
    data = rows(LEAVES[:4], [1], n=300)
    wanted = trained(data, LEAVES[:4])
    scaled = Rows(data.cells, data.weights * 1e30)
    for other in (trained(scaled, LEAVES[:4]), trained(data, LEAVES[:4], torch.float64)):
        torch.testing.assert_close(other.leaves, wanted.leaves, rtol=1e-2, atol=1e-2)
