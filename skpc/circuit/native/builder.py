"""Collects the nodes of a circuit for the compiled passes."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from .leaves import LeafPlan


@dataclass
class Builder:
    """Collects the nodes of a circuit, leaves first; layers add themselves (`Layer.compiled`).

    Attributes
    ----------
    n_direct : int
        Leaf regions that products read without a sum; the first ones.
    units, leaf_units : int
        Of a sum and of a leaf region.
    first : dict
        Of each level the number of its first partition.
    factors : list of list of int
        Of each partition its edges, and -1 - i for the direct leaf region i.
    child : dict
        Of each edge its partition, or -1 - i for the leaf region i of those that have sums.
    layers : list of slice
        Edges of each layer of sums, in the order of the weights.
    at_leaves : list of bool
        Of each layer of sums whether its inputs are leaf regions.
    top : list of int
        Partitions of the root.
    """

    n_direct: int
    units: int
    leaf_units: int
    first: dict[int, int] = field(default_factory=dict)
    factors: list[list[int]] = field(default_factory=list)
    child: dict[int, int] = field(default_factory=dict)
    layers: list[slice] = field(default_factory=list)
    at_leaves: list[bool] = field(default_factory=list)
    top: list[int] = field(default_factory=list)

    def add_sums(self, level: int, children: Sequence[int], edges: slice) -> None:
        """Edges into regions of a level, each of which is the partition at its position."""
        for edge, child in zip(range(edges.start, edges.stop), children, strict=True):
            self.child[edge] = self.first[level] + child if level else -1 - child
        self.layers.append(edges)
        self.at_leaves.append(level == 0)

    def add_products(self, level: int, factors: Sequence[Sequence[int]]) -> None:
        """The partitions of a level."""
        self.first[level] = len(self.factors)
        self.factors.extend(list(of_partition) for of_partition in factors)

    def add_root(self, level: int, n_nodes: int) -> None:
        """The partitions of the root, which are those of the last level."""
        self.top = [self.first[level] + i for i in range(n_nodes)]


def depth_first(built: Builder) -> list[int]:
    """Partitions, children right before their parents, so that caches still hold them."""
    order: dict[int, None] = {}
    left = [(partition, False) for partition in reversed(built.top)]
    while left:
        partition, is_done = left.pop()
        if is_done:
            order[partition] = None
        elif partition not in order:
            left.append((partition, True))
            edges = [factor for factor in built.factors[partition] if factor >= 0]
            left += [(built.child[edge], False) for edge in edges if built.child[edge] >= 0]
    return list(order)


def slots(n: int, top: Sequence[int], children: Sequence[Sequence[int]]) -> list[int]:
    """Where flows into partitions stand: in the memory of one that has passed its own on.

    Parameters
    ----------
    n : int
        Partitions, in the order of `depth_first`; flows go from the last one to the first.
    top : sequence of int
        Partitions of the root.
    children : sequence of sequence of int
        Of each partition those that it passes flows to.
    """
    of_partition = {partition: i for i, partition in enumerate(top)}
    n_slots, free = len(top), list[int]()
    for partition in reversed(range(n)):
        for child in children[partition]:
            if child not in of_partition:
                n_slots += not free
                of_partition[child] = free.pop() if free else n_slots - 1
        free.append(of_partition[partition])
    return [of_partition[partition] for partition in range(n)]


def check(built: Builder, children: Sequence[int], leaves: LeafPlan) -> None:
    """Refuse an index that points outside, and a child that is not before its parent."""
    n = len(built.factors)
    factors = [factor for of_partition in built.factors for factor in of_partition]
    inside = all(-len(leaves.direct) <= factor < len(children) for factor in factors)
    inside &= all(-len(leaves.entries) <= child < n for child in children)
    inside &= all(0 <= top < n for top in built.top) and built.leaf_units == leaves.shape[1]
    ends = [0, *(edges.stop for edges in built.layers)]
    inside &= all(e.start == end for e, end in zip(built.layers, ends[:-1], strict=True))
    ordered = inside and ends[-1] == len(children)
    ordered = ordered and all(
        factor < 0 or children[factor] < i
        for i, of_partition in enumerate(built.factors)
        for factor in of_partition
    )
    if not ordered:
        raise ValueError("The layers of a circuit name a node that is not below them.")
