"""The region graph that the parameters ask for.

Axes: n rows, D columns.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..circuit import RegionGraph
from ..circuit.structures import STRUCTURES, StructureSpec
from .sizes import SMALL
from .streams import Streams

# Deeper random trees cost more and were worse on wide tables: on accidents (111 columns) full
# depth reached -39.0 nats per test row, depth 3 reached -35.5 in a tenth of the time.
AUTO_DEPTH = 3

# Replicas and units of a sum region by default, of learned trees: on wide tables many small trees,
# on those of few columns, which cost less, fewer and wider ones (validation rows: diamonds gained
# 0.21 nats in the same time, adult 0.06, shoppers 0.05; plants, of 69 columns, lost 0.01 in twice
# the time). Random trees have their number, and the units of wide tables.
WIDE, FEW = (24, 12), (16, 24)
FEW_COLUMNS = 32
RANDOM_TREES = 10

# Small tables are fitted to fewer learned trees: the prior of every tree counts more there. Where
# they hold numbers alone and some hundred rows, units are many: numbers that depend on each other
# smoothly are followed piece by piece (validation rows: concrete gained 2.4 nats, airfoil 0.9,
# energy 0.6, the others nothing; tables with categories lost up to 0.2, tables of 50 or 100 rows
# some nats, and have the units of wide tables).
SMALL_TREES = 8
SMALL_SUMS_OF_NUMBERS, LEAST_ROWS_OF_NUMBERS = 32, 300

# Rows that suffice to learn a structure from.
STRUCTURE_ROWS = 100_000


def resolve_structure(structure: Any, depth: int | None, layer: str) -> tuple[Any, int | None]:
    """The structure and the depth that "auto" stands for.

    Learned trees split a region into a column and any number of subtrees, which pairs of
    units (Tucker) cannot join.
    """
    if not (isinstance(structure, str) and structure == "auto"):
        return structure, depth
    if depth is None and layer == "cp":
        return "chow_liu", None
    return "random_trees", AUTO_DEPTH if depth is None else depth


def default_sizes(structure: Any, n: int, continuous: Sequence[bool]) -> tuple[int, int]:
    """Replicas of a structure, and units of a sum region, for n rows.

    Parameters
    ----------
    structure : str, callable or RegionGraph
    n : int
    continuous : sequence of bool (D,)
        Which columns hold numbers.
    """
    if isinstance(structure, str) and structure == "random_trees":
        return RANDOM_TREES, WIDE[1]
    if n <= SMALL:
        many = n >= LEAST_ROWS_OF_NUMBERS and all(continuous)
        return SMALL_TREES, SMALL_SUMS_OF_NUMBERS if many else WIDE[1]
    learned = isinstance(structure, str) and structure == "chow_liu"
    return FEW if learned and len(continuous) <= FEW_COLUMNS else WIDE


def make_structure(
    structure: Any,
    z: NDArray[np.float64],
    numeric: list[bool],
    weights: NDArray[np.float64],
    spec: StructureSpec,
    streams: Streams,
    n_indicators: int = 0,
    n_groups: int = 0,
) -> RegionGraph:
    """The region graph that the parameters ask for.

    Parameters
    ----------
    structure : str, callable or RegionGraph
    z : ndarray (n, D + m)
        Codes and standardised numbers of the training rows, NaN where missing, and after them m
        indicators of holes.
    numeric : list of bool (D + m,)
        Which columns hold numbers.
    weights : ndarray (n,)
    spec : StructureSpec
    streams : Streams
    n_indicators : int
        m.
    n_groups : int
        One-hot groups among the D columns.

    Raises
    ------
    ValueError
        If a graph does not have the table's number of columns, or a grid is to have indicators.
    TypeError
        If a callable returns no region graph.
    """
    if n_indicators and spec.grid_shape is not None and structure == "poon_domingos":
        raise ValueError(
            f"grid_shape is {spec.grid_shape!r} and missing is 'model', which adds indicators of "
            f"the holes of {n_indicators} columns: these have no cells in the grid. Take another "
            "structure, or missing='integrate'."
        )
    if isinstance(structure, RegionGraph):
        graph = structure
    else:
        build = STRUCTURES[structure] if isinstance(structure, str) else structure
        rows = _sampled_rows(len(z), streams.of("structure rows"))
        graph = build(z[rows], numeric, weights[rows], spec, streams.of("structure"))
    if not isinstance(graph, RegionGraph):
        raise TypeError(f"structure returned {graph!r}; a RegionGraph is accepted.")
    if graph.n_variables != z.shape[1]:
        beside = f" and, after them, {n_indicators} indicators of holes" if n_indicators else ""
        together = f", its {n_groups} one-hot groups being one each" if n_groups else ""
        raise ValueError(
            f"structure covers {graph.n_variables} columns; "
            f"X has {z.shape[1] - n_indicators} columns{together}{beside}."
        )
    return graph


def _sampled_rows(n: int, random: np.random.RandomState) -> slice | NDArray[np.intp]:
    """Rows that a structure is learned from: all, or random ones of a large table."""
    if n <= STRUCTURE_ROWS:
        return slice(None)
    return np.sort(random.choice(n, STRUCTURE_ROWS, replace=False))
