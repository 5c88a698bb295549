"""Fits a density to checked rows by a spec: the order of its phases.

Axes: n rows, D columns.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .._device import choose_device
from .._tables import Encoded, strangers
from ..circuit import training
from .coding import choose_coding
from .kinds import Competing, competing, stored_kind
from .mixture import Fitted, fit_others
from .plan import Plan, TrainingRows, keep_plan, make_plan
from .report import Reporter, Stopwatch
from .result import FittedDensity, FittedTrees, StoredComponent
from .rows import choose_held, make_rows, split_rows
from .settings import (
    chooses_smoothing,
    learning_rate_of,
    make_options,
    solver_of,
    stopping_of,
    with_stopping,
)
from .spec import FitSpec
from .spread import Spread
from .streams import Streams
from .trees import (
    TreeTask,
    held_scores,
    over_all_rows,
    start,
    train_trees,
    tree_task,
    with_held_rows,
)


def fit(
    spec: FitSpec,
    data: TrainingRows,
    random: np.random.RandomState,
    reporter: Reporter,
    last: FittedDensity | None = None,
    spread: Spread | None = None,
) -> FittedDensity:
    """Fit a density.

    Parameters
    ----------
    spec : FitSpec
    data : TrainingRows
    random : numpy.random.RandomState
        Every phase draws from a stream of its own, spawned from this one.
    reporter : Reporter
    last : FittedDensity, optional
        The density with which a warm start goes on: its columns, structure and scales are kept,
        and so are its components other than the trees and the weights of all components.
    spread : Spread, optional
        A larger table, of which `data` is a sample: all of its rows train the trees, in full
        passes, and those of the sample decide everything else. With `last`, the fit to the sample,
        the passes go on from there.

    Returns
    -------
    FittedDensity
        The fit has no other effect, also if it fails.

    Raises
    ------
    ValueError
        For parameters that do not go with the table or with the last density.
    """
    clock, device, streams = Stopwatch(), choose_device(spec.device), Streams(random)
    learning_rate_of(spec)
    if spec.verbose:
        print(f"structure: of {len(data.table.columns)} columns in {len(data)} rows")
    with clock.phase("structure"):
        plan, encoded = _plan(spec, data, streams, last)
    asked = competing(spec.components, plan.leaves(), len(data)) if last is None else _again(last)
    # The held-out rows of the fit before were learned at its end, and would not stop the next one.
    spec = with_stopping(spec, asked.trees and last is None, len(data))
    regularise = asked.trees and chooses_smoothing(spec, plan, len(data))
    hold = regularise or spec.early_stopping or bool(asked.others)
    index = choose_held(spec, len(data), streams.of("held-out rows")) if hold else None
    rows, held = split_rows(plan.table, encoded, data.weights, device, index)
    del encoded
    settings = {**_settings(spec, plan, asked), **stopping_of(spec)}
    scores: list[Tensor] = []
    density = _base(plan, data, last, settings)
    if not asked.trees:
        reporter.open(len(asked.others))
    else:
        with clock.phase("trees"):
            source = rows if spread is None else spread.source(plan, index)
            task = tree_task(spec, plan, source, held, device, regularise, last)
            if spread is not None and last is not None:
                task = over_all_rows(task, make_options(spec, plan, len(data), goes_on=True))
            joins = regularise or bool(asked.others)
            reporter.open(task.n_init * task.options.max_iter + len(asked.others))
            density, scores = _with_trees(task, streams, reporter, density, joins)
    if asked.others and held is not None and not reporter.stopped:
        density = _with_others(spec, density, asked, scores, rows, held, streams, clock, reporter)
    density = replace(density, seconds=clock.seconds)
    reporter.close(lambda: density)
    return density


def _plan(
    spec: FitSpec, data: TrainingRows, streams: Streams, last: FittedDensity | None
) -> tuple[Plan, Encoded]:
    """The plan of the last density, or a new one, and the encoded rows."""
    if last is None:
        return make_plan(spec, data, streams, choose_coding(spec, data, streams))
    plan, encoded = keep_plan(spec, last.plan, data)
    last.warn(strangers(plan.table.columns, data.table, encoded), stacklevel=6)
    if spec.missing == "model":
        last.warn(plan.table.holes.unmodelled(data.table), stacklevel=6)
    return plan, encoded


def _again(last: FittedDensity) -> Competing:
    """What a fit that goes on trains: the trees.

    Raises
    ------
    ValueError
        If the density has none.
    """
    if last.trees is None:
        raise ValueError(
            f"components is {last.names!r}: only trees can be trained further. Add 'trees', or fit "
            "anew with warm_start=False."
        )
    return Competing(True, ())


def _settings(spec: FitSpec, plan: Plan, asked: Competing) -> dict[str, Any]:
    """Values that "auto" stands for, but for those that the trees' options add."""
    return {
        **plan.settings,
        **({"components": asked.names} if asked.by_default else {}),
        "solver": solver_of(spec).name if isinstance(spec.solver, str) else spec.solver,
        "learning_rate": learning_rate_of(spec),
    }


def _base(
    plan: Plan, data: TrainingRows, last: FittedDensity | None, settings: dict[str, Any]
) -> FittedDensity:
    """The last density, or one of no component yet."""
    if last is None:
        nothing = np.ones(0)
        return FittedDensity(plan, None, data.feature_names, weights=nothing, settings=settings)
    return replace(last, plan=plan)


def _with_trees(
    task: TreeTask, streams: Streams, reporter: Reporter, density: FittedDensity, joins: bool
) -> tuple[FittedDensity, list[Tensor]]:
    """The density with trained trees, and what these say of held-out rows that will join them."""
    result = partial(_store_trees, density, task)
    state, progress = train_trees(task, streams, reporter, result, density.trees)
    scores = [held_scores(task, state)] if joins and task.held is not None else []
    trees = with_held_rows(task, state, progress) if joins else task.fitted(state, progress)
    return result(trees), scores


def _store_trees(density: FittedDensity, task: TreeTask, trees: FittedTrees) -> FittedDensity:
    """A density with these trees, and the passes and batches that they took among its settings."""
    passes = {"batch_size": task.options.batch_size, "max_iter": task.options.max_iter}
    settings = {**density.settings, **passes}
    if density.trees is None:
        return replace(density, trees=trees, weights=np.ones(1), settings=settings)
    return replace(density, trees=trees, settings=settings)


def _with_others(
    spec: FitSpec,
    density: FittedDensity,
    asked: Competing,
    scores: list[Tensor],
    rows: training.Rows,
    held: training.Rows,
    streams: Streams,
    clock: Stopwatch,
    reporter: Reporter,
) -> FittedDensity:
    """The density with all components that weigh enough.

    Raises
    ------
    ValueError
        If there is none.
    """

    def joined(fitted: Sequence[Fitted], weights: np.ndarray) -> FittedDensity:
        """The density with fitted components."""
        others = tuple(
            StoredComponent(stored_kind(kind), one.name, one.arrays, one.n_parameters, one.history)
            for kind, one in fitted
        )
        return replace(density, others=others, weights=weights)

    fitted, weights = fit_others(
        spec, density.plan, asked.others, scores, rows, held, streams, clock, reporter, joined
    )
    if not len(weights):
        names = [kind.name for kind in asked.others]
        raise ValueError(
            f"components {names} do not fit this table (they need two columns of numbers at "
            "least); add 'trees'."
        )
    return joined(fitted, weights)


def partial_fit(
    spec: FitSpec,
    data: TrainingRows,
    random: np.random.RandomState,
    last: FittedDensity | None = None,
) -> FittedDensity:
    """One pass of the trees over a block of rows, from the state of the blocks before.

    Parameters
    ----------
    spec : FitSpec
    data : TrainingRows
    random : numpy.random.RandomState
    last : FittedDensity, optional
        The density after the blocks before.

    Returns
    -------
    FittedDensity
    """
    clock, device, streams = Stopwatch(), choose_device(spec.device), Streams(random)
    learning_rate_of(spec)
    # One pass is not stopped.
    spec = with_stopping(spec, False, len(data))
    with clock.phase("structure"):
        plan, encoded = _plan(spec, data, streams, last)
    trees_so_far = None if last is None else last.trees
    if last is not None:
        _again(last)
    with clock.phase("trees"):
        rows = make_rows(encoded, plan.table.log_jacobian(encoded), data.weights, device)
        task = _stream_task(spec, plan, rows, device, last)
        begun = start(task.circuit, task.solver, task.sums, streams.of("start 0"), trees_so_far)
        steps, seen = (trees_so_far.steps, trees_so_far.rows) if trees_so_far else (0, 0.0)
        seen += rows.evidence
        state, progress = training.stream(
            task.circuit, begun, rows, task.prior, task.options, steps, seen
        )
        trees = task.fitted(state, progress, seen)
        trees = replace(trees, steps=trees.steps + steps)
    counts = task.circuit.inputs.counts(task.sums).cpu().numpy()
    settings = _settings(spec, plan, Competing(True, ()))
    density = _base(plan.with_rows(counts), data, last, settings)
    return replace(_store_trees(density, task, trees), seconds=clock.seconds)


def _stream_task(
    spec: FitSpec,
    plan: Plan,
    rows: training.Rows,
    device: torch.device,
    last: FittedDensity | None,
) -> TreeTask:
    """Circuit, prior and options of a pass over a block; sums are of this and earlier blocks."""
    task = tree_task(spec, plan, rows, None, device, False, last)
    options = make_options(spec, plan, len(rows), goes_on=True, regularise=False)
    if last is None or last.trees is None:
        return replace(task, options=options)
    # A copy, because a model that is mapped from a file has read-only arrays.
    sums = task.sums + torch.tensor(last.trees.column_sums, device=device)
    prior = training.make_prior(task.circuit, sums, task.prior.smoothing)
    return replace(task, sums=sums, prior=prior, options=options)
