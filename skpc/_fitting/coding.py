"""How columns of zeros and ones are coded: one-hot groups as one column, or each by itself.

Columns that never meet may still be attributes of their own, and many rows tell more of each by
itself than one column of codes can hold: held-out rows choose where the table leaves it open.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from .._device import choose_device
from .._tables import Holes, RawTable
from ..circuit import RegionGraph
from ..circuit.passes import seeded
from ..circuit.training import train
from .families import choose_families
from .one_hot import choose_groups
from .plan import Coding, TrainingRows, make_plan
from .rows import choose_held, split_rows
from .spec import FitSpec
from .streams import Streams
from .trees import start, tree_task

Groups = list[tuple[int, ...]]

# Fewest rows by which codings are compared; of more than the second number random ones are taken.
FEWEST_ROWS, MOST_ROWS = 50, 20_000
# Codings are compared by so many learned trees after so many passes, those of full batches of small
# tables are more. On accidents, dna and mushrooms their order is that by default trees.
TRIAL: dict[str, Any] = {
    "structure": "chow_liu", "depth": None, "layer": "cp", "grid_shape": None,
    "n_replicas": 4, "n_sums": 12, "n_leaves": 12, "solver": "em", "learning_rate": "auto",
    "batch_size": "auto", "n_init": 1, "early_stopping": False, "validation_fraction": 0.2,
    "n_iter_no_change": 5, "smoothing": 0.1, "verbose": 0,
}  # fmt: skip
PASSES, FULL_PASSES = 6, 30


def choose_coding(spec: FitSpec, data: TrainingRows, streams: Streams) -> Coding:
    """Leaf families and one-hot groups.

    Raises
    ------
    ValueError
        As `choose_families` and `choose_groups`.
    """
    families = choose_families(data.table, spec.leaf, spec.categorical_features)
    found = choose_groups(spec, data.table, data.weights, families)
    every, sure = [one.columns for one in found], [one.columns for one in found if one.sure]
    if isinstance(spec.structure, RegionGraph) and isinstance(spec.one_hot, str):
        return Coding(families, _of_graph(spec.structure, spec.missing, data.table, every, sure))
    if len(every) == len(sure):
        return Coding(families, every)
    if len(data) < FEWEST_ROWS:
        return Coding(families, sure)
    trial = replace(spec, **TRIAL)
    words = streams.of("one-hot groups").randint(0, 2**32, size=8, dtype=np.uint32)
    some = _sampled(data, np.random.RandomState(words))
    scores = [
        _score(trial, some, Coding(families, groups), Streams(np.random.RandomState(words)))
        for groups in (every, sure)
    ]
    return Coding(families, every if scores[0] > scores[1] else sure)


def _of_graph(
    graph: RegionGraph, missing: str, table: RawTable, every: Groups, sure: Groups
) -> Groups:
    """The groups that a graph of the user's has room for: it was learned with them."""
    n_indicators = len(Holes.of(table).positions) if missing == "model" else 0
    n_columns = len(table.columns) + n_indicators
    for groups in (every, sure, []):
        if graph.n_variables == n_columns - sum(len(group) - 1 for group in groups):
            return groups
    return every


def _sampled(data: TrainingRows, random: np.random.RandomState) -> TrainingRows:
    """All rows, or MOST_ROWS random ones."""
    if len(data) <= MOST_ROWS:
        return data
    index = np.sort(random.choice(len(data), MOST_ROWS, replace=False))
    return replace(data, table=data.table.rows(index), weights=data.weights[index])


def _score(spec: FitSpec, data: TrainingRows, coding: Coding, streams: Streams) -> float:
    """Mean log density of held-out rows by the trees of a trial, in the units of the table."""
    device = choose_device(spec.device)
    plan, encoded = make_plan(spec, data, streams, coding)
    index = choose_held(spec, len(data), streams.of("held-out rows"))
    rows, held = split_rows(plan.table, encoded, data.weights, device, index)
    task = tree_task(spec, plan, rows, held, device, False, None)
    passes = FULL_PASSES if task.options.is_full(len(rows)) else PASSES
    options = replace(task.options, max_iter=passes)
    begun = start(task.circuit, task.solver, task.sums, streams.of("start 0"), None)
    order = seeded(streams.of("order 0"))
    _, progress = train(task.circuit, begun, rows, task.prior, options, order, held)
    # Small tables stop early by default: what counts is the best pass.
    return max(progress.validation)
