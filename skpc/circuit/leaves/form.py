"""Families whose statistics are powers of a number and indicators of values.

The compiled passes read such leaves themselves, and have their M-step; of all others they are given
log densities.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from .base import Leaf

# What a form stands for in the passes and in the M-step.
OF_PASSES = ("statistics", "log_base")
OF_M_STEP = ("log_partition", "natural", "project", "reference")


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

    @property
    def n_statistics(self) -> int:
        """The number of statistics."""
        return self.n_values + (2 if self.kind == "numbers" else 0)


def form_of(family: "Leaf", formulas: Sequence[str]) -> Form | None:
    """The form of a family, as far as it stands for some formulas; None where it does not.

    A subclass may have changed one of them and know nothing of forms.
    """
    form = family.form
    if form is None or family.n_columns > 1 or form.n_statistics != family.n_statistics:
        return None
    classes = [vars(family), *(vars(cls) for cls in type(family).__mro__)]
    said = next(i for i, own in enumerate(classes) if "form" in own)
    changed = any(name in own for own in classes[:said] for name in formulas)
    return None if changed else form
