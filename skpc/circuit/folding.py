"""Order of a region graph's regions, partitions and edges in the folded layers.

All regions of one height stand in one tensor, and so do all partitions of one height and
all edges (partition, child) into regions of one height. Orders are chosen from the root
down, so that in a tree a layer reads its inputs as they lie: the children of all
partitions in slot 0, then those in slot 1, and so on.
"""

from collections.abc import Set
from dataclasses import dataclass

from .region_graph import RegionGraph


@dataclass(frozen=True)
class Edge:
    """The child in one slot of a partition."""

    partition: int
    slot: int
    child: int


@dataclass(frozen=True)
class Level:
    """Regions of one height, their partitions and the edges into them, in folded order.

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
    """Levels of a region graph from the leaves (height 0) up to the root.

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
        for edge in _edges_below(graph, partitions):
            edges[heights[edge.child]].append(edge)
    return levels[::-1]


def _edges_below(graph: RegionGraph, partitions: tuple[int, ...]) -> list[Edge]:
    """Edges of the partitions: all first children, then all second children, and so on."""
    children = {p: graph.partitions[p][1] for p in partitions}
    widest = max((len(cs) for cs in children.values()), default=0)
    return [
        Edge(p, slot, cs[slot])
        for slot in range(widest)
        for p, cs in children.items()
        if slot < len(cs)
    ]
