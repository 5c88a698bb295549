"""Missing cells filled by what the circuit expects there.

Axes: n rows, D columns.
"""

from typing import Any

import numpy as np
import torch

from .._tables.frames import RawColumn
from .._tables.table import Table
from ..circuit.components import mixture
from ..circuit.components.component import Part


def impute(
    table: Table,
    parts: list[Part],
    X: Any,
    raws: list[RawColumn],
    strategy: str,
) -> Any:
    """A copy of X with its missing cells filled; see `EinetDensityEstimator.impute`.

    Parameters
    ----------
    table : Table
    parts : list of Part
    X : array or frame (n, D)
    raws : list of RawColumn
        The columns of X.
    strategy : {"mean", "mode"}
    """
    evidence = torch.from_numpy(table.encode(raws).z)
    if strategy == "mode":
        z = mixture.most_probable(parts, evidence).cpu().numpy()
        return table.fill(X, raws, z)
    found = mixture.moments(parts, evidence, table.pieces())
    mean, variance = (f.cpu().numpy() for f in found)
    n_codes = table.n_codes()
    codes = mixture.likeliest_codes(parts, evidence, n_codes).cpu().numpy()
    # Of zeros and ones the mean is the probability of a one.
    z = np.where(np.isnan(codes), np.rint(mean), codes)
    return table.fill(X, raws, z, table.moments(mean, variance, None)[0])
