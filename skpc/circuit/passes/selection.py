"""Selections along the leading axis: views where positions are adjacent, else one index."""

from collections.abc import Sequence

import torch
from torch import Tensor


class Selection:
    """A fixed selection of positions along tensors' leading axis.

    Parameters
    ----------
    index : sequence of int
        The positions, in order.
    device : torch.device
        Where the tensors are.
    """

    def __init__(self, index: Sequence[int], device: torch.device) -> None:
        index = list(index)
        start = index[0] if index else 0
        self.adjacent = index == list(range(start, start + len(index)))
        self.slice = slice(start, start + len(index))
        self.index = torch.tensor(index, dtype=torch.long, device=device)

    def within(self, block: slice) -> slice | Tensor:
        """The positions of a block of the selection."""
        if not self.adjacent:
            return self.index[block]
        first = self.slice.start
        return slice(first + block.start, min(first + block.stop, self.slice.stop))

    def __len__(self) -> int:
        return len(self.index)

    def take(self, x: Tensor) -> Tensor:
        """The rows of x: a view where they are adjacent, else a copy."""
        return x[self.slice] if self.adjacent else x.index_select(0, self.index)

    def put(self, x: Tensor, value: Tensor) -> None:
        """Write value into the rows of x."""
        if self.adjacent:
            x[self.slice] = value
        else:
            x.index_copy_(0, self.index, value)

    def put_ratio(self, x: Tensor, value: Tensor, divisor: Tensor) -> None:
        """Write value over the same rows of a divisor of the shape of x into the rows of x."""
        if self.adjacent:
            torch.div(value, divisor[self.slice], out=x[self.slice])
        else:
            x.index_copy_(0, self.index, value / divisor.index_select(0, self.index))

    def add(self, x: Tensor, value: Tensor) -> None:
        """Add value to the rows of x; repeated rows receive every addend."""
        if self.adjacent:
            x[self.slice] += value
        else:
            x.index_add_(0, self.index, value)


# Tensors, each with the positions of its rows in one larger tensor.
Selected = list[tuple[Selection, Tensor]]
