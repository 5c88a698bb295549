"""Draws of rows, and of missing cells given the others.

Axes: n rows, D columns, m indicators of holes.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from .._fitting import FittedDensity
from .._tables import RawTable, Table, take_rows
from ..circuit.components import Bounds, mixture
from ..circuit.passes import seeded
from . import groups
from .evidence import Evidence, seed_device

Floats = NDArray[np.float64]
Atoms = NDArray[np.int16]


def sample(density: FittedDensity, n: int, random: np.random.RandomState, device: str) -> Any:
    """Rows like the training rows, (n, D)."""
    return density.plan.table.rows(*whole_rows(density, n, random, device))


def whole_rows(
    density: FittedDensity, n: int, random: np.random.RandomState, device: str
) -> tuple[Floats, Atoms | None]:
    """Numbers and atoms of the table's columns, (n, D + m), within the bounds of the columns."""
    components, table = density.components(device), density.plan.table
    on = seed_device(components)
    cells = mixture.sample(components, n, seeded(random, on), _bounds(table, on))
    atoms = None if cells.atoms is None else cells.atoms.cpu().numpy()
    return table.layout.values(cells.values.cpu().numpy(), atoms)


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
    drawn = completed(evidence, times, random)
    return evidence.table.fill(take_rows(X, index), raw.rows(index), *drawn)


def completed(
    evidence: Evidence, times: int, random: np.random.RandomState
) -> tuple[Floats, Atoms | None]:
    """Rows with their missing cells drawn within the bounds of their columns, as `whole_rows`.

    There are n * times of them.
    """
    evidence = evidence.of_states()
    on = seed_device(evidence.components)
    bounds, generator = _bounds(evidence.table, on), seeded(random, on)
    cells = mixture.sample_conditional(
        evidence.components, evidence.cells, generator, times, bounds
    )
    return groups.completed(evidence, cells, times, random)


def _bounds(table: Table, device: torch.device) -> Bounds:
    """Those of the numbers of all columns, on a device."""
    return Bounds(*(torch.from_numpy(ends).to(device) for ends in table.number_bounds()))
