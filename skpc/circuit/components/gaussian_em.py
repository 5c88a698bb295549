"""EM for mixtures of Gaussians: collect, merge, update.

Numbers that missing cells and atoms hide enter with their conditional means and covariances
(Ghahramani and Jordan, "Supervised learning from incomplete data via an EM approach", NIPS 1993).
The prior of a unit is pseudo-rows around its mean. Their covariance, the spread, is the pooled
covariance of all rows around the means of their units, and is learned with the units (empirical
Bayes). At the start it is the covariance of all rows, divided by a power of the number of units
(Fraley and Raftery, "Bayesian regularization for normal mixture estimation and model-based
clustering", Journal of Classification 2007).

Axes: B rows, D columns, K units, d columns that are normal together, b rows of a
pattern, S statistics of a region.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import reduce

import torch
from torch import Tensor

from ..passes import Cells, Parameters
from ..training import Prior, Rows
from .correlations import Numbers, Pattern
from .gaussian_component import GaussianComponent
from .gaussian_statistics import GaussianStatistics, merge
from .gaussian_whole import WholeBlock, rows_of_block, whole_rows

# Pseudo-counts of every unit's weight.
WEIGHT_ROWS = 0.1
# By how much correlations are reduced, so that their matrices can be factored.
SHRINKAGE = 1e-9
# Least share of its rows by which the covariance of a unit is divided.
LEAST_LEFT = 0.25
# Pseudo-rows of the spread of a unit's numbers: for each of their columns, and at least.
SPREAD_ROWS_A_COLUMN, LEAST_SPREAD_ROWS = 0.5, 3.0


@dataclass(frozen=True)
class GaussianPrior:
    """Pseudo-rows of every unit.

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
        """Pseudo-rows of the spread of a unit's numbers."""
        return max(LEAST_SPREAD_ROWS, SPREAD_ROWS_A_COLUMN * len(self.floor))


@torch.inference_mode()
def collect(component: GaussianComponent, cells: Cells, weights: Tensor) -> GaussianStatistics:
    """The E-step on rows (B, D) of weights (B,)."""
    numbers = component.numbers(cells)
    joint = component.joint(numbers)
    total = torch.logsumexp(joint, dim=0)
    shares = torch.exp(joint - total) * weights
    filled = numbers.z.expand(component.n_units, -1, -1)
    scatter = shares.new_zeros(component.matrices.shape)
    if numbers.patterns:
        filled = filled.clone()
    for pattern in numbers.patterns:
        _fill(component, numbers, pattern, shares, filled, scatter)
    weighted = filled * shares.unsqueeze(2)
    return GaussianStatistics(
        leaves=component.circuit.inputs.expected_statistics(
            component.parameters.leaves, shares[None], numbers.statistics
        ),
        counts=shares.sum(dim=1),
        first=weighted.sum(dim=1),
        second=torch.baddbmm(scatter, weighted.transpose(1, 2), filled),
        log_likelihood=weights @ (total + numbers.statistics.log_base),
    )


def _fill(
    component: GaussianComponent,
    numbers: Numbers,
    pattern: Pattern,
    shares: Tensor,
    filled: Tensor,
    scatter: Tensor,
) -> None:
    """Put a pattern's expected numbers into filled (K, B, d), and add their covariances."""
    rows, hidden = pattern.rows, pattern.hidden
    mean, spread = (values[:, :, hidden] for values in component.scales)
    filled[:, rows[:, None], hidden] = mean + spread * pattern.expected(numbers.w, numbers.u)
    uses = shares[:, rows].sum(dim=1).view(-1, 1, 1)
    covariance = pattern.covariance() * spread * spread.transpose(1, 2)
    scatter[:, hidden[:, None], hidden] += uses * covariance


@dataclass(frozen=True, eq=False)
class HiddenBlock:
    """Rows with hidden numbers, as the E-step reads them."""

    cells: Cells
    weights: Tensor

    def collect(self, component: GaussianComponent) -> GaussianStatistics:
        """The E-step by the parameters of a component."""
        return collect(component, self.cells, self.weights)


def read_blocks(component: GaussianComponent, rows: Rows) -> Iterator[WholeBlock | HiddenBlock]:
    """Rows in blocks of bounded memory, which serve for any parameters of the component."""
    whole = whole_rows(component, rows.cells)
    observed, others = (torch.nonzero(of).flatten() for of in (whole, ~whole))
    for index in observed.split(rows_of_block(component)):
        if len(index):
            yield WholeBlock.read(component, rows.cells.rows(index), rows.weights[index])
    if len(others):
        for block in component.blocks(rows.cells.rows(others)):
            index = others[block]
            yield HiddenBlock(rows.cells.rows(index), rows.weights[index])


def collect_all(
    component: GaussianComponent, blocks: Iterable[WholeBlock | HiddenBlock]
) -> GaussianStatistics:
    """Statistics of all rows of blocks."""
    return reduce(merge, (block.collect(component) for block in blocks))


def update(
    component: GaussianComponent, sums: GaussianStatistics, prior: GaussianPrior
) -> GaussianComponent:
    """The M-step.

    It never lowers log-likelihood + `log_prior` for statistics of the same rows and the same prior.
    """
    alive = sums.counts > 1e-9
    counts = torch.where(alive, sums.counts, 1.0)
    old, _ = component.scales
    mean = torch.where(alive[:, None], sums.first / counts[:, None], old[:, 0])
    scatter = sums.second - counts.view(-1, 1, 1) * mean[:, :, None] * mean[:, None]
    scatter = torch.where(alive.view(-1, 1, 1), scatter, 0.0)
    total = (torch.where(alive, sums.counts, 0.0) + prior.spread_rows).view(-1, 1, 1)
    covariance = _floored((scatter + prior.spread_rows * prior.spread) / total, prior.floor)
    weights = sums.counts + WEIGHT_ROWS
    return with_numbers(component, sums.leaves, (weights / weights.sum()), mean, covariance, prior)


def learned_prior(prior: GaussianPrior, sums: GaussianStatistics) -> GaussianPrior:
    """The prior whose spread is the pooled covariance of all rows around their units' means.

    The divisor is the number of rows less one for each unit's mean, and at least a quarter of
    the rows.
    """
    counts = sums.counts.clamp_min(1e-9)
    mean = sums.first / counts[:, None]
    around = sums.second - counts.view(-1, 1, 1) * mean[:, :, None] * mean[:, None]
    n = float(counts.sum())
    spread = around.sum(dim=0) / max(n - len(counts), 0.25 * n)
    return replace(prior, spread=spread + torch.diag(prior.floor))


def with_numbers(
    component: GaussianComponent,
    leaves: Tensor,
    weights: Tensor,
    mean: Tensor,
    covariance: Tensor,
    prior: GaussianPrior,
) -> GaussianComponent:
    """The component with new leaves, weights, means and covariances.

    Parameters
    ----------
    leaves : Tensor (1, S, K)
        Statistics of the leaves.
    weights : Tensor (K,)
    mean : Tensor (K, d)
        Of the columns that are normal together.
    covariance : Tensor (K, d, d)
    prior : GaussianPrior
        Its pseudo-rows are added to the statistics of the leaves.
    """
    inputs = component.circuit.inputs
    sums = leaves + prior.leaves.smoothing * prior.leaves.leaves
    variance = covariance.diagonal(dim1=1, dim2=2)
    moments = torch.stack([mean.T, (mean * mean + variance).T], dim=1)
    position = {int(column): i for i, column in enumerate(component.columns)}
    for fold in inputs.folds:
        columns = fold.columns[fold.group_of, 0].tolist()
        normal = [i for i, column in enumerate(columns) if column in position]
        if not normal:
            continue
        values, counts = (unpacked.clone() for unpacked in fold.unpack(sums))
        numbers = counts[normal] if fold.with_atoms is None else values[normal, 2:3]
        values[normal, :2] = numbers * moments[[position[columns[i]] for i in normal]]
        fold.pack(sums, values, counts)
    packed = inputs.from_expectation(sums, component.parameters.leaves)
    spread = variance.sqrt()
    matrices = (1 - SHRINKAGE) * covariance / (spread[:, :, None] * spread[:, None])
    identity = torch.eye(len(component.columns), dtype=matrices.dtype, device=matrices.device)
    matrices += SHRINKAGE * identity
    parameters = Parameters(packed, (weights.view(1, 1, -1),))
    return replace(component, parameters=parameters, matrices=matrices)


def _floored(matrices: Tensor, floor: Tensor) -> Tensor:
    """The likeliest covariances S >= diag(floor) for covariances A of rows, (K, d, d).

    log det S + tr(S^-1 A) is least where, in units of the floor (d,), the eigenvalues of A below
    one are raised to one.
    """
    unit = floor.sqrt()
    unit = unit[:, None] * unit
    scaled = matrices / unit
    scaled = 0.5 * (scaled + scaled.transpose(1, 2))
    # Where A - 1 has a Cholesky factor no eigenvalue is below one: a tenth of their cost.
    excess = scaled - torch.eye(len(floor), dtype=scaled.dtype, device=scaled.device)
    low = torch.linalg.cholesky_ex(excess).info != 0
    if low.any():
        values, vectors = torch.linalg.eigh(scaled[low])
        scaled[low] = (vectors * values.clamp_min(1.0).unsqueeze(1)) @ vectors.transpose(1, 2)
    return scaled * unit


def widened(
    component: GaussianComponent, sums: GaussianStatistics, prior: GaussianPrior, share: float
) -> GaussianComponent:
    """The component with wider covariances, as for fewer rows, with the same correlations.

    The likeliest covariance of n rows leaves a number too certain once the d - 1 others are known:
    n less d - 1 is the divisor by which its variance around the true regression on them is right in
    the mean, and the regression's own error takes about as many rows again. That many rows times
    `share` are taken from the divisor of every unit, of which a quarter stays.

    Parameters
    ----------
    component : GaussianComponent
    sums : GaussianStatistics
        From which it was made.
    prior : GaussianPrior
    share : float
        Of columns whose rows are taken: 0 to 2. Units that are far from normal want little.
    """
    mean, spread = component.scales
    rows = sums.counts + prior.spread_rows
    left = rows - share * (len(component.columns) - 1)
    factor = rows / torch.maximum(left, LEAST_LEFT * rows)
    covariance = component.matrices * spread * spread.transpose(1, 2) * factor.view(-1, 1, 1)
    weights = component.parameters.sums[0].flatten()
    return with_numbers(component, sums.leaves, weights, mean[:, 0], covariance, prior)


def log_prior(component: GaussianComponent, prior: GaussianPrior) -> Tensor:
    """Log prior density of the numbers' parameters, up to a constant, ().

    If all columns are normal together, EM never lowers the log-likelihood plus this.
    """
    _, spread = component.scales
    covariance = component.matrices * spread * spread.transpose(1, 2)
    solved = torch.linalg.solve(covariance, prior.spread.expand_as(covariance))
    of_numbers = torch.logdet(covariance) + solved.diagonal(dim1=1, dim2=2).sum(dim=1)
    total = -0.5 * prior.spread_rows * of_numbers.sum()
    total += WEIGHT_ROWS * torch.log(component.parameters.sums[0]).sum()
    return total
