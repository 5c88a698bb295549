"""One column of a training table: its type and family, and how it becomes numbers."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .grids import Grid
from .piecewise import Shape
from .raw import RawColumn, check_distinct

NO_GRID = Grid()


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
    rows : tuple of float
        Of a column of codes: rows of each category in training.
    shape : Shape or None
        Of a real column: its atoms and the piecewise-linear transform of its numbers, if any.
    unseen : float
        Of a column of codes, digits or trials: probability of all values that training did not
        show (above its largest, for trials); 0 where such values are refused.
    beyond : float
        Of a column of numbers whose training rows are all atoms: least probability that a unit
        gives to all other numbers.
    grid : Grid
        Of a real column: its grid and bounds.
    fixed : bool
        Whether the user set the bounds.
    """

    raw: RawColumn
    family: Any
    support: str
    shift: float = 0.0
    scale: float = 1.0
    variance: float = 1.0
    largest: int = 0
    categories: tuple[Any, ...] = ()
    rows: tuple[float, ...] = ()
    unseen: float = 0.0
    shape: Shape | None = None
    beyond: float = 0.0
    grid: Grid = NO_GRID
    fixed: bool = False

    def check(self) -> None:
        """Refuse fields of a file that do not agree."""
        if not (np.isfinite(self.shift) and 0 < self.scale < np.inf):
            raise ValueError(f"shift is {self.shift!r} and scale {self.scale!r}.")
        if not 0 <= self.variance < np.inf:
            raise ValueError(f"variance is {self.variance!r}; a number from 0 is accepted.")
        if not 0 <= self.largest <= 2**53:
            raise ValueError(f"largest is {self.largest}; 0 to 2**53 are accepted.")
        for name in ("unseen", "beyond"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)!r}; 0 to below 1 is accepted.")
        check_distinct("categories", self.categories)
        if (self.support == "codes") != bool(self.categories):
            raise ValueError(f"it has {len(self.categories)} categories as one of {self.support}.")
        rows = len(self.rows) == len(self.categories)
        if not (rows and all(0 <= n < np.inf for n in self.rows)):
            raise ValueError(f"rows are no {len(self.categories)} numbers from 0.")
        if self.support != "real" and (self.shape is not None or self.beyond):
            raise ValueError(f"it has the shape of a column of numbers as one of {self.support}.")

    @property
    def snapped(self) -> float:
        """Step of the grid to whose cells numbers are read, NaN without one."""
        return self.grid.step if self.shape and self.grid.step else np.nan

    @property
    def number_bounds(self) -> tuple[float, float]:
        """Least and largest number, before atoms are put in, of values within the bounds."""
        low, high = self.grid.low, self.grid.high
        if self.support != "real" or (low == high and self.shape is None):
            return -np.inf, np.inf
        ends = np.array([low - 0.5 * self.grid.step, high + 0.5 * self.grid.step])
        z = standardise(ends, self.shift, self.scale)
        if self.shape is not None:
            z = np.array([self.shape.level(u) for u in z])
        return float(z[0]), float(z[1])

    def extended(self, values: NDArray[np.float64]) -> Self:
        """The column after further rows of training (n,), NaN where missing.

        Bounds that no user set reach as far as the rows, and numbers that are no atoms are no
        longer beyond what training showed.
        """
        seen = values[~np.isnan(values)]
        if self.support != "real" or not len(seen):
            return self
        column = self if self.fixed else replace(self, grid=self.grid.extended(seen))
        if column.shape is None or not column.beyond:
            return column
        u = standardise(column.grid.nearest(seen), column.shift, column.scale)
        return column if column.shape.nearest(u)[1].all() else replace(column, beyond=0.0)

    @property
    def least_variance(self) -> float:
        """Least variance of a leaf's numbers: half the grid step, squared; 0 without a grid.

        A narrower density would peak at the values of the grid, where it would be more than the
        probability of a value over the step.
        """
        return min(0.1, (0.5 * self.shape.resolution) ** 2) if self.shape else 0.0

    def inverse(self) -> tuple[Any, Any, Any, Any] | None:
        """Breaks, intercepts and slopes of `Shape.inverse`, and the atoms, all standardised.

        Where training showed atoms alone, other numbers are where the column's mean is: a
        probability that allows for the unknown moves no moment. None without a shape.
        """
        if self.shape is None:
            return None
        if self.beyond:
            return np.zeros(0), np.zeros(1), np.zeros(1), np.array(self.shape.atoms)
        return *self.shape.inverse(), np.array(self.shape.atoms)

    @property
    def n_shown(self) -> int:
        """Of a column of codes: categories that training showed."""
        return sum(n > 0 for n in self.rows)

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


# A power of two: dividing by it, and multiplying again, loses no digit of a large number.
FAR = 2.0**12


def restore(z: NDArray[np.float64], shift: Any, scale: Any) -> NDArray[np.float64]:
    """X of x = shift + scale * z, elementwise; the nearest float where x is beyond all floats."""
    with np.errstate(over="ignore"):
        x = z * scale + shift
        if not np.isinf(x).any():
            return x
        top = np.finfo(np.float64).max / FAR
        far = np.clip(z * (scale / FAR) + shift / FAR, -top, top) * FAR
        return np.where(np.isinf(x), far, x)


def standardise(values: NDArray[np.float64], shift: Any, scale: Any) -> NDArray[np.float64]:
    """Z of x = shift + scale * z, elementwise; NaN where values are NaN and nowhere else.

    Numbers near the ends of the range of floats are further apart than any float: these are
    divided before they are subtracted. An infinity or a NaN of the arithmetic's own would read as
    a missing cell.
    """
    with np.errstate(over="ignore"):
        distance = values - shift
        if np.isinf(distance).any():
            return np.where(np.isinf(distance), values / scale - shift / scale, distance / scale)
        return distance / scale
