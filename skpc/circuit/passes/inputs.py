"""The input layer: all leaves of all regions as one batched product.

Axes: D columns, d of a group, B rows, F leaf regions, K units, S statistics of a region (those of
its groups, each group's followed by a count), R rows of Phi, n incidences (a group in a leaf
region), t statistics of a family.

A group is the columns that one leaf owns, most often one. Phi holds the statistics and counts of
all groups for a block, (R, B), and theta the packed parameters, (F, S, K), in which the row of a
count holds -A(theta) (A is the log partition). Then the log densities of all units are theta'
Phi[rows of the region], and the expected statistics of flows are the transposed product.
`InputLayer._write` integrates missing cells out: it puts a zero in all rows of their group. A group
of several columns of which a row shows some is such a group too; the log density of what is seen
is added to its units (`partly_seen`). Where families have a log h that cancels against the rest,
its sum over the groups of a region is added inside.

The first f regions may be direct: each is one column, which product layers read without a sum
between. They read indicators of all values, and their densities take no logarithm (see
`block_statistics.DirectLeaves`).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..leaves import Leaf
from .block_statistics import BlockStatistics, DirectLeaves
from .cells import Cells
from .layout import groups_of, incidences, members_of, phi_starts
from .leaf_folds import LeafFold
from .partly_seen import PartlySeen, partly_seen
from .selection import Selected, Selection, assembled
from .shortcuts import may_fail


class InputLayer:
    """Leaf densities of every leaf region and their expected statistics.

    Parameters
    ----------
    scopes : sequence of tuple of int
        Columns of each leaf region, F of them.
    families : sequence of Leaf
        One per group; groups share a fold where the object is the same.
    groups : sequence of tuple of int
        Columns of each group; of all groups together, each of the D columns once.
    n_units : int
        K.
    device : torch.device
    n_direct : int, default=0
        Regions, the first f ones, that products read without a sum; each is one column of a
        closed family (see `Leaf`), whose statistics are indicators of values.
    """

    def __init__(
        self,
        scopes: Sequence[tuple[int, ...]],
        families: Sequence[Leaf],
        groups: Sequence[tuple[int, ...]],
        n_units: int,
        device: torch.device,
        n_direct: int = 0,
    ) -> None:
        of_column = {column: i for i, group in enumerate(groups) for column in group}
        self.n_columns, self.n_groups = len(of_column), len(groups)
        self.n_direct = n_direct
        self.n_units = n_units
        self.device = device
        widths = [family.n_statistics + 1 for family in families]
        regions = [groups_of(scope, groups, of_column) for scope in scopes]
        n_statistics = max(sum(widths[g] for g in region) for region in regions)
        self.shape = (len(regions), n_statistics, n_units)
        members = members_of(families)
        starts = phi_starts(members, widths)
        self.n_phi = sum(widths)
        index = self._phi_index(regions, widths, starts)
        self.index = torch.tensor(index, device=device).view(self.shape[:2])
        self.in_order = index == list(range(self.n_phi))
        self.incidences = incidences(regions, widths, n_statistics)
        self.folds = [self._fold(mine, families, groups, starts) for mine in members]
        direct = [region[0] for region in regions[:n_direct]]
        self.counts_of_direct = torch.tensor([widths[g] - 1 for g in direct], device=device).long()
        self.missing_of_direct = Selection([self._rest(g) + 1 for g in direct], device)
        self.summed = Selection(range(n_direct, len(regions)), device)
        self.precise = any(fold.family.precise for fold in self.folds)
        self.has_atoms = any(fold.family.n_atoms for fold in self.folds)

    def _phi_index(
        self, regions: Sequence[Sequence[int]], widths: list[int], starts: dict[int, int]
    ) -> list[int]:
        """Row of Phi of every statistic of every region; unused ones point at a row of zeros.

        In direct regions the indicator of the value that has no statistic replaces the count.
        """
        n_statistics = self.shape[1]
        index = []
        for i, region in enumerate(regions):
            rows = [starts[g] + row for g in region for row in range(widths[g])]
            if i < self.n_direct:
                rows[-1] = self._rest(region[0])
            index.extend(rows + [self.n_phi] * (n_statistics - len(rows)))
        return index

    def _rest(self, group: int) -> int:
        """Row of Phi that indicates a direct group's value without a statistic.

        The row after it indicates that the cell is missing.
        """
        return self.n_phi + 1 + 2 * group

    def _fold(
        self,
        mine: list[int],
        families: Sequence[Leaf],
        groups: Sequence[tuple[int, ...]],
        starts: dict[int, int],
    ) -> LeafFold:
        family = families[mine[0]]
        width = family.n_statistics + 1
        position = {g: i for i, g in enumerate(mine)}
        incidences_of_fold = [(g, row) for g, row in self.incidences if g in position]
        return LeafFold(
            family=family,
            groups=torch.tensor(mine, device=self.device),
            columns=torch.tensor([groups[g] for g in mine], device=self.device),
            phi=slice(starts[mine[0]], starts[mine[0]] + width * len(mine)),
            packed=Selection(
                [row + i for _, row in incidences_of_fold for i in range(width)], self.device
            ),
            group_of=torch.tensor([position[g] for g, _ in incidences_of_fold], device=self.device),
            region_of=torch.tensor(
                [row // self.shape[1] for _, row in incidences_of_fold], device=self.device
            ),
        )

    @property
    def n_rows_of_phi(self) -> int:
        """Rows R: those of all groups, a row of zeros and, with direct regions, `_rest`."""
        return self.n_phi + 1 + (2 * self.n_groups if self.n_direct else 0)

    def phi(self, cells: Cells) -> Tensor:
        """Each group's statistics and count, zero where missing, and a row of zeros, (R, B)."""
        return self.gather(cells).phi[: self.n_phi + 1]

    def counts(self, sums: Tensor) -> Tensor:
        """Rows that show the whole group of every column, from sums over rows of Phi (R,), (D,)."""
        counts = sums.new_zeros(self.n_columns)
        for fold in self.folds:
            counts[fold.columns] = sums[fold.phi].view(-1, fold.width)[:, -1:]
        return counts

    def gather(self, cells: Cells) -> BlockStatistics:
        """Statistics of B rows, as the regions read them."""
        n_rows = len(cells)
        phi = cells.values.new_zeros((self.n_rows_of_phi, n_rows))
        log_base, inside, partial = phi.new_zeros(n_rows), None, []
        incomplete = may_fail(cells.observed)
        for fold in self.folds:
            values, atoms, shown = fold.read(cells, incomplete)
            observed = shown if shown is None else _whole(shown)
            partial += partly_seen(fold, values, shown)
            self._write(phi, fold, fold.statistics(values, atoms), observed)
            if fold.family.has_base:
                logs = fold.log_base(values, atoms)
                # Integrate out: a missing cell has no log h either.
                logs = logs if observed is None else logs * observed
                if fold.family.base_inside:
                    inside = phi.new_zeros((self.shape[0], n_rows)) if inside is None else inside
                    inside.index_add_(0, fold.region_of, logs[fold.group_of])
                else:
                    log_base += logs.sum(dim=0)
        missing = None
        if self.n_direct and incomplete:
            missing = self.missing_of_direct.take(phi).unsqueeze(1)
        return BlockStatistics(phi, self.index, missing, log_base, inside, self.in_order, partial)

    def partly_seen(self, cells: Cells) -> list[PartlySeen]:
        """Groups in rows that show some of their cells and not all."""
        folds = [fold for fold in self.folds if fold.of_group is not None]
        read = [(fold, *fold.read(cells, incomplete=True)) for fold in folds]
        return [one for fold, values, _, shown in read for one in partly_seen(fold, values, shown)]

    def _write(
        self, phi: Tensor, fold: LeafFold, statistics: Tensor, observed: Tensor | None
    ) -> None:
        """Fill the rows of a fold in phi, with zeros where not all of a group is observed."""
        rows = phi[fold.phi].view(len(fold.columns), fold.width, -1)
        rows[:, :-1] = statistics
        rows[:, -1] = 1.0
        if observed is not None:
            # Integrate out: rows of zeros add log 1 = 0 to the log density of every unit.
            rows *= observed.unsqueeze(1)
        if self.n_direct and fold.family.closed:
            rest = phi[self.n_phi + 1 :].view(self.n_groups, 2, -1)
            rest[fold.groups, 0] = 2 * rows[:, -1] - rows.sum(dim=1)
            rest[fold.groups, 1] = 1 - rows[:, -1]

    def forward(self, packed: Tensor, statistics: BlockStatistics) -> Tensor:
        """Log densities of the regions that are not direct, (F, S, K) to (F - f, K, B).

        They contain the log h of families with `base_inside`.
        """
        theta = packed[self.n_direct :].transpose(1, 2)
        h = statistics.each(self.summed, lambda block, phi: torch.bmm(theta[block], phi))
        for partly in statistics.partial:
            logs = partly.log_marginal(packed).to(h.dtype)
            h[partly.regions[:, None] - self.n_direct, :, partly.rows] += logs.transpose(1, 2)
        if statistics.inside is None:
            return h
        return h.add_(statistics.inside[self.n_direct :].unsqueeze(1))

    def direct(
        self, packed: Tensor, statistics: BlockStatistics, dtype: torch.dtype
    ) -> DirectLeaves:
        """Densities of the direct regions, the first f of packed (F, S, K)."""
        packed = packed[: self.n_direct]
        # With fewer rows than values, their densities take fewer exponentials than all
        # probabilities would.
        if self.shape[1] >= statistics.n_rows:
            factors = packed.transpose(1, 2)
            return DirectLeaves(factors, statistics, None, self.counts_of_direct, dtype)
        counts = self.counts_of_direct[:, None, None].expand(-1, 1, packed.shape[2])
        base = packed.gather(1, counts)
        probabilities = (packed + base).scatter_(1, counts, base).exp_().to(dtype)
        missing = None if statistics.missing is None else statistics.missing.to(dtype)
        return DirectLeaves(probabilities.transpose(1, 2), statistics, missing, None, dtype)

    def expected_statistics(
        self, packed: Tensor, flows: Selected, statistics: BlockStatistics
    ) -> Tensor:
        """Flow-weighted sums of statistics and counts, (F, S, K).

        Parameters
        ----------
        packed : Tensor (F, S, K)
            Parameters, of which the statistics of partly seen groups depend.
        flows : list of (Selection, Tensor (n, K, B))
            Flows into selected regions, which together are all regions.
        statistics : BlockStatistics
        """
        sums = assembled([(chosen, _weighted(statistics, chosen, flow)) for chosen, flow in flows])
        if self.n_direct:
            direct = sums[: self.n_direct]
            counts = self.counts_of_direct[:, None, None].expand(-1, 1, sums.shape[2])
            direct.scatter_(1, counts, direct.sum(dim=1, keepdim=True))
        for partly in statistics.partial:
            found = partly.completed(packed, _flow_into(flows, partly.regions)[:, :, partly.rows])
            partly.add(sums, *found)
        return sums

    def from_expectation(self, sums: Tensor, template: Tensor) -> Tensor:
        """Packed parameters whose expectations are sums / counts.

        Parameters
        ----------
        sums : Tensor (F, S, K)
            Sums of statistics and counts.
        template : Tensor (F, S, K)
            Parameters kept by units with a count of zero.

        Returns
        -------
        Tensor (F, S, K)
        """
        packed = template.clone()
        for fold in self.folds:
            values, counts = fold.unpack(sums)
            alive = counts > 0
            unused = may_fail(alive)
            mu = fold.family.project(values / (counts.where(alive, 1.0) if unused else counts))
            theta = fold.family.natural(mu)
            base = -fold.family.log_partition(theta).unsqueeze(1)
            if unused:
                kept, kept_base = fold.unpack(template)
                theta, base = theta.where(alive, kept), base.where(alive, kept_base)
            fold.pack(packed, theta, base)
        return packed


def _whole(shown: Tensor) -> Tensor:
    """Which rows show a whole group, (n_groups, d, B) to (n_groups, B)."""
    return shown[:, 0] if shown.shape[1] == 1 else shown.all(dim=1)


def _flow_into(flows: Selected, regions: Tensor) -> Tensor:
    """Flows into some regions (m,), of those into all of them; (m, K, B)."""
    place = {
        region: flow[i] for chosen, flow in flows for i, region in enumerate(chosen.index.tolist())
    }
    return torch.stack([place[region] for region in regions.tolist()])


def _weighted(statistics: BlockStatistics, regions: Selection, flow: Tensor) -> Tensor:
    """Statistics of regions summed over rows with weights flow (n, K, B), (n, S, K)."""
    weights = flow.to(statistics.phi.dtype).transpose(1, 2)
    return statistics.each(regions, lambda block, phi: torch.bmm(phi, weights[block]))
