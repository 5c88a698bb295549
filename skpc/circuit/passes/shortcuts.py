"""Looking at numbers to save work: cheap on the CPU; elsewhere it would wait for the device."""

from torch import Tensor


def may_fail(holds: Tensor) -> bool:
    """Whether a condition, of bool, may not hold everywhere; on the CPU it is looked at."""
    return holds.is_cuda or not bool(holds.all())
