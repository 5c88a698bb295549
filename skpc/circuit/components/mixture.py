"""Queries of a mixture of several circuits over the same columns.

A mixture of circuits is a circuit. As its components differ in shape, each answers a query by
itself, and the posterior probabilities of the components given a row weigh the answers.

Axes: P components, n rows, D columns.
"""

from collections.abc import Callable, Sequence
from math import exp
from typing import NamedTuple

import torch
from torch import Tensor

from ..passes import WEIGHT_FLOOR, Cells
from ..queries import Pieces
from .bounds import Bounds
from .component import Component
from .mixture_posterior import MixturePosterior, observe

# EM steps for the weights of the components.
STEPS = 200


def log_density(components: Sequence[Component], cells: Cells, dtype: torch.dtype) -> Tensor:
    """Log density of every row, (n,); missing cells are integrated out."""
    if len(components) == 1:
        return components[0].log_density(cells, dtype)
    joint = [c.log_weight + c.log_density(cells, dtype) for c in components]
    return torch.logsumexp(torch.stack(joint), dim=0)


def sample(
    components: Sequence[Component],
    n: int,
    generator: torch.Generator,
    bounds: Bounds | None = None,
) -> Cells:
    """Independent draws of whole rows, given that they are within bounds if any, (n, D)."""
    if bounds is None:
        return _whole(components, n, generator)
    index = torch.arange(n, device=components[0].circuit.device)
    return bounds.draw(lambda draws: _whole(components, len(draws), generator), index)


def _whole(components: Sequence[Component], n: int, generator: torch.Generator) -> Cells:
    """Independent draws of whole rows, (n, D)."""
    if len(components) == 1:
        return components[0].sample(n, generator)
    weights = torch.tensor([exp(c.log_weight) for c in components], device=generator.device)
    component_of = torch.multinomial(weights, n, replacement=True, generator=generator)
    drawn = _empty(components, n)
    for i, component in enumerate(components):
        rows = component_of == i
        if n_rows := int(rows.sum()):
            drawn.put(rows, component.sample(n_rows, generator))
    return drawn


def sample_conditional(
    components: Sequence[Component],
    cells: Cells,
    generator: torch.Generator,
    times: int = 1,
    bounds: Bounds | None = None,
) -> Cells:
    """Exact draws of the missing cells given the others, (n * times, D) with nothing missing.

    The draws of row i are the rows i * times to (i + 1) * times - 1. With bounds they are given,
    too, that what is drawn is within; rows that are drawn again are not passed upward again.
    """

    def complete(block: MixturePosterior, index: Tensor) -> Cells:
        """Draws of rows of a block (b,)."""
        if bounds is None:
            return block.complete(index, generator)
        drawn = ~block.rows.observed[index]
        return bounds.draw(lambda rows: block.complete(rows, generator), index, drawn)

    return _completed(components, cells, times, complete)


def most_probable(components: Sequence[Component], cells: Cells) -> Cells:
    """Missing cells of a most probable state of each row's likeliest component, (n, D)."""
    return _completed(components, cells, 1, lambda block, index: block.complete(index, None))


def _completed(
    components: Sequence[Component],
    cells: Cells,
    times: int,
    complete: Callable[[MixturePosterior, Tensor], Cells],
) -> Cells:
    """Every row completed `times` times by a function of its block and of rows there (b,)."""
    whole = _empty(components, len(cells) * times)
    draws = torch.arange(times, device=whole.device)
    for block in observe(components, cells):
        position = block.index[:, None] * times + draws
        index = torch.arange(len(block.rows), device=whole.device).repeat_interleave(times)
        whole.put(position.flatten(), complete(block, index))
    return whole


def _empty(components: Sequence[Component], n: int) -> Cells:
    """Rows of missing cells to write to, with an array of atoms if columns have any."""
    circuit = components[0].circuit
    return Cells.empty(n, circuit.inputs.n_columns, circuit.device, circuit.inputs.has_atoms)


class Expectations(NamedTuple):
    """Answers for each cell by itself, given the observed cells of its row.

    Attributes
    ----------
    mean, variance : Tensor (n, D)
        As `queries.Posterior.moments` has them.
    codes : Tensor (n, D)
        Most probable codes; NaN in columns that do not hold codes.
    """

    mean: Tensor
    variance: Tensor
    codes: Tensor


def expectations(
    components: Sequence[Component],
    cells: Cells,
    pieces: Sequence[Pieces | None] | None = None,
    n_codes: Sequence[int] = (),
) -> Expectations:
    """Conditional means, variances and most probable codes, from one upward pass per component.

    Parameters
    ----------
    components : sequence of Component
    cells : Cells (n, D)
    pieces : sequence of Pieces or None (D,), optional
        Values of columns whose leaves model a map of them; moments are those of the values.
    n_codes : sequence of int (D,), optional
        Number of codes of every column, 0 in columns that do not hold codes.
    """
    of_units = [component.unit_moments(pieces) for component in components]
    device = components[0].circuit.device
    mean = torch.full(cells.values.shape, torch.nan, dtype=torch.float64, device=device)
    answers = Expectations(mean, mean.clone(), mean.clone())
    for block in observe(components, cells):
        answers.mean[block.index], answers.variance[block.index] = block.moments(of_units)
        if any(n_codes):
            answers.codes[block.index] = block.codes(n_codes)
    return answers


def choose_weights(scores: Tensor, weights: Tensor) -> Tensor:
    """Weights of components that maximise the likelihood of rows, with a pseudo-count of 1 each.

    Parameters
    ----------
    scores : Tensor (P, n)
        Log densities of rows that the components did not learn from.
    weights : Tensor (n,)
        Of the rows.

    Returns
    -------
    Tensor (P,)
        They add to one.

    Notes
    -----
    EM for the weights of a mixture alone; the likelihood is concave in them.
    """
    chosen = torch.full_like(scores[:, 0], 1 / len(scores))
    for _ in range(STEPS):
        shares = torch.softmax(scores + torch.log(chosen.clamp_min(WEIGHT_FLOOR))[:, None], dim=0)
        counts = shares @ weights + 1.0
        chosen = counts / counts.sum()
    return chosen
