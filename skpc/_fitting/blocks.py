"""A table in blocks that a cluster holds: a sample of it, and all of its rows for the trees.

Axes: n rows of a block, D columns, N rows of all blocks, S rows of the sample.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import add
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .._blocks import Cluster, Handle, of_all
from .._device import choose_device
from .._tables import RawColumn, read_table
from ..circuit.passes import Circuit, Parameters, Space
from ..circuit.training import Rows, Statistics, merge
from .plan import Plan
from .rows import make_rows

Positions = NDArray[np.intp]
CPU = torch.device("cpu")
# Rows of a column that join the sample for their values alone, at most: as many categories.
MOST_LANDMARKS = 200


@dataclass(frozen=True)
class Scan:
    """What a block says of itself before any row of it is taken.

    Attributes
    ----------
    counted : ndarray of int
        Positions of the rows of positive weight.
    landmarks : list of dict (D,)
        Positions of the rows with the smallest and the largest number of a column, as
        ("low", value) and ("high", value), or with each category first.
    """

    counted: Positions
    landmarks: list[dict[Any, int]]


def scan(X: Any, weights: NDArray[np.float64]) -> Scan:
    """A block read once: how many rows count, and where its columns end."""
    counted = np.flatnonzero(weights > 0)
    columns = read_table(X).rows(counted).columns if len(counted) else []
    return Scan(counted, [_landmarks(column, counted) for column in columns])


def _landmarks(column: RawColumn, positions: Positions) -> dict[Any, int]:
    seen = np.flatnonzero(~column.missing)
    if not len(seen):
        return {}
    if not column.has_numbers:
        _, first = np.unique(column.values[seen].astype(str), return_index=True)
        chosen = seen[np.sort(first)[:MOST_LANDMARKS]]
        return {column.values[i]: int(positions[i]) for i in chosen}
    values = column.values[seen]
    ends = {"low": int(values.argmin()), "high": int(values.argmax())}
    return {(end, float(values[i])): int(positions[seen[i]]) for end, i in ends.items()}


def sample_positions(
    scans: Sequence[Scan], size: int, random: np.random.RandomState
) -> list[Positions]:
    """Rows of each block that are in the sample, ascending.

    All rows, where there are no more than `size` of positive weight; else so many random ones, the
    rows with the smallest and the largest number of each column, and one of each category.
    """
    sizes = [len(one.counted) for one in scans]
    total = sum(sizes)
    if total <= size:
        return [one.counted for one in scans]
    chosen = np.sort(random.choice(total, size, replace=False))
    starts = np.concatenate([[0], np.cumsum(sizes)])
    extra = _extra(scans)
    found = []
    for i, one in enumerate(scans):
        of_block = chosen[(chosen >= starts[i]) & (chosen < starts[i + 1])] - starts[i]
        found.append(np.union1d(one.counted[of_block], extra[i]).astype(np.intp))
    return found


def _extra(scans: Sequence[Scan]) -> list[list[int]]:
    """Positions of the landmarks of the whole table, a list a block."""
    extra: list[list[int]] = [[] for _ in scans]
    n_columns = max(len(one.landmarks) for one in scans)
    for j in range(n_columns):
        words: dict[Any, tuple[int, int]] = {}
        ends: dict[str, tuple[float, int, int]] = {}
        for i, one in enumerate(scans):
            for key, position in (one.landmarks[j] if one.landmarks else {}).items():
                if isinstance(key, tuple) and key[0] in ("low", "high"):
                    end, value = key
                    sign = 1.0 if end == "low" else -1.0
                    if end not in ends or sign * value < sign * ends[end][0]:
                        ends[end] = (value, i, position)
                elif len(words) < MOST_LANDMARKS:
                    words.setdefault(key, (i, position))
        for i, position in [*words.values(), *((i, p) for _, i, p in ends.values())]:
            extra[i].append(position)
    return extra


@dataclass
class Remote:
    """A plan where blocks are: it builds its circuit once for all blocks of a worker."""

    plan: Plan
    device: str
    _circuit: Circuit | None = field(default=None, repr=False)

    def circuit(self) -> Circuit:
        """The circuit of the trees, on the worker's device."""
        if self._circuit is None:
            self._circuit = self.plan.circuit(choose_device(self.device))
        return self._circuit

    def __getstate__(self) -> dict[str, Any]:
        """The plan alone travels."""
        return {"plan": self.plan, "device": self.device, "_circuit": None}


@dataclass(frozen=True)
class Size:
    """Weight, rows and log Jacobian of a block, additive."""

    total: float
    n: int
    jacobian: float

    def plus(self, other: "Size") -> "Size":
        """The size of both."""
        return Size(self.total + other.total, self.n + other.n, self.jacobian + other.jacobian)


def encode(remote: Remote, X: Any, weights: NDArray[np.float64], held: Positions) -> Rows | None:
    """The counted rows of a block that are not held out, as training reads them."""
    counts = weights > 0
    counts[held] = False
    if not counts.any():
        return None
    table = remote.plan.table
    encoded = table.encode(read_table(X).rows(np.flatnonzero(counts))).of_states()
    device = choose_device(remote.device)
    return make_rows(encoded, table.log_jacobian(encoded), weights[counts], device)


def size_of(rows: Rows | None) -> Size:
    """The size of a block."""
    if rows is None:
        return Size(0.0, 0, 0.0)
    return Size(rows.total, len(rows), rows.constant * rows.total)


@dataclass(frozen=True)
class Step:
    """What all blocks need for a pass."""

    parameters: Parameters
    dtype: torch.dtype
    exponent: float


def statistics_of(remote: Remote, rows: Rows | None, step: Step) -> Statistics | None:
    """The statistics of a block, on the CPU."""
    if rows is None:
        return None
    circuit = remote.circuit()
    parameters = step.parameters.on(circuit.device)
    return rows.collect(circuit, parameters, None, step.dtype, step.exponent).on(CPU)


def column_sums_of(remote: Remote, rows: Rows | None) -> Tensor | None:
    """The sums of every column's statistics over a block, on the CPU."""
    return None if rows is None else rows.column_sums(remote.circuit()).cpu()


def scores_of(remote: Remote, rows: Rows | None, step: Step) -> float | None:
    """The weighted sum of a block's log densities, in the units of the table."""
    if rows is None:
        return None
    circuit = remote.circuit()
    parameters = step.parameters.on(circuit.device)
    return rows.total * rows.mean_log_density(circuit, parameters, step.dtype)


@dataclass(frozen=True)
class BlockRows:
    """All rows of a table in blocks, as training reads them (`circuit.training.Source`)."""

    cluster: Cluster
    remote: Handle
    rows: list[Handle]
    size: Size

    def __len__(self) -> int:
        return self.size.n

    @property
    def total(self) -> float:
        """Sum of the weights."""
        return self.size.total

    @property
    def evidence(self) -> float:
        """Rows that the prior is weighed against, see `Rows.evidence`."""
        return max(self.size.total, float(self.size.n))

    @property
    def constant(self) -> float:
        """Weighted mean of the rows' log Jacobians."""
        return self.size.jacobian / self.size.total

    def collect(
        self,
        circuit: Circuit,
        parameters: Parameters,
        index: Tensor | None,
        dtype: torch.dtype,
        exponent: float,
        space: Space | None = None,
    ) -> Statistics:
        """Statistics of all rows."""
        assert index is None  # `over_all_rows`: blocks are read whole
        step = Step(parameters.on(CPU), dtype, exponent)
        return self._total(statistics_of, merge, step).on(circuit.device)

    def column_sums(self, circuit: Circuit) -> Tensor:
        """Weighted sums of every column's statistics, (R,)."""
        return self._total(column_sums_of, add).to(circuit.device)

    def mean_log_density(
        self, circuit: Circuit, parameters: Parameters, dtype: torch.dtype
    ) -> float:
        """Weighted mean log density of the rows, in the units of the table."""
        step = Step(parameters.on(CPU), dtype, 1.0)
        return float(self._total(scores_of, add, step)) / self.total

    def _total(self, function: Any, plus: Any, step: Step | None = None) -> Any:
        """The sum of a function of every block."""
        shared = [] if step is None else [of_all(self.cluster.share(step), self.rows)]
        remotes = of_all(self.remote, self.rows)
        handles = self.cluster.map(function, remotes, self.rows, *shared)
        return self.cluster.total(handles, plus)


@dataclass(frozen=True)
class BlockTable:
    """A table in blocks and the sample that was taken from it (`Spread`).

    Attributes
    ----------
    cluster : Cluster
    blocks, weights : list of Handle
        Of every block.
    sampled : list of ndarray of int
        Positions of the sample's rows in every block.
    device : str
        Where workers compute.
    """

    cluster: Cluster
    blocks: list[Handle]
    weights: list[Handle]
    sampled: list[Positions]
    device: str

    def source(self, plan: Plan, held: Positions | None) -> BlockRows:
        """All rows but held ones of the sample, encoded where they are."""
        ends = np.cumsum([0, *map(len, self.sampled)])
        out = np.zeros(0, dtype=np.intp) if held is None else held
        left_out = [
            positions[out[(out >= start) & (out < stop)] - start]
            for positions, start, stop in zip(self.sampled, ends[:-1], ends[1:], strict=True)
        ]
        remote = self.cluster.share(Remote(plan, self.device))
        remotes = of_all(remote, self.blocks)
        rows = self.cluster.map(encode, remotes, self.blocks, self.weights, left_out)
        size = self.cluster.total(self.cluster.map(size_of, rows), Size.plus)
        return BlockRows(self.cluster, remote, rows, size)
