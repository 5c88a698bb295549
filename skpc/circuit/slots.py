"""What leaf regions read of a block of rows, and densities that products read directly.

Axes: B rows, F leaf regions, f of them direct, n some of them, S slots, K units.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from .places import Places

# Numbers of the slots that are gathered at once on the CPU: caches hold them, and they are
# gathered again where they are read again, which takes less time than memory would.
MOST_SLOTS = 2**18


@dataclass(frozen=True)
class Slots:
    """Statistics of a block, gathered for some leaf regions where they are read.

    Attributes
    ----------
    phi : Tensor (slots, B)
        Statistics and counts of all columns, see `inputs`.
    index : Tensor (F, S)
        Rows of phi that a region reads; in direct regions indicators of all values.
    missing : Tensor (f, 1, B) or None
        Ones where the cell of a direct region is missing; None where none is, or none is direct.
    log_base : Tensor (B,)
        Sum over observed cells of log h, equal for all units; without families that have it
        inside their leaves.
    inside : Tensor (F, B) or None
        Sums of log h inside the leaves; None where no family has any.
    in_order : bool
        Whether regions read phi as it stands, as the one of a circuit without partitions may.
    """

    phi: Tensor
    index: Tensor
    missing: Tensor | None
    log_base: Tensor
    inside: Tensor | None
    in_order: bool

    def take(self, regions: slice | Tensor) -> Tensor:
        """Slots of some regions, (n, S, B)."""
        n_rows = self.phi.shape[1]
        if self.in_order:
            return self.phi[: self.index.numel()].view(*self.index.shape, n_rows)[regions]
        index = self.index[regions]
        return self.phi.index_select(0, index.flatten()).view(*index.shape, n_rows)

    def groups(self, places: Places) -> Iterator[tuple[slice, Tensor]]:
        """Regions a few at a time: which of the places they are, and their slots (n, S, B)."""
        size = len(places)
        if not self.phi.is_cuda:
            size = max(1, min(size, MOST_SLOTS // (self.index.shape[1] * self.phi.shape[1])))
        for first in range(0, len(places), size):
            some = slice(first, first + size)
            yield some, self.take(places.some(some))


class Direct:
    """Densities of the direct regions, made where products read them.

    Without cells that are missing they are products of indicators and probabilities: no
    logarithm of theirs has to be undone.

    Parameters
    ----------
    factors : Tensor (f, K, S)
        Probabilities of values, or their logarithms.
    slots : Slots
        Indicators of values.
    missing : Tensor (f, 1, B) or None
        Ones where the cell is missing, where factors are probabilities and some cell is.
    logarithms : bool
        What the factors are.
    dtype : torch.dtype
        Of the densities.
    """

    def __init__(
        self,
        factors: Tensor,
        slots: Slots,
        missing: Tensor | None,
        logarithms: bool,
        dtype: torch.dtype,
    ) -> None:
        self.factors, self.slots, self.missing = factors, slots, missing
        self.logarithms, self.dtype = logarithms, dtype

    def take(self, places: Places) -> Tensor:
        """Those of some regions, a new tensor (f, K, B)."""
        factors = places.take(self.factors)
        indicators = self.slots.take(places.where).to(factors.dtype)
        if self.missing is not None:
            return torch.baddbmm(places.take(self.missing), factors, indicators)
        found = torch.bmm(factors, indicators)
        return found.to(self.dtype).exp_() if self.logarithms else found
