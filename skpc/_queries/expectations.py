"""Means and variances of columns given the observed cells of a row.

Axes: n rows, D columns, m indicators of holes.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from .._fitting import FittedDensity
from .._tables import RawTable
from ..circuit.components import mixture
from ..circuit.queries import Pieces
from .evidence import Evidence
from .groups import chances, put_members, spread

Floats = NDArray[np.float64]


def moments(density: FittedDensity, raw: RawTable | None, device: str) -> tuple[Floats, Floats]:
    """Means and variances in the units of the table, twice (n, D); (1, D) without evidence."""
    if raw is None:
        evidence = Evidence.nothing(density, device)
    else:
        evidence = Evidence.read(density, raw, device)
    return moments_given(evidence, raw)


def moments_given(evidence: Evidence, raw: RawTable | None = None) -> tuple[Floats, Floats]:
    """Means and variances in the units of the table given evidence, twice (n, D).

    Cells that `raw` shows have their own value as mean, without variance.
    """
    mean, variance, _ = expectations(evidence)
    put_members(evidence, mean, chances(evidence))
    for seen in evidence.encoded.groups:
        members = list(seen.group.columns)
        variance[:, members] = mean[:, members] * (1 - mean[:, members])
    return evidence.table.moments(mean, variance, raw)


def hole_shares(density: FittedDensity, device: str) -> Floats:
    """Probabilities of a hole in the columns whose holes are modelled, (m,)."""
    evidence = Evidence.nothing(density, device)
    # The mean of an indicator is the probability of a one.
    shares: Floats = expectations(evidence)[0][0, len(evidence.table.columns) :]
    return shares


def likeliest(evidence: Evidence, j: int) -> NDArray[Any]:
    """Most probable values of a column of codes given the other observed cells, (n,)."""
    codes = expectations(evidence.without(np.array([j])), with_codes=True)[2]
    return evidence.table.decode_column(j, codes[:, j], None)


def expectations(evidence: Evidence, with_codes: bool = False) -> tuple[Floats, Floats, Floats]:
    """Means and variances of standardised values, and most probable codes, each (n, D + m).

    Codes are NaN in columns that have none, and if they are not asked for. The columns of one-hot
    groups have NaN in all three.
    """
    table = evidence.table
    pieces = [p and Pieces(*map(torch.from_numpy, p)) for p in table.inverses()]
    n_codes = table.n_codes() if with_codes else ()
    answers = mixture.expectations(evidence.components, evidence.cells, pieces, n_codes)
    mean, variance, codes = (spread(evidence, answer) for answer in answers)
    return mean, variance, codes
