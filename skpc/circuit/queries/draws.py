"""Draws of whole rows from a circuit, and of columns from chosen units.

Axes: n rows, D columns, B rows of a block, F leaf regions.
"""

import torch
from torch import Tensor

from ..passes import Cells, Circuit, Parameters, joined


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
    circuit: Circuit, parameters: Parameters, units: Tensor, generator: torch.Generator | None
) -> Cells:
    """Every column drawn from its leaf regions' chosen units (F, B), or their modes, (B, D)."""
    inputs = circuit.inputs
    drawn = Cells.empty(units.shape[1], inputs.n_columns, circuit.device, inputs.has_atoms)
    for fold in inputs.folds:
        theta, _ = fold.unpack(parameters.leaves)
        unit = units[fold.region_of]
        # In a row every column belongs to exactly one chosen leaf region.
        incidence, row = torch.nonzero(unit >= 0, as_tuple=True)
        chosen = theta[incidence, :, unit[incidence, row]].unsqueeze(2)
        values, atoms = fold.draw(chosen, generator)
        column = fold.columns[fold.column_of[incidence]]
        drawn.values[row, column] = values.squeeze(1)
        if drawn.atoms is not None and atoms is not None:
            drawn.atoms[row, column] = atoms.squeeze(1)
    return drawn
