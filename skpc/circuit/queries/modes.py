"""Most probable codes of single cells, of a mixture of circuits.

Axes: P components, B rows of a block, D columns, F leaf regions, K units, m incidences, C codes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..passes import LeafGroup, Parameters
from .moments import expected_values
from .posterior import Posterior


def likeliest_codes(
    posteriors: Sequence[Posterior], responsibilities: Tensor, n_codes: Sequence[int]
) -> Tensor:
    """Most probable code of every cell alone, given the observed cells of its row.

    Parameters
    ----------
    posteriors : sequence of Posterior
        Of the components, P of them, given the same B rows.
    responsibilities : Tensor (P, B)
        Posterior probability of each component for every row.
    n_codes : sequence of int (D,)
        Number of codes of every column, 0 in columns that do not hold codes.

    Returns
    -------
    Tensor (B, D)
        NaN in columns that do not hold codes.
    """
    codes = torch.full_like(posteriors[0].rows.values, torch.nan)
    # The groups of columns of codes are the same in all circuits; groups of numbers may differ,
    # as their floors of variance do.
    of_components = [
        [group for group in posterior.circuit.inputs.groups if n_codes[int(group.columns[0])]]
        for posterior in posteriors
    ]
    for groups in zip(*of_components, strict=True):
        columns = groups[0].columns
        n = n_codes[int(columns[0])]
        total = codes.new_zeros((len(columns), n, len(codes)))
        for group, posterior, share in zip(groups, posteriors, responsibilities, strict=True):
            of_units = _probabilities(group, posterior.parameters, n)
            total += expected_values(group, of_units, posterior.probabilities).mul_(share)
        codes[:, columns] = total.argmax(dim=1).T.to(codes.dtype)
    return codes


def _probabilities(group: LeafGroup, parameters: Parameters, n_codes: int) -> Tensor:
    """Probability of every code in every unit of every incidence of a group, (m, C, K)."""
    theta, minus_log_partition = group.unpack(parameters.leaves)
    codes = torch.arange(n_codes, dtype=theta.dtype, device=theta.device).unsqueeze(0)
    logs = torch.einsum("mtk,tc->mck", theta, group.family.statistics(codes)[0])
    logs += minus_log_partition
    if group.family.has_base:
        logs += group.family.log_base(codes)[0, :, None]
    return torch.exp(logs)
