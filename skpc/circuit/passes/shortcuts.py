"""Tests of numbers that save work. On the CPU they are cheap; a GPU would have to be waited for."""

from torch import Tensor


def may_fail(holds: Tensor) -> bool:
    """Whether a condition (a tensor of bool) may fail somewhere; only on the CPU it is tested."""
    return holds.is_cuda or not bool(holds.all())
