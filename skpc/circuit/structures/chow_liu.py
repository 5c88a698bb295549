"""Hidden Chow-Liu trees: region graphs of the trees of largest mutual information.

Axes: n rows, D columns.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree

from .mutual_information import bin_columns, count_bins, mutual_information
from .region_graph import RegionGraph

Floats = NDArray[np.float64]

# A tree as its edges (parent, child), parents first.
Edges = list[tuple[int, int]]

# Spread of the logarithm of the factors that make the trees of replicas differ.
NOISE = 0.05

# Decimals to which information, in nats, is compared.
DIGITS = 6

# Multiplications that a tree may take, about; with more, it is learned from a sample of rows.
BUDGET = 2e11


def chow_liu_tree(
    z: Floats,
    continuous: Sequence[bool],
    weights: Floats,
    n_replicas: int,
    random_state: np.random.RandomState,
    n_bins: int = 8,
) -> RegionGraph:
    """Hidden Chow-Liu trees of a table: the best one, and others from perturbed information.

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
    rows = _sample_rows(bins, random_state)
    bins, weights = [column[rows] for column in bins], weights[rows]
    # On few rows many pairs are equally informative: the order of the rows, by which sums round,
    # must not decide between them.
    information = np.round(mutual_information(bins, weights), DIGITS)
    trees = [maximum_tree(information)]
    for _ in range(n_replicas - 1):
        # Noise instead of a bootstrap, in which a row of weight 2 would not be the same as two.
        noise = random_state.normal(scale=NOISE, size=information.shape)
        trees.append(maximum_tree(information * np.exp(noise + noise.T)))
    return hidden_tree_regions(trees, z.shape[1])


def _sample_rows(
    bins: list[NDArray[np.intp]], random_state: np.random.RandomState
) -> NDArray[np.intp]:
    """Rows to learn a tree from: all, or as many random ones as the budget allows."""
    n = len(bins[0])
    most = max(1000, int(BUDGET // int(count_bins(bins).sum()) ** 2))
    return np.arange(n) if n <= most else np.sort(random_state.choice(n, most, replace=False))


def maximum_tree(information: Floats) -> Edges:
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
    # scipy takes a zero for no edge and finds the smallest total: change the sign, shift up.
    costs = information.max() - information + 1.0
    np.fill_diagonal(costs, 0.0)
    tree = minimum_spanning_tree(costs)
    undirected = tree + tree.T
    order, parents = breadth_first_order(undirected, _centre(undirected), directed=False)
    return [(int(parents[v]), int(v)) for v in order[1:]]


def _centre(tree: csr_array) -> int:
    """The middle of the longest path of a tree."""
    start, _ = breadth_first_order(tree, 0, directed=False)
    order, parents = breadth_first_order(tree, start[-1], directed=False)
    path = [order[-1]]
    while parents[path[-1]] >= 0:
        path.append(parents[path[-1]])
    return int(path[len(path) // 2])


def hidden_tree_regions(trees: Sequence[Edges], d: int) -> RegionGraph:
    """Trees of one hidden variable per column, as alternatives under one root.

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
    return RegionGraph(regions, partitions, tempered=True)
