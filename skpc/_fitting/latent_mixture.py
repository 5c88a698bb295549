"""Continuous mixtures beside the trees: how many, how long, and what each weighs.

Axes: n rows, P parts.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import ceil
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..circuit.components import latent_mixture as continuous
from ..circuit.components.mixture import choose_weights
from ..circuit.passes.circuit import Circuit, Parameters
from ..circuit.queries.queries import log_density
from ..circuit.training import initial
from ..circuit.training import loop as training
from ..circuit.training.loop import Options, Progress
from ..circuit.training.rows import Rows, blocks
from ..circuit.training.statistics import Prior
from .settings import SMALL
from .setup import make_leaves

# Continuous mixtures where "auto" has some.
DECODERS = 1
# Statistics of all columns, such as one a category, above which it has none: each of 1,024 units
# has as many numbers.
WIDEST = 3000
# The points, or units, of each.
POINTS = 1024
RATE, BATCH = 5e-3, 128
# Passes over the rows, but at least and at most as many as make so many steps.
PASSES, LEAST_STEPS, MOST_STEPS = 25, 800, 4000
# Rows that a decoder learns from: random ones of a larger table.
MOST_ROWS = 200_000
# Passes, and the step over the first one, in which rows that were held out are learned too.
LAST_PASSES, LAST_RATE = 0.1, 0.2
# Weight of the first one below which the trees stay alone.
LEAST_WEIGHT = 0.02


def n_decoders_of(model: Any, n: int) -> int:
    """Number of continuous mixtures that a fit of n rows asks for."""
    if model.n_decoders != "auto":
        return int(model.n_decoders)
    chosen = isinstance(model.structure, str) and model.structure == "auto"
    leaves = make_leaves(model._table, model._spec["min_variance"])
    width = sum(leaf.n_statistics for leaf in leaves)
    pays = model._spec["learned"] and n > SMALL and width <= WIDEST
    return DECODERS if chosen and pays else 0


def fit_decoders(
    model: Any,
    n_decoders: int,
    others: Sequence[Tensor],
    weights: Tensor,
    rows: Rows,
    held: Rows,
    dtype: torch.dtype,
    random: np.random.RandomState,
) -> tuple[Parameters | None, Tensor]:
    """The units of all continuous mixtures, and the weights of other parts and of each of them.

    Parameters
    ----------
    model : EinetDensityEstimator
    n_decoders : int
    others : sequence of Tensor (n,)
        Log densities of the held rows by the trees and other parts.
    weights : Tensor
        Of these where they stay alone.
    rows, held : Rows
        Rows to learn from, at most MOST_ROWS of them, and rows that decide the weights and are
        learned afterwards.
    dtype : torch.dtype
        Of the passes.
    random : numpy.random.RandomState

    Returns
    -------
    parameters : Parameters or None
        Of `continuous.flat_circuit` with the units of all of them; None where the others stay
        alone.
    weights : Tensor (P,)
    """
    rows = rows.some(MOST_ROWS, random)
    leaves = make_leaves(model._table, model._spec["min_variance"])
    circuit = continuous.flat_circuit(leaves, POINTS, rows.x.device)
    sums = initial.marginals(circuit, blocks(circuit, rows, None))
    prior = initial.make_prior(circuit, sums, 0.0)
    options = _options(model, len(rows.x), dtype)
    everything = rows.joined(held)
    last = replace(
        options, max_iter=ceil(LAST_PASSES * options.max_iter), learning_rate=LAST_RATE * RATE
    )
    counts = held.counts
    found: list[Parameters] = []
    scores, alone = list(others), weights
    for _ in range(n_decoders):
        generator = torch.Generator().manual_seed(int(random.randint(np.iinfo(np.int32).max)))
        begun = continuous.start(circuit, sums, generator, RATE)
        state, progress = _trained(circuit, begun, rows, prior, options, generator)
        score = log_density(circuit, continuous.finish(circuit, state), held.x, dtype)
        scores.append(score.double())
        weights = choose_weights(torch.stack(scores), counts)
        if model.verbose:
            print(_line(len(found) + 1, progress.log_likelihood[-1], float(weights[-1])))
        # The first one tells whether this is a table for them.
        if not found and not float(weights[-1]) >= LEAST_WEIGHT:
            return None, alone
        state, _ = _trained(circuit, state, everything, prior, last, generator)
        found.append(continuous.finish(circuit, state))
    return _joined(found, weights[len(others) :]), weights


def _trained(
    circuit: Circuit,
    state: continuous.DecoderState,
    rows: Rows,
    prior: Prior,
    options: Options,
    generator: torch.Generator,
) -> tuple[continuous.DecoderState, Progress]:
    """The state after the passes of the options."""
    trained, progress = training.train(circuit, state, rows, prior, options, generator)
    assert isinstance(trained, continuous.DecoderState)
    return trained, progress


def _options(model: Any, n: int, dtype: torch.dtype) -> Options:
    """Settings of the training loop for n rows."""
    steps = training.n_batches(n, BATCH)
    passes = min(max(PASSES, LEAST_STEPS // steps), max(1, MOST_STEPS // steps))
    passes = passes if model.max_iter == "auto" else min(passes, int(model.max_iter))
    return Options("decoder", RATE, BATCH, passes, 0.0, passes, dtype)


def _joined(parts: list[Parameters], weights: Tensor) -> Parameters:
    """The units of all parts side by side, their weights those of a mixture of the parts."""
    shares = (weights / weights.sum()).tolist()
    sums = torch.cat([p.sums[0] * share for p, share in zip(parts, shares, strict=True)], dim=2)
    return Parameters(torch.cat([p.leaves for p in parts], dim=2), (sums,))


def _line(number: int, likelihood: float, weight: float) -> str:
    return (
        f"continuous mixture {number}: log-likelihood {likelihood:.4f}, weight on held-out rows "
        f"{weight:.3f}"
    )
