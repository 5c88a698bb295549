"""Correlated numbers of which some are in view: what all units say of rows by their patterns.

A pattern is which numbers of a row are in view. With P the inverse of a correlation matrix R of
standardised numbers w, zero where hidden, u = P w, S those in view and H the hidden ones,

    w' R_SS^-1 w = w' u - u_H' P_HH^-1 u_H,    det R_SS = det R det P_HH,
    E[w_H | w_S] = -P_HH^-1 u_H,               Cov[w_H | w_S] = P_HH^-1,

so that a pattern costs the cube of what is hidden; where more is hidden than in view, R_SS itself
is factored.

Axes: B rows of a block, K units, d columns of numbers, b rows of a pattern, r of its columns in
view and h hidden, S slots.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ..passes.block_statistics import Slots


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

    def patterns(self, seen: Tensor) -> list["Pattern"]:
        """Rows of a block by their hidden numbers, where they have some; from a mask (B, d)."""
        if seen.all():
            return []
        everything = torch.arange(seen.shape[1], device=seen.device)
        kinds, kind_of = torch.unique(seen, dim=0, return_inverse=True)
        order = torch.argsort(kind_of)
        of_kinds = order.split(torch.bincount(kind_of, minlength=len(kinds)).tolist())
        return [
            self._pattern(rows, everything[kind], everything[~kind])
            for kind, rows in zip(kinds, of_kinds, strict=True)
            if not kind.all()
        ]

    def _pattern(self, rows: Tensor, view: Tensor, hidden: Tensor) -> "Pattern":
        few = len(view) < len(hidden)
        chosen = view if few else hidden
        matrices = self.matrices if few else self.inverses
        factor = torch.linalg.cholesky(matrices[:, chosen[:, None], chosen])
        return Pattern(self, rows, view, hidden, factor, few)


@dataclass(frozen=True)
class Pattern:
    """Rows with the same numbers hidden.

    Attributes
    ----------
    correlations : Correlations
    rows : Tensor (b,)
        Their positions in the block.
    seen, hidden : Tensor (r,) and (h,)
        Positions among the d columns.
    factor : Tensor (K, h, h) or (K, r, r)
        Cholesky factor of P_HH, or of R_SS where few numbers are in view.
    few : bool
        Whether fewer numbers are in view than hidden.
    """

    correlations: Correlations
    rows: Tensor
    seen: Tensor
    hidden: Tensor
    factor: Tensor
    few: bool

    def distance(self, w: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
        """Squared distances w' R_SS^-1 w of the pattern's rows, and half of log det R_SS.

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
        if self.few:
            solved = self._solved(w[:, self.rows][:, :, self.seen])
            return (solved * solved).sum(dim=1), log_det
        solved = self._solved(u[:, self.rows][:, :, self.hidden])
        whole = (w[:, self.rows] * u[:, self.rows]).sum(dim=2)
        whole = whole - (solved * solved).sum(dim=1)
        return whole, log_det + self.correlations.half_log_det[:, None]

    def _solved(self, values: Tensor) -> Tensor:
        """Inverse factor times values (K, b, c), (K, c, b)."""
        return torch.linalg.solve_triangular(self.factor, values.transpose(1, 2), upper=False)

    def expected(self, w: Tensor, u: Tensor) -> Tensor:
        """Means of the hidden numbers given those in view, (K, b, h)."""
        if self.few:
            known = w[:, self.rows][:, :, self.seen].transpose(1, 2)
            solved = torch.cholesky_solve(known, self.factor)
            return (self._across(slice(None)) @ solved).transpose(1, 2)
        below = u[:, self.rows][:, :, self.hidden].transpose(1, 2)
        return -torch.cholesky_solve(below, self.factor).transpose(1, 2)

    def expected_of(self, unit: Tensor, w: Tensor, u: Tensor) -> Tensor:
        """The same for one unit a row: unit (b,), w and u (b, d), to (b, h)."""
        if self.few:
            solved = torch.cholesky_solve(w[:, self.seen].unsqueeze(2), self.factor[unit])
            return (self._across(unit) @ solved).squeeze(2)
        return -torch.cholesky_solve(u[:, self.hidden].unsqueeze(2), self.factor[unit]).squeeze(2)

    def covariance(self) -> Tensor:
        """Of the hidden numbers given those in view, (K, h, h)."""
        if not self.few:
            return torch.cholesky_inverse(self.factor)
        across = self._across(slice(None))
        explained = across @ torch.cholesky_solve(across.transpose(1, 2), self.factor)
        return self.correlations.matrices[:, self.hidden[:, None], self.hidden] - explained

    def _across(self, unit: Tensor | slice) -> Tensor:
        """Correlations of hidden numbers with those in view, of some units (b, h, r)."""
        return self.correlations.matrices[unit][:, self.hidden[:, None], self.seen]


@dataclass(frozen=True)
class Numbers:
    """A block of rows as all units see it.

    Attributes
    ----------
    slots : Slots
        Of all columns as one region, from `Circuit.gather`.
    z : Tensor (B, d)
        Numbers as they are, zero where hidden.
    w, u : Tensor (K, B, d)
        Standardised, and times the inverse correlations; P w.
    patterns : list of Pattern
        Of rows with hidden numbers.
    """

    slots: Slots
    z: Tensor
    w: Tensor
    u: Tensor
    patterns: list[Pattern]


def by_unit(values: Tensor, unit: Tensor, matrices: Tensor) -> Tensor:
    """Values (B, d) times the matrix (K, d, d) of each row's unit (B,)."""
    found = torch.empty_like(values)
    for k in torch.unique(unit).tolist():
        mine = unit == k
        found[mine] = values[mine] @ matrices[k]
    return found


def _half_log_det(factors: Tensor) -> Tensor:
    """Half of the log determinants of matrices with these factors, (K, c, c) to (K,)."""
    return factors.diagonal(dim1=1, dim2=2).log().sum(dim=1)
