"""Bounds of the numbers of columns, within which rows are drawn.

Axes: n draws, b of them, D columns.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..passes import Cells

# How often rows beyond the bounds are drawn again, and the share of them beyond which that ends.
ROUNDS = 30
MOST_REFUSED = 0.9


@dataclass(frozen=True)
class Bounds:
    """Least and largest number of every column, atoms left out.

    Attributes
    ----------
    low, high : Tensor (D,)
        Infinite where a column has none.
    """

    low: Tensor
    high: Tensor

    def draw(
        self, draw: Callable[[Tensor], Cells], index: Tensor, drawn: Tensor | None = None
    ) -> Cells:
        """Draws given that every drawn cell is within the bounds, (n, D).

        Rows with a cell beyond are drawn again. Where hardly any row would be accepted the rest is
        left as it is; its cells are put on the bounds when they are decoded.

        Parameters
        ----------
        draw : callable
            What is drawn from, as many as draws (b,), to cells (b, D).
        index : Tensor (n,)
            What each draw is drawn from.
        drawn : Tensor (n, D), optional
            Cells that are drawn; the others are evidence and as they are. None: all are.
        """
        cells = draw(index)
        beyond = self._beyond(cells, drawn)
        for _ in range(ROUNDS):
            if not len(beyond):
                break
            new = draw(index[beyond])
            cells.put(beyond, new)
            left = beyond[self._beyond(new, None if drawn is None else drawn[beyond])]
            if len(left) > MOST_REFUSED * len(beyond):
                break
            beyond = left
        return cells

    def _beyond(self, cells: Cells, drawn: Tensor | None) -> Tensor:
        """Positions of rows with a drawn number beyond its bounds."""
        beyond = (cells.values < self.low) | (cells.values > self.high)
        if cells.atoms is not None:
            beyond &= cells.atoms == 0
        if drawn is not None:
            beyond &= drawn
        return torch.nonzero(beyond.any(dim=1)).flatten()
