"""Leaf regions as the compiled passes read and write them: all units of a row side by side.

Axes: B rows, F leaf regions without direct ones, n scopes, m leaf regions of a scope, S statistics
of a scope, K units, N rows of packed parameters, Z rows of the matrix of values.

Scope stands after scope; in a scope the regions of the first row, then those of the second. So a
batched product writes the log densities of a block, and another one reads the flows into it,
without moving a number.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from ..native import TILE, Leaves
from .block_statistics import BlockStatistics
from .inputs import InputLayer
from .leaf_blocks import LeafBlock
from .trace import LOWEST


def unit_rows(inputs: InputLayer, packed: Tensor, statistics: BlockStatistics) -> Leaves:
    """Densities of the regions that are not direct, their maxima over units taken out."""
    n_rows, k = statistics.n_rows, inputs.n_units
    widest = max((b.shape[2] for b in inputs.blocks if not b.direct), default=0)
    # The compiled passes read whole tiles of rows: up to a tile more than there are.
    n, more = inputs.n_summed * n_rows, widest * TILE
    values = statistics.phi.new_empty((n + more, k), dtype=statistics.dtype)
    logs = statistics.phi.new_empty(n + more, dtype=torch.float64)
    values[n:], logs[n:] = 0.0, 0.0
    for block, scopes, regions in _parts(inputs, n_rows):
        h = _log_densities(inputs, block, scopes, regions, packed, statistics)
        here = slice(regions.start * n_rows, regions.stop * n_rows)
        most = h.amax(dim=1).clamp_min_(LOWEST)
        torch.sub(h.clamp_min_(LOWEST), most.unsqueeze(1), out=h)
        values[here], logs[here] = h, most
        values[here].exp_()
    return Leaves(values, logs)


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


def expected_of_rows(
    inputs: InputLayer,
    packed: Tensor,
    statistics: BlockStatistics,
    flows: Tensor,
    values: Tensor,
) -> Tensor:
    """Flow-weighted sums of statistics and counts, (N, K), float64.

    Parameters
    ----------
    packed : Tensor (N, K)
        Parameters, of which the statistics of partly seen groups depend.
    statistics : BlockStatistics
    flows : Tensor (Z, K)
        Into the regions that are not direct, as in `unit_rows`.
    values : Tensor (T, K)
        Into the values of direct regions, which are the first rows of the packed parameters.
    """
    sums = statistics.phi.new_empty(inputs.shape, dtype=torch.float64)
    n_rows = statistics.n_rows
    for block in inputs.blocks:
        if block.direct:
            into = block.of(sums)
            into.copy_(block.of(values))
            block.sum_values(into)
    for block, scopes, regions in _parts(inputs, n_rows):
        phi = statistics.of(block, scopes)
        here = flows[regions.start * n_rows : regions.stop * n_rows]
        weights = here.to(phi.dtype).view(len(phi), n_rows, -1)
        block.of(sums)[scopes] = torch.bmm(phi, weights)
    for partly in statistics.partial:
        # A group of columns is in no direct region.
        flow = flows[_rows_of(inputs, partly.regions, n_rows)[:, partly.rows]]
        partly.add(sums, *partly.completed(packed, flow.transpose(1, 2)))
    return sums


def _rows_of(inputs: InputLayer, regions: Tensor, n_rows: int) -> Tensor:
    """Where all rows of some regions stand in the matrix of values, (regions, B)."""
    scope, copy, stride = (torch.tensor(x)[regions - inputs.n_direct] for x in places(inputs))
    return (scope * n_rows + copy)[:, None] + stride[:, None] * torch.arange(n_rows)


def places(inputs: InputLayer) -> tuple[list[int], list[int], list[int]]:
    """Of each region: the regions before its scope, its place in the scope, the scope's regions."""
    scope: list[int] = []
    copy: list[int] = []
    stride: list[int] = []
    for block in inputs.blocks:
        if not block.direct:
            n, _, m = block.shape
            before = len(scope)
            scope += [before + i // m * m for i in range(n * m)]
            copy += [i % m for i in range(n * m)]
            stride += [m] * (n * m)
    return scope, copy, stride
