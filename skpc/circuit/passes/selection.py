"""Places on the leading axis: a view where they are adjacent, one index where not."""

from collections.abc import Sequence

import torch
from torch import Tensor


class Places:
    """A fixed selection of places along tensors' leading axis.

    Parameters
    ----------
    index : sequence of int
        The rows, in order.
    device : torch.device
        Where the tensors are.
    """

    def __init__(self, index: Sequence[int], device: torch.device) -> None:
        index = list(index)
        start = index[0] if index else 0
        self.adjacent = index == list(range(start, start + len(index)))
        self.slice = slice(start, start + len(index))
        self.index = torch.tensor(index, dtype=torch.long, device=device)

    def some(self, part: slice) -> slice | Tensor:
        """Those of a part of the places."""
        if not self.adjacent:
            return self.index[part]
        first = self.slice.start
        return slice(first + part.start, min(first + part.stop, self.slice.stop))

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


# Parts of a tensor, and their places in it.
Placed = list[tuple[Places, Tensor]]


def joined(parts: Placed) -> Tensor:
    """Parts that hold every row once as one tensor."""
    first = parts[0][1]
    if len(parts) == 1:
        return first
    whole = first.new_empty((sum(len(places) for places, _ in parts), *first.shape[1:]))
    for places, part in parts:
        places.put(whole, part)
    return whole
