"""Weights count rows; order, repeats and types of rows and columns mean what they should."""

import numpy as np
import pytest
from helpers.cases import EXPLICIT, TABLES, Case, exact, masked
from numpy.testing import assert_allclose, assert_array_equal

from skpc.circuit import RegionGraph

EXACT = {"batch_size": None, "dtype": "float64"}


def table_of(case, n=60):
    """Rows with holes, and weights 0 to 3."""
    return masked(case.rows(n), 0.1), np.random.RandomState(1).randint(0, 4, size=n)


def test_same_seed_same_fit(case):
    X = case.rows(60)
    first, second = (case.model(batch_size=16).fit(X) for _ in range(2))
    assert_array_equal(first.score_samples(X), second.score_samples(X))
    other = case.model(batch_size=16, random_state=1).fit(X)
    if case.structure != "independent" or case.table == "gaussian":
        assert (other.score_samples(X) != first.score_samples(X)).any()


def test_integer_weights_equal_repeated_rows(case):
    X, weights = table_of(case)
    weighted = case.model(**EXACT).fit(X, sample_weight=weights)
    repeated = case.model(**EXACT).fit(np.repeat(X, weights, axis=0))
    assert_allclose(weighted.score_samples(X), repeated.score_samples(X), rtol=0, atol=1e-9)


def test_zero_weights_equal_removed_rows(case):
    X, weights = table_of(case)
    weighted = case.model().fit(X, sample_weight=weights > 0)
    removed = case.model().fit(X[weights > 0])
    assert_array_equal(weighted.score_samples(X), removed.score_samples(X))


def test_unit_weights_equal_none(case):
    X, _ = table_of(case)
    weighted = case.model(batch_size=16).fit(X, sample_weight=np.ones(len(X)))
    assert_array_equal(weighted.score_samples(X), case.model(batch_size=16).fit(X).score_samples(X))


@pytest.mark.parametrize("factor", [1e-3, 7.0, 1e6])
def test_weights_scaled_by_a_constant(case, factor):
    X, weights = table_of(case)
    # Whole weights count rows, in whatever unit.
    weights = weights + np.pi / 6
    X[:4] = case.rows(4)
    plain = case.model(**EXACT, smoothing=0.0).fit(X, sample_weight=weights)
    scaled = case.model(**EXACT, smoothing=0.0).fit(X, sample_weight=factor * weights)
    full = X[~np.isnan(X).any(axis=1)]
    difference = scaled.score_samples(full) - plain.score_samples(full)
    # The share of values never seen is one row's, so known ones have a little less.
    closed = {"categorical", "bernoulli"} & set(plain.leaf_families_)
    offset = difference.mean() if closed else 0.0
    assert_allclose(difference, offset, rtol=0, atol=1e-7)


@pytest.mark.parametrize("factor", [0.1, 1 / 200, 1e-40])
@pytest.mark.parametrize("table", TABLES)
def test_weights_that_add_up_to_little_do_not_make_rows_fewer(table, factor):
    case = Case("deep_trees", "cp", table)
    X = case.rows(200)
    plain = case.model(**EXACT, smoothing=1.0).fit(X)
    scaled = case.model(**EXACT, smoothing=1.0).fit(X, sample_weight=np.full(200, factor))
    assert_allclose(scaled.score_samples(X), plain.score_samples(X), rtol=1e-6, atol=1e-6)


def test_weights_beyond_float32_are_weights():
    case = Case("deep_trees", "cp", "gaussian")
    X = case.rows(100)
    plain = case.model(smoothing=0.0, batch_size=None).fit(X)
    heavy = case.model(smoothing=0.0, batch_size=None).fit(X, sample_weight=np.full(100, 1e39))
    assert_allclose(heavy.score_samples(X), plain.score_samples(X), rtol=1e-3)


@pytest.mark.parametrize("layer", ["cp", "tucker"])
@pytest.mark.parametrize("table", ["bernoulli", "gaussian"])
def test_permuted_columns_with_a_permuted_graph(layer, table):
    X = Case("explicit", layer, table).rows(100)
    tree = RegionGraph(EXPLICIT.regions[:7], [p for p in EXPLICIT.partitions if p[1] != (7, 8)])
    order = np.array([2, 0, 3, 1])
    place = np.argsort(order)
    regions = [[place[v] for v in scope] for scope in tree.regions]
    moved = RegionGraph(regions, tree.partitions)
    plain = exact(structure=tree, layer=layer).fit(X)
    permuted = exact(structure=moved, layer=layer).fit(X[:, order])
    assert_allclose(permuted.score_samples(X[:, order]), plain.score_samples(X), rtol=0, atol=1e-9)


def test_order_of_rows_does_not_matter_to_full_batches(case):
    X, weights = table_of(case)
    order = np.random.RandomState(2).permutation(len(X))
    plain = case.model(**EXACT).fit(X, sample_weight=weights)
    moved = case.model(**EXACT).fit(X[order], sample_weight=weights[order])
    assert_allclose(moved.score_samples(X), plain.score_samples(X), rtol=0, atol=1e-8)


def test_scores_have_the_type_of_the_table(case):
    model, X = case.fitted(), case.rows(50, seed=1).astype(np.float32)
    single, double = model.score_samples(X), model.score_samples(X.astype(np.float64))
    assert single.dtype == np.float32
    assert double.dtype == np.float64
    assert_allclose(single, double, rtol=2e-4, atol=2e-4)
    assert model.sample(3, random_state=0).dtype == np.float64


def test_training_in_float32_is_close_to_float64(case):
    X = case.rows(300)
    double = case.model(dtype="float64").fit(X)
    assert_allclose(case.fitted().score(X), double.score(X), atol=0.01)
    assert_allclose(case.fitted().score_samples(X), double.score_samples(X), atol=0.1)


@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.uint8, bool])
def test_draws_have_the_type_of_the_training_array(dtype):
    X = Case("deep_trees", "cp", "bernoulli").rows(60).astype(dtype)
    model = exact().fit(X)
    draws = model.sample(20, random_state=0)
    assert draws.dtype == dtype
    assert set(np.unique(draws).tolist()) == {0, 1}
