"""Members of one-hot groups: what the circuit's column of codes says of each.

Axes: n rows, D columns of the table, V of the circuit, m indicators of holes, d members of a group,
C its codes.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..circuit.components import margins
from ..circuit.passes import Cells
from .evidence import Evidence

Floats = NDArray[np.float64]


def log_codes(evidence: Evidence) -> list[Floats]:
    """Log probabilities of the codes of each group given the columns that are not its own, (n, C).

    What the rows show of a group itself is no evidence for it here; `Seen` adds that.
    """
    groups = evidence.encoded.groups
    n_codes = {evidence.encoded.first + i: len(s.group.rows) for i, s in enumerate(groups)}
    if not n_codes:
        return []
    found = margins.log_codes(evidence.components, evidence.cells, n_codes)
    return [found[v].cpu().numpy() for v in n_codes]


def put_members(evidence: Evidence, answers: Floats, of_groups: list[Floats]) -> None:
    """Write answers for the members of each group (n, d) into those of all columns, in place."""
    for seen, own in zip(evidence.encoded.groups, of_groups, strict=True):
        answers[:, list(seen.group.columns)] = own


def chances(evidence: Evidence) -> list[Floats]:
    """Probability that each member of each group is 1 given what its row shows, (n, d)."""
    pairs = zip(evidence.encoded.groups, log_codes(evidence), strict=True)
    return [seen.chances(codes) for seen, codes in pairs]


def spread(evidence: Evidence, numbers: torch.Tensor) -> Floats:
    """Answers for the circuit's columns (n, V) as of the table's (n, D + m); NaN for members."""
    groups = evidence.encoded.groups
    unknown = [np.full(seen.digits.shape, np.nan) for seen in groups]
    return evidence.table.layout.spread(numbers.cpu().numpy(), unknown)


def completed(
    evidence: Evidence, cells: Cells, times: int, random: np.random.RandomState | None
) -> tuple[Floats, NDArray[Any] | None]:
    """Whole rows (n * times, V) of the circuit as numbers and atoms of the table's columns.

    Members that a row shows are as they are. See `Seen.completed` for what randomness is for.
    """
    z = cells.values.cpu().numpy()
    atoms = None if cells.atoms is None else cells.atoms.cpu().numpy()
    encoded = evidence.encoded
    if not encoded.groups:
        return z, atoms
    index = np.repeat(np.arange(len(evidence.raw)), times)
    digits = [
        seen.rows(index).completed(z[:, encoded.first + i], random)
        for i, seen in enumerate(encoded.groups)
    ]
    return evidence.table.layout.values(z, atoms, digits)
