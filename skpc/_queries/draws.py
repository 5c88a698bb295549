"""Draws of rows, and of missing cells given the others.

Axes: n rows, D columns.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .._fitting import FittedDensity
from .._tables import RawTable, Table, take_rows
from ..circuit.components import mixture
from ..circuit.passes import Cells, seeded
from .evidence import Evidence, arrays, seed_device

# How often rows beyond the bounds are drawn again, and the share of them beyond which that ends.
ROUNDS = 30
MOST_REFUSED = 0.9


def sample(density: FittedDensity, n: int, random: np.random.RandomState, device: str) -> Any:
    """Rows like the training rows, (n, D)."""
    components, table = density.components(device), density.plan.table
    generator = seeded(random, seed_device(components))

    def draw(index: Tensor) -> Cells:
        return mixture.sample(components, len(index), generator)

    return table.rows(*arrays(_within_bounds(table, draw, n)))


def sample_conditional(
    density: FittedDensity,
    X: Any,
    raw: RawTable,
    times: int,
    random: np.random.RandomState,
    device: str,
) -> Any:
    """Rows of X with their missing cells drawn, each row `times` times, (n * times, D).

    Parameters
    ----------
    density : FittedDensity
    X : array or frame (n, D)
    raw : RawTable
        The columns of X.
    times : int
    random : numpy.random.RandomState
    device : str
    """
    evidence = Evidence.read(density, raw, device)
    generator = seeded(random, seed_device(evidence.components))
    index = np.repeat(np.arange(X.shape[0]), times)
    rows = evidence.cells

    def draw(draws: Tensor) -> Cells:
        if len(draws) == len(index):
            return mixture.sample_conditional(evidence.components, rows, generator, times)
        again = rows.rows(draws.to(rows.device) // times)
        return mixture.sample_conditional(evidence.components, again, generator)

    missing = torch.from_numpy(np.isnan(evidence.encoded.z)).repeat_interleave(times, dim=0)
    cells = _within_bounds(evidence.table, draw, len(index), missing)
    return evidence.table.fill(take_rows(X, index), raw.rows(index), *arrays(cells))


def _within_bounds(
    table: Table, draw: Callable[[Tensor], Cells], n: int, missing: Tensor | None = None
) -> Cells:
    """Draws given that every cell lies within the bounds of its column, (n, D).

    Rows with a cell beyond are drawn again. Where hardly any row would be accepted the rest is
    left as it is, and its cells are put on the bounds when they are decoded.

    Parameters
    ----------
    table : Table
    draw : callable
        Positions of draws (b,) to new cells for them (b, D).
    n : int
    missing : Tensor (n, D), optional
        Cells that are drawn; observed ones are as they are.
    """
    index = torch.arange(n)
    cells = draw(index)
    low, high = (torch.from_numpy(ends).to(cells.device) for ends in table.number_bounds())
    index = _beyond(cells, low, high, missing)
    for _ in range(ROUNDS):
        if not len(index):
            break
        new = draw(index)
        cells.put(index.to(cells.device), new)
        left = index[_beyond(new, low, high, None if missing is None else missing[index])]
        if len(left) > MOST_REFUSED * len(index):
            break
        index = left
    return cells


def _beyond(cells: Cells, low: Tensor, high: Tensor, missing: Tensor | None) -> Tensor:
    """Positions of rows with a drawn number beyond its bounds; on the CPU."""
    beyond = (cells.values < low) | (cells.values > high)
    if cells.atoms is not None:
        beyond &= cells.atoms == 0
    beyond = beyond.cpu()
    if missing is not None:
        beyond &= missing
    return torch.nonzero(beyond.any(dim=1)).flatten()
