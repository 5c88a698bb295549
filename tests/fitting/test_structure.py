"""Structures that the parameters ask for, and families that columns get by themselves."""

import numpy as np
import pandas as pd
import pytest
from helpers.cases import inside, tiny

from skpc import EinetDensityEstimator
from skpc._fitting.structure import default_sizes
from skpc.circuit import RegionGraph


def structure(name, d, layer="cp", n=40, **settings):
    """The region graph of a fit of one pass."""
    X = np.random.RandomState(0).normal(size=(n, d))
    model = tiny(structure=name, layer=layer, max_iter=1, n_sums=1, n_leaves=1, **settings)
    return model.fit(X).structure_


def n_trees(graph):
    return len(graph.partitions_of[graph.root])


@pytest.mark.parametrize("depth", [None, 3, 1000])
@pytest.mark.parametrize(("d", "deepest"), [(1, 0), (2, 1), (5, 3), (8, 3)])
def test_depth_is_clipped(d, deepest, depth):
    graph = structure("random_trees", d, depth=depth)
    assert graph.n_variables == d
    assert max(graph.levels) == deepest
    assert all(len(graph.regions[leaf]) == 1 for leaf in graph.leaves)


def test_depth_zero_does_not_split():
    assert structure("random_trees", 6, depth=0).partitions == ()
    assert structure("poon_domingos", 6, depth=0).partitions == ()


@pytest.mark.parametrize(
    ("settings", "same"),
    [
        ({}, {"name": "chow_liu"}),
        ({"depth": 2}, {"name": "random_trees", "depth": 2}),
        ({"layer": "tucker"}, {"name": "random_trees", "depth": 3}),
        ({"layer": "tucker", "depth": 0}, {"name": "random_trees", "depth": 0}),
    ],
    ids=str,
)
def test_auto_learns_trees_where_it_can(settings, same):
    graph = structure("auto", 6, **settings)
    assert graph == structure(same.pop("name"), 6, **{**settings, **same})


@pytest.mark.parametrize(
    ("name", "n", "continuous", "sizes"),
    [
        ("chow_liu", 1000, [True] * 5 + [False], (8, 12)),
        ("chow_liu", 1000, [True] * 6, (8, 32)),
        ("chow_liu", 299, [True] * 6, (8, 12)),
        ("chow_liu", 1001, [True] * 32, (16, 24)),
        ("chow_liu", 1001, [False] * 33, (24, 12)),
        ("random_trees", 40, [True] * 6, (10, 12)),
        ("random_trees", 1001, [True] * 6, (10, 12)),
    ],
)
def test_default_sizes(name, n, continuous, sizes):
    """Few wide trees where columns are few, as they cost less there; fewer still for few rows,
    whose numbers take many units."""
    assert default_sizes(name, n, continuous) == sizes


def test_default_sizes_are_those_of_a_fit():
    X = np.random.RandomState(0).normal(size=(1001, 3))
    density = EinetDensityEstimator(components="trees", max_iter=1).fit(X)
    sizes = density.settings_["n_replicas"], density.settings_["n_sums"]
    assert sizes == default_sizes("chow_liu", 1001, [True] * 3)
    assert n_trees(density.structure_) == sizes[0]


def test_structures_of_a_grid():
    graph = structure("poon_domingos", 6, grid_shape=(2, 3))
    assert graph.n_variables == 6
    assert (0, 1, 2) in graph.regions
    assert (0, 3) in graph.regions
    assert (0, 3) not in structure("poon_domingos", 6).regions
    assert structure("poon_domingos", 6, depth=99, grid_shape=[2, 3]) == graph


def test_a_graph_of_the_user_is_taken_as_it_is():
    graph = RegionGraph([(0, 1), (0,), (1,)], [(0, (1, 2))])
    assert structure(graph, 2) is graph


def family(values, **settings):
    """The family that a column gets by itself."""
    frame = pd.DataFrame({"x": values})
    return tiny(max_iter=1, **settings).fit(frame).leaf_families_[0]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.0, 1.0, np.nan], "bernoulli"),
        ([0, 1, 1], "bernoulli"),
        ([0, 0, 0], "bernoulli"),
        ([True, True], "bernoulli"),
        (pd.array([0, None], dtype="Int8"), "bernoulli"),
        ([0.0, 0.0], "numeric"),
        ([np.nan, np.nan], "numeric"),
        ([0.0, 1.0, 0.5], "numeric"),
        ([0, 1, 2], "numeric"),
        ([0.0, 1.0] * 600 + [2.0], "numeric"),
        ([-1, 1], "numeric"),
        (["a", "b"], "categorical"),
        (pd.Categorical([1, 2]), "categorical"),
        (pd.Series([0, 1], dtype=object), "bernoulli"),
        (pd.Series(["0", "1"], dtype=object), "categorical"),
    ],
)
def test_families_chosen_by_themselves(values, expected):
    assert family(values) == expected


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"leaf": "gaussian"}, ["gaussian", "gaussian"]),
        ({"leaf": ["auto", "categorical"]}, ["bernoulli", "categorical"]),
        ({"leaf": np.array(["auto", "auto"])}, ["bernoulli", "bernoulli"]),
        ({"categorical_features": [1]}, ["bernoulli", "categorical"]),
    ],
    ids=str,
)
def test_families_that_are_named(settings, expected):
    X = np.array([[0.0, 1.0], [1.0, 0.0]])
    assert tiny(max_iter=1, **settings).fit(X).leaf_families_ == expected


def test_columns_of_one_kind_share_a_family_object():
    X = pd.DataFrame({"a": ["x", "y"], "b": ["u", "v"], "c": ["p", "p"], "d": [1.5, 2.5]})
    model = tiny(max_iter=1, leaf=["auto"] * 3 + ["gaussian"], min_variance=0.01).fit(X)
    leaves = inside(model).plan.leaves()
    assert leaves[0] is leaves[1]
    assert leaves[0] is not leaves[2]
    assert leaves[3].min_variance == 0.01
