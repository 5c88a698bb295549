"""Blocks of leaf regions: what one column needs, no other column pays for.

Axes: B rows, K units, S statistics of a scope.
"""

import pytest
import torch

from skpc.circuit import RegionGraph
from skpc.circuit.leaves import Bernoulli, Categorical, Gaussian, Numeric
from skpc.circuit.passes import Cells
from skpc.circuit.training import collect

K = 3


def test_a_column_of_many_values_makes_no_other_column_wide(kit):
    families = [Categorical(500), *[Bernoulli() for _ in range(20)]]
    circuit = kit.build(kit.star(21, 4), families, "cp", K, K)
    rows = sum(4 * (family.n_statistics + 1) for family in families)
    assert circuit.inputs.shape == (rows, K)
    assert sorted(block.shape for block in circuit.inputs.blocks) == [(1, 501, 4), (20, 2, 4)]


def test_scopes_of_about_as_many_statistics_share_a_product(kit):
    families = [Categorical(c) for c in (36, 38, 40, 43, 200)]
    circuit = kit.build(kit.star(5, 2), families, "cp", K, K)
    # Four columns of 37 to 44 statistics, padded to 44, and one of 201.
    assert sorted(block.shape for block in circuit.inputs.blocks) == [(1, 201, 2), (4, 44, 2)]


@pytest.mark.parametrize("numbers", [Gaussian(1e-3), Numeric(3, 1e-3)], ids=["gaussian", "numeric"])
def test_only_columns_that_cancel_digits_take_float64(kit, numbers):
    families = [Categorical(4), numbers, Bernoulli()]
    circuit = kit.build(kit.star(3, 2), families, "cp", K, K)
    x = kit.table(families, 7)
    gathered = circuit.gather(Cells(x), torch.float32)
    types = {
        int(block.shape[1]): gathered.of(block, slice(0, block.shape[0])).dtype
        for block in circuit.inputs.blocks
    }
    width = numbers.n_statistics + 1
    assert types == {5: torch.float32, width: torch.float64, 2: torch.float32}


def test_statistics_in_float32_are_those_in_float64(kit):
    families = [Categorical(60), Gaussian(1e-3), Bernoulli(), Numeric(2, 1e-3)]
    circuit = kit.build(kit.star(4, 3), families, "cp", K, K)
    parameters, x = kit.numbers(circuit), kit.table(families, 50, missing=0.2)
    weights = torch.linspace(0, 2, 50, dtype=torch.float64)
    found = [
        collect(circuit, parameters.to(t, circuit.leaf_dtype(t)), Cells(x), weights)
        for t in (torch.float32, torch.float64)
    ]
    assert found[0].leaves.dtype == torch.float64
    scale = found[1].leaves.abs().amax(dim=1, keepdim=True).clamp_min(1e-3)
    assert ((found[0].leaves - found[1].leaves).abs() / scale).max() < 1e-4


def test_a_scope_with_more_regions_than_another(kit):
    """Column 0 is split off twice, the others once: blocks of one and of two regions a scope."""
    graph = RegionGraph([range(3), (0,), (1, 2), (0,), (1,), (2,)], [(0, (1, 2)), (0, (3, 4, 5))])
    families = [Categorical(3), Bernoulli(), Categorical(3)]
    circuit = kit.build(graph, families, "cp", 2, 3)
    assert {block.shape[2] for block in circuit.inputs.blocks} == {1, 2}
    parameters, states = kit.numbers(circuit), kit.states(families)
    expected = kit.naive(graph, circuit, families, parameters, states)
    torch.testing.assert_close(kit.log_density(circuit, parameters, states).exp(), expected)
    torch.testing.assert_close(expected.sum(), torch.ones_like(expected.sum()))
