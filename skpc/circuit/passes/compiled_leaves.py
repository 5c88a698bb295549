"""What the compiled passes know of leaves: which rows and cells are whose.

Where all families have a `Form`, cells are read as they are. Else the statistics of all columns are
gathered as for torch, direct regions are read by their codes, and all others by log densities
(`unit_rows`).
"""

from collections.abc import Sequence

from ..leaves import OF_M_STEP, OF_PASSES, Form, Leaf, form_of
from ..native import Column, Entry, Group, LeafPlan, Places
from .inputs import InputLayer
from .leaf_blocks import BlockPlan


def leaf_plan(
    inputs: InputLayer,
    plans: Sequence[BlockPlan],
    families: Sequence[Leaf],
    groups: Sequence[tuple[int, ...]],
) -> LeafPlan:
    """Leaf regions as the compiled passes read them.

    Parameters
    ----------
    inputs : InputLayer
    plans : sequence of BlockPlan
        From which it was made.
    families : sequence of Leaf
        One per group.
    groups : sequence of tuple of int
        Columns of each group.
    """
    columns = [_column(*pair) for pair in zip(families, groups, strict=True)]
    read = [column for column in columns if column is not None]
    whole = len(read) == len(columns)
    direct: list[Entry] = []
    entries: list[list[Entry]] = []
    packed: list[Group] = []
    updates: list[Group] = []
    for plan, block in zip(plans, inputs.blocks, strict=True):
        _, size, m = block.shape
        for i, scope in enumerate(plan.scopes):
            row = block.rows.start + i * size * m
            of_scope = []
            for g in scope:
                place = families[g].n_statistics, row, m, plan.direct
                of_scope.append((g, _group(form_of(families[g], OF_PASSES), *place)))
                if has_m_step(families[g]):
                    updates.append(_group(form_of(families[g], OF_M_STEP), *place))
                row += (families[g].n_statistics + 1) * m
            packed += [group for _, group in of_scope if plan.direct or whole]
            of_regions = [[Entry(g, group, copy) for g, group in of_scope] for copy in range(m)]
            if plan.direct:
                direct += [entry for of_region in of_regions for entry in of_region]
            else:
                entries += of_regions if whole else [[] for _ in of_regions]
    return LeafPlan(
        shape=inputs.shape,
        n_table_rows=max((b.rows.stop for b in inputs.blocks if b.direct), default=0),
        n_cells=len(groups),
        direct=direct,
        places=places(inputs),
        groups=packed,
        entries=entries,
        columns=read if whole else [],
        updates=updates,
    )


def has_m_step(family: Leaf) -> bool:
    """Whether the M-step of a family is compiled."""
    return form_of(family, OF_M_STEP) is not None


def _group(form: Form | None, n_statistics: int, row: int, copies: int, direct: bool) -> Group:
    """The rows of a family in the regions of a scope."""
    if form is None:
        # Statistics of direct regions are indicators, whatever they are made of.
        return Group(row, copies, "codes", n_statistics, direct)
    floors = form.min_variance, form.min_share
    return Group(row, copies, form.kind, form.n_values, direct, *floors)


def _column(family: Leaf, columns: tuple[int, ...]) -> Column | None:
    """How the cells of a family are read; None where only its own formulas say that."""
    form = form_of(family, OF_PASSES)
    if form is None or family.base_inside:
        return None
    first = 1 if form.kind == "binary" else 0
    return Column(columns[0], form.kind, first, form.n_values, form.log_base)


def places(inputs: InputLayer) -> Places:
    """Where the regions that are not direct stand in the matrix of `unit_rows`."""
    scope: list[int] = []
    copy: list[int] = []
    stride: list[int] = []
    for block in inputs.blocks:
        if not block.direct:
            n, _, m = block.shape
            before = len(scope)
            scope += [before + i // m * m for i in range(n * m)]
            copy += [i % m for i in range(n * m)]
            stride += [m] * (n * m)
    return Places(scope, copy, stride)
