"""Rows far from the data: densities underflow, their logarithms and flows must not.

Where all units of a column are alike, any circuit is a product over columns: a closed
form that holds however far a row is.
"""

from math import log

import pytest
import torch
from scipy import stats

from skpc.circuit import RegionGraph
from skpc.circuit.leaves import Bernoulli
from skpc.circuit.passes import Cells, Circuit, Parameters


@pytest.fixture(scope="module", params=[torch.float32, torch.float64], ids=["single", "double"])
def far(kit, plain_case, request):
    """Graph, circuit, parameters, dtype, and rows with some columns 60 deviations away."""
    families = plain_case.families("gaussian")
    circuit = plain_case.circuit(families)
    x = kit.table(families, 24)
    _, prior = kit.start_em(circuit, x, torch.ones(24, dtype=torch.float64), 1.0)
    parameters = kit.numbers(circuit)
    mu = prior.leaves.expand_as(parameters.leaves).contiguous()
    leaves = circuit.inputs.from_expectation(mu, parameters.leaves)
    is_far = torch.rand(x.shape, generator=torch.Generator().manual_seed(0)) < 0.5
    # The first and the last rows have one half of the columns far, the other near.
    is_far[0], is_far[-1] = torch.arange(len(families)) >= 3, torch.arange(len(families)) < 3
    alike = Parameters(leaves, parameters.sums)
    return plain_case.graph, circuit, alike, request.param, torch.where(is_far, x + 60, x)


def passes(circuit, parameters, dtype, x):
    typed = parameters.to(dtype, circuit.leaf_dtype(dtype))
    return typed, circuit.forward(typed, circuit.gather(Cells(x), dtype), dtype)


def test_log_density_is_the_sum_over_columns(kit, far):
    _, circuit, parameters, dtype, x = far
    expected = torch.zeros(len(x), dtype=torch.float64)
    (fold,) = circuit.inputs.folds
    theta, _ = fold.unpack(parameters.leaves)
    mean, variance = (moment[:, 0] for moment in fold.family.moments(theta))
    for v in range(x.shape[1]):
        one = int(torch.nonzero(fold.columns[fold.group_of, 0] == v)[0])
        peer = stats.norm(mean[one, 0].item(), variance[one, 0].sqrt().item())
        expected += torch.from_numpy(peer.logpdf(x[:, v].numpy()))
    actual = kit.log_density(circuit, parameters, x, dtype)
    torch.testing.assert_close(
        actual, expected, atol=1e-4, rtol=1e-5 if dtype == torch.float32 else 1e-10
    )
    assert expected.min() < -1000


def test_flows_are_kept(far):
    graph, circuit, parameters, dtype, x = far
    typed, trace = passes(circuit, parameters, dtype, x)
    flow = circuit.flows(typed, trace, torch.ones(len(x), dtype=dtype))[0]
    reaching = flow.sum(dim=1)
    for v in range(graph.n_variables):
        mine = [i for i, r in enumerate(circuit.levels[0].regions) if v in graph.regions[r]]
        torch.testing.assert_close(
            reaching[mine].sum(dim=0), torch.ones(len(x), dtype=dtype), atol=1e-4, rtol=0
        )


def test_chosen_leaves_cover_every_column_once(far):
    graph, circuit, parameters, dtype, x = far
    typed, trace = passes(circuit, parameters, dtype, x)
    units = circuit.choose(typed, trace, len(x), torch.Generator().manual_seed(0))
    for v in range(graph.n_variables):
        mine = [i for i, r in enumerate(circuit.levels[0].regions) if v in graph.regions[r]]
        assert ((units[mine] >= 0).sum(dim=0) == 1).all()


def products_of(p):
    """Circuit and parameters of one product of Bernoulli columns a unit, p (d, 1, k)."""
    d, _, k = p.shape
    graph = RegionGraph([range(d), *((v,) for v in range(d))], [(0, range(1, d + 1))])
    circuit = Circuit(graph, [Bernoulli()] * d, "cp", k, k, torch.device("cpu"))
    assert circuit.n_direct == d
    (fold,) = circuit.inputs.folds
    leaves = torch.zeros(circuit.inputs.shape, dtype=torch.float64)
    theta = fold.family.natural(p)
    fold.pack(leaves, theta, -fold.family.log_partition(theta).unsqueeze(1))
    return circuit, Parameters(leaves, (torch.full((1, 1, k), 1 / k, dtype=torch.float64),))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["single", "double"])
def test_products_of_many_leaves_at_their_floors_do_not_underflow(kit, dtype):
    d, k = 60, 3
    # Each unit finds another third of the ones all but impossible.
    unlikely = torch.arange(d)[:, None, None] % k == torch.arange(k)
    p = torch.where(unlikely, 1e-12, 0.5).double()
    circuit, parameters = products_of(p)
    x = torch.ones((2, d), dtype=torch.float64)
    x[1] = torch.arange(d) % k != 0
    logs = torch.where(x[:, :, None] == 1, torch.log(p[:, 0]), torch.log1p(-p[:, 0]))
    expected = torch.logsumexp(logs.sum(dim=1), dim=1) - log(k)
    actual = kit.log_density(circuit, parameters, x, dtype)
    torch.testing.assert_close(actual.double(), expected, rtol=1e-6, atol=0)
    assert expected[0] < -500


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["single", "double"])
def test_rows_that_are_impossible_for_all_units_alike_do_not_underflow(kit, dtype):
    """Every factor is at its floor, so no unit keeps the maximum of a product up."""
    d = 60
    circuit, parameters = products_of(torch.full((d, 1, 3), 1e-12, dtype=torch.float64))
    actual = kit.log_density(circuit, parameters, torch.ones((1, d)).double(), dtype)
    assert actual.item() == pytest.approx(d * log(1e-12), rel=1e-6)
