"""Imputation of missing cells by conditional means, medians, modes or draws.

Axes: n rows, D columns.
"""

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..circuit.components import margins, mixture
from .draws import completed
from .evidence import Evidence, arrays
from .expectations import expectations
from .margins import in_units, margins_of

Floats = NDArray[np.float64]
Strategy = Literal["mean", "median", "mode", "sample"]
STRATEGIES = get_args(Strategy)


def impute(evidence: Evidence, X: Any, strategy: str, random: np.random.RandomState) -> Any:
    """A copy of X with its missing cells filled; see `EinetDensityEstimator.impute`.

    Parameters
    ----------
    evidence : Evidence
        The rows of X.
    X : array or frame (n, D)
    strategy : {"mean", "median", "mode", "sample"}
    random : numpy.random.RandomState
        For "sample".

    Raises
    ------
    ValueError
        For another strategy.
    """
    if strategy not in STRATEGIES:
        names = ", ".join(map(repr, STRATEGIES[:-1]))
        raise ValueError(f"strategy is {strategy!r}; {names} and {STRATEGIES[-1]!r} are accepted.")
    table, raw, components = evidence.table, evidence.raw, evidence.components
    if strategy == "mode":
        return table.fill(X, raw, *arrays(mixture.most_probable(components, evidence.cells)))
    if strategy == "sample":
        return table.fill(X, raw, *arrays(completed(evidence, 1, random)))
    if strategy == "median":
        return table.fill(X, raw, *_medians(evidence))
    mean, variance, codes = expectations(table, components, evidence.cells, table.n_codes())
    # In a column of zeros and ones the mean is the probability of a one: rounded, it is the mode.
    z = np.where(np.isnan(codes), np.rint(mean), codes)
    return table.fill(X, raw, z, None, table.moments(mean, variance, None)[0])


def _medians(evidence: Evidence) -> tuple[Floats, None, Floats]:
    """Codes and digits, no atoms, and medians in the units of the table, both (n, D)."""
    table = evidence.table
    holes = np.array([raw.missing.any() for raw in evidence.raw.columns])
    columns = np.flatnonzero(holes & (np.array(table.n_codes()[: len(holes)]) == 0))
    asked = margins_of(table, columns)
    answers = margins.medians(evidence.components, evidence.cells, asked, table.n_codes())
    found, z = (answer.cpu().numpy() for answer in answers)
    medians = np.full_like(z, np.nan)
    medians[:, columns] = in_units(table, columns, found)
    # The median of zeros and ones is the more probable one.
    return np.where(np.isnan(z), medians, z), None, medians
