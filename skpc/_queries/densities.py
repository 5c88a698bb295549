"""Log densities of rows, marginal densities of columns, and conditional ones.

Axes: n rows, D columns.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from .._fitting import cells_of
from ..circuit.components import mixture
from .evidence import Evidence

Scores = NDArray[Any]


def log_density(
    evidence: Evidence, dtype: torch.dtype, columns: NDArray[np.bool_] | None = None
) -> Scores:
    """Log density in the units of the table, (n,); missing cells are integrated out.

    Parameters
    ----------
    evidence : Evidence
    dtype : torch.dtype
        Of the passes and of the scores.
    columns : ndarray (D,) of bool, optional
        Columns whose marginal density is computed; all others are integrated out.
    """
    # Integrate out all other columns: `only` leaves their cells without evidence.
    encoded = evidence.encoded if columns is None else evidence.encoded.only(columns)
    scores = mixture.log_density(evidence.components, cells_of(encoded), dtype).cpu().numpy()
    return scores + evidence.table.log_jacobian(encoded).astype(scores.dtype)


def log_conditional(evidence: Evidence, columns: NDArray[np.bool_], dtype: torch.dtype) -> Scores:
    """Log density of columns given the other observed cells, log p(x) - log p(others), (n,)."""
    # In float32 the difference of two large log densities would lose its digits.
    joint = log_density(evidence, torch.float64)
    conditional = joint - log_density(evidence, torch.float64, ~columns)
    return conditional.astype(np.float32) if dtype == torch.float32 else conditional
