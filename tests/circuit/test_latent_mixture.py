"""Latent mixtures: gradients against automatic differentiation, and what training does.

Axes: B rows, N points, M free numbers of a unit.
"""

import pytest
import torch

from skpc.circuit.components.latent_network import free_numbers, outputs_at, parameters_at
from skpc.circuit.components.latent_solver import finish, gradients, start
from skpc.circuit.components.latent_training import train
from skpc.circuit.components.latent_units import LatentUnits
from skpc.circuit.passes import Cells, product_mixture
from skpc.circuit.training import Rows, column_sums

CPU = torch.device("cpu")
N = 6


def assert_near(a, b, tolerance=1e-9):
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


@pytest.fixture(scope="module")
def problem(kit, any_table):
    """Circuit, rows with missing cells, sums of their column statistics."""
    families = kit.tables[any_table](5)
    circuit = product_mixture(families, N, CPU)
    x = kit.table(families, 40, missing=0.2)
    weights = torch.linspace(0.5, 2, len(x), dtype=torch.float64)
    return circuit, x, weights, column_sums(circuit, [(Cells(x), weights)])


def begin(circuit, sums, seed=0):
    return start(circuit, sums, torch.Generator().manual_seed(seed), 1e-2)


def test_gradients_are_those_of_automatic_differentiation(kit, problem):
    circuit, x, weights, sums = problem
    state = begin(circuit, sums)
    outputs = outputs_at(state.layers, state.points.free[0], None).double().requires_grad_()
    logits = torch.linspace(-1, 1, N, dtype=torch.float64, requires_grad=True)
    parameters = parameters_at(circuit, free_numbers(outputs, state.centre), logits)
    value = weights @ kit.log_density(circuit, parameters, x)
    value.backward()
    with torch.no_grad():
        units = LatentUnits(circuit, torch.isnan(x).any(dim=0), torch.float64)
        rows = units.read(Cells(x))
        by_outputs, by_logits, actual = gradients(
            units, rows, weights, outputs, logits, state.centre
        )
    assert_near(actual, value.detach())
    assert_near(by_outputs, outputs.grad, 1e-4)
    assert_near(by_logits, logits.grad, 1e-7)


def test_units_start_around_the_columns(kit, problem):
    circuit, _, _, sums = problem
    state = begin(circuit, sums)
    outputs = outputs_at(state.layers, state.points.free[0], None)
    assert_near(outputs.mean(dim=1), torch.zeros(len(state.centre)), 1e-4)
    parameters = finish(circuit, state)
    assert torch.isfinite(parameters.leaves).all()
    assert_near(parameters.sums[0].sum(), torch.ones((), dtype=torch.float64))
    assert_near(parameters.sums[0], torch.full((1, 1, N), 1 / N, dtype=torch.float64))


def run(problem, passes=60, seed=0):
    """The state after some passes, and the log-likelihood of each."""
    circuit, x, weights, sums = problem
    order, seen = torch.Generator().manual_seed(seed), []

    def record(number, log_likelihood, state):
        seen.append(log_likelihood)
        return False

    rows, begun = Rows(Cells(x), weights), begin(circuit, sums, seed)
    return train(circuit, begun, rows, passes, 1e-2, torch.float64, order, record), seen


def test_training_raises_the_likelihood(kit, problem):
    circuit, x, weights, sums = problem
    before = weights @ kit.log_density(circuit, finish(circuit, begin(circuit, sums)), x)
    state, seen = run(problem)
    after = weights @ kit.log_density(circuit, finish(circuit, state), x)
    assert after > before + 1
    assert len(seen) == 60


def test_points_stay_until_the_step_has_fallen(problem):
    circuit, _, _, sums = problem
    begun = begin(circuit, sums).points.free[0]
    state, _ = run(problem, passes=10)
    # Steps fall linearly: those of the last six of ten passes are at most 0.6 of the first.
    assert state.points.step == 6
    assert not torch.equal(state.points.free[0], begun)


def test_a_seed_decides_everything(problem):
    circuit = problem[0]
    first, again, other = (finish(circuit, run(problem, 5, s)[0]) for s in (0, 0, 1))
    assert torch.equal(first.leaves, again.leaves)
    assert not torch.equal(first.leaves, other.leaves)


def test_global_randomness_is_not_touched(problem):
    before = torch.get_rng_state()
    run(problem, 3)
    assert torch.equal(torch.get_rng_state(), before)
