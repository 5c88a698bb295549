"""Mixtures of whole circuits, against what their components and enumeration say.

Axes: P components, n rows, D columns, C states.
"""

from math import log

import numpy as np
import pytest
import torch

from skpc.circuit import random_binary_trees
from skpc.circuit.components import Component, choose_weights, mixture
from skpc.circuit.passes import Cells, product_mixture

CPU = torch.device("cpu")


def assert_near(a, b, tolerance=1e-9):
    torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance, equal_nan=True)


@pytest.fixture(scope="module", params=["codes", "mixed", "counts"])
def components(request, kit):
    """Families, three components of different shapes, and rows with missing cells."""
    families = kit.tables[request.param](5)
    graph = random_binary_trees(5, None, 2, np.random.RandomState(0))
    circuits = [
        kit.build(graph, families, "cp", 3, 3),
        kit.build(graph, families, "tucker", 2, 2),
        product_mixture(families, 7, CPU),
    ]
    made = [
        Component(circuit, kit.numbers(circuit, seed=i), log(share))
        for i, (circuit, share) in enumerate(zip(circuits, (0.5, 0.2, 0.3), strict=True))
    ]
    return families, made, kit.table(families, 12, missing=0.5)


def densities(kit, components, x):
    """Weight times density of every component, (P, n)."""
    return torch.stack(
        [
            torch.exp(
                component.log_weight + kit.log_density(component.circuit, component.parameters, x)
            )
            for component in components
        ]
    )


def test_densities_add_up(kit, components):
    _, made, x = components
    actual = mixture.log_density(made, Cells(x), torch.float64)
    assert_near(actual, torch.log(densities(kit, made, x).sum(dim=0)))


def test_one_component_is_the_circuit(kit, components):
    _, (first, *_), x = components
    alone = [Component(first.circuit, first.parameters)]
    expected = kit.log_density(first.circuit, first.parameters, x)
    assert_near(mixture.log_density(alone, Cells(x), torch.float64), expected)


def test_codes_are_the_likeliest_by_enumeration(kit, components):
    families, made, x = components
    n_codes = [f.n_categories if f.support == "codes" else 0 for f in families]
    actual = mixture.expectations(made, Cells(x), n_codes=n_codes).codes
    for v, n in enumerate(n_codes):
        if not n:
            assert actual[:, v].isnan().all()
            continue
        tried = []
        for code in range(n):
            rows = x.clone()
            rows[:, v] = torch.where(x[:, v].isnan(), float(code), x[:, v])
            tried.append(mixture.log_density(made, Cells(rows), torch.float64))
        best = torch.stack(tried).argmax(dim=0).double()
        missing = x[:, v].isnan()
        assert_near(actual[missing, v], best[missing])


def test_moments_are_those_of_the_draws(kit, components):
    _, made, x = components
    row = x[:1]
    mean, variance, _ = mixture.expectations(made, Cells(row))
    generator = torch.Generator().manual_seed(0)
    drawn = mixture.sample_conditional(made, Cells(row), generator, 40_000).values
    observed = ~row[0].isnan()
    assert torch.equal(drawn[:, observed], row[0, observed].expand(40_000, -1))
    known = ~mean[0].isnan()
    error = (drawn.mean(dim=0) - mean[0])[known]
    spread = torch.sqrt(variance[0, known] / 40_000)
    assert (error.abs() <= 5 * spread + 1e-12).all()
    ratio = drawn.var(dim=0)[known] / variance[0, known].clamp_min(1e-12)
    assert ((ratio - 1).abs() < 0.15)[variance[0, known] > 1e-9].all()


def test_an_observed_cell_is_its_own_mean(components):
    _, made, x = components
    mean, variance, _ = mixture.expectations(made, Cells(x))
    observed = ~x.isnan()
    assert torch.equal(mean[observed], x[observed])
    assert not variance[observed].any()


def test_draws_have_the_densities_of_their_states(kit):
    families = kit.tables["codes"](3)
    circuits = [product_mixture(families, n, CPU) for n in (2, 3)]
    made = [Component(c, kit.numbers(c, seed=n), log(0.5)) for n, c in enumerate(circuits)]
    states = kit.states(families)
    expected = densities(kit, made, states).sum(dim=0)
    assert expected.sum().item() == pytest.approx(1)
    n = 30_000
    drawn = mixture.sample(made, n, torch.Generator().manual_seed(1)).values
    actual = (drawn[:, None] == states).all(dim=2).double().mean(dim=0)
    assert ((actual - expected).abs() <= 5 * torch.sqrt(expected / n)).all()


def test_most_probable_states_are_those_of_the_likeliest_component(kit, components):
    _, made, x = components
    actual = mixture.most_probable(made, Cells(x)).values
    observed = ~x.isnan()
    assert torch.equal(actual[observed], x[observed])
    likeliest = densities(kit, made, x).argmax(dim=0)
    for row, state, i in zip(x, actual, likeliest.tolist(), strict=True):
        alone = [Component(made[i].circuit, made[i].parameters)]
        assert torch.equal(mixture.most_probable(alone, Cells(row[None])).values[0], state)


def test_answers_do_not_depend_on_the_blocks(components, monkeypatch):
    families, made, x = components
    cells, n_codes = Cells(x), [f.n_categories if f.support == "codes" else 0 for f in families]
    whole = mixture.expectations(made, cells, n_codes=n_codes)
    modes = mixture.most_probable(made, cells).values
    for i, component in enumerate(made):
        monkeypatch.setattr(component.circuit, "block_rows", 5 + i)
        monkeypatch.setattr(component.circuit, "draw_rows", 2)
    for actual, expected in zip(
        mixture.expectations(made, cells, n_codes=n_codes), whole, strict=True
    ):
        assert_near(actual, expected)
    assert_near(mixture.most_probable(made, cells).values, modes)


def test_draws_of_a_row_are_adjacent(components):
    _, made, x = components
    drawn = mixture.sample_conditional(made, Cells(x), torch.Generator().manual_seed(0), 3).values
    assert drawn.shape == (36, 5)
    assert torch.isfinite(drawn).all()
    repeated = x.repeat_interleave(3, dim=0)
    observed = ~repeated.isnan()
    assert torch.equal(drawn[observed], repeated[observed])


def test_no_rows_have_no_answers(components):
    _, made, x = components
    cells = Cells(x[:0])
    assert mixture.expectations(made, cells).mean.shape == (0, 5)
    assert len(mixture.sample_conditional(made, cells, torch.Generator(), 2)) == 0


def test_no_other_weights_are_likelier():
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn((3, 500), generator=generator, dtype=torch.float64)
    rows = torch.rand(500, generator=generator, dtype=torch.float64)

    def objective(weights):
        return rows @ torch.logsumexp(scores + weights.log()[:, None], 0) + weights.log().sum()

    actual = choose_weights(scores, rows)
    assert actual.sum().item() == pytest.approx(1)
    for _ in range(100):
        moved = actual * torch.exp(0.1 * torch.randn(3, generator=generator, dtype=torch.float64))
        assert objective(moved / moved.sum()) <= objective(actual) + 1e-9
