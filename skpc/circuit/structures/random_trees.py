"""Random binary trees: region graphs that depend on the number of columns alone."""

from math import ceil, log2

import numpy as np

from .region_graph import RegionGraph


def max_depth(n_variables: int) -> int:
    """Number of halvings after which only single columns are left."""
    return ceil(log2(n_variables)) if n_variables > 1 else 0


def random_binary_trees(
    n_variables: int,
    depth: int | None,
    n_replicas: int,
    random_state: np.random.RandomState,
) -> RegionGraph:
    """Random balanced binary trees under one root, one per replica.

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
