"""The compiled M-step of a circuit.

Axes: N rows of packed leaves, K units; sums (F, O, I) a layer.
"""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from ..native import update_sums
from .circuit import Circuit, Parameters
from .inputs import update_part


class MeanStatistics(NamedTuple):
    """Expected statistics of a mean row: leaves (N, K), and sums (F, O, I) of every layer."""

    leaves: Tensor
    sums: Sequence[Tensor]


def compiled_update(
    circuit: Circuit,
    old: Parameters,
    before: MeanStatistics | None,
    fresh: MeanStatistics,
    rate: float,
    prior: Tensor,
    share: float,
) -> tuple[MeanStatistics, Parameters]:
    """Running statistics that moved towards fresh ones, and the parameters that they make.

    Parameters
    ----------
    circuit : Circuit
        With `updates`.
    old : Parameters
        Units without counts keep them.
    before : MeanStatistics or None
        Running statistics; None: the fresh ones are theirs.
    fresh : MeanStatistics
    rate : float
        Step size.
    prior : Tensor (N, 1)
        Statistics of a pseudo-row; those of sums are alike for all inputs.
    share : float
        Pseudo-rows over rows of evidence.
    """
    assert circuit.updates is not None
    starts = (None, [None] * len(fresh.sums)) if before is None else before
    leaves, packed = circuit.updates.leaves(starts[0], fresh.leaves, rate, prior, share, old.leaves)
    if circuit.other_parts:
        smoothed = leaves + share * prior
        for family, part in circuit.other_parts:
            update_part(family, part, smoothed, old.leaves, packed)
    counts, weights = update_sums(starts[1], fresh.sums, rate, share, old.sums)
    return MeanStatistics(leaves, tuple(counts)), Parameters(packed, tuple(weights))
