"""A circuit with slots for evidence beside the codes of some columns, and its parameters.

Axes: N rows of packed parameters, M of the wide ones, K units, n incidences of a fold, t statistics
of a family, s slots, C codes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..leaves import Categorical, Leaf, PartlyKnown, partly_known
from .inputs import InputLayer, incidences
from .leaf_blocks import BlockPlan
from .leaf_folds import LeafFold
from .partly import Partly


def n_slots(partly: Partly) -> int:
    """Slots for the evidence of some rows: a power of two, so that circuits serve again."""
    return 1 << max(partly.n_evidences - 1, 0).bit_length()


def widened(
    families: Sequence[Leaf],
    groups: Sequence[tuple[int, ...]],
    columns: Sequence[int],
    slots: int,
) -> tuple[list[Leaf], list[int]]:
    """Families with slots where a column of theirs has some, and each column's number of codes.

    Columns that share a family share the wide one, so that folds stay as they are.
    """
    of_column = {column: families[g] for g, group in enumerate(groups) for column in group}
    wide: dict[int, PartlyKnown] = {}
    starts = [0] * len(of_column)
    for column in columns:
        family = of_column[column]
        assert isinstance(family, Categorical)
        starts[column] = family.n_codes
        wide.setdefault(id(family), partly_known(family, slots))
    return [wide.get(id(family), family) for family in families], starts


class Widening:
    """Parameters and counts of a circuit, and of the same one with slots.

    Parameters
    ----------
    inputs, wide : InputLayer
        Of both, with the same blocks.
    plans : sequence of BlockPlan
    """

    def __init__(self, inputs: InputLayer, wide: InputLayer, plans: Sequence[BlockPlan]) -> None:
        self.wide = wide
        self.rows = torch.empty(inputs.shape[0], dtype=torch.long, device=inputs.device)
        # Rows that fill up a block, which nothing reads, go to one more row.
        self.rows.fill_(wide.shape[0])
        positions = (_positions(layer, plans) for layer in (inputs, wide))
        for (n, first, stride), (m, into, step) in zip(*positions, strict=True):
            here = torch.arange(n, device=inputs.device)
            # The count is the last row, after the slots.
            there = torch.where(here < n - 1, here, m - 1)
            self.rows[first + here * stride] = into + there * step
        self.folds = [fold for fold in wide.folds if isinstance(fold.family, PartlyKnown)]

    def parameters(self, leaves: Tensor, partly: Partly) -> Tensor:
        """Packed parameters (N, K) with those of evidence, (M, K)."""
        packed = leaves.new_zeros((self.wide.shape[0] + 1, leaves.shape[1]))
        packed[self.rows] = leaves
        packed = packed[:-1]
        for fold in self.folds:
            family = _wide(fold)
            theta, base = fold.unpack(packed)
            fold.pack(packed, family.widened(theta, _likelihoods(fold, partly)), base)
        return packed

    def counts(self, sums: Tensor, leaves: Tensor, partly: Partly) -> Tensor:
        """Expected statistics (M, K) under packed parameters (M, K), without slots, (N, K)."""
        for fold in self.folds:
            theta, _ = fold.unpack(leaves)
            values, counts = fold.unpack(sums)
            narrow = _wide(fold).narrowed(values, theta, _likelihoods(fold, partly))
            fold.pack(sums, narrow, counts)
        return torch.cat([sums, torch.zeros_like(sums[:1])])[self.rows]


def _positions(inputs: InputLayer, plans: Sequence[BlockPlan]) -> list[tuple[int, int, int]]:
    """Of every incidence its number of rows, the first of them, and their distance."""
    family_of = {g: fold.family for fold in inputs.folds for g in fold.groups.tolist()}
    families = [family_of[g] for g in range(inputs.n_groups)]
    found = incidences(list(zip(plans, inputs.blocks, strict=True)), families)
    return [(families[group].n_statistics + 1, row, stride) for group, _, row, stride in found]


def _wide(fold: LeafFold) -> PartlyKnown:
    assert isinstance(fold.family, PartlyKnown)
    return fold.family


def _likelihoods(fold: LeafFold, partly: Partly) -> Tensor:
    """Those of the evidence of every incidence of a fold, zeros in slots not used, (n, s, C)."""
    family = _wide(fold)
    shape = (len(fold.columns), family.n_slots, family.n_codes)
    all_slots = torch.zeros(shape, dtype=torch.float64, device=fold.group_of.device)
    for i, column in enumerate(fold.columns[:, 0].tolist()):
        if column in partly.columns:
            own = partly.likelihoods[partly.columns.index(column)]
            all_slots[i, : len(own)] = own
    return all_slots[fold.group_of]
