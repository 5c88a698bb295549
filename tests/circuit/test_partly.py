"""Cells of codes that are known in part, against the sum over all codes that they may have."""

import itertools

import pytest
import torch

from skpc.circuit.components import Component, margins, mixture
from skpc.circuit.leaves import Bernoulli, Categorical, Gaussian, RareCategories
from skpc.circuit.passes import Cells, Circuit, Partly
from skpc.circuit.structures import RegionGraph
from skpc.circuit.training import column_sums, random_parameters

D, N = 5, 12
CODES = {0: 3, 1: 4, 3: 3}
SHARED = Categorical(3)
RARE = RareCategories([2], [2.0, 1.0, 9.0, 4.0])
# Columns 0 and 3 share a family, of which only one may be known in part.
FAMILIES = {
    "shared": [SHARED, Categorical(4), Bernoulli(), SHARED, Gaussian(1e-3)],
    "rare": [SHARED, RARE, Bernoulli(), SHARED, Gaussian(1e-3)],
}
GRAPHS = {
    "one region": RegionGraph([range(D)], []),
    "tree": RegionGraph(
        [range(D), (0, 1), (2, 3, 4), (0,), (1,), (2,), (3, 4)],
        [(0, (1, 2)), (1, (3, 4)), (2, (5, 6))],
    ),
    "two trees": RegionGraph(
        [range(D), (0, 1), (2, 3, 4), (0,), (1,), (2, 3), (4,), (0, 3), (1, 2, 4)],
        [(0, (1, 2)), (1, (3, 4)), (2, (5, 6)), (0, (7, 8))],
    ),
}


def make_circuit(families, graph, layer="cp", k=3, seed=0):
    circuit = Circuit(GRAPHS[graph], FAMILIES[families], layer, k, k, torch.device("cpu"))
    cells = known_rows(200, torch.Generator().manual_seed(1))
    sums = column_sums(circuit, [(cells, torch.ones(200, dtype=torch.float64))])
    generator = torch.Generator().manual_seed(seed)
    return circuit, random_parameters(circuit, sums, generator)


def known_rows(n, generator):
    values = torch.randn((n, D), generator=generator, dtype=torch.float64)
    for column, c in {**CODES, 2: 2}.items():
        values[:, column] = torch.randint(0, c, (n,), generator=generator).double()
    return Cells(values)


def partly_known(seed=0):
    """Rows in which columns 0 and 1 are known in part, known, or missing."""
    generator = torch.Generator().manual_seed(seed)
    values = known_rows(N, generator).values
    index = torch.full((N, 2), -1)
    index[::2, 0] = torch.randint(0, 2, (N // 2,), generator=generator)
    index[::3, 1] = torch.randint(0, 3, (N // 3,), generator=generator)
    values[:, :2].masked_fill_(index >= 0, torch.nan)
    values[1, 0] = values[2, 4] = torch.nan
    likelihoods = tuple(
        torch.rand((k, c), generator=generator, dtype=torch.float64) for k, c in ((2, 3), (3, 4))
    )
    likelihoods[0][0, 1] = likelihoods[1][1, :2] = 0.0
    return Cells(values, None, Partly((0, 1), index, likelihoods))


def spelled_out(cells):
    """For every pair of codes of columns 0 and 1 rows that have them, and their likelihood."""
    partly = cells.partly
    for codes in itertools.product(range(3), range(4)):
        values, weights = cells.values.clone(), torch.ones(N, dtype=torch.float64)
        for i, code in enumerate(codes):
            some = partly.index[:, i] >= 0
            values[some, i] = code
            likelihood = partly.likelihoods[i][partly.index[:, i].clamp_min(0), code]
            # Where there is no such evidence, one of the codes stands for all.
            weights *= torch.where(some, likelihood, float(code == 0))
        yield Cells(values), weights


@pytest.mark.parametrize("layer", ["cp", "tucker"])
@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("families", FAMILIES)
def test_the_density_sums_over_the_codes_that_are_possible(families, graph, layer):
    circuit, parameters = make_circuit(families, graph, layer)
    cells = partly_known()
    terms = [
        weights * circuit.log_density(parameters, rows, torch.float64).exp()
        for rows, weights in spelled_out(cells)
    ]
    found = circuit.log_density(parameters, cells, torch.float64)
    assert torch.allclose(found, torch.stack(terms).sum(dim=0).log(), rtol=1e-10)
    # Few rows go through torch, many through compiled passes where there are any.
    many = cells.rows(torch.arange(N).repeat(30))
    again = circuit.log_density(parameters, many, torch.float64)
    assert torch.allclose(again, found.repeat(30), rtol=1e-10)


@pytest.mark.parametrize("n", [1, 40])
@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("families", FAMILIES)
def test_expected_counts_are_those_of_the_codes_by_their_posterior(families, graph, n):
    circuit, parameters = make_circuit(families, graph)
    cells = partly_known()
    log_density = circuit.log_density(parameters, cells, torch.float64)
    repeated = torch.arange(N).repeat(n)
    found = circuit.expected(
        parameters, cells.rows(repeated), torch.ones(N * n, dtype=torch.float64), torch.float64
    )
    leaves = torch.zeros_like(found.leaves)
    sums = [torch.zeros_like(counts) for counts in found.sums]
    for rows, weights in spelled_out(cells):
        log_joint = circuit.log_density(parameters, rows, torch.float64)
        posterior = weights * torch.exp(log_joint - log_density)
        one = circuit.expected(parameters, rows, posterior, torch.float64)
        leaves += n * one.leaves
        sums = [a + n * b for a, b in zip(sums, one.sums, strict=True)]
    assert torch.allclose(found.leaves, leaves, rtol=1e-9, atol=1e-12)
    for counts, expected in zip(found.sums, sums, strict=True):
        assert torch.allclose(counts, expected, rtol=1e-9, atol=1e-12)


def test_codes_given_the_other_cells_of_a_row():
    one = Component(*make_circuit("shared", "two trees"), log_weight=-0.7)
    other = Component(*make_circuit("shared", "tree", seed=5), log_weight=-0.7)
    both, cells = [one, other], partly_known()
    found = margins.log_codes(both, cells, CODES)
    for column, c in CODES.items():
        joint = []
        for code in range(c):
            values, index = cells.values.clone(), cells.partly.index.clone()
            values[:, column] = code
            if column < 2:
                index[:, column] = -1
            rows = Cells(values, None, Partly((0, 1), index, cells.partly.likelihoods))
            joint.append(mixture.log_density(both, rows, torch.float64))
        expected = torch.log_softmax(torch.stack(joint, dim=1), dim=1)
        assert torch.allclose(found[column], expected, rtol=1e-9, atol=1e-12)


def test_draws_have_the_codes_that_are_possible_by_their_probabilities():
    one = Component(*make_circuit("shared", "two trees"))
    cells, n = partly_known().rows(slice(0, 1)), 20_000
    drawn = mixture.sample_conditional([one], cells, torch.Generator().manual_seed(0), n)
    assert not drawn.values.isnan().any()
    terms = torch.stack(
        [
            one.log_density(rows.rows(slice(0, 1)), torch.float64).exp() * weights[0]
            for rows, weights in spelled_out(partly_known())
        ]
    )[:, 0]
    shares = (terms / terms.sum()).view(3, 4)
    pair = drawn.values[:, 0] * 4 + drawn.values[:, 1]
    counts = torch.bincount(pair.long(), minlength=12).view(3, 4)
    assert (counts[shares == 0] == 0).all()
    error = (counts / n - shares).abs() / torch.sqrt(shares.clamp_min(1e-4) / n)
    assert error.max() < 4.5


def test_a_circuit_with_slots_serves_again():
    circuit, parameters = make_circuit("shared", "tree")
    first, _, _ = circuit.knowing(parameters, partly_known(0))
    second, _, _ = circuit.knowing(parameters, partly_known(0).rows(slice(3, 12)))
    assert first is second
    assert circuit.knowing(parameters, known_rows(3, torch.Generator()))[0] is circuit
