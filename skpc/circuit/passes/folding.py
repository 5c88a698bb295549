"""Order of a region graph's regions, partitions and edges in the folded layers.

All regions of one level are one tensor, and so are all partitions of one level and all edges
(partition, child) into regions of one level. Orders are chosen from the root down, so that in a
tree a layer reads its inputs in the order in which they are stored: the children of all
partitions at the first position, then those at the second, and so on. All children at one
position have the same level: a partition's first child of level 0 has another position than its
first child of level 3.
"""

from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass

from ..structures import RegionGraph


@dataclass(frozen=True)
class Edge:
    """A child of a partition and its position.

    A position is the level of the child and its number among the partition's children of that
    level; direct leaf regions have the level -1.
    """

    partition: int
    position: tuple[int, int]
    child: int


@dataclass(frozen=True)
class Level:
    """Regions of one level, their partitions and the edges into them, in folded order.

    Attributes
    ----------
    height : int
    regions, partitions : tuple of int
        Indices into the region graph; partitions are ordered by their regions.
    edges : tuple of Edge
        Edges whose child is in this level; none at the root.
    """

    height: int
    regions: tuple[int, ...]
    partitions: tuple[int, ...]
    edges: tuple[Edge, ...]


def fold(graph: RegionGraph, leaves: Sequence[int], n_direct: int = 0) -> list[Level]:
    """Levels of a region graph from the leaves (level 0) up to the root.

    Parameters
    ----------
    graph : RegionGraph
    leaves : sequence of int
        The leaf regions in their order.
    n_direct : int
        Those among them, the first ones, that products read without a sum.
    """
    heights = graph.levels
    place = {region: i for i, region in enumerate(leaves)}
    direct = frozenset(leaves[:n_direct])
    top = heights[graph.root]
    edges: list[list[Edge]] = [[] for _ in range(top + 1)]
    levels = []
    for height in range(top, -1, -1):
        if height == 0:
            edges[0].sort(key=lambda edge: place[edge.child])
        regions = (
            (graph.root,)
            if height == top
            else tuple(dict.fromkeys(edge.child for edge in edges[height]))
        )
        partitions = tuple(p for region in regions for p in graph.partitions_of[region])
        levels.append(Level(height, regions, partitions, tuple(edges[height])))
        for edge in _edges_below(graph, partitions, direct):
            edges[heights[edge.child]].append(edge)
    return levels[::-1]


def _edges_below(graph: RegionGraph, partitions: tuple[int, ...], direct: Set[int]) -> list[Edge]:
    """Edges of the partitions, position after position."""
    edges = []
    for partition in partitions:
        number: Counter[int] = Counter()
        for child in graph.partitions[partition][1]:
            kind = -1 if child in direct else graph.levels[child]
            edges.append(Edge(partition, (kind, number[kind]), child))
            number[kind] += 1
    return sorted(edges, key=lambda edge: edge.position)
