"""Means and variances of columns given the observed cells of a row.

Axes: n rows, D columns.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from .._fitting import FittedDensity, cells_of
from .._tables import RawTable, Table
from ..circuit.components import Component, mixture
from ..circuit.passes import Cells
from ..circuit.queries import Pieces
from .evidence import Evidence

Floats = NDArray[np.float64]


def moments(density: FittedDensity, raw: RawTable | None, device: str) -> tuple[Floats, Floats]:
    """Means and variances in the units of the table, twice (n, D); (1, D) without evidence."""
    table, components = density.plan.table, density.components(device)
    if raw is None:
        cells = Cells.empty(1, len(table.modelled), torch.device("cpu"))
    else:
        cells = Evidence.read(density, raw, device).cells
    mean, variance, _ = expectations(table, components, cells)
    return table.moments(mean, variance, raw)


def hole_shares(table: Table, components: list[Component]) -> Floats:
    """Probabilities of a hole in the columns whose holes are modelled, (m,)."""
    cells = Cells.empty(1, len(table.modelled), torch.device("cpu"))
    # The mean of an indicator is the probability of a one.
    shares: Floats = expectations(table, components, cells)[0][0, len(table.columns) :]
    return shares


def likeliest(evidence: Evidence, j: int) -> NDArray[Any]:
    """Most probable values of a column of codes given the other observed cells, (n,)."""
    table = evidence.table
    others = np.arange(len(table.columns)) != j
    cells = cells_of(evidence.only(others))
    codes = expectations(table, evidence.components, cells, table.n_codes())[2]
    return table.decode_column(j, codes[:, j], None)


def expectations(
    table: Table, components: list[Component], cells: Cells, n_codes: Sequence[int] = ()
) -> tuple[Floats, Floats, Floats]:
    """Means and variances of standardised values, and most probable codes, each (n, D).

    Codes are NaN in columns without any in n_codes (D,).
    """
    pieces = [p and Pieces(*map(torch.from_numpy, p)) for p in table.inverses()]
    answers = mixture.expectations(components, cells, pieces, n_codes)
    mean, variance, codes = (answer.cpu().numpy() for answer in answers)
    return mean, variance, codes
