"""Leaf regions that the compiled passes do not read themselves: all units of a row side by side.

Axes: B rows, F leaf regions without direct ones, n scopes, m leaf regions of a scope, S statistics
of a scope, K units, N rows of packed parameters, Z rows of the matrix of log densities.

Scope stands after scope; in a scope the regions of the first row, then those of the second. So a
batched product writes the log densities of a block, and another one reads the flows into it,
without moving a number.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from .block_statistics import BlockStatistics
from .compiled_leaves import places
from .inputs import InputLayer
from .leaf_blocks import LeafBlock


def unit_rows(inputs: InputLayer, packed: Tensor, statistics: BlockStatistics) -> Tensor:
    """Log densities of the regions that are not direct, (Z, K); float64."""
    n_rows, k = statistics.n_rows, inputs.n_units
    logs = statistics.phi.new_empty((inputs.n_summed * n_rows, k), dtype=torch.float64)
    for block, scopes, regions in _parts(inputs, n_rows):
        here = slice(regions.start * n_rows, regions.stop * n_rows)
        logs[here] = _log_densities(inputs, block, scopes, regions, packed, statistics)
    return logs


def _parts(inputs: InputLayer, n_rows: int) -> Iterator[tuple[LeafBlock, slice, slice]]:
    """Blocks that are not direct: scopes, and their positions among regions that are not."""
    first = inputs.n_direct
    for block in inputs.blocks:
        if not block.direct:
            for scopes, regions in block.parts(n_rows, inputs.device):
                yield block, scopes, slice(regions.start - first, regions.stop - first)


def _log_densities(
    inputs: InputLayer,
    block: LeafBlock,
    scopes: slice,
    regions: slice,
    packed: Tensor,
    statistics: BlockStatistics,
) -> Tensor:
    """Log densities of some scopes of a block, (n B m, K)."""
    phi = statistics.of(block, scopes)
    theta = block.of(packed)[scopes].to(phi.dtype)
    h = torch.bmm(phi.transpose(1, 2), theta)
    by_region = h.view(len(phi), -1, block.shape[2], inputs.n_units)
    first = inputs.n_direct
    for one in statistics.partial:
        place = one.regions - first - regions.start
        here = (place >= 0) & (place < regions.stop - regions.start)
        scope, copy = place[here, None] // block.shape[2], place[here, None] % block.shape[2]
        logs = one.log_marginal(packed)[here].to(h.dtype)
        by_region[scope, one.rows, copy] += logs.transpose(1, 2)
    if statistics.inside is not None:
        inside = statistics.inside[first + regions.start : first + regions.stop]
        by_region.add_(inside.view(len(phi), block.shape[2], -1).transpose(1, 2).unsqueeze(3))
    return h.view(-1, inputs.n_units)


def add_expected(
    inputs: InputLayer,
    packed: Tensor,
    statistics: BlockStatistics,
    flows: Tensor,
    sums: Tensor,
) -> None:
    """Write flow-weighted sums of statistics and counts of these regions into those of all.

    Parameters
    ----------
    packed : Tensor (N, K)
        Parameters, of which the statistics of partly seen groups depend.
    statistics : BlockStatistics
    flows : Tensor (Z, K)
        Into the regions.
    sums : Tensor (N, K)
        float64.
    """
    n_rows = statistics.n_rows
    for block, scopes, regions in _parts(inputs, n_rows):
        phi = statistics.of(block, scopes)
        here = flows[regions.start * n_rows : regions.stop * n_rows]
        weights = here.to(phi.dtype).view(len(phi), n_rows, -1)
        block.of(sums)[scopes] = torch.bmm(phi, weights)
    for partly in statistics.partial:
        # A group of columns is in no direct region.
        flow = flows[_rows_of(inputs, partly.regions, n_rows)[:, partly.rows]]
        partly.add(sums, *partly.completed(packed, flow.transpose(1, 2)))


def _rows_of(inputs: InputLayer, regions: Tensor, n_rows: int) -> Tensor:
    """Where all rows of some regions stand in the matrix, (regions, B)."""
    scope, copy, stride = (torch.tensor(x)[regions - inputs.n_direct] for x in places(inputs))
    return (scope * n_rows + copy)[:, None] + stride[:, None] * torch.arange(n_rows)
