"""Groups of columns in rows that show some of their cells and not all.

Axes: d columns of a group, o of them seen, B rows, b of them, F leaf regions, K units, S statistics
of a region, m incidences of the group, t statistics of its family.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ..leaves import GroupLeaf
from .leaf_folds import LeafFold


@dataclass(frozen=True)
class PartlySeen:
    """Rows that show the same cells of a group, some of them and not all.

    Attributes
    ----------
    fold : LeafFold
    group : int
        Position of the group in the fold.
    seen : tuple of int
        Positions of the seen columns in the group, o of them.
    rows : Tensor (b,)
    values : Tensor (o, b)
    """

    fold: LeafFold
    group: int
    seen: tuple[int, ...]
    rows: Tensor
    values: Tensor

    @cached_property
    def family(self) -> GroupLeaf:
        """The family, which has several columns."""
        assert self.fold.of_group is not None
        return self.fold.of_group

    @cached_property
    def incidences(self) -> Tensor:
        """Of the group, positions among those of the fold, (m,)."""
        return torch.nonzero(self.fold.group_of == self.group)[:, 0]

    @property
    def regions(self) -> Tensor:
        """Leaf regions of the incidences, (m,)."""
        return self.fold.region_of[self.incidences]

    @cached_property
    def hidden(self) -> Tensor:
        """Columns of the group that are not seen, (d - o,)."""
        columns = self.fold.columns[self.group]
        return columns[[i for i in range(len(columns)) if i not in self.seen]]

    def parameters(self, packed: Tensor) -> Tensor:
        """Those of the group in packed (N, K), (m, t, K); float64, as marginals may cancel."""
        return self.fold.unpack(packed)[0][self.incidences].double()

    def evidence(self, n: int) -> Tensor:
        """The seen cells for each of n incidences, (n, o, b); float64."""
        return self.values.double().expand(n, -1, -1)

    def log_marginal(self, packed: Tensor) -> Tensor:
        """Log density of the seen cells in every unit, packed (N, K) to (m, K, b)."""
        # Integrate out: the family knows the density of some of its columns in closed form.
        family, theta = self.family.marginal(self.parameters(packed), self.seen)
        cells = self.evidence(len(theta))
        inner = torch.bmm(theta.transpose(1, 2), family.statistics(cells))
        inner -= family.log_partition(theta).unsqueeze(2)
        return inner + family.log_base(cells).unsqueeze(1) if family.has_base else inner

    def add(self, packed: Tensor, values: Tensor, counts: Tensor) -> None:
        """Add sums (m, t, K) and counts (m, 1, K) of the group to packed (N, K), in place."""
        all_values, all_counts = self.fold.unpack(packed)
        self.fold.pack(
            packed,
            all_values.index_add(0, self.incidences, values.to(packed.dtype)),
            all_counts.index_add(0, self.incidences, counts.to(packed.dtype)),
        )

    def completed(self, packed: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
        """Expected sums of statistics (m, t, K) and counts (m, 1, K) of flows (m, K, b)."""
        theta, flow = self.parameters(packed), flow.double()
        sums = self.family.completed(theta, self.seen, self.evidence(len(theta)), flow)
        return sums, flow.sum(dim=2).unsqueeze(1)


def partly_seen(fold: LeafFold, values: Tensor, observed: Tensor | None) -> list[PartlySeen]:
    """Groups in rows that show some of their cells and not all, both (n_groups, d, B)."""
    if fold.of_group is None or observed is None:
        return []
    return [
        PartlySeen(fold, i, seen, rows, values[i][list(seen)][:, rows])
        for i, shown in enumerate(observed)
        for seen, rows in partial_patterns(shown.T)
    ]


def partial_patterns(observed: Tensor) -> list[tuple[tuple[int, ...], Tensor]]:
    """Patterns of seen columns, and their rows (b,), of rows (B, d) that show some and not all."""
    partly = torch.nonzero(observed.any(dim=1) & ~observed.all(dim=1))[:, 0]
    if not len(partly):
        return []
    patterns, pattern_of = torch.unique(observed[partly], dim=0, return_inverse=True)
    return [
        (tuple(torch.nonzero(pattern)[:, 0].tolist()), partly[pattern_of == i])
        for i, pattern in enumerate(patterns)
    ]
