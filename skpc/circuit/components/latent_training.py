"""Training of latent mixtures: passes over rows in batches, with a falling step size.

Axes: n rows, B rows of a batch.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ..passes import Circuit
from ..training import Rows
from .latent_solver import LatentState, step
from .latent_units import LatentUnits, RowStatistics

# Rows of a batch.
BATCH = 128
# Most statistics of all rows that are kept from pass to pass: 128 MB in float32. Reading those of
# a batch again takes a tenth of a step.
MOST_KEPT = 32_000_000


@torch.inference_mode(False)
@torch.no_grad()
def train(
    circuit: Circuit,
    state: LatentState,
    rows: Rows,
    n_passes: int,
    rate: float,
    dtype: torch.dtype,
    generator: torch.Generator,
    on_pass: Callable[[int, float, LatentState], bool] = lambda number, value, state: False,
) -> LatentState:
    """Passes over rows while the step size falls linearly to zero.

    Parameters
    ----------
    circuit : Circuit
        From `product_mixture`.
    state : LatentState
    rows : Rows
    n_passes : int
    rate : float
        First step size.
    dtype : torch.dtype
        Of products and statistics, where no family is `precise`.
    generator : torch.Generator
        On the CPU; orders the rows of the batches.
    on_pass : callable
        Takes the number of a pass, from 0, the mean log density of the rows in it, each before
        the step that read it, and the state; training stops when it returns True.
    """
    units = LatentUnits(circuit, ~rows.cells.observed.all(dim=0), dtype)
    batches = _Batches(units, rows, generator)
    for number in range(n_passes):
        total = torch.zeros((), dtype=torch.float64, device=circuit.device)
        for i, (batch, weights, share) in enumerate(batches):
            fraction = (number + i / batches.n_batches) / n_passes
            # The expected weight of a batch, not its own: heavy rows must not be damped.
            mean = weights / share
            state, log_likelihood = step(units, state, batch, mean, rate * (1 - fraction))
            total += share * log_likelihood
        if on_pass(number, float(total) + rows.constant, state):
            break
    return state


class _Batches:
    """Batches of rows in a random order, another one in every pass.

    Statistics of all rows are kept if they are few enough, else those of a batch are gathered.
    """

    def __init__(self, units: LatentUnits, rows: Rows, generator: torch.Generator) -> None:
        self.units, self.rows, self.generator = units, rows, generator
        n = len(rows)
        self.weights = rows.weights / rows.total
        self.n_batches = -(-n // BATCH)
        few = n * units.n_statistics <= MOST_KEPT
        self.kept = units.read_all(rows.cells) if few else None

    def __iter__(self) -> Iterator[tuple[RowStatistics, Tensor, float]]:
        """Statistics and weights (B,) of batches, and the share of the rows that each is.

        Weights are shares of those of all rows.
        """
        n = len(self.rows)
        order = torch.randperm(n, generator=self.generator).to(self.rows.cells.device)
        for batch in order.tensor_split(self.n_batches):
            yield self._read(batch), self.weights[batch], len(batch) / n

    def _read(self, batch: Tensor) -> RowStatistics:
        if self.kept is not None:
            return self.kept.rows(batch)
        return self.units.read(self.rows.cells.rows(batch))
