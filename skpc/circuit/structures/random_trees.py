"""Region graphs that need no data: random binary trees and Poon-Domingos grids."""

from collections.abc import Sequence
from math import ceil, log2

import numpy as np

from .region_graph import RegionGraph

Interval = tuple[int, int]
Box = tuple[Interval, ...]


def max_depth(n_variables: int) -> int:
    """Depth at which halving has left single columns only."""
    return ceil(log2(n_variables)) if n_variables > 1 else 0


def random_binary_trees(
    n_variables: int,
    depth: int | None,
    n_replicas: int,
    random_state: np.random.RandomState,
) -> RegionGraph:
    """Random balanced binary trees under one root, one a replica.

    Each replica shuffles the columns and halves them `depth` times.

    Parameters
    ----------
    n_variables : int
        Number of columns.
    depth : int or None
        Number of halvings D; None, or more than the columns allow: down to single columns.
    n_replicas : int
        Number of trees R.
    random_state : numpy.random.RandomState
        Source of the shuffles.

    Returns
    -------
    RegionGraph

    References
    ----------
    Peharz et al., "Random Sum-Product Networks", UAI 2019, algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> graph = random_binary_trees(4, 1, 2, np.random.RandomState(0))
    >>> len(graph.regions), len(graph.partitions)
    (5, 2)
    """
    depth = max_depth(n_variables) if depth is None else min(depth, max_depth(n_variables))
    regions: list[tuple[int, ...]] = [tuple(range(n_variables))]
    partitions: list[tuple[int, tuple[int, int]]] = []
    for _ in range(n_replicas if depth else 0):
        order = random_state.permutation(n_variables)
        open_regions = [(0, order)]
        for _ in range(depth):
            open_regions = _halve(open_regions, regions, partitions)
    return RegionGraph(regions, partitions)


def _halve(
    open_regions: list[tuple[int, np.ndarray]],
    regions: list[tuple[int, ...]],
    partitions: list[tuple[int, tuple[int, int]]],
) -> list[tuple[int, np.ndarray]]:
    """Split every region of two or more columns; append to regions and partitions."""
    children: list[tuple[int, np.ndarray]] = []
    for region, order in open_regions:
        if len(order) < 2:
            continue
        halves = np.array_split(order, 2)
        index = len(regions)
        regions.extend(tuple(half.tolist()) for half in halves)
        partitions.append((region, (index, index + 1)))
        children.extend(zip((index, index + 1), halves, strict=True))
    return children


def poon_domingos(
    grid_shape: Sequence[int],
    delta: int | Sequence[int] = 1,
) -> RegionGraph:
    """All boxes of a grid that cuts at multiples of `delta` can reach, and all such cuts.

    Every box is a region; every cut of it in two along one axis is a partition of it.
    Boxes are shared between partitions, so the graph is no tree.

    Parameters
    ----------
    grid_shape : sequence of int
        Sides of the grid; its cells in C order are the columns.
    delta : int or sequence of int, default=1
        Distance between cuts, one for all axes or one an axis.

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
        raise ValueError(f"delta must be positive, one or one an axis of {sides}, got {delta}.")
    columns = np.arange(np.prod(sides)).reshape(sides)
    root: Box = tuple((0, side) for side in sides)
    index_of: dict[Box, int] = {root: 0}
    partitions: list[tuple[int, tuple[int, int]]] = []
    waiting = [root]
    while waiting:
        box = waiting.pop()
        for pair in _cuts(box, steps):
            for part in pair:
                if part not in index_of:
                    index_of[part] = len(index_of)
                    waiting.append(part)
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
