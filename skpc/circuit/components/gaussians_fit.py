"""Mixtures of Gaussians from rows: which columns, where EM starts, and how many rows a step.

Axes: n rows, D columns, K units, d columns that are normal together, S slots.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..leaves import Gaussian, Leaf, Numeric
from ..passes.circuit import Circuit, Parameters
from ..training.initial import column_means, make_prior
from ..training.rows import Rows
from .gaussians import GaussianPart
from .gaussians_em import (
    GaussianPrior,
    GaussianStatistics,
    collect_all,
    learned,
    merge,
    scaled,
    update,
    with_numbers,
)
from .latent_mixture import flat_circuit

# Rows that every unit has seen of the distribution of each column.
SMOOTHING = 1.0
# Rows and steps of EM that find the spread of all rows.
MOST_FOR_SPREAD, SPREAD_STEPS = 2_000, 4
# Operations of an E-step, the least rows of one, the rows whose patterns tell what one costs, and
# the first step size where not all rows are seen at once.
BUDGET, LEAST_ROWS, SAMPLED, FIRST_RATE = 5e9, 500, 2_000, 0.5
# Least variance of standardised numbers.
LEAST_VARIANCE = 1e-9
# A table on which the least rows of a step take longer than so many budgets is too dear.
TOO_DEAR = 4.0


@dataclass(frozen=True)
class Table:
    """What all mixtures of Gaussians over a table start from.

    Attributes
    ----------
    leaves : sequence of Leaf (D,)
    columns : Tensor (d,)
        Those that are normal together.
    sums : Tensor (slots,)
        From `initial.marginals`, in rows of evidence.
    whole : GaussianPart
        One unit of all rows.
    sample : Rows
        Random rows.
    """

    leaves: Sequence[Leaf]
    columns: Tensor
    sums: Tensor
    whole: GaussianPart
    sample: Rows


@dataclass(frozen=True)
class GaussianState:
    """Where EM is.

    Attributes
    ----------
    part : GaussianPart
    prior : GaussianPrior
    running : GaussianStatistics or None
        Running statistics, where not all rows are seen at once.
    steps : int
        Made so far.
    """

    part: GaussianPart
    prior: GaussianPrior
    running: GaussianStatistics | None = None
    steps: int = 0


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
        # Subclasses may model another thing than the number itself.
        if type(group.family) is Gaussian:
            found += group.columns.tolist()
        elif type(group.family) is Numeric:
            found += group.columns[means[:, 2] >= 0.5].tolist()
    return torch.tensor(sorted(found), dtype=torch.long, device=circuit.device)


def describe(
    leaves: Sequence[Leaf], columns: Tensor, sums: Tensor, rows: Rows, generator: torch.Generator
) -> Table:
    """What mixtures start from: random rows, and their means and covariances by EM."""
    chosen = torch.randperm(len(rows.x), generator=generator)[:MOST_FOR_SPREAD]
    chosen = chosen.to(rows.x.device)
    sample = Rows(rows.x[chosen], rows.counts[chosen])
    whole, prior = _independent(leaves, columns, sums, 1)
    for _ in range(SPREAD_STEPS):
        whole = update(whole, collect_all(whole, sample), prior)
    return Table(leaves, columns, sums, whole, sample)


def start(table: Table, n_units: int) -> GaussianState:
    """Units around random rows, all spread like the prior."""
    part, prior = _independent(table.leaves, table.columns, table.sums, n_units)
    spread = table.whole.scales[1][0, 0]
    covariance = table.whole.matrices[0] * spread * spread[:, None]
    around = covariance / n_units ** (2 / len(table.columns)) + torch.diag(prior.floor)
    prior = replace(prior, spread=around)
    centres = table.whole.centres(table.sample.x[:n_units])
    centres = centres[torch.arange(n_units, device=centres.device) % len(centres)]
    equal = torch.full_like(centres[:, 0], 1 / n_units)
    nothing = torch.zeros_like(part.parameters.leaves)
    covariances = around.expand(n_units, -1, -1)
    return GaussianState(with_numbers(part, nothing, equal, centres, covariances, prior), prior)


def _independent(
    leaves: Sequence[Leaf], columns: Tensor, sums: Tensor, n_units: int
) -> tuple[GaussianPart, GaussianPrior]:
    """Equal units of the columns' own distributions, and a prior that says the same."""
    circuit = flat_circuit(leaves, n_units, sums.device)
    prior = make_prior(circuit, sums, SMOOTHING)
    packed = torch.zeros(circuit.inputs.shape, dtype=torch.float64, device=sums.device)
    packed = circuit.inputs.from_expectation(packed + prior.leaves, packed)
    weights = torch.full((1, 1, n_units), 1 / n_units, dtype=torch.float64, device=sums.device)
    one = torch.eye(len(columns), dtype=torch.float64, device=sums.device)
    part = GaussianPart(
        circuit=circuit,
        parameters=Parameters(packed, (weights,)),
        columns=columns,
        matrices=one.expand(n_units, -1, -1),
    )
    floor = torch.tensor([_floor(leaves[column]) for column in columns.tolist()])
    variance = part.scales[1][0, 0] ** 2
    return part, GaussianPrior(prior, torch.diag(variance), floor.to(variance))


def _floor(leaf: Leaf) -> float:
    """Least variance of a leaf's numbers: not so little that covariances cannot be factored."""
    family = leaf.gaussian if isinstance(leaf, Numeric) else leaf
    assert isinstance(family, Gaussian)
    return max(family.min_variance, LEAST_VARIANCE)


def train(
    state: GaussianState, rows: Rows, n_steps: int, of_steps: int, generator: torch.Generator
) -> GaussianState:
    """Steps of EM: of all rows, or stepwise where these are too many for the time of a step.

    The prior's spread is learned in every step.

    Parameters
    ----------
    state : GaussianState
    rows : Rows
        They count as rows of evidence.
    n_steps : int
    of_steps : int
        Over which the step size falls to 1 / steps.
    generator : torch.Generator
        On the CPU.
    """
    n, size, weights = len(rows.x), rows_a_step(state.part, rows.x), rows.counts
    order = torch.empty(0, dtype=torch.long)
    for _ in range(n_steps):
        if size >= n:
            found = collect_all(state.part, Rows(rows.x, weights))
        else:
            order = order if len(order) >= size else torch.randperm(n, generator=generator)
            batch, order = order[:size].to(rows.x.device), order[size:]
            found = collect_all(state.part, Rows(rows.x[batch], weights[batch]))
            found = scaled(found, float(weights.sum() / weights[batch].sum()))
            if state.running is not None:
                falling = FIRST_RATE * (1 - state.steps / of_steps)
                rate = max(falling, 1 / (state.steps + 1))
                found = merge(scaled(state.running, 1 - rate), scaled(found, rate))
        part = update(state.part, found, learned(state.prior, found))
        state = replace(state, part=part, running=found, steps=state.steps + 1)
    return state


def rows_a_step(part: GaussianPart, x: Tensor) -> int:
    """Rows of x (n, D) whose E-step takes about the time of a step."""
    return min(len(x), max(int(BUDGET / _operations(part, x)), LEAST_ROWS))


def too_dear(part: GaussianPart, x: Tensor) -> bool:
    """Whether the least rows of a step of x (n, D) take much longer than a step should."""
    return min(len(x), LEAST_ROWS) * _operations(part, x) > TOO_DEAR * BUDGET


def _operations(part: GaussianPart, x: Tensor) -> float:
    """Of a row's E-step: products for all, and a factor for every pattern of hidden numbers."""
    d, spaced = len(part.columns), max(1, len(x) // SAMPLED)
    seen = part.in_view(x[::spaced])
    kinds = torch.unique(seen, dim=0)
    kinds = kinds[~kinds.all(dim=1)]
    n_seen = kinds.sum(dim=1)
    factored = torch.minimum(n_seen, d - n_seen).double()
    of_kinds = float((part.n_units * (factored**3 + 40.0 * d * d) + 1e7).sum())
    return part.n_units * (4.0 * d * d + 100.0 * d) + of_kinds / len(seen)
