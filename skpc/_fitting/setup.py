"""What a fit decides before it starts: columns, families, structure.

Axes: n rows, D columns.
"""

from collections.abc import Iterable, Mapping, Sequence
from inspect import isabstract
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from .._tables.columns import Column, describe, numbers
from .._tables.frames import RawColumn, container
from .._tables.shapes import row_weight
from .._tables.supports import SUPPORTS
from .._tables.table import Table
from ..circuit import RegionGraph, chow_liu_tree, poon_domingos, random_binary_trees
from ..circuit.leaves import FAMILIES, Leaf
from ..circuit.passes.circuit import Circuit
from ..circuit.structures.random_trees import grid_steps
from .settings import SMALL

# Deeper random trees cost more and were worse on wide tables: on accidents (111 columns) full
# depth reached -39.0 nats a test row, depth 3 reached -35.5 in a tenth of the time.
AUTO_DEPTH = 3

# Replicas where none are asked for. On the tables of benchmarks/density.py more and smaller
# learned trees were better than fewer and wider ones at equal cost.
LEARNED_TREES = 24
RANDOM_TREES = 10

# Small tables are fitted to fewer learned trees: the prior of every tree counts for more there.
SMALL_TREES = 8

# Rows that suffice to learn a structure from.
STRUCTURE_ROWS = 100_000


def make_table(
    X: Any, raws: list[RawColumn], weights: NDArray[np.float64], leaf: Any, categorical: Any
) -> Table:
    """Columns of a training table with their families and scales."""
    names = list(X.columns) if container(X) != "array" else None
    mask = categorical_mask(categorical, raws, names)
    wanted = one_per_column(leaf, len(raws), names)
    chosen = families(wanted, raws, mask)
    row = row_weight(raws, weights) if "numeric" in chosen else 1.0
    columns: list[Column] = []
    for raw, family, name in zip(raws, chosen, wanted, strict=True):
        made = family_class(family)
        found, n_trials = isinstance(name, str) and name == "auto", getattr(made, "n_trials", None)
        columns.append(describe(raw, family, made.support, weights, found, n_trials, row))
    return Table(columns, container(X), names)


def categorical_mask(
    categorical: Any, raws: list[RawColumn], names: list[str] | None
) -> NDArray[np.bool_]:
    """Which columns hold categories, (D,).

    Raises
    ------
    ValueError
        If a mask has the wrong length, an index is out of range or a name is unknown.
    """
    d = len(raws)
    if isinstance(categorical, str) and categorical == "from_dtype":
        # An array of objects has no type a column: its texts must be named as categories.
        return np.array([names is not None and raw.kind == "category" for raw in raws])
    if categorical is None:
        return np.zeros(d, dtype=bool)
    return column_mask(categorical, names, d, "categorical_features")


def column_mask(wanted: Any, names: list[str] | None, d: int, argument: str) -> NDArray[np.bool_]:
    """Columns given by a mask, by positions or by names as a mask (D,)."""
    wanted = (
        list(wanted) if isinstance(wanted, Iterable) and not isinstance(wanted, str) else [wanted]
    )
    if wanted and all(isinstance(w, bool | np.bool_) for w in wanted):
        if len(wanted) != d:
            raise ValueError(f"{argument} is a mask of {len(wanted)} columns; X has {d}.")
        return np.array(wanted, dtype=bool)
    mask = np.zeros(d, dtype=bool)
    for item in wanted:
        mask[_position(item, names, d, argument)] = True
    return mask


def _position(item: Any, names: list[str] | None, d: int, argument: str) -> int:
    if isinstance(item, str):
        if names is None or item not in names:
            known = "X has no column names" if names is None else f"the columns are {names}"
            raise ValueError(f"{argument} names the column {item!r}; {known}.")
        return names.index(item)
    if not isinstance(item, int | np.integer) or not -d <= item < d:
        raise ValueError(
            f"{argument} holds {item!r}; a mask, column names or positions from {-d} to "
            f"{d - 1} are accepted."
        )
    return int(item)


def one_per_column(leaf: Any, d: int, names: list[str] | None) -> list[Any]:
    """The wanted family of every column: one for all, a list, or a dict; else "auto".

    Raises
    ------
    ValueError
        For a list of the wrong length, or a column that does not exist.
    """
    if isinstance(leaf, str | type):
        return [leaf] * d
    if isinstance(leaf, Mapping):
        wanted: list[Any] = ["auto"] * d
        for column, family in leaf.items():
            wanted[_position(column, names, d, "leaf")] = family
        return wanted
    if len(leaf) != d:
        raise ValueError(f"leaf names {len(leaf)} families; X has {d} columns.")
    return list(leaf)


def families(leaf: Any, raws: list[RawColumn], mask: NDArray[np.bool_]) -> list[Any]:
    """Every column's leaf family: its name, or the class of a user's own.

    Raises
    ------
    ValueError
        For an unknown or unfinished family or a list of the wrong length.
    """
    wanted = one_per_column(leaf, len(raws), None)
    for raw, family in zip(raws, wanted, strict=True):
        _check_family(raw, family)
    return [
        _auto_family(raw, bool(codes)) if isinstance(family, str) and family == "auto" else family
        for raw, family, codes in zip(raws, map(_by_name, wanted), mask, strict=True)
    ]


def _by_name(family: Any) -> Any:
    """The name instead of the class where it is one of skpc's own."""
    return next((name for name, known in FAMILIES.items() if known is family), family)


def _check_family(raw: RawColumn, family: Any) -> None:
    """Refuse what is neither a known name nor a complete family."""
    known = ["auto", *sorted(FAMILIES)]
    if isinstance(family, type) and issubclass(family, Leaf):
        if isabstract(family):
            missing = ", ".join(sorted(family.__abstractmethods__))
            raise ValueError(f"leaf is {family!r} for {raw.name}; it lacks {missing}.")
        supports = ["binary", "codes", "real", *sorted(SUPPORTS)]
        support = getattr(family, "support", None)
        if support not in supports:
            raise ValueError(
                f"leaf is {family!r} for {raw.name}, with the support {support!r}; "
                f"{supports} are accepted."
            )
    elif not isinstance(family, str) or family not in known:
        raise ValueError(
            f"leaf is {family!r} for {raw.name}; {known} and subclasses of "
            "skpc.circuit.leaves.Leaf are accepted."
        )


def family_class(family: Any) -> type[Leaf]:
    """The class of a family that is given by its name or as it is."""
    return FAMILIES[family] if isinstance(family, str) else family


def _auto_family(raw: RawColumn, codes: bool) -> str:
    """Categorical where told, Bernoulli for zeros and ones, else numeric.

    A float column that is constant stays numeric: whether it is a digit or a number
    that happens not to vary cannot be told.
    """
    if codes:
        return "categorical"
    if raw.kind == "bool":
        return "bernoulli"
    values = numbers(raw)
    seen = set(np.unique(values[~raw.missing][:1000]).tolist())
    if not seen <= {0.0, 1.0}:
        return "numeric"
    seen = set(np.unique(values[~raw.missing]).tolist())
    if seen == {0.0, 1.0} or (seen and seen <= {0.0, 1.0} and raw.kind == "integer"):
        return "bernoulli"
    return "numeric"


def make_leaves(table: Table, min_variance: float) -> list[Leaf]:
    """A family object a column; columns of one kind share one object."""
    made: dict[tuple[Any, int, float], Leaf] = {}
    leaves = []
    for column in table.columns:
        # Without atoms a numeric leaf is a Gaussian one, which has a statistic less.
        plain = column.family == "numeric" and not column.n_values
        family = "gaussian" if plain else column.family
        floor = max(min_variance * column.variance, column.least_variance)
        key = (family, column.n_values, floor)
        if key not in made:
            made[key] = family_class(family).for_column(column.n_values, floor)
        leaves.append(made[key])
    return leaves


def resolve_structure(structure: Any, depth: int | None, layer: str) -> tuple[Any, int | None]:
    """What "auto" stands for, and its depth.

    Learned trees split a region into a column and any number of subtrees, which pairs of
    units (Tucker) cannot join.
    """
    if not (isinstance(structure, str) and structure == "auto"):
        return structure, depth
    if depth is None and layer == "cp":
        return "chow_liu", None
    return "random_trees", AUTO_DEPTH if depth is None else depth


def make_structure(
    structure: Any,
    z: NDArray[np.float64],
    continuous: Sequence[bool],
    weights: NDArray[np.float64],
    depth: int | None,
    n_replicas: int | None,
    grid_shape: Sequence[int] | None,
    random_state: np.random.RandomState,
) -> RegionGraph:
    """The region graph that the parameters ask for.

    Parameters
    ----------
    structure : str or RegionGraph
    z : ndarray (n, D)
        Codes and standardised numbers of the training rows, NaN where missing.
    continuous : sequence of bool (D,)
        Which columns hold numbers.
    weights : ndarray (n,)
    depth, n_replicas, grid_shape
        As the estimator has them.
    random_state : numpy.random.RandomState

    Raises
    ------
    ValueError
        If a given graph or grid does not have the table's number of columns.
    """
    d = z.shape[1]
    if isinstance(structure, RegionGraph):
        if structure.n_variables != d:
            raise ValueError(
                f"structure covers {structure.n_variables} columns; X has {d} columns."
            )
        return structure
    if grid_shape is not None and structure != "poon_domingos":
        raise ValueError(f"grid_shape goes with structure='poon_domingos', not {structure!r}.")
    if structure == "poon_domingos":
        shape = (d,) if grid_shape is None else tuple(int(side) for side in grid_shape)
        if int(np.prod(shape)) != d:
            raise ValueError(f"grid_shape {shape} has {np.prod(shape)} cells; X has {d} columns.")
        return poon_domingos(shape, grid_steps(shape, depth))
    if structure == "chow_liu":
        default = LEARNED_TREES if len(z) > SMALL else SMALL_TREES
        n_trees = default if n_replicas is None else n_replicas
        return chow_liu_tree(z, continuous, weights, n_trees, random_state)
    n_trees = RANDOM_TREES if n_replicas is None else n_replicas
    return random_binary_trees(d, depth, n_trees, random_state)


def structure_rows(n: int, random_state: np.random.RandomState) -> slice | NDArray[np.intp]:
    """Rows that a structure is learned from: all, or random ones of a large table."""
    if n <= STRUCTURE_ROWS:
        return slice(None)
    return np.sort(random_state.choice(n, STRUCTURE_ROWS, replace=False))


def make_circuit(
    graph: RegionGraph, table: Table, spec: dict[str, Any], device: torch.device
) -> Circuit:
    """The circuit of a fitted model."""
    leaves = make_leaves(table, spec["min_variance"])
    return Circuit(graph, leaves, spec["layer"], spec["n_sums"], spec["n_leaves"], device)
