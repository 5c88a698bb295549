"""Continuous mixtures: gradients against automatic differentiation, and what training does.

Axes: B rows, N points, M free numbers of a unit.
"""

import pytest
import torch

from skpc.circuit.components import latent_mixture as continuous
from skpc.circuit.training import loop as training
from skpc.circuit.training.initial import make_prior, marginals
from skpc.circuit.training.rows import Rows
from skpc.circuit.training.statistics import collect

CPU = torch.device("cpu")
N = 6


def assert_near(a, b, tolerance=1e-9):
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


@pytest.fixture(scope="module")
def problem(kit, any_table):
    """Circuit, rows with missing cells, their marginals."""
    families = kit.tables[any_table](5)
    circuit = continuous.flat_circuit(families, N, CPU)
    x = kit.table(families, 40, missing=0.2)
    weights = torch.linspace(0.5, 2, len(x), dtype=torch.float64)
    return circuit, x, weights, marginals(circuit, [(x, weights)])


def begin(circuit, sums, seed=0):
    return continuous.start(circuit, sums, torch.Generator().manual_seed(seed), 1e-2)


def test_gradients_by_the_free_numbers_are_those_of_automatic_differentiation(kit, problem):
    circuit, x, weights, sums = problem
    state = begin(circuit, sums)
    layers, (points, logits) = state.network.free, state.points.free
    outputs = continuous._outputs(layers, points, None).double().requires_grad_()
    parameters = continuous._parameters(circuit, outputs, logits)
    (weights @ kit.log_density(circuit, parameters, x)).backward()
    found = collect(circuit, continuous._parameters(circuit, outputs.detach(), logits), x, weights)
    gradient = continuous._free_gradient(circuit, outputs.detach(), found.leaves)
    assert_near(gradient.double(), outputs.grad, 1e-4)


def test_units_start_around_the_columns(kit, problem):
    circuit, _, _, sums = problem
    state = begin(circuit, sums)
    outputs = continuous._outputs(state.network.free, state.points.free[0], None)
    assert_near(outputs.mean(dim=0), state.centre, 1e-4)
    parameters = continuous.finish(circuit, state)
    assert torch.isfinite(parameters.leaves).all()
    assert_near(parameters.sums[0].sum(), torch.ones((), dtype=torch.float64))
    assert_near(parameters.sums[0], torch.full((1, 1, N), 1 / N, dtype=torch.float64))


def run(problem, passes=60, seed=0, batch_size=40):
    circuit, x, weights, sums = problem
    prior = make_prior(circuit, sums, 0.0)
    options = training.Options("decoder", 1e-2, batch_size, passes, 0.0, passes, torch.float64)
    order = torch.Generator().manual_seed(seed)
    rows = Rows(x, weights)
    return training.train(circuit, begin(circuit, sums, seed), rows, prior, options, order)


def test_training_raises_the_likelihood(kit, problem):
    circuit, x, weights, sums = problem
    before = weights @ kit.log_density(circuit, continuous.finish(circuit, begin(circuit, sums)), x)
    state, progress = run(problem)
    after = weights @ kit.log_density(circuit, continuous.finish(circuit, state), x)
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
    first, again, other = (continuous.finish(circuit, run(problem, 5, s)[0]) for s in (0, 0, 1))
    assert torch.equal(first.leaves, again.leaves)
    assert not torch.equal(first.leaves, other.leaves)


def test_global_randomness_is_not_touched(problem):
    before = torch.get_rng_state()
    run(problem, 3)
    assert torch.equal(torch.get_rng_state(), before)
