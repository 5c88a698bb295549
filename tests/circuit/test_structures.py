"""Structures: what the papers' recipes promise, against counts by brute force."""

from itertools import combinations, pairwise, product
from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skpc.circuit.structures import (
    grid_steps,
    max_depth,
    poon_domingos,
    random_binary_trees,
)


def trees(n_variables, depth, n_replicas, seed=0):
    return random_binary_trees(n_variables, depth, n_replicas, np.random.RandomState(seed))


@pytest.mark.parametrize(
    ("n_variables", "depth"), [(1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (8, 3), (9, 4)]
)
def test_max_depth(n_variables, depth):
    assert max_depth(n_variables) == depth


@settings(deadline=None, derandomize=True)
@given(
    n_variables=st.integers(1, 40),
    depth=st.none() | st.integers(0, 8),
    n_replicas=st.integers(1, 4),
    seed=st.integers(0, 2**32 - 1),
)
def test_trees_are_balanced_and_as_deep_as_asked(n_variables, depth, n_replicas, seed):
    graph = trees(n_variables, depth, n_replicas, seed)
    asked = 99 if depth is None else depth
    assert graph.n_variables == n_variables
    assert graph.levels[graph.root] == min(asked, max_depth(n_variables))
    assert len(graph.partitions_of[graph.root]) == (n_replicas if graph.levels[graph.root] else 0)
    for _, (left, right) in graph.partitions:
        assert len(graph.regions[left]) - len(graph.regions[right]) in (0, 1)
    below_root = [partitions for partitions in graph.partitions_of[1:] if partitions]
    assert all(len(partitions) == 1 for partitions in below_root), "one tree a replica"


@settings(deadline=None, derandomize=True)
@given(n_variables=st.integers(2, 20), n_replicas=st.integers(1, 4))
def test_leaves_of_each_replica_cover_the_columns_once(n_variables, n_replicas):
    graph = trees(n_variables, 2, n_replicas)
    columns = sorted(v for leaf in graph.leaves for v in graph.regions[leaf])
    assert columns == sorted(list(range(n_variables)) * n_replicas)


def test_depth_none_ends_at_single_columns():
    graph = trees(11, None, 3)
    assert {len(graph.regions[leaf]) for leaf in graph.leaves} == {1}
    assert len(graph.leaves) == 33


def test_too_much_depth_is_cut_silently():
    assert trees(6, 50, 2) == trees(6, None, 2)


def test_no_depth_and_one_column_are_single_leaves():
    for graph in (trees(7, 0, 5), trees(1, None, 5), trees(1, 3, 1)):
        assert (len(graph.regions), graph.partitions, graph.leaves) == (1, (), (0,))


def test_the_seed_decides():
    assert trees(16, 2, 3, seed=4) == trees(16, 2, 3, seed=4)
    assert trees(16, 2, 3, seed=4) != trees(16, 2, 3, seed=5)


def test_replicas_differ():
    graph = trees(16, 1, 2)
    first, second = (graph.partitions[p][1] for p in graph.partitions_of[graph.root])
    assert {graph.regions[c] for c in first} != {graph.regions[c] for c in second}


def marks(side, step):
    """Numbers at which an interval of a box may start or stop."""
    return sorted({0, side, *range(0, side, step)})


def count_boxes(sides, steps):
    return prod(len(list(combinations(marks(n, s), 2))) for n, s in zip(sides, steps, strict=True))


def count_cuts(sides, steps):
    """For every box, the marks strictly inside it along each axis."""
    axes = [marks(n, s) for n, s in zip(sides, steps, strict=True)]
    boxes = product(*(combinations(axis, 2) for axis in axes))
    return sum(
        sum(start < mark < stop for mark in axis)
        for box in boxes
        for (start, stop), axis in zip(box, axes, strict=True)
    )


@pytest.mark.parametrize(
    ("sides", "delta"),
    [
        ((1,), 1),
        ((6,), 1),
        ((7,), 3),
        ((3, 4), 1),
        ((4, 5), (2, 3)),
        ((2, 3, 2), 1),
        ((4, 3, 2), 2),
    ],
)
def test_poon_domingos_has_every_box_and_every_cut(sides, delta):
    steps = (delta,) * len(sides) if isinstance(delta, int) else delta
    graph = poon_domingos(sides, delta)
    assert graph.n_variables == prod(sides)
    assert len(graph.regions) == len(set(graph.regions)) == count_boxes(sides, steps)
    assert len(graph.partitions) == len(set(graph.partitions)) == count_cuts(sides, steps)


@settings(deadline=None, derandomize=True)
@given(sides=st.lists(st.integers(1, 4), min_size=1, max_size=3), delta=st.integers(1, 3))
def test_poon_domingos_leaves_tile_the_grid(sides, delta):
    graph = poon_domingos(sides, delta)
    columns = sorted(v for leaf in graph.leaves for v in graph.regions[leaf])
    assert columns == list(range(prod(sides)))
    assert max(len(graph.regions[leaf]) for leaf in graph.leaves) <= delta ** len(sides)


def test_poon_domingos_regions_are_boxes_in_c_order():
    graph = poon_domingos((2, 3))
    assert (1, 2, 4, 5) in graph.regions, "columns 1 and 2 of both rows"
    assert (0, 1, 2) in graph.regions, "the first row"
    assert (0, 4) not in graph.regions


def test_a_large_delta_leaves_one_region():
    assert poon_domingos((3, 4), 4).partitions == ()


def test_numpy_integers_serve_as_delta_and_sides():
    assert poon_domingos(np.array([2, 4]), np.int64(2)) == poon_domingos((2, 4), (2, 2))


@pytest.mark.parametrize("grid_shape", [(), (0,), (3, -1)])
def test_refuses_grids_without_cells(grid_shape):
    with pytest.raises(ValueError, match="grid_shape must hold positive sides, got"):
        poon_domingos(grid_shape)


@pytest.mark.parametrize("delta", [0, -2, (0,), (1, 0), (1, 1, 1)])
def test_refuses_deltas_that_do_not_cut(delta):
    with pytest.raises(
        ValueError, match=r"delta must be positive, one or one per axis of \(2, 3\)"
    ):
        poon_domingos((2, 3), delta)


@settings(deadline=None, derandomize=True)
@given(sides=st.lists(st.integers(1, 30), min_size=1, max_size=4), depth=st.integers(0, 6))
def test_grid_steps_make_at_most_two_to_the_depth_pieces(sides, depth):
    for side, step in zip(sides, grid_steps(sides, depth), strict=True):
        pieces = list(pairwise(marks(side, step)))
        assert len(pieces) <= 2**depth
        assert step == 1 or len(pieces) > 2 ** (depth - 1) or side < 2**depth


@pytest.mark.parametrize(("n_axes", "pieces"), [(1, 8), (2, 4), (3, 2), (4, 2)])
def test_grid_steps_without_a_depth(n_axes, pieces):
    assert grid_steps((16,) * n_axes, None) == (16 // pieces,) * n_axes
