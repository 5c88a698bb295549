"""Log densities of rows.

Axes: n rows.
"""

import torch
from torch import Tensor

from ..passes import Cells, Circuit, Parameters, Space


@torch.inference_mode()
def log_density(
    circuit: Circuit, parameters: Parameters, cells: Cells, dtype: torch.dtype
) -> Tensor:
    """Log density of every row; missing cells are integrated out.

    Parameters
    ----------
    circuit : Circuit
    parameters : Parameters
    cells : Cells (n, D)
    dtype : torch.dtype
        Of the passes.

    Returns
    -------
    Tensor (n,)
    """
    typed = circuit.typed(parameters, dtype)
    space = Space()
    blocks = cells.split(circuit.rows_of_block(cells))
    scores = [circuit.log_density(typed, block, dtype, space) for block in blocks]
    return scores[0] if len(scores) == 1 else torch.cat(scores)
