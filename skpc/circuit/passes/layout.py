"""Where groups of columns lie in the regions, in Phi and in the packed parameters."""

from collections.abc import Sequence

from ..leaves import Leaf
from ..structures import RegionGraph


def check_groups(
    graph: RegionGraph, families: Sequence[Leaf], groups: Sequence[tuple[int, ...]]
) -> None:
    """Refuse groups that do not share the columns of a graph out, and leaves of another width."""
    columns = sorted(column for group in groups for column in group)
    if columns != list(range(graph.n_variables)):
        raise ValueError(
            f"The region graph covers {graph.n_variables} columns, "
            f"the leaves own the columns {columns}."
        )
    for family, group in zip(families, groups, strict=True):
        if family.n_columns != len(group):
            raise ValueError(
                f"The family {family.name!r} has {family.n_columns} columns; it is given {group}."
            )


def members_of(families: Sequence[Leaf]) -> list[list[int]]:
    """Groups by family object: those that share one are a fold."""
    members: dict[int, list[int]] = {}
    for group, family in enumerate(families):
        members.setdefault(id(family), []).append(group)
    return list(members.values())


def groups_of(
    scope: Sequence[int], groups: Sequence[tuple[int, ...]], of_column: dict[int, int]
) -> list[int]:
    """Groups of a region's columns, in the order of the first columns.

    Raises
    ------
    ValueError
        Where a region holds some columns of a group and not all.
    """
    found = list(dict.fromkeys(of_column[column] for column in scope))
    for group in found:
        if not set(groups[group]) <= set(scope):
            raise ValueError(
                f"A leaf owns the columns {groups[group]}; the leaf region of the columns "
                f"{tuple(scope)} has some of them. A region has all columns of a leaf or none."
            )
    return found


def phi_starts(members: list[list[int]], widths: list[int]) -> dict[int, int]:
    """First row of every group in Phi: groups of a fold are adjacent."""
    starts, row = {}, 0
    for groups in members:
        for group in groups:
            starts[group] = row
            row += widths[group]
    return starts


def phi_index(
    scopes: Sequence[Sequence[int]], widths: list[int], starts: dict[int, int], zeros: int
) -> list[list[int]]:
    """Row of Phi of every statistic of some scopes, (n, S); unused ones point at `zeros`."""
    index = [[starts[g] + row for g in scope for row in range(widths[g])] for scope in scopes]
    n_statistics = max(len(rows) for rows in index)
    return [rows + [zeros] * (n_statistics - len(rows)) for rows in index]
