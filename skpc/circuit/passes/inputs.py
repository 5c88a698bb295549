"""The input layer: all leaves of all regions as one batched product.

Axes: D columns, B rows, F leaf regions, K units, S slots of a region (the statistics of
its columns, each column's followed by a count), n incidences (a column in a leaf
region), t statistics of a family.

With Phi the slots of a block, (slots, B), and theta the packed parameters, (F, S, K), in
which the slot of a count holds -A(theta), the log densities of all units are
theta' Phi[slots of region], and the expected statistics of flows are the transposed
product. A missing cell is a zero in all slots of its column. Where families have a log h
that cancels against the rest, its sum over the columns of a region is added inside.

The first f regions may be direct: one column each, which products read without a sum. Their
slots are indicators of all values, and densities are made without logarithms (see `slots`).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..leaves import Leaf
from .block_statistics import Direct, Slots
from .groups import LeafGroup, incidences, members_of, phi_starts
from .selection import Placed, Places, joined
from .shortcuts import may_fail


class InputLayer:
    """Leaf densities of every leaf region and their expected statistics.

    Parameters
    ----------
    scopes : sequence of tuple of int
        Columns of each leaf region, F of them.
    families : sequence of Leaf
        One a column, D of them; columns share a group where the object is the same.
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
        n_units: int,
        device: torch.device,
        n_direct: int = 0,
    ) -> None:
        self.n_columns = len(families)
        self.n_direct = n_direct
        self.n_units = n_units
        self.device = device
        widths = [family.n_statistics + 1 for family in families]
        n_slots = max(sum(widths[v] for v in scope) for scope in scopes)
        self.shape = (len(scopes), n_slots, n_units)
        members = members_of(families)
        starts = phi_starts(members, widths)
        self.n_phi = sum(widths)
        index = self._slot_index(scopes, widths, starts)
        self.index = torch.tensor(index, device=device).view(self.shape[:2])
        self.in_order = index == list(range(self.n_phi))
        self.incidences = incidences(scopes, widths, n_slots)
        self.groups = [self._group(columns, families, starts) for columns in members]
        columns = [scope[0] for scope in scopes[:n_direct]]
        self.counts_of_direct = torch.tensor([widths[v] - 1 for v in columns], device=device).long()
        self.missing = Places([self._others(v) + 1 for v in columns], device)
        self.summed = Places(range(n_direct, len(scopes)), device)
        self.precise = any(group.family.precise for group in self.groups)

    def _slot_index(
        self, scopes: Sequence[tuple[int, ...]], widths: list[int], starts: dict[int, int]
    ) -> list[int]:
        """Row of Phi of every slot of every region; unused slots point at a row of zeros.

        In direct regions the value that has no statistic takes the slot of the count.
        """
        n_slots = self.shape[1]
        index = []
        for region, scope in enumerate(scopes):
            slots = [starts[v] + i for v in scope for i in range(widths[v])]
            if region < self.n_direct:
                slots[-1] = self._others(scope[0])
            index.extend(slots + [self.n_phi] * (n_slots - len(slots)))
        return index

    def _others(self, column: int) -> int:
        """Row of phi where a column has a value without a statistic; the next: where no cell."""
        return self.n_phi + 1 + 2 * column

    def _group(
        self, columns: list[int], families: Sequence[Leaf], starts: dict[int, int]
    ) -> LeafGroup:
        family = families[columns[0]]
        width = family.n_statistics + 1
        position = {v: i for i, v in enumerate(columns)}
        mine = [(v, row) for v, row in self.incidences if v in position]
        return LeafGroup(
            family=family,
            columns=torch.tensor(columns, device=self.device),
            phi=slice(starts[columns[0]], starts[columns[0]] + width * len(columns)),
            packed=Places([row + i for _, row in mine for i in range(width)], self.device),
            column_of=torch.tensor([position[v] for v, _ in mine], device=self.device),
            region_of=torch.tensor([row // self.shape[1] for _, row in mine], device=self.device),
        )

    @property
    def n_rows_of_phi(self) -> int:
        """Slots of all columns, a row of zeros, and with direct regions `_others`."""
        return self.n_phi + 1 + (2 * self.n_columns if self.n_direct else 0)

    def phi(self, x: Tensor) -> Tensor:
        """Slots of a block.

        Parameters
        ----------
        x : Tensor (B, D)
            Codes and standardised numbers, NaN where missing.

        Returns
        -------
        Tensor (slots + 1, B)
            Each column's statistics and count, zero where missing, and a row of zeros.
        """
        return self.gather(x).phi[: self.n_phi + 1]

    def counts(self, sums: Tensor) -> Tensor:
        """Observed rows of every column from sums over slots (slots + 1,), (D,)."""
        counts = sums.new_zeros(self.n_columns)
        for group in self.groups:
            counts[group.columns] = sums[group.phi].view(-1, group.width)[:, -1]
        return counts

    def gather(self, x: Tensor) -> Slots:
        """What the regions read of rows x (B, D)."""
        phi = x.new_zeros((self.n_rows_of_phi, x.shape[0]))
        log_base, inside, holes = x.new_zeros(x.shape[0]), None, False
        for group in self.groups:
            values = x.T.index_select(0, group.columns)
            seen = ~torch.isnan(values)
            some = may_fail(seen)
            values = torch.where(seen, values, group.family.fill) if some else values
            slots = phi[group.phi].view(len(values), group.width, -1)
            slots[:, :-1] = group.family.statistics(values)
            slots[:, -1] = 1.0
            if some:
                slots *= seen.unsqueeze(1)
                holes = True
            if self.n_direct and group.family.closed:
                more = phi[self.n_phi + 1 :].view(self.n_columns, 2, -1)
                more[group.columns, 0] = 2 * slots[:, -1] - slots.sum(dim=1)
                more[group.columns, 1] = 1 - slots[:, -1]
            if group.family.has_base:
                logs = group.family.log_base(values)
                logs = logs * seen if some else logs
                if group.family.base_inside:
                    inside = x.new_zeros((self.shape[0], len(x))) if inside is None else inside
                    inside.index_add_(0, group.region_of, logs[group.column_of])
                else:
                    log_base += logs.sum(dim=0)
        missing = self.missing.take(phi).unsqueeze(1) if self.n_direct and holes else None
        return Slots(phi, self.index, missing, log_base, inside, self.in_order)

    def forward(self, packed: Tensor, slots: Slots) -> Tensor:
        """Log densities of the regions that are not direct, (F, S, K) to (F - f, K, B).

        With the log h of families that have it inside.
        """
        packed = packed[self.n_direct :].transpose(1, 2)
        h = slots.each(self.summed, lambda some, values: torch.bmm(packed[some], values))
        if slots.inside is None:
            return h
        return h.add_(slots.inside[self.n_direct :].unsqueeze(1))

    def direct(self, packed: Tensor, slots: Slots, dtype: torch.dtype) -> Direct:
        """Densities of the direct regions, the first f of packed (F, S, K)."""
        packed = packed[: self.n_direct]
        # Few rows of columns of many values need fewer exponentials than their probabilities.
        if self.shape[1] >= slots.phi.shape[1]:
            return Direct(packed.transpose(1, 2), slots, None, self.counts_of_direct, dtype)
        counts = self.counts_of_direct[:, None, None].expand(-1, 1, packed.shape[2])
        base = packed.gather(1, counts)
        probabilities = (packed + base).scatter_(1, counts, base).exp_().to(dtype)
        missing = None if slots.missing is None else slots.missing.to(dtype)
        return Direct(probabilities.transpose(1, 2), slots, missing, None, dtype)

    def expected_statistics(self, parts: Placed, slots: Slots) -> Tensor:
        """Flow-weighted sums of statistics and counts, (F, S, K).

        Parameters
        ----------
        parts : list of (Places, Tensor (n, K, B))
            Flows into regions, some at a time, all in the end.
        slots : Slots
        """
        sums = joined([(places, _weighted(slots, places, flow)) for places, flow in parts])
        if self.n_direct:
            direct = sums[: self.n_direct]
            counts = self.counts_of_direct[:, None, None].expand(-1, 1, sums.shape[2])
            direct.scatter_(1, counts, direct.sum(dim=1, keepdim=True))
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
        for group in self.groups:
            values, counts = group.unpack(sums)
            alive = counts > 0
            some = may_fail(alive)
            mu = group.family.project(values / (counts.where(alive, 1.0) if some else counts))
            theta = group.family.natural(mu)
            base = -group.family.log_partition(theta).unsqueeze(1)
            if some:
                kept, kept_base = group.unpack(template)
                theta, base = theta.where(alive, kept), base.where(alive, kept_base)
            group.pack(packed, theta, base)
        return packed


def _weighted(slots: Slots, places: Places, flow: Tensor) -> Tensor:
    """Slots of some regions summed over rows with weights flow (n, K, B), (n, S, K)."""
    weights = flow.to(slots.phi.dtype).transpose(1, 2)
    return slots.each(places, lambda some, values: torch.bmm(values, weights[some]))
