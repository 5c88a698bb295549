"""Leaf regions in blocks: the densities of a block are one batched product.

Axes: F leaf regions, n scopes of a block, m leaf regions of a scope, S statistics of a scope (those
of its groups, each group's followed by a count), K units, N rows of the packed parameters, R rows
of Phi, B rows.

Regions of one scope read the same statistics, so one product serves them all. Scopes with about as
many statistics and with as many regions are a block, in whose packed parameters they stand one
after another, each as (S, m, K). So a column with many values makes no other column wide, and a
family that needs float64 takes it for its own block.
"""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from math import ceil, log

import torch
from torch import Tensor

from ..leaves import Leaf
from ..structures import RegionGraph
from .layout import groups_of

# Scopes of a block have at most this share of statistics more than another, up to rounding.
PADDING = 1.25

# Numbers of the statistics that are gathered at once. On the CPU the caches hold as many, and
# gathering them again for each use is faster than reading all of them from memory.
MOST_STATISTICS = {"cpu": 2**18, "other": 2**24}


@dataclass(frozen=True)
class BlockPlan:
    """Which leaf regions are a block.

    Attributes
    ----------
    scopes : tuple of tuple of int
        Groups of each scope, n of them.
    regions : tuple of tuple of int
        Regions of each scope in the region graph, m each.
    direct : bool
        Whether products read them without a sum, see `build.direct_leaves`.
    precise : bool
        Whether a family cancels digits that float32 does not have.
    """

    scopes: tuple[tuple[int, ...], ...]
    regions: tuple[tuple[int, ...], ...]
    direct: bool
    precise: bool


def plan_blocks(
    graph: RegionGraph,
    families: Sequence[Leaf],
    groups: Sequence[tuple[int, ...]],
    direct: Set[int],
) -> list[BlockPlan]:
    """Blocks of all leaf regions, direct ones first.

    Parameters
    ----------
    graph : RegionGraph
    families : sequence of Leaf
        One per group.
    groups : sequence of tuple of int
        Columns of each group.
    direct : set of int
    """
    of_column = {column: i for i, group in enumerate(groups) for column in group}
    widths = [family.n_statistics + 1 for family in families]
    of_scope: dict[tuple[bool, tuple[int, ...]], list[int]] = {}
    for region in graph.leaves:
        scope = tuple(groups_of(graph.regions[region], groups, of_column))
        of_scope.setdefault((region in direct, scope), []).append(region)
    # Scopes are in the order of the graph, so that the names of columns and groups decide nothing.
    blocks: dict[tuple[bool, bool, int, int], list[tuple[int, ...]]] = {}
    for is_direct, scope in sorted(of_scope, key=lambda key: not key[0]):
        size = ceil(log(sum(widths[g] for g in scope), PADDING) - 1e-9)
        precise = any(families[g].precise for g in scope)
        key = (is_direct, precise, size, len(of_scope[is_direct, scope]))
        blocks.setdefault(key, []).append(scope)
    return [
        BlockPlan(tuple(scopes), tuple(tuple(of_scope[key[0], s]) for s in scopes), *key[:2])
        for key, scopes in blocks.items()
    ]


@dataclass(frozen=True)
class LeafBlock:
    """Leaf regions whose densities are one batched product.

    Attributes
    ----------
    regions : slice
        Positions among the leaf regions, n m of them: scope after scope.
    rows : slice
        Of the packed parameters, n S m of them.
    shape : tuple (n, S, m)
    direct : bool
        Whether products read them without a sum.
    precise : bool
        Whether a family cancels digits that float32 does not have.
    index : Tensor (n, S)
        Rows of Phi that a scope reads, in direct blocks the indicators of all values; rows that
        fill up point at a row of zeros.
    first : int or None
        The first of these rows if they are adjacent, so that no index is needed.
    counts : Tensor (n,)
        Position of the count of a direct scope, the last of its statistics that are its own.
    missing : Tensor (n,)
        Rows of Phi that indicate the missing cells of direct scopes; empty for others.
    """

    regions: slice
    rows: slice
    shape: tuple[int, int, int]
    direct: bool
    precise: bool
    index: Tensor
    first: int | None
    counts: Tensor
    missing: Tensor

    @property
    def n_regions(self) -> int:
        """Number of its regions, n m."""
        return self.shape[0] * self.shape[2]

    def of(self, packed: Tensor) -> Tensor:
        """The block's part of packed numbers (N, K), (n, S, m K); a view."""
        n, s, m = self.shape
        return packed[self.rows].view(n, s, m * packed.shape[1])

    def unpack(self, packed: Tensor) -> tuple[Tensor, Tensor]:
        """Statistics or parameters (n, S - 1, m K) and counts (n, 1, m K); views."""
        rows = self.of(packed)
        return rows[:, :-1], rows[:, -1:]

    def pack(self, packed: Tensor, values: Tensor, counts: Tensor) -> None:
        """Write (n, S - 1, m K) and (n, 1, m K) into packed (N, K), in place."""
        rows = self.of(packed)
        rows[:, :-1], rows[:, -1:] = values, counts

    def sum_values(self, flows: Tensor) -> None:
        """Flows into all values of direct regions (n, S, m K) as flows and a count, in place."""
        counts = self.counts[:, None, None].expand(-1, 1, flows.shape[2])
        flows.scatter_(1, counts, flows.sum(dim=1, keepdim=True))

    def statistics(self, phi: Tensor, scopes: slice, dtype: torch.dtype) -> Tensor:
        """Statistics (n, S, B) of some scopes, of all in phi (R, B)."""
        index = self.index[scopes]
        if self.first is not None:
            start = self.first + scopes.start * self.shape[1]
            read = phi[start : start + index.numel()]
        else:
            read = phi.index_select(0, index.flatten())
        return read.view(*index.shape, -1).to(dtype)

    def parts(self, n_rows: int, device: torch.device) -> Iterator[tuple[slice, slice]]:
        """Slices of the scopes, and of their regions: as many as caches hold statistics of."""
        n, s, m = self.shape
        most = MOST_STATISTICS.get(device.type, MOST_STATISTICS["other"])
        size = max(1, min(n, most // (s * max(1, n_rows))))
        for start in range(0, n, size):
            stop = min(n, start + size)
            first = self.regions.start
            yield slice(start, stop), slice(first + start * m, first + stop * m)
