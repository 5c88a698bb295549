"""Poon-Domingos region graphs: all boxes of a grid of columns, such as the pixels of an image."""

from collections.abc import Sequence
from math import ceil

import numpy as np

from .region_graph import RegionGraph

Interval = tuple[int, int]
Box = tuple[Interval, ...]


def poon_domingos(
    grid_shape: Sequence[int],
    delta: int | Sequence[int] = 1,
) -> RegionGraph:
    """All boxes of a grid that cuts at multiples of `delta` can reach, and all such cuts.

    Every box is a region; every cut of it in two along one axis is a partition of it.
    Partitions share boxes, so the graph is not a tree.

    Parameters
    ----------
    grid_shape : sequence of int
        Sides of the grid; its cells in C order are the columns.
    delta : int or sequence of int, default=1
        Distance between cuts, one for all axes or one per axis.

    Returns
    -------
    RegionGraph

    Raises
    ------
    ValueError
        If a side or a distance is not positive, or their numbers differ.

    References
    ----------
    Poon and Domingos, "Sum-Product Networks", UAI 2011, section 4, with the step
    `delta` of Peharz et al., "Einsum Networks", ICML 2020, section 4.2.

    Examples
    --------
    >>> graph = poon_domingos((2, 2))
    >>> len(graph.regions), len(graph.partitions)
    (9, 6)
    """
    sides = tuple(int(side) for side in grid_shape)
    steps = tuple(np.atleast_1d(delta).tolist())
    steps = steps * len(sides) if len(steps) == 1 else steps
    if not sides or min(sides) < 1:
        raise ValueError(f"grid_shape must hold positive sides, got {sides}.")
    if len(steps) != len(sides) or min(steps) < 1:
        raise ValueError(f"delta must be positive, one or one per axis of {sides}, got {delta}.")
    columns = np.arange(np.prod(sides)).reshape(sides)
    root: Box = tuple((0, side) for side in sides)
    index_of: dict[Box, int] = {root: 0}
    partitions: list[tuple[int, tuple[int, int]]] = []
    waiting = [root]
    while waiting:
        box = waiting.pop()
        for pair in _cuts(box, steps):
            for child in pair:
                if child not in index_of:
                    index_of[child] = len(index_of)
                    waiting.append(child)
            partitions.append((index_of[box], (index_of[pair[0]], index_of[pair[1]])))
    regions = [columns[tuple(slice(*side) for side in box)].ravel().tolist() for box in index_of]
    return RegionGraph(regions, partitions)


def _cuts(box: Box, steps: tuple[int, ...]) -> list[tuple[Box, Box]]:
    """All pairs of boxes that a cut at a multiple of the axis' step makes of a box."""
    pairs = []
    for axis, (start, stop) in enumerate(box):
        step = steps[axis]
        for cut in range((start // step + 1) * step, stop, step):
            low, high = list(box), list(box)
            low[axis], high[axis] = (start, cut), (cut, stop)
            pairs.append((tuple(low), tuple(high)))
    return pairs


def grid_steps(grid_shape: Sequence[int], depth: int | None) -> tuple[int, ...]:
    """Steps that cut each axis into about 2^depth pieces.

    With None: 8 pieces of one axis, 4 of each of two, 2 of each of more, because the
    number of boxes grows with the product over axes of the squared number of pieces.
    """
    pieces = 2 ** (max(1, 4 - len(grid_shape)) if depth is None else depth)
    return tuple(max(1, ceil(side / pieces)) for side in grid_shape)
