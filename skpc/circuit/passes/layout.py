"""Where groups of columns lie in the regions, in Phi and in the packed parameters."""

from collections.abc import Sequence

from ..leaves import Leaf


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


def incidences(
    regions: Sequence[Sequence[int]], widths: list[int], n_statistics: int
) -> list[tuple[int, int]]:
    """Pairs (group, its first row in the packed parameters as (F S, K)), of regions of groups."""
    pairs = []
    for i, region in enumerate(regions):
        row = i * n_statistics
        for group in region:
            pairs.append((group, row))
            row += widths[group]
    return pairs
