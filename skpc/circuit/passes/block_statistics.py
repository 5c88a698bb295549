"""Statistics of some rows, as the leaf regions read them.

Axes: B rows, F leaf regions, R rows of Phi.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from .leaf_blocks import LeafBlock
from .partly_seen import PartlySeen


@dataclass(frozen=True)
class BlockStatistics:
    """Statistics of a block of rows, gathered for leaf regions where they are read.

    Attributes
    ----------
    phi : Tensor (R, B)
        Statistics and counts of all columns, a row each, see `inputs`.
    dtype : torch.dtype
        Of the passes. Blocks of leaf regions that are `precise` are computed in the type of phi.
    may_miss : bool
        Whether a cell may be missing.
    log_base : Tensor (B,)
        Sum of log h over observed cells, which is equal for all units; families whose leaves
        add their own log h (`Leaf.base_inside`) are left out.
    inside : Tensor (F, B) or None
        Sums of log h that the leaves of a region add; None where no family has `base_inside`.
    partial : list of PartlySeen
        Groups in rows that show some of their cells; phi has zeros there.
    """

    phi: Tensor
    dtype: torch.dtype
    may_miss: bool
    log_base: Tensor
    inside: Tensor | None
    partial: list[PartlySeen]

    @property
    def n_rows(self) -> int:
        """Number of rows B."""
        return self.phi.shape[1]

    def of(self, block: LeafBlock, scopes: slice) -> Tensor:
        """Statistics (n, S, B) of some scopes of a block, in its type."""
        return block.statistics(self.phi, scopes, self.phi.dtype if block.precise else self.dtype)
