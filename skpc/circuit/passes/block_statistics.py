"""Statistics of a block of rows for the leaf regions, and densities of direct leaf regions.

Axes: B rows, F leaf regions, f of them direct, m of a selection and n of its blocks, S statistics
of a region, R rows of Phi, K units.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .partly_seen import PartlySeen
from .selection import Selection

# Numbers of the statistics that are gathered at once. On the CPU the caches hold as many, and
# gathering them again for each use is faster than reading all of them from memory.
MOST_STATISTICS = {"cpu": 2**18, "other": 2**24}


@dataclass(frozen=True)
class BlockStatistics:
    """Statistics of a block of rows, gathered for leaf regions where they are read.

    Attributes
    ----------
    phi : Tensor (R, B)
        Statistics and counts of all columns, a row each, see `inputs`.
    index : Tensor (F, S)
        Rows of phi that a region reads; in direct regions the indicators of all values.
    missing : Tensor (f, 1, B) or None
        Ones where the cell of a direct region is missing; None where none is, or none is direct.
    log_base : Tensor (B,)
        Sum of log h over observed cells, which is equal for all units; families whose leaves
        add their own log h (`Leaf.base_inside`) are left out.
    inside : Tensor (F, B) or None
        Sums of log h that the leaves of a region add; None where no family has `base_inside`.
    in_order : bool
        Whether the regions read the rows of phi one after another, without an index. So it may
        be in a circuit without partitions.
    partial : list of PartlySeen
        Groups in rows that show some of their cells; phi has zeros there.
    """

    phi: Tensor
    index: Tensor
    missing: Tensor | None
    log_base: Tensor
    inside: Tensor | None
    in_order: bool
    partial: list[PartlySeen]

    @property
    def n_rows(self) -> int:
        """Number of rows B."""
        return self.phi.shape[1]

    def take(self, regions: slice | Tensor) -> Tensor:
        """Statistics of n regions, (n, S, B)."""
        if self.in_order:
            return self.phi[: self.index.numel()].view(*self.index.shape, self.n_rows)[regions]
        index = self.index[regions]
        return self.phi.index_select(0, index.flatten()).view(*index.shape, self.n_rows)

    def each(self, selection: Selection, work: Callable[[slice, Tensor], Tensor]) -> Tensor:
        """Results of a function of the regions' statistics, computed in blocks of regions.

        Parameters
        ----------
        selection : Selection
            The regions, m of them.
        work : callable
            Takes a block of the selection, and its statistics (n, S, B); returns (n, ...).

        Returns
        -------
        Tensor (m, ...)
        """
        most = MOST_STATISTICS.get(self.phi.device.type, MOST_STATISTICS["other"])
        size = max(1, most // (self.index.shape[1] * self.n_rows))
        whole = slice(0, len(selection))
        if size >= len(selection):
            return work(whole, self.take(selection.within(whole)))
        results = None
        for first in range(0, len(selection), size):
            block = slice(first, first + size)
            result = work(block, self.take(selection.within(block)))
            # One tensor for all results: many small ones, between statistics that are freed again,
            # would fragment the memory.
            if results is None:
                results = result.new_empty((len(selection), *result.shape[1:]))
            results[block] = result
        assert results is not None
        return results


class DirectLeaves:
    """Densities of the direct regions, computed when a product layer reads them.

    They are products of indicators and probabilities, without a logarithm, or exponentials of
    products with natural parameters, where these are fewer.

    Parameters
    ----------
    factors : Tensor (f, K, S)
        Probabilities of values, or natural parameters.
    statistics : BlockStatistics
        Indicators of values.
    missing : Tensor (f, 1, B) or None
        Ones where the cell is missing, if one is and factors are probabilities.
    counts : Tensor (f,) or None
        Row of -A (A is the log partition) if factors are natural parameters.
    dtype : torch.dtype
        Of the densities.
    """

    def __init__(
        self,
        factors: Tensor,
        statistics: BlockStatistics,
        missing: Tensor | None,
        counts: Tensor | None,
        dtype: torch.dtype,
    ) -> None:
        self.factors, self.statistics, self.missing = factors, statistics, missing
        self.counts, self.dtype = counts, dtype

    def take(self, selection: Selection) -> Tensor:
        """Densities of selected regions, a new tensor (m, K, B)."""
        return self.statistics.each(
            selection, lambda block, values: self._densities(selection.within(block), values)
        )

    def everything(self) -> Tensor:
        """Densities of all direct regions, (f, K, B)."""
        n = len(self.factors)
        return self.take(Selection(range(n), self.factors.device))

    def _densities(self, regions: slice | Tensor, indicators: Tensor) -> Tensor:
        factors, indicators = self.factors[regions], indicators.to(self.factors.dtype)
        if self.counts is not None:
            # An observed cell has one of the values. To integrate a missing one out, its indicators
            # and its count are zero: the density is exp(0) = 1.
            row = self.counts[regions, None, None].expand(-1, 1, indicators.shape[2])
            indicators.scatter_(1, row, indicators.sum(dim=1, keepdim=True))
            return torch.bmm(factors, indicators).to(self.dtype).exp_()
        if self.missing is not None:
            # Integrate out: 1 where the cell is missing, since its indicators are zero.
            return torch.baddbmm(self.missing[regions], factors, indicators)
        return torch.bmm(factors, indicators)
