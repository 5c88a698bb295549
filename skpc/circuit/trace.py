"""What a pass through a circuit leaves behind for the passes that follow.

Axes: F regions, P partitions, Q edges, K units, B rows, per level.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass
class Trace:
    """Values of the upward pass.

    Attributes
    ----------
    scaled, maxima : dict of Tensor (F, K, B) and (F, 1, B)
        By level: exp(h - m) of the regions' log values h, and m, their maximum over units.
    partitions : dict of Tensor (P, K, B)
        By level: log values of the partitions.
    edges : Tensor (Q, K, B)
        Log values of the sums on all edges of the circuit.
    sums : dict of Tensor
        By layer: linear values of its weighted sums, which divide the flows.
    root : Tensor (B,)
        Log density without log h.
    """

    edges: Tensor
    scaled: dict[int, Tensor] = field(default_factory=dict)
    maxima: dict[int, Tensor] = field(default_factory=dict)
    partitions: dict[int, Tensor] = field(default_factory=dict)
    sums: dict[int, Tensor] = field(default_factory=dict)
    root: Tensor = field(default_factory=lambda: torch.empty(0))

    def set_regions(self, level: int, h: Tensor) -> None:
        """Store the regions' log values h (F, K, B) with their maximum taken out."""
        m = h.amax(dim=1, keepdim=True)
        self.maxima[level] = m
        self.scaled[level] = torch.exp(h - m)


@dataclass
class Flow:
    """Flows of the downward pass: the share of a row's weight that passes a unit.

    Attributes
    ----------
    root : Tensor (B,)
        Weights of the rows.
    power : float
        By which the root shares a row among its partitions, see `layers.root`; 1 is exact.
    objective : Tensor (B,) or None
        What flows of another power are the gradient of, in place of the log density.
    regions, partitions : dict of Tensor (F, K, B) and (P, K, B)
        By level.
    edges : Tensor (Q, K, B)
    """

    root: Tensor
    edges: Tensor
    power: float = 1.0
    objective: Tensor | None = None
    regions: dict[int, Tensor] = field(default_factory=dict)
    partitions: dict[int, Tensor] = field(default_factory=dict)


@dataclass
class Choice:
    """Units chosen from the root down, one sub-circuit a row; -1 where not chosen.

    Attributes
    ----------
    regions, partitions : dict of Tensor (F, B) and (P, B), integer
        By level.
    edges : Tensor (Q, B), integer
    """

    edges: Tensor
    regions: dict[int, Tensor] = field(default_factory=dict)
    partitions: dict[int, Tensor] = field(default_factory=dict)

    @property
    def n_rows(self) -> int:
        """B."""
        return self.edges.shape[1]

    def none_of(self, n: int) -> Tensor:
        """(n, B) of -1."""
        return self.edges.new_full((n, self.n_rows), -1)


def pick(weights: Tensor, generator: torch.Generator) -> Tensor:
    """One index a row, with probability proportional to weights (n, I) >= 0; (n,)."""
    cumulative = weights.cumsum(dim=1)
    u = torch.rand(
        (weights.shape[0], 1),
        generator=generator,
        dtype=weights.dtype,
        device=weights.device,
    )
    # Leaving out the last cumulative weight keeps the index in range whatever rounds.
    return (u * cumulative[:, -1:] >= cumulative[:, :-1]).sum(dim=1)
