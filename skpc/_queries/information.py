"""Entropy, mutual information and Kullback-Leibler divergence, in nats.

Where the states of the columns can be enumerated the sums are exact; else they are means over
draws. All are of the distribution of draws, in which values that training did not show have no
share.

Axes: n rows, D columns.
"""

from dataclasses import dataclass
from math import prod, sqrt
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from .._fitting import FittedDensity
from .._tables import Column, RawTable, Table
from ..circuit.components import mixture
from .densities import log_density
from .draws import whole_rows
from .evidence import Evidence

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

# Most states that are enumerated.
MOST_STATES = 2**16


class Estimate(NamedTuple):
    """A number, and the standard error of its estimation by draws.

    Attributes
    ----------
    value : float
    standard_error : float
        0 where the number is exact.
    """

    value: float
    standard_error: float


@dataclass(frozen=True)
class Rows:
    """Rows of a density with their probabilities.

    Attributes
    ----------
    raw : RawTable (n, D)
    shares : ndarray (n,) or None
        Probabilities of all states of some columns; None: the rows are draws.
    """

    raw: RawTable
    shares: Floats | None

    def mean(self, values: Floats) -> Estimate:
        """Expectation of a function of the rows, of which the values (n,) are given."""
        if self.shares is not None:
            return Estimate(float(self.shares @ values), 0.0)
        return Estimate(float(values.mean()), float(values.std(ddof=1) / sqrt(len(values))))


def entropy(density: FittedDensity, columns: Mask, rows: Rows, device: str) -> Estimate:
    """-E[log p] of the columns of a mask (D,), by rows of `rows_for` them."""
    return rows.mean(-_log_known(_known(density, rows.raw, device), columns))


def mutual_information(
    density: FittedDensity, a: Mask, b: Mask, rows: Rows, device: str
) -> Estimate:
    """E[log p(a, b) - log p(a) - log p(b)] of two masks (D,), by rows of `rows_for` both."""
    evidence = _known(density, rows.raw, device)
    joint, first, second = (_log_known(evidence, columns) for columns in (a | b, a, b))
    return rows.mean(joint - first - second)


def kl_divergence(
    density: FittedDensity, other: FittedDensity, rows: Rows, device: str
) -> Estimate:
    """E[log p - log q] of whole rows, by rows of `rows_for` all columns of p."""
    p, q = (
        log_density(Evidence.read(one, rows.raw, device), torch.float64) for one in (density, other)
    )
    return rows.mean(p - q)


def rows_for(
    density: FittedDensity, columns: Mask, n: int, random: np.random.RandomState, device: str
) -> Rows:
    """All states of some columns where they can be enumerated, else n draws."""
    table = density.plan.table
    patterns, n_patterns = _patterns(table, columns)
    chosen = np.array([j for j in np.flatnonzero(columns) if j not in table.layout.grouped], int)
    values = np.array([_n_states(table.columns[j]) for j in chosen], int)
    # A hole, where it is modelled, is a state as well.
    counts = np.where(values, values + np.isin(chosen, table.holes.positions), 0).tolist()
    counts += n_patterns
    values = np.array([*values, *n_patterns], int)
    n_states = prod(counts)
    if not 0 < n_states <= MOST_STATES:
        return Rows(table.raw_rows(*whole_rows(density, n, random, device)), None)
    z = np.full((n_states, table.n_values), np.nan)
    states = np.indices(counts).reshape(len(counts), -1).T
    z[:, chosen] = np.where(states < values, states, np.nan)[:, : len(chosen)]
    for i, members in enumerate(patterns, len(chosen)):
        z[:, members] = states[:, [i]] == np.arange(len(members))
    raw = table.raw_rows(z, None)
    shares = np.exp(_log_known(_known(density, raw, device), columns))
    return Rows(raw, shares / shares.sum())


def _patterns(table: Table, columns: Mask) -> tuple[list[list[int]], list[int]]:
    """Members of each one-hot group that are asked for, and how many patterns they have.

    One of them is 1, or none where another one may be.
    """
    members = [[j for j in group.columns if columns[j]] for group in table.groups]
    asked = [(own, group) for own, group in zip(members, table.groups, strict=True) if own]
    counts = [len(own) + (group.has_none or len(own) < group.d) for own, group in asked]
    return [own for own, _ in asked], counts


def _known(density: FittedDensity, raw: RawTable, device: str) -> Evidence:
    """Rows of values that training showed."""
    return Evidence.read(density, raw, device).of_states()


def _n_states(column: Column) -> int:
    """Number of values that a column can have; 0 where they cannot be enumerated."""
    if column.support == "binary":
        return 2
    return column.n_values if column.support in ("codes", "trials") else 0


def _log_known(evidence: Evidence, columns: Mask) -> Floats:
    """Log density of columns, other than of values that training did not show, (n,)."""
    evidence = evidence.only(columns)
    scores = mixture.log_density(evidence.components, evidence.cells, torch.float64)
    return scores.cpu().numpy() + evidence.encoded.log_slope.sum(axis=1)
