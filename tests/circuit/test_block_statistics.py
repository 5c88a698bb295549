"""Densities that products read directly: those of the leaves' natural parameters.

Axes: B rows, K units, n regions.
"""

import pytest
import torch

from skpc.circuit import RegionGraph
from skpc.circuit.leaves import Bernoulli, Categorical, Gaussian
from skpc.circuit.passes import Cells, leaf_blocks
from skpc.circuit.training import collect


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("missing", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("n_rows", [1, 4, 5, 40])
@pytest.mark.parametrize("others", [[], [Gaussian(1e-3)]], ids=["alone", "with numbers"])
def test_direct_densities_are_those_of_the_leaves(kit, dtype, missing, n_rows, others):
    """By probabilities where rows are many, by their logarithms where they are few."""
    families = [Bernoulli(), Categorical(3), Bernoulli(), Categorical(2), *others]
    d, k = len(families), 3
    graph = RegionGraph([range(d), *((v,) for v in range(d))], [(0, range(1, d + 1))])
    circuit = kit.build(graph, families, "cp", k, k)
    assert circuit.n_direct == 4
    parameters, x = kit.numbers(circuit), kit.table(families, n_rows, missing=missing)
    gathered = circuit.gather(Cells(x), dtype)
    typed = parameters.to(dtype, circuit.leaf_dtype(dtype))
    densities = circuit.inputs.direct(typed.leaves, gathered)
    assert densities.dtype == dtype
    for position, region in enumerate(circuit.levels[0].regions[:4]):
        (column,) = graph.regions[region]
        family, packed = families[column], kit.of_region(circuit, parameters.leaves, position)
        n = family.n_statistics
        value = torch.where(x[:, column].isnan(), 0.0, x[:, column])
        logs = packed[:n].T @ family.statistics(value[None, None])[0] + packed[n, :, None]
        expected = torch.where(x[:, column].isnan(), 1.0, logs.exp())
        torch.testing.assert_close(densities[position].double(), expected, rtol=1e-5, atol=0)


@pytest.mark.parametrize("at_once", [1, 40])
@pytest.mark.parametrize("table", ["codes", "mixed"])
def test_regions_in_blocks_change_nothing(kit, plain_case, monkeypatch, table, at_once):
    """Statistics that are gathered for one leaf region at a time, or for several."""
    families = plain_case.families(table)
    circuit = plain_case.circuit(families)
    parameters, x = kit.numbers(circuit), kit.table(families, 9, missing=0.2)
    weights = torch.linspace(0, 2, 9, dtype=torch.float64)
    whole = collect(circuit, parameters, Cells(x), weights)
    monkeypatch.setattr(leaf_blocks, "MOST_STATISTICS", {"other": at_once})
    in_blocks = collect(circuit, parameters, Cells(x), weights)
    for a, b in zip((whole.leaves, *whole.sums), (in_blocks.leaves, *in_blocks.sums), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(whole.log_likelihood, in_blocks.log_likelihood)


class Ising(Bernoulli):
    """Zeros and ones by T = -1 and 1: closed, but not by indicators."""

    def statistics(self, x):
        return 2 * x - 1

    def log_partition(self, theta):
        return torch.log(2 * torch.cosh(theta[:, 0]))


def test_other_statistics_are_not_taken_for_indicators(kit):
    graph = RegionGraph([range(3), (0,), (1,), (2,)], [(0, (1, 2, 3))])
    families = [Bernoulli(), Ising(), Categorical(3)]
    circuit = kit.build(graph, families, "cp", 2, 2)
    assert circuit.n_direct == 2
    parameters, x = kit.numbers(circuit), kit.states(families)
    for fold in circuit.inputs.folds:
        theta, _ = fold.unpack(parameters.leaves)
        base = -fold.family.log_partition(theta).unsqueeze(1)
        fold.pack(parameters.leaves, theta, base)
    total = kit.log_density(circuit, parameters, x).exp().sum()
    torch.testing.assert_close(total, torch.ones_like(total))
