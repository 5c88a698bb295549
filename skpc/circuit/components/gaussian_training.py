"""Training of mixtures of Gaussians: steps of EM, and how many rows a step reads.

Axes: n rows, K units, d columns that are normal together.
"""

from collections.abc import Callable
from dataclasses import replace

import torch

from ..passes import Cells
from ..training import Rows
from .gaussian_component import GaussianComponent
from .gaussian_em import collect_all, learned_prior, read_blocks, update
from .gaussian_start import GaussianState
from .gaussian_statistics import merge, scaled
from .gaussian_whole import kept_numbers

# Operations of a step of EM, the fewest rows that it reads, the rows from whose patterns its cost
# is estimated, and the first step size where a step does not read all rows.
BUDGET, LEAST_ROWS, SAMPLED, FIRST_RATE = 5e9, 500, 2_000, 0.5
# Budgets that a step of the fewest rows may take; a table that needs more is too expensive.
MOST_BUDGETS = 4.0
# Most numbers of all rows that are kept from step to step: 256 MB.
MOST_KEPT = 32_000_000


def train(
    state: GaussianState,
    rows: Rows,
    n_steps: int,
    of_steps: int,
    generator: torch.Generator,
    on_step: Callable[[float], None] = lambda log_likelihood: None,
) -> GaussianState:
    """Steps of EM over all rows, or stepwise EM over batches where all rows exceed the budget.

    The prior's spread is learned in every step.

    Parameters
    ----------
    state : GaussianState
    rows : Rows
        Their weights are scaled to rows of evidence.
    n_steps : int
    of_steps : int
        Number of steps over which the step size falls, to no less than 1 / (steps so far).
    generator : torch.Generator
        On the CPU.
    on_step : callable
        Takes the mean log density of the rows of a step before it, in the units of the table.
    """
    n, size, weights = len(rows), rows_a_step(state.component, rows.cells), rows.counts
    order, everything = torch.empty(0, dtype=torch.long), Rows(rows.cells, weights)
    kept = None
    if size >= n and n * kept_numbers(state.component) <= MOST_KEPT:
        kept = list(read_blocks(state.component, everything))
    for _ in range(n_steps):
        if size >= n:
            blocks = kept or read_blocks(state.component, everything)
            sums = collect_all(state.component, blocks)
        else:
            order = order if len(order) >= size else torch.randperm(n, generator=generator)
            batch, order = order[:size].to(rows.cells.device), order[size:]
            of_batch = Rows(rows.cells.rows(batch), weights[batch])
            sums = collect_all(state.component, read_blocks(state.component, of_batch))
            sums = scaled(sums, float(weights.sum() / weights[batch].sum()))
        on_step(float(sums.log_likelihood / weights.sum()) + rows.constant)
        if size < n and state.running is not None:
            falling = FIRST_RATE * (1 - state.steps / of_steps)
            rate = max(falling, 1 / (state.steps + 1))
            sums = merge(scaled(state.running, 1 - rate), scaled(sums, rate))
        component = update(state.component, sums, learned_prior(state.prior, sums))
        state = replace(state, component=component, running=sums, steps=state.steps + 1)
    return state


def rows_a_step(component: GaussianComponent, cells: Cells) -> int:
    """Number of rows that a step of EM reads: as many as its budget allows."""
    return min(len(cells), max(int(BUDGET / _operations(component, cells)), LEAST_ROWS))


def too_expensive(component: GaussianComponent, cells: Cells) -> bool:
    """Whether even the fewest rows of a step exceed its budget several times."""
    return min(len(cells), LEAST_ROWS) * _operations(component, cells) > MOST_BUDGETS * BUDGET


def _operations(component: GaussianComponent, cells: Cells) -> float:
    """Operations of a row's E-step: its products, and its share of the patterns' factors."""
    d, spaced = len(component.columns), max(1, len(cells) // SAMPLED)
    observed = component.observed_numbers(cells.rows(slice(None, None, spaced)))
    kinds = torch.unique(observed, dim=0)
    kinds = kinds[~kinds.all(dim=1)]
    n_observed = kinds.sum(dim=1)
    factored = torch.minimum(n_observed, d - n_observed).double()
    of_kinds = float((component.n_units * (factored**3 + 40.0 * d * d) + 1e7).sum())
    return component.n_units * (4.0 * d * d + 100.0 * d) + of_kinds / len(observed)
