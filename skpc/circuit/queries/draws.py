"""Draws of whole rows from a circuit, and of columns from chosen units.

Axes: n rows, D columns, d of a group, B rows of a block, F leaf regions, t statistics of a family.
"""

import torch
from torch import Tensor

from ..leaves import GroupLeaf, PartlyKnown
from ..passes import Cells, Circuit, Parameters, Partly, joined, partial_patterns


def sample(circuit: Circuit, parameters: Parameters, n: int, generator: torch.Generator) -> Cells:
    """Independent draws of whole rows, (n, D).

    One upward pass of an empty row serves all draws; then units are chosen from the root
    down, all rows and nodes of a layer at once.
    """
    empty = Cells.empty(1, circuit.inputs.n_columns, circuit.device)
    trace = circuit.forward(parameters, circuit.gather(empty, torch.float64), torch.float64)
    blocks = []
    for start in range(0, n, circuit.draw_rows):
        units = circuit.choose(parameters, trace, min(circuit.draw_rows, n - start), generator)
        blocks.append(draw_leaves(circuit, parameters, units, generator))
    return joined(blocks)


def draw_leaves(
    circuit: Circuit,
    parameters: Parameters,
    units: Tensor,
    generator: torch.Generator | None,
    evidence: Cells | None = None,
) -> Cells:
    """Every column drawn from its leaf regions' chosen units, or their modes.

    Parameters
    ----------
    units : Tensor (F, B)
    generator : torch.Generator or None
    evidence : Cells (B, D), optional
        Groups of which a row shows some cells are drawn given these, and cells that are known in
        part given what is known.

    Returns
    -------
    Cells (B, D)
        Observed cells are drawn too.
    """
    inputs = circuit.inputs
    drawn = Cells.empty(units.shape[1], inputs.n_columns, circuit.device, inputs.has_atoms)
    for fold in inputs.folds:
        theta, _ = fold.unpack(parameters.leaves)
        unit = units[fold.region_of]
        # In a row every group belongs to exactly one chosen leaf region.
        incidence, row = torch.nonzero(unit >= 0, as_tuple=True)
        chosen = theta[incidence, :, unit[incidence, row]].unsqueeze(2)
        values, atoms = fold.draw(chosen, generator)
        columns = fold.columns[fold.group_of[incidence]]
        if fold.of_group is not None and evidence is not None:
            cells = evidence.values[row[:, None], columns]
            _draw_hidden(fold.of_group, chosen, cells, generator, values)
        if isinstance(fold.family, PartlyKnown) and evidence is not None:
            where = columns[:, 0], row, evidence.partly
            _draw_possible(fold.family, chosen, *where, generator, values)
        drawn.values[row[:, None], columns] = values.squeeze(2)
        if drawn.atoms is not None and atoms is not None:
            drawn.atoms[row[:, None], columns] = atoms.squeeze(2)
    return drawn


def _draw_possible(
    family: PartlyKnown,
    theta: Tensor,
    columns: Tensor,
    rows: Tensor,
    partly: Partly | None,
    generator: torch.Generator | None,
    values: Tensor,
) -> None:
    """Draw codes of cells that are known in part given what is known, or take the mode; in place.

    Parameters
    ----------
    theta : Tensor (n, t, 1)
        Of the units chosen for n cells.
    columns, rows : Tensor (n,)
        Where the cells are.
    partly : Partly or None
        Of the rows.
    values : Tensor (n, 1, 1)
        Draws without evidence, of which those of these cells are replaced.
    """
    if partly is None:
        return
    for i, column in enumerate(partly.columns):
        evidence = torch.where(columns == column, partly.index[rows, i], -1)
        some = torch.nonzero(evidence >= 0)[:, 0]
        if len(some):
            likelihoods = partly.likelihoods[i][evidence[some]]
            values[some] = family.given(theta[some], likelihoods, generator)


def _draw_hidden(
    family: GroupLeaf,
    theta: Tensor,
    cells: Tensor,
    generator: torch.Generator | None,
    values: Tensor,
) -> None:
    """Draw hidden cells given the seen ones of their group, or take the mode; in place.

    Parameters
    ----------
    theta : Tensor (n, t, 1)
        Of the units chosen for n groups.
    cells : Tensor (n, d)
        NaN where hidden.
    values : Tensor (n, d, 1)
        Draws of whole groups, of which those of hidden cells are replaced.
    """
    for seen, rows in partial_patterns(~cells.isnan()):
        hidden = [i for i in range(family.n_columns) if i not in seen]
        given = (theta[rows], seen, cells[rows][:, list(seen)].unsqueeze(2))
        drawn = (
            family.mode_given(*given)
            if generator is None
            else family.sample_given(*given, generator)
        )
        values[rows[:, None], hidden] = drawn
