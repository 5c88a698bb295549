"""Single cells and columns in the units of the table: scores of cells, cdfs and quantiles.

Axes: n rows, D columns, c of them that are asked for, Q levels of quantiles.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from .._fitting import cells_of
from .._tables import Encoded, Table
from ..circuit.components import Margin, margins
from ..circuit.queries import Pieces
from .densities import log_density
from .evidence import Evidence

Floats = NDArray[np.float64]
# Supports of which every value is a whole number.
WHOLE = ("binary", "counts", "trials")


def log_cells(evidence: Evidence) -> Floats:
    """Log density of every observed cell given the others of its row, (n, D); NaN where missing.

    A value that training did not show has its share of probability, whatever the others are. Where
    holes are modelled a hole has a score too.
    """
    table = evidence.table
    scores = margins.log_cells(evidence.components, evidence.cells).cpu().numpy()
    scores = np.where(evidence.encoded.unseen, 0.0, scores)
    scores = (scores + table.log_slopes(evidence.encoded))[:, : len(table.columns)]
    # A cell with an indicator is two numbers of the circuit: one pass for each such column.
    joint = log_density(evidence, torch.float64) if table.holes.positions else scores
    for j in table.holes.positions:
        others = np.arange(len(table.columns)) != j
        scores[:, j] = joint - log_density(evidence, torch.float64, others)
    return scores


def cdf(evidence: Evidence, columns: NDArray[np.intp]) -> Floats:
    """P(X_j <= x_j) for each of c columns given the columns that are not asked for, (n, c)."""
    table, hidden = evidence.table, _without(evidence, columns)
    asked = margins_of(table, columns)
    if not len(columns):
        return np.empty((len(evidence.raw), 0))
    values = np.column_stack([evidence.values(j) for j in columns])
    u = np.column_stack([table.standardised(j, x) for j, x in zip(columns, values.T, strict=True)])
    answers = margins.cdfs(evidence.components, cells_of(hidden), asked, torch.from_numpy(u))
    return np.where(np.isnan(values), np.nan, answers.cpu().numpy())


def quantiles(evidence: Evidence, columns: NDArray[np.intp], levels: Sequence[float]) -> Floats:
    """Quantiles of c columns given the columns that are not asked for, (n, c, Q)."""
    hidden = cells_of(_without(evidence, columns))
    asked = margins_of(evidence.table, columns)
    found = margins.quantiles(evidence.components, hidden, asked, levels)
    return in_units(evidence.table, columns, found.cpu().numpy())


def margins_of(table: Table, columns: NDArray[np.intp]) -> list[Margin]:
    """The columns as the circuits know them.

    Raises
    ------
    ValueError
        For a column of categories, which have no order.
    """
    inverses, asked = table.inverses(), []
    for j in columns.tolist():
        column, inverse = table.columns[j], inverses[j]
        if column.support == "codes":
            raise ValueError(
                f"{column.raw.title} holds categories, which have no order and so no quantiles "
                "and no cdf; columns of numbers and of zeros and ones are accepted."
            )
        pieces = None if inverse is None else Pieces(*map(torch.from_numpy, inverse))
        asked.append(Margin(j, pieces, column.support in WHOLE))
    return asked


def in_units(table: Table, columns: NDArray[np.intp], u: Floats) -> Floats:
    """Standardised values (n, c, ...) in the units of the table; atoms to the bit."""
    x = np.empty_like(u)
    for i, j in enumerate(columns.tolist()):
        x[:, i] = table.in_units(j, u[:, i])
    return x


def _without(evidence: Evidence, columns: NDArray[np.intp]) -> Encoded:
    """The rows without evidence in the columns."""
    keep = np.ones(len(evidence.table.columns), dtype=bool)
    keep[columns] = False
    return evidence.only(keep)
