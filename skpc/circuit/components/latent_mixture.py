"""Latent mixtures: one leaf region whose units are decoded from points of a latent space.

With a normal vector z known, the columns of a row are independent, with leaves that a small
network decodes from z. The integral over z is replaced by a weighted mean over N points, so what
is trained, and what remains, is a circuit: one leaf region of all columns with N units under one
sum. As the network decodes all units, they overfit less than as many free ones would.

References: Correia, Gala, Quaeghebeur, de Campos and Peharz, "Continuous mixtures of tractable
probabilistic models", AAAI 2023, who call them continuous mixtures.

Axes: n held-out rows, D columns, P components, R rows of Phi.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from ..leaves import Leaf
from ..passes import Circuit, Parameters, product_mixture, seeded
from ..queries import log_density
from ..training import (
    Rows,
    blocks,
    column_sums,
    parameters_from_numbers,
    parameters_to_numbers,
)
from .component import Component
from .latent_solver import LatentState, finish, start
from .latent_training import BATCH, train
from .latent_watch import Watch, Watched
from .mixture import choose_weights
from .protocol import LEAST_WEIGHT, ComponentTask, FittedComponent, Recorder

# Points, which are the units, of each network.
POINTS = 1024
# First step size.
RATE = 5e-3
# Passes over the rows, and the least and largest numbers of steps, which overrule them.
PASSES, LEAST_STEPS, MOST_STEPS = 12, 800, 2500
# A network of so many points is trained first, for a share of the steps and at most so many, which
# costs a tenth. Where it raises the mean log density of the held-out rows by less than LEAST_GAIN
# nats, a larger one is not trained. A share of fewer steps than SHORT is too few for an answer: 64
# pixels of 1,078 digits gained 0.007 nats in 198 steps, and 0.5 in 800.
TRIED_POINTS, TRIED_SHARE, TRIED_STEPS, LEAST_GAIN, SHORT = 512, 0.25, 480, 0.005, 1000
# Most rows to learn from: random ones of a larger table.
MOST_ROWS = 200_000
# The last passes learn the held-out rows too: their number as a share of the passes before, and
# their first step size as a share of RATE.
LAST_PASSES, LAST_RATE = 0.1, 0.2
# The component competes by default from so many rows on, and up to so many statistics of all
# columns (one for each category): each of its units has as many numbers.
FEWEST_ROWS, MOST_STATISTICS = 1001, 3000
# Names of the arrays by which a component is stored.
STORED = ("leaves", "weights")

# Takes the number of a network, its log-likelihood and its weight on held-out rows.
Report = Callable[[int, float, float], None]


@dataclass(frozen=True)
class LatentMixture:
    """Latent mixtures as a `ComponentKind`: one network, or several that are mixed.

    Attributes
    ----------
    n_networks : int
    n_points : int
        Points of each network, which are its units.
    max_iter : int or "auto"
        Passes of each network at most. "auto": as many as make MOST_STEPS steps.
    """

    n_networks: int = 1
    n_points: int = POINTS
    max_iter: int | Literal["auto"] = "auto"

    name: ClassVar[str] = "latent_mixture"

    def pays(self, leaves: Sequence[Leaf], n_rows: int) -> bool:
        """Whether the table has enough rows, and its units not too many numbers each."""
        n_statistics = sum(leaf.n_statistics for leaf in leaves)
        return n_rows >= FEWEST_ROWS and n_statistics <= MOST_STATISTICS

    def fit(self, task: ComponentTask) -> FittedComponent | None:
        """Fit a component; None if a small network adds little, or the first one weighs little."""

        def report(number: int, log_likelihood: float, weight: float) -> None:
            """One line about a network, for `verbose`."""
            task.report(
                f"latent mixture {number}: log-likelihood {log_likelihood:.4f}, weight on "
                f"held-out rows {weight:.3f}"
            )

        recorder = Recorder()
        if not _promises(self, task):
            return None
        fitted = fit_networks(self, task, recorder, report)
        if fitted is None:
            return None
        parameters, scores, weights = fitted
        shares = weights[len(task.scores) :] / weights[len(task.scores) :].sum()
        mixed = torch.logsumexp(torch.stack(scores) + torch.log(shares)[:, None], dim=0)
        circuit = product_mixture(task.leaves, parameters.leaves.shape[1], torch.device("cpu"))
        arrays = dict(zip(STORED, parameters_to_numbers(parameters), strict=True))
        return FittedComponent(self.name, arrays, mixed, circuit.n_parameters, recorder.history())

    def from_arrays(
        self,
        arrays: Mapping[str, Any],
        leaves: Sequence[Leaf],
        log_weight: float,
        device: torch.device,
    ) -> Component:
        """The component from the arrays of its fit, with its weight in the mixture."""
        parameters = parameters_from_numbers([arrays[name] for name in STORED], device)
        circuit = product_mixture(leaves, parameters.leaves.shape[1], device)
        return Component(circuit, parameters, log_weight)


def fit_networks(
    kind: LatentMixture, task: ComponentTask, recorder: Recorder, report: Report
) -> tuple[Parameters, list[Tensor], Tensor] | None:
    """The units of all networks, with their scores and weights; None without enough weight.

    Parameters
    ----------
    kind : LatentMixture
    task : ComponentTask
        Of its rows, at most MOST_ROWS are learned.
    recorder : Recorder
        Gets the passes of all networks, one network after the other.
    report : callable
        Called after each network is trained, before it learns the held-out rows.

    Returns
    -------
    parameters : Parameters
        Of a `product_mixture` with the units of all networks.
    scores : list of Tensor (n,)
        Log densities of the held-out rows by each network before it learned them.
    weights : Tensor (P,)
        Of the components fitted before, then of each network. None instead of all three if the
        first network weighs less than LEAST_WEIGHT.
    """
    rows = task.rows.sampled(MOST_ROWS, task.random)
    fit = _start_fit(kind, task, rows, recorder)
    fitted: list[Parameters] = []
    scores: list[Tensor] = []
    for number in range(1, kind.n_networks + 1):
        generator = seeded(task.random)
        first = fit.first(generator, scores, LEAST_WEIGHT if number == 1 else 0.0)
        scores.append(first.scores)
        weights = choose_weights(torch.stack([*task.scores, *scores]), task.held.counts)
        report(number, recorder.last, float(weights[-1]))
        # If the first one gains too little on this table, further ones are not tried.
        if number == 1 and not float(weights[-1]) >= LEAST_WEIGHT:
            return None
        fitted.append(fit.last(first, generator))
    return _joined(fitted, weights[len(task.scores) :]), scores, weights


@dataclass(frozen=True)
class _Fit:
    """What the fits of all networks of a table share.

    Attributes
    ----------
    circuit : Circuit
        A `product_mixture`.
    sums : Tensor (R,)
        Column sums of the rows.
    n_passes : int
    task : ComponentTask
    rows : Rows
        Those of the task that are learned.
    recorder : Recorder
    """

    circuit: Circuit
    sums: Tensor
    n_passes: int
    task: ComponentTask
    rows: Rows
    recorder: Recorder

    def first(
        self, generator: torch.Generator, others: Sequence[Tensor], least_weight: float
    ) -> Watched:
        """What is kept of the passes over the rows: the state of the largest gain."""
        state = start(self.circuit, self.sums, generator, RATE)
        watch = Watch(self.task, others, self.score, self.n_passes, least_weight)
        self._train(state, self.rows, self.n_passes, RATE, generator, watch.stops)
        assert watch.best is not None
        return watch.best

    def score(self, state: LatentState) -> Tensor:
        """Log densities of the held-out rows, (n,)."""
        parameters = finish(self.circuit, state)
        cells = self.task.held.cells
        return log_density(self.circuit, parameters, cells, self.task.dtype).double()

    def last(self, first: Watched, generator: torch.Generator) -> Parameters:
        """Parameters after further passes over all rows, a share of those before."""
        n_passes, rows = ceil(LAST_PASSES * first.passes), self.rows.joined(self.task.held)
        state = self._train(first.state, rows, n_passes, LAST_RATE * RATE, generator)
        return finish(self.circuit, state)

    def _train(
        self,
        state: LatentState,
        rows: Rows,
        n_passes: int,
        rate: float,
        generator: torch.Generator,
        stops: Callable[[int, LatentState], bool] = lambda passes, state: False,
    ) -> LatentState:
        """Passes over rows, which the recorder gets."""

        def record(number: int, log_likelihood: float, state: LatentState) -> bool:
            """Hand over what the last pass reached; whether it was the last one."""
            self.recorder.add(log_likelihood)
            return stops(number + 1, state)

        dtype = self.task.dtype
        return train(self.circuit, state, rows, n_passes, rate, dtype, generator, record)


def _promises(kind: LatentMixture, task: ComponentTask) -> bool:
    """Whether a small network, trained for a moment, adds to what was fitted before.

    It is not asked where training is short, or where nothing was fitted before.
    """
    n = min(len(task.rows), MOST_ROWS)
    all_steps = -(-n // BATCH) * _passes_of(kind, n)
    if not task.scores or all_steps < SHORT:
        return True
    n_steps = min(TRIED_STEPS, int(TRIED_SHARE * all_steps))
    rows = task.rows.sampled(n_steps * BATCH, task.random)
    passes = n_steps // -(-len(rows) // BATCH)
    small = replace(kind, n_points=min(TRIED_POINTS, kind.n_points), max_iter=passes)
    fit = _start_fit(small, task, rows, Recorder())
    scores = fit.first(seeded(task.random), (), 0.0).scores
    gain = task.mixed([scores])[0] - task.mixed([])[0]
    pays = gain >= LEAST_GAIN
    task.report(
        f"latent mixture: a small one raises the held-out rows' log-likelihood by {gain:.4f}, "
        f"{'so a larger one is fitted' if pays else 'too little for a larger one'}"
    )
    return pays


def _passes_of(kind: LatentMixture, n: int) -> int:
    """Passes over n rows at most."""
    steps = -(-n // BATCH)
    passes = min(max(PASSES, LEAST_STEPS // steps), max(1, MOST_STEPS // steps))
    return passes if kind.max_iter == "auto" else min(passes, kind.max_iter)


def _start_fit(kind: LatentMixture, task: ComponentTask, rows: Rows, recorder: Recorder) -> _Fit:
    circuit = product_mixture(task.leaves, kind.n_points, rows.cells.device)
    sums = column_sums(circuit, blocks(circuit, rows))
    return _Fit(circuit, sums, _passes_of(kind, len(rows)), task, rows, recorder)


def _joined(fitted: Sequence[Parameters], weights: Tensor) -> Parameters:
    """The units of several product mixtures in one, with the weights of their mixture."""
    shares = (weights / weights.sum()).tolist()
    pairs = zip(fitted, shares, strict=True)
    sums = torch.cat([one.sums[0] * share for one, share in pairs], dim=2)
    return Parameters(torch.cat([one.leaves for one in fitted], dim=1), (sums,))
