"""The input layer: all leaves of all regions, a batched product a block.

Axes: D columns, d of a group, B rows, F leaf regions, f of them direct, n scopes of a block, m leaf
regions of a scope, S statistics of a scope (those of its groups, each group's followed by a
count), K units, N rows of the packed parameters, R rows of Phi, t statistics of a family.

A group is the columns that one leaf owns, most often one. Phi holds the statistics and counts of
all groups for a block of rows, (R, B), and theta the packed parameters, (N, K), in which the row of
a count holds -A(theta) (A is the log partition). Then the log densities of all units of a block of
regions (`leaf_blocks`) are theta' Phi[rows of the scopes], and the expected statistics of flows are
the transposed product. `InputLayer._write` integrates missing cells out: it puts a zero in all rows
of their group. A group of several columns of which a row shows some is such a group too; the log
density of what is seen is added to its units (`partly_seen`). Where families have a log h that
cancels against the rest, its sum over the groups of a region is added inside.

The first f regions may be direct: each is one column, which product layers read without a sum
between. They read indicators of all values, and their densities take no logarithm.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ..leaves import Leaf
from .block_statistics import BlockStatistics
from .cells import Cells
from .layout import members_of, phi_index, phi_starts
from .leaf_blocks import BlockPlan, LeafBlock
from .leaf_folds import LeafFold
from .partly_seen import PartlySeen, partly_seen
from .selection import Selection
from .shortcuts import may_fail
from .trace import Scaled, from_logs


class InputLayer:
    """Leaf densities of every leaf region and their expected statistics.

    Parameters
    ----------
    plans : sequence of BlockPlan
        Blocks of the leaf regions in their order, direct ones first.
    families : sequence of Leaf
        One per group; groups share a fold where the object is the same.
    groups : sequence of tuple of int
        Columns of each group; of all groups together, each of the D columns once.
    n_units : int
        K.
    device : torch.device
    """

    def __init__(
        self,
        plans: Sequence[BlockPlan],
        families: Sequence[Leaf],
        groups: Sequence[tuple[int, ...]],
        n_units: int,
        device: torch.device,
    ) -> None:
        self.n_columns, self.n_groups = sum(len(group) for group in groups), len(groups)
        self.n_units, self.device = n_units, device
        widths = [family.n_statistics + 1 for family in families]
        members = members_of(families)
        starts = phi_starts(members, widths)
        self.n_phi = sum(widths)
        self.blocks: list[LeafBlock] = []
        for plan in plans:
            self.blocks.append(self._block(plan, widths, starts))
        self.n_regions, n_rows = self.blocks[-1].regions.stop, self.blocks[-1].rows.stop
        self.shape = (n_rows, n_units)
        self.n_direct = sum(block.n_regions for block in self.blocks if block.direct)
        self.n_summed = self.n_regions - self.n_direct
        whole = list(zip(plans, self.blocks, strict=True))
        self.folds = [self._fold(mine, whole, families, groups, starts) for mine in members]
        families_of = [family_of(plan, block, families) for plan, block in whole]
        pairs = zip(families_of, self.blocks, strict=True)
        # In a block of one family the units of a scope's regions stand side by side, as those of
        # one region would, and nothing has to be gathered for an M-step.
        self.parts: list[tuple[Leaf, LeafBlock | LeafFold]] = [
            (family, block) for family, block in pairs if family is not None
        ]
        mixed = [one for one, family in zip(whole, families_of, strict=True) if family is None]
        of_mixed = [self._fold(mine, mixed, families, groups, starts) for mine in members]
        self.parts += [(fold.family, fold) for fold in of_mixed if len(fold.group_of)]
        self.precise = any(fold.family.precise for fold in self.folds)
        self.has_atoms = any(fold.family.n_atoms for fold in self.folds)

    def _block(self, plan: BlockPlan, widths: list[int], starts: dict[int, int]) -> LeafBlock:
        """The next block after those that are there."""
        index = phi_index(plan.scopes, widths, starts, zeros=self.n_phi)
        shape = (len(index), len(index[0]), len(plan.regions[0]))
        region, row = 0, 0
        if self.blocks:
            region, row = self.blocks[-1].regions.stop, self.blocks[-1].rows.stop
        own = [sum(widths[g] for g in scope) for scope in plan.scopes]
        missing = []
        if plan.direct:
            # The indicator of the value that has no statistic replaces the count.
            for rows, n, (group,) in zip(index, own, plan.scopes, strict=True):
                rows[n - 1] = self._rest(group)
                missing.append(self._rest(group) + 1)
        flat = [i for rows in index for i in rows]
        return LeafBlock(
            regions=slice(region, region + shape[0] * shape[2]),
            rows=slice(row, row + shape[0] * shape[1] * shape[2]),
            shape=shape,
            direct=plan.direct,
            precise=plan.precise,
            index=torch.tensor(index, device=self.device),
            first=flat[0] if flat == list(range(flat[0], flat[0] + len(flat))) else None,
            counts=torch.tensor(own, device=self.device) - 1,
            missing=torch.tensor(missing, dtype=torch.long, device=self.device),
        )

    def _rest(self, group: int) -> int:
        """Row of Phi that indicates a direct group's value without a statistic.

        The row after it indicates that the cell is missing.
        """
        return self.n_phi + 1 + 2 * group

    def _fold(
        self,
        mine: list[int],
        blocks: Sequence[tuple[BlockPlan, LeafBlock]],
        families: Sequence[Leaf],
        groups: Sequence[tuple[int, ...]],
        starts: dict[int, int],
    ) -> LeafFold:
        family = families[mine[0]]
        width = family.n_statistics + 1
        position = {g: i for i, g in enumerate(mine)}
        group_of: list[int] = []
        region_of: list[int] = []
        rows: list[int] = []
        for group, region, row, stride in incidences(blocks, families):
            if group in position:
                group_of.append(position[group])
                region_of.append(region)
                rows.extend(range(row, row + width * stride, stride))
        return LeafFold(
            family=family,
            groups=torch.tensor(mine, device=self.device),
            columns=torch.tensor([groups[g] for g in mine], device=self.device),
            phi=slice(starts[mine[0]], starts[mine[0]] + width * len(mine)),
            packed=Selection(rows, self.device),
            group_of=torch.tensor(group_of, device=self.device),
            region_of=torch.tensor(region_of, device=self.device),
        )

    @property
    def n_rows_of_phi(self) -> int:
        """Rows R: those of all groups, a row of zeros and, with direct regions, `_rest`."""
        return self.n_phi + 1 + (2 * self.n_groups if self.n_direct else 0)

    def phi(self, cells: Cells) -> Tensor:
        """Each group's statistics and count, zero where missing, and a row of zeros, (R, B)."""
        return self.gather(cells, cells.values.dtype).phi[: self.n_phi + 1]

    def counts(self, sums: Tensor) -> Tensor:
        """Rows that show the whole group of every column, from sums over rows of Phi (R,), (D,)."""
        counts = sums.new_zeros(self.n_columns)
        for fold in self.folds:
            counts[fold.columns] = sums[fold.phi].view(-1, fold.width)[:, -1:]
        return counts

    def gather(self, cells: Cells, dtype: torch.dtype) -> BlockStatistics:
        """Statistics of B rows, as the regions read them in passes of a type."""
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
                    inside = phi.new_zeros((self.n_regions, n_rows)) if inside is None else inside
                    inside.index_add_(0, fold.region_of, logs[fold.group_of])
                else:
                    log_base += logs.sum(dim=0)
        return BlockStatistics(phi, dtype, incomplete, log_base, inside, partial)

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

    def log_densities(self, packed: Tensor, statistics: BlockStatistics) -> Tensor:
        """Log densities of the regions that are not direct, (N, K) to (F - f, K, B).

        They contain the log h of families with `base_inside`.
        """
        parts = list(self._log_densities(packed, statistics))
        return parts[0][1] if len(parts) == 1 else torch.cat([h.to(packed) for _, h in parts])

    def forward(self, packed: Tensor, statistics: BlockStatistics) -> Scaled:
        """Densities of the regions that are not direct, with their maxima taken out."""
        shape = (self.n_summed, self.n_units, statistics.n_rows)
        values = statistics.phi.new_empty(shape, dtype=statistics.dtype)
        logs = values.new_empty((shape[0], 1, shape[2]))
        for regions, h in self._log_densities(packed, statistics):
            found = from_logs(h, statistics.dtype)
            if len(found.values) == shape[0]:
                return found
            values[regions], logs[regions] = found.values, found.logs
        return Scaled(values, logs)

    def _log_densities(
        self, packed: Tensor, statistics: BlockStatistics
    ) -> Iterator[tuple[slice, Tensor]]:
        """Log densities (.., K, B) of all regions that are not direct, some at a time.

        They come with the regions' positions among those that are not direct.
        """
        partial = [(one.regions, one.rows, one.log_marginal(packed)) for one in statistics.partial]
        for block in self.blocks:
            if block.direct:
                continue
            for scopes, regions in block.parts(statistics.n_rows, self.device):
                phi = statistics.of(block, scopes)
                theta = block.of(packed)[scopes].to(phi.dtype)
                h = torch.bmm(theta.transpose(1, 2), phi).view(-1, self.n_units, phi.shape[2])
                for of_regions, rows, logs in partial:
                    here = (of_regions >= regions.start) & (of_regions < regions.stop)
                    place = of_regions[here, None] - regions.start
                    h[place, :, rows] += logs[here].to(h.dtype).transpose(1, 2)
                if statistics.inside is not None:
                    h.add_(statistics.inside[regions].unsqueeze(1))
                yield slice(regions.start - self.n_direct, regions.stop - self.n_direct), h

    def direct(self, packed: Tensor, statistics: BlockStatistics) -> Tensor:
        """Densities of the direct regions, which are the first ones, (f, K, B)."""
        shape = (self.n_direct, self.n_units, statistics.n_rows)
        densities = statistics.phi.new_empty(shape, dtype=statistics.dtype)
        for block in self.blocks:
            if block.direct:
                factors, missing = self._factors(block, packed, statistics)
                for scopes, regions in block.parts(statistics.n_rows, self.device):
                    values = statistics.of(block, scopes)
                    out = densities[regions].view(len(values), -1, statistics.n_rows)
                    if block.shape[1] < statistics.n_rows:
                        torch.bmm(factors[scopes].transpose(1, 2), values, out=out)
                        if missing is not None:
                            out += missing[scopes]
                    else:
                        # An observed cell has one of the values, so its count is their sum. To
                        # integrate a missing one out, its indicators and its count are zero: the
                        # density is exp(0) = 1.
                        row = block.counts[scopes, None, None].expand(-1, 1, values.shape[2])
                        values = values.scatter(1, row, values.sum(dim=1, keepdim=True))
                        torch.bmm(factors[scopes].transpose(1, 2), values, out=out).exp_()
        return densities

    def codes(self, statistics: BlockStatistics) -> Tensor:
        """Which of its values every cell of a direct group has, -1 where missing, (groups, B)."""
        shape = (self.n_groups, statistics.n_rows)
        codes = torch.full(shape, -1, dtype=torch.int32, device=self.device)
        for block in self.blocks:
            if block.direct:
                values = statistics.of(block, slice(0, block.shape[0]))
                numbers = torch.arange(1, block.shape[1] + 1, dtype=values.dtype).to(values.device)
                found = (numbers @ values).int() - 1
                groups = (block.missing - self._rest(0) - 1) // 2
                # A cell that no value fits is one without an indicator.
                codes[groups] = found.minimum(block.counts.int()[:, None])
        return codes

    def _factors(
        self, block: LeafBlock, packed: Tensor, statistics: BlockStatistics
    ) -> tuple[Tensor, Tensor | None]:
        """What the indicators of a direct block are multiplied by, (n, S, m K).

        With fewer rows than values these are the natural parameters, as densities then take fewer
        exponentials; else the probabilities of all values, to which the ones of missing cells,
        (n, 1, B), are added to integrate them out, since their indicators are zero.
        """
        if block.shape[1] >= statistics.n_rows:
            return block.of(packed).to(statistics.dtype), None
        probabilities = self._probabilities(block, packed).to(statistics.dtype)
        if not statistics.may_miss:
            return probabilities, None
        missing = statistics.phi.index_select(0, block.missing).to(statistics.dtype)
        return probabilities, missing.unsqueeze(1)

    def _probabilities(self, block: LeafBlock, packed: Tensor) -> Tensor:
        """Probabilities of all values of a direct block, (n, S, m K)."""
        theta = block.of(packed)
        counts = block.counts[:, None, None].expand(-1, 1, theta.shape[2])
        base = theta.gather(1, counts)
        return (theta + base).scatter_(1, counts, base).exp_()

    def expected_statistics(
        self, packed: Tensor, flows: Tensor, statistics: BlockStatistics
    ) -> Tensor:
        """Flow-weighted sums of statistics and counts, (N, K), float64.

        Parameters
        ----------
        packed : Tensor (N, K)
            Parameters, of which the statistics of partly seen groups depend.
        flows : Tensor (F, K, B)
            Flows into the regions.
        statistics : BlockStatistics
        """
        sums = statistics.phi.new_empty(self.shape, dtype=torch.float64)
        for block in self.blocks:
            into = block.of(sums)
            for scopes, regions in block.parts(statistics.n_rows, self.device):
                phi = statistics.of(block, scopes)
                weights = flows[regions].to(phi.dtype).view(len(phi), -1, phi.shape[2])
                into[scopes] = torch.bmm(phi, weights.transpose(1, 2))
            if block.direct:
                block.sum_values(into)
        for partly in statistics.partial:
            flow = flows[partly.regions][:, :, partly.rows]
            partly.add(sums, *partly.completed(packed, flow))
        return sums

    def from_expectation(self, sums: Tensor, template: Tensor) -> Tensor:
        """Packed parameters whose expectations are sums / counts.

        Parameters
        ----------
        sums : Tensor (N, K)
            Sums of statistics and counts.
        template : Tensor (N, K)
            Parameters kept by units with a count of zero.

        Returns
        -------
        Tensor (N, K)
        """
        packed = template.clone()
        for family, part in self.parts:
            update_part(family, part, sums, template, packed)
        return packed


def update_part(
    family: Leaf, part: LeafBlock | LeafFold, sums: Tensor, template: Tensor, packed: Tensor
) -> None:
    """Write the parameters of a part of the packed numbers, see `from_expectation`."""
    values, counts = part.unpack(sums)
    alive = counts > 0
    unused = may_fail(alive)
    mu = family.project(values / (counts.where(alive, 1.0) if unused else counts))
    theta = family.natural(mu)
    base = -family.log_partition(theta).unsqueeze(1)
    if unused:
        kept, kept_base = part.unpack(template)
        theta, base = theta.where(alive, kept), base.where(alive, kept_base)
    part.pack(packed, theta, base)


def _whole(shown: Tensor) -> Tensor:
    """Which rows show a whole group, (n_groups, d, B) to (n_groups, B)."""
    return shown[:, 0] if shown.shape[1] == 1 else shown.all(dim=1)


def family_of(plan: BlockPlan, block: LeafBlock, families: Sequence[Leaf]) -> Leaf | None:
    """The family of a block whose regions are one group of it each, without padding, else None."""
    groups = [scope[0] for scope in plan.scopes if len(scope) == 1]
    family = families[plan.scopes[0][0]]
    alike = len(groups) == len(plan.scopes) and all(families[g] is family for g in groups)
    return family if alike and block.shape[1] == family.n_statistics + 1 else None


def incidences(
    blocks: Sequence[tuple[BlockPlan, LeafBlock]], families: Sequence[Leaf]
) -> Iterator[tuple[int, int, int, int]]:
    """Every group in every leaf region: the region, its first row in the packed numbers, a stride.

    The rows of a region are as far from one another as its scope has regions.
    """
    for plan, block in blocks:
        _, n_statistics, m = block.shape
        for i, scope in enumerate(plan.scopes):
            row = block.rows.start + i * n_statistics * m
            for group in scope:
                for copy in range(m):
                    yield group, block.regions.start + i * m + copy, row + copy, m
                row += (families[group].n_statistics + 1) * m
