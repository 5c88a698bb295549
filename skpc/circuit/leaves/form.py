"""Families whose statistics are powers of a number and indicators of values.

The compiled passes read such leaves themselves, and have their M-step; of all others they are given
log densities.
"""

from dataclasses import dataclass
from typing import Literal

# What a form stands for in the passes and in the M-step.
OF_PASSES = ("n_statistics", "statistics", "log_base")
OF_M_STEP = ("n_statistics", "log_partition", "natural", "project", "reference")


@dataclass(frozen=True)
class Form:
    """What a family of one column is, where it is one of three kinds.

    Attributes
    ----------
    kind : {"codes", "binary", "numbers"}
        "codes": T are indicators of the codes 0 to n - 1, theta = log p. "binary": T = x is the
        indicator of 1, theta = logit p. "numbers": T = (z, z^2) of a number z, clipped to
        FARTHEST, and if n > 0 indicators of a number and of n - 1 atoms; theta = (m / v, -1 / 2v)
        and then log p_0 - A(m, v) and log p_i, with A = m^2 / 2v + log(v) / 2.
    n_values : int
        The n indicators.
    min_variance, min_share : float
        Floors of v and of p_0. All other shares have the floor `bernoulli.PROBABILITY_FLOOR`.
    log_base : float
        The log base measure of a number.
    """

    kind: Literal["codes", "binary", "numbers"]
    n_values: int
    min_variance: float = 0.0
    min_share: float = 0.0
    log_base: float = 0.0


def keeps(family: object, formulas: tuple[str, ...]) -> bool:
    """Whether a family has the formulas of the class that says its form.

    A subclass may have changed one and know nothing of forms.
    """
    classes = [vars(cls) for cls in type(family).__mro__]
    said = next(i for i, own in enumerate(classes) if "form" in own)
    return not any(name in own for own in classes[:said] for name in formulas)
