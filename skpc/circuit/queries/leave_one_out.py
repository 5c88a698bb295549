"""Log density of every observed cell given all other observed cells of its row.

With post(u) the posterior probability of unit u of the leaf regions that read a column, given the
whole row, and p_u(x) the density of the column's cell in the unit,

    1 / p(cell | other cells) = sum over u of post(u) / p_u(x),

which takes the cell back out of the evidence. One upward and one downward pass serve all columns.
The sum is of logarithms, and post(u) over the value of a leaf region is a derivative
(`Circuit.leaf_derivatives`), so a cell that is far from all units has exact answers too.

Axes: B rows, D columns, F leaf regions, K units, c groups of a fold, m incidences of a group, t
statistics.
"""

import torch
from torch import Tensor

from ..leaves import Categorical
from ..passes import BlockStatistics, Cells, Circuit, LeafFold, Parameters, Trace
from .distributions import fold_of


def log_cells(
    circuit: Circuit,
    parameters: Parameters,
    rows: Cells,
    statistics: BlockStatistics,
    logs: Tensor,
) -> Tensor:
    """Log densities of cells given the others of their row, (B, D); NaN where not evidence.

    Parameters
    ----------
    circuit : Circuit
    parameters : Parameters
    rows : Cells (B, D)
    statistics : BlockStatistics
        Of the rows.
    logs : Tensor (F, K, B)
        From `log_posteriors`.

    Raises
    ------
    NotImplementedError
        For leaves over several columns.
    """
    answers = log_bases(circuit, rows)
    for fold in circuit.inputs.folds:
        _refuse_groups(fold)
        theta, base = fold.unpack(parameters.leaves)
        for i, column in enumerate(fold.columns[:, 0].tolist()):
            mine = torch.nonzero(fold.group_of == i)[:, 0]
            leaf = log_leaves(fold, i, theta[mine], base[mine], statistics)
            own = logs[fold.region_of[mine]]
            answers[:, column] -= torch.logsumexp((own - leaf).flatten(0, 1), dim=0)
    return answers


def log_bases(circuit: Circuit, rows: Cells) -> Tensor:
    """Log h of every cell, (B, D), which is the same in all units; NaN where not evidence."""
    bases = torch.zeros_like(rows.values)
    for fold in circuit.inputs.folds:
        if fold.family.has_base:
            values, atoms, _ = fold.read(rows, incomplete=True)
            bases[:, fold.columns[:, 0]] = fold.log_base(values, atoms).T
    return bases.masked_fill_(~rows.observed, torch.nan)


def log_leaves(
    fold: LeafFold, position: int, theta: Tensor, base: Tensor, statistics: BlockStatistics
) -> Tensor:
    """Log density of a column's cells in its units; 0 where they are no evidence.

    Parameters
    ----------
    fold : LeafFold
    position : int
        Of the column among those of the fold.
    theta, base : Tensor (m, t, K) and (m, 1, K)
        Parameters and -A, A the log partition.
    statistics : BlockStatistics
        Of B rows.

    Returns
    -------
    Tensor (m, K, B)
        Without log h.
    """
    rows = statistics.phi[fold.phi].view(len(fold.columns), fold.width, -1)[position]
    return torch.matmul(torch.cat([theta, base], dim=1).transpose(1, 2), rows)


def log_codes(
    circuit: Circuit,
    parameters: Parameters,
    statistics: BlockStatistics,
    logs: Tensor,
    column: int,
) -> Tensor:
    """Log of the sum over units u of post(u) / p_u(cell) p_u(c), of every code c, (C, B).

    Parameters
    ----------
    circuit : Circuit
    parameters : Parameters
    statistics : BlockStatistics
        Of the rows.
    logs : Tensor (F, K, B)
        From `log_posteriors`.
    column : int
        Of codes.
    """
    fold, position = fold_of(circuit, column)
    theta, base = fold.unpack(parameters.leaves)
    mine = torch.nonzero(fold.group_of == position)[:, 0]
    leaf = log_leaves(fold, position, theta[mine], base[mine], statistics)
    return mixed_codes(fold, theta[mine], base[mine], logs[fold.region_of[mine]] - leaf)


def mixed_codes(fold: LeafFold, theta: Tensor, base: Tensor, logs: Tensor) -> Tensor:
    """Log of the sum over units of their shares times the probabilities of codes, (C, B).

    Parameters
    ----------
    fold : LeafFold
        Of columns of codes.
    theta, base : Tensor (m, t, K) and (m, 1, K)
        Parameters and -A, A the log partition.
    logs : Tensor (m, K, B)
        Of the shares.
    """
    assert isinstance(fold.family, Categorical)
    codes = torch.exp(fold.family.log_codes(theta) + base).transpose(0, 1).flatten(1)
    logs = logs.flatten(0, 1)
    most = logs.amax(dim=0)
    return torch.log(codes @ torch.exp(logs - most)) + most


def log_posteriors(
    circuit: Circuit, parameters: Parameters, statistics: BlockStatistics, trace: Trace
) -> Tensor:
    """Log posterior probabilities of the leaf regions' units, (F, K, B); they do not underflow."""
    logs = torch.log(circuit.leaf_derivatives(parameters, trace))
    inputs = circuit.inputs
    if inputs.n_direct:
        assert trace.direct is not None
        logs[: inputs.n_direct] += torch.log(trace.direct)
    if inputs.n_summed:
        h = inputs.log_densities(parameters.leaves, statistics)
        logs[inputs.n_direct :] += h - trace.regions[0].logs
    return logs


def _refuse_groups(fold: LeafFold) -> None:
    """Raise for a family over several columns."""
    if fold.of_group is not None:
        raise NotImplementedError(
            f"The family {fold.family.name!r} is of several columns; densities of single cells "
            "given the others are known for families of one column."
        )
