"""Memory of the passes that is reused from one block of rows to the next."""

from math import prod

import torch
from torch import Tensor

# Numbers of the largest tensor in the passes over a block of rows: 32 MB in float32.
LARGEST = 8_000_000


class Space:
    """Memory of the largest tensors of the passes, reused from one block of rows to the next.

    Memory that is freed after a block comes as fresh pages for the next one, which may cost as
    much as the arithmetic. The next block overwrites what was written for this one, so a result
    that is kept must not be a view of it. A space belongs to one circuit and one thread, and is
    used either inside inference mode or outside, not both.
    """

    def __init__(self) -> None:
        self._kept: dict[str, Tensor] = {}

    def empty(
        self, name: str, shape: tuple[int, ...], like: Tensor, dtype: torch.dtype | None = None
    ) -> Tensor:
        """An uninitialised tensor like another; it takes the memory of the last one of its name."""
        size, dtype = prod(shape), dtype or like.dtype
        kept = self._kept.get(name)
        if kept is None or len(kept) < size or kept.dtype != dtype:
            # The old tensor is freed first, so that both are never in memory together.
            self._kept.pop(name, None)
            self._kept[name] = kept = like.new_empty(size, dtype=dtype)
        return kept[:size].view(shape)
