"""Probabilities of numbers beyond bounds, in every column by itself.

Axes: D columns, F leaf regions, K units, m incidences.
"""

import torch
from torch import Tensor

from ..passes import LeafFold
from .moments import expected_values
from .posterior import Posterior


@torch.inference_mode()
def shares_beyond(posterior: Posterior, low: Tensor, high: Tensor) -> Tensor:
    """Probability that the number of a column is below `low` or above `high`, (D,).

    Atoms are within the bounds. Bounds that are not finite are none.

    Parameters
    ----------
    posterior : Posterior
        Of one row.
    low, high : Tensor (D,)
    """
    beyond = torch.zeros_like(low)
    for fold in posterior.circuit.inputs.folds:
        bounded = fold.columns[:, 0]
        finite = low[bounded].isfinite() | high[bounded].isfinite()
        if fold.of_group is None and bool(finite.any()):
            theta, _ = fold.unpack(posterior.parameters.leaves)
            ends = torch.stack([low[bounded], high[bounded]], dim=1)[fold.group_of]
            values = _of_units(fold, theta, ends)
            beyond[bounded] = expected_values(fold, values, posterior.probabilities)[:, 0, 0]
    return beyond


def _of_units(fold: LeafFold, theta: Tensor, ends: Tensor) -> Tensor:
    """The probability in every unit, (m, 1, K), from bounds (m, 2)."""
    x = ends.unsqueeze(1)
    if fold.with_atoms is None:
        below, up_to = fold.family.cdf(x, theta).unbind(dim=2)
    else:
        # With all atoms between the bounds: above them for the first bound, below for the second.
        far = theta.new_full((len(theta), fold.family.n_atoms), torch.inf)
        below = fold.with_atoms.cdf(x[..., :1], theta, far)[..., 0]
        up_to = fold.with_atoms.cdf(x[..., 1:], theta, -far)[..., 0]
    return (below + 1 - up_to).clamp(0.0, 1.0).unsqueeze(1)
