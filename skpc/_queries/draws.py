"""Draws of rows, and of missing cells given the others.

Axes: n rows, D columns.
"""

from typing import Any

import numpy as np
import torch

from .._fitting import FittedDensity
from .._tables import RawTable, Table, take_rows
from ..circuit.components import Bounds, mixture
from ..circuit.passes import Cells, seeded
from .evidence import Evidence, arrays, seed_device


def sample(density: FittedDensity, n: int, random: np.random.RandomState, device: str) -> Any:
    """Rows like the training rows, (n, D)."""
    return density.plan.table.rows(*arrays(whole_rows(density, n, random, device)))


def whole_rows(density: FittedDensity, n: int, random: np.random.RandomState, device: str) -> Cells:
    """Rows as the circuits have them, (n, D), within the bounds of their columns."""
    components = density.components(device)
    on = seed_device(components)
    return mixture.sample(components, n, seeded(random, on), _bounds(density.plan.table, on))


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
    index = np.repeat(np.arange(X.shape[0]), times)
    cells = completed(evidence, times, random)
    return evidence.table.fill(take_rows(X, index), raw.rows(index), *arrays(cells))


def completed(evidence: Evidence, times: int, random: np.random.RandomState) -> Cells:
    """Rows with their missing cells drawn within the bounds of their columns, (n * times, D)."""
    on = seed_device(evidence.components)
    bounds, generator = _bounds(evidence.table, on), seeded(random, on)
    return mixture.sample_conditional(evidence.components, evidence.cells, generator, times, bounds)


def _bounds(table: Table, device: torch.device) -> Bounds:
    """Those of the numbers of all columns, on a device."""
    return Bounds(*(torch.from_numpy(ends).to(device) for ends in table.number_bounds()))
