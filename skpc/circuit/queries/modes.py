"""Most probable codes of single cells, of a mixture of circuits.

Axes: P components, B rows of a block, D columns, F leaf regions, K units, m incidences, C codes.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..passes import LeafFold, Parameters
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
    # The folds of columns of codes are the same in all circuits; folds of numbers may differ,
    # as their floors of variance do.
    of_components = [
        [fold for fold in posterior.circuit.inputs.folds if n_codes[int(fold.columns[0, 0])]]
        for posterior in posteriors
    ]
    for folds in zip(*of_components, strict=True):
        columns = folds[0].columns[:, 0]
        candidates = folds[0].family.representatives(n_codes[int(columns[0])]).to(codes.device)
        total = codes.new_zeros((len(columns), len(candidates), len(codes)))
        for fold, posterior, share in zip(folds, posteriors, responsibilities, strict=True):
            of_units = _probabilities(fold, posterior.parameters, candidates)
            total += expected_values(fold, of_units, posterior.probabilities).mul_(share)
        codes[:, columns] = candidates[total.argmax(dim=1)].T.to(codes.dtype)
    return codes


def _probabilities(fold: LeafFold, parameters: Parameters, candidates: Tensor) -> Tensor:
    """Probability of codes (C,) in every unit of every incidence of a fold, (m, C, K)."""
    theta, minus_log_partition = fold.unpack(parameters.leaves)
    codes = candidates.to(theta.dtype)[None, None]
    logs = torch.einsum("mtk,tc->mck", theta, fold.family.statistics(codes)[0])
    logs += minus_log_partition
    if fold.family.has_base:
        logs += fold.family.log_base(codes)[0, :, None]
    return torch.exp(logs)
