"""Tables to the numbers that a circuit models, and back.

Axes: n rows, b rows of a block, D columns, m indicators of holes, V columns of the circuit.

A column is modelled as a binary digit, as a code 0 to C - 1, as a count, as a real number
standardised to mean 0 and variance 1, as a positive number divided by the mean, or as a
number between 0 and 1. Densities are in the units of the table: a real cell contributes
-log(scale) and the log slope of its map, its term in log |det J|.

In a column of codes all values that training did not show have one probability of their own,
independent of all other columns (see `describe.unseen_share`); known codes share the rest. So it
is with values other than 0 and 1 in columns that are binary by their values, and with counts
above the largest of training; where the user declared the column so, they are refused.

Columns of zeros and ones of which at most one is 1 are one column of codes of the circuit
(`one_hot`); where its columns and those of the table differ, `Layout` says which are which.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .agreement import check_table
from .cells import codes_of, digits_of, numbers, numbers_within
from .columns import Column, restore, standardise
from .describe import check_within, unseen_share
from .encoded import Encoded, Reals
from .filling import type_to_fill
from .holes import Holes
from .layout import Layout
from .one_hot import Group
from .piecewise import Atoms
from .raw import RawColumn, RawTable
from .reading import container
from .supports import within
from .writing import build, column_like, with_cells

Floats = NDArray[np.float64]
# Rows whose numbers are mapped at once: intermediate results stay in the cache.
ROWS = 4096
NO_HOLES = Holes()


class Table:
    """Columns of a training table.

    Parameters
    ----------
    columns : list of Column
    library : {"array", "pandas", "polars"}
        What the training table was.
    names : list or None
        Of a frame's columns, see `RawTable`.
    levels : list or None
        Names of the levels of a pandas frame's columns.
    holes : Holes
        Indicators of missing cells, which a circuit models as m columns after all others.
    groups : sequence of Group
        One-hot groups, each a column of codes of the circuit.

    Attributes
    ----------
    layout : Layout
        Where the columns stand among those of the circuit.
    modelled : list of Column (V,)
        Columns of the circuit: those in no group, the groups, and the indicators.
    """

    def __init__(
        self,
        columns: list[Column],
        library: str,
        names: list[Any] | None,
        levels: list[Any] | None = None,
        holes: Holes = NO_HOLES,
        groups: Sequence[Group] = (),
    ) -> None:
        self.columns = columns
        self.holes = holes
        self.groups = tuple(groups)
        self.layout = Layout(len(columns), self.groups, holes)
        self.modelled = self.layout.modelled(columns)
        self._free = [columns[j] for j in self.layout.free]
        self._reals = Reals(self._free)
        self.library = library
        self.names = names
        self.levels = levels

    def state(self) -> dict[str, Any]:
        """What the table is made of, for files."""
        return {
            "columns": self.columns,
            "library": self.library,
            "names": self.names,
            "levels": self.levels,
            "holes": self.holes,
            "groups": self.groups,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """The table from what `state` returned, whose fields agree.

        Raises
        ------
        ValueError
        """
        check_table(**state)
        return cls(**state)

    def _of(self, columns: list[Column], groups: Sequence[Group] | None = None) -> "Table":
        """The same table with other columns, or other groups too."""
        groups = self.groups if groups is None else groups
        return Table(columns, self.library, self.names, self.levels, self.holes, groups)

    def with_rows(self, rows: Floats) -> "Table":
        """The same columns, with probabilities of unseen values after observed rows, (V,)."""
        columns = []
        for column, n in zip(self.columns, rows[self.layout.variables], strict=True):
            if column.unseen:
                column = replace(column, unseen=unseen_share(n, len(column.categories) or 2))
            elif column.beyond:
                column = replace(column, beyond=unseen_share(n, column.n_values))
            columns.append(column)
        groups = [
            replace(group, unseen=unseen_share(rows[self.layout.variables[group.columns[0]]], n))
            for group, n in ((group, group.n_shown) for group in self.groups)
        ]
        return self._of(columns, groups)

    def extended(self, table: RawTable) -> "Table":
        """The columns after further training rows, which widen the bounds of numbers."""
        columns = []
        for column, raw in zip(self.columns, table.columns, strict=True):
            if column.fixed:
                check_within(raw, (column.grid.low, column.grid.high))
            real = column.support == "real"
            columns.append(column.extended(numbers(raw)) if real else column)
        return self._of(columns)

    def _check_names(self, table: RawTable) -> None:
        """Refuse a frame whose columns have other names than in training, or another order.

        Frames of names that are all texts have been checked before.
        """
        if self.names is None or table.names is None or self.names == table.names:
            return
        if not all(isinstance(name, str) for name in table.names):
            raise ValueError(
                f"The columns of X are {_shown(table.names)}; in training they were "
                f"{_shown(self.names)}. Pass the same columns in the same order, for instance by "
                "X[columns]."
            )

    @property
    def n_values(self) -> int:
        """Columns and indicators of holes, D + m."""
        return len(self.columns) + len(self.holes.positions)

    def number_bounds(self) -> tuple[Floats, Floats]:
        """Bounds of the numbers of every column of the circuit, twice (V,)."""
        low, high = zip(*(column.number_bounds for column in self.modelled), strict=True)
        return np.array(low), np.array(high)

    def encode(self, table: RawTable, unknown: NDArray[np.bool_] | None = None) -> Encoded:
        """Numbers of a table with these columns, as a circuit reads them.

        Parameters
        ----------
        table : RawTable
        unknown : ndarray (D,) of bool, optional
            Columns whose missing cells are unknown, not holes: their indicators are no evidence.

        Raises
        ------
        ValueError
            For infinities, text in a column of numbers, or a value that the family does not
            model, such as 2 in a binary column; the message names the column. For a frame with
            other columns than in training.
        """
        self._check_names(table)
        n, layout = len(table), self.layout
        z, unseen = np.empty((n, len(self.columns))), np.zeros((n, len(self.columns)), dtype=bool)
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
        seen = tuple(group.read(z[:, list(group.columns)]) for group in self.groups)
        raws, first = table.columns, len(layout.free)
        if self.groups:
            raws, z = [raws[j] for j in layout.free], z[:, layout.free]
        log_slope = np.zeros(z.shape)
        atoms = np.zeros(z.shape, dtype=np.int16) if self._reals.has_atoms else None
        for start in range(0, n if self._reals.index else 0, ROWS):
            rows = slice(start, start + ROWS)
            block = None if atoms is None else atoms[rows]
            self._reals.encode(raws, z[rows], block, log_slope[rows])
        encoded = Encoded(z, atoms, unseen, log_slope)
        if self.groups:
            wide = encoded.beside(np.full((n, len(seen)), np.nan))
            slopes = np.zeros(unseen.shape)
            slopes[:, layout.free] = log_slope
            encoded = replace(wide, log_slope=slopes, groups=seen, first=first)
        return self.holes.beside(encoded, table, unknown)

    def only(self, table: Encoded, columns: NDArray[np.bool_]) -> Encoded:
        """The same rows with evidence in columns of a mask (D,), holes included, and no others."""
        return table.only(columns, self.layout.mask(columns))

    def log_jacobian(self, table: Encoded) -> Floats:
        """Log Jacobian of the change of units, which a row's log density gains, (n,).

        It includes the probabilities of seen and unseen values.
        """
        return self.log_slopes(table).sum(axis=1) + table.log_groups

    def log_slopes(self, table: Encoded) -> Floats:
        """What each cell adds to the log Jacobian, (n, D); 0 where there is no evidence.

        What a group adds as a whole is not in it.
        """
        slopes = table.log_slope.copy()
        for j, column in enumerate(self.columns):
            if column.unseen > 0:
                slopes[:, j] += np.log1p(-column.unseen) * self._is_known(table, j)
                slopes[:, j] += np.log(column.unseen) * table.unseen[:, j]
        return slopes

    def _is_known(self, table: Encoded, j: int) -> NDArray[np.bool_]:
        """Where column j has a value that training showed, (n,)."""
        if j in self.layout.grouped:
            g, i = self.layout.grouped[j]
            return ~table.groups[g].hidden[:, i]
        return ~np.isnan(table.z[:, self.layout.variables[j]])

    def decode_column(self, j: int, z: Floats, atoms: Atoms | None) -> NDArray[Any]:
        """Numbers and atoms of column j back to values, (n,)."""
        column = self.columns[j]
        if column.support == "codes":
            values = np.empty(len(column.categories), dtype=object)
            values[:] = column.categories
            return values[z.astype(np.intp)]
        if column.shape is None:
            x = column.grid.drawn(restore(z, column.shift, column.scale))
            return within(x, column.raw, column.support)
        atoms = np.zeros(len(z), dtype=np.int16) if atoms is None else atoms
        decoded = restore(column.shape.decode(z, atoms), column.shift, column.scale)
        x = column.grid.drawn(decoded)
        x[atoms > 0] = np.array(column.shape.values)[atoms[atoms > 0] - 1]
        return x

    def standardised(self, j: int, x: Floats) -> Floats:
        """Numbers of column j in its own units to standardised ones, elementwise."""
        return standardise(x, self.columns[j].shift, self.columns[j].scale)

    def in_units(self, j: int, u: Floats) -> Floats:
        """Standardised numbers of column j in its units, not moved to its grid, elementwise.

        Atoms are as they were spelled in training.
        """
        column = self.columns[j]
        x = restore(u, column.shift, column.scale)
        if column.shape is None or not column.shape.atoms:
            return x
        atoms = np.array(column.shape.atoms)
        nearest = np.searchsorted(atoms, u).clip(0, len(atoms) - 1)
        return np.where(atoms[nearest] == u, np.array(column.shape.values)[nearest], x)

    def ordered(self, table: Encoded) -> Floats:
        """Numbers (n, V) with real columns in the order of their values, atoms included."""
        z = table.values.copy()
        for j, column in enumerate(self._free):
            if table.atoms is not None and column.shape and column.shape.atoms:
                z[:, j] = column.shape.decode(z[:, j], table.atoms[:, j])
        return z

    @property
    def is_binary(self) -> bool:
        """Whether all columns of the circuit hold zeros and ones: no numbers, no categories."""
        return all(column.support == "binary" for column in self.modelled)

    @property
    def continuous(self) -> list[bool]:
        """Which columns of the circuit hold numbers, (V,)."""
        return [column.support not in ("binary", "codes") for column in self.modelled]

    def n_codes(self) -> list[int]:
        """Number of codes of every column of the circuit, 0 where it holds none, (V,)."""
        return [len(c.categories) if c.support == "codes" else 0 for c in self.modelled]

    def inverses(self) -> list[tuple[Floats, Floats, Floats, Floats] | None]:
        """Standardised values of mapped columns of the circuit as functions of their numbers, (V,).

        Of each column breaks, intercepts and slopes (see `Shape.inverse`) and values of atoms;
        None where a number is the standardised value itself.
        """
        return [column.inverse() for column in self.modelled]

    def moments(
        self, mean: Floats, variance: Floats, table: RawTable | None
    ) -> tuple[Floats, Floats]:
        """Means and variances (n, D) of numbers in the units of the table; NaN for codes.

        Given are those of standardised numbers and digits, (n, D + m). Observed cells of `table`
        have their own value as mean and the variance 0. A variance beyond all floats is infinite.
        """
        shift = np.array([column.shift for column in self.columns])
        scale = np.array([column.scale for column in self.columns])
        codes = np.array([column.support == "codes" for column in self.columns])
        undefined = np.where(codes, np.nan, 0.0)
        mean, variance = mean[:, : len(codes)], variance[:, : len(codes)]
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
        """Rows like the training rows, holes included, from numbers and atoms (n, D + m)."""
        columns = [
            column_like(column.raw, self._decoded(j, z, atoms), self.library)
            for j, column in enumerate(self.columns)
        ]
        made = build(self.library, self.names, columns, self.levels)
        holes = {
            j: (mask, column_like(self.columns[j].raw, np.full(mask.sum(), None), self.library))
            for j, mask in self.holes.drawn(z).items()
            # Without a known value all cells are missing already.
            if not self.columns[j].is_unknown
        }
        return with_cells(made, holes) if holes else made

    def raw_rows(self, z: Floats, atoms: Atoms | None) -> RawTable:
        """Rows of numbers and atoms (n, D + m) before any type rounds them.

        NaN is a missing cell, and so is a hole.
        """
        columns, holes = [], self.holes.drawn(z)
        for j, column in enumerate(self.columns):
            seen, numeric = ~np.isnan(z[:, j]), column.raw.has_numbers
            if j in holes:
                seen &= ~holes[j]
            values = np.full(len(z), np.nan if numeric else None, dtype=object)
            values[seen] = self._decoded(j, z, atoms, seen)
            values = values.astype(np.float64) if numeric else values
            columns.append(replace(column.raw, values=values))
        return RawTable(columns, self.library, self.names)

    def with_values(self, X: Any, given: RawTable) -> Any:
        """A copy of rows like the training rows with the observed cells of a table put in.

        Raises
        ------
        ValueError
            For a number that the type of its column cannot hold.
        """
        cells = {}
        for j, (column, raw) in enumerate(zip(self.columns, given.columns, strict=True)):
            seen = ~raw.missing
            if not seen.any():
                continue
            values = raw.values[seen]
            if not column.raw.has_numbers:
                cells[j] = (seen, column_like(column.raw, values, self.library))
                continue
            values = numbers(raw)[seen]
            like = column_like(column.raw, values, self.library)
            _check_held(column.raw, raw.title, values, like)
            cells[j] = (seen, like)
        return with_cells(X, cells)

    def fill(
        self,
        X: Any,
        table: RawTable,
        z: Floats,
        atoms: Atoms | None,
        means: Floats | None = None,
    ) -> Any:
        """A copy of X with its missing cells taken from numbers and atoms (n, D + m).

        Columns of numbers are filled with `means` (n, D), in the units of X, if there are any.
        Observed cells are left as they are, and so is a column of categories of which training
        showed none.
        """
        library, cells = container(X), {}
        for j, raw in enumerate(table.columns):
            if raw.missing.any() and not self.columns[j].is_unknown:
                if means is None or self.columns[j].support in ("binary", "codes"):
                    values = self._like_training(j, self._decoded(j, z, atoms, raw.missing))
                else:
                    values = self.columns[j].grid.within(means[raw.missing, j])
                    values = values >= 0.5 if raw.kind == "bool" else values
                like = type_to_fill(raw, self.columns[j].raw, values, self.library, library)
                cells[j] = (raw.missing, column_like(like, values, library))
        return with_cells(X, cells)

    def _decoded(
        self, j: int, z: Floats, atoms: Atoms | None, rows: Any = slice(None)
    ) -> NDArray[Any]:
        """Values of column j in rows of numbers and atoms (n, D + m)."""
        return self.decode_column(j, z[rows, j], None if atoms is None else atoms[rows, j])

    def _like_training(self, j: int, values: NDArray[Any]) -> NDArray[Any]:
        """Values of column j, rounded or as booleans if the training column had such a type."""
        kind = self.columns[j].raw.kind
        if kind == "integer":
            # Categories of whole numbers are objects here.
            return np.rint(values.astype(np.float64))
        return values.astype(bool) if kind == "bool" else values


def _check_held(like: RawColumn, title: str, values: Floats, made: Any) -> None:
    """Refuse numbers that a column of a type, made of them, does not hold to its precision."""
    held = np.array([float(value) for value in made])
    precision = 2 * float(np.finfo(like.float_type).eps)
    wrong = np.flatnonzero(~np.isclose(held, values, rtol=precision, atol=0.0))
    if len(wrong):
        what = "whole numbers" if like.kind in ("integer", "bool") else "numbers"
        raise ValueError(
            f"{title} holds {what}; {values[wrong[0]]:g} is given, which its type {like.dtype} "
            "does not hold."
        )


def _shown(names: list[Any]) -> str:
    """Names as a message shows them, at most ten."""
    return f"{names[:10]!r}" + (" ..." if len(names) > 10 else "")
