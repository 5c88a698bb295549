"""Order of a region graph's regions, partitions and edges in the folded layers.

All regions of one level stand in one tensor, and so do all partitions of one level and
all edges (partition, child) into regions of one level. Orders are chosen from the root
down, so that in a tree a layer reads its inputs as they lie: the children of all
partitions in the first slot, then those in the second, and so on. A slot holds children of
one level alone: a partition's first child of level 0 has another slot than its first of
level 3.
"""

from collections import Counter
from collections.abc import Set
from dataclasses import dataclass

from ..structures.region_graph import RegionGraph


@dataclass(frozen=True)
class Edge:
    """The child in one slot of a partition: its level (-1 for those first) and a number."""

    partition: int
    slot: tuple[int, int]
    child: int


@dataclass(frozen=True)
class Level:
    """Regions of one level, their partitions and the edges into them, in folded order.

    Attributes
    ----------
    height : int
    regions, partitions : tuple of int
        Indices into the region graph; partitions stand region by region.
    edges : tuple of Edge
        Edges whose child is here; none at the root.
    """

    height: int
    regions: tuple[int, ...]
    partitions: tuple[int, ...]
    edges: tuple[Edge, ...]


def fold(graph: RegionGraph, first: Set[int] = frozenset()) -> list[Level]:
    """Levels of a region graph from the leaves (level 0) up to the root.

    Parameters
    ----------
    graph : RegionGraph
    first : set of int
        Leaf regions that stand before all others.
    """
    heights = graph.levels
    top = heights[graph.root]
    edges: list[list[Edge]] = [[] for _ in range(top + 1)]
    levels = []
    for height in range(top, -1, -1):
        edges[height].sort(key=lambda edge: edge.child not in first)
        regions = (
            (graph.root,)
            if height == top
            else tuple(dict.fromkeys(edge.child for edge in edges[height]))
        )
        partitions = tuple(p for region in regions for p in graph.partitions_of[region])
        levels.append(Level(height, regions, partitions, tuple(edges[height])))
        for edge in _edges_below(graph, partitions, first):
            edges[heights[edge.child]].append(edge)
    return levels[::-1]


def _edges_below(graph: RegionGraph, partitions: tuple[int, ...], first: Set[int]) -> list[Edge]:
    """Edges of the partitions, slot after slot."""
    edges = []
    for partition in partitions:
        seen: Counter[int] = Counter()
        for child in graph.partitions[partition][1]:
            kind = -1 if child in first else graph.levels[child]
            edges.append(Edge(partition, (kind, seen[kind]), child))
            seen[kind] += 1
    return sorted(edges, key=lambda edge: edge.slot)
