"""Correlated normal numbers of which some are hidden: densities and expectations by patterns.

A pattern is which numbers of a row are observed. With P the inverse of a correlation matrix R of
standardised numbers w, zero where hidden, u = P w, S the observed ones and H the hidden ones,

    w' R_SS^-1 w = w' u - u_H' P_HH^-1 u_H,    det R_SS = det R det P_HH,
    E[w_H | w_S] = -P_HH^-1 u_H,               Cov[w_H | w_S] = P_HH^-1,

where the first line integrates out the hidden numbers. So a pattern costs the cube of the number
of hidden ones; where more are hidden than observed, R_SS itself is factored.

Axes: B rows of a block, K units, d columns of numbers, b rows of a pattern or of a selection, r of
the columns observed and h hidden.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from ..passes import BlockStatistics


class Correlations:
    """Correlation matrices of all units.

    Parameters
    ----------
    matrices : Tensor (K, d, d)
    """

    def __init__(self, matrices: Tensor) -> None:
        self.matrices = matrices
        self.factors = torch.linalg.cholesky(matrices)

    @cached_property
    def inverses(self) -> Tensor:
        """P, (K, d, d)."""
        return torch.cholesky_inverse(self.factors)

    def times_inverses(self, w: Tensor) -> Tensor:
        """P w, (K, B, d)."""
        if w.shape[1] == 1:
            # A batched product of one row each takes ten times as long.
            return (self.inverses * w).sum(dim=2).unsqueeze(1)
        return torch.bmm(w, self.inverses)

    @cached_property
    def half_log_det(self) -> Tensor:
        """Half of log det R, (K,)."""
        return _half_log_det(self.factors)

    def patterns(self, observed: Tensor) -> list["Pattern"]:
        """Patterns of the rows that have hidden numbers, from the mask of observed ones (B, d)."""
        if observed.all():
            return []
        everything = torch.arange(observed.shape[1], device=observed.device)
        kinds, kind_of = torch.unique(observed, dim=0, return_inverse=True)
        order = torch.argsort(kind_of)
        of_kinds = order.split(torch.bincount(kind_of, minlength=len(kinds)).tolist())
        return [
            self._pattern(rows, everything[kind], everything[~kind])
            for kind, rows in zip(kinds, of_kinds, strict=True)
            if not kind.all()
        ]

    def _pattern(self, rows: Tensor, observed: Tensor, hidden: Tensor) -> "Pattern":
        of_observed = len(observed) < len(hidden)
        chosen = observed if of_observed else hidden
        matrices = self.matrices if of_observed else self.inverses
        factor = torch.linalg.cholesky(matrices[:, chosen[:, None], chosen])
        return Pattern(self, rows, observed, hidden, factor, of_observed)


@dataclass(frozen=True)
class Pattern:
    """Rows with the same numbers hidden.

    Attributes
    ----------
    correlations : Correlations
    rows : Tensor (b,)
        Their positions in the block.
    observed, hidden : Tensor (r,) and (h,)
        Positions among the d columns.
    factor : Tensor (K, h, h) or (K, r, r)
        Cholesky factor of P_HH, or of R_SS.
    of_observed : bool
        Whether the factor is of R_SS, since fewer numbers are observed than hidden.
    """

    correlations: Correlations
    rows: Tensor
    observed: Tensor
    hidden: Tensor
    factor: Tensor
    of_observed: bool

    def distance(self, w: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
        """Squared distances w' R_SS^-1 w of the pattern's rows, and half of log det R_SS.

        With R_SS, the rows and columns of R of the observed numbers, the hidden ones are
        integrated out.

        Parameters
        ----------
        w, u : Tensor (K, B, d)
            Standardised numbers of all rows of the block, zero where hidden, and P w.

        Returns
        -------
        Tensor (K, b)
        Tensor (K, 1)
        """
        log_det = _half_log_det(self.factor)[:, None]
        if self.of_observed:
            solved = self._solved(w[:, self.rows][:, :, self.observed])
            return (solved * solved).sum(dim=1), log_det
        solved = self._solved(u[:, self.rows][:, :, self.hidden])
        whole = (w[:, self.rows] * u[:, self.rows]).sum(dim=2)
        whole = whole - (solved * solved).sum(dim=1)
        return whole, log_det + self.correlations.half_log_det[:, None]

    def _solved(self, values: Tensor) -> Tensor:
        """Inverse factor times values (K, b, c), (K, c, b)."""
        return torch.linalg.solve_triangular(self.factor, values.transpose(1, 2), upper=False)

    def expected(self, w: Tensor, u: Tensor) -> Tensor:
        """Means of the hidden numbers given the observed ones, (K, b, h)."""
        if self.of_observed:
            known = w[:, self.rows][:, :, self.observed].transpose(1, 2)
            solved = torch.cholesky_solve(known, self.factor)
            return (self._across(slice(None)) @ solved).transpose(1, 2)
        below = u[:, self.rows][:, :, self.hidden].transpose(1, 2)
        return -torch.cholesky_solve(below, self.factor).transpose(1, 2)

    def expected_of(self, unit: Tensor, w: Tensor, u: Tensor) -> Tensor:
        """Means of the hidden numbers in one unit per row: unit (b,), w and u (b, d), to (b, h)."""
        if self.of_observed:
            solved = torch.cholesky_solve(w[:, self.observed].unsqueeze(2), self.factor[unit])
            return (self._across(unit) @ solved).squeeze(2)
        return -torch.cholesky_solve(u[:, self.hidden].unsqueeze(2), self.factor[unit]).squeeze(2)

    def precision(self, w: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
        """R_SS^-1 times the observed numbers (K, b, r), and its diagonal (K, r).

        Parameters
        ----------
        w, u : Tensor (K, B, d)
            As `distance` takes them.
        """
        if self.of_observed:
            known = w[:, self.rows][:, :, self.observed].transpose(1, 2)
            solved = torch.cholesky_solve(known, self.factor).transpose(1, 2)
            return solved, torch.cholesky_inverse(self.factor).diagonal(dim1=1, dim2=2)
        inverses = self.correlations.inverses
        across = inverses[:, self.observed[:, None], self.hidden]
        half = torch.linalg.solve_triangular(self.factor, across.transpose(1, 2), upper=False)
        products = u[:, self.rows]
        explained = half.transpose(1, 2) @ self._solved(products[:, :, self.hidden])
        own = inverses.diagonal(dim1=1, dim2=2)[:, self.observed]
        solved = products[:, :, self.observed] - explained.transpose(1, 2)
        return solved, own - (half * half).sum(dim=1)

    def covariance(self) -> Tensor:
        """Covariances of the hidden numbers given the observed ones, (K, h, h)."""
        if not self.of_observed:
            return torch.cholesky_inverse(self.factor)
        across = self._across(slice(None))
        explained = across @ torch.cholesky_solve(across.transpose(1, 2), self.factor)
        return self.correlations.matrices[:, self.hidden[:, None], self.hidden] - explained

    def _across(self, unit: Tensor | slice) -> Tensor:
        """Correlations of hidden numbers with observed ones, of units (b,), (b, h, r)."""
        return self.correlations.matrices[unit][:, self.hidden[:, None], self.observed]


@dataclass(frozen=True)
class Numbers:
    """A block of rows, standardised in each unit.

    Attributes
    ----------
    statistics : BlockStatistics
        Of all columns as one region, from `Circuit.gather`.
    z : Tensor (B, d)
        Numbers, zero where hidden.
    w : Tensor (K, B, d)
        Numbers standardised by each unit's mean and standard deviation, zero where hidden.
    u : Tensor (K, B, d)
        P w.
    patterns : list of Pattern
        Of the rows with hidden numbers.
    """

    statistics: BlockStatistics
    z: Tensor
    w: Tensor
    u: Tensor
    patterns: list[Pattern]

    def rows(self, index: Tensor, unit: Tensor) -> "UnitNumbers":
        """Selected rows (b,), which may repeat, in one unit per row (b,)."""
        return UnitNumbers(unit, self.w[unit, index], self._patterns(index))

    def _patterns(self, index: Tensor) -> list[Pattern]:
        """Patterns of selected rows, which have positions among these now."""
        pattern_of = torch.full_like(self.z[:, 0], -1, dtype=torch.long)
        for i, pattern in enumerate(self.patterns):
            pattern_of[pattern.rows] = i
        pattern_of = pattern_of[index]
        counts = torch.bincount(pattern_of + 1, minlength=1 + len(self.patterns))
        _, *rows = torch.argsort(pattern_of, stable=True).split(counts.tolist())
        pairs = zip(self.patterns, rows, strict=True)
        return [replace(pattern, rows=selected) for pattern, selected in pairs if len(selected)]


@dataclass(frozen=True)
class UnitNumbers:
    """Rows that belong to one unit each.

    Attributes
    ----------
    unit : Tensor (b,)
    w : Tensor (b, d)
        Numbers standardised in the row's unit, zero where hidden.
    patterns : list of Pattern
        Of the rows with hidden numbers.
    """

    unit: Tensor
    w: Tensor
    patterns: list[Pattern]


def by_unit(values: Tensor, unit: Tensor, matrices: Tensor) -> Tensor:
    """Values (B, d) times the matrix (K, d, d) of each row's unit (B,)."""
    products = torch.empty_like(values)
    for k in torch.unique(unit).tolist():
        rows = unit == k
        products[rows] = values[rows] @ matrices[k]
    return products


def _half_log_det(factors: Tensor) -> Tensor:
    """Half of the log determinants of matrices with these factors, (K, c, c) to (K,)."""
    return factors.diagonal(dim1=1, dim2=2).log().sum(dim=1)
