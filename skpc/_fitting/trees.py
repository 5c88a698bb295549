"""Training of the circuit of trees: its starts, its passes, and the state that is kept.

Axes: n rows, R rows of Phi (the statistics and counts of all columns, see `circuit.passes.inputs`).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..circuit import training
from ..circuit.passes import Circuit, seeded
from ..circuit.queries import log_density
from ..circuit.training import Options, Prior, Progress, Rows, Solver, Source, State
from .plan import Plan
from .report import Reporter, pass_line
from .result import FittedDensity, FittedTrees
from .settings import make_options, smoothing_of, solver_of
from .spec import FitSpec
from .streams import Streams

# Makes the density of fitted trees that the callbacks of a pass see.
Result = Callable[[FittedTrees], FittedDensity]


@dataclass(frozen=True)
class TreeTask:
    """What training of the trees starts from.

    Attributes
    ----------
    circuit : Circuit
    rows : Source
        For training.
    held : Rows or None
        Held-out rows.
    validation : Rows or None
        The held-out rows if training evaluates them after every pass, else None.
    sums : Tensor (R,)
        Sums of the columns' statistics over the training rows, in rows of evidence.
    prior : Prior
    solver : Solver
    options : Options
        With the same solver.
    n_init : int
        Number of starts, of which the likeliest is kept.
    verbose : int
    """

    circuit: Circuit
    rows: Source
    held: Rows | None
    validation: Rows | None
    sums: Tensor
    prior: Prior
    solver: Solver[Any]
    options: Options
    n_init: int
    verbose: int

    def fitted(self, state: State, progress: Progress, rows: float | None = None) -> FittedTrees:
        """The trees of a state, as plain arrays."""
        history = {
            "log_likelihood": np.array(progress.log_likelihood),
            "seconds": np.array(progress.seconds),
        }
        if progress.validation:
            history["validation_log_likelihood"] = np.array(progress.validation)
        batches = self.options.n_batches(len(self.rows))
        return FittedTrees(
            arrays=self.solver.to_arrays(state),
            solver=self.solver.name,
            column_sums=self.sums.cpu().numpy(),
            rows=self.rows.evidence if rows is None else rows,
            steps=len(progress.seconds) * batches,
            smoothing=progress.smoothing[progress.kept],
            n_parameters=self.circuit.n_parameters,
            history=history,
            converged=progress.converged,
        )


def tree_task(
    spec: FitSpec,
    plan: Plan,
    rows: Source,
    held: Rows | None,
    device: torch.device,
    regularise: bool,
    last: FittedDensity | None,
) -> TreeTask:
    """Circuit, prior and options of the trees."""
    circuit = plan.circuit(device)
    sums = column_sums(circuit, rows)
    smoothing = smoothing_of(spec, last.trees.smoothing if last and last.trees else None)
    return TreeTask(
        circuit=circuit,
        rows=rows,
        held=held,
        validation=held if regularise or spec.early_stopping else None,
        sums=sums,
        prior=training.make_prior(circuit, sums, smoothing),
        solver=solver_of(spec),
        options=make_options(
            spec, plan, len(rows), goes_on=last is not None, regularise=regularise
        ),
        n_init=1 if last is not None else spec.n_init,
        verbose=spec.verbose,
    )


def over_all_rows(task: TreeTask, options: Options) -> TreeTask:
    """Full passes over the rows of a task, on the schedule of the sample that was trained before.

    Trees that have specialised on rows of a sample go on so, at the exponent where it ended.
    """
    return replace(task, options=replace(options, batch_size=len(task.rows)))


def column_sums(circuit: Circuit, rows: Source) -> Tensor:
    """Sums of every column's statistics over the rows, in rows of evidence, (R,)."""
    share = rows.evidence / rows.total
    return share * rows.column_sums(circuit)


def start(
    circuit: Circuit,
    solver: Solver[Any],
    sums: Tensor,
    random: np.random.RandomState,
    last: FittedTrees | None,
) -> State:
    """The state of the last fit, or one at random parameters."""
    if last is None:
        parameters = training.random_parameters(circuit, sums, seeded(random))
        return solver.begin(circuit, parameters)
    if last.solver == solver.name:
        return solver.from_arrays(last.arrays, circuit.device)
    parameters = training.parameters_from_numbers(last.arrays["parameters"], circuit.device)
    return solver.begin(circuit, parameters)


def train_trees(
    task: TreeTask,
    streams: Streams,
    reporter: Reporter,
    result: Result,
    last: FittedTrees | None,
) -> tuple[State, Progress]:
    """The likeliest of all starts after its passes.

    Parameters
    ----------
    task : TreeTask
    streams : Streams
    reporter : Reporter
    result : callable
        Makes the density of fitted trees that the reporter shows.
    last : FittedTrees or None
        Trees of an earlier fit, from which every start goes on.
    """
    runs = []
    for i in range(task.n_init):
        begun = start(task.circuit, task.solver, task.sums, streams.of(f"start {i}"), last)
        order = seeded(streams.of(f"order {i}"))
        runs.append(_passes(task, begun, order, reporter, result))
    if len(runs) > 1:
        runs.sort(key=lambda run: _objective(task, *run))
    return runs[-1]


def _passes(
    task: TreeTask,
    begun: State,
    generator: torch.Generator,
    reporter: Reporter,
    result: Result,
) -> tuple[State, Progress]:
    """One start's passes, reported."""

    def on_pass(iteration: int, progress: Progress, state: State) -> bool:
        """Print and report the pass; whether the reporter asks to stop."""
        if task.verbose and (iteration + 1) % task.verbose == 0:
            print(pass_line(iteration, progress))
        current = replace(progress, kept=iteration)
        stop = reporter.end(lambda: result(task.fitted(state, current)))
        if not stop and iteration + 1 < task.options.max_iter and not progress.converged:
            reporter.begin()
        return stop

    if task.verbose:
        passes, rows = task.options.max_iter, len(task.rows)
        print(f"trees: at most {passes} passes of {task.circuit.passes} over {rows} rows")
    reporter.begin()
    return training.train(
        task.circuit,
        begun,
        task.rows,
        task.prior,
        task.options,
        generator,
        task.validation,
        on_pass,
    )


def _objective(task: TreeTask, state: State, progress: Progress) -> float:
    """The criterion by which starts are compared: held-out or, without, penalised likelihood."""
    if progress.validation:
        return progress.validation[progress.kept]
    circuit, rows, parameters = task.circuit, task.rows, state.parameters
    likelihood = rows.mean_log_density(circuit, parameters, task.options.dtype)
    return likelihood + float(task.prior.log_density(circuit, parameters)) / rows.evidence


def held_scores(task: TreeTask, state: State) -> Tensor:
    """Log densities of the held-out rows by the trees that did not learn them, (n,)."""
    assert task.held is not None
    dtype = task.options.dtype
    return log_density(task.circuit, state.parameters, task.held.cells, dtype).double()


def with_held_rows(task: TreeTask, state: State, progress: Progress) -> FittedTrees:
    """The trees after the held-out rows were added to the others, by one step of EM."""
    if task.held is None or not task.solver.closed_form:
        return task.fitted(state, progress)
    joined = replace(task, sums=task.sums + column_sums(task.circuit, task.held))
    # The pseudo-rows are distributed as the columns of all rows: a category that the held-out rows
    # alone have is one of theirs.
    smoothing = progress.smoothing[progress.kept]
    prior = training.make_prior(task.circuit, joined.sums, smoothing)
    state = training.absorb(task.circuit, state, prior, task.rows, task.held, task.options)
    return joined.fitted(state, progress, task.rows.evidence + task.held.evidence)
