"""What leaf regions read of a block of rows, and densities that products read directly.

Axes: B rows, F leaf regions, f of them direct, n some of them, S slots, K units.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .selection import Places

# Numbers of the slots that are gathered at once. On the CPU caches hold them, and they are
# gathered again where they are read again, which takes less time than memory would.
MOST_SLOTS = {"cpu": 2**18, "other": 2**24}


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

    def each(self, places: Places, work: Callable[[slice, Tensor], Tensor]) -> Tensor:
        """What work makes of the slots of regions, a few at a time.

        Parameters
        ----------
        places : Places
            The regions, m of them.
        work : callable
            Takes which of the places it is given, and their slots (n, S, B); returns (n, ...).

        Returns
        -------
        Tensor (m, ...)
        """
        most = MOST_SLOTS.get(self.phi.device.type, MOST_SLOTS["other"])
        size = max(1, most // (self.index.shape[1] * self.phi.shape[1]))
        whole = slice(0, len(places))
        if size >= len(places):
            return work(whole, self.take(places.some(whole)))
        found = None
        for first in range(0, len(places), size):
            some = slice(first, first + size)
            part = work(some, self.take(places.some(some)))
            # Kept in one tensor: parts between slots that come and go would break memory up.
            found = part.new_empty((len(places), *part.shape[1:])) if found is None else found
            found[some] = part
        assert found is not None
        return found


class Direct:
    """Densities of the direct regions, made where products read them.

    As products of indicators and probabilities, so that no logarithm has to be undone, or by
    natural parameters where that takes fewer exponentials.

    Parameters
    ----------
    factors : Tensor (f, K, S)
        Probabilities of values, or natural parameters.
    slots : Slots
        Indicators of values.
    missing : Tensor (f, 1, B) or None
        Ones where the cell is missing, if some is and factors are probabilities.
    counts : Tensor (f,) or None
        Slot of -A if factors are natural parameters.
    dtype : torch.dtype
        Of the densities.
    """

    def __init__(
        self,
        factors: Tensor,
        slots: Slots,
        missing: Tensor | None,
        counts: Tensor | None,
        dtype: torch.dtype,
    ) -> None:
        self.factors, self.slots, self.missing = factors, slots, missing
        self.counts, self.dtype = counts, dtype

    def take(self, places: Places) -> Tensor:
        """Those of some regions, a new tensor (f, K, B)."""
        return self.slots.each(places, lambda some, v: self._some(places.some(some), v))

    def _some(self, regions: slice | Tensor, indicators: Tensor) -> Tensor:
        factors, indicators = self.factors[regions], indicators.to(self.factors.dtype)
        if self.counts is not None:
            # A cell that is seen has one of the values.
            place = self.counts[regions, None, None].expand(-1, 1, indicators.shape[2])
            indicators.scatter_(1, place, indicators.sum(dim=1, keepdim=True))
            return torch.bmm(factors, indicators).to(self.dtype).exp_()
        if self.missing is not None:
            return torch.baddbmm(self.missing[regions], factors, indicators)
        return torch.bmm(factors, indicators)
