"""What a user may set about a column of numbers: its grid, bounds and atoms."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, isnan
from numbers import Real
from typing import Any


@dataclass(frozen=True)
class Numeric:
    """A numeric column whose grid, bounds or atoms are set, for the parameter `leaf`.

    Parameters
    ----------
    step : float or "auto", default="auto"
        Step of the grid that the column is recorded to; 0: none. "auto": the step on which nearly
        all rows lie.
    bounds : tuple of two floats or None, or "auto", default="auto"
        Least and largest number that is drawn or imputed; None: no bound on that side. "auto":
        those of the training rows.
    atoms : sequence of float or "auto", default="auto"
        Values that have probabilities of their own. "auto": those that stand out in training.

    Raises
    ------
    ValueError
        For a step below 0, bounds in the wrong order, and values that are no finite numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from skpc import EinetDensityEstimator, Numeric
    >>> ages = np.random.RandomState(0).randint(18, 91, size=(200, 1)).astype(float)
    >>> leaf = [Numeric(step=1, bounds=(0, 120))]
    >>> model = EinetDensityEstimator(leaf=leaf, components="trees", random_state=0).fit(ages)
    >>> model.columns_[0].bounds
    (0.0, 120.0)
    """

    step: Any = "auto"
    bounds: Any = "auto"
    atoms: Any = "auto"

    def __post_init__(self) -> None:
        """Refuse what no column can have."""
        if self.step != "auto" and not (_is_number(self.step) and self.step >= 0):
            raise ValueError(f"step is {self.step!r}; 'auto' and numbers from 0 are accepted.")
        if not (isinstance(self.bounds, str) and self.bounds == "auto"):
            _check_bounds(self.bounds)
        if not (isinstance(self.atoms, str) and self.atoms == "auto"):
            _check_atoms(self.atoms)

    @property
    def known_step(self) -> float | None:
        """The step, None where it is to be found."""
        return None if isinstance(self.step, str) else float(self.step)

    @property
    def known_bounds(self) -> tuple[float, float] | None:
        """The bounds, None where they are to be found."""
        if isinstance(self.bounds, str):
            return None
        low, high = self.bounds
        return -float("inf") if low is None else float(low), (
            float("inf") if high is None else float(high)
        )

    @property
    def known_atoms(self) -> tuple[float, ...] | None:
        """The atoms, ascending; None where they are to be found."""
        if isinstance(self.atoms, str):
            return None
        return tuple(sorted({float(value) for value in self.atoms}))


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and isfinite(value)


def _check_bounds(bounds: Any) -> None:
    pair = isinstance(bounds, Sequence) and not isinstance(bounds, str) and len(bounds) == 2
    ends = [v for v in bounds if v is not None] if pair else []
    numbers = pair and all(isinstance(v, Real) and not isnan(v) for v in ends)
    if not numbers or (len(ends) == 2 and ends[0] > ends[1]):
        raise ValueError(
            f"bounds is {bounds!r}; 'auto' and (low, high) with low <= high are accepted, and None "
            "for no bound on a side."
        )


def _check_atoms(atoms: Any) -> None:
    if isinstance(atoms, str) or not all(_is_number(value) for value in atoms):
        raise ValueError(f"atoms is {atoms!r}; 'auto' and finite numbers are accepted.")
