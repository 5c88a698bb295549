"""Learned trees against brute force: mutual information, spanning trees, region graphs."""

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skpc.circuit.structures import chow_liu_tree
from skpc.circuit.structures.chow_liu import hidden_tree_regions, maximum_tree
from skpc.circuit.structures.mutual_information import bin_columns, mutual_information


def information_of_pair(a, b, weights):
    """Sum over cells of p log(p / (p_a p_b)) over the rows that show both."""
    both = (a >= 0) & (b >= 0)
    a, b, w = a[both], b[both], weights[both]
    if not w.sum():
        return 0.0
    total = 0.0
    for i, j in product(set(a), set(b)):
        p, p_a, p_b = (w[m].sum() / w.sum() for m in ((a == i) & (b == j), a == i, b == j))
        total += p * np.log(p / (p_a * p_b)) if p > 0 else 0.0
    return total


@st.composite
def binned(draw):
    n, d = draw(st.integers(1, 30)), draw(st.integers(2, 5))
    rng = np.random.RandomState(draw(st.integers(0, 2**31 - 1)))
    bins = [rng.randint(-1, draw(st.integers(1, 4)), size=n) for _ in range(d)]
    return bins, rng.randint(1, 4, size=n).astype(float)


@settings(max_examples=50, deadline=None)
@given(binned())
def test_information_is_that_of_every_pair(table):
    bins, weights = table
    information = mutual_information(bins, weights)
    for i, j in combinations(range(len(bins)), 2):
        expected = information_of_pair(bins[i], bins[j], weights)
        # Counts are products in float32, exact to six digits.
        assert_allclose(information[i, j], expected, atol=2e-5)
        assert_allclose(information[j, i], information[i, j], atol=2e-5)


@pytest.mark.parametrize("seed", range(5))
def test_tree_has_the_most_information_of_all_trees(seed):
    d = 5
    rng = np.random.RandomState(seed)
    information = rng.uniform(size=(d, d))
    information = information + information.T
    pairs = list(combinations(range(d), 2))
    trees = (t for t in combinations(pairs, d - 1) if connects_all(t, d))
    best = max(sum(information[e] for e in tree) for tree in trees)
    assert_allclose(sum(information[e] for e in maximum_tree(information)), best)


def connects_all(edges, d):
    reached = {0}
    for _ in range(d):
        reached |= {v for e in edges if reached & set(e) for v in e}
    return len(reached) == d


def test_tree_starts_at_the_centre_of_a_chain():
    d = 7
    information = np.zeros((d, d))
    for v in range(d - 1):
        information[v, v + 1] = information[v + 1, v] = 1.0
    edges = maximum_tree(information)
    assert edges[0][0] == 3
    assert {frozenset(e) for e in edges} == {frozenset((v, v + 1)) for v in range(d - 1)}


def test_columns_without_any_information_still_make_a_tree():
    edges = maximum_tree(np.zeros((6, 6)))
    assert len(edges) == 5
    assert {v for e in edges for v in e} == set(range(6))


def test_regions_of_a_tree():
    # 0 - 1, 0 - 2, 2 - 3: the subtree of 2 is {2, 3}.
    graph = hidden_tree_regions([[(0, 1), (0, 2), (2, 3)]], 4)
    splits = {
        graph.regions[p]: {graph.regions[c] for c in children} for p, children in graph.partitions
    }
    assert splits == {(0, 1, 2, 3): {(0,), (1,), (2, 3)}, (2, 3): {(2,), (3,)}}


def test_replicas_stand_under_one_root():
    rng = np.random.RandomState(0)
    z = rng.randint(0, 2, size=(50, 6)).astype(float)
    graph = chow_liu_tree(z, [False] * 6, np.ones(50), 3, np.random.RandomState(0))
    assert len(graph.partitions_of[graph.root]) == 3
    again = chow_liu_tree(z, [False] * 6, np.ones(50), 3, np.random.RandomState(0))
    assert graph == again


def test_one_column_is_a_leaf():
    graph = chow_liu_tree(np.zeros((3, 1)), [True], np.ones(3), 2, np.random.RandomState(0))
    assert graph.regions == ((0,),)


def test_bins_are_quantiles_with_holes_and_ties():
    column = np.array([0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 3.0, np.nan])
    (bins,) = bin_columns(column[:, None], [True], np.ones(8), n_bins=4)
    assert_array_equal(np.unique(bins[:4]), [0])
    assert bins[-1] == -1
    assert (np.diff(bins[:-1]) >= 0).all()
    assert bins.max() <= 3


def test_weights_count_rows():
    rng = np.random.RandomState(0)
    z = rng.normal(size=(40, 3))
    weights = rng.randint(1, 4, size=40)
    repeated = np.repeat(z, weights, axis=0)
    once = mutual_information(bin_columns(z, [True] * 3, weights.astype(float)), weights)
    many = mutual_information(
        bin_columns(repeated, [True] * 3, np.ones(len(repeated))), np.ones(len(repeated))
    )
    assert_allclose(once, many, atol=1e-5)


def test_planted_tree_is_found():
    rng = np.random.RandomState(0)
    parents = [-1, 0, 0, 1, 1, 2]
    z = np.empty((4000, 6))
    for v, parent in enumerate(parents):
        fresh = rng.randint(0, 2, size=4000)
        z[:, v] = (
            fresh if parent < 0 else np.where(rng.uniform(size=4000) < 0.8, z[:, parent], fresh)
        )
    bins = bin_columns(z, [False] * 6, np.ones(4000))
    edges = {frozenset(e) for e in maximum_tree(mutual_information(bins, np.ones(4000)))}
    assert edges == {frozenset((v, p)) for v, p in enumerate(parents) if p >= 0}
