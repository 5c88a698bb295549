"""Components other than the trees: their fits, and what each weighs.

Axes: n rows, P components.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ..circuit.components import (
    ComponentKind,
    ComponentTask,
    FittedComponent,
    choose_weights,
)
from ..circuit.training import Rows
from .plan import Plan
from .report import Reporter, Stopwatch
from .result import FittedDensity
from .settings import DTYPES
from .spec import FitSpec
from .streams import Streams

# A component with the kind that fitted it.
Fitted = tuple[ComponentKind, FittedComponent]


def fit_others(
    spec: FitSpec,
    plan: Plan,
    kinds: Sequence[ComponentKind],
    scores: Sequence[Tensor],
    rows: Rows,
    held: Rows,
    streams: Streams,
    clock: Stopwatch,
    reporter: Reporter,
    joined: Callable[[Sequence[Fitted], np.ndarray], FittedDensity],
) -> tuple[list[Fitted], np.ndarray]:
    """Components other than the trees that weigh enough, and the weights of all on held-out rows.

    Parameters
    ----------
    spec : FitSpec
    plan : Plan
    kinds : sequence of ComponentKind
    scores : sequence of Tensor (n,)
        Log densities of the held-out rows by the trees, if there are any.
    rows, held : Rows
        Rows to learn from, and held-out rows, which are learned afterwards.
    streams : Streams
    clock : Stopwatch
    reporter : Reporter
        Hears of every component, and may ask to try no more.
    joined : callable
        Makes the density of fitted components and the weights of all.
    """
    scores, fitted = list(scores), []
    weights = torch.ones(len(scores), dtype=torch.float64)
    for kind in kinds:
        reporter.begin(kind.name)
        with clock.phase(kind.name):
            task = _task(spec, plan, scores, rows, held, streams.of(kind.name))
            task.report(f"{kind.name}: fitted to {len(rows)} rows, weighed on {len(held)} others")
            one = kind.fit(task)
        if one is not None:
            fitted.append((kind, one))
            scores.append(one.scores)
            weights = choose_weights(torch.stack(scores), held.counts)
        if reporter.end(partial(joined, list(fitted), weights.cpu().numpy())):
            break
    return fitted, weights.cpu().numpy()


def _task(
    spec: FitSpec,
    plan: Plan,
    scores: Sequence[Tensor],
    rows: Rows,
    held: Rows,
    random: np.random.RandomState,
) -> ComponentTask:
    return ComponentTask(
        leaves=plan.leaves(),
        min_variance=plan.min_variance,
        floored=plan.floored,
        rows=rows,
        held=held,
        scores=list(scores),
        dtype=DTYPES[spec.dtype],
        random=random,
        report=print if spec.verbose else lambda line: None,
    )
