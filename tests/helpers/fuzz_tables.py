"""Tables for the fuzz tests: recipes that hypothesis draws, and the tables that they make."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
from hypothesis import strategies as st

from .fuzz_columns import ARRAYS, NUMBERS, PANDAS, POLARS, WORDS, Mask, Type, array_of

HOLES = {"whole": 0.0, "some": 0.3, "all": 1.0}
TYPES: dict[str, dict[str, Type]] = {"pandas": PANDAS, "polars": POLARS}
NAMES = ["text", "text", "text", "integers", "tuples", "duplicates"]
WEIGHTS = ["none", "none", "counts", "zeros", "little", "large"]


@dataclass(frozen=True)
class Recipe:
    """What a table is made of; its repr is enough to make it again.

    Attributes
    ----------
    library : {"array", "pandas", "polars"}
    n : int
        Number of rows.
    columns : tuple of (str, str, str)
        Type, values and holes of every column; all columns of an array have the same type.
    names : str
        Kind of the names of a pandas frame's columns, see `NAMES`.
    weights : str
        See `WEIGHTS`.
    declared : bool
        Whether `categorical_features` names all columns; it must where an array holds words.
    seed : int
    """

    library: str
    n: int
    columns: tuple[tuple[str, str, str], ...]
    names: str = "text"
    weights: str = "none"
    declared: bool = False
    seed: int = 0

    def table(self) -> Any:
        """The table."""
        rng = np.random.RandomState(self.seed)
        values, holes = [], []
        for kind, name, share in self.columns:
            made = NUMBERS if self._type(kind).values == "numbers" else WORDS
            values.append(made[name if name in made else next(iter(made))](rng, self.n))
            holes.append(rng.uniform(size=self.n) < HOLES[share])
        if self.library == "array":
            return array_of(values, holes, self.columns[0][0])
        columns = [
            self._type(kind).make(*pair)
            for (kind, _, _), *pair in zip(self.columns, values, holes, strict=True)
        ]
        return self._frame(columns)

    def others(self) -> list[Any]:
        """Tables of these columns, with values that this one does not show; none if refused."""
        if any(self._type(kind).accepted is False for kind, _, _ in self.columns):
            return []
        if any(kind == "mixed objects" for kind, _, _ in self.columns):
            # One cell of training may be of one kind; more cells are then refused as mixed.
            return []
        rng = np.random.RandomState(self.seed + 3)
        columns = tuple(
            (kind, str(rng.choice(list(NUMBERS if name in NUMBERS else WORDS))), "some")
            for kind, name, _ in self.columns
        )
        return [replace(self, n=4, columns=columns, seed=self.seed + 4).table()]

    def sample_weight(self) -> Any:
        """Weights of the rows, at least one of them positive."""
        rng = np.random.RandomState(self.seed + 1)
        if self.weights == "none":
            return None
        counts = rng.randint(1, 4, self.n).astype(float)
        if self.weights == "zeros":
            counts *= rng.uniform(size=self.n) < 0.5
            counts[rng.randint(self.n)] = 1.0
        return counts * {"little": 1e-9, "large": 1e9}.get(self.weights, 1.0)

    def accepted(self) -> bool | None:
        """Whether `fit` must accept the table; None: it may."""
        if self.names == "duplicates" and len(self.columns) > 1:
            return False
        types = [self._type(kind) for kind, _, _ in self.columns]
        # Integers beyond 2**53 are no categories.
        if None in [t.accepted for t in types] or (
            self.declared and "numbers" in [t.values for t in types]
        ):
            return None
        return not self.refused()

    def refused(self, also_others: bool = False) -> list[int]:
        """Positions of the columns that `fit` must refuse, or may."""
        weights = self.sample_weight()
        seen = ~missing(self.table())[slice(None) if weights is None else weights > 0]
        kinds = [self._type(kind) for kind, _, _ in self.columns]
        return [
            j
            for j, kind in enumerate(kinds)
            if (kind.accepted is False and (seen[:, j].any() or not kind.by_cells))
            or (also_others and (kind.accepted is None or self.declared))
        ]

    def options(self) -> dict[str, Any]:
        """What the estimator must be told of the table."""
        words = self.library == "array" and self.columns[0][0] in ("words", "texts")
        every = list(range(len(self.columns)))
        return {"categorical_features": every} if words or self.declared else {}

    def _type(self, kind: str) -> Type:
        if self.library == "array":
            return Type("words" if kind in ("words", "texts") else "numbers", array_of)
        return TYPES[self.library][kind]

    def _frame(self, columns: list[Any]) -> Any:
        if self.library == "polars":
            return pl.DataFrame([c.alias(f"c{j}") for j, c in enumerate(columns)])
        frame = pd.concat(columns, axis=1)
        d = len(columns)
        frame.columns = {
            "text": pd.Index([f"c{j}" for j in range(d)]),
            "integers": pd.Index(range(d)),
            "tuples": pd.MultiIndex.from_tuples([("c", j) for j in range(d)], names=["u", "v"]),
            "duplicates": pd.Index(["c"] * d),
        }[self.names]
        return frame


@st.composite
def recipes(draw: Any, library: str, most_rows: int, most_columns: int = 4) -> Recipe:
    """Recipes of tables of a library."""
    columns = []
    kind = draw(st.sampled_from(ARRAYS))
    for _ in range(draw(st.integers(1, most_columns))):
        if library != "array":
            # One column in twenty is of a type that is refused.
            refused = draw(st.integers(0, 19)) == 19
            known = TYPES[library].items()
            kind = draw(st.sampled_from([k for k, t in known if (t.accepted is False) == refused]))
        words = kind in ("words", "texts") or (
            library != "array" and TYPES[library][kind].values == "words"
        )
        name = draw(st.sampled_from(list(WORDS if words else NUMBERS)))
        columns.append(
            (kind, name, draw(st.sampled_from(["whole", "some", "whole", "some", "all"])))
        )
    return Recipe(
        library,
        draw(st.integers(1, most_rows)),
        tuple(columns),
        draw(st.sampled_from(NAMES)) if library == "pandas" else "text",
        draw(st.sampled_from(WEIGHTS)),
        draw(st.integers(0, 9)) == 9,
        draw(st.integers(0, 2**16)),
    )


def missing(X: Any) -> Mask:
    """Mask of the missing cells, (n, D)."""
    if isinstance(X, pl.DataFrame):
        nothing = [s.is_null() | (s.is_nan() if s.dtype.is_float() else False) for s in X]
        return np.column_stack([np.asarray(s, dtype=bool) for s in nothing])
    return pd.DataFrame(X).isna().to_numpy(dtype=bool)


def without(X: Any, columns: Mask) -> Any:
    """A copy of X in which all cells of the columns of a mask (D,) are missing."""
    if isinstance(X, pl.DataFrame):
        nothing = [pl.Series(s.name, [None] * len(s), dtype=s.dtype) for s in X]
        return pl.DataFrame([b if c else s for s, b, c in zip(X, nothing, columns, strict=True)])
    if isinstance(X, pd.DataFrame):
        series = [_no_cells(X.iloc[:, j]) if c else X.iloc[:, j] for j, c in enumerate(columns)]
        frame = pd.concat(series, axis=1)
        frame.columns = X.columns
        return frame
    out = X.astype({"i": float, "u": float, "b": float, "U": object}.get(X.dtype.kind, X.dtype))
    out[:, columns] = None if out.dtype == object else np.nan
    return out


def _no_cells(series: Any) -> Any:
    """A column of the same type without cells; floats for types that cannot have any missing."""
    if getattr(series.dtype, "kind", "O") in "iub" and isinstance(series.dtype, np.dtype):
        return pd.Series(np.full(len(series), np.nan), index=series.index)
    if isinstance(series.dtype, pd.SparseDtype | pd.IntervalDtype):
        return pd.Series(np.full(len(series), np.nan), index=series.index)
    return pd.Series([None] * len(series), dtype=series.dtype, index=series.index)


def cells(X: Any, j: int, rows: Mask) -> list[Any]:
    """Cells of column j in the rows of a mask."""
    if isinstance(X, pl.DataFrame):
        return X.to_series(j).filter(pl.Series(rows)).to_list()
    if isinstance(X, pd.DataFrame):
        return X.iloc[:, j][rows].tolist()
    return X[rows, j].tolist()


def types(X: Any) -> list[Any]:
    """Types of the columns."""
    if isinstance(X, np.ndarray):
        return [X.dtype]
    return list(X.dtypes)


def same(X: Any, other: Any) -> bool:
    """Whether two tables are alike, missing cells included."""
    if isinstance(X, np.ndarray):
        equal = (other == X) | (pd.isna(X) & pd.isna(other))
        return X.dtype == other.dtype and bool(np.all(equal))
    return bool(X.equals(other))
