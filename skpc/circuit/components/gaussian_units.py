"""Mixtures of Gaussians with full covariances over all columns of numbers at once.

A unit is a product of leaves, as in a circuit of one leaf region, except that its columns of
numbers are normal together, with correlations of the unit's own. An atom hides the number of its
cell, as a missing cell does. So the density of a row in a unit is the product of its leaves, times
the ratio of the joint normal density of the observed numbers to the product of their own ones.

Axes: n rows, D columns, B rows of a block, K units, d columns that are normal together, f
products of two of them.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor

from ..leaves import FARTHEST, Gaussian, Leaf, Numeric
from ..passes import LOWEST, Cells, LeafFold
from .component import Component
from .correlations import Correlations, Numbers

# Numbers of the largest tensor of a block.
LARGEST = 4_000_000
# How far stored correlations may be from symmetry, and their diagonal from 1.
ROUNDING = 1e-6


def has_normal_numbers(family: Leaf) -> bool:
    """Whether a leaf's numbers are normal; a subclass may model something else than the number."""
    return type(family) in (Gaussian, Numeric)


@dataclass(frozen=True, kw_only=True)
class GaussianUnits(Component):
    """Units whose columns of numbers are normal together, and their densities.

    Its circuit is a `product_mixture`; the leaves hold means and variances, shares of atoms, and
    the distributions of all other columns.

    Attributes
    ----------
    columns : Tensor (d,)
        Those that are normal together; their leaves are `Gaussian` or `Numeric`.
    matrices : Tensor (K, d, d)
        Correlations of the numbers within each unit.
    """

    columns: Tensor
    matrices: Tensor

    # The rows of a pattern share the factors of its correlations.
    sorts_rows: ClassVar[bool] = True

    def check(self) -> None:
        """Refuse also columns that are not normal, and matrices that are no correlations."""
        super().check()
        columns, d = self.columns.tolist(), len(self.columns)
        normal = {
            column
            for fold in self.circuit.inputs.folds
            if has_normal_numbers(fold.family)
            for column in fold.columns.flatten().tolist()
        }
        if d < 2 or columns != sorted(set(columns)) or not normal.issuperset(columns):
            raise ValueError(f"columns are {columns}; columns of normal numbers are {normal}.")
        shape = (self.n_units, d, d)
        if tuple(self.matrices.shape) != shape or not bool(torch.isfinite(self.matrices).all()):
            raise ValueError(f"correlations are no finite numbers of the shape {shape}.")
        diagonal = self.matrices.diagonal(dim1=1, dim2=2)
        uneven = (self.matrices - self.matrices.mT).abs().max()
        if float(uneven) > ROUNDING or float((diagonal - 1).abs().max()) > ROUNDING:
            raise ValueError("correlations are not symmetric, or their diagonal is not 1.")
        if bool(torch.linalg.cholesky_ex(self.matrices).info.any()):
            raise ValueError("correlations are not positive definite.")

    @cached_property
    def correlations(self) -> Correlations:
        """The correlation matrices with their factors and inverses."""
        return Correlations(self.matrices)

    @cached_property
    def scales(self) -> tuple[Tensor, Tensor]:
        """Means and standard deviations of the numbers, twice (K, 1, d)."""
        mean = self.parameters.leaves.new_zeros((self.circuit.inputs.n_columns, self.n_units))
        variance = torch.ones_like(mean)
        for fold in self.circuit.inputs.folds:
            if has_normal_numbers(fold.family):
                columns = fold.columns[fold.group_of, 0]
                mean[columns], variance[columns] = _number_moments(fold, self.parameters.leaves)
        spread = variance.sqrt()
        return mean[self.columns].T.unsqueeze(1), spread[self.columns].T.unsqueeze(1)

    @cached_property
    def quadratic(self) -> tuple[Tensor, Tensor]:
        """What a unit adds to its leaves where all numbers z are observed, linear in products.

        That is half of (z - m)' A (z - m) less half of log det R, where A = S^-1 (1 - R^-1) S^-1, m
        and S are the means and deviations of the unit and R its correlations. Factors of products
        of two numbers (rows and columns of the upper triangle) and of numbers, (K, f + d), and a
        constant, (K,).
        """
        mean, spread = self.scales
        first, second = torch.triu_indices(mean.shape[2], mean.shape[2], device=mean.device)
        identity = torch.eye(mean.shape[2], dtype=mean.dtype, device=mean.device)
        excess = identity - self.correlations.inverses
        excess = excess / (spread * spread.transpose(1, 2))
        by_numbers = -(excess @ mean.transpose(1, 2)).squeeze(2)
        constant = -0.5 * (by_numbers * mean[:, 0]).sum(dim=1) - self.correlations.half_log_det
        by_products = excess[:, first, second]
        by_products[:, first == second] *= 0.5
        return torch.cat([by_products, by_numbers], dim=1), constant

    @property
    def n_units(self) -> int:
        """Number of units K."""
        return self.circuit.inputs.n_units

    @property
    def draw_rows(self) -> int:
        """Rows that are drawn at once."""
        return max(16, LARGEST // max(self.width, self.n_units))

    @property
    def width(self) -> int:
        """Numbers per row and unit: d or, if more, the statistics of all columns."""
        return max(len(self.columns), self.circuit.inputs.shape[0])

    def observed_numbers(self, cells: Cells) -> Tensor:
        """Which numbers of rows are neither missing nor behind atoms, (n, d)."""
        return cells.numbers[:, self.columns.to(cells.device)]

    def blocks(self, cells: Cells) -> tuple[Tensor, ...]:
        """Positions of rows in blocks of bounded memory, with the rows of a pattern adjacent."""
        blocks = self._blocks(cells)
        if cells.partly is None:
            return blocks
        size = self.circuit.rows_of_block(cells)
        return tuple(part for block in blocks for part in block.split(size))

    def _blocks(self, cells: Cells) -> tuple[Tensor, ...]:
        order = torch.arange(len(cells), device=cells.device)
        most = max(self.width, (len(self.columns) // 2) ** 2)
        if len(cells) * self.n_units * most <= LARGEST:
            return (order,)
        observed = self.observed_numbers(cells)
        n_observed = observed.sum(dim=1)
        factored = torch.minimum(n_observed, len(self.columns) - n_observed)
        if factored.any():
            pattern_of = torch.unique(observed, dim=0, return_inverse=True)[1]
            order = torch.argsort(pattern_of, stable=True)
        costs = self.n_units * (factored[order] ** 2).clamp_min(self.width)
        block_of = costs.cumsum(dim=0) // LARGEST
        sizes = torch.unique_consecutive(block_of, return_counts=True)[1]
        return order.split(sizes.tolist())

    def numbers(self, rows: Cells) -> Numbers:
        """Statistics and numbers of B rows, and their patterns."""
        observed = self.observed_numbers(rows)
        z = torch.where(observed, rows.values[:, self.columns].clamp(-FARTHEST, FARTHEST), 0.0)
        mean, spread = self.scales
        # Integrate out: hidden numbers are zero here, and `joint` reads the observed ones alone.
        w = ((z - mean) / spread).mul_(observed)
        u = self.correlations.times_inverses(w)
        statistics = self.circuit.gather(rows, torch.float64)
        return Numbers(statistics, z, w, u, self.correlations.patterns(observed))

    def joint(self, numbers: Numbers) -> Tensor:
        """Log of weight times density of every unit and row, without log h, (K, B)."""
        h = self.circuit.inputs.log_densities(self.parameters.leaves, numbers.statistics)[0]
        distance = (numbers.w * numbers.u).sum(dim=2)
        log_det = self.correlations.half_log_det[:, None].expand_as(distance)
        if numbers.patterns:
            log_det = log_det.clone()
        for pattern in numbers.patterns:
            # Integrate out: distance and determinant of the observed numbers' correlations R_SS.
            of_pattern = pattern.distance(numbers.w, numbers.u)
            distance[:, pattern.rows], log_det[:, pattern.rows] = of_pattern
        h += 0.5 * ((numbers.w * numbers.w).sum(dim=2) - distance) - log_det
        return h.clamp_min_(LOWEST) + torch.log(self.parameters.sums[0][0, 0])[:, None]

    @torch.inference_mode()
    def log_density(self, cells: Cells, dtype: torch.dtype) -> Tensor:
        """Log density of every row, (n,), in float64; missing cells are integrated out."""
        scores = torch.empty(len(cells), dtype=dtype, device=self.circuit.device)
        for index in self.blocks(cells):
            rows = cells.rows(index).to(self.circuit.device, torch.float64)
            units, rows = self.knowing(rows)
            numbers = units.numbers(rows)
            logs = torch.logsumexp(units.joint(numbers), dim=0) + numbers.statistics.log_base
            scores[index.to(scores.device)] = logs.to(dtype)
        return scores

    @cached_property
    def shares(self) -> dict[int, Tensor]:
        """Shares of numbers and of each of m atoms, (1 + m, K), for each column with atoms."""
        of_columns: dict[int, Tensor] = {}
        for fold in self.circuit.inputs.folds:
            if fold.with_atoms is not None:
                theta, _ = fold.unpack(self.parameters.leaves)
                _, _, shares = fold.with_atoms.decompose(theta)
                columns = fold.columns[fold.group_of, 0].tolist()
                of_columns.update(zip(columns, shares, strict=True))
        return of_columns


def _number_moments(fold: LeafFold, leaves: Tensor) -> tuple[Tensor, Tensor]:
    """Means and variances of the numbers of a fold's leaves, twice (m, K)."""
    theta, _ = fold.unpack(leaves)
    if fold.with_atoms is None:
        mean, variance = fold.family.moments(theta)
    else:
        mean, variance, _ = fold.with_atoms.decompose(theta)
    return mean[:, 0], variance[:, 0]
