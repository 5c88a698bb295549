"""Draws of whole rows given the values of some columns.

Axes: m rows of given values, n draws, D columns.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from .._fitting import FittedDensity
from .._tables import RawColumn, RawTable, Table, column_position, container, read_table
from .draws import completed
from .evidence import Evidence


def sample_given(
    density: FittedDensity, given: Any, times: int, random: np.random.RandomState, device: str
) -> Any:
    """Rows like the training rows, `times` for each of m rows of given values, (m * times, D).

    Parameters
    ----------
    density : FittedDensity
    given : dict, frame or array-like
        See `EinetDensityEstimator.sample`.
    times : int
    random : numpy.random.RandomState
    device : str

    Raises
    ------
    ValueError
        For columns that the density does not have, and values that training did not show.
    """
    table = density.plan.table
    columns = _read(given, table.names, len(table.columns))
    if not columns or not len(next(iter(columns.values())).values):
        raise ValueError("given names no column; leave it out to draw whole rows.")
    raw = _whole(table, columns)
    # Columns that are not given are unknown: they are drawn, holes included.
    free = np.ones(len(table.columns), dtype=bool)
    evidence = Evidence.read(density, raw, device, free)
    _refuse_unknown(evidence)
    index = np.repeat(np.arange(len(raw)), times)
    rows = table.rows(*completed(evidence, times, random))
    return table.with_values(rows, raw.rows(index))


def _read(given: Any, names: list[Any] | None, d: int) -> dict[int, RawColumn]:
    """Given columns by their positions in the table."""
    if type(given).__module__.startswith("pandas") and not hasattr(given, "columns"):
        # A row of a frame: its labels say where its values belong.
        given = given.to_frame().T
    if isinstance(given, Mapping):
        cells = np.empty((1, len(given)), dtype=object)
        for i, (label, value) in enumerate(given.items()):
            if np.ndim(value):
                raise ValueError(f"given has {value!r} for {label!r}; one value is accepted.")
            cells[0, i] = value
        labels = list(given)
    elif container(given) != "array":
        cells, labels = given, list(given.columns)
        # Labels are names, where users may mean a position by a whole number.
        known = list(range(d)) if names is None else names
        unknown = [label for label in labels if label not in known]
        if unknown:
            raise ValueError(f"given names the column {unknown[0]!r}; the columns are {known}.")
        positions = [known.index(label) for label in labels]
        return _once(positions, labels, read_table(cells).columns)
    else:
        cells = np.asarray(given, dtype=object)
        cells = cells[None] if cells.ndim == 1 else cells
        if cells.ndim != 2 or cells.shape[1] != d:
            raise ValueError(
                f"given has the shape {np.shape(given)}; a row of {d} cells or several of them are "
                "accepted, NaN where a column is free, or a dict or a frame of some columns."
            )
        labels = list(range(d))
    positions = [column_position(label, names, d, "given") % d for label in labels]
    return _once(positions, labels, read_table(cells).columns)


def _once(
    positions: list[int], labels: list[Any], columns: list[RawColumn]
) -> dict[int, RawColumn]:
    """Columns by position, refused where two are one column."""
    for i, position in enumerate(positions):
        if position in positions[:i]:
            raise ValueError(
                f"given names one column twice, by {labels[positions.index(position)]!r} and "
                f"{labels[i]!r}."
            )
    return dict(zip(positions, columns, strict=True))


def _whole(table: Table, given: dict[int, RawColumn]) -> RawTable:
    """All columns of the table, with missing cells where nothing is given."""
    n = len(next(iter(given.values())).values)
    whole = []
    for j, column in enumerate(table.columns):
        like = column.raw
        if j in given:
            raw = given[j]
            whole.append(replace(raw, name=like.name, categories=None))
        else:
            free, dtype = (np.nan, np.float64) if like.has_numbers else (None, object)
            values = np.full(n, free, dtype=dtype)
            whole.append(replace(like, values=values))
    return RawTable(whole, table.library, table.names)


def _refuse_unknown(evidence: Evidence) -> None:
    """Raise for a given value that has no place in the model."""
    for j, raw in enumerate(evidence.raw.columns):
        unseen = np.flatnonzero(evidence.encoded.unseen[:, j])
        if len(unseen):
            column = evidence.table.columns[j]
            known = {"codes": list(column.categories), "binary": [0, 1]}.get(
                column.support, f"whole numbers from 0 to {column.largest}"
            )
            raise ValueError(
                f"given has {raw.values[unseen[0]]!r} in {raw.name} (row {unseen[0]}), which "
                f"training did not show; {known} are accepted."
            )
    for seen in evidence.encoded.groups:
        wrong = np.flatnonzero(seen.impossible)
        if len(wrong):
            names = [evidence.raw.columns[j].name for j in seen.group.columns]
            ones = [name for name, one in zip(names, seen.is_one[wrong[0]], strict=True) if one]
            raise ValueError(
                f"given has {len(ones)} ones (row {wrong[0]}: {', '.join(ones) or 'none'}) in the "
                f"one-hot group of {', '.join(names)}, which training did not show; at most one, "
                "and what training showed, is accepted."
            )
