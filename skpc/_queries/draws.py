"""Draws of rows, and of missing cells given the others.

Axes: n rows, D columns.
"""

from typing import Any

import numpy as np

from .._fitting import FittedDensity
from .._tables import RawTable, take_rows
from ..circuit.components import mixture
from ..circuit.passes import seeded
from .evidence import Evidence, arrays, seed_device


def sample(density: FittedDensity, n: int, random: np.random.RandomState, device: str) -> Any:
    """Rows like the training rows, (n, D)."""
    components = density.components(device)
    cells = mixture.sample(components, n, seeded(random, seed_device(components)))
    return density.plan.table.rows(*arrays(cells))


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
    cells = mixture.sample_conditional(evidence.components, evidence.cells, generator, times)
    index = np.repeat(np.arange(X.shape[0]), times)
    return evidence.table.fill(take_rows(X, index), raw.rows(index), *arrays(cells))
