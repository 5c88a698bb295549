"""One column of a training table: its type and family, and how it becomes numbers."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .piecewise import LARGEST, Shape
from .raw import RawColumn


@dataclass(frozen=True)
class Column:
    """How one column is turned into numbers.

    Attributes
    ----------
    raw : RawColumn
        Name and type of the training column, without its values.
    family : str or type
        Name of its leaf family, or the class of a user's own.
    support : str
        Values that the family models, see `circuit.leaves.Leaf`.
    shift, scale : float
        Of a column of numbers: x = shift + scale * z.
    variance : float
        Variance of which the floor of a leaf's variance is a share.
    largest : int
        Of a column of trials: their number N.
    categories : tuple
        Of a column of codes, in the order of the codes.
    shape : Shape or None
        Of a real column: its atoms and the piecewise-linear transform of its numbers, if any.
    unseen : float
        Of a column of codes, digits or trials: probability of all values that training did not
        show (above its largest, for trials); 0 where such values are refused.
    """

    raw: RawColumn
    family: Any
    support: str
    shift: float = 0.0
    scale: float = 1.0
    variance: float = 1.0
    largest: int = 0
    categories: tuple[Any, ...] = ()
    unseen: float = 0.0
    shape: Shape | None = None

    @property
    def least_variance(self) -> float:
        """Least variance of a leaf's numbers: half the grid step, squared; 0 without a grid.

        A narrower density would peak at the values of the grid, where it would be more than the
        probability of a value over the step.
        """
        return min(0.1, (0.5 * self.shape.resolution) ** 2) if self.shape else 0.0

    @property
    def is_unknown(self) -> bool:
        """Whether it is a column of categories of which training showed and declared none."""
        return self.categories == (None,)

    @property
    def family_name(self) -> str:
        """Name of the leaf family."""
        if isinstance(self.family, str):
            return self.family
        return getattr(self.family, "name", self.family.__name__)

    @property
    def n_values(self) -> int:
        """Codes, values 0 to N of trials, or atoms of a column of numbers."""
        if self.support == "trials":
            return self.largest + 1
        return len(self.shape.atoms) if self.shape else len(self.categories)


# A power of two: dividing a large number by it loses no digit.
FAR = 2.0**12


def restore(z: NDArray[np.float64], shift: Any, scale: Any) -> NDArray[np.float64]:
    """X of x = shift + scale * z, elementwise; the nearest float where x is beyond all floats."""
    with np.errstate(over="ignore"):
        x = z * scale + shift
        if not np.isinf(x).any():
            return x
        far = z * (scale / FAR) + shift / FAR
        far = np.clip(far, -LARGEST / FAR, LARGEST / FAR) * FAR
        return np.where(np.isinf(x), far, x)


def standardise(values: NDArray[np.float64], shift: Any, scale: Any) -> NDArray[np.float64]:
    """Z of x = shift + scale * z, elementwise; NaN where values are NaN and nowhere else.

    Numbers near the ends of the range of floats are further apart than any float: these are
    divided before they are subtracted. What is beyond all floats on the scale of the column is the
    largest float. An infinity or a NaN of the arithmetic's own would read as a missing cell.
    """
    with np.errstate(over="ignore"):
        distance = values - shift
        z = distance / scale
        if not np.isinf(z).any():
            return z
        z = np.where(np.isinf(distance), values / scale - shift / scale, z)
        return np.clip(z, -LARGEST, LARGEST)
