"""The input layer: all leaves of all regions as one batched product.

Axes: D columns, B rows, F leaf regions, K units, S slots of a region (the statistics of
its columns, each column's followed by a count), n incidences (a column in a leaf
region), t statistics of a family.

With Phi the slots of a block, (slots, B), and theta the packed parameters, (F, S, K), in
which the slot of a count holds -A(theta), the log densities of all units are
theta' Phi[slots of region], and the expected statistics of flows are the transposed
product. A missing cell is a zero in all slots of its column. Where families have a log h
that cancels against the rest, one more slot a region holds the sum of log h of its columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .leaves import Leaf
from .places import Places


@dataclass(frozen=True)
class LeafGroup:
    """Columns of one family with the same number of statistics.

    Attributes
    ----------
    family : Leaf
    columns : Tensor (n_columns,)
    phi : slice
        Slots of these columns in Phi.
    packed : Places
        Places of all their incidences in the packed parameters seen as (F S, K).
    column_of : Tensor (n,)
        For each incidence its position in `columns`.
    region_of : Tensor (n,)
        For each incidence its leaf region.
    """

    family: Leaf
    columns: Tensor
    phi: slice
    packed: Places
    column_of: Tensor
    region_of: Tensor

    @property
    def width(self) -> int:
        """Slots of one column: its statistics and a count."""
        return self.family.n_statistics + 1

    def unpack(self, packed: Tensor) -> tuple[Tensor, Tensor]:
        """Packed (F, S, K) to statistics or parameters (n, t, K) and counts (n, 1, K)."""
        rows = self.packed.take(packed.reshape(-1, packed.shape[-1]))
        rows = rows.reshape(-1, self.width, packed.shape[-1])
        return rows[:, :-1], rows[:, -1:]

    def pack(self, packed: Tensor, values: Tensor, counts: Tensor) -> None:
        """Write (n, t, K) and (n, 1, K) into a contiguous packed (F, S, K)."""
        rows = torch.cat([values, counts], dim=1).reshape(-1, packed.shape[-1])
        self.packed.put(packed.view(-1, packed.shape[-1]), rows)


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
    """

    def __init__(
        self,
        scopes: Sequence[tuple[int, ...]],
        families: Sequence[Leaf],
        n_units: int,
        device: torch.device,
    ) -> None:
        self.n_columns = len(families)
        self.n_units = n_units
        self.device = device
        widths = [family.n_statistics + 1 for family in families]
        n_slots = max(sum(widths[v] for v in scope) for scope in scopes)
        self.shape = (len(scopes), n_slots, n_units)
        members = _members(families)
        starts = _phi_starts(members, widths)
        self.n_phi = sum(widths)
        self.index = self._slot_index(scopes, widths, starts)
        self.incidences = _incidences(scopes, widths, n_slots)
        self.groups = [self._group(columns, families, starts) for columns in members]
        self.precise = any(group.family.precise for group in self.groups)

    def _slot_index(
        self, scopes: Sequence[tuple[int, ...]], widths: list[int], starts: dict[int, int]
    ) -> Places:
        """Row of Phi of every slot of every region; unused slots point at a row of zeros."""
        n_slots = self.shape[1]
        index = []
        for scope in scopes:
            slots = [starts[v] + i for v in scope for i in range(widths[v])]
            index.extend(slots + [self.n_phi] * (n_slots - len(slots)))
        return Places(index, self.device)

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
        phi = x.new_zeros((self.n_phi + 1, x.shape[0]))
        for group in self.groups:
            values = x[:, group.columns].T
            seen = ~torch.isnan(values)
            values = torch.where(seen, values, group.family.fill)
            statistics = group.family.statistics(values) * seen.unsqueeze(1)
            slots = torch.cat([statistics, seen.unsqueeze(1).to(x.dtype)], dim=1)
            phi[group.phi] = slots.reshape(-1, x.shape[0])
        return phi

    def counts(self, sums: Tensor) -> Tensor:
        """Observed rows of every column from sums over slots (slots + 1,), (D,)."""
        counts = sums.new_zeros(self.n_columns)
        for group in self.groups:
            counts[group.columns] = sums[group.phi].view(-1, group.width)[:, -1]
        return counts

    def log_base(self, x: Tensor) -> Tensor:
        """Sum over observed cells of log h, (B, D) to (B,): equal for all units.

        Without the families that have it inside their leaves.
        """
        total = x.new_zeros(x.shape[0])
        for group in self.groups:
            if group.family.has_base and not group.family.base_inside:
                total += _log_base(group, x).sum(dim=0)
        return total

    def gather(self, x: Tensor) -> Tensor:
        """Slots of each region for rows x (B, D), (F, S, B), or (F, S + 1, B) with bases."""
        slots = self.index.take(self.phi(x)).view(self.shape[0], self.shape[1], -1)
        inside = [group for group in self.groups if group.family.base_inside]
        if not inside:
            return slots
        base = slots.new_zeros((self.shape[0], slots.shape[2]))
        for group in inside:
            base.index_add_(0, group.region_of, _log_base(group, x)[group.column_of])
        return torch.cat([slots, base.unsqueeze(1)], dim=1)

    def forward(self, packed: Tensor, gathered: Tensor) -> Tensor:
        """Log densities, with those log h that are inside: (F, S, K) to (F, K, B)."""
        slots, base = gathered[:, : self.shape[1]], gathered[:, self.shape[1] :]
        h = torch.bmm(packed.transpose(1, 2), slots)
        return h + base if base.shape[1] else h

    def expected_statistics(self, flow: Tensor, gathered: Tensor) -> Tensor:
        """Flow-weighted sums: flow (F, K, B), slots from `gather` to (F, S, K)."""
        slots = gathered[:, : self.shape[1]]
        return torch.bmm(slots, flow.to(slots.dtype).transpose(1, 2))

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
            theta, base = group.unpack(template)
            alive = counts > 0
            mu = group.family.project(values / torch.where(alive, counts, 1.0))
            new = group.family.natural(mu)
            new_base = -group.family.log_partition(new).unsqueeze(1)
            group.pack(packed, torch.where(alive, new, theta), torch.where(alive, new_base, base))
        return packed


def _log_base(group: LeafGroup, x: Tensor) -> Tensor:
    """Log h of a group's columns, zero where missing, (B, D) to (n_columns, B)."""
    values = x[:, group.columns].T
    seen = ~torch.isnan(values)
    return group.family.log_base(torch.where(seen, values, group.family.fill)) * seen


def _members(families: Sequence[Leaf]) -> list[list[int]]:
    """Columns that share a family object."""
    members: dict[int, list[int]] = {}
    for column, family in enumerate(families):
        members.setdefault(id(family), []).append(column)
    return list(members.values())


def _phi_starts(members: list[list[int]], widths: list[int]) -> dict[int, int]:
    """First row of every column in Phi: columns of a group are adjacent."""
    starts, row = {}, 0
    for columns in members:
        for column in columns:
            starts[column] = row
            row += widths[column]
    return starts


def _incidences(
    scopes: Sequence[tuple[int, ...]], widths: list[int], n_slots: int
) -> list[tuple[int, int]]:
    """Pairs (column, its first row in the packed parameters seen as (F S, K))."""
    pairs = []
    for region, scope in enumerate(scopes):
        row = region * n_slots
        for column in scope:
            pairs.append((column, row))
            row += widths[column]
    return pairs
