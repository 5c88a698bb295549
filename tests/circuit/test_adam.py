"""Gradient ascent from statistics: the gradient is autograd's, the step is RAdam's."""

from itertools import pairwise

import pytest
import torch

from skpc.circuit.passes import Cells, Parameters
from skpc.circuit.training import Adam, collect
from skpc.circuit.training.adam import BETA_1, BETA_2, EPSILON, moved

start, update = Adam().begin, Adam().update


def assert_near(a, b, tolerance=1e-9):
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


def from_free(circuit, free):
    """Parameters as a differentiable function of the free ones."""
    leaves = torch.zeros_like(free[0])
    for fold in circuit.inputs.folds:
        theta = fold.family.from_free(fold.unpack(free[0])[0])
        fold.pack(leaves, theta, -fold.family.log_partition(theta).unsqueeze(1))
    sums = []
    for layer, logits in zip(circuit.weighted, free[1:], strict=True):
        present = torch.ones_like(logits) if layer.mask is None else layer.mask.to(logits)
        weights = torch.exp(logits) * present
        sums.append(weights / weights.sum(dim=2, keepdim=True))
    return Parameters(leaves, tuple(sums))


def gradients(state):
    """Gradient of the first update, read from the running mean that it leaves."""
    return [first / (1 - BETA_1) for first in state.momentum.first]


def test_the_gradient_equals_autograd(kit, plain_case, any_table):
    families = plain_case.families(any_table)
    circuit = plain_case.circuit(families)
    x = kit.table(families, 12, missing=0.2)
    weights, evidence = torch.linspace(0.2, 2, 12).double(), 50.0
    total = float(weights.sum())
    _, prior = kit.start_em(circuit, x, weights, smoothing=2.0)
    # Away from the floors of probabilities, where from_free bends.
    parameters = kit.numbers(circuit, seed=3)
    state = start(circuit, parameters)
    actual = collect(circuit, parameters, Cells(x), weights).per_row(total)
    state_after = update(circuit, state, actual, prior, 0.1, evidence)

    free = [f.clone().requires_grad_() for f in state.momentum.free]
    moving = from_free(circuit, free)
    density = kit.naive(plain_case.graph, circuit, families, moving, x)
    objective = (weights * density.log()).sum() / total
    objective = objective + prior.log_density(circuit, moving) / evidence
    expected = torch.autograd.grad(objective, free)
    for one, other in zip(gradients(state_after), expected, strict=True):
        assert_near(one, other)


def test_starting_changes_no_parameter(kit, plain_case):
    families = plain_case.families("mixed")
    circuit = plain_case.circuit(families)
    parameters = kit.numbers(circuit)
    again = from_free(circuit, start(circuit, parameters).momentum.free)
    assert_near(again.leaves, parameters.leaves)
    for a, b in zip(again.sums, parameters.sums, strict=True):
        assert_near(a, b)


@pytest.mark.parametrize("smoothing", [0.0, 0.5])
def test_small_steps_raise_the_objective(kit, plain_case, smoothing):
    families = plain_case.families("mixed")
    circuit = plain_case.circuit(families)
    x = kit.table(families, 20, missing=0.2)
    weights = torch.ones(20, dtype=torch.float64)
    parameters, prior = kit.start_em(circuit, x, weights, smoothing)
    state, path = start(circuit, parameters), []
    for _ in range(50):
        actual = collect(circuit, state.parameters, Cells(x), weights)
        path.append((actual.log_likelihood + prior.log_density(circuit, state.parameters)).item())
        state = update(circuit, state, actual.per_row(20.0), prior, 0.003, 20.0)
    rises = [after > before for before, after in pairwise(path)]
    assert all(rises)
    assert state.momentum.step == 50


def test_absent_logits_stay_out(kit, plain_case):
    families = plain_case.families("codes")
    circuit = plain_case.circuit(families)
    x, weights = kit.table(families, 20), torch.ones(20, dtype=torch.float64)
    parameters, prior = kit.start_em(circuit, x, weights, 0.5)
    state = start(circuit, parameters)
    for _ in range(10):
        actual = collect(circuit, state.parameters, Cells(x), weights).per_row(20.0)
        state = update(circuit, state, actual, prior, 0.3, 20.0)
    for layer, w in zip(circuit.weighted, state.parameters.sums, strict=True):
        assert_near(w.sum(dim=2), torch.ones_like(w[:, :, 0]))
        if layer.mask is not None:
            assert (w[~layer.mask.expand_as(w)] == 0).all()
            assert (w[layer.mask.expand_as(w)] > 0).all()


def test_parameters_stay_allowed_after_huge_steps(kit, any_table):
    families = kit.tables[any_table](4)
    circuit = kit.build(kit.random_graph(1, 4), families)
    x, weights = kit.table(families, 20), torch.ones(20, dtype=torch.float64)
    parameters, prior = kit.start_em(circuit, x, weights, 0.1)
    state = start(circuit, parameters)
    for _ in range(20):
        actual = collect(circuit, state.parameters, Cells(x), weights).per_row(20.0)
        state = update(circuit, state, actual, prior, 3.0, 20.0)
    assert torch.isfinite(state.parameters.leaves).all()
    assert torch.isfinite(kit.log_density(circuit, state.parameters, x)).all()


def test_the_step_is_that_of_radam():
    # Small enough for the bound on the first steps.
    gradient_of = 0.2 * torch.randn((20, 3, 4), generator=torch.Generator().manual_seed(0)).double()
    theirs = torch.nn.Parameter(torch.zeros((3, 4), dtype=torch.float64))
    peer = torch.optim.RAdam([theirs], lr=0.1, betas=(BETA_1, BETA_2), eps=EPSILON)
    first, second = torch.zeros(3, 4).double(), torch.zeros(3, 4).double()
    position = torch.zeros(3, 4).double()
    for step, gradient in enumerate(gradient_of, start=1):
        theirs.grad = -gradient
        peer.step()
        first = BETA_1 * first + (1 - BETA_1) * gradient
        second = BETA_2 * second + (1 - BETA_2) * gradient**2
        position = moved(position, first, second, step, 0.1)
        # The peer adds epsilon before it corrects the second moment's bias, we after.
        assert_near(position, theirs.detach(), 1e-6)


def test_first_steps_are_bounded():
    gradient = torch.tensor([1e9, -1e9, 0.5]).double()
    for step in range(1, 5):
        mean = (1 - BETA_1**step) * gradient
        actual = moved(torch.zeros(3).double(), mean, mean, step, 1.0)
        assert_near(actual, torch.tensor([1.0, -1.0, 0.5]).double())
