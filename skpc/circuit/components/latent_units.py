"""The leaf region of a latent mixture, as its training reads and writes it.

A latent mixture is one leaf region of all columns under one sum, so a step of its training needs no
passes through layers: the log densities of all units are a product of statistics, side by side for
a row, with natural parameters, side by side for a statistic; the expected statistics are the
transposed product. Columns without holes share one count, that of the rows. Numbers are those
of `Circuit.expected`.

Axes: B rows, N units, M free numbers of a unit's leaves, S statistics of a part, n columns of a
fold, t statistics of a family, R rows of Phi.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..leaves import Leaf
from ..passes import LOWEST, Cells, Circuit, LeafFold

# Log of the least share of a unit, over the largest one of a row. Much smaller ones would change
# nothing, but products of numbers at the lower end of float32 take ten times as long.
LEAST = -60.0


@dataclass(frozen=True)
class PartFold:
    """Columns of one family in a part.

    Attributes
    ----------
    family : Leaf
    dtype : torch.dtype
        In which the family's functions run: those of families whose statistics are indicators lose
        nothing in float32.
    n_columns : int
    free : slice
        Of the free numbers, n t of them.
    statistics : slice
        Of the part's statistics, n t of them.
    counts : Tensor (n,)
        Positions of the columns' counts among the part's statistics.
    """

    family: Leaf
    dtype: torch.dtype
    n_columns: int
    free: slice
    statistics: slice
    counts: Tensor

    def of(self, numbers: Tensor, rows: slice) -> Tensor:
        """The rows of numbers (.., N) that are the columns', (n, t, N)."""
        return numbers[rows].view(self.n_columns, -1, numbers.shape[1]).to(self.dtype)

    def write(self, theta: Tensor, free: Tensor) -> None:
        """Natural parameters into theta (S, N), from free numbers (M, N).

        Log partitions are taken off at the counts.
        """
        of_columns = self.family.from_free(self.of(free, self.free))
        theta[self.statistics] = of_columns.flatten(0, 1)
        base = self.family.log_partition(of_columns).to(theta.dtype)
        theta.index_add_(0, self.counts, base, alpha=-1)

    def write_gradient(self, gradient: Tensor, free: Tensor, expected: Tensor) -> None:
        """The gradient (M, N) by the free numbers (M, N), from expected statistics (S, N)."""
        counts = expected.index_select(0, self.counts).unsqueeze(1).to(self.dtype)
        sums = self.of(expected, self.statistics)
        by_free = self.family.free_gradient(self.of(free, self.free), sums, counts)
        gradient[self.free] = by_free.flatten(0, 1)


@dataclass(frozen=True)
class Part:
    """Columns whose log densities are one product.

    Its statistics are those of the columns, then the counts of columns with holes, then 1, which
    is the count of all other columns.

    Attributes
    ----------
    dtype : torch.dtype
        Of the product: float64 where a family cancels digits.
    rows : Tensor (S - 1,)
        Rows of Phi that are its statistics.
    folds : sequence of PartFold
    """

    dtype: torch.dtype
    rows: Tensor
    folds: Sequence[PartFold]

    def read(self, phi: Tensor) -> Tensor:
        """Statistics (B, S) from Phi (R, B)."""
        ones = torch.ones_like(phi[:1])
        return torch.cat([phi[self.rows], ones]).T.to(self.dtype).contiguous()

    def natural(self, free: Tensor) -> Tensor:
        """Natural parameters (S, N) from free numbers (M, N)."""
        theta = free.new_zeros((len(self.rows) + 1, free.shape[1]), dtype=self.dtype)
        for fold in self.folds:
            fold.write(theta, free)
        return theta


@dataclass(frozen=True)
class RowStatistics:
    """What a step reads of some rows.

    Attributes
    ----------
    parts : tuple of Tensor (B, S)
        Statistics of each part.
    log_base : Tensor (B,)
        Log h of the rows, float64, which is equal for all units.
    """

    parts: tuple[Tensor, ...]
    log_base: Tensor

    def rows(self, index: Tensor) -> "RowStatistics":
        """Those of rows at positions."""
        parts = tuple(part.index_select(0, index) for part in self.parts)
        return RowStatistics(parts, self.log_base[index])


class LatentUnits:
    """All units of a latent mixture for rows whose holes are in known columns.

    Parameters
    ----------
    circuit : Circuit
        From `product_mixture`.
    incomplete : Tensor (D,)
        Whether a column may have missing cells.
    dtype : torch.dtype
        Of the products, except for those of `precise` families.
    """

    def __init__(self, circuit: Circuit, incomplete: Tensor, dtype: torch.dtype) -> None:
        self.circuit, self.dtype = circuit, dtype
        start, folds = 0, []
        for fold in circuit.inputs.folds:
            stop = start + len(fold.group_of) * fold.family.n_statistics
            folds.append((fold, slice(start, stop)))
            start = stop
        light = [one for one in folds if not one[0].family.precise]
        precise = [one for one in folds if one[0].family.precise]
        types = ((light, dtype), (precise, torch.float64))
        self.parts = [_part(mine, incomplete, of_part) for mine, of_part in types if mine]
        self.n_statistics = sum(len(part.rows) + 1 for part in self.parts)

    def read(self, cells: Cells) -> RowStatistics:
        """Statistics of rows."""
        gathered = self.circuit.gather(cells, self.dtype)
        log_base = gathered.log_base.double()
        if gathered.inside is not None:
            log_base = log_base + gathered.inside[0]
        return RowStatistics(tuple(part.read(gathered.phi) for part in self.parts), log_base)

    def read_all(self, cells: Cells) -> RowStatistics:
        """Statistics of any number of rows, read a bounded number at a time."""
        blocks = [self.read(block) for block in cells.split(self.circuit.block_rows)]
        parts = zip(*(block.parts for block in blocks), strict=True)
        log_base = torch.cat([block.log_base for block in blocks])
        return RowStatistics(tuple(torch.cat(part) for part in parts), log_base)

    def natural(self, free: Tensor, log_weights: Tensor) -> list[Tensor]:
        """Natural parameters (S, N) of each part; the log weights (N,) are added to the first's."""
        parts = [part.natural(free) for part in self.parts]
        parts[0][-1] += log_weights
        return parts

    def posterior(
        self, statistics: RowStatistics, natural: Sequence[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Probabilities of the units given rows, (B, N), and log densities of the rows, (B,).

        Log densities are float64.
        """
        # A precise part is last, so that sums are in its type.
        h = statistics.parts[0] @ natural[0]
        for phi, theta in zip(statistics.parts[1:], natural[1:], strict=True):
            h = torch.addmm(h.to(theta.dtype), phi, theta)
        most = h.clamp_min_(LOWEST).amax(dim=1, keepdim=True)
        shares = h.sub_(most).clamp_min_(LEAST).to(self.dtype).exp_()
        total = shares.sum(dim=1, keepdim=True)
        log_density = (most.double() + total.double().log()).squeeze(1) + statistics.log_base
        return shares.div_(total), log_density

    def expected(self, statistics: RowStatistics, flows: Tensor) -> list[Tensor]:
        """Flow-weighted sums of statistics, (S, N) of each part, from flows (B, N)."""
        return [phi.T @ flows.to(phi.dtype) for phi in statistics.parts]

    def gradient(self, free: Tensor, expected: Sequence[Tensor]) -> Tensor:
        """Gradient by the free numbers, both (M, N), from expected statistics (S, N) of parts."""
        gradient = torch.empty_like(free)
        for part, of_part in zip(self.parts, expected, strict=True):
            for fold in part.folds:
                fold.write_gradient(gradient, free, of_part)
        return gradient


def _part(folds: Sequence[tuple[LeafFold, slice]], incomplete: Tensor, dtype: torch.dtype) -> Part:
    rows: list[Tensor] = []
    counts: list[Tensor] = []
    for fold, _ in folds:
        first = fold.phi.start + fold.group_of * fold.width
        steps = torch.arange(fold.width - 1, device=first.device)
        rows.append((first[:, None] + steps).flatten())
        counts.append(first + fold.width - 1)
    holes = [incomplete[fold.columns[fold.group_of, 0]] for fold, _ in folds]
    own = [of_fold[hole] for of_fold, hole in zip(counts, holes, strict=True)]
    n_statistics, n_rows = sum(map(len, rows)), sum(map(len, [*rows, *own]))
    made, start, count = [], 0, n_statistics
    for (fold, free), hole in zip(folds, holes, strict=True):
        # Columns without holes have the count that is last.
        place = torch.where(hole, count + hole.cumsum(0) - 1, n_rows)
        stop = start + free.stop - free.start
        kind = dtype if fold.family.closed else torch.float64
        made.append(PartFold(fold.family, kind, len(hole), free, slice(start, stop), place))
        start, count = stop, count + int(hole.sum())
    return Part(dtype, torch.cat([*rows, *own]), made)
