"""Flows are derivatives of the log density, and none is lost on the way down.

Axes: B rows, F leaf regions, S slots, K units, I input and O output units.
"""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skpc.circuit.passes.circuit import Parameters
from skpc.circuit.passes.layers import tucker
from skpc.circuit.passes.selection import joined
from skpc.circuit.passes.trace import Space
from skpc.circuit.training.statistics import collect


def assert_near(a, b, tolerance=1e-9):
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


def check_by_autograd(kit, graph, circuit, families, seed, power=1.0):
    """Counts are w d/dw, expected statistics d/dtheta, of the weighted objective."""
    parameters = kit.numbers(circuit, seed)
    x = kit.table(families, 10, seed, missing=0.3)
    weights = torch.linspace(0, 2, 10, dtype=torch.float64)
    found = collect(circuit, parameters, x, weights, power)
    leaves = parameters.leaves.clone().requires_grad_()
    sums = tuple(w.clone().requires_grad_() for w in parameters.sums)
    density = kit.naive(graph, circuit, families, Parameters(leaves, sums), x, power)
    objective = (weights * density.log()).sum()
    by_leaves, *by_sums = torch.autograd.grad(objective, (leaves, *sums))
    assert_near(found.objective, objective.detach())
    assert_near(found.weight, weights.sum())
    assert_near(found.leaves, by_leaves)
    for counts, w, gradient in zip(found.sums, parameters.sums, by_sums, strict=True):
        assert_near(counts, w * gradient)


def test_statistics_equal_autograd(kit, case, any_table):
    families = case.families(any_table)
    check_by_autograd(kit, case.graph, case.circuit(families), families, seed=2)


@pytest.mark.parametrize("power", [0.2, 0.5, 2.0])
def test_statistics_of_other_powers_equal_autograd(kit, plain_case, power):
    families = plain_case.families("mixed")
    circuit = plain_case.circuit(families)
    check_by_autograd(kit, plain_case.graph, circuit, families, 2, power)


def test_the_log_likelihood_does_not_depend_on_the_power(kit, plain_case):
    families = plain_case.families("mixed")
    circuit = plain_case.circuit(families)
    parameters, x = kit.numbers(circuit), kit.table(families, 9, missing=0.4)
    weights = torch.ones(9, dtype=torch.float64)
    exact = collect(circuit, parameters, x, weights)
    assert exact.objective == exact.log_likelihood
    other = collect(circuit, parameters, x, weights, 0.5)
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
    trace = circuit.forward(parameters, circuit.gather(x, torch.float64), torch.float64)
    weights = torch.linspace(0, 3, 9, dtype=torch.float64)
    flow = joined(circuit.flows(parameters, trace, weights)[0])
    reaching = flow.sum(dim=1)
    scopes = [case.graph.regions[region] for region in circuit.levels[0].regions]
    for v in range(len(families)):
        mine = [i for i, scope in enumerate(scopes) if v in scope]
        assert_near(reaching[mine].sum(dim=0), weights)
    assert (flow >= 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_counts_add_to_the_number_of_rows(kit, plain_case, dtype):
    """Those of the root's weights, and those of the units of every column."""
    families = plain_case.families("mixed")
    circuit = plain_case.circuit(families)
    parameters = kit.numbers(circuit).to(dtype, circuit.leaf_dtype(dtype))
    x = kit.table(families, 40)
    found = collect(circuit, parameters, x, torch.ones(40, dtype=torch.float64))
    assert found.sums[-1].sum().item() == pytest.approx(40, rel=1e-5)
    counts = torch.zeros(len(families), dtype=torch.float64)
    for group in circuit.inputs.groups:
        _, seen = group.unpack(found.leaves)
        per_incidence = seen.sum(dim=(1, 2))
        counts.index_add_(0, group.columns[group.column_of], per_incidence)
    assert_near(counts, torch.full_like(counts, 40), 1e-4)


def test_absent_weights_count_nothing(kit, plain_case):
    families = plain_case.families("codes")
    circuit = plain_case.circuit(families)
    x = kit.table(families, 20)
    found = collect(circuit, kit.numbers(circuit), x, torch.ones(20, dtype=torch.float64))
    for layer, counts in zip(circuit.weighted, found.sums, strict=True):
        assert torch.isfinite(counts).all()
        if layer.mask is not None:
            assert (counts[~layer.mask.expand_as(counts)] == 0).all()


def test_missing_cells_count_nothing(kit, plain_case, any_table):
    """A column without any cell adds nothing to its leaves' statistics."""
    families = plain_case.families(any_table)
    circuit = plain_case.circuit(families)
    x = kit.table(families, 15)
    x[:, 0] = torch.nan
    found = collect(circuit, kit.numbers(circuit), x, torch.ones(15, dtype=torch.float64))
    for group in circuit.inputs.groups:
        values, counts = group.unpack(found.leaves)
        missing = group.columns[group.column_of] == 0
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
        found = collect(circuit, parameters, x, weights, space=space)
        fresh = collect(circuit, parameters, x, weights)
        for kept, new in zip((found.leaves, *found.sums), (fresh.leaves, *fresh.sums), strict=True):
            assert torch.equal(kept, new)
        assert torch.equal(found.log_likelihood, fresh.log_likelihood)


@pytest.mark.parametrize("at_once", [1, 30, 200])
def test_pairs_a_few_at_a_time_change_nothing(kit, plain_case, monkeypatch, at_once):
    """Tucker layers whose pairs stand in memory one partition at a time, or some."""
    families = plain_case.families("mixed")
    circuit = plain_case.circuit(families)
    parameters, x = kit.numbers(circuit), kit.table(families, 15, missing=0.2)
    weights = torch.linspace(0, 2, 15, dtype=torch.float64)
    whole = collect(circuit, parameters, x, weights)
    monkeypatch.setattr(tucker, "MOST_PAIRS", at_once)
    parts = collect(circuit, parameters, x, weights)
    assert_near(parts.leaves, whole.leaves)
    for a, b in zip(parts.sums, whole.sums, strict=True):
        assert_near(a, b)
    assert_near(parts.log_likelihood, whole.log_likelihood)
