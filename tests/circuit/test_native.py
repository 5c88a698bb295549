"""The compiled passes against those of torch: single steps and whole trainings.

Axes: B rows, D columns, K units.
"""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skpc import EinetDensityEstimator
from skpc.circuit import RegionGraph, native
from skpc.circuit.leaves import Bernoulli, Categorical, Gaussian, Numeric
from skpc.circuit.native import library, program
from skpc.circuit.passes import Cells
from skpc.circuit.training import collect

pytestmark = pytest.mark.skipif(
    not native.available(), reason="no compiler built the passes, or SKPC_NATIVE is 0"
)

# Rounding: 24 and 53 digits, over products of tens of factors.
ERRORS = {torch.float32: 2e-5, torch.float64: 1e-12}
DTYPES = pytest.mark.parametrize("dtype", list(ERRORS), ids=["single", "double"])


def both(circuit, work):
    """Answers by the compiled passes and by torch."""
    compiled = circuit.program
    assert compiled is not None
    found = work()
    circuit.program = None
    try:
        return found, work()
    finally:
        circuit.program = compiled


def assert_close(a, b, error):
    a, b = a.double(), b.double()
    assert a.shape == b.shape
    scale = max(1e-30, float(b.abs().max())) if b.numel() else 1.0
    assert float((a - b).abs().max() if b.numel() else 0.0) <= error * scale


def assert_same_steps(circuit, parameters, x, dtype, exponent=1.0):
    """One E-step and the log densities, of rows of uneven weights."""
    weights = torch.linspace(0, 3, len(x), dtype=torch.float64)
    typed = parameters.to(dtype, circuit.leaf_dtype(dtype))
    a, b = both(circuit, lambda: collect(circuit, typed, Cells(x), weights, exponent))
    error = ERRORS[dtype]
    for mine, other in zip((a.leaves, *a.sums), (b.leaves, *b.sums), strict=True):
        assert_close(mine, other, error)
    assert_close(a.log_likelihood[None], b.log_likelihood[None], error)
    assert_close(a.objective[None], b.objective[None], error)
    a, b = both(circuit, lambda: circuit.log_density(typed, Cells(x), dtype))
    assert a.dtype == b.dtype
    assert_close(a, b, error)


@DTYPES
@pytest.mark.parametrize("exponent", [1.0, 0.4])
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_every_structure_and_table(kit, plain_case, any_table, dtype, exponent, missing):
    families = plain_case.families(any_table)
    circuit = plain_case.circuit(families)
    whole = plain_case.layer == "cp" and all(
        len(partitions) < 2 or region == plain_case.graph.root
        for region, partitions in enumerate(plain_case.graph.partitions_of)
    )
    assert (circuit.program is not None) == (whole and bool(plain_case.graph.partitions))
    if circuit.program is not None:
        x = kit.table(families, 67, missing=missing)
        assert_same_steps(circuit, kit.numbers(circuit), x, dtype, exponent)


@DTYPES
@pytest.mark.parametrize(("n_sums", "n_leaves"), [(1, 1), (16, 16), (17, 17), (33, 5), (3, 40)])
def test_every_number_of_units(kit, dtype, n_sums, n_leaves):
    families = [Bernoulli(), Categorical(5), Numeric(2, 1e-3), Gaussian(1e-3), Categorical(70)]
    graph = RegionGraph(
        [range(5), (0, 1, 2), (3, 4), (0,), (1, 2), (1,), (2,), (3,), (4,)],
        [(0, (1, 2)), (1, (3, 4)), (4, (5, 6)), (2, (7, 8))],
    )
    circuit = kit.build(graph, families, "cp", n_sums, n_leaves)
    x = kit.table(families, 100, missing=0.2)
    assert_same_steps(circuit, kit.numbers(circuit), x, dtype)


@given(st.integers(0, 10**6), st.integers(2, 9), st.integers(16, 90), st.floats(0, 1))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_any_graph(kit, seed, d, n_rows, missing):
    graph = kit.random_graph(seed, d)
    random = np.random.RandomState(seed)
    kinds = [Bernoulli(), Categorical(4), Gaussian(1e-3), Numeric(2, 1e-3)]
    families = [kinds[i] for i in random.randint(0, 4, d)]
    circuit = kit.build(graph, families, "cp", *random.randint(1, 20, 2).tolist())
    if circuit.program is not None:
        x = kit.table(families, n_rows, missing=missing)
        assert_same_steps(circuit, kit.numbers(circuit), x, torch.float64)


@pytest.mark.parametrize("most", [1, 8, 24, 1000])
def test_size_of_blocks_changes_nothing_but_rounding(kit, monkeypatch, most):
    families = [Bernoulli(), Gaussian(1e-3), Categorical(3)]
    circuit = kit.build(kit.star(3, 2), families, "cp", 4, 4)
    parameters, x = kit.numbers(circuit), kit.table(families, 53, missing=0.1)
    monkeypatch.setattr(program, "MOST_ROWS", most)
    assert_same_steps(circuit, parameters, x, torch.float64)


@DTYPES
def test_many_factors_at_their_floors_do_not_underflow(kit, dtype):
    d, k = 200, 3
    circuit = kit.build(kit.star(d), [Bernoulli()] * d, "cp", k, k)
    (fold,) = circuit.inputs.folds
    unlikely = torch.arange(d)[:, None, None] % k == torch.arange(k)
    p = torch.where(unlikely, 1e-12, 0.5).double()
    theta = fold.family.natural(p)
    parameters = kit.numbers(circuit)
    fold.pack(parameters.leaves, theta, -fold.family.log_partition(theta).unsqueeze(1))
    x = torch.ones((20, d), dtype=torch.float64)
    x[1::2] = (torch.arange(d) % k != 0).double()
    assert float(circuit.log_density(parameters, Cells(x), torch.float64).min()) < -1000
    assert_same_steps(circuit, parameters, x, dtype)


@DTYPES
def test_rows_far_from_all_units(kit, dtype):
    families = [Gaussian(1e-3), Gaussian(1e-3), Bernoulli()]
    circuit = kit.build(kit.star(3, 2), families, "cp", 3, 3)
    x = kit.table(families, 40)
    x[::3, :2] *= 1e4
    assert_same_steps(circuit, kit.numbers(circuit), x, dtype)


def test_rows_without_any_evidence_have_density_one(kit):
    circuit = kit.build(kit.star(4, 3), [Categorical(3)] * 4, "cp", 2, 2)
    x = torch.full((30, 4), torch.nan, dtype=torch.float64)
    logs = circuit.log_density(kit.numbers(circuit), Cells(x), torch.float64)
    torch.testing.assert_close(logs, torch.zeros_like(logs), atol=1e-12, rtol=0)


@pytest.mark.parametrize("solver", ["em", "adam"])
@pytest.mark.parametrize("structure", ["chow_liu", "random_trees"])
def test_whole_trainings_agree(monkeypatch, solver, structure):
    """A fault that single steps do not show, such as a floor of variance, grows over a training."""
    random = np.random.RandomState(0)
    z = random.randint(0, 3, 900)
    X = np.column_stack(
        [z, random.normal(3 * z, 1), np.where(z == 1, 0.0, random.normal(size=900)).round(1), z > 1]
    ).astype(float)
    X[random.uniform(size=X.shape) < 0.1] = np.nan

    def fit():
        model = EinetDensityEstimator(
            structure, components="trees", solver=solver, max_iter=8, batch_size=128,
            categorical_features=[0, 3], dtype="float64", random_state=0,
        )  # fmt: skip
        return model.fit(X).score_samples(X)

    compiled = fit()
    monkeypatch.setenv("SKPC_NATIVE", "0")
    np.testing.assert_allclose(compiled, fit(), rtol=1e-6, atol=1e-6)


def test_they_can_be_switched_off(kit, monkeypatch):
    monkeypatch.setenv("SKPC_NATIVE", "0")
    assert not native.available()
    assert kit.build(kit.star(3), [Bernoulli()] * 3, "cp", 2, 2).program is None


@pytest.mark.parametrize("word", ["0", "false", "OFF", "no", ""])
def test_they_can_be_switched_off_by_any_word_for_it(monkeypatch, word):
    monkeypatch.setenv("SKPC_NATIVE", word)
    assert not native.available()
    assert native.state().startswith("torch (SKPC_NATIVE=")


@pytest.mark.parametrize(
    ("n_sums", "n_leaves", "pays"),
    [
        (12, 12, True),
        (3, 12, True),
        (64, 64, True),
        (65, 65, False),
        (3, 60, False),
        (60, 3, False),
    ],
)
def test_they_run_where_they_pay(kit, n_sums, n_leaves, pays):
    graph = RegionGraph([range(4), (0, 1), (2, 3), (0,), (1,)], [(0, (1, 2)), (1, (3, 4))])
    circuit = kit.build(graph, [Bernoulli()] * 4, "cp", n_sums, n_leaves)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        assert circuit.program.pays(100) == pays
        # Of 300 rows there are two segments.
        torch.set_num_threads(2)
        assert circuit.program.pays(300) == pays
        torch.set_num_threads(64)
        assert not circuit.program.pays(300)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("contents", ["nothing", "other sources", "no library"])
def test_a_library_of_other_sources_is_not_used(monkeypatch, tmp_path, contents):
    """Such as one that stands in a folder whose sources were pulled anew."""
    folder = Path(library.__file__).parent
    for name in library.SOURCES:
        shutil.copy(folder / name, tmp_path)
    if contents == "other sources":
        shutil.copy(folder / library.NAME, tmp_path)
        (tmp_path / "passes.h").write_text("/* changed */")
    elif contents == "no library":
        (tmp_path / library.NAME).write_bytes(b"no library")
    monkeypatch.setattr(library, "__file__", str(tmp_path / "library.py"))
    library.library.cache_clear()
    try:
        assert library.library() is None
        assert library.state().startswith("torch (")
    finally:
        monkeypatch.undo()
        library.library.cache_clear()
    assert native.available()


def one_column(first=0, n_cells=1, copy=0):
    """Leaves of one direct region of zeros and ones, and of one that is read from outside."""
    group = native.Group(row=first, copies=1, kind="binary", values=1, direct=True)
    return native.LeafPlan(
        shape=(4, 2), n_table_rows=2, n_cells=n_cells, direct=[native.Entry(0, group, copy)],
        places=native.Places([0], [0], [1]), groups=[group], entries=[[]], columns=[], updates=[],
    )  # fmt: skip


def one_product(child=-1, factors=(-1, 0)):
    """A product of a direct leaf region and of an edge."""
    built = native.Builder(n_direct=1, units=2, leaf_units=2)
    built.add_products(1, [factors])
    built.add_root(1, 1)
    built.child[0] = child
    built.layers.append(slice(0, 1))
    built.at_leaves.append(True)
    return built


def test_a_program_takes_nodes_and_leaves_that_are_there():
    native.Program(one_product(), one_column())


@pytest.mark.parametrize("nodes", [{"child": 0}, {"child": -2}, {"factors": (-2, 0)}])
def test_a_program_refuses_nodes_that_are_not_below(nodes):
    with pytest.raises(ValueError, match="not below"):
        native.Program(one_product(**nodes), one_column())


@pytest.mark.parametrize("leaves", [{"first": 1}, {"first": -1}, {"n_cells": 0}, {"copy": 1}])
def test_a_program_refuses_leaves_that_are_not_there(leaves):
    with pytest.raises(ValueError, match="not there"):
        native.Program(one_product(), one_column(**leaves))
