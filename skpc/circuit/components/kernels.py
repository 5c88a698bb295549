"""Kernels: a unit for every row of training, spread by a bandwidth.

A unit is what one step of EM makes of its row alone: the leaves of its columns are centred at its
cells, their variances are at the floor, which is the squared bandwidth, and PSEUDO_ROWS rows of the
columns' own distributions leave a probability to all other categories (in a number they widen the
kernels that are more than ten bandwidths from the mean). Nothing else is learned.

References: Parzen, "On estimation of a probability density function and mode", Annals of
Mathematical Statistics 1962.

Axes: n held-out rows, D columns, N rows of packed parameters, K units, B rows of a block.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from ..leaves import Leaf
from ..passes import Cells, Circuit, Parameters, product_mixture
from ..training import (
    Rows,
    blocks,
    column_sums,
    make_prior,
    parameters_from_numbers,
    parameters_to_numbers,
)
from .component import Component
from .protocol import LEAST_WEIGHT, ComponentTask, FittedComponent

# Rows of the columns' own distributions in every unit.
PSEUDO_ROWS = 1e-3
# The unit of a column's bandwidth is its standard deviation or, if that is less, the standard
# deviation of a normal column with the range from the first to the second of these shares: a few
# extreme values must not hide all others.
SHARES, RANGE_OF_NORMAL = (0.01, 0.99), 4.65
# Most numbers of all units.
MOST_NUMBERS = 8_000_000
# Names of the arrays by which a component is stored.
STORED = ("leaves", "weights")


@dataclass(frozen=True)
class Kernels:
    """Kernels as a `ComponentKind`.

    Attributes
    ----------
    bandwidth : float
        Standard deviation of a number around its row's, in standard deviations of its column
        without extreme values.
    n_units : int
        Most rows that are units: random ones of a larger table, and fewer where a unit has so
        many numbers that all of them would be more than MOST_NUMBERS.
    """

    bandwidth: float = 0.45
    n_units: int = 2000

    name: ClassVar[str] = "kernels"

    def pays(self, leaves: Sequence[Leaf], n_rows: int) -> bool:
        """Never: they rank rows well, and other components describe them better."""
        return False

    def fit(self, task: ComponentTask) -> FittedComponent | None:
        """Fit a component; None if it weighs less than LEAST_WEIGHT."""
        most = self._most_units(task)
        rows = task.rows.sampled(most, task.random)
        leaves = self._leaves(task)
        component = _units(leaves, rows)
        scores = component.log_density(task.held.cells, torch.float64)
        weight = float(task.weights([scores])[-1])
        task.report(f"kernels: weight on held-out rows {weight:.3f}")
        if not weight >= LEAST_WEIGHT:
            return None
        if len(rows) < most:
            component = _units(leaves, rows.joined(task.held).sampled(most, task.random))
        arrays = dict(zip(STORED, parameters_to_numbers(component.parameters), strict=True))
        arrays |= {"row": np.array(component.row), **_cells_to_arrays(component.rows)}
        return FittedComponent(self.name, arrays, scores, component.circuit.n_parameters)

    def _most_units(self, task: ComponentTask) -> int:
        numbers = sum(leaf.n_statistics + 1 for leaf in task.leaves)
        return min(self.n_units, max(1, MOST_NUMBERS // numbers))

    def _leaves(self, task: ComponentTask) -> list[Leaf]:
        """A family per column, with the squared bandwidth as the floor of its variance.

        All rows decide the bandwidths, so that it does not matter which ones are held out.
        """
        # Units in powers of the root of two, so that columns share families.
        scales = 2.0 ** (np.rint(2 * np.log2(_scales(task.rows.joined(task.held)))) / 2)
        of_scales = {scale: task.floored((self.bandwidth * scale) ** 2) for scale in set(scales)}
        return [of_scales[scale][j] for j, scale in enumerate(scales)]

    def from_arrays(
        self,
        arrays: Mapping[str, Any],
        leaves: Sequence[Leaf],
        log_weight: float,
        device: torch.device,
    ) -> "KernelComponent":
        """The component from the arrays of its fit, with its weight in the mixture."""
        parameters = parameters_from_numbers([arrays[name] for name in STORED], device)
        circuit = product_mixture(leaves, parameters.leaves.shape[1], device)
        rows, row = _cells_from_arrays(arrays), float(arrays["row"])
        return KernelComponent(circuit, parameters, log_weight, rows=rows, row=row)


@dataclass(frozen=True)
class KernelComponent(Component):
    """Kernels with the rows that they are around.

    Attributes
    ----------
    rows : Cells (K, D)
        On the CPU.
    row : float
        Share of the weight that is one row.
    """

    rows: Cells = field(kw_only=True)
    row: float = field(kw_only=True)

    def check(self) -> None:
        """Refuse also rows that are not those of the units."""
        super().check()
        shape = (self.circuit.inputs.n_units, self.circuit.inputs.n_columns)
        atoms = self.rows.atoms
        found = [self.rows.values, *([] if atoms is None else [atoms])]
        if any(tuple(cells.shape) != shape for cells in found):
            raise ValueError(f"rows of kernels have another shape than {shape}.")
        if atoms is not None and (atoms.dtype != torch.int16 or bool((atoms < 0).any())):
            raise ValueError("rows of kernels have atoms that are none.")
        if bool(torch.isinf(self.rows.values).any()) or not 0 < self.row <= 1:
            raise ValueError(f"rows of kernels are infinite, or their share is {self.row!r}.")

    def log_others(self, cells: Cells) -> Tensor:
        """Log density of rows by the rows of training without one that equals them, (n,), float64.

        The kernel of a row is highest there: without it rows of training score as new ones do.
        """
        found = [
            self._log_others(block) for block in cells.split(self.circuit.rows_of_block(cells))
        ]
        return torch.cat(found)

    def _log_others(self, cells: Cells) -> Tensor:
        units, known = self.knowing(cells)
        statistics = units.circuit.gather(known, torch.float64)
        joint = units.circuit.inputs.log_densities(units.parameters.leaves, statistics)[0]
        joint = joint + self.parameters.sums[0][0, 0].log()[:, None]
        own, left, equal = self._equal_rows(cells)
        same = own[:, None].to(joint.device) == equal.to(joint.device)
        others = torch.logsumexp(
            torch.where(same, joint + left.log().to(joint.device), joint), dim=0
        )
        others -= torch.where(equal >= 0, 1 - self.row, 1.0).log().to(joint.device)
        # Where all rows are equal to this one, or it is the only one, there are no others.
        alone = torch.isfinite(others).logical_not()
        return torch.where(alone, torch.logsumexp(joint, dim=0), others) + statistics.log_base

    def _equal_rows(self, cells: Cells) -> tuple[Tensor, Tensor, Tensor]:
        """Distinct row of every unit (K,), and of B rows what is left of its share, and which."""
        keys: dict[bytes, int] = {}
        own = torch.tensor([keys.setdefault(key, len(keys)) for key in _keys(self.rows)])
        equal = torch.tensor([keys.get(key, -1) for key in _keys(cells)])
        weights = self.parameters.sums[0][0, 0].cpu()
        shares = torch.zeros(len(keys), dtype=torch.float64).index_add_(0, own, weights)
        # What rounding leaves of a row is not one.
        left = torch.where(shares > self.row * (1 + 1e-9), (shares - self.row) / shares, 0.0)
        return own, left[equal], equal


def _scales(rows: Rows) -> np.ndarray:
    """Units of the bandwidths, in standard deviations of the columns, (D,)."""
    values, weights = rows.cells.values.cpu().double().numpy(), rows.weights.cpu().numpy()
    scales = np.ones(values.shape[1])
    for j, column in enumerate(values.T):
        seen = ~np.isnan(column)
        order = np.argsort(column[seen], kind="stable")
        below = np.cumsum(weights[seen][order])
        if len(below):
            # Sums of equal weights may round to either side of a share.
            at = np.searchsorted(below, np.add(SHARES, [1e-9, -1e-9]) * below[-1])
            low, high = column[seen][order][at]
            scales[j] = min(1.0, (high - low) / RANGE_OF_NORMAL) or 1.0
    return scales


def _keys(cells: Cells) -> list[bytes]:
    """What is equal for equal rows, (n,)."""
    values = cells.values.cpu().double()
    # Zeros have one sign, and missing cells one NaN.
    parts = [values.add(0.0).masked_fill_(values.isnan(), torch.nan)]
    parts += [] if cells.atoms is None else [cells.atoms.cpu().double()]
    return [row.tobytes() for row in torch.cat(parts, dim=1).numpy()]


def _cells_to_arrays(cells: Cells) -> dict[str, np.ndarray]:
    atoms = {} if cells.atoms is None else {"atoms": cells.atoms.cpu().numpy()}
    return {"values": cells.values.cpu().numpy(), **atoms}


def _cells_from_arrays(arrays: Mapping[str, Any]) -> Cells:
    atoms = torch.tensor(arrays["atoms"]) if "atoms" in arrays else None
    return Cells(torch.tensor(arrays["values"]), atoms)


def _units(leaves: Sequence[Leaf], rows: Rows) -> KernelComponent:
    """A mixture of the rows' units, by the rows' weights."""
    circuit = product_mixture(leaves, len(rows), rows.cells.device)
    own = make_prior(circuit, column_sums(circuit, blocks(circuit, rows)), PSEUDO_ROWS).leaves
    packed = circuit.inputs.from_expectation(
        _of_rows(circuit, own, rows) + PSEUDO_ROWS * own, own.expand(-1, len(rows))
    )
    parameters = Parameters(packed, ((rows.weights / rows.total)[None, None],))
    return KernelComponent(circuit, parameters, rows=rows.cells, row=1 / rows.evidence)


def _of_rows(circuit: Circuit, own: Tensor, rows: Rows) -> Tensor:
    """Statistics of every row in a unit of its own, (N, K): flows into unit k come from row k."""
    flows = torch.eye(len(rows), dtype=torch.float64, device=rows.cells.device)
    statistics = circuit.gather(rows.cells, torch.float64)
    packed = circuit.inputs.from_expectation(own, own).expand(-1, len(rows)).contiguous()
    return circuit.inputs.expected_statistics(packed, flows[None], statistics)
