"""Start of mixtures of Gaussians: their columns, the covariance of all rows, and the units.

Axes: n rows, D columns, K units, d columns that are normal together, S statistics of a
region, R rows of Phi.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..leaves import Gaussian, Leaf, Numeric
from ..passes import Circuit, Parameters, product_mixture
from ..training import Rows, column_means, make_prior
from .gaussian_component import GaussianComponent
from .gaussian_draws import centres
from .gaussian_em import (
    GaussianPrior,
    collect_all,
    read_blocks,
    update,
    with_numbers,
)
from .gaussian_statistics import GaussianStatistics
from .gaussian_units import has_normal_numbers

# Pseudo-rows per unit of the distribution of each column.
SMOOTHING = 1.0
# Rows, and steps of EM, that estimate the covariance of all rows.
MOST_FOR_SPREAD, SPREAD_STEPS = 2_000, 4
# Least variance of standardised numbers.
LEAST_VARIANCE = 1e-9


@dataclass(frozen=True)
class Table:
    """What all mixtures of Gaussians over one table start from.

    Attributes
    ----------
    leaves : sequence of Leaf (D,)
    columns : Tensor (d,)
        Those that are normal together.
    sums : Tensor (R,)
        From `column_sums`, in rows of evidence.
    whole : GaussianComponent
        A single unit, fitted to the sample.
    sample : Rows
        Random rows.
    """

    leaves: Sequence[Leaf]
    columns: Tensor
    sums: Tensor
    whole: GaussianComponent
    sample: Rows


@dataclass(frozen=True)
class GaussianState:
    """State of EM.

    Attributes
    ----------
    component : GaussianComponent
    prior : GaussianPrior
    running : GaussianStatistics or None
        Running statistics, where a step does not read all rows.
    steps : int
        Steps so far.
    """

    component: GaussianComponent
    prior: GaussianPrior
    running: GaussianStatistics | None = None
    steps: int = 0


def normal_columns(circuit: Circuit, sums: Tensor) -> Tensor:
    """Columns that can be normal together: at least half of their cells are not atoms, (d,).

    Parameters
    ----------
    circuit : Circuit
    sums : Tensor (R,)
        From `column_sums`.
    """
    columns: list[int] = []
    for fold in circuit.inputs.folds:
        if has_normal_numbers(fold.family):
            means = column_means(fold, sums)[:, :, 0]
            if fold.with_atoms is None:
                columns += fold.columns[:, 0].tolist()
            else:
                columns += fold.columns[means[:, 2] >= 0.5, 0].tolist()
    return torch.tensor(sorted(columns), dtype=torch.long, device=circuit.device)


def describe(
    leaves: Sequence[Leaf], columns: Tensor, sums: Tensor, rows: Rows, generator: torch.Generator
) -> Table:
    """What mixtures start from: random rows, and their means and covariances by EM."""
    chosen = torch.randperm(len(rows), generator=generator)[:MOST_FOR_SPREAD]
    chosen = chosen.to(rows.cells.device)
    sample = Rows(rows.cells.rows(chosen), rows.counts[chosen])
    whole, prior = _independent(leaves, columns, sums, 1)
    blocks = list(read_blocks(whole, sample))
    for _ in range(SPREAD_STEPS):
        whole = update(whole, collect_all(whole, blocks), prior)
    return Table(leaves, columns, sums, whole, sample)


def start(table: Table, n_units: int) -> GaussianState:
    """The state of units around random rows, each with the covariance of the prior."""
    component, prior = _independent(table.leaves, table.columns, table.sums, n_units)
    spread = table.whole.scales[1][0, 0]
    covariance = table.whole.matrices[0] * spread * spread[:, None]
    narrowed = covariance / n_units ** (2 / len(table.columns)) + torch.diag(prior.floor)
    prior = replace(prior, spread=narrowed)
    sampled = centres(table.whole, table.sample.cells.rows(slice(n_units)))
    mean = sampled[torch.arange(n_units, device=sampled.device) % len(sampled)]
    equal = torch.full_like(mean[:, 0], 1 / n_units)
    no_statistics = torch.zeros_like(component.parameters.leaves)
    covariances = narrowed.expand(n_units, -1, -1)
    return GaussianState(
        with_numbers(component, no_statistics, equal, mean, covariances, prior), prior
    )


def _independent(
    leaves: Sequence[Leaf], columns: Tensor, sums: Tensor, n_units: int
) -> tuple[GaussianComponent, GaussianPrior]:
    """Units that are all products of the columns' own distributions, and a prior like them."""
    circuit = product_mixture(leaves, n_units, sums.device)
    prior = make_prior(circuit, sums, SMOOTHING)
    packed = torch.zeros(circuit.inputs.shape, dtype=torch.float64, device=sums.device)
    packed = circuit.inputs.from_expectation(packed + prior.leaves, packed)
    weights = torch.full((1, 1, n_units), 1 / n_units, dtype=torch.float64, device=sums.device)
    identity = torch.eye(len(columns), dtype=torch.float64, device=sums.device)
    component = GaussianComponent(
        circuit=circuit,
        parameters=Parameters(packed, (weights,)),
        columns=columns,
        matrices=identity.expand(n_units, -1, -1),
    )
    floor = torch.tensor([_floor(leaves[column]) for column in columns.tolist()])
    variance = component.scales[1][0, 0] ** 2
    return component, GaussianPrior(prior, torch.diag(variance), floor.to(variance))


def _floor(leaf: Leaf) -> float:
    """Least variance of a leaf's numbers, and enough for covariances to be factored."""
    family = leaf.gaussian if isinstance(leaf, Numeric) else leaf
    assert isinstance(family, Gaussian)
    return max(family.min_variance, LEAST_VARIANCE)
