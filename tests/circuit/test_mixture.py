"""Mixtures of whole circuits, against what their parts and enumeration say.

Axes: P parts, n rows, D columns, C states.
"""

from math import log

import numpy as np
import pytest
import torch

from skpc.circuit import random_binary_trees
from skpc.circuit.components import mixture
from skpc.circuit.components.latent_mixture import flat_circuit
from skpc.circuit.components.mixture import Part, choose_weights

CPU = torch.device("cpu")


def assert_near(a, b, tolerance=1e-9):
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance, equal_nan=True)


@pytest.fixture(scope="module", params=["codes", "mixed", "counts"])
def parts(request, kit):
    """Families, three parts of different shapes, and rows with missing cells."""
    families = kit.tables[request.param](5)
    graph = random_binary_trees(5, None, 2, np.random.RandomState(0))
    circuits = [
        kit.build(graph, families, "cp", 3, 3),
        kit.build(graph, families, "tucker", 2, 2),
        flat_circuit(families, 7, CPU),
    ]
    made = [
        Part(circuit, kit.numbers(circuit, seed=i), log(share))
        for i, (circuit, share) in enumerate(zip(circuits, (0.5, 0.2, 0.3), strict=True))
    ]
    return families, made, kit.table(families, 12, missing=0.5)


def densities(kit, parts, x):
    """Weight times density of every part, (P, n)."""
    return torch.stack(
        [
            torch.exp(part.log_weight + kit.log_density(part.circuit, part.parameters, x))
            for part in parts
        ]
    )


def test_densities_add_up(kit, parts):
    _, made, x = parts
    found = mixture.log_density(made, x, torch.float64)
    assert_near(found, torch.log(densities(kit, made, x).sum(dim=0)))


def test_one_part_is_the_circuit(kit, parts):
    _, (first, *_), x = parts
    alone = [Part(first.circuit, first.parameters)]
    wanted = kit.log_density(first.circuit, first.parameters, x)
    assert_near(mixture.log_density(alone, x, torch.float64), wanted)


def test_codes_are_the_likeliest_by_enumeration(kit, parts):
    families, made, x = parts
    n_codes = [f.n_categories if f.support == "codes" else 0 for f in families]
    found = mixture.likeliest_codes(made, x, n_codes)
    for v, n in enumerate(n_codes):
        if not n:
            assert found[:, v].isnan().all()
            continue
        tried = []
        for code in range(n):
            rows = x.clone()
            rows[:, v] = torch.where(x[:, v].isnan(), float(code), x[:, v])
            tried.append(mixture.log_density(made, rows, torch.float64))
        best = torch.stack(tried).argmax(dim=0).double()
        missing = x[:, v].isnan()
        assert_near(found[missing, v], best[missing])


def test_moments_are_those_of_the_draws(kit, parts):
    _, made, x = parts
    row = x[:1]
    mean, variance = mixture.moments(made, row)
    generator = torch.Generator().manual_seed(0)
    drawn = mixture.sample_conditional(made, row.expand(40_000, -1), generator)
    seen = ~row[0].isnan()
    assert torch.equal(drawn[:, seen], row[0, seen].expand(40_000, -1))
    known = ~mean[0].isnan()
    error = (drawn.mean(dim=0) - mean[0])[known]
    spread = torch.sqrt(variance[0, known] / 40_000)
    assert (error.abs() <= 5 * spread + 1e-12).all()
    ratio = drawn.var(dim=0)[known] / variance[0, known].clamp_min(1e-12)
    assert ((ratio - 1).abs() < 0.15)[variance[0, known] > 1e-9].all()


def test_an_observed_cell_is_its_own_mean(parts):
    _, made, x = parts
    mean, variance = mixture.moments(made, x)
    seen = ~x.isnan()
    assert torch.equal(mean[seen], x[seen])
    assert not variance[seen].any()


def test_draws_have_the_densities_of_their_states(kit):
    families = kit.tables["codes"](3)
    circuits = [flat_circuit(families, n, CPU) for n in (2, 3)]
    made = [Part(c, kit.numbers(c, seed=n), log(0.5)) for n, c in enumerate(circuits)]
    states = kit.states(families)
    wanted = densities(kit, made, states).sum(dim=0)
    assert wanted.sum().item() == pytest.approx(1)
    n = 30_000
    drawn = mixture.sample(made, n, torch.Generator().manual_seed(1))
    found = (drawn[:, None] == states).all(dim=2).double().mean(dim=0)
    assert ((found - wanted).abs() <= 5 * torch.sqrt(wanted / n)).all()


def test_most_probable_states_are_those_of_the_likeliest_part(kit, parts):
    _, made, x = parts
    found = mixture.most_probable(made, x)
    seen = ~x.isnan()
    assert torch.equal(found[seen], x[seen])
    likeliest = densities(kit, made, x).argmax(dim=0)
    for row, state, i in zip(x, found, likeliest.tolist(), strict=True):
        alone = [Part(made[i].circuit, made[i].parameters)]
        assert torch.equal(mixture.most_probable(alone, row[None])[0], state)


def test_no_other_weights_are_likelier():
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn((3, 500), generator=generator, dtype=torch.float64)
    rows = torch.rand(500, generator=generator, dtype=torch.float64)

    def objective(weights):
        return rows @ torch.logsumexp(scores + weights.log()[:, None], 0) + weights.log().sum()

    found = choose_weights(scores, rows)
    assert found.sum().item() == pytest.approx(1)
    for _ in range(100):
        moved = found * torch.exp(0.1 * torch.randn(3, generator=generator, dtype=torch.float64))
        assert objective(moved / moved.sum()) <= objective(found) + 1e-9
