"""Builds the folded layers of a circuit from its region graph.

K_leaf units a leaf region, K units a sum region. The root region has one unit.
"""

from collections import Counter
from collections.abc import Sequence

import torch

from ..leaves import Leaf
from ..structures import RegionGraph
from .folding import Level, fold
from .layers import EdgeSums, Layer, Mixing, Products, Root, Single, Tucker


def build_layers(
    graph: RegionGraph,
    layer: str,
    n_leaves: int,
    n_sums: int,
    device: torch.device,
    leaves: Sequence[int],
    n_direct: int,
) -> tuple[list[Level], list[Layer]]:
    """Levels of the graph and the layers over them, leaves first.

    Parameters
    ----------
    graph : RegionGraph
    layer : {"cp", "tucker"}
    n_leaves, n_sums : int
        Units of a leaf region and of a sum region.
    device : torch.device
    leaves : sequence of int
        The leaf regions in their order, from `leaf_blocks.plan_blocks`.
    n_direct : int
        Leaf regions, the first ones, that CP layers read without a sum, see `direct_leaves`.

    Raises
    ------
    ValueError
        For Tucker layers over a partition with other than two children.
    """
    levels = fold(graph, leaves, n_direct)
    units = [n_leaves] + [n_sums] * (len(levels) - 1)
    layers: list[Layer] = (
        _cp_layers(graph, levels, units, n_direct, device)
        if layer == "cp"
        else _tucker_layers(graph, levels, units, device)
    )
    top = levels[-1]
    n_nodes = max(1, len(top.partitions))
    n_units = 1 if layer == "tucker" and top.partitions else units[-1]
    return levels, [*layers, Root(top.height, n_nodes, n_units)]


def _mixing(graph: RegionGraph, level: Level, n_units: int, device: torch.device) -> Layer:
    counts = [len(graph.partitions_of[region]) for region in level.regions]
    if max(counts) == 1:
        return Single(level.height)
    return Mixing(level.height, counts, n_units, device)


def direct_leaves(
    graph: RegionGraph,
    families: Sequence[Leaf],
    groups: Sequence[tuple[int, ...]],
    layer: str,
    n_leaves: int,
    n_sums: int,
) -> frozenset[int]:
    """Leaf regions whose units CP layers multiply as they are, without a sum on the edge.

    Where a mixture of a column's leaves is again a leaf of the family, and no other partition uses
    the region, a sum would express the same functions with more parameters. In a hidden tree the
    leaves are then p(column | state), as in the usual drawing of such a tree.
    """
    if layer != "cp" or n_leaves != n_sums or not graph.partitions:
        return frozenset()
    uses = Counter(child for _, children in graph.partitions for child in children)
    known = {id(family): _has_indicators(family) for family in families}
    counted = {
        group[0]
        for family, group in zip(families, groups, strict=True)
        if len(group) == 1 and known[id(family)]
    }
    return frozenset(
        region
        for region, scope in enumerate(graph.regions)
        if len(scope) == 1 and uses[region] == 1 and scope[0] in counted
    )


def _has_indicators(family: Leaf) -> bool:
    """Whether a family is closed (see `Leaf`) and its statistics are indicators.

    They are computed here, since a subclass of a closed family may have changed them.
    """
    if not family.closed or family.base_inside or family.n_columns > 1:
        return False
    values = torch.arange(max(2, family.n_statistics), dtype=torch.float64)
    statistics = family.statistics(values[None, None])[0]
    zeros_and_ones = ((statistics == 0) | (statistics == 1)).all()
    return bool(zeros_and_ones and (statistics.sum(dim=0) <= 1).all())


def _cp_layers(
    graph: RegionGraph,
    levels: list[Level],
    units: list[int],
    n_direct: int,
    device: torch.device,
) -> list[Layer]:
    """Sums on all edges out of a level, then products and mixtures of the next.

    The first n_direct regions of level 0, and the edges into them, have no sums; their edges are
    numbered from -n_direct to -1, the others from 0.
    """
    edges: dict[tuple[int, tuple[int, int]], int] = {}
    for level in levels:
        for edge in level.edges:
            edges[edge.partition, edge.position] = len(edges) - n_direct
    layers: list[Layer] = []
    first = 0
    for level in levels:
        if level.height:
            layers.append(Products(level.height, level.partitions, edges, n_direct, device))
        if level is levels[-1]:
            break
        if level.height:
            layers.append(_mixing(graph, level, units[-1], device))
        skipped = 0 if level.height else n_direct
        position = {region: i for i, region in enumerate(level.regions[skipped:])}
        children = [position[edge.child] for edge in level.edges[skipped:]]
        if not children:
            continue
        shape = (len(children), units[-1], units[level.height])
        layers.append(EdgeSums(level.height, children, len(position), first, shape, device))
        first += len(children)
    return layers


def _tucker_layers(
    graph: RegionGraph, levels: list[Level], units: list[int], device: torch.device
) -> list[Layer]:
    """One Tucker layer for each pair of children's levels, then the mixtures."""
    position = {
        region: (level.height, i) for level in levels for i, region in enumerate(level.regions)
    }
    layers: list[Layer] = []
    for level in levels[1:]:
        is_top = level is levels[-1]
        for (left, right), members in _tucker_folds(graph, level, position).items():
            children = [graph.partitions[level.partitions[i]][1] for i in members]
            shape = (len(members), 1 if is_top else units[-1], units[left] * units[right])
            layers.append(
                Tucker(
                    level.height,
                    len(level.partitions),
                    members,
                    (
                        (left, [position[a][1] for a, _ in children]),
                        (right, [position[b][1] for _, b in children]),
                    ),
                    (len(levels[left].regions), len(levels[right].regions)),
                    shape,
                    device,
                    max(units[left], units[right]),
                )
            )
        if not is_top:
            layers.append(_mixing(graph, level, units[-1], device))
    return layers


def _tucker_folds(
    graph: RegionGraph, level: Level, position: dict[int, tuple[int, int]]
) -> dict[tuple[int, int], list[int]]:
    """Positions of the level's partitions by the levels of their two children."""
    folds: dict[tuple[int, int], list[int]] = {}
    for i, partition in enumerate(level.partitions):
        parent, children = graph.partitions[partition]
        if len(children) != 2:
            raise ValueError(
                f"layer='tucker' needs partitions of two children; a partition of region "
                f"{parent} has {len(children)}. Use layer='cp' for this structure."
            )
        left, right = (position[child][0] for child in children)
        folds.setdefault((left, right), []).append(i)
    return folds
