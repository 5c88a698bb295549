"""Mixtures of Gaussians beside the trees: how many units, and what they weigh.

Axes: n rows, P parts.
"""

from collections.abc import Sequence
from math import log
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..circuit.components import gaussians_fit
from ..circuit.components.gaussians import GaussianPart
from ..circuit.components.latent_mixture import flat_circuit
from ..circuit.components.mixture import choose_weights
from ..circuit.leaves import Gaussian, Leaf, Numeric
from ..circuit.passes.circuit import Parameters
from ..circuit.training import initial
from ..circuit.training.arrays import from_numbers, to_numbers
from ..circuit.training.rows import Rows, blocks
from .settings import ENOUGH
from .setup import make_leaves

# Numbers of units that "auto" tries, each one where there are so many rows a unit. How many are
# best depends on how far the table is from normal.
SIZES, ROWS_A_UNIT = (3, 12, 48, 128), 10
# Weight below which one of several mixtures is dropped.
LEAST_SHARE = 0.05
# Columns of numbers above which "auto" asks for none: covariances have their square.
WIDEST = 200
# Of the leaves' variance floor: given other columns a number may vary much less.
FLOOR = 0.01
# Steps of EM, and those after rows that were held out have joined the others.
STEPS, LAST_STEPS = 40, 5
# Rows that are learned from: random ones of a larger table.
MOST_ROWS = 200_000


def n_gaussians_of(model: Any, n: int) -> tuple[int, ...]:
    """Numbers of units of the mixtures of Gaussians that a fit of n rows asks for."""
    leaves = make_leaves(model._table, model._spec["min_variance"])
    columns = sum(type(leaf) in (Gaussian, Numeric) for leaf in leaves)
    if columns < 2 or model.n_gaussians == 0:
        return ()
    if model.n_gaussians != "auto":
        return (int(model.n_gaussians),)
    chosen = isinstance(model.structure, str) and model.structure == "auto"
    pays = chosen and model._spec["learned"] and n >= ENOUGH and columns <= WIDEST
    return tuple(size for size in SIZES if size <= n // ROWS_A_UNIT) if pays else ()


def fit_gaussians(
    model: Any,
    sizes: Sequence[int],
    of_trees: Tensor,
    rows: Rows,
    held: Rows,
    random: np.random.RandomState,
) -> tuple[GaussianPart, Tensor] | None:
    """A mixture of Gaussians, and what it said of the held rows before it learned them.

    Parameters
    ----------
    model : EinetDensityEstimator
    sizes : sequence of int
        Units of the mixtures of which it is made.
    of_trees : Tensor (n,)
        Log densities of the held rows by the trees, beside which these shall be of use.
    rows, held : Rows
        Rows to learn from, at most MOST_ROWS of them, and rows that decide the weights.
    random : numpy.random.RandomState

    Returns
    -------
    part : GaussianPart
    scores : Tensor (n,)
        None instead of both where fewer than two columns hold numbers mostly.
    """
    rows = rows.some(MOST_ROWS, random)
    leaves = _leaves(model)
    circuit = flat_circuit(leaves, 1, rows.x.device)
    sums = rows.evidence / rows.total * initial.marginals(circuit, blocks(circuit, rows, None))
    columns = gaussians_fit.together(circuit, sums)
    if len(columns) < 2:
        return None
    generator = torch.Generator().manual_seed(int(random.randint(np.iinfo(np.int32).max)))
    table = gaussians_fit.describe(leaves, columns, sums, rows, generator)
    everything = rows.joined(held)
    parts: list[GaussianPart] = []
    scores: list[Tensor] = []
    for size in sizes:
        state = gaussians_fit.start(table, size)
        if parts and gaussians_fit.too_dear(state.part, rows.x):
            break
        state = gaussians_fit.train(state, rows, STEPS, STEPS, generator)
        scores.append(state.part.log_density(held.x, torch.float64))
        state = gaussians_fit.train(state, everything, LAST_STEPS, STEPS, generator)
        parts.append(state.part)
    shares = choose_weights(torch.stack([of_trees, *scores]), held.counts)[1:]
    shares = torch.where(shares >= LEAST_SHARE * shares.sum(), shares, 0.0)
    shares = shares / shares.sum()
    joined = torch.logsumexp(torch.stack(scores) + torch.log(shares)[:, None], dim=0)
    return _joined(leaves, parts, shares.tolist()), joined


def _joined(
    leaves: Sequence[Leaf], parts: Sequence[GaussianPart], shares: Sequence[float]
) -> GaussianPart:
    """The units of all parts that have a share side by side."""
    used = [(part, share) for part, share in zip(parts, shares, strict=True) if share > 0]
    packed = torch.cat([part.parameters.leaves for part, _ in used], dim=2)
    weights = torch.cat([share * part.parameters.sums[0] for part, share in used], dim=2)
    return GaussianPart(
        circuit=flat_circuit(leaves, packed.shape[2], packed.device),
        parameters=Parameters(packed, (weights,)),
        columns=parts[0].columns,
        matrices=torch.cat([part.matrices for part, _ in used]),
    )


def _leaves(model: Any) -> list[Leaf]:
    """A family object a column, numbers with a lower floor."""
    floor = model._spec["min_variance"]
    usual, low = make_leaves(model._table, floor), make_leaves(model._table, FLOOR * floor)
    return [b if type(a) in (Gaussian, Numeric) else a for a, b in zip(usual, low, strict=True)]


def gaussian_arrays(part: GaussianPart) -> list[np.ndarray]:
    """What is stored of a mixture of Gaussians."""
    numbers = (part.parameters.leaves, *part.parameters.sums, part.columns, part.matrices)
    return to_numbers(*numbers)


def gaussian_part(model: Any, share: float, device: torch.device) -> GaussianPart:
    """The stored mixture of Gaussians, of a share of all parts."""
    leaves, weights, columns, matrices = from_numbers(model._gaussians, device)
    return GaussianPart(
        circuit=flat_circuit(_leaves(model), leaves.shape[2], device),
        parameters=Parameters(leaves, (weights,)),
        log_weight=log(share),
        columns=columns.long(),
        matrices=matrices,
    )
