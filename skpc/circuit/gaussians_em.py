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

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .circuit import Circuit, Parameters
from .continuous import flat_circuit
from .data import Rows
from .gaussians import GaussianPart, Pattern
from .initial import column_means, make_prior
from .leaves import Gaussian, Leaf, Numeric
from .statistics import Prior

# Rows that every unit has seen of the distribution of each column that is not a number in view,
# and of all units' weights.
SMOOTHING, WEIGHT_ROWS = 1.0, 0.1
# Rows that it has seen of the spread of the numbers: so many for each of their columns, at least.
SPREAD_ROWS_A_COLUMN, LEAST_SPREAD_ROWS = 0.5, 3.0
# Rows and steps of EM that find the spread of all rows.
MOST_FOR_SPREAD, SPREAD_STEPS = 5_000, 5
# Operations of an E-step, the least rows of one, the rows whose patterns tell what one costs, and
# the first step size where not all rows are seen at once.
BUDGET, LEAST_ROWS, SAMPLED, FIRST_RATE = 5e9, 500, 20_000, 0.5


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
    joint = part.joint(x)
    total = torch.logsumexp(joint, dim=0)
    shares = torch.exp(joint - total) * weights
    slots = part.circuit.gather(x, torch.float64)
    z, seen = part.numbers(x)
    d = len(part.columns)
    first = shares.new_zeros((part.n_units, d))
    second = shares.new_zeros((part.n_units, d, d))
    for pattern in part.patterns(seen):
        _add_numbers(part, z, shares[:, pattern.rows], pattern, first, second)
    return GaussianStatistics(
        leaves=part.circuit.inputs.expected_statistics(shares[None], slots),
        counts=shares.sum(dim=1),
        first=first,
        second=second,
        log_likelihood=weights @ (total + part.log_base(x)),
    )


def _add_numbers(
    part: GaussianPart, z: Tensor, shares: Tensor, pattern: Pattern, first: Tensor, second: Tensor
) -> None:
    """Add a pattern's expected numbers and products, shares (K, b) of its rows."""
    filled = z[pattern.rows].expand(len(shares), -1, -1)
    if len(pattern.hidden):
        _, white = part.whitened(z, pattern)
        means, covariances = part.hidden_given(white, pattern)
        mean, spread = (values[:, :, pattern.hidden] for values in part.scales)
        filled = filled.clone()
        filled[:, :, pattern.hidden] = mean + spread * means
        scatter = covariances * spread * spread.transpose(1, 2) * shares.sum(dim=1).view(-1, 1, 1)
        second[:, pattern.hidden[:, None], pattern.hidden] += scatter
    weighted = filled * shares.unsqueeze(2)
    first += weighted.sum(dim=1)
    second += weighted.transpose(1, 2) @ filled


def merge(a: GaussianStatistics, b: GaussianStatistics) -> GaussianStatistics:
    """Statistics of two blocks together: plain addition."""
    return GaussianStatistics(
        *(p + q for p, q in zip(vars(a).values(), vars(b).values(), strict=True))
    )


def collect_all(part: GaussianPart, rows: Rows) -> GaussianStatistics:
    """Of all rows, block by block."""
    size = part.block_rows
    blocks = zip(rows.x.split(size), rows.weights.split(size), strict=True)
    found: GaussianStatistics | None = None
    for x, weights in blocks:
        block = collect(part, x, weights)
        found = block if found is None else merge(found, block)
    assert found is not None
    return found


def update(part: GaussianPart, sums: GaussianStatistics, prior: GaussianPrior) -> GaussianPart:
    """The M-step: never lowers log-likelihood + `log_prior` for statistics of the same rows."""
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
    correlations = covariance / (spread[:, :, None] * spread[:, None])
    parameters = Parameters(packed, (weights.view(1, 1, -1),))
    return replace(part, parameters=parameters, correlations=correlations)


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
    """What EM adds to the log-likelihood that it never lowers, ()."""
    _, spread = part.scales
    covariance = part.correlations * spread * spread.transpose(1, 2)
    solved = torch.linalg.solve(covariance, prior.spread.expand_as(covariance))
    of_numbers = torch.logdet(covariance) + solved.diagonal(dim1=1, dim2=2).sum(dim=1)
    total = -0.5 * prior.spread_rows * of_numbers.sum()
    total += WEIGHT_ROWS * torch.log(part.parameters.sums[0]).sum()
    return total


def together(circuit: Circuit, sums: Tensor) -> Tensor:
    """Columns whose numbers can be normal together: half of their cells at least are no atoms.

    Parameters
    ----------
    circuit : Circuit
    sums : Tensor (slots,)
        From `initial.marginals`.
    """
    found: list[int] = []
    for group in circuit.inputs.groups:
        means = column_means(group, sums)[:, :, 0]
        if isinstance(group.family, Gaussian):
            found += group.columns.tolist()
        elif isinstance(group.family, Numeric):
            found += group.columns[means[:, 2] >= 0.5].tolist()
    return torch.tensor(sorted(found), dtype=torch.long, device=circuit.device)


def start(
    leaves: Sequence[Leaf],
    columns: Tensor,
    sums: Tensor,
    rows: Rows,
    n_units: int,
    generator: torch.Generator,
) -> tuple[GaussianPart, GaussianPrior]:
    """Units around random rows, all spread like the prior.

    Parameters
    ----------
    leaves : sequence of Leaf (D,)
    columns : Tensor (d,)
        From `together`.
    sums : Tensor (slots,)
        From `initial.marginals`, in rows of evidence.
    rows : Rows
    n_units : int
    generator : torch.Generator
        On the CPU.
    """
    chosen = torch.randperm(len(rows.x), generator=generator)[:MOST_FOR_SPREAD]
    some = Rows(rows.x[chosen], rows.counts[chosen])
    whole, broad = _independent(leaves, columns, sums, 1, rows.x.device)
    for _ in range(SPREAD_STEPS):
        whole = update(whole, collect_all(whole, some), broad)
    spread = whole.scales[1][0] ** 2
    covariance = whole.correlations[0] * spread.sqrt() * spread.sqrt().T
    around = covariance / n_units ** (2 / len(columns)) + torch.diag(broad.floor)
    part, prior = _independent(leaves, columns, sums, n_units, rows.x.device)
    prior = replace(prior, spread=around)
    z, seen = whole.numbers(some.x[:n_units])
    unit = torch.zeros(len(z), dtype=torch.long, device=z.device)
    centres = whole.numbers_given(z, seen, unit, None)
    centres = centres[torch.arange(n_units, device=z.device) % len(z)]
    equal = torch.full((n_units,), 1 / n_units, dtype=torch.float64, device=z.device)
    nothing = torch.zeros(part.circuit.inputs.shape, dtype=torch.float64, device=z.device)
    covariances = around.expand(n_units, -1, -1)
    return with_numbers(part, nothing, equal, centres, covariances, prior), prior


def _independent(
    leaves: Sequence[Leaf], columns: Tensor, sums: Tensor, n_units: int, device: torch.device
) -> tuple[GaussianPart, GaussianPrior]:
    """Equal units of the columns' own distributions, and a prior that says the same."""
    circuit = flat_circuit(leaves, n_units, device)
    prior = make_prior(circuit, sums, SMOOTHING)
    packed = torch.zeros(circuit.inputs.shape, dtype=torch.float64, device=device)
    packed = circuit.inputs.from_expectation(packed + prior.leaves, packed)
    weights = torch.full((1, 1, n_units), 1 / n_units, dtype=torch.float64, device=device)
    one = torch.eye(len(columns), dtype=torch.float64, device=device)
    part = GaussianPart(
        circuit=circuit,
        parameters=Parameters(packed, (weights,)),
        columns=columns,
        correlations=one.expand(n_units, -1, -1),
    )
    floor = torch.stack([_floor(leaves[column]) for column in columns.tolist()]).to(device)
    variance = part.scales[1][0, 0] ** 2
    return part, GaussianPrior(prior, torch.diag(variance), floor)


def _floor(leaf: Leaf) -> Tensor:
    """Least variance of a leaf's numbers."""
    family = leaf.gaussian if isinstance(leaf, Numeric) else leaf
    assert isinstance(family, Gaussian)
    return torch.tensor(family.min_variance, dtype=torch.float64)


def train(
    part: GaussianPart,
    prior: GaussianPrior,
    rows: Rows,
    n_steps: int,
    generator: torch.Generator,
) -> GaussianPart:
    """Steps of EM: of all rows, or stepwise where these are too many for the time of a step.

    The prior's spread is learned in every step.

    Parameters
    ----------
    part : GaussianPart
    prior : GaussianPrior
    rows : Rows
        Their weights are scaled to rows of evidence.
    n_steps : int
    generator : torch.Generator
        On the CPU.
    """
    n, size = len(rows.x), rows_a_step(part, rows)
    weights = rows.counts
    running: GaussianStatistics | None = None
    order = torch.empty(0, dtype=torch.long)
    for step in range(n_steps):
        if size >= n:
            found = collect_all(part, Rows(rows.x, weights))
            part = update(part, found, learned(prior, found))
            continue
        order = order if len(order) >= size else torch.randperm(n, generator=generator)
        batch, order = order[:size].to(rows.x.device), order[size:]
        found = collect_all(part, Rows(rows.x[batch], weights[batch]))
        found = _scaled(found, float(weights.sum() / weights[batch].sum()))
        rate = max(FIRST_RATE * (1 - step / n_steps), 1 / (step + 1))
        running = found if running is None else _between(running, found, rate)
        part = update(part, running, learned(prior, running))
    return part


def rows_a_step(part: GaussianPart, rows: Rows) -> int:
    """Rows whose E-step takes about the time of a step."""
    d, n = len(part.columns), len(rows.x)
    _, seen = part.numbers(rows.x[:SAMPLED])
    kinds = len(torch.unique(seen, dim=0)) / len(seen)
    cost = part.n_units * (4 * d * d + 100 * d + kinds * (d**3 + 100 * d * d) * (kinds > 0.02))
    return min(n, max(int(BUDGET / cost), LEAST_ROWS))


def _scaled(sums: GaussianStatistics, factor: float) -> GaussianStatistics:
    return GaussianStatistics(*(value * factor for value in vars(sums).values()))


def _between(a: GaussianStatistics, b: GaussianStatistics, rate: float) -> GaussianStatistics:
    return merge(_scaled(a, 1 - rate), _scaled(b, rate))
