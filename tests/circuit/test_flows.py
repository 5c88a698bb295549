"""Flows are derivatives of the log density, and none is lost on the way down.

Axes: B rows, F leaf regions, S statistics of a region, K units, I input and O output units.
"""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skpc.circuit.passes import Cells, Parameters, Space
from skpc.circuit.passes.layers import tucker
from skpc.circuit.training import collect


def assert_near(a, b, tolerance=1e-9):
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


def check_by_autograd(kit, graph, circuit, families, seed, exponent=1.0):
    """Counts are w d/dw, expected statistics d/dtheta, of the weighted objective."""
    parameters = kit.numbers(circuit, seed)
    x = kit.table(families, 10, seed, missing=0.3)
    weights = torch.linspace(0, 2, 10, dtype=torch.float64)
    actual = collect(circuit, parameters, Cells(x), weights, exponent)
    leaves = parameters.leaves.clone().requires_grad_()
    sums = tuple(w.clone().requires_grad_() for w in parameters.sums)
    density = kit.naive(graph, circuit, families, Parameters(leaves, sums), x, exponent)
    objective = (weights * density.log()).sum()
    by_leaves, *by_sums = torch.autograd.grad(objective, (leaves, *sums))
    assert_near(actual.objective, objective.detach())
    assert_near(actual.weight, weights.sum())
    assert_near(actual.leaves, by_leaves)
    for counts, w, gradient in zip(actual.sums, parameters.sums, by_sums, strict=True):
        assert_near(counts, w * gradient)


def test_statistics_equal_autograd(kit, case, any_table):
    families = case.families(any_table)
    check_by_autograd(kit, case.graph, case.circuit(families), families, seed=2)


@pytest.mark.parametrize("exponent", [0.2, 0.5, 2.0])
def test_statistics_of_other_exponents_equal_autograd(kit, plain_case, exponent):
    families = plain_case.families("mixed")
    circuit = plain_case.circuit(families)
    check_by_autograd(kit, plain_case.graph, circuit, families, 2, exponent)


def test_the_log_likelihood_does_not_depend_on_the_exponent(kit, plain_case):
    families = plain_case.families("mixed")
    circuit = plain_case.circuit(families)
    parameters, x = kit.numbers(circuit), kit.table(families, 9, missing=0.4)
    weights = torch.ones(9, dtype=torch.float64)
    exact = collect(circuit, parameters, Cells(x), weights)
    assert exact.objective == exact.log_likelihood
    other = collect(circuit, parameters, Cells(x), weights, 0.5)
    assert_near(other.log_likelihood, exact.log_likelihood)
    # A power mean of smaller exponent, times a power of the number of partitions.
    assert other.objective >= exact.objective - 1e-9


@settings(deadline=None, derandomize=True, max_examples=30)
@given(
    seed=st.integers(0, 2**31),
    n_variables=st.integers(1, 7),
    layer=st.sampled_from(["cp", "tucker"]),
    n_sums=st.integers(1, 4),
    n_leaves=st.integers(1, 4),
)
def test_statistics_equal_autograd_on_any_graph(kit, seed, n_variables, layer, n_sums, n_leaves):
    graph = kit.random_graph(seed, n_variables, 2 if layer == "tucker" else 3)
    families = kit.tables["mixed"](n_variables)
    circuit = kit.build(graph, families, layer, n_sums, n_leaves)
    check_by_autograd(kit, graph, circuit, families, seed)


def test_every_column_receives_the_weight_of_its_row(kit, case, any_table):
    families = case.families(any_table)
    circuit = case.circuit(families)
    parameters, x = kit.numbers(circuit), kit.table(families, 9, missing=0.4)
    trace = circuit.forward(parameters, circuit.gather(Cells(x), torch.float64), torch.float64)
    weights = torch.linspace(0, 3, 9, dtype=torch.float64)
    flow = circuit.flows(parameters, trace, weights)[0]
    reaching = flow.sum(dim=1)
    scopes = [case.graph.regions[region] for region in circuit.levels[0].regions]
    for v in range(len(families)):
        mine = [i for i, scope in enumerate(scopes) if v in scope]
        assert_near(reaching[mine].sum(dim=0), weights)
    assert (flow >= 0).all()


def test_derivatives_by_leaves_times_their_values_are_the_flows(kit, case):
    """Also in Tucker layers of which one child is a leaf region and the other is none."""
    families = case.families("mixed")
    circuit = case.circuit(families)
    parameters, x = kit.numbers(circuit), kit.table(families, 9, missing=0.4)
    trace = circuit.forward(parameters, circuit.gather(Cells(x), torch.float64), torch.float64)
    values = [trace.direct] if circuit.n_direct else []
    values += [trace.regions[0].values] if circuit.inputs.n_summed else []
    derivatives = circuit.leaf_derivatives(parameters, trace)
    flow = circuit.flows(parameters, trace, torch.ones(9, dtype=torch.float64))[0]
    assert_near(derivatives * torch.cat(values), flow)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_counts_add_to_the_number_of_rows(kit, plain_case, dtype):
    """Those of the root's weights, and those of the units of every column."""
    families = plain_case.families("mixed")
    circuit = plain_case.circuit(families)
    parameters = kit.numbers(circuit).to(dtype, circuit.leaf_dtype(dtype))
    x = kit.table(families, 40)
    actual = collect(circuit, parameters, Cells(x), torch.ones(40, dtype=torch.float64))
    assert actual.sums[-1].sum().item() == pytest.approx(40, rel=1e-5)
    counts = torch.zeros(len(families), dtype=torch.float64)
    for fold in circuit.inputs.folds:
        _, observed = fold.unpack(actual.leaves)
        per_incidence = observed.sum(dim=(1, 2))
        counts.index_add_(0, fold.columns[fold.group_of, 0], per_incidence)
    assert_near(counts, torch.full_like(counts, 40), 1e-4)


def test_absent_weights_count_nothing(kit, plain_case):
    families = plain_case.families("codes")
    circuit = plain_case.circuit(families)
    x = kit.table(families, 20)
    actual = collect(circuit, kit.numbers(circuit), Cells(x), torch.ones(20, dtype=torch.float64))
    for layer, counts in zip(circuit.weighted, actual.sums, strict=True):
        assert torch.isfinite(counts).all()
        if layer.mask is not None:
            assert (counts[~layer.mask.expand_as(counts)] == 0).all()


def test_missing_cells_count_nothing(kit, plain_case, any_table):
    """A column without any cell adds nothing to its leaves' statistics."""
    families = plain_case.families(any_table)
    circuit = plain_case.circuit(families)
    x = kit.table(families, 15)
    x[:, 0] = torch.nan
    actual = collect(circuit, kit.numbers(circuit), Cells(x), torch.ones(15, dtype=torch.float64))
    for fold in circuit.inputs.folds:
        values, counts = fold.unpack(actual.leaves)
        missing = fold.columns[fold.group_of, 0] == 0
        assert (values[missing] == 0).all()
        assert (counts[missing] == 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_memory_of_other_blocks_changes_nothing(kit, plain_case, dtype):
    """A space that larger, smaller and other blocks have written to, to the bit."""
    families = plain_case.families("mixed")
    circuit = plain_case.circuit(families)
    parameters = kit.numbers(circuit).to(dtype, circuit.leaf_dtype(dtype))
    space = Space()
    for n, seed in ((9, 1), (30, 2), (4, 3)):
        x = kit.table(families, n, seed, missing=0.2)
        weights = torch.linspace(0, 2, n, dtype=torch.float64)
        actual = collect(circuit, parameters, Cells(x), weights, space=space)
        fresh = collect(circuit, parameters, Cells(x), weights)
        for kept, new in zip(
            (actual.leaves, *actual.sums), (fresh.leaves, *fresh.sums), strict=True
        ):
            assert torch.equal(kept, new)
        assert torch.equal(actual.log_likelihood, fresh.log_likelihood)


@pytest.mark.parametrize("at_once", [1, 30, 200])
def test_pairs_in_groups_of_any_size_change_nothing(kit, plain_case, monkeypatch, at_once):
    """Tucker layers whose pairs stand in memory one partition at a time, or several."""
    families = plain_case.families("mixed")
    circuit = plain_case.circuit(families)
    parameters, x = kit.numbers(circuit), kit.table(families, 15, missing=0.2)
    weights = torch.linspace(0, 2, 15, dtype=torch.float64)
    whole = collect(circuit, parameters, Cells(x), weights)
    monkeypatch.setattr(tucker, "MOST_PAIRS", at_once)
    in_groups = collect(circuit, parameters, Cells(x), weights)
    assert_near(in_groups.leaves, whole.leaves)
    for a, b in zip(in_groups.sums, whole.sums, strict=True):
        assert_near(a, b)
    assert_near(in_groups.log_likelihood, whole.log_likelihood)
