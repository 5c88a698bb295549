"""EM for mixtures of Gaussians: collect, merge, update.

Expected numbers behind missing cells and atoms join those in view, with their covariances
(Ghahramani and Jordan, "Supervised learning from incomplete data via an EM approach", NIPS 1993).
Units have seen some rows before, which are spread around their means as the rows of all units
are around theirs: the spread is learned with the units (empirical Bayes). At the start it is that
of all rows, closer together the more units there are, after Fraley and Raftery, "Bayesian
regularization for normal mixture estimation and model-based clustering", Journal of
Classification 2007.

Axes: B rows, D columns, K units, d columns that are normal together, b rows of a pattern, S slots.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..leaves import Numeric
from ..passes.circuit import Parameters
from ..training.rows import Rows
from ..training.statistics import Prior
from .correlations import Pattern
from .gaussians import GaussianPart, Numbers

# Uses that every unit has seen of its weight.
WEIGHT_ROWS = 0.1
# By how much correlations are less than 1, so that their matrices can be factored.
APART = 1e-9
# Rows that it has seen of the spread of the numbers: so many for each of their columns, at least.
SPREAD_ROWS_A_COLUMN, LEAST_SPREAD_ROWS = 0.5, 3.0


@dataclass(frozen=True)
class GaussianStatistics:
    """Expected counts of a block of rows; additive.

    Attributes
    ----------
    leaves : Tensor (1, S, K)
        As `Statistics.leaves`, of cells in view.
    counts : Tensor (K,)
        Rows of every unit.
    first : Tensor (K, d)
        Sums of expected numbers.
    second : Tensor (K, d, d)
        Sums of their expected products.
    log_likelihood : Tensor ()
    """

    leaves: Tensor
    counts: Tensor
    first: Tensor
    second: Tensor
    log_likelihood: Tensor


@dataclass(frozen=True)
class GaussianPrior:
    """What the units have seen before.

    Attributes
    ----------
    leaves : Prior
        Rows distributed as the columns are.
    spread : Tensor (d, d)
        Covariance of rows around a unit's mean.
    floor : Tensor (d,)
        Least variances: no unit's covariance is below this diagonal.
    """

    leaves: Prior
    spread: Tensor
    floor: Tensor

    @property
    def spread_rows(self) -> float:
        """Rows that every unit has seen of the spread."""
        return max(LEAST_SPREAD_ROWS, SPREAD_ROWS_A_COLUMN * len(self.floor))


@torch.inference_mode()
def collect(part: GaussianPart, x: Tensor, weights: Tensor) -> GaussianStatistics:
    """The E-step on rows (B, D) of weights (B,)."""
    numbers = part.numbers(x)
    joint = part.joint(numbers)
    total = torch.logsumexp(joint, dim=0)
    shares = torch.exp(joint - total) * weights
    filled = numbers.z.expand(part.n_units, -1, -1)
    scatter = shares.new_zeros(part.matrices.shape)
    if numbers.patterns:
        filled = filled.clone()
    for pattern in numbers.patterns:
        _fill(part, numbers, pattern, shares, filled, scatter)
    weighted = filled * shares.unsqueeze(2)
    flows = [(part.circuit.inputs.summed, shares[None])]
    return GaussianStatistics(
        leaves=part.circuit.inputs.expected_statistics(flows, numbers.slots),
        counts=shares.sum(dim=1),
        first=weighted.sum(dim=1),
        second=torch.baddbmm(scatter, weighted.transpose(1, 2), filled),
        log_likelihood=weights @ (total + numbers.slots.log_base),
    )


def _fill(
    part: GaussianPart,
    numbers: Numbers,
    pattern: Pattern,
    shares: Tensor,
    filled: Tensor,
    scatter: Tensor,
) -> None:
    """Put a pattern's expected numbers into filled (K, B, d), and add their covariances."""
    rows, hidden = pattern.rows, pattern.hidden
    mean, spread = (values[:, :, hidden] for values in part.scales)
    filled[:, rows[:, None], hidden] = mean + spread * pattern.expected(numbers.w, numbers.u)
    uses = shares[:, rows].sum(dim=1).view(-1, 1, 1)
    covariance = pattern.covariance() * spread * spread.transpose(1, 2)
    scatter[:, hidden[:, None], hidden] += uses * covariance


def merge(a: GaussianStatistics, b: GaussianStatistics) -> GaussianStatistics:
    """Statistics of two blocks together: plain addition."""
    return GaussianStatistics(
        *(p + q for p, q in zip(vars(a).values(), vars(b).values(), strict=True))
    )


def scaled(sums: GaussianStatistics, factor: float) -> GaussianStatistics:
    """Statistics of the same rows, each counted so often."""
    return GaussianStatistics(*(value * factor for value in vars(sums).values()))


def collect_all(part: GaussianPart, rows: Rows) -> GaussianStatistics:
    """Of all rows, block by block."""
    found: GaussianStatistics | None = None
    for places in part.blocks(rows.x):
        block = collect(part, rows.x[places], rows.weights[places])
        found = block if found is None else merge(found, block)
    assert found is not None
    return found


def update(part: GaussianPart, sums: GaussianStatistics, prior: GaussianPrior) -> GaussianPart:
    """The M-step.

    It never lowers log-likelihood + `log_prior` for statistics of the same rows and the same prior.
    """
    alive = sums.counts > 1e-9
    counts = torch.where(alive, sums.counts, 1.0)
    old, _ = part.scales
    mean = torch.where(alive[:, None], sums.first / counts[:, None], old[:, 0])
    scatter = sums.second - counts.view(-1, 1, 1) * mean[:, :, None] * mean[:, None]
    scatter = torch.where(alive.view(-1, 1, 1), scatter, 0.0)
    total = (torch.where(alive, sums.counts, 0.0) + prior.spread_rows).view(-1, 1, 1)
    covariance = _above((scatter + prior.spread_rows * prior.spread) / total, prior.floor)
    weights = sums.counts + WEIGHT_ROWS
    return with_numbers(part, sums.leaves, (weights / weights.sum()), mean, covariance, prior)


def learned(prior: GaussianPrior, sums: GaussianStatistics) -> GaussianPrior:
    """The prior with the spread of the rows of all units around the units' means.

    A mean takes a row of its unit's; a quarter of the rows are left at least.
    """
    counts = sums.counts.clamp_min(1e-9)
    mean = sums.first / counts[:, None]
    around = sums.second - counts.view(-1, 1, 1) * mean[:, :, None] * mean[:, None]
    n = float(counts.sum())
    spread = around.sum(dim=0) / max(n - len(counts), 0.25 * n)
    return replace(prior, spread=spread + torch.diag(prior.floor))


def with_numbers(
    part: GaussianPart,
    leaves: Tensor,
    weights: Tensor,
    mean: Tensor,
    covariance: Tensor,
    prior: GaussianPrior,
) -> GaussianPart:
    """A part with leaves of these statistics (1, S, K), and means and covariances of numbers.

    Parameters
    ----------
    leaves : Tensor (1, S, K)
    weights : Tensor (K,)
    mean : Tensor (K, d)
    covariance : Tensor (K, d, d)
    """
    inputs = part.circuit.inputs
    sums = leaves + prior.leaves.smoothing * prior.leaves.leaves
    variance = covariance.diagonal(dim1=1, dim2=2)
    moments = torch.stack([mean.T, (mean * mean + variance).T], dim=1)
    position = {int(column): i for i, column in enumerate(part.columns)}
    for group in inputs.groups:
        columns = group.columns[group.column_of].tolist()
        mine = [i for i, column in enumerate(columns) if column in position]
        if not mine:
            continue
        values, counts = (found.clone() for found in group.unpack(sums))
        numbers = values[mine, 2:3] if isinstance(group.family, Numeric) else counts[mine]
        values[mine, :2] = numbers * moments[[position[columns[i]] for i in mine]]
        group.pack(sums, values, counts)
    packed = inputs.from_expectation(sums, part.parameters.leaves)
    spread = variance.sqrt()
    matrices = (1 - APART) * covariance / (spread[:, :, None] * spread[:, None])
    matrices += APART * torch.eye(len(part.columns), dtype=matrices.dtype, device=matrices.device)
    parameters = Parameters(packed, (weights.view(1, 1, -1),))
    return replace(part, parameters=parameters, matrices=matrices)


def _above(matrices: Tensor, floor: Tensor) -> Tensor:
    """Covariances (K, d, d) whose eigenvalues, in units of the floor (d,), are at least one.

    The likeliest of those: log det S + tr(S^-1 A) is least over S >= diag(floor) where the
    eigenvalues of A in these units are raised to one.
    """
    unit = floor.sqrt()
    scaled = matrices / (unit[:, None] * unit)
    scaled = 0.5 * (scaled + scaled.transpose(1, 2))
    values, vectors = torch.linalg.eigh(scaled)
    raised = (vectors * values.clamp_min(1.0).unsqueeze(1)) @ vectors.transpose(1, 2)
    return torch.where((values[:, :1] < 1).unsqueeze(2), raised, scaled) * (unit[:, None] * unit)


def log_prior(part: GaussianPart, prior: GaussianPrior) -> Tensor:
    """What EM adds to the log-likelihood that it never lowers, (); for columns of numbers only."""
    _, spread = part.scales
    covariance = part.matrices * spread * spread.transpose(1, 2)
    solved = torch.linalg.solve(covariance, prior.spread.expand_as(covariance))
    of_numbers = torch.logdet(covariance) + solved.diagonal(dim1=1, dim2=2).sum(dim=1)
    total = -0.5 * prior.spread_rows * of_numbers.sum()
    total += WEIGHT_ROWS * torch.log(part.parameters.sums[0]).sum()
    return total
