"""Cells of codes that are known in part: of each code how likely what is known makes it.

Axes: n rows, B rows of a block, g columns that may be known in part, k evidences of a column, C its
codes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Partly:
    """Evidence about columns of codes that leaves several codes possible.

    In a unit the evidence i of a column has the density sum over c of likelihood[i, c] p(c).

    Attributes
    ----------
    columns : tuple of int (g,)
    index : Tensor (n, g) of int64
        Which evidence a cell has, -1 where it has none of this kind: it is then known, or missing.
    likelihoods : tuple of Tensor (k, C)
        Of each column, float64.
    """

    columns: tuple[int, ...]
    index: Tensor
    likelihoods: tuple[Tensor, ...]

    def rows(self, index: slice | Tensor) -> "Partly":
        """Rows by a slice, by positions or by a mask."""
        return Partly(self.columns, self.index[index], self.likelihoods)

    def to(self, device: torch.device) -> "Partly":
        """The same evidence on a device."""
        if self.index.device == device:
            return self
        moved = tuple(one.to(device) for one in self.likelihoods)
        return Partly(self.columns, self.index.to(device), moved)

    @property
    def n_evidences(self) -> int:
        """The largest k."""
        return max(map(len, self.likelihoods))

    def used(self) -> "Partly":
        """The same evidence of the rows, of which some row has each."""
        index, likelihoods = torch.full_like(self.index, -1), []
        for i, (of_column, all_of_column) in enumerate(
            zip(self.index.T, self.likelihoods, strict=True)
        ):
            some = of_column >= 0
            kept, index[some, i] = torch.unique(of_column[some], return_inverse=True)
            likelihoods.append(all_of_column[kept])
        return Partly(self.columns, index, tuple(likelihoods))


def joined_partly(blocks: Sequence[tuple[int, Partly | None]]) -> Partly | None:
    """Evidence of blocks of rows, one after the other, each with its number of rows."""
    known = [one for _, one in blocks if one is not None]
    if not known:
        return None
    columns = tuple(sorted({column for one in known for column in one.columns}))
    index = [torch.full((n, len(columns)), -1, device=known[0].index.device) for n, _ in blocks]
    likelihoods: list[list[Tensor]] = [[] for _ in columns]
    for rows, (_, one) in zip(index, blocks, strict=True):
        if one is None:
            continue
        for i, column in enumerate(one.columns):
            at, of_column = columns.index(column), one.index[:, i]
            before = sum(map(len, likelihoods[at]))
            rows[:, at] = torch.where(of_column >= 0, of_column + before, -1)
            likelihoods[at].append(one.likelihoods[i])
    return Partly(columns, torch.cat(index), tuple(map(torch.cat, likelihoods)))
