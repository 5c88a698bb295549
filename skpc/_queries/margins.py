"""Single cells and columns in the units of the table: scores of cells, cdfs and quantiles.

Axes: n rows, D columns, c of them that are asked for, Q levels of quantiles.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from .._tables import Table
from ..circuit.components import Margin, margins
from ..circuit.queries import Pieces
from . import groups
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
    scores = groups.spread(evidence, margins.log_cells(evidence.components, evidence.cells))
    pairs = zip(evidence.encoded.groups, groups.log_codes(evidence), strict=True)
    groups.put_members(evidence, scores, [seen.log_cells(codes) for seen, codes in pairs])
    scores = np.where(evidence.encoded.unseen, 0.0, scores[:, : len(table.columns)])
    scores = scores + table.log_slopes(evidence.encoded)
    # A cell with an indicator is two numbers of the circuit: one pass for each such column.
    joint = log_density(evidence, torch.float64) if table.holes.positions else scores
    for j in table.holes.positions:
        others = np.arange(len(table.columns)) != j
        scores[:, j] = joint - log_density(evidence, torch.float64, others)
    return scores


def log_categories(evidence: Evidence, j: int) -> Floats:
    """Log probability of every category of a column given the other observed cells, (n, C).

    They are in the order of the column's categories, and add to one: a value that training did not
    show has no share.
    """
    table = evidence.table
    v = int(table.layout.variables[j])
    n_codes = {v: table.n_codes()[v]}
    found = margins.log_codes(evidence.components, evidence.cells, n_codes)[v]
    log_shares: Floats = found.cpu().numpy()
    return log_shares


def cdf(evidence: Evidence, columns: NDArray[np.intp]) -> Floats:
    """P(X_j <= x_j) for each of c columns given the columns that are not asked for, (n, c)."""
    table, hidden = evidence.table, evidence.without(columns)
    alone, members = _apart(table, columns)
    found = np.empty((len(evidence.raw), len(columns)))
    values = np.column_stack([found[:, :0], *(evidence.values(j) for j in columns)])
    if alone.any():
        asked, own = margins_of(table, columns[alone]), values[:, alone].T
        pairs = zip(columns[alone], own, strict=True)
        u = np.column_stack([table.standardised(j, x) for j, x in pairs])
        answers = margins.cdfs(evidence.components, hidden.cells, asked, torch.from_numpy(u))
        found[:, alone] = answers.cpu().numpy()
    if members:
        x, zero = values[:, ~alone], 1 - _chances(hidden, members)
        found[:, ~alone] = np.where(x < 0, 0.0, np.where(x < 1, zero, 1.0))
    return np.where(np.isnan(values), np.nan, found)


def quantiles(evidence: Evidence, columns: NDArray[np.intp], levels: Sequence[float]) -> Floats:
    """Quantiles of c columns given the columns that are not asked for, (n, c, Q)."""
    hidden, table = evidence.without(columns), evidence.table
    alone, members = _apart(table, columns)
    found = np.empty((len(evidence.raw), len(columns), len(levels)))
    if alone.any():
        asked = margins_of(table, columns[alone])
        answers = margins.quantiles(evidence.components, hidden.cells, asked, levels)
        found[:, alone] = in_units(table, columns[alone], answers.cpu().numpy())
    if members:
        zero = 1 - _chances(hidden, members)
        found[:, ~alone] = zero[:, :, None] < np.array(levels)
    return found


def _apart(table: Table, columns: NDArray[np.intp]) -> tuple[NDArray[np.bool_], list[int]]:
    """Which of c columns are in no one-hot group, (c,), and the others."""
    members = [j for j in columns.tolist() if j in table.layout.grouped]
    return ~np.isin(columns, members), members


def _chances(evidence: Evidence, members: list[int]) -> Floats:
    """Probability of a one in c members of one-hot groups, (n, c)."""
    answers = np.empty((len(evidence.raw), len(evidence.table.columns)))
    groups.put_members(evidence, answers, groups.chances(evidence))
    return answers[:, members]


def margins_of(table: Table, columns: NDArray[np.intp]) -> list[Margin]:
    """The columns, which are in no one-hot group, as the circuits know them.

    Raises
    ------
    ValueError
        For a column of categories, which have no order.
    """
    inverses, asked = table.inverses(), []
    for j in columns.tolist():
        v = int(table.layout.variables[j])
        column, inverse = table.columns[j], inverses[v]
        if column.support == "codes":
            raise ValueError(
                f"{column.raw.title} holds categories, which have no order and so no quantiles "
                "and no cdf; columns of numbers and of zeros and ones are accepted."
            )
        pieces = None if inverse is None else Pieces(*map(torch.from_numpy, inverse))
        asked.append(Margin(v, pieces, column.support in WHOLE))
    return asked


def in_units(table: Table, columns: NDArray[np.intp], u: Floats) -> Floats:
    """Standardised values (n, c, ...) in the units of the table; atoms to the bit."""
    x = np.empty_like(u)
    for i, j in enumerate(columns.tolist()):
        x[:, i] = table.in_units(j, u[:, i])
    return x
