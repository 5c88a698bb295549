"""Imputation of missing cells by conditional means or by modes.

Axes: n rows, D columns.
"""

from typing import Any

import numpy as np

from ..circuit.components import mixture
from .evidence import Evidence, arrays
from .expectations import expectations


def impute(evidence: Evidence, X: Any, strategy: str) -> Any:
    """A copy of X with its missing cells filled; see `EinetDensityEstimator.impute`.

    Parameters
    ----------
    evidence : Evidence
        The rows of X.
    X : array or frame (n, D)
    strategy : {"mean", "mode"}

    Raises
    ------
    ValueError
        For another strategy.
    """
    if strategy not in ("mean", "mode"):
        raise ValueError(f"strategy is {strategy!r}; 'mean' and 'mode' are accepted.")
    table, raw = evidence.table, evidence.raw
    if strategy == "mode":
        modes = mixture.most_probable(evidence.components, evidence.cells)
        return table.fill(X, raw, *arrays(modes))
    mean, variance, codes = expectations(
        table, evidence.components, evidence.cells, table.n_codes()
    )
    # In a column of zeros and ones the mean is the probability of a one: rounded, it is the mode.
    z = np.where(np.isnan(codes), np.rint(mean), codes)
    return table.fill(X, raw, z, None, table.moments(mean, variance, None)[0])
