"""Region graphs learned from data: trees of the largest pairwise mutual information.

Axes: n rows, D columns, S one-hot slots of all columns' bins.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree

from .region_graph import RegionGraph

Floats = NDArray[np.float64]

# Rows whose one-hot slots are in memory at once.
BLOCK = 4096


def bin_columns(
    z: Floats, continuous: Sequence[bool], weights: Floats, n_bins: int = 8
) -> list[NDArray[np.intp]]:
    """Columns as bins: codes as they are, numbers by quantiles; -1 where missing.

    Parameters
    ----------
    z : ndarray (n, D)
        NaN where missing.
    continuous : sequence of bool (D,)
        Which columns hold numbers.
    weights : ndarray (n,)
    n_bins : int, default=8
        Bins of a column of numbers, at most; fewer where values tie.

    Returns
    -------
    list of ndarray (n,)
        Bins 0 to (their number - 1) of every column.
    """
    return [
        _quantile_bins(column, weights, n_bins) if real else _codes(column)
        for column, real in zip(z.T, continuous, strict=True)
    ]


def _codes(column: Floats) -> NDArray[np.intp]:
    seen = ~np.isnan(column)
    bins = np.full(len(column), -1)
    bins[seen] = np.unique(column[seen], return_inverse=True)[1]
    return bins


def _quantile_bins(column: Floats, weights: Floats, n_bins: int) -> NDArray[np.intp]:
    seen = np.flatnonzero(~np.isnan(column))
    order = seen[np.argsort(column[seen], kind="stable")]
    cumulative = np.cumsum(weights[order])
    if not len(order):
        return np.full(len(column), -1)
    shares = np.arange(1, n_bins) / n_bins * cumulative[-1]
    edges = np.unique(column[order][np.searchsorted(cumulative, shares)])
    bins = np.full(len(column), -1)
    bins[seen] = _codes(np.searchsorted(edges, column[seen], side="left").astype(float))
    return bins


def mutual_information(bins: list[NDArray[np.intp]], weights: Floats) -> Floats:
    """Mutual information of every pair of columns over the rows that show both.

    All pairs' tables of counts are one product of one-hot slots with themselves, made in
    blocks of rows.

    Parameters
    ----------
    bins : list of ndarray (n,)
        Bins of every column, -1 where missing.
    weights : ndarray (n,)

    Returns
    -------
    ndarray (D, D)
        Nats; 0 for pairs that no row shows together, and on the diagonal the entropy.
    """
    sizes = np.array([max(1, int(column.max(initial=0)) + 1) for column in bins])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    counts = _pair_counts(bins, weights, sizes, starts)
    cells = _sum_blocks(_sum_blocks(_xlogx(counts), starts, 0), starts, 1)
    # For every bin of one column, its count among rows that show the other column.
    margins = _sum_blocks(counts, starts, 1)
    of_margins = _sum_blocks(_xlogx(margins), starts, 0)
    totals = _sum_blocks(margins, starts, 0)
    information = cells - of_margins - of_margins.T + _xlogx(totals)
    information = information / np.where(totals > 0, totals, 1.0)
    return np.maximum(information, 0.0)


def _pair_counts(
    bins: list[NDArray[np.intp]], weights: Floats, sizes: NDArray, starts: NDArray
) -> Floats:
    """Weighted counts of every pair of slots, (S, S)."""
    counts = np.zeros((sizes.sum(), sizes.sum()))
    for begin in range(0, len(weights), BLOCK):
        rows = slice(begin, begin + BLOCK)
        scale = np.sqrt(weights[rows])
        slots = np.zeros((len(scale), sizes.sum()), dtype=np.float32)
        for column, start in zip(bins, starts, strict=True):
            seen = np.flatnonzero(column[rows] >= 0)
            slots[seen, start + column[rows][seen]] = scale[seen]
        # Blocks of some thousand rows keep float32 sums exact to six digits; the
        # totals over blocks are float64.
        counts += slots.T @ slots
    return counts


def _xlogx(x: Floats) -> Floats:
    return x * np.log(np.where(x > 0, x, 1.0))


def _sum_blocks(x: Floats, starts: NDArray, axis: int) -> Floats:
    return np.add.reduceat(x, starts, axis=axis)


def maximum_tree(information: Floats) -> list[tuple[int, int]]:
    """Edges (parent, child) of the tree with the most information, from its centre down.

    The centre is the column whose farthest column is nearest: it makes the circuit as
    shallow as the tree allows, so that more regions share a layer.

    Parameters
    ----------
    information : ndarray (D, D)
        Symmetric.
    """
    d = len(information)
    if d == 1:
        return []
    # scipy takes a zero for no edge and looks for the least total: turn around, shift up.
    costs = information.max() - information + 1.0
    np.fill_diagonal(costs, 0.0)
    tree = minimum_spanning_tree(costs)
    both = tree + tree.T
    centre = _centre(both)
    order, parents = breadth_first_order(both, centre, directed=False)
    return [(int(parents[v]), int(v)) for v in order[1:]]


def _centre(tree: object) -> int:
    """The middle of the longest path of a tree."""
    start, _ = breadth_first_order(tree, 0, directed=False)
    order, parents = breadth_first_order(tree, start[-1], directed=False)
    path = [order[-1]]
    while parents[path[-1]] >= 0:
        path.append(parents[path[-1]])
    return int(path[len(path) // 2])


def hidden_tree_regions(trees: Sequence[list[tuple[int, int]]], d: int) -> RegionGraph:
    """Trees of one hidden variable a column, as alternatives under one root.

    Column i's subtree is a region; it is split into the column itself and the subtrees of
    its children. In CP layers the units of a subtree are the states of i's hidden
    variable, and the sum on an edge to a child is the table p(child's state | state).

    Parameters
    ----------
    trees : sequence of list of (int, int)
        Edges (parent, child), parents first.
    d : int
        Number of columns.

    References
    ----------
    Liu and Van den Broeck, "Tractable Regularization of Probabilistic Circuits",
    NeurIPS 2021, section 5 (hidden Chow-Liu trees).
    """
    regions: list[tuple[int, ...]] = [tuple(range(d))]
    partitions: list[tuple[int, tuple[int, ...]]] = []
    for edges in trees if d > 1 else []:
        children: dict[int, list[int]] = {}
        for parent, child in edges:
            children.setdefault(parent, []).append(child)
        scopes: dict[int, list[int]] = {v: [v] for v in range(d)}
        for parent, child in reversed(edges):
            scopes[parent] = scopes[parent] + scopes[child]
        region_of = {edges[0][0]: 0}
        for _, child in edges:
            region_of[child] = len(regions)
            regions.append(tuple(scopes[child]))
        for v, below in children.items():
            regions.append((v,))
            split = (len(regions) - 1, *(region_of[c] for c in below))
            partitions.append((region_of[v], split))
    return RegionGraph(regions, partitions)


def chow_liu_tree(
    z: Floats,
    continuous: Sequence[bool],
    weights: Floats,
    n_replicas: int,
    random_state: np.random.RandomState,
    n_bins: int = 8,
) -> RegionGraph:
    """Hidden Chow-Liu trees of a table: the first of all rows, others of bootstrapped rows.

    Parameters
    ----------
    z : ndarray (n, D)
        Codes and numbers, NaN where missing.
    continuous : sequence of bool (D,)
        Which columns hold numbers.
    weights : ndarray (n,)
    n_replicas : int
        Number of trees R.
    random_state : numpy.random.RandomState
        Source of the bootstrap.
    n_bins : int, default=8
        Bins of a column of numbers.

    Returns
    -------
    RegionGraph

    References
    ----------
    Chow and Liu, "Approximating discrete probability distributions with dependence
    trees", IEEE Transactions on Information Theory 1968.
    """
    bins = bin_columns(z, continuous, weights, n_bins)
    trees = [maximum_tree(mutual_information(bins, weights))]
    for _ in range(n_replicas - 1):
        # Poisson weights are a bootstrap that treats a row of weight 2 as two rows.
        drawn = random_state.poisson(weights).astype(float)
        trees.append(maximum_tree(mutual_information(bins, drawn)))
    return hidden_tree_regions(trees, z.shape[1])
