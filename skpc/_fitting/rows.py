"""Training rows and held-out rows, on the device of a circuit.

Axes: n rows, D columns.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from .._tables import Encoded, Table
from ..circuit.passes import Cells, Partly
from ..circuit.training import Rows
from .sizes import MOST_HELD
from .spec import FitSpec

Floats = NDArray[np.float64]


def cells_of(encoded: Encoded, device: torch.device | None = None) -> Cells:
    """Encoded cells as tensors."""
    atoms = None if encoded.atoms is None else torch.from_numpy(encoded.atoms)
    cells = Cells(torch.from_numpy(encoded.values), atoms, _partly(encoded))
    return cells if device is None else cells.to(device)


def _partly(encoded: Encoded) -> Partly | None:
    """Evidence of groups of which a row shows a part."""
    if not encoded.evidence:
        return None
    columns, codes = zip(*encoded.evidence, strict=True)
    index = torch.from_numpy(np.column_stack([one.evidence for one in codes]))
    return Partly(columns, index, tuple(torch.from_numpy(one.likelihoods) for one in codes))


def make_rows(
    encoded: Encoded, log_jacobian: Floats, weights: Floats, device: torch.device
) -> Rows:
    """The table on a device, moved there once."""
    constant = float(np.average(log_jacobian, weights=weights))
    # A copy of the weights, because those of a mapped file are read-only.
    return Rows(cells_of(encoded, device), torch.tensor(weights, device=device), constant)


def choose_held(spec: FitSpec, n: int, random: np.random.RandomState) -> NDArray[np.intp]:
    """Positions of the rows that are held out of n, ascending.

    Raises
    ------
    ValueError
        If `validation_fraction` leaves no row for training or for validation.
    """
    n_held = round(spec.validation_fraction * n)
    if not spec.early_stopping:
        n_held = min(max(n_held, 1), MOST_HELD, n // 2)
    if not 0 < n_held < n:
        raise ValueError(
            f"validation_fraction {spec.validation_fraction} of n_samples = {n} leaves {n_held} "
            "for validation; training and validation need at least one row each."
        )
    return np.sort(random.permutation(n)[:n_held])


def split_rows(
    table: Table,
    encoded: Encoded,
    weights: Floats,
    device: torch.device,
    held: NDArray[np.intp] | None,
) -> tuple[Rows, Rows | None]:
    """Training rows and held-out rows.

    Parameters
    ----------
    table : Table
    encoded : Encoded
        All rows.
    weights : ndarray (n,)
    device : torch.device
    held : ndarray of int or None
        Positions of the held-out rows; None: there are none.
    """
    log_jacobian = table.log_jacobian(encoded)
    if held is None:
        return make_rows(encoded, log_jacobian, weights, device), None
    left, kept = (
        make_rows(encoded.rows(index), log_jacobian[index], weights[index], device)
        for index in (held, np.delete(np.arange(len(weights)), held))
    )
    return kept, left
