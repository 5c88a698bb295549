"""What a fit decides before it starts."""

import numpy as np
import pandas as pd
import pytest
import torch

from skpc._fitting.settings import choose_batch_size, choose_device, choose_max_iter
from skpc._fitting.setup import (
    categorical_mask,
    column_mask,
    families,
    make_leaves,
    make_structure,
    make_table,
    resolve_structure,
)
from skpc._tables.frames import read_columns
from skpc.circuit import RegionGraph
from skpc.circuit.structures.random_trees import max_depth

NAMES = ["a", "b", "c"]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ([True, False, True], [1, 0, 1]),
        ([0, 2], [1, 0, 1]),
        ([-1], [0, 0, 1]),
        (["b"], [0, 1, 0]),
        ("c", [0, 0, 1]),
        (1, [0, 1, 0]),
        (np.int64(0), [1, 0, 0]),
        (np.array([False, True, False]), [0, 1, 0]),
        ([], [0, 0, 0]),
        (range(3), [1, 1, 1]),
        (["a", 1], [1, 1, 0]),
    ],
)
def test_columns_by_mask_position_or_name(wanted, expected):
    assert column_mask(wanted, NAMES, 3, "features").astype(int).tolist() == expected


def auto(values, codes=False):
    """The family that a column gets by itself."""
    raws = read_columns(pd.DataFrame({"x": values}))
    mask = np.array([codes]) | categorical_mask("from_dtype", raws, ["x"])
    return families("auto", raws, mask)[0]


@pytest.mark.parametrize(
    ("values", "family"),
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
        (pd.Series([0, 1], dtype=object), "categorical"),
    ],
)
def test_families_chosen_by_themselves(values, family):
    assert auto(values) == family


def test_families_told():
    raws = read_columns(np.array([[0.0, 1.0], [1.0, 0.0]]))
    nothing = np.zeros(2, dtype=bool)
    assert families("gaussian", raws, nothing) == ["gaussian", "gaussian"]
    assert families(["auto", "categorical"], raws, nothing) == ["bernoulli", "categorical"]
    assert auto([0, 1], codes=True) == "categorical"
    assert families(np.array(["auto", "auto"]), raws, nothing) == ["bernoulli", "bernoulli"]


def test_columns_of_one_kind_share_a_family_object():
    X = pd.DataFrame({"a": ["x", "y"], "b": ["u", "v"], "c": ["p", "p"], "d": [1.5, 2.5]})
    table = make_table(X, read_columns(X), np.ones(2), ["auto"] * 3 + ["gaussian"], "from_dtype")
    leaves = make_leaves(table, 0.01)
    assert leaves[0] is leaves[1]
    assert leaves[0] is not leaves[2]
    assert leaves[3].min_variance == 0.01


@pytest.mark.parametrize(
    ("told", "n", "expected"),
    [
        ("auto", 1001, 64),
        ("auto", 20_000, 156),
        ("auto", 10**6, 512),
        (None, 5000, 5000),
        (64, 5000, 64),
        (64, 10, 10),
    ],
)
def test_batch_sizes(told, n, expected):
    assert choose_batch_size(told, n, "em") == choose_batch_size(told, n, "adam") == expected


@pytest.mark.parametrize(("n", "em", "adam"), [(10, 10, 10), (1000, 1000, 64)])
def test_batches_of_small_tables(n, em, adam):
    assert choose_batch_size("auto", n, "em") == em
    assert choose_batch_size("auto", n, "adam") == adam


@pytest.mark.parametrize(
    ("told", "n", "batch", "expected"),
    [
        ("auto", 500, 500, 100),
        ("auto", 20_000, 156, 39),
        ("auto", 10**6, 512, 5),
        ("auto", 1001, 1000, 50),
        (7, 10**6, 512, 7),
    ],
)
def test_passes(told, n, batch, expected):
    assert choose_max_iter(told, n, batch, "em", False) == expected


@pytest.mark.parametrize(
    ("told", "n", "batch", "expected"),
    [
        ("auto", 500, 500, 100),
        ("auto", 20_000, 156, 12),
        ("auto", 10**6, 512, 5),
        ("auto", 640, 64, 30),
        (7, 10**6, 512, 7),
    ],
)
def test_passes_over_learned_trees(told, n, batch, expected):
    assert choose_max_iter(told, n, batch, "em", True) == expected


def test_passes_of_adam_make_five_thousand_steps_of_small_tables():
    assert choose_max_iter("auto", 1280, 128, "adam", True) == 500
    assert choose_max_iter("auto", 50, 50, "adam", False) == 500


def structure(name, d, depth=None, n_replicas=3, grid_shape=None, seed=0, n=40):
    z = np.random.RandomState(0).normal(size=(n, d))
    told = (depth, n_replicas, grid_shape, np.random.RandomState(seed))
    return make_structure(name, z, [True] * d, np.ones(n), *told)


@pytest.mark.parametrize("depth", [None, 3, 1000])
@pytest.mark.parametrize("d", [1, 2, 5, 8])
def test_depth_is_clipped(d, depth):
    graph = structure("random_trees", d, depth)
    assert graph.n_variables == d
    assert max(graph.levels) == max_depth(d)
    assert all(len(graph.regions[leaf]) == 1 for leaf in graph.leaves)


def test_depth_zero_does_not_split():
    assert structure("random_trees", 6, 0).partitions == ()
    assert structure("poon_domingos", 6, 0).partitions == ()


@pytest.mark.parametrize(
    ("depth", "layer", "expected"),
    [
        (None, "cp", ("chow_liu", None)),
        (2, "cp", ("random_trees", 2)),
        (None, "tucker", ("random_trees", 3)),
        (0, "tucker", ("random_trees", 0)),
    ],
)
def test_auto_learns_trees_where_it_can(depth, layer, expected):
    assert resolve_structure("auto", depth, layer) == expected
    assert resolve_structure("poon_domingos", depth, layer) == ("poon_domingos", depth)


@pytest.mark.parametrize(
    ("name", "n", "n_trees"),
    [("chow_liu", 1000, 8), ("chow_liu", 1001, 24), ("random_trees", 40, 10)],
)
def test_default_number_of_trees(name, n, n_trees):
    graph = structure(name, 6, n_replicas=None, n=n)
    assert len(graph.partitions_of[graph.root]) == n_trees


def test_structures_of_a_grid():
    graph = structure("poon_domingos", 6, grid_shape=(2, 3))
    assert graph.n_variables == 6
    assert (0, 1, 2) in graph.regions
    assert (0, 3) in graph.regions
    row = structure("poon_domingos", 6)
    assert (0, 3) not in row.regions
    assert structure("poon_domingos", 6, depth=99, grid_shape=[2, 3]) == graph


def test_a_given_graph_is_taken_as_it_is():
    graph = RegionGraph([(0, 1), (0,), (1,)], [(0, (1, 2))])
    assert structure(graph, 2) is graph


def test_devices():
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type in ("cpu", "cuda")
