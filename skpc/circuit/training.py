"""The training loop: passes over rows, batches, a falling step, early stopping.

Axes: n rows, D columns, B rows of a batch.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from . import adam, em, queries
from .circuit import Circuit, Parameters
from .statistics import Prior, Statistics, collect, merge

State = em.EMState | adam.AdamState

# Passes of full-batch EM over which the root's power rises.
RISING = 20


@dataclass(frozen=True)
class Rows:
    """Rows of a table and their weights.

    Attributes
    ----------
    x : Tensor (n, D)
        Codes and standardised numbers, NaN where missing; on the circuit's device.
    weights : Tensor (n,)
        float64, positive.
    constant : float
        Weighted mean of what the change of units adds to a row's log density.
    """

    x: Tensor
    weights: Tensor
    constant: float = 0.0

    @property
    def total(self) -> float:
        """Sum of the weights."""
        return float(self.weights.sum())

    @property
    def evidence(self) -> float:
        """Rows that the prior is weighed against.

        The sum of the weights, which counts repeated rows, but at least the number of rows:
        weights that add up to one must not make the prior worth more than the table.
        """
        return max(self.total, float(len(self.weights)))


@dataclass(frozen=True)
class Options:
    """Settings of a fit.

    Attributes
    ----------
    solver : {"em", "adam"}
    learning_rate : float
        First step size; it falls linearly to zero over the passes. Full-batch EM has 1.
    batch_size : int
        Rows a step; at least n for full batches.
    max_iter : int
        Passes at most.
    tol : float
        Smallest rise of the monitored likelihood that counts.
    n_iter_no_change : int
        Passes without such a rise after which training stops.
    dtype : torch.dtype
        Of the passes; statistics and parameters are float64.
    powers : tuple of float
        By which the root shares a row among its partitions (see `layers.root`), in the first
        and in the last pass; it rises linearly.
    """

    solver: str
    learning_rate: float
    batch_size: int
    max_iter: int
    tol: float
    n_iter_no_change: int
    dtype: torch.dtype
    powers: tuple[float, float] = (1.0, 1.0)

    def power(self, iteration: int, full: bool) -> float:
        """Of a pass; full-batch EM, which may stop at any pass, has the last one soon."""
        first, last = self.powers
        n = RISING if full else self.max_iter
        return first + (last - first) * min(1.0, iteration / (n - 1) if n > 1 else 1.0)


@dataclass
class Progress:
    """What happened, one entry a pass.

    Attributes
    ----------
    log_likelihood : list of float
        Mean training log density of the pass, in the units of the table, each row under
        the parameters that met it.
    validation : list of float
        Mean validation log density after the pass; empty without validation rows.
    seconds : list of float
        Since the start.
    converged : bool
    """

    log_likelihood: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    converged: bool = False


def begin(circuit: Circuit, parameters: Parameters, solver: str) -> State:
    """A solver's state at given parameters."""
    return em.EMState(parameters) if solver == "em" else adam.start(circuit, parameters)


def step(
    circuit: Circuit, state: State, mean: Statistics, prior: Prior, rate: float, evidence: float
) -> State:
    """The update of the state's solver."""
    if isinstance(state, em.EMState):
        return em.update(circuit, state, mean, prior, rate, evidence)
    return adam.update(circuit, state, mean, prior, rate, evidence)


def collect_all(
    circuit: Circuit,
    parameters: Parameters,
    rows: Rows,
    index: Tensor | None,
    dtype: torch.dtype,
    power: float,
) -> Statistics:
    """Statistics of some rows (all with index None), in blocks of bounded memory."""
    typed = parameters.to(dtype, circuit.leaf_dtype(dtype))
    parts = (collect(circuit, typed, x, w, power) for x, w in blocks(circuit, rows, index))
    total = next(parts)
    for part in parts:
        total = merge(total, part)
    return total


def blocks(circuit: Circuit, rows: Rows, index: Tensor | None) -> Iterator[tuple[Tensor, Tensor]]:
    """Rows and weights, a bounded number at a time."""
    size = circuit.block_rows
    if index is None:
        yield from zip(rows.x.split(size), rows.weights.split(size), strict=True)
    else:
        for part in index.split(size):
            yield rows.x[part], rows.weights[part]


def mean_log_density(
    circuit: Circuit, parameters: Parameters, rows: Rows, dtype: torch.dtype
) -> float:
    """Weighted mean log density of rows, in the units of the table."""
    scores = queries.log_density(circuit, parameters, rows.x, dtype).double()
    return float(rows.weights @ scores) / rows.total + rows.constant


def train(
    circuit: Circuit,
    state: State,
    rows: Rows,
    prior: Prior,
    options: Options,
    generator: torch.Generator,
    validation: Rows | None = None,
    on_pass: Callable[[int, Progress, State], bool] = lambda i, p, s: False,
) -> tuple[State, Progress]:
    """Passes over the rows until the likelihood stops rising or max_iter.

    Parameters
    ----------
    circuit : Circuit
    state : EMState or AdamState
    rows : Rows
    prior : Prior
    options : Options
    generator : torch.Generator
        On the CPU; orders the rows of mini-batches.
    validation : Rows, optional
        Rows whose likelihood decides; the best pass is kept.
    on_pass : callable
        Called after each pass with its number, the progress and the state;
        training stops when it returns True.

    Returns
    -------
    state : EMState or AdamState
    progress : Progress
    """
    progress = Progress()
    started = time.perf_counter()
    best, best_state, stalls, last_power = -float("inf"), state, 0, float("nan")
    # Full-batch EM takes full steps until they no longer rise.
    climbs = options.batch_size >= len(rows.x) and options.solver == "em"
    for iteration in range(options.max_iter):
        power = options.power(iteration, climbs)
        state, likelihood, objective = _one_pass(
            circuit, state, rows, prior, options, iteration, power, generator
        )
        progress.log_likelihood.append(likelihood)
        if validation is not None:
            objective = mean_log_density(circuit, state.parameters, validation, options.dtype)
            progress.validation.append(objective)
        progress.seconds.append(time.perf_counter() - started)
        if validation is None and power != last_power:
            # Objectives of different powers do not compare.
            best, last_power = -float("inf"), power
        stalls = 0 if objective > best + options.tol else stalls + 1
        if objective > best:
            best, best_state = objective, state
        # Without validation rows a falling step is run to its end: the likelihood of
        # the passes says little while the step is large.
        progress.converged = (climbs or validation is not None) and (
            stalls >= options.n_iter_no_change
        )
        if on_pass(iteration, progress, state) or progress.converged:
            break
    else:
        progress.converged = not climbs
    return (best_state if validation is not None else state), progress


def stream(
    circuit: Circuit,
    state: State,
    rows: Rows,
    prior: Prior,
    options: Options,
    steps: int,
    evidence: float,
) -> tuple[State, Progress]:
    """One pass over a block of rows in their order, for rows that come in blocks.

    Parameters
    ----------
    steps : int
        Updates before this block. The step size of EM is learning_rate
        (1 + steps / 10)^-0.6 (Cappé and Moulines 2009, section 3.1); Adam's stays as it is.
    evidence : float
        Weight of all rows so far, this block's included.
    """
    started = time.perf_counter()
    likelihood = 0.0
    index = torch.arange(len(rows.x), device=rows.x.device)
    for batch in index.tensor_split(n_batches(len(index), options.batch_size)):
        statistics = collect_all(
            circuit, state.parameters, rows, batch, options.dtype, options.powers[1]
        )
        likelihood += float(statistics.log_likelihood)
        decay = (1 + steps / 10) ** -0.6 if options.solver == "em" else 1.0
        mean = statistics.per_row(rows.total * len(batch) / len(index))
        state = step(circuit, state, mean, prior, options.learning_rate * decay, evidence)
        steps += 1
    mean_likelihood = likelihood / rows.total + rows.constant
    return state, Progress([mean_likelihood], [], [time.perf_counter() - started])


def n_batches(n: int, batch_size: int) -> int:
    """Batches of nearly equal size and at most `batch_size` rows."""
    return -(-n // batch_size)


def _one_pass(
    circuit: Circuit,
    state: State,
    rows: Rows,
    prior: Prior,
    options: Options,
    iteration: int,
    power: float,
    generator: torch.Generator,
) -> tuple[State, float, float]:
    """One pass: new state, mean log-likelihood met, and objective plus log prior (full batch)."""
    n = len(rows.x)
    batches: list[Tensor | None] = [None]
    if options.batch_size < n:
        order = torch.randperm(n, generator=generator).to(rows.x.device)
        batches = list(order.tensor_split(n_batches(n, options.batch_size)))
    penalty = 0.0
    if len(batches) == 1:
        penalty = float(prior.log_density(circuit, state.parameters)) / rows.evidence
    likelihood, objective = torch.zeros((2, 1), dtype=torch.float64, device=circuit.device)
    for i, batch in enumerate(batches):
        statistics = collect_all(circuit, state.parameters, rows, batch, options.dtype, power)
        likelihood += statistics.log_likelihood
        objective += statistics.objective
        # The expected weight of a batch, not its own: heavy rows must not be damped.
        share = 1.0 if batch is None else len(batch) / n
        fraction = (iteration + i / len(batches)) / options.max_iter
        rate = _rate(options, len(batches) == 1, fraction)
        mean = statistics.per_row(rows.total * share)
        state = step(circuit, state, mean, prior, rate, rows.evidence)
    mean_likelihood = float(likelihood) / rows.total + rows.constant
    return state, mean_likelihood, float(objective) / rows.total + rows.constant + penalty


def _rate(options: Options, full: bool, fraction: float) -> float:
    """Step size after a fraction of all passes."""
    if full and options.solver == "em":
        return 1.0
    return options.learning_rate * (1.0 - fraction)
