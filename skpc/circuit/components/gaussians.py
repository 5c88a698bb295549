"""Mixtures of Gaussians with full covariances over all columns of numbers at once.

A unit is a product of leaves, as in a circuit of one leaf region, but for the columns of numbers:
these are normal together, with correlations of the unit's own. Where a leaf has atoms, an atom
hides the number behind it, as a missing cell does. So the density of a row is the product of its
leaves, times what the correlations of the numbers in view change about it.

Axes: n rows, D columns, B rows of a block, K units, d columns that are normal together, b rows of
a pattern, h of its numbers hidden, S slots.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ..leaves import Gaussian, Numeric
from ..leaves.gaussian import FARTHEST
from ..leaves.numeric import ATOM
from ..passes.groups import LeafGroup
from ..passes.trace import LOWEST, pick
from ..queries import queries
from ..queries.piecewise import Pieces, values_of
from .component import Part
from .correlations import Correlations, Numbers, by_unit

# Numbers of the largest tensor of a block.
LARGEST = 4_000_000


@dataclass(frozen=True, kw_only=True)
class GaussianPart(Part):
    """A mixture of units whose columns of numbers are normal together.

    Its circuit is one of `continuous.flat_circuit`; the leaves hold means and variances, shares of
    atoms, and the distributions of all other columns.

    Attributes
    ----------
    columns : Tensor (d,)
        Those that are normal together; their leaves are `Gaussian` or `Numeric`.
    matrices : Tensor (K, d, d)
        Correlations of the numbers within each unit.
    """

    columns: Tensor
    matrices: Tensor

    @cached_property
    def correlations(self) -> Correlations:
        """The matrices and what is made of them."""
        return Correlations(self.matrices)

    @cached_property
    def scales(self) -> tuple[Tensor, Tensor]:
        """Means and standard deviations of the numbers, twice (K, 1, d)."""
        mean = self.parameters.leaves.new_zeros((self.circuit.inputs.n_columns, self.n_units))
        variance = torch.ones_like(mean)
        for group in self.circuit.inputs.groups:
            if type(group.family) in (Gaussian, Numeric):
                places = group.columns[group.column_of]
                mean[places], variance[places] = number_moments(group, self.parameters.leaves)
        spread = variance.sqrt()
        return mean[self.columns].T.unsqueeze(1), spread[self.columns].T.unsqueeze(1)

    @property
    def n_units(self) -> int:
        """K."""
        return self.circuit.inputs.n_units

    @property
    def block_rows(self) -> int:
        """Rows of a block, whichever numbers they have."""
        most = max(self._width, (len(self.columns) // 2) ** 2)
        return max(1, LARGEST // (self.n_units * most))

    @property
    def _width(self) -> int:
        return max(len(self.columns), self.circuit.inputs.shape[1])

    @cached_property
    def _limits(self) -> Tensor:
        """Below which a column's values are numbers and not atoms, (d,)."""
        limits = torch.full((self.circuit.inputs.n_columns,), torch.inf, dtype=torch.float64)
        for group in self.circuit.inputs.groups:
            if type(group.family) is Numeric:
                limits[group.columns.cpu()] = 0.5 * ATOM
        return limits.to(self.columns.device)[self.columns]

    def in_view(self, rows: Tensor) -> Tensor:
        """Which numbers of rows (n, D) are neither missing nor behind atoms, (n, d)."""
        return rows[:, self.columns.to(rows.device)] < self._limits.to(rows.device)

    def blocks(self, x: Tensor, pieces: int = 1) -> tuple[Tensor, ...]:
        """Positions of rows (n, D) in blocks of a bounded size, those of a pattern adjacent.

        `pieces` numbers of a column are needed at once.
        """
        order = torch.arange(len(x), device=x.device)
        if len(x) * pieces <= self.block_rows:
            return (order,)
        seen = self.in_view(x)
        n_seen = seen.sum(dim=1)
        factored = torch.minimum(n_seen, len(self.columns) - n_seen)
        if factored.any():
            order = torch.argsort(torch.unique(seen, dim=0, return_inverse=True)[1], stable=True)
        costs = self.n_units * (factored[order] ** 2).clamp_min(self._width * pieces)
        block_of = costs.cumsum(dim=0) // LARGEST
        sizes = torch.unique_consecutive(block_of, return_counts=True)[1]
        return order.split(sizes.tolist())

    def numbers(self, rows: Tensor) -> Numbers:
        """Slots and numbers of rows (B, D), and their patterns."""
        seen = self.in_view(rows)
        z = torch.where(seen, rows[:, self.columns].clamp(-FARTHEST, FARTHEST), 0.0)
        mean, spread = self.scales
        w = ((z - mean) / spread).mul_(seen)
        u = self.correlations.times_inverses(w)
        slots = self.circuit.gather(rows, torch.float64)
        return Numbers(slots, z, w, u, self.correlations.patterns(seen))

    def joint(self, numbers: Numbers) -> Tensor:
        """Log of weight times density of every unit and row, without log h, (K, B)."""
        h = self.circuit.inputs.forward(self.parameters.leaves, numbers.slots)[0]
        distance = (numbers.w * numbers.u).sum(dim=2)
        log_det = self.correlations.half_log_det[:, None].expand_as(distance)
        if numbers.patterns:
            log_det = log_det.clone()
        for pattern in numbers.patterns:
            found = pattern.distance(numbers.w, numbers.u)
            distance[:, pattern.rows], log_det[:, pattern.rows] = found
        h += 0.5 * ((numbers.w * numbers.w).sum(dim=2) - distance) - log_det
        return h.clamp_min_(LOWEST) + torch.log(self.parameters.sums[0][0, 0])[:, None]

    @torch.inference_mode()
    def log_density(self, x: Tensor, dtype: torch.dtype) -> Tensor:
        """Of every row, (n, D) to (n,); always computed in float64."""
        scores = torch.empty(len(x), dtype=dtype, device=self.circuit.device)
        for places in self.blocks(x):
            rows = x[places].to(self.circuit.device, torch.float64)
            numbers = self.numbers(rows)
            found = torch.logsumexp(self.joint(numbers), dim=0) + numbers.slots.log_base
            scores[places.to(scores.device)] = found.to(dtype)
        return scores

    def posterior(self, rows: Tensor, shares: Tensor | None = None) -> Tensor:
        """Probabilities of the units given rows (B, D), (1, K, B); they add to shares (B,)."""
        rows = rows.to(self.circuit.device)
        found = torch.softmax(self.joint(self.numbers(rows)), dim=0)
        return (found if shares is None else found * shares).unsqueeze(0)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        """Independent draws of whole rows, (n, D)."""
        weights = self.parameters.sums[0][0]
        size, found = max(16, LARGEST // self._width), []
        for start in range(0, n, size):
            unit = pick(weights, generator, min(size, n - start))
            drawn = queries.draw_leaves(self.circuit, self.parameters, unit[None], generator)
            found.append(self._with_numbers(drawn, unit, self._drawn(unit, generator)))
        return torch.cat(found)

    def complete(self, x: Tensor, generator: torch.Generator | None) -> Tensor:
        """Rows (n, D) with missing cells drawn, or most probable without a generator."""
        found = torch.empty(x.shape, dtype=torch.float64, device=self.circuit.device)
        for places in self.blocks(x):
            rows = x[places].to(self.circuit.device)
            found[places.to(found.device)] = self._complete(rows, generator)
        return found

    def _complete(self, rows: Tensor, generator: torch.Generator | None) -> Tensor:
        numbers = self.numbers(rows)
        unit = pick(torch.softmax(self.joint(numbers), dim=0).T, generator)
        drawn = queries.draw_leaves(self.circuit, self.parameters, unit[None], generator)
        w = self.given(numbers, unit, generator)
        return torch.where(torch.isnan(rows), self._with_numbers(drawn, unit, w), rows)

    def centres(self, rows: Tensor) -> Tensor:
        """Expected numbers of rows (B, D) in the first unit, (B, d)."""
        unit = torch.zeros(len(rows), dtype=torch.long, device=rows.device)
        mean, spread = (values[0] for values in self.scales)
        return mean + spread * self.given(self.numbers(rows), unit, None)

    def _with_numbers(self, drawn: Tensor, unit: Tensor, w: Tensor) -> Tensor:
        """Rows (B, D) drawn in units (B,) with these standardised numbers (B, d) for theirs."""
        mean, spread = (values[unit, 0] for values in self.scales)
        together = (mean + spread * w).clamp(-FARTHEST, FARTHEST)
        # An atom that was drawn hides its number.
        of_columns = drawn[:, self.columns]
        drawn[:, self.columns] = torch.where(of_columns < 0.5 * ATOM, together, of_columns)
        return drawn

    def _drawn(self, unit: Tensor, generator: torch.Generator | None) -> Tensor:
        """Standardised numbers of units (B,), drawn, or their means, (B, d)."""
        shape = (len(unit), len(self.columns))
        if generator is None:
            return torch.zeros(shape, dtype=torch.float64, device=unit.device)
        white = torch.randn(shape, generator=generator, dtype=torch.float64, device=unit.device)
        return by_unit(white, unit, self.correlations.factors.transpose(1, 2))

    def given(self, numbers: Numbers, unit: Tensor, generator: torch.Generator | None) -> Tensor:
        """Standardised numbers (B, d) in units (B,), hidden ones drawn, or their means.

        A draw of all numbers is moved by what those in view miss of it (Matheron's rule).
        """
        known = numbers.w[unit, torch.arange(len(unit), device=unit.device)]
        if not numbers.patterns:
            return known
        drawn = self._drawn(unit, generator)
        miss, size = known - drawn, max(1, LARGEST // len(self.columns) ** 2)
        for pattern in numbers.patterns:
            miss[pattern.rows[:, None], pattern.hidden] = 0.0
        u = by_unit(miss, unit, self.correlations.inverses)
        for pattern in numbers.patterns:
            hidden = pattern.hidden
            for rows in pattern.rows.split(size):
                moved = drawn[rows][:, hidden] + pattern.expected_of(
                    unit[rows], miss[rows], u[rows]
                )
                known[rows[:, None], hidden] = moved
        return known

    def moments(
        self, x: Tensor, pieces: Sequence[Pieces | None] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Conditional means and variances of all columns, twice (n, D); `queries.moments`."""
        device, n_columns = self.circuit.device, self.circuit.inputs.n_columns
        found = [p and p.to(device) for p in pieces or [None] * n_columns]
        groups = self.circuit.inputs.groups
        of_units = [queries.unit_moments(group, self.parameters, found) for group in groups]
        widest = max([1, *(len(p.slopes) for p in found if p is not None)])
        mean = torch.empty(x.shape, dtype=torch.float64, device=device)
        variance = torch.empty_like(mean)
        for places in self.blocks(x, widest):
            there = places.to(device)
            mean[there], variance[there] = self._moments(x[places].to(device), found, of_units)
        return mean, variance

    def _moments(
        self,
        rows: Tensor,
        pieces: Sequence[Pieces | None],
        of_units: Sequence[tuple[Tensor, Tensor]],
    ) -> tuple[Tensor, Tensor]:
        numbers = self.numbers(rows)
        flow = torch.softmax(self.joint(numbers), dim=0)
        mean, square = queries.expected_moments(self.circuit, flow[None], of_units)
        centre, spread = self.scales
        for pattern in numbers.patterns:
            means = pattern.expected(numbers.w, numbers.u)
            variances = pattern.covariance().diagonal(dim1=1, dim2=2).clamp_min(1e-12)
            for i, j in enumerate(pattern.hidden.tolist()):
                column, scale = int(self.columns[j]), spread[:, :, j]
                m = centre[:, :, j] + scale * means[:, :, i]
                v = (scale * scale * variances[:, i, None]).expand_as(m)
                found = values_of(pieces[column], self._shares.get(column), m, v)
                for out, value in zip((mean, square), found, strict=True):
                    out[pattern.rows, column] = (flow[:, pattern.rows] * value).sum(dim=0)
        return queries.with_evidence(rows, mean, square)

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
