"""Region graphs learned from data: trees of the largest pairwise mutual information.

Axes: n rows, D columns, S one-hot slots of all columns' bins.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree

from .region_graph import RegionGraph

Floats = NDArray[np.float64]

# Rows whose one-hot slots are in memory at once, and counts of pairs of slots.
BLOCK = 4096
CELLS = 2**25

# Spread of the logarithm of the factors that make the trees of replicas differ.
NOISE = 0.05

# Multiplications of one tree, about; tables that need more are learned from some of their rows.
BUDGET = 2e11

# Bins of a column of codes, at most: rarer codes share the last one.
MAX_CODES = 32


def bin_columns(
    z: Floats, continuous: Sequence[bool], weights: Floats, n_bins: int = 8
) -> list[NDArray[np.intp]]:
    """Columns as bins: codes by frequency, numbers by quantiles; -1 where missing.

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
    _, codes, counts = np.unique(column[seen], return_inverse=True, return_counts=True)
    by_frequency = np.argsort(np.argsort(-counts, kind="stable"), kind="stable")
    bins[seen] = np.minimum(by_frequency[codes], MAX_CODES - 1)
    return bins


def _quantile_bins(column: Floats, weights: Floats, n_bins: int) -> NDArray[np.intp]:
    seen = np.flatnonzero(~np.isnan(column))
    order = seen[np.argsort(column[seen], kind="stable")]
    cumulative = np.cumsum(weights[order])
    if not len(order):
        return np.full(len(column), -1)
    # A hair below the quantiles: rounding must not decide which of two rows is the edge.
    shares = np.arange(1, n_bins) / n_bins - 1e-9
    edges = np.unique(column[order][np.searchsorted(cumulative / cumulative[-1], shares)])
    bins = np.full(len(column), -1)
    found = np.searchsorted(edges, column[seen], side="left")
    bins[seen] = np.unique(found, return_inverse=True)[1]
    return bins


def mutual_information(bins: list[NDArray[np.intp]], weights: Floats) -> Floats:
    """Mutual information of every pair of columns over the rows that show both.

    Tables of counts of all pairs are products of one-hot slots with themselves, made in
    blocks of rows for some columns against all.

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
    starts = np.concatenate([[0], np.cumsum(sizes)])
    information = np.empty((len(bins), len(bins)))
    some = max(1, CELLS // int(starts[-1] * sizes.max()))
    for first in range(0, len(bins), some):
        last = min(first + some, len(bins))
        counts = _pair_counts(bins, weights, starts, slice(starts[first], starts[last]))
        information[first:last] = _information(
            counts, starts[first:last] - starts[first], starts[:-1]
        )
    return np.maximum(information, 0.0)


def _information(counts: Floats, mine: NDArray[np.intp], others: NDArray[np.intp]) -> Floats:
    """Mutual information from counts (slots of some, S), where their slots start, (some, D)."""
    # For every bin of one column, its count among rows that show the other column.
    of_mine = _sum_blocks(counts, others, 1)
    of_others = _sum_blocks(counts, mine, 0)
    totals = _sum_blocks(of_mine, mine, 0)
    information = (
        _sum_blocks(_sum_blocks(_xlogx(counts), mine, 0), others, 1)
        - _sum_blocks(_xlogx(of_mine), mine, 0)
        - _sum_blocks(_xlogx(of_others), others, 1)
        + _xlogx(totals)
    )
    return information / np.where(totals > 0, totals, 1.0)


def _pair_counts(
    bins: list[NDArray[np.intp]], weights: Floats, starts: NDArray[np.intp], mine: slice
) -> Floats:
    """Weighted counts of the slots `mine` with all slots, (slots of mine, S)."""
    counts = np.zeros((mine.stop - mine.start, starts[-1]))
    heaviest = max(float(weights.max()), np.finfo(float).tiny)
    for begin in range(0, len(weights), BLOCK):
        rows = slice(begin, begin + BLOCK)
        scale = np.sqrt(weights[rows] / heaviest)
        slots = np.zeros((len(scale), starts[-1]), dtype=np.float32)
        for column, start in zip(bins, starts, strict=False):
            seen = np.flatnonzero(column[rows] >= 0)
            slots[seen, start + column[rows][seen]] = scale[seen]
        # Blocks of some thousand rows keep float32 sums exact to six digits; the
        # totals over blocks are float64.
        counts += slots[:, mine].T @ slots
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
    """Hidden Chow-Liu trees of a table: the best one, and others of perturbed information.

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
        Source of the perturbations.
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
    kept = _enough_rows(bins, random_state)
    bins, weights = [column[kept] for column in bins], weights[kept]
    information = mutual_information(bins, weights)
    trees = [maximum_tree(information)]
    for _ in range(n_replicas - 1):
        # Noise and not a bootstrap: a row of weight 2 stays the same as two rows.
        noise = random_state.normal(scale=NOISE, size=information.shape)
        trees.append(maximum_tree(information * np.exp(noise + noise.T)))
    return hidden_tree_regions(trees, z.shape[1])


def _enough_rows(
    bins: list[NDArray[np.intp]], random_state: np.random.RandomState
) -> NDArray[np.intp]:
    """Rows to learn a tree from: all, or as many random ones as the budget allows."""
    n = len(bins[0])
    slots = sum(int(column.max(initial=0)) + 1 for column in bins)
    enough = max(1000, int(BUDGET // slots**2))
    return np.arange(n) if n <= enough else np.sort(random_state.choice(n, enough, replace=False))
