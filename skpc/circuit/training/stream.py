"""Training of a fitted state with further rows: the next block, or the held-out rows.

Axes: n rows, B rows of a batch.
"""

import time

import torch

from ..passes import Circuit, Space
from .options import Options, Progress
from .prior import Prior
from .rows import Rows, Source
from .solver import S


def stream(
    circuit: Circuit,
    state: S,
    rows: Rows,
    prior: Prior,
    options: Options,
    steps: int,
    evidence: float,
) -> tuple[S, Progress]:
    """One pass over a block of rows, in their order.

    Parameters
    ----------
    steps : int
        Updates before this block. The step size of a solver in closed form is learning_rate
        (1 + steps / 10)^-0.6 (Cappé and Moulines 2009, section 3.1); others' stays as it is.
    evidence : float
        Weight of all rows so far, this block's included.
    """
    started, space = time.perf_counter(), Space()
    likelihood = 0.0
    index = torch.arange(len(rows), device=rows.cells.device)
    for batch in index.tensor_split(options.n_batches(len(rows))):
        statistics = rows.collect(
            circuit, state.parameters, batch, options.dtype, options.exponents[1], space
        )
        likelihood += float(statistics.log_likelihood)
        decay = (1 + steps / 10) ** -0.6 if options.solver.closed_form else 1.0
        mean = statistics.per_row(rows.total * len(batch) / len(index))
        rate = options.learning_rate * decay
        state = options.solver.update(circuit, state, mean, prior, rate, evidence)
        steps += 1
    mean_likelihood = likelihood / rows.total + rows.constant
    seconds = time.perf_counter() - started
    return state, Progress([mean_likelihood], [], [seconds], [prior.smoothing])


def absorb(
    circuit: Circuit, state: S, prior: Prior, rows: Source, held: Rows, options: Options
) -> S:
    """Add held-out rows to the statistics of the others, for solvers in closed form.

    One EM step, whose rate is the share of the held-out rows.
    """
    exponent = options.exponents[1]
    statistics = held.collect(circuit, state.parameters, None, options.dtype, exponent)
    share = held.total / (rows.total + held.total)
    evidence = rows.evidence + held.evidence
    mean = statistics.per_row(held.total)
    return options.solver.update(circuit, state, mean, prior, share, evidence)
