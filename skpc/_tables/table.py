"""Tables to the numbers that a circuit models, and back.

Axes: n rows, b rows of a block, D columns.

A column is modelled as a binary digit, as a code 0 to C - 1, as a count, as a real number
standardised to mean 0 and variance 1, as a positive number divided by the mean, or as a
number between 0 and 1. Densities are in the units of the table: a real cell contributes
-log(scale) and the log slope of its map, its term in log |det J|.

In a column of codes all values that training did not show have one probability of their own,
independent of all other columns (see `describe.unseen_share`); known codes share the rest. So it
is with values other than 0 and 1 in columns that are binary by their values, and with counts
above the largest of training; where the user declared the column so, they are refused.
"""

from dataclasses import fields, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .cells import codes_of, digits_of, numbers, numbers_within
from .columns import Column, restore
from .describe import unseen_share
from .encoded import Encoded, Reals
from .piecewise import Atoms, Shape
from .raw import RawColumn, RawTable
from .reading import container
from .supports import within
from .writing import build, column_like, with_cells

Floats = NDArray[np.float64]
# Rows whose numbers are mapped at once: intermediate results stay in the cache.
ROWS = 4096


class Table:
    """Columns of a training table.

    Parameters
    ----------
    columns : list of Column
    library : {"array", "pandas", "polars"}
        What the training table was.
    names : list of str or None
        Of a frame's columns.
    """

    def __init__(self, columns: list[Column], library: str, names: list[str] | None) -> None:
        self.columns = columns
        self._reals = Reals(columns)
        self.library = library
        self.names = names

    def state(self) -> dict[str, Any]:
        """The table as dicts, lists and numbers, for files."""
        columns = [
            {
                **{f.name: getattr(column, f.name) for f in fields(column) if f.name != "raw"},
                "categories": list(column.categories),
                "shape": column.shape and column.shape.state(),
                "raw": column.raw.state(),
            }
            for column in self.columns
        ]
        return {"columns": columns, "library": self.library, "names": self.names}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """The table from what `state` returned."""
        columns = [
            Column(
                **{
                    **column,
                    "categories": tuple(column["categories"]),
                    "shape": column["shape"] and Shape.from_state(column["shape"]),
                    "raw": RawColumn.from_state(column["raw"]),
                }
            )
            for column in state["columns"]
        ]
        return cls(columns, state["library"], state["names"])

    def with_rows(self, rows: Floats) -> "Table":
        """The same columns, with probabilities of unseen values after `rows` observed rows (D,)."""
        columns = [
            replace(column, unseen=unseen_share(n, len(column.categories) or 2))
            if column.unseen
            else column
            for column, n in zip(self.columns, rows, strict=True)
        ]
        return Table(columns, self.library, self.names)

    def encode(self, table: RawTable) -> Encoded:
        """Numbers of a table with these columns.

        Raises
        ------
        ValueError
            For infinities, text in a column of numbers, or a value that the family does not
            model, such as 2 in a binary column; the message names the column.
        """
        n, d = len(table), len(self.columns)
        z, log_slope = np.empty((n, d)), np.zeros((n, d))
        unseen = np.zeros((n, d), dtype=bool)
        atoms = np.zeros((n, d), dtype=np.int16) if self._reals.has_atoms else None
        for j, (column, raw) in enumerate(zip(self.columns, table.columns, strict=True)):
            if column.support == "codes":
                z[:, j], unseen[:, j] = codes_of(column, raw)
            elif column.support == "binary":
                z[:, j], unseen[:, j] = digits_of(column, raw)
            elif column.support == "real" and raw.values.dtype != object:
                # Only infinity could be refused here; `Reals.encode` checks all columns for it.
                z[:, j] = raw.values
            else:
                z[:, j], unseen[:, j] = numbers_within(column, raw)
        for start in range(0, n if self._reals.index else 0, ROWS):
            rows = slice(start, start + ROWS)
            block = None if atoms is None else atoms[rows]
            self._reals.encode(table.columns, z[rows], block, log_slope[rows])
        return Encoded(z, atoms, unseen, log_slope)

    def log_jacobian(self, table: Encoded) -> Floats:
        """Log Jacobian of the change of units, which a row's log density gains, (n,).

        It includes the probabilities of seen and unseen values.
        """
        total = table.log_slope.sum(axis=1)
        for j, column in enumerate(self.columns):
            if column.unseen > 0:
                total += np.log1p(-column.unseen) * ~np.isnan(table.z[:, j])
                total += np.log(column.unseen) * table.unseen[:, j]
        return total

    def decode_column(self, j: int, z: Floats, atoms: Atoms | None) -> NDArray[Any]:
        """Numbers and atoms of column j back to values, (n,)."""
        column = self.columns[j]
        if column.support == "codes":
            values = np.empty(len(column.categories), dtype=object)
            values[:] = column.categories
            return values[z.astype(np.intp)]
        if column.shape is None:
            x = restore(z, column.shift, column.scale)
            return within(x, column.raw, column.support)
        atoms = np.zeros(len(z), dtype=np.int16) if atoms is None else atoms
        x = restore(column.shape.decode(z, atoms), column.shift, column.scale)
        x[atoms > 0] = np.array(column.shape.values)[atoms[atoms > 0] - 1]
        return x

    def ordered(self, table: Encoded) -> Floats:
        """Numbers (n, D) with real columns in the order of their values, atoms included."""
        z = table.z.copy()
        for j, column in enumerate(self.columns):
            if table.atoms is not None and column.shape and column.shape.atoms:
                z[:, j] = column.shape.decode(z[:, j], table.atoms[:, j])
        return z

    @property
    def has_numbers(self) -> bool:
        """Whether a column holds anything but zeros and ones and codes."""
        return any(self.continuous)

    @property
    def continuous(self) -> list[bool]:
        """Which columns hold numbers, (D,)."""
        return [column.support not in ("binary", "codes") for column in self.columns]

    def n_codes(self) -> list[int]:
        """Number of codes of every column, 0 where it holds none, (D,)."""
        return [len(c.categories) if c.support == "codes" else 0 for c in self.columns]

    def inverses(self) -> list[tuple[Floats, Floats, Floats, Floats] | None]:
        """Standardised values of mapped columns as functions of their numbers, (D,).

        Of each column breaks, intercepts and slopes (see `Shape.inverse`) and values of atoms;
        None where a number is the standardised value itself.
        """
        shapes = [column.shape for column in self.columns]
        return [
            None if shape is None else (*shape.inverse(), np.array(shape.atoms)) for shape in shapes
        ]

    def moments(
        self, mean: Floats, variance: Floats, table: RawTable | None
    ) -> tuple[Floats, Floats]:
        """Means and variances (n, D) of numbers in the units of the table; NaN for codes.

        Observed cells of `table` have their own value as mean and the variance 0. A variance
        beyond all floats is infinite.
        """
        shift = np.array([column.shift for column in self.columns])
        scale = np.array([column.scale for column in self.columns])
        codes = np.array([column.support == "codes" for column in self.columns])
        undefined = np.where(codes, np.nan, 0.0)
        mean = restore(mean, shift, scale) + undefined
        with np.errstate(over="ignore"):
            # Not times the square of the scale, which may be infinite where the product is not.
            variance = variance * scale * scale + undefined
        for j, raw in enumerate(table.columns if table else []):
            if not codes[j]:
                mean[:, j] = np.where(raw.missing, mean[:, j], numbers(raw))
                variance[:, j] = np.where(raw.missing, variance[:, j], 0.0)
        return mean, variance

    def rows(self, z: Floats, atoms: Atoms | None) -> Any:
        """Rows like the training rows from numbers and atoms (n, D)."""
        columns = [
            column_like(column.raw, self._decoded(j, z, atoms), self.library)
            for j, column in enumerate(self.columns)
        ]
        return build(self.library, self.names, columns)

    def fill(
        self,
        X: Any,
        table: RawTable,
        z: Floats,
        atoms: Atoms | None,
        means: Floats | None = None,
    ) -> Any:
        """A copy of X with its missing cells taken from numbers and atoms (n, D).

        A column of categories of which training showed none is left as it is. Columns of numbers
        are filled with `means` (n, D), in the units of X, if there are any. Observed cells are left
        as they are.
        """
        cells = {}
        for j, raw in enumerate(table.columns):
            if raw.missing.any() and not self.columns[j].is_unknown:
                if means is None or self.columns[j].support in ("binary", "codes"):
                    values = self._like_training(j, self._decoded(j, z, atoms, raw.missing))
                else:
                    values = means[raw.missing, j]
                    values = values >= 0.5 if raw.kind == "bool" else values
                like = self._wide_enough(j, raw, values)
                cells[j] = (raw.missing, column_like(like, values, container(X)))
        return with_cells(X, cells)

    def _decoded(
        self, j: int, z: Floats, atoms: Atoms | None, rows: Any = slice(None)
    ) -> NDArray[Any]:
        """Values of column j in rows of numbers and atoms (n, D)."""
        return self.decode_column(j, z[rows, j], None if atoms is None else atoms[rows, j])

    def _wide_enough(self, j: int, raw: RawColumn, values: NDArray[Any]) -> RawColumn:
        """The type of a query's column, widened where it cannot hold the new values.

        Raises
        ------
        ValueError
            If the column has cells of another kind than in training.
        """
        trained = self.columns[j].raw
        if raw.dtype != trained.dtype and not raw.can_hold(values):
            if not raw.missing.all():
                raise ValueError(
                    f"{raw.title} has missing cells and the type {raw.dtype}; in training it had "
                    f"the type {trained.dtype}, of which the new values are."
                )
            return trained
        if raw.categories is None or set(values) <= set(raw.categories):
            return raw
        added = [c for c in self.columns[j].categories if c not in raw.categories]
        # A pandas type that says of what its categories are may not hold the new ones.
        dtype = raw.dtype.partition("[")[0]
        return replace(raw, categories=(*raw.categories, *added), dtype=dtype)

    def _like_training(self, j: int, values: NDArray[Any]) -> NDArray[Any]:
        """Values of column j, rounded or as booleans if the training column had such a type."""
        kind = self.columns[j].raw.kind
        if kind == "integer":
            # Categories of whole numbers are objects here.
            return np.rint(values.astype(np.float64))
        return values.astype(bool) if kind == "bool" else values
