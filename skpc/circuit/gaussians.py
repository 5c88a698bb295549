"""Mixtures of Gaussians with full covariances over all columns of numbers at once.

A unit is a product of leaves, as in a circuit of one leaf region, but for the columns of numbers:
these are normal together, with correlations of the unit's own. Where a leaf has atoms, an atom
hides the number behind it, as a missing cell does. So the density of a row is the product of its
leaves, times what the correlations of the numbers in view change about it.

Axes: n rows, D columns, B rows of a block, K units, d columns that are normal together, r of them
in view and h hidden in all rows of a pattern, S slots, C + 1 pieces of a column's map.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from . import queries
from .circuit import LOWEST
from .inputs import LeafGroup
from .leaves import Gaussian, Numeric
from .leaves.gaussian import FARTHEST
from .leaves.numeric import ATOM
from .mapped import Pieces
from .part import Part
from .trace import pick

# Numbers of the largest tensor of a block.
LARGEST = 4_000_000


@dataclass(frozen=True)
class Pattern:
    """Rows with the same numbers in view, and what all units say about these.

    Attributes
    ----------
    rows : Tensor (b,)
        Their positions in the block.
    seen, hidden : Tensor (r,) and (h,)
        Positions among the d columns.
    whiten : Tensor (K, r, r)
        Inverse Cholesky factors of the correlations of the numbers in view.
    """

    rows: Tensor
    seen: Tensor
    hidden: Tensor
    whiten: Tensor


@dataclass(frozen=True, kw_only=True)
class GaussianPart(Part):
    """A mixture of units whose columns of numbers are normal together.

    Its circuit is one of `continuous.flat_circuit`; the leaves hold means and variances, shares of
    atoms, and the distributions of all other columns.

    Attributes
    ----------
    columns : Tensor (d,)
        Those that are normal together; their leaves are `Gaussian` or `Numeric`.
    correlations : Tensor (K, d, d)
        Of the numbers within each unit.
    """

    columns: Tensor
    correlations: Tensor

    @cached_property
    def scales(self) -> tuple[Tensor, Tensor]:
        """Means and standard deviations of the numbers, twice (K, 1, d)."""
        mean = self.parameters.leaves.new_empty((self.circuit.inputs.n_columns, self.n_units))
        variance = torch.ones_like(mean)
        for group in self.circuit.inputs.groups:
            if isinstance(group.family, Gaussian | Numeric):
                found = number_moments(group, self.parameters.leaves)
                places = group.columns[group.column_of]
                mean[places], variance[places] = found
        of_numbers = (values[self.columns].T.unsqueeze(1) for values in (mean, variance.sqrt()))
        return tuple(of_numbers)  # type: ignore[return-value]

    @property
    def n_units(self) -> int:
        """K."""
        return self.circuit.inputs.n_units

    @property
    def block_rows(self) -> int:
        """Rows of a block."""
        width = max(len(self.columns), self.circuit.inputs.shape[1])
        return max(16, LARGEST // (self.n_units * width))

    @cached_property
    def complete_whiten(self) -> Tensor:
        """Inverse Cholesky factors of all numbers, (K, d, d)."""
        return _inverse_factors(self.correlations)

    def numbers(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Numbers of rows (B, D), and which of them are in view, twice (B, d)."""
        z = rows[:, self.columns]
        seen = z < 0.5 * ATOM
        return torch.where(seen, z.clamp(-FARTHEST, FARTHEST), 0.0), seen

    def patterns(self, seen: Tensor) -> Iterator[Pattern]:
        """Rows by which of their numbers are in view, from a mask (B, d)."""
        everything = torch.arange(len(self.columns), device=seen.device)
        if seen.all():
            rows = torch.arange(len(seen), device=seen.device)
            yield Pattern(rows, everything, everything[:0], self.complete_whiten)
            return
        kinds, kind_of = torch.unique(seen, dim=0, return_inverse=True)
        order = torch.argsort(kind_of)
        of_kinds = order.split(torch.bincount(kind_of, minlength=len(kinds)).tolist())
        for kind, rows in zip(kinds, of_kinds, strict=True):
            view, hidden = everything[kind], everything[~kind]
            if len(hidden):
                whiten = _inverse_factors(self.correlations[:, view[:, None], view])
            else:
                whiten = self.complete_whiten
            yield Pattern(rows, view, hidden, whiten)

    def whitened(self, z: Tensor, pattern: Pattern) -> tuple[Tensor, Tensor]:
        """Numbers in view (B, d) of a pattern, standardised and white, twice (K, b, r)."""
        mean, spread = self.scales
        view = pattern.seen
        w = (z[pattern.rows][:, view] - mean[:, :, view]) / spread[:, :, view]
        return w, torch.bmm(w, pattern.whiten.transpose(1, 2))

    def hidden_given(self, white: Tensor, pattern: Pattern) -> tuple[Tensor, Tensor]:
        """Of the hidden numbers, standardised: means (K, b, h) and covariances (K, h, h)."""
        of_hidden = self.correlations[:, pattern.hidden]
        across = of_hidden[:, :, pattern.seen] @ pattern.whiten.transpose(1, 2)
        covariance = of_hidden[:, :, pattern.hidden] - across @ across.transpose(1, 2)
        return torch.bmm(white, across.transpose(1, 2)), covariance

    def joint(self, rows: Tensor) -> Tensor:
        """Log of weight times density of every unit, without log h, rows (B, D) to (K, B)."""
        slots = self.circuit.gather(rows, torch.float64)
        h = self.circuit.inputs.forward(self.parameters.leaves, slots)[0]
        z, seen = self.numbers(rows)
        for pattern in self.patterns(seen):
            w, white = self.whitened(z, pattern)
            change = 0.5 * ((w * w).sum(dim=2) - (white * white).sum(dim=2))
            change += pattern.whiten.diagonal(dim1=1, dim2=2).log().sum(dim=1, keepdim=True)
            h[:, pattern.rows] += change
        return h.clamp_min_(LOWEST) + torch.log(self.parameters.sums[0][0, 0])[:, None]

    @torch.inference_mode()
    def log_density(self, x: Tensor, dtype: torch.dtype) -> Tensor:
        """Of every row, (n, D) to (n,); always computed in float64."""
        found = []
        for block in x.split(self.block_rows):
            rows = block.to(self.circuit.device, torch.float64)
            found.append(torch.logsumexp(self.joint(rows), dim=0) + self.log_base(rows))
        return torch.cat(found).to(dtype)

    def log_base(self, rows: Tensor) -> Tensor:
        """Log h of rows (B, D) that is not in `joint`, (B,)."""
        return self.circuit.inputs.log_base(rows)

    def posterior(self, rows: Tensor, shares: Tensor | None = None) -> Tensor:
        """Probabilities of the units given rows (B, D), (1, K, B); they add to shares (B,)."""
        found = torch.softmax(self.joint(rows.to(self.circuit.device)), dim=0)
        return (found if shares is None else found * shares).unsqueeze(0)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Independent draws of whole rows, (n, D)."""
        weights = self.parameters.sums[0][0]
        found = []
        for start in range(0, n, self.block_rows):
            unit = pick(weights, generator, min(self.block_rows, n - start))
            nothing = weights.new_full((len(unit), self.circuit.inputs.n_columns), torch.nan)
            found.append(self._filled(nothing, unit, generator))
        return torch.cat(found)

    def complete(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        """Rows (n, D) with missing cells drawn, or most probable without a generator."""
        found = []
        for block in x.split(self.block_rows):
            rows = block.to(self.circuit.device)
            unit = pick(torch.softmax(self.joint(rows), dim=0).T, generator)
            found.append(self._filled(rows, unit, generator))
        return torch.cat(found)

    def _filled(self, rows: Tensor, unit: Tensor, generator: torch.Generator | None) -> Tensor:
        """Rows (B, D) whose missing cells come from units (B,)."""
        drawn = queries.draw_leaves(self.circuit, self.parameters, unit[None], generator)
        z, seen = self.numbers(rows)
        together = self.numbers_given(z, seen, unit, generator)
        of_columns = drawn[:, self.columns]
        # An atom that was drawn hides its number.
        drawn[:, self.columns] = torch.where(of_columns < 0.5 * ATOM, together, of_columns)
        return torch.where(torch.isnan(rows), drawn, rows)

    def numbers_given(
        self, z: Tensor, seen: Tensor, unit: Tensor, generator: torch.Generator | None
    ) -> Tensor:
        """Numbers (B, d) of rows in units (B,) given those in view: drawn, or their means.

        A draw of all numbers is moved by what those in view miss of it (Matheron's rule).
        """
        mean, spread = (values[unit, 0] for values in self.scales)
        white = torch.zeros_like(z)
        if generator is not None:
            white = torch.randn(z.shape, generator=generator, dtype=z.dtype, device=z.device)
        factors = torch.linalg.cholesky(self.correlations)[unit]
        w = (factors @ white.unsqueeze(2)).squeeze(2)
        for pattern in self.patterns(seen) if seen.any() else ():
            rows, view, of = pattern.rows, pattern.seen, unit[pattern.rows]
            miss = (z[rows] - mean[rows])[:, view] / spread[rows][:, view] - w[rows][:, view]
            whiten = pattern.whiten[of]
            solved = whiten.transpose(1, 2) @ (whiten @ miss.unsqueeze(2))
            w[rows] += (self.correlations[of][:, :, view] @ solved).squeeze(2)
        return (mean + spread * w).clamp(-FARTHEST, FARTHEST)

    def moments(
        self, x: Tensor, pieces: Sequence[Pieces | None] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Conditional means and variances of all columns, twice (n, D); `queries.moments`."""
        device, n_columns = self.circuit.device, self.circuit.inputs.n_columns
        found = [p and p.to(device) for p in pieces or [None] * n_columns]
        groups = self.circuit.inputs.groups
        of_units = [queries.unit_moments(group, self.parameters, found) for group in groups]
        widest = max([1, *(len(p.slopes) for p in found if p is not None)])
        blocks = x.split(max(16, self.block_rows // widest))
        parts = [self._moments(rows.to(device), found, of_units) for rows in blocks]
        return torch.cat([m for m, _ in parts]), torch.cat([v for _, v in parts])

    def _moments(
        self,
        rows: Tensor,
        pieces: Sequence[Pieces | None],
        of_units: Sequence[tuple[Tensor, Tensor]],
    ) -> tuple[Tensor, Tensor]:
        flow = self.posterior(rows)
        mean, square = queries.expected_moments(self.circuit, flow, of_units)
        z, seen = self.numbers(rows)
        centre, spread = self.scales
        for pattern in self.patterns(seen):
            _, white = self.whitened(z, pattern)
            means, covariances = self.hidden_given(white, pattern)
            variances = covariances.diagonal(dim1=1, dim2=2)
            for i, j in enumerate(pattern.hidden.tolist()):
                column, scale = int(self.columns[j]), spread[:, :, j]
                m = centre[:, :, j] + scale * means[:, :, i]
                v = (scale * scale * variances[:, i, None]).expand_as(m)
                found = self._values(column, pieces[column], m, v)
                posterior = flow[0][:, pattern.rows]
                for out, value in zip((mean, square), found, strict=True):
                    out[pattern.rows, column] = (posterior * value).sum(dim=0)
        return queries.with_evidence(rows, mean, square)

    def _values(
        self, column: int, pieces: Pieces | None, mean: Tensor, variance: Tensor
    ) -> tuple[Tensor, Tensor]:
        """E[u] and E[u^2] of a column whose number has these moments, twice (K, b)."""
        if pieces is None:
            return mean, variance + mean * mean
        number, square = pieces.of_normal(mean, variance)
        if not len(pieces.atoms):
            return number, square
        shares = self._shares[column]
        of_atoms = (shares[1:].T @ pieces.atoms, shares[1:].T @ pieces.atoms**2)
        return tuple(  # type: ignore[return-value]
            shares[0, :, None] * value + atoms[:, None]
            for value, atoms in zip((number, square), of_atoms, strict=True)
        )

    @cached_property
    def _shares(self) -> dict[int, Tensor]:
        """By column: shares of numbers and of each atom, (1 + m, K)."""
        found: dict[int, Tensor] = {}
        for group in self.circuit.inputs.groups:
            if isinstance(group.family, Numeric):
                theta, _ = group.unpack(self.parameters.leaves)
                _, _, shares = group.family.parts(theta)
                columns = group.columns[group.column_of].tolist()
                found.update(zip(columns, shares, strict=True))
        return found


def number_moments(group: LeafGroup, leaves: Tensor) -> tuple[Tensor, Tensor]:
    """Means and variances of the numbers of a group's leaves, twice (n, K)."""
    theta, _ = group.unpack(leaves)
    if isinstance(group.family, Numeric):
        return group.family.parts(theta)[:2]
    return group.family.moments(theta)


def _inverse_factors(matrices: Tensor) -> Tensor:
    """Inverses of the Cholesky factors of (K, r, r)."""
    factors = torch.linalg.cholesky(matrices)
    one = torch.eye(matrices.shape[1], dtype=matrices.dtype, device=matrices.device)
    return torch.linalg.solve_triangular(factors, one.expand_as(factors), upper=False)
