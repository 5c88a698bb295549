"""One-hot groups of a table: those that the user names, or those that are found.

Axes: D columns.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._tables import FoundGroup, Holes, RawTable, column_position, find_groups, row_weight
from .spec import FitSpec


def choose_groups(
    spec: FitSpec, table: RawTable, weights: NDArray[np.float64], chosen: list[Any]
) -> list[FoundGroup]:
    """The groups, by `one_hot` of the estimator; those that the user names are sure.

    Parameters
    ----------
    spec : FitSpec
        With a grid, whose cells are the columns, no group is found.
    table : RawTable
    weights : ndarray (n,)
    chosen : list (D,)
        Leaf families, from `families.choose_families`.

    Raises
    ------
    ValueError
        For a group of fewer than two columns, a column in two groups, one that does not exist, and
        one whose holes are modelled.
    """
    if spec.one_hot is None:
        return []
    modelled = Holes.of(table).positions if spec.missing == "model" else ()
    if isinstance(spec.one_hot, str):
        if isinstance(spec.structure, str) and spec.structure == "poon_domingos":
            return []
        digits = [j for j, family in enumerate(chosen) if family == "bernoulli"]
        rows = weights / row_weight(weights)
        return find_groups(table, [j for j in digits if j not in modelled], rows)
    groups = sorted(_group(one, table) for one in spec.one_hot)
    named = [j for group in groups for j in group]
    for j in named:
        if named.count(j) > 1:
            raise ValueError(f"one_hot names {table.columns[j].name} twice.")
        if j in modelled:
            raise ValueError(
                f"one_hot names {table.columns[j].name}, whose holes are modelled "
                "(missing='model'); leave it out, or take missing='integrate'."
            )
    return [FoundGroup(group, True) for group in groups]


def _group(names: Any, table: RawTable) -> tuple[int, ...]:
    """Positions of the columns of one group, ascending."""
    if isinstance(names, str) or not isinstance(names, Iterable):
        raise ValueError(f"one_hot has {names!r}; lists of columns are accepted, one for a group.")
    d = len(table.columns)
    found = sorted(column_position(name, table.names, d, "one_hot") % d for name in names)
    if len(found) < 2:
        raise ValueError(f"one_hot has {names!r}; a group has two columns or more.")
    return tuple(found)


def as_setting(
    groups: Sequence[tuple[int, ...]], names: list[Any] | None
) -> list[list[Any]] | None:
    """Groups as a value of `one_hot`: by names of columns, if they have any."""
    return [[j if names is None else names[j] for j in group] for group in groups] or None
