"""Tables to the numbers that a circuit models, and back.

Axes: n rows, b rows of a block, D columns.

A column is modelled as a binary digit, as a code 0 to C - 1, as a count, as a real number
standardised to mean 0 and variance 1, as a positive number divided by the mean, or as a
number between 0 and 1. Densities stay in the units of the table: a real
cell brings -log(scale), its log |det J|. A value never seen in a column of codes has a
share of its own, independent of everything else (see `_columns.unseen_share`); known codes share
the rest. So it is in columns that were found to hold zeros and ones only, and with values
above the largest count where it was found; columns that were declared so refuse other
values.
"""

from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from ..circuit.queries.piecewise import Pieces
from .columns import Column, codes_of, digits_of, numbers, numbers_within, unseen_share
from .frames import RawColumn, build, column_like, container, with_cells
from .piecewise import Maps, Shape
from .supports import within

Floats = NDArray[np.float64]
# Rows whose numbers are mapped at once: intermediate results stay in the cache.
ROWS = 4096


@dataclass(frozen=True)
class Encoded:
    """Numbers of a table.

    Attributes
    ----------
    z : ndarray (n, D)
        Digits, codes and standardised numbers; NaN where the circuit has no evidence.
    missing : ndarray (n, D) of bool
        Where the table has no value.
    unseen : ndarray (n, D) of bool
        Where it has a value that training never showed.
    log_slope : ndarray (n, D)
        Log of the slope of z along a real column's values: its part of log |det J|.
    """

    z: Floats
    missing: NDArray[np.bool_]
    unseen: NDArray[np.bool_]
    log_slope: Floats

    def only(self, keep: NDArray[np.bool_]) -> "Encoded":
        """The same table with all columns but those of the mask (D,) missing."""
        missing = self.missing | ~keep
        z = np.where(missing, np.nan, self.z)
        return Encoded(z, missing, self.unseen & keep, np.where(keep, self.log_slope, 0.0))


class Reals:
    """Columns of numbers: their scales and maps, for all of them together.

    Parameters
    ----------
    columns : list of Column
        Of the whole table.
    """

    def __init__(self, columns: list[Column]) -> None:
        found = [j for j, c in enumerate(columns) if c.support not in ("codes", "binary")]
        self.index = found
        # Without a choice of columns a block is not copied.
        self._chosen = slice(None) if len(found) == len(columns) else np.array(found)
        self._shift = np.array([columns[j].shift for j in found])
        self._scale = np.array([columns[j].scale for j in found])
        self._log_scale = np.log(self._scale)
        self._maps = Maps([columns[j].shape for j in found])

    def encode(
        self, raws: list[RawColumn], z: Floats, known: NDArray[np.bool_], log_slope: Floats
    ) -> None:
        """Standardise and map the numbers of a block of rows, in place.

        Parameters
        ----------
        raws : list of RawColumn
            Of all rows, for messages.
        z : ndarray (b, D)
            As they are in the table; NaN afterwards where not known.
        known : ndarray (b, D) of bool
        log_slope : ndarray (b, D)
            Is written to; 0 where not known.

        Raises
        ------
        ValueError
            For infinities; the message names the column.
        """
        chosen = self._chosen
        known, values = known[:, chosen], z[:, chosen]
        if (np.isinf(values) & known).any():
            for j in self.index:
                numbers(raws[j])
        u = (np.where(known, values, np.nan) - self._shift) / self._scale
        z[:, chosen], slope = self._maps.encode(u)
        log_slope[:, chosen] = np.where(known, slope - self._log_scale, 0.0)


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
        """The table that `state` was made of."""
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
        """The same columns with the unseen shares of so many observed rows each, (D,)."""
        columns = [
            replace(column, unseen=unseen_share(n, len(column.categories) or 2))
            if column.unseen
            else column
            for column, n in zip(self.columns, rows, strict=True)
        ]
        return Table(columns, self.library, self.names)

    def encode(self, raws: list[RawColumn]) -> Encoded:
        """Numbers of a table with these columns.

        Raises
        ------
        ValueError
            For infinities, text in a column of numbers, or a value that the family does not
            model, such as 2 in a binary column; the message names the column.
        """
        n, d = len(raws[0].values), len(raws)
        z = np.empty((n, d))
        missing = np.empty((n, d), dtype=bool)
        unseen = np.zeros((n, d), dtype=bool)
        log_slope = np.zeros((n, d))
        for j, (column, raw) in enumerate(zip(self.columns, raws, strict=True)):
            missing[:, j] = raw.missing
            if column.support == "codes":
                z[:, j], unseen[:, j] = codes_of(column, raw)
            elif column.support == "binary":
                z[:, j], unseen[:, j] = digits_of(column, raw)
            elif column.support == "real" and raw.values.dtype != object:
                # Nothing to read or refuse but infinity, which is looked for in all at once.
                z[:, j] = raw.values
            else:
                z[:, j], unseen[:, j] = numbers_within(column, raw)
        for start in range(0, n if len(self._reals.index) else 0, ROWS):
            rows = slice(start, start + ROWS)
            known = ~(missing[rows] | unseen[rows])
            self._reals.encode(raws, z[rows], known, log_slope[rows])
        return Encoded(z, missing, unseen, log_slope)

    def log_jacobian(self, table: Encoded) -> Floats:
        """What the change of units adds to a row's log density, (n,)."""
        total = table.log_slope.sum(axis=1)
        for j, column in enumerate(self.columns):
            if column.unseen > 0:
                known = ~(table.missing[:, j] | table.unseen[:, j])
                total += np.log1p(-column.unseen) * known
                total += np.log(column.unseen) * table.unseen[:, j]
        return total

    def decode_column(self, j: int, z: Floats) -> NDArray[Any]:
        """Numbers of column j back to values, (n,)."""
        column = self.columns[j]
        if column.support == "codes":
            values = np.empty(len(column.categories), dtype=object)
            values[:] = column.categories
            return values[z.astype(np.intp)]
        if column.shape is None:
            return within(z * column.scale + column.shift, column.raw, column.support)
        atom, u = column.shape.decode(z)
        x = u * column.scale + column.shift
        x[atom >= 0] = np.array(column.shape.values)[atom[atom >= 0]]
        return x

    def ordered(self, z: Floats) -> Floats:
        """Numbers (n, D) with real columns in the order of their values, atoms included."""
        z = z.copy()
        for j, column in enumerate(self.columns):
            if column.shape and column.shape.atoms:
                z[:, j] = column.shape.decode(z[:, j])[1]
        return z

    def n_codes(self) -> list[int]:
        """Number of codes of every column, 0 where it holds none, (D,)."""
        return [len(c.categories) if c.support == "codes" else 0 for c in self.columns]

    def pieces(self) -> list[Pieces | None]:
        """Standardised values of mapped columns as functions of their numbers, (D,)."""
        shapes = [column.shape for column in self.columns]
        return [
            Pieces(*map(torch.from_numpy, (*shape.inverse(), np.array(shape.atoms))))
            if shape
            else None
            for shape in shapes
        ]

    def moments(
        self, mean: Floats, variance: Floats, raws: list[RawColumn] | None
    ) -> tuple[Floats, Floats]:
        """Means and variances (n, D) of numbers in the units of the table; NaN for codes.

        Cells that `raws` shows have their own value and no variance.
        """
        shift = np.array([column.shift for column in self.columns])
        scale = np.array([column.scale for column in self.columns])
        codes = np.array([column.support == "codes" for column in self.columns])
        nothing = np.where(codes, np.nan, 0.0)
        mean, variance = mean * scale + shift + nothing, variance * scale**2 + nothing
        for j, raw in enumerate(raws or []):
            if not codes[j]:
                mean[:, j] = np.where(raw.missing, mean[:, j], numbers(raw))
                variance[:, j] = np.where(raw.missing, variance[:, j], 0.0)
        return mean, variance

    def rows(self, z: Floats) -> Any:
        """Rows like the training rows from numbers (n, D)."""
        columns = [
            column_like(column.raw, self.decode_column(j, z[:, j]), self.library)
            for j, column in enumerate(self.columns)
        ]
        return build(self.library, self.names, columns)

    def fill(self, X: Any, raws: list[RawColumn], z: Floats, means: Floats | None = None) -> Any:
        """A copy of X with its missing cells taken from numbers (n, D); the rest untouched.

        Columns of numbers are filled with `means` (n, D), in the units of X, if there are some.
        """
        cells = {}
        for j, raw in enumerate(raws):
            if raw.missing.any():
                if means is None or self.columns[j].support in ("binary", "codes"):
                    values = self._like_training(j, z[raw.missing, j])
                else:
                    values = means[raw.missing, j]
                    values = values >= 0.5 if raw.kind == "bool" else values
                like = self._wide_enough(j, raw, values)
                cells[j] = (raw.missing, column_like(like, values, container(X)))
        return with_cells(X, cells)

    def _wide_enough(self, j: int, raw: RawColumn, values: NDArray[Any]) -> RawColumn:
        """The type of a query's column, widened where it cannot hold the new values."""
        if raw.dtype == "Null":
            return self.columns[j].raw
        if raw.categories is None or set(values) <= set(raw.categories):
            return raw
        more = [c for c in self.columns[j].categories if c not in raw.categories]
        return replace(raw, categories=(*raw.categories, *more))

    def _like_training(self, j: int, z: Floats) -> NDArray[Any]:
        """Values of column j: whole or true and false where the training column was so."""
        values = self.decode_column(j, z)
        kind = self.columns[j].raw.kind
        if kind == "integer":
            return np.rint(values)
        return values.astype(bool) if kind == "bool" else values
