"""Latent mixtures: gradients against automatic differentiation, and what training does.

Axes: B rows, N points, M free numbers of a unit.
"""

import pytest
import torch

from skpc.circuit.components.latent_network import gradient_by_outputs, outputs_at, parameters_at
from skpc.circuit.components.latent_solver import LatentSteps, finish, start
from skpc.circuit.passes import Cells, product_mixture
from skpc.circuit.training import Options, Rows, collect, column_sums, make_prior, train

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


def test_gradients_by_the_free_numbers_are_those_of_automatic_differentiation(kit, problem):
    circuit, x, weights, sums = problem
    state = begin(circuit, sums)
    layers, (points, logits) = state.network.free, state.points.free
    outputs = outputs_at(layers, points, None).double().requires_grad_()
    parameters = parameters_at(circuit, outputs, logits)
    (weights @ kit.log_density(circuit, parameters, x)).backward()
    actual = collect(circuit, parameters_at(circuit, outputs.detach(), logits), Cells(x), weights)
    gradient = gradient_by_outputs(circuit, outputs.detach(), actual.leaves)
    assert_near(gradient.double(), outputs.grad, 1e-4)


def test_units_start_around_the_columns(kit, problem):
    circuit, _, _, sums = problem
    state = begin(circuit, sums)
    outputs = outputs_at(state.network.free, state.points.free[0], None)
    assert_near(outputs.mean(dim=0), state.centre, 1e-4)
    parameters = finish(circuit, state)
    assert torch.isfinite(parameters.leaves).all()
    assert_near(parameters.sums[0].sum(), torch.ones((), dtype=torch.float64))
    assert_near(parameters.sums[0], torch.full((1, 1, N), 1 / N, dtype=torch.float64))


def run(problem, passes=60, seed=0, batch_size=40):
    circuit, x, weights, sums = problem
    prior = make_prior(circuit, sums, 0.0)
    options = Options(LatentSteps(), 1e-2, batch_size, passes, 0.0, passes, torch.float64)
    order = torch.Generator().manual_seed(seed)
    rows = Rows(Cells(x), weights)
    return train(circuit, begin(circuit, sums, seed), rows, prior, options, order)


def test_training_raises_the_likelihood(kit, problem):
    circuit, x, weights, sums = problem
    before = weights @ kit.log_density(circuit, finish(circuit, begin(circuit, sums)), x)
    state, progress = run(problem)
    after = weights @ kit.log_density(circuit, finish(circuit, state), x)
    assert after > before + 1
    assert len(progress.log_likelihood) == 60


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
