"""What a fitted density makes of its columns, to be read and printed.

Axes: D columns, V columns of the circuit.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from .._fitting import FittedDensity
from .._tables import Column
from ..circuit.components import mixture
from ..circuit.passes import Cells
from ..circuit.queries import shares_beyond
from .expectations import hole_shares

HEAD = ("column", "family", "step", "bounds", "atoms", "beyond", "holes")
# Atoms that are printed by their values; of more the number is.
MOST_SHOWN = 6


@dataclass(frozen=True)
class ColumnReport:
    """How a column is modelled.

    Attributes
    ----------
    name : object
        Of the column; its position in a table without names.
    family : str
        Of its leaves.
    step : float
        Of the grid that its numbers are recorded to; 0 where there is none.
    bounds : tuple of two floats or None
        Least and largest number that is drawn or imputed; None where the family has no bounds of
        its own to keep to.
    atoms : tuple of float
        Values that have probabilities of their own.
    beyond : float
        Probability of numbers beyond the bounds: the density has it, draws are given that there
        are none.
    holes : float
        Probability of a hole, where holes are modelled; else 0.
    group : tuple
        Names of the columns of its one-hot group, if it is in one.
    """

    name: Any
    family: str
    step: float = 0.0
    bounds: tuple[float, float] | None = None
    atoms: tuple[float, ...] = ()
    beyond: float = 0.0
    holes: float = 0.0
    group: tuple[Any, ...] = ()

    def cells(self) -> tuple[str, ...]:
        """Texts of a line of the printed table."""
        few = len(self.atoms) <= MOST_SHOWN
        atoms = " ".join(f"{v:g}" for v in self.atoms) if few else f"{len(self.atoms)} values"
        bounds = "" if self.bounds is None else f"{self.bounds[0]:g} to {self.bounds[1]:g}"
        beyond = "" if self.bounds is None else f"{self.beyond:.2g}"
        step = f"{self.step:g}" if self.step else ""
        holes = f"{self.holes:.2g}" if self.holes else ""
        family = f"one-hot of {len(self.group)}" if self.group else self.family
        return str(self.name), family, step, bounds, atoms, beyond, holes


class ColumnReports(list[ColumnReport]):
    """Reports of all columns, which print as a table."""

    def __repr__(self) -> str:
        """One line a column, under a head; of holes only where they are modelled."""
        lines = [HEAD, *(report.cells() for report in self)]
        lines = lines if any(report.holes for report in self) else [line[:-1] for line in lines]
        widths = [max(map(len, texts)) for texts in zip(*lines, strict=True)]
        rows = ("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
        return "\n".join(rows)


def describe_columns(density: FittedDensity, device: str) -> ColumnReports:
    """Reports of all columns (D,) of a fitted density."""
    table = density.plan.table
    columns, names = table.columns, table.names
    names = list(range(len(columns))) if names is None else names
    beyond = _beyond(density, device)[table.layout.variables]
    holes = _holes(density, device)
    reports = ColumnReports(map(_report, names, columns, beyond.tolist(), holes.tolist()))
    for group in table.groups:
        together = tuple(names[j] for j in group.columns)
        for j in group.columns:
            reports[j] = replace(reports[j], group=together)
    return reports


def _report(name: Any, column: Column, beyond: float, holes: float) -> ColumnReport:
    if column.support != "real":
        return ColumnReport(name, column.family_name, holes=holes)
    atoms = column.shape.values if column.shape else ()
    bounds = column.grid.low, column.grid.high
    return ColumnReport(name, column.family_name, column.grid.step, bounds, atoms, beyond, holes)


def _holes(density: FittedDensity, device: str) -> NDArray[np.float64]:
    """Probability of a hole in every column, (D,); 0 where holes are not modelled."""
    table = density.plan.table
    shares = np.zeros(len(table.columns))
    if table.holes.positions:
        shares[list(table.holes.positions)] = hole_shares(density, device)
    return shares


def _beyond(density: FittedDensity, device: str) -> NDArray[np.float64]:
    """Probability of numbers beyond the bounds of every column of the circuit, (V,)."""
    components = density.components(device)
    low, high = density.plan.table.number_bounds()
    on = components[0].circuit.device
    ends = torch.from_numpy(low).to(on), torch.from_numpy(high).to(on)
    (block,) = mixture.observe(components, Cells.empty(1, len(low), on))
    shares = torch.stack([shares_beyond(one, *ends) for one in block.posteriors])
    total: NDArray[np.float64] = (block.responsibilities[:, 0] @ shares).cpu().numpy()
    return total
