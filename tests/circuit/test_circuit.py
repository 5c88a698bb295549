"""Densities of circuits: enumeration, quadrature and a slow evaluation node by node."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skpc.circuit import RegionGraph
from skpc.circuit.leaves import Bernoulli, Categorical, Gaussian, Numeric


def assert_near(a, b, tolerance=1e-10):
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


def test_discrete_densities_add_to_one(kit, case, discrete_table):
    families = case.families(discrete_table)
    circuit = case.circuit(families)
    log = kit.log_density(circuit, kit.numbers(circuit), kit.states(families))
    assert log.exp().sum().item() == pytest.approx(1, abs=1e-12)


def test_missing_cells_are_summed_out(kit, case, discrete_table):
    families = case.families(discrete_table)
    circuit = case.circuit(families)
    parameters, states = kit.numbers(circuit), kit.states(families)
    joint = kit.log_density(circuit, parameters, states).exp()
    x = kit.table(families, 8, missing=0.5)
    for row, log in zip(x, kit.log_density(circuit, parameters, x), strict=True):
        agrees = ((states == row) | row.isnan()).all(dim=1)
        assert log.exp().item() == pytest.approx(joint[agrees].sum().item(), rel=1e-10)


def test_a_row_without_any_cell_has_density_one(kit, case, any_table):
    families = case.families(any_table)
    circuit = case.circuit(families)
    x = torch.full((1, len(families)), torch.nan, dtype=torch.float64)
    parameters = kit.numbers(circuit)
    assert abs(kit.log_density(circuit, parameters, x).item()) < 1e-12
    assert abs(kit.log_density(circuit, parameters, x, torch.float32).item()) < 1e-5


def test_folded_layers_equal_the_evaluation_node_by_node(kit, case, any_table):
    families = case.families(any_table)
    circuit = case.circuit(families)
    parameters = kit.numbers(circuit, seed=1)
    x = kit.table(families, 12, missing=0.3)
    slow = kit.naive(case.graph, circuit, families, parameters, x)
    assert_near(kit.log_density(circuit, parameters, x), slow.log())


@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    seed=st.integers(0, 2**31),
    n_variables=st.integers(1, 6),
    layer=st.sampled_from(["cp", "tucker"]),
    n_sums=st.integers(1, 4),
    n_leaves=st.integers(1, 4),
    table=st.sampled_from(["bernoulli", "codes"]),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_any_graph(kit, seed, n_variables, layer, n_sums, n_leaves, table, dtype):
    graph = kit.random_graph(seed, n_variables, 2 if layer == "tucker" else 3)
    families = kit.tables[table](n_variables)
    circuit = kit.build(graph, families, layer, n_sums, n_leaves)
    parameters, states = kit.numbers(circuit, seed), kit.states(families)
    log = kit.log_density(circuit, parameters, states, dtype)
    tolerance = 1e-10 if dtype == torch.float64 else 1e-4
    assert log.exp().sum().item() == pytest.approx(1, abs=tolerance)
    assert_near(log, kit.naive(graph, circuit, families, parameters, states).log(), tolerance)


def test_single_precision_follows_double(kit, case, any_table):
    families = case.families(any_table)
    circuit = case.circuit(families)
    parameters, x = kit.numbers(circuit), kit.table(families, 30, missing=0.2)
    single = kit.log_density(circuit, parameters, x, torch.float32)
    assert_near(single, kit.log_density(circuit, parameters, x), 2e-5)


@pytest.mark.parametrize("layer", ["cp", "tucker"])
def test_gaussian_density_integrates_to_one(kit, layer):
    families = [Gaussian(0.01)] * 2
    circuit = kit.build(RegionGraph([(0, 1), (0,), (1,)], [(0, (1, 2))]), families, layer)
    side = torch.linspace(-8, 8, 321, dtype=torch.float64)
    x = torch.cartesian_prod(side, side)
    step = float(side[1] - side[0])
    density = kit.log_density(circuit, kit.numbers(circuit), x).exp().view(321, 321) * step**2
    assert density.sum().item() == pytest.approx(1, abs=1e-9)
    margin = torch.stack([side, torch.full_like(side, torch.nan)], dim=1)
    actual = kit.log_density(circuit, kit.numbers(circuit), margin).exp() * step
    assert_near(actual, density.sum(dim=1), 1e-9)


@pytest.mark.parametrize("layer", ["cp", "tucker"])
@pytest.mark.parametrize("structure_seed", range(3))
def test_mixed_columns_integrate_and_sum_to_one(kit, layer, structure_seed):
    families = [Gaussian(0.01), Bernoulli(), Categorical(3), Gaussian(0.01)]
    graph = kit.random_graph(structure_seed, 4, 2)
    circuit = kit.build(graph, families, layer)
    side = torch.linspace(-8, 8, 161, dtype=torch.float64)
    x = torch.cartesian_prod(side, torch.arange(2).double(), torch.arange(3).double(), side)
    step = float(side[1] - side[0])
    density = kit.log_density(circuit, kit.numbers(circuit), x).exp().view(161, 2, 3, 161)
    assert density.sum().item() * step**2 == pytest.approx(1, abs=1e-9)
    observed = x.view(161, 2, 3, 161, 4)[40, 1, :, 0].clone()
    observed[:, 3] = torch.nan
    actual = kit.log_density(circuit, kit.numbers(circuit), observed).exp()
    assert_near(actual, density[40, 1].sum(dim=1) * step, 1e-9)


@settings(deadline=None, derandomize=True, max_examples=30)
@given(
    seed=st.integers(0, 2**31), missing=st.sampled_from([0.0, 0.4, 1.0]), n_rows=st.integers(1, 9)
)
def test_rows_do_not_see_each_other(kit, seed, missing, n_rows):
    graph = kit.random_graph(seed, 5)
    families = kit.tables["mixed"](5)
    circuit = kit.build(graph, families)
    parameters, x = kit.numbers(circuit, seed), kit.table(families, n_rows, seed, missing)
    together = kit.log_density(circuit, parameters, x)
    alone = torch.cat([kit.log_density(circuit, parameters, row[None]) for row in x])
    assert_near(together, alone, 1e-12)


@pytest.mark.parametrize("value", [1e3, 1e6, 1e18, 1e25, 1e200])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_far_values_have_a_very_low_density_and_never_nan(kit, value, dtype):
    families = [Gaussian(1e-3)] * 3
    circuit = kit.build(RegionGraph([(0, 1, 2), (0,), (1, 2)], [(0, (1, 2))]), families)
    x = torch.tensor([[value, 0.0, 0.0], [0.0, -value, value]], dtype=torch.float64)
    log = kit.log_density(circuit, kit.numbers(circuit), x, dtype)
    assert not log.isnan().any()
    assert (log < -1e4).all()


def test_weights_add_to_one_and_absent_ones_are_zero(kit, case):
    circuit = case.circuit(case.families("bernoulli"))
    for layer, weights in zip(circuit.weighted, kit.numbers(circuit).sums, strict=True):
        assert tuple(weights.shape) == layer.shape
        assert_near(weights.sum(dim=2), torch.ones_like(weights[:, :, 0]))
        if layer.mask is not None:
            assert (weights[~layer.mask.expand_as(weights)] == 0).all()


def test_number_of_parameters_by_hand(kit):
    """Region (0, 1, 2) has two partitions: K mixtures of two, one of its weights free."""
    regions = [(0, 1, 2, 3), (0, 1, 2), (3,), (0, 1), (2,), (0,), (1, 2)]
    graph = RegionGraph(regions, [(0, (1, 2)), (1, (3, 4)), (1, (5, 6))])
    circuit = kit.build(graph, [Bernoulli()] * 4, "cp", n_sums=3, n_leaves=2)
    leaves = 2 * (1 + 2 + 1 + 1 + 2)
    leaf_edges, top_edge, mixture, root = 5 * 3 * (2 - 1), 3 * (3 - 1), 3, 3 - 1
    assert circuit.n_parameters == leaves + leaf_edges + top_edge + mixture + root
    # Probabilities add to one: of three categories two are free, of a number and two atoms too.
    one_leaf = kit.build(RegionGraph([(0, 1)]), [Categorical(3), Numeric(2, 0.01)], n_leaves=2)
    assert one_leaf.n_parameters == 2 * (2 + 2 + 2) + 2 - 1


def test_tucker_refuses_three_children(kit):
    graph = RegionGraph([(0, 1, 2), (0,), (1,), (2,)], [(0, (1, 2, 3))])
    message = (
        r"layer='tucker' needs partitions of two children; a partition of region 0 has 3\. "
        r"Use layer='cp' for this structure\."
    )
    with pytest.raises(ValueError, match=message):
        kit.build(graph, [Bernoulli()] * 3, "tucker")


def test_refuses_a_table_of_another_width(kit):
    with pytest.raises(ValueError, match=r"graph covers 2 columns, the leaves own .* \[0, 1, 2\]"):
        kit.build(RegionGraph([(0, 1)]), [Bernoulli()] * 3)


def test_permuted_columns_with_a_permuted_graph_change_nothing(kit):
    order = np.array([2, 0, 3, 1])
    graph = kit.random_graph(5, 4)
    position = np.argsort(order)
    moved = RegionGraph([[position[v] for v in scope] for scope in graph.regions], graph.partitions)
    families = [Bernoulli()] * 4
    first, second = kit.build(graph, families), kit.build(moved, families)
    states = kit.states(families)
    parameters = kit.numbers(first)
    single = all(len(graph.regions[leaf]) == 1 for leaf in graph.leaves)
    assert single, "leaves of several columns would need their statistics permuted too"
    assert_near(
        kit.log_density(first, parameters, states),
        kit.log_density(second, parameters, states[:, order]),
    )
