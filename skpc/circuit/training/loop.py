"""The training loop: passes over rows, batches, a falling step size, early stopping.

Axes: n rows, B rows of a batch.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic

import torch
from torch import Tensor

from ..passes import Circuit, Space
from .options import Options, Progress
from .prior import Prior
from .rows import Rows, Source, log_densities
from .smoothing import SETTLED, choose_smoothing
from .solver import S

# Factor of the step size after a pass that did not raise the validation likelihood.
CUT = 0.6


def train(
    circuit: Circuit,
    state: S,
    rows: Source,
    prior: Prior,
    options: Options,
    generator: torch.Generator,
    validation: Rows | None = None,
    on_pass: Callable[[int, Progress, S], bool] = lambda i, p, s: False,
) -> tuple[S, Progress]:
    """Passes over the rows until the likelihood stops rising, `max_iter` of them at most.

    Parameters
    ----------
    circuit : Circuit
    state : State
        Of the options' solver.
    rows : Source
    prior : Prior
    options : Options
    generator : torch.Generator
        On the CPU; orders the rows of mini-batches.
    validation : Rows, optional
        Held-out rows. Their likelihood decides which pass is kept (`early_stopping`), which
        smoothing is chosen (`regularise`), or both. `absorb` may add them to the model later.
    on_pass : callable
        Called after each pass with its number, the progress and the state;
        training stops when it returns True.

    Returns
    -------
    state : State
    progress : Progress
    """
    progress, started = Progress(), time.perf_counter()
    passes = _Passes(circuit, rows, options, generator)
    monitor = _Monitor(options, passes.climbs, validation, state)
    for iteration in range(options.max_iter):
        exponent = options.exponent(iteration, passes.climbs)
        conditions = (exponent, prior.smoothing)
        state, likelihood, objective = passes.run(state, prior, iteration, exponent, monitor.cut)
        progress.log_likelihood.append(likelihood)
        scores = None
        if validation is not None:
            scores = log_densities(circuit, state.parameters, validation, options.dtype)
            if options.regularise and options.solver.closed_form:
                settled = not passes.climbs or iteration >= SETTLED
                state, prior, scores = choose_smoothing(
                    circuit, state, prior, scores, validation, rows.evidence, options, settled
                )
            progress.validation.append(validation.mean(scores))
        progress.smoothing.append(prior.smoothing)
        progress.seconds.append(time.perf_counter() - started)
        monitor.after_pass(iteration, state, objective, conditions, progress, scores)
        if on_pass(iteration, progress, state) or progress.converged:
            break
    progress.converged = progress.converged or not monitor.still_rises(progress)
    return monitor.best_state, progress


class _Monitor(Generic[S]):
    """Which pass is kept, whether training has converged, and by how much its step size is cut.

    Where validation rows decide, the best pass is kept, or a later one of full steps of EM that
    is not worse by more than a standard error: few rows cannot tell the two apart, and the later
    one has learned more.

    Attributes
    ----------
    stopping : bool
        Whether validation rows decide.
    best_scores : Tensor (n,) or None
        Log densities of the validation rows after the best pass.
    best, best_state
        The highest objective so far, and the state that is kept.
    stalls, cuts : int
        Consecutive passes without a rise that counts, and cuts of the step size.
    conditions : tuple of float
        Exponent and smoothing of the best objective.
    """

    def __init__(self, options: Options, climbs: bool, validation: Rows | None, state: S) -> None:
        self.options, self.climbs, self.validation = options, climbs, validation
        self.stopping = validation is not None and options.early_stopping
        self.best_scores: Tensor | None = None
        self.best, self.best_state = -float("inf"), state
        self.stalls = self.cuts = 0
        self.conditions: tuple[float, float] | None = None

    @property
    def cut(self) -> float:
        """Factor of the step size."""
        return CUT**self.cuts

    def still_rises(self, progress: Progress) -> bool:
        """Whether the last pass raised the likelihood that is watched by more than `tol`.

        A single pass cannot tell, and counts as one that did. Objectives of passes under other
        exponents or priors do not compare; likelihoods do.
        """
        likelihoods = progress.validation if self.stopping else progress.log_likelihood
        return len(likelihoods) < 2 or likelihoods[-1] - likelihoods[-2] > self.options.tol

    def after_pass(
        self,
        iteration: int,
        state: S,
        objective: float,
        conditions: tuple[float, float],
        progress: Progress,
        scores: Tensor | None,
    ) -> None:
        """Compare a pass with the best one so far."""
        if self.stopping:
            objective = progress.validation[-1]
        elif self.conditions != conditions:
            # Objectives under different exponents or priors cannot be compared.
            self.best, self.conditions = -float("inf"), conditions
        self.stalls = 0 if objective > self.best + self.options.tol else self.stalls + 1
        self.cuts += self.stopping and self.stalls > 0 and not self.options.solver.closed_form
        if objective > self.best:
            self.best, self.best_scores = objective, scores
        if not self.stopping or objective >= self.best or self._as_good(scores):
            self.best_state, progress.kept = state, iteration
        # Without validation rows a falling step size is run to its end: the likelihood of a
        # pass says little about the model while the step size is large.
        decides = self.climbs or self.stopping
        progress.converged = decides and self.stalls >= self.options.n_iter_no_change

    def _as_good(self, scores: Tensor | None) -> bool:
        """Whether validation rows cannot tell a pass from the best one, by their scores (n,)."""
        if not self.climbs or self.validation is None or scores is None or self.best_scores is None:
            return False
        falls, counts = self.best_scores - scores, self.validation.counts
        mean = counts @ falls / counts.sum()
        variance = counts @ (falls - mean).square() / counts.sum()
        return bool(mean <= (variance / counts.sum()).sqrt())


@dataclass
class _Passes:
    """Passes of a fit over its rows, in memory that they share."""

    circuit: Circuit
    rows: Source
    options: Options
    generator: torch.Generator
    space: Space = field(default_factory=Space)

    @property
    def climbs(self) -> bool:
        """Whether full steps are taken until they no longer rise."""
        return self.options.climbs(len(self.rows))

    def _batches(self) -> list[Tensor | None]:
        """Positions of the rows of each batch; None: all rows."""
        n = len(self.rows)
        if self.options.is_full(n):
            return [None]
        order = torch.randperm(n, generator=self.generator).to(self.circuit.device)
        return list(order.tensor_split(self.options.n_batches(n)))

    def run(
        self, state: S, prior: Prior, iteration: int, exponent: float, cut: float
    ) -> tuple[S, float, float]:
        """One pass: the new state, the mean log-likelihood, and the penalised objective.

        Every row is scored by the parameters before the step that reads it. The log prior is in
        the objective of full batches only.
        """
        circuit, rows, options = self.circuit, self.rows, self.options
        batches, climbs = self._batches(), self.climbs
        penalty = 0.0
        if batches[0] is None:
            penalty = float(prior.log_density(circuit, state.parameters)) / rows.evidence
        likelihood, objective = torch.zeros((2, 1), dtype=torch.float64, device=circuit.device)
        for i, batch in enumerate(batches):
            statistics = rows.collect(
                circuit, state.parameters, batch, options.dtype, exponent, self.space
            )
            likelihood += statistics.log_likelihood
            objective += statistics.objective
            # The expected weight of a batch, not its own: heavy rows must not be damped.
            share = 1.0 if batch is None else len(batch) / len(rows)
            fraction = (iteration + i / len(batches)) / options.max_iter
            rate = cut * options.rate(climbs, fraction)
            mean = statistics.per_row(rows.total * share)
            state = options.solver.update(circuit, state, mean, prior, rate, rows.evidence)
        mean_likelihood = float(likelihood) / rows.total + rows.constant
        return state, mean_likelihood, float(objective) / rows.total + rows.constant + penalty
