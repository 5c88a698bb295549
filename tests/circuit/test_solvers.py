"""What every solver keeps to; a new one is tested by its line in SOLVERS."""

import pickle

import pytest
import torch

from skpc.circuit.passes import Cells
from skpc.circuit.training import SOLVERS, Options, Rows, collect, train

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def start(kit):
    """Circuit, rows, parameters and prior."""
    families = kit.tables["mixed"](5)
    circuit = kit.build(kit.random_graph(1, 5), families)
    x, weights = kit.table(families, 60, missing=0.2), torch.linspace(0.5, 2, 60).double()
    return circuit, Rows(Cells(x), weights), *kit.start_em(circuit, x, weights, 0.1)


@pytest.fixture(params=list(SOLVERS))
def solver(request):
    return SOLVERS[request.param]


def step(solver, start, state, rate=0.1):
    circuit, rows, _, prior = start
    actual = collect(circuit, state.parameters, rows.cells, rows.weights).per_row(rows.total)
    return solver.update(circuit, state, actual, prior, rate, rows.evidence)


def assert_equal(first, second):
    assert torch.equal(first.leaves, second.leaves)
    assert all(torch.equal(a, b) for a, b in zip(first.sums, second.sums, strict=True))


def test_names_are_keys(solver):
    assert SOLVERS[solver.name] is solver


def test_beginning_changes_no_parameter(solver, start):
    circuit, _, parameters, _ = start
    assert_equal(solver.begin(circuit, parameters).parameters, parameters)


@pytest.mark.parametrize("n_steps", [0, 1, 7])
def test_a_stored_state_goes_on_as_if_nothing_had_happened(solver, start, n_steps):
    circuit, _, parameters, _ = start
    state = solver.begin(circuit, parameters)
    for _ in range(n_steps):
        state = step(solver, start, state)
    arrays = pickle.loads(pickle.dumps(solver.to_arrays(state)))
    again = solver.from_arrays(arrays, CPU)
    assert_equal(again.parameters, state.parameters)
    assert_equal(step(solver, start, again).parameters, step(solver, start, state).parameters)


def test_the_same_prior_leaves_a_state_as_it_is(solver, start):
    circuit, rows, parameters, prior = start
    state = step(solver, start, solver.begin(circuit, parameters))
    again = solver.under_prior(circuit, state, prior, rows.evidence)
    assert_equal(again.parameters, state.parameters)


@pytest.mark.parametrize("batch_size", [16, 60])
def test_training_raises_the_likelihood(solver, start, batch_size):
    circuit, rows, parameters, prior = start
    options = Options(solver, 0.1, batch_size, 20, 1e-6, 5, torch.float64)
    order = torch.Generator().manual_seed(0)
    state, progress = train(circuit, solver.begin(circuit, parameters), rows, prior, options, order)
    assert progress.log_likelihood[-1] > progress.log_likelihood[0]
    assert torch.isfinite(state.parameters.leaves).all()
