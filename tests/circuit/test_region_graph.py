"""Region graphs: what they refuse, what they answer, and that they stay as they are."""

from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skpc.circuit import RegionGraph

HALVES = [(0, 1, 2), (0,), (1, 2)]

REFUSED = {
    "no region": ([], [], r"needs at least one region, got none\.$"),
    "empty scope": ([(0,), ()], [], r"^Region 1 has an empty scope; list its columns\.$"),
    "repeat": ([(0, 1, 0)], [], r"^Region 0 repeats a column in its scope \(0, 0, 1\)\.$"),
    "negative": ([(0, -1)], [], r"^Region 0 has a negative column in its scope \(-1, 0\)\.$"),
    "one child": (
        HALVES,
        [(0, (1,))],
        r"^Partition 0 of region 0 has 1 children; it needs at least 2\.$",
    ),
    "no child": (
        HALVES,
        [(0, (1, 2)), (0, ())],
        r"^Partition 1 of region 0 has 0 children; it needs at least 2\.$",
    ),
    "unknown child": (
        HALVES,
        [(0, (1, 3))],
        r"^Partition 0 of region 0 names region 3; there are 3 regions\.$",
    ),
    "unknown parent": (HALVES, [(7, (1, 2))], r"names region 7; there are 3 regions\.$"),
    "negative child": (HALVES, [(0, (1, -1))], r"names region -1; there are 3 regions\.$"),
    "overlap": (
        [(0, 1, 2), (0, 1), (1, 2)],
        [(0, (1, 2))],
        r"^Partition 0 of region 0 is not decomposable: its children "
        r"\[\(0, 1\), \(1, 2\)\] share columns\.$",
    ),
    "same child twice": (HALVES, [(0, (1, 1))], "is not decomposable"),
    "cover too little": (
        [(0, 1, 2), (0,), (1,)],
        [(0, (1, 2))],
        r"^Partition 0 of region 0 is not smooth: its children cover the columns \[0, 1\], "
        r"the region has \[0, 1, 2\]\.$",
    ),
    "cover too much": ([(0, 1), (0,), (1, 2)], [(0, (1, 2))], "is not smooth"),
    "own child": (HALVES, [(2, (1, 2))], "is not smooth"),
    "two roots": (
        [*HALVES, (0, 1)],
        [(0, (1, 2))],
        r"exactly one root, got the regions \[0, 3\] that are nobody's child\.$",
    ),
    "columns from 1": (
        [(1, 2)],
        [],
        r"^The root must cover the columns 0 to 1, it covers \[1, 2\]\.$",
    ),
    "gap in columns": ([(0, 2)], [], r"columns 0 to 1, it covers \[0, 2\]\.$"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses(name):
    regions, partitions, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        RegionGraph(regions, partitions)


def test_answers():
    graph = RegionGraph([(2, 1), (0, 1, 2), (0,), (1,), (2,)], [(1, (2, 0)), (0, (3, 4))])
    assert graph.regions[0] == (1, 2), "scopes are sorted"
    assert graph.root == 1
    assert graph.n_variables == 3
    assert graph.leaves == (2, 3, 4)
    assert graph.partitions_of == ((1,), (0,), (), (), ())
    assert graph.levels == (1, 2, 0, 0, 0)


def test_one_region_is_root_and_leaf():
    graph = RegionGraph([(0, 1)])
    assert (graph.root, graph.leaves, graph.levels) == (0, (0,), (0,))


def test_a_level_is_right_below_the_lowest_parent_and_leaves_are_at_the_bottom():
    regions = [(0, 1, 2), (0,), (1, 2), (1,), (2,), (0, 1)]
    graph = RegionGraph(regions, [(0, (5, 4)), (0, (1, 2)), (2, (3, 4))])
    assert graph.levels == (2, 0, 1, 0, 0, 0)
    # (0, 1) could be one level lower, but its siblings' level is here.
    regions = [(0, 1, 2, 3, 4), (0, 1), (2, 3, 4), (3, 4), (0,), (1,), (2,), (3,), (4,)]
    graph = RegionGraph(regions, [(0, (1, 2)), (1, (4, 5)), (2, (6, 3)), (3, (7, 8))])
    assert graph.levels == (3, 2, 2, 1, 0, 0, 0, 0, 0)


def test_immutable():
    graph = RegionGraph([(0,)])
    with pytest.raises(FrozenInstanceError):
        graph.regions = ((0, 1),)
    with pytest.raises(FrozenInstanceError):
        del graph.partitions
    assert graph.regions == ((0,),)


def test_later_changes_of_the_arguments_do_not_reach_it():
    regions, partitions = [[0, 1], [0], [1]], [(0, [1, 2])]
    graph = RegionGraph(regions, partitions)
    regions[0].append(2)
    partitions[0][1].append(0)
    assert graph == RegionGraph([(0, 1), (0,), (1,)], [(0, (1, 2))])


def test_equality_and_hash_go_by_content():
    graph = RegionGraph(HALVES, [(0, (1, 2))])
    same = RegionGraph([[2, 1, 0], [0], [2, 1]], [(0, [1, 2])])
    graph.levels  # noqa: B018  what is computed on demand must not count
    assert graph == same
    assert hash(graph) == hash(same)
    assert graph != RegionGraph(HALVES, [(0, (2, 1))])
    assert graph != RegionGraph([(0, 1, 2)])
    assert len({graph, same, RegionGraph([(0,)])}) == 2


@settings(deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**31), n_variables=st.integers(1, 12))
def test_levels_and_leaves_of_any_graph(kit, seed, n_variables):
    graph = kit.random_graph(seed, n_variables)
    assert graph.n_variables == n_variables
    above = {region: [] for region in range(len(graph.regions))}
    for parent, children in graph.partitions:
        for child in children:
            above[child].append(graph.levels[parent])
    for index, level in enumerate(graph.levels):
        assert (index in graph.leaves) == (level == 0)
        assert all(level < parent for parent in above[index])
        assert level == 0 or index == graph.root or level == min(above[index]) - 1
