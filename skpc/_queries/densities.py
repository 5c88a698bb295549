"""Log densities of rows, marginal densities of columns, and conditional ones.

Axes: n rows, D columns.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..circuit.components import KernelComponent, mixture
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
    evidence = evidence if columns is None else evidence.only(columns)
    scores = mixture.log_density(evidence.components, evidence.cells, dtype).cpu().numpy()
    return scores + evidence.table.log_jacobian(evidence.encoded).astype(scores.dtype)


def log_bounded(evidence: Evidence, widths: NDArray[np.float64]) -> Scores:
    """Log density of rows at a bounded resolution, (n,), which no unit and no atom can make large.

    The density of a number is its density after the column's map, times the slope of the map, or
    the probability of an atom over the width of its cell. Here slopes are at most 1 / width and
    cells at least as wide as a width.

    Parameters
    ----------
    evidence : Evidence
    widths : ndarray (D,)
        Of the columns, in their units.
    """
    scores = mixture.log_density(evidence.components, evidence.cells, torch.float64).cpu().numpy()
    slopes = evidence.table.log_slopes(evidence.encoded)
    slopes = np.minimum(slopes, -np.log(widths))
    return scores + slopes.sum(axis=1) + evidence.encoded.log_groups


def log_others(evidence: Evidence) -> Scores:
    """Log density of rows by kernels around the other rows of training, (n,), float64.

    Numbers are in standard deviations of their columns, so that a missing cell counts neither for
    nor against a row, whatever the units are. A pattern of a one-hot group that training never
    showed has its probability.

    Parameters
    ----------
    evidence : Evidence
        For a density whose one component are kernels.
    """
    (kernels,) = evidence.components
    assert isinstance(kernels, KernelComponent)
    scores: Scores = kernels.log_others(evidence.cells).cpu().numpy()
    return scores + evidence.encoded.log_groups


def log_conditional(evidence: Evidence, columns: NDArray[np.bool_], dtype: torch.dtype) -> Scores:
    """Log density of columns given the other observed cells, log p(x) - log p(others), (n,).

    Raises
    ------
    ValueError
        If a cell of these columns is missing, unless its holes are modelled; the message names
        its column and row.
    """
    _refuse_missing(evidence, columns)
    # In float32 the difference of two large log densities would lose its digits.
    joint = log_density(evidence, torch.float64)
    conditional = joint - log_density(evidence, torch.float64, ~columns)
    return conditional.astype(np.float32) if dtype == torch.float32 else conditional


def _refuse_missing(evidence: Evidence, columns: NDArray[np.bool_]) -> None:
    """Raise for a missing cell of the columns: its density would be 1 whatever the others are."""
    for j in np.flatnonzero(columns):
        raw = evidence.raw.columns[j]
        if raw.missing.any() and j not in evidence.table.holes.positions:
            raise ValueError(
                f"{raw.title} is among features and is missing in row "
                f"{np.flatnonzero(raw.missing)[0]}; a missing cell has no conditional density. "
                "Leave such rows out, or take score_samples(X) - predict_marginal(X, others), "
                "which integrates missing cells out."
            )
