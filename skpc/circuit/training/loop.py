"""The training loop: passes over rows, batches, a falling step, early stopping.

Axes: n rows, D columns, B rows of a batch.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..components import latent_mixture as continuous
from ..passes.circuit import Circuit, Parameters
from ..passes.trace import Space
from . import adam, em
from .rows import Rows, blocks, mean_log_density
from .smoothing import choose_smoothing
from .statistics import Prior, Statistics, collect, merge

State = em.EMState | adam.AdamState | continuous.DecoderState

# Passes of full-batch EM over which the root's power rises.
RISING = 20
# By how much Adam's step falls after a pass that did not raise the validation likelihood.
CUT = 0.6


@dataclass(frozen=True)
class Options:
    """Settings of a fit.

    Attributes
    ----------
    solver : {"em", "adam", "decoder"}
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
    early_stopping : bool
        Whether validation rows decide which pass is kept and when training stops.
    regularise : bool
        Whether validation rows choose the smoothing, pass by pass; for EM.
    """

    solver: str
    learning_rate: float
    batch_size: int
    max_iter: int
    tol: float
    n_iter_no_change: int
    dtype: torch.dtype
    powers: tuple[float, float] = (1.0, 1.0)
    early_stopping: bool = False
    regularise: bool = False

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
    smoothing : list of float
        Of the prior, after the pass.
    converged : bool
    kept : int
        The pass whose parameters are kept.
    """

    log_likelihood: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    smoothing: list[float] = field(default_factory=list)
    converged: bool = False
    kept: int = 0


def begin(circuit: Circuit, parameters: Parameters, solver: str) -> State:
    """A solver's state at given parameters."""
    return em.EMState(parameters) if solver == "em" else adam.start(circuit, parameters)


def step(
    circuit: Circuit, state: State, mean: Statistics, prior: Prior, rate: float, evidence: float
) -> State:
    """The update of the state's solver."""
    if isinstance(state, em.EMState):
        return em.update(circuit, state, mean, prior, rate, evidence)
    if isinstance(state, continuous.DecoderState):
        return continuous.update(circuit, state, mean, prior, rate, evidence)
    return adam.update(circuit, state, mean, prior, rate, evidence)


def collect_all(
    circuit: Circuit,
    parameters: Parameters,
    rows: Rows,
    index: Tensor | None,
    dtype: torch.dtype,
    power: float,
    space: Space | None = None,
) -> Statistics:
    """Statistics of some rows (all with index None), in blocks of bounded memory."""
    space = space or Space()
    typed = parameters.to(dtype, circuit.leaf_dtype(dtype))
    parts = (collect(circuit, typed, x, w, power, space) for x, w in blocks(circuit, rows, index))
    total = next(parts)
    for part in parts:
        total = merge(total, part)
    return total


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
    state : EMState, AdamState or DecoderState
    rows : Rows
    prior : Prior
    options : Options
    generator : torch.Generator
        On the CPU; orders the rows of mini-batches.
    validation : Rows, optional
        Rows whose likelihood decides: the best pass is kept (`early_stopping`), or the
        smoothing is chosen (`regularise`), or both; `absorb` adds them to the model.
    on_pass : callable
        Called after each pass with its number, the progress and the state;
        training stops when it returns True.

    Returns
    -------
    state : of the same kind
    progress : Progress
    """
    progress = Progress()
    started, space = time.perf_counter(), Space()
    best, best_state, stalls, cuts = -float("inf"), state, 0, 0
    # Full-batch EM takes full steps until they no longer rise.
    climbs = options.batch_size >= len(rows.x) and options.solver == "em"
    stopping = validation is not None and options.early_stopping
    conditions: tuple[float, float] | None = None
    for iteration in range(options.max_iter):
        power = options.power(iteration, climbs)
        met = (power, prior.smoothing)
        state, likelihood, objective = _one_pass(
            circuit, state, rows, prior, options, iteration, power, CUT**cuts, generator, space
        )
        progress.log_likelihood.append(likelihood)
        if validation is not None:
            held = mean_log_density(circuit, state.parameters, validation, options.dtype)
            if options.regularise and isinstance(state, em.EMState):
                state, prior, held = choose_smoothing(
                    circuit, state, prior, held, validation, rows.evidence, options.dtype
                )
            progress.validation.append(held)
        progress.smoothing.append(prior.smoothing)
        progress.seconds.append(time.perf_counter() - started)
        if stopping:
            objective = progress.validation[-1]
        elif conditions != met:
            # Objectives of different powers or priors do not compare.
            best, conditions = -float("inf"), met
        stalls = 0 if objective > best + options.tol else stalls + 1
        cuts += stopping and stalls > 0 and options.solver == "adam"
        if objective > best or not stopping:
            best, best_state, progress.kept = max(best, objective), state, iteration
        # Without validation rows a falling step is run to its end: the likelihood of
        # the passes says little while the step is large.
        progress.converged = (climbs or stopping) and stalls >= options.n_iter_no_change
        if on_pass(iteration, progress, state) or progress.converged:
            break
    else:
        progress.converged = not climbs
    return best_state, progress


def absorb(
    circuit: Circuit, state: em.EMState, prior: Prior, rows: Rows, held: Rows, options: Options
) -> em.EMState:
    """One EM step that adds rows that were held out to the statistics of the others."""
    power = options.powers[1]
    statistics = collect_all(circuit, state.parameters, held, None, options.dtype, power)
    share = held.total / (rows.total + held.total)
    evidence = rows.evidence + held.evidence
    return em.update(circuit, state, statistics.per_row(held.total), prior, share, evidence)


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
    started, space = time.perf_counter(), Space()
    likelihood = 0.0
    index = torch.arange(len(rows.x), device=rows.x.device)
    for batch in index.tensor_split(n_batches(len(index), options.batch_size)):
        statistics = collect_all(
            circuit, state.parameters, rows, batch, options.dtype, options.powers[1], space
        )
        likelihood += float(statistics.log_likelihood)
        decay = (1 + steps / 10) ** -0.6 if options.solver == "em" else 1.0
        mean = statistics.per_row(rows.total * len(batch) / len(index))
        state = step(circuit, state, mean, prior, options.learning_rate * decay, evidence)
        steps += 1
    mean_likelihood = likelihood / rows.total + rows.constant
    return state, Progress(
        [mean_likelihood], [], [time.perf_counter() - started], [prior.smoothing]
    )


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
    cut: float,
    generator: torch.Generator,
    space: Space,
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
        statistics = collect_all(
            circuit, state.parameters, rows, batch, options.dtype, power, space
        )
        likelihood += statistics.log_likelihood
        objective += statistics.objective
        # The expected weight of a batch, not its own: heavy rows must not be damped.
        share = 1.0 if batch is None else len(batch) / n
        fraction = (iteration + i / len(batches)) / options.max_iter
        rate = cut * _rate(options, len(batches) == 1, fraction)
        mean = statistics.per_row(rows.total * share)
        state = step(circuit, state, mean, prior, rate, rows.evidence)
    mean_likelihood = float(likelihood) / rows.total + rows.constant
    return state, mean_likelihood, float(objective) / rows.total + rows.constant + penalty


def _rate(options: Options, full: bool, fraction: float) -> float:
    """Step size after a fraction of all passes."""
    if full and options.solver == "em":
        return 1.0
    return options.learning_rate * (1.0 - fraction)
