"""What the compiled passes need to know of a circuit, and one run of them.

Axes: P partitions, Q edges, K units, K' units padded to whole vectors, R rows of a block, B rows, N
rows of packed parameters of leaves, G groups of columns, Z rows of the matrix of log densities of
leaf regions that come from outside.

Rows go through the circuit in segments, several at once on several threads. Each has memory and
sums of its own, and the sums are added in the order of the rows: how many segments there are
depends on the circuit and on the number of rows, so results do not depend on that of threads.
"""

import ctypes
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from .builder import Builder, check, depth_first, slots
from .leaves import LeafPlan, entry_structs, group_structs, starts, with_gaps
from .structs import ArraysStruct, PackingStruct, ProgramStruct, function
from .threads import share

# Units are padded to whole vectors of 64 bytes, and rows go through tiles of eight.
LANES, TILE = 16, 8

# Bytes of the values of all nodes for a block of rows, which the caches should hold, and the most
# rows of a block; with fewer than the least, weights are read from memory more often than values.
MOST_BYTES, MOST_ROWS, LEAST_ROWS_OF_BLOCK = 1_500_000, 64, 24

# `COPIES` of kernel.c.
COPIES = 8

# With fewer rows, weights are packed for longer than rows are computed.
LEAST_ROWS = 16

# Segments of rows whose counts are summed apart: a power of two, so that they share out among
# threads, of so many rows at least, or their sums are cleared and added for longer than counted;
# and numbers that the sums of all segments may be.
MOST_SEGMENTS, LEAST_ROWS_OF_SEGMENT, MOST_SUMS = 8, 128, 16_000_000

# Torch shares its products among all threads, the compiled passes only segments. Where all threads
# have one, torch takes 3 times as long for 12 units, about as long for 64, and less for more. All
# nodes are padded to the larger number of units, of sums or of leaf regions, a loss where these
# differ much.
MOST_UNITS = 64
MOST_RATIO_OF_UNITS = 4


class Memory(Protocol):
    """Memory that is kept from one block of rows to the next, see `passes.memory.Space`."""

    def empty(
        self, name: str, shape: tuple[int, ...], like: Tensor, dtype: torch.dtype | None = None
    ) -> Tensor:
        """An uninitialised tensor; it takes the memory of the last one of its name."""


# Memory is kept for the type that it is asked for.
_LIKE = torch.empty(0)

# Addresses by their names in `ArraysStruct`.
Arrays = dict[str, int | None]


class Values(NamedTuple):
    """Cells of some rows, as the passes read them.

    Attributes
    ----------
    codes : Tensor (G, B) of int32
        -1 where a cell is missing; else which of the values of its column it has, the last of them
        where it has none of those with an indicator.
    numbers : Tensor (G, B)
        The numbers of cells that are numbers; float64.
    outside : Tensor (Z, K) or None
        Log densities of leaf regions without entries, float64. Regions of one scope stand together,
        all of them of the first row, then all of the second.
    """

    codes: Tensor
    numbers: Tensor
    outside: Tensor | None = None


class Found(NamedTuple):
    """Results of a run; those after `root` only where flows were asked for.

    Attributes
    ----------
    root, objective : Tensor (B,)
        Log densities without log h, and what training raises; float64.
    sums : list of Tensor (Q, O, I)
        Expected counts of the weights, leaves first, the root last; float64.
    leaves : Tensor (N, K)
        Expected statistics of the leaves that were read here, zeros elsewhere; float64.
    outside : Tensor (Z, K) or None
        Flows into the other leaf regions.
    """

    root: Tensor
    objective: Tensor
    sums: list[Tensor]
    leaves: Tensor
    outside: Tensor | None


class Program:
    """The nodes of a circuit as the compiled passes read them.

    Parameters
    ----------
    built : Builder
        All layers of the circuit have added themselves.
    leaves : LeafPlan
    """

    def __init__(self, built: Builder, leaves: LeafPlan) -> None:
        self.built, self.leaves = built, leaves
        self.n_edges = len(built.child)
        self.most_units = max(built.units, built.leaf_units)
        self.width = -(-self.most_units // LANES) * LANES
        children = [built.child[edge] for edge in range(self.n_edges)]
        leaves.check()
        check(built, children, leaves)
        order = depth_first(built)
        self.n_partitions = len(order)
        at = {partition: i for i, partition in enumerate(order)}
        in_order = [built.factors[partition] for partition in order]
        moved = [child if child < 0 else at[child] for child in children]
        self.first_factor = _integers(starts(in_order))
        self.factors = _integers([factor for factors in in_order for factor in factors])
        self.child = _integers(moved)
        top = [at[partition] for partition in built.top]
        self.top = _integers(top)
        below = [[moved[f] for f in factors if f >= 0 and moved[f] >= 0] for factors in in_order]
        self.slot = _integers(slots(self.n_partitions, top, below))
        self.n_slots = int(self.slot.max()) + 1
        self.tables = [
            _integers([e.group.row + e.copy for e in leaves.direct]),
            _integers([e.group.copies for e in leaves.direct]),
            _integers([e.cell for e in leaves.direct]),
        ]
        self.places = [_integers(numbers) for numbers in leaves.places]
        self.first_entry, self.entries = _integers(starts(leaves.entries)), entry_structs(leaves)
        groups = with_gaps(leaves.groups, leaves.shape[0])
        self.groups, self.n_groups = group_structs(groups), len(groups)
        self.first_edge = _integers([0, *(edges.stop for edges in built.layers)])
        inputs = [built.leaf_units if at_leaves else built.units for at_leaves in built.at_leaves]
        self.inputs = _integers(inputs)
        edges = [edges.stop - edges.start for edges in built.layers]
        self.shapes = [(n, built.units, i) for n, i in zip(edges, inputs, strict=True)]
        self.shapes.append((1, 1, len(built.top) * built.units))

    def pays(self, n_rows: int) -> bool:
        """Whether torch would take longer over so many rows."""
        busy = len(self.segments(n_rows, flows=True))
        idle = max(1.0, torch.get_num_threads() / busy)
        least = min(self.built.units, self.built.leaf_units)
        alike = self.most_units <= max(LANES, MOST_RATIO_OF_UNITS * least)
        return n_rows >= LEAST_ROWS and alike and idle * self.most_units <= MOST_UNITS

    def block(self, n_rows: int, dtype: torch.dtype) -> int:
        """Rows of a block where a segment has so many, a multiple of the tile."""
        nodes = self.n_partitions + self.n_slots + self.n_edges + len(self.leaves.entries)
        size = max(MOST_BYTES // (nodes * self.width * dtype.itemsize), LEAST_ROWS_OF_BLOCK)
        most = max(TILE, min(size // TILE * TILE, MOST_ROWS))
        n_blocks = -(-n_rows // most)
        return -(-n_rows // (n_blocks * TILE)) * TILE

    def segments(self, n_rows: int, *, flows: bool) -> list[tuple[int, int]]:
        """First row of each segment and the one after its last; all but the last of whole tiles."""
        if flows:
            sums = (self.n_edges * self.most_units + self.leaves.shape[0]) * self.width
            most = min(MOST_SEGMENTS, MOST_SUMS // sums, n_rows // LEAST_ROWS_OF_SEGMENT)
            n = 1 << max(1, most).bit_length() - 1
        else:
            # Rows alone share nothing.
            n = max(1, min(torch.get_num_threads(), n_rows // LEAST_ROWS))
        size = -(-n_rows // (n * TILE)) * TILE
        return [(first, min(first + size, n_rows)) for first in range(0, n_rows, size)]

    def run(
        self,
        leaves: Tensor,
        sums: Sequence[Tensor],
        values: Values,
        dtype: torch.dtype,
        space: Memory,
        row_weights: Tensor | None = None,
        exponent: float = 1.0,
    ) -> Found:
        """Upward, and with weights of the rows downward, through all nodes.

        Parameters
        ----------
        leaves : Tensor (N, K)
            Packed parameters.
        sums : sequence of Tensor (Q, O, I)
            Weights of every layer of sums, leaves first, and of the root.
        values : Values
        dtype : torch.dtype
            Of the passes.
        space : Memory
            Of this circuit and thread.
        row_weights : Tensor (B,), optional
        exponent : float
            Tempering exponent of the root, see `layers.root`.
        """
        n_rows, flows = values.codes.shape[1], row_weights is not None
        segments = self.segments(n_rows, flows=flows)
        block = self.block(segments[0][1], dtype)
        program = self._struct(n_rows, block, exponent)
        packing = _Packing(self, leaves, sums, flows)
        rows = _Rows(self, values, row_weights, dtype)
        shared = {**self._shared(dtype, space), **rows.arrays}
        _typed("pack", dtype)(program, packing.struct, ArraysStruct(**shared))
        own = [self._own(i, block, dtype, space, flows) for i in range(len(segments))]
        arrays = [ArraysStruct(**shared, **mine.arrays) for mine in own]
        run = _typed("passes", dtype)
        share(lambda i: run(program, arrays[i], *segments[i]), len(segments))
        if not flows:
            return Found(rows.root, rows.root, [], packing.sums, None)
        for other in own[1:]:
            for mine, more in zip(own[0].sums, other.sums, strict=True):
                mine += more
        _typed("unpack", dtype)(program, packing.struct, arrays[0])
        return Found(rows.root, rows.objective, packing.counts, packing.sums, rows.leaf_flows)

    def _shared(self, dtype: torch.dtype, space: Memory) -> Arrays:
        """Memory of the parameters as the passes read them."""
        n_leaves = self.leaves.shape[0] - self.leaves.n_table_rows
        floats = {**self._counted, "transposed": self._counted["counts"]}
        floats["leaf_densities"] = n_leaves * self.width
        floats["weights"] = floats.pop("counts")
        floats["root_weights"] = floats.pop("root_counts")
        floats["tables"] = floats.pop("table_counts")
        doubles = {"leaf_tables": n_leaves * self.width, "leaf_highest": n_leaves}
        doubles["copies"] = COPIES * self.leaves.shape[1]
        return _memory("parameters", floats, doubles, dtype, space)[0]

    @property
    def _counted(self) -> dict[str, int]:
        """Numbers of the counts of a segment."""
        return {
            "counts": self.n_edges * self.most_units * self.width,
            "root_counts": len(self.top) * self.width,
            "table_counts": self.leaves.n_table_rows * self.width,
        }

    def _own(self, i: int, block: int, dtype: torch.dtype, space: Memory, flows: bool) -> "_Own":
        """Memory of segment i: of the nodes of a block, and of its sums, which are zero."""
        node, n_leaves = block * self.width, len(self.leaves.entries)
        counted = self._counted if flows else {}
        leaf_sums = (self.leaves.shape[0] - self.leaves.n_table_rows) * self.width if flows else 0
        floats = {
            **counted,
            "partitions": self.n_partitions * node,
            "edges": self.n_edges * node,
            "leaf_values": n_leaves * node,
            "ratio": node,
            "into": node,
        }
        if flows:
            floats["flows"] = self.n_slots * node
        doubles = {
            "leaf_sums": leaf_sums,
            "logs": self.n_partitions * block,
            "leaf_maxima": n_leaves * block,
            "row": self.width,
            "shares": len(self.top),
            "sums": len(self.top),
        }
        arrays, of_floats, of_doubles = _memory(f"segment {i}", floats, doubles, dtype, space)
        sums = [of_floats[: sum(map(_whole, counted.values()))], of_doubles[: _whole(leaf_sums)]]
        for counts in sums:
            counts.zero_()
        return _Own(arrays, sums)

    def _struct(self, n_rows: int, block: int, exponent: float) -> ProgramStruct:
        leaves = self.leaves
        return ProgramStruct(
            n_rows, self.n_partitions, len(self.top), len(leaves.entries),
            self.n_slots, leaves.n_table_rows,
            *(x.data_ptr() for x in (self.first_factor, self.factors, self.child, self.top)),
            *(x.data_ptr() for x in (self.slot, *self.tables, *self.places, self.first_entry)),
            self.entries.data_ptr(), exponent, self.built.units, self.built.leaf_units,
            self.most_units, self.width, block,
        )  # fmt: skip


class _Own(NamedTuple):
    """Memory of a segment, and the tensors of its sums."""

    arrays: Arrays
    sums: list[Tensor]


class _Packing:
    """Parameters and memory for their expected statistics, with what keeps them there."""

    def __init__(
        self, program: Program, leaves: Tensor, sums: Sequence[Tensor], flows: bool
    ) -> None:
        self.leaves = checked(leaves, program.leaves.shape)
        self.weights = [checked(w, shape) for w, shape in zip(sums, program.shapes, strict=True)]
        self.counts = [torch.empty_like(w) for w in self.weights] if flows else []
        self.sums = torch.empty_like(self.leaves) if flows else self.leaves[:0]
        self._of_weights, self._of_counts = _addresses(self.weights), _addresses(self.counts)
        self.struct = PackingStruct(
            len(program.shapes) - 1, program.n_groups,
            program.first_edge.data_ptr(), program.inputs.data_ptr(),
            ctypes.addressof(self._of_weights), ctypes.addressof(self._of_counts),
            self.leaves.data_ptr(), self.sums.data_ptr(), program.groups.data_ptr(),
        )  # fmt: skip


class _Rows:
    """Cells and weights of rows, and what is found of each, with what keeps them there."""

    def __init__(
        self, program: Program, values: Values, row_weights: Tensor | None, dtype: torch.dtype
    ) -> None:
        leaves, n_rows = program.leaves, values.codes.shape[1]
        self.codes = checked(values.codes, (leaves.n_cells, n_rows), torch.int32)
        self.numbers = checked(values.numbers, (leaves.n_cells, n_rows))
        self.outside = values.outside
        if not all(leaves.entries):
            assert values.outside is not None
            shape = (len(leaves.entries) * n_rows, leaves.shape[1])
            self.outside = checked(values.outside, shape)
        self.row_weights = None if row_weights is None else checked(row_weights, (n_rows,))
        into = None if row_weights is None else self.outside
        self.leaf_flows = None if into is None else torch.zeros_like(into, dtype=dtype)
        self.root = torch.empty(n_rows, dtype=torch.float64)
        self.objective = torch.empty(n_rows, dtype=torch.float64)

    @property
    def arrays(self) -> Arrays:
        """Where they stand."""
        found = {"codes": self.codes, "numbers": self.numbers, "leaf_logs": self.outside}
        found |= {"row_weights": self.row_weights, "leaf_flows": self.leaf_flows}
        found |= {"root": self.root, "objective": self.objective}
        return {name: None if x is None else x.data_ptr() for name, x in found.items()}


def _memory(
    name: str, floats: dict[str, int], doubles: dict[str, int], dtype: torch.dtype, space: Memory
) -> tuple[Arrays, Tensor, Tensor]:
    """Memory for so many numbers of the type of the passes, and of float64, one after another."""
    arrays: Arrays = {}
    tensors: list[Tensor] = []
    for sizes, of_type in ((floats, dtype), (doubles, torch.float64)):
        total = sum(map(_whole, sizes.values()))
        kept = space.empty(f"{name}, {len(tensors)}", (total,), _LIKE, of_type)
        tensors.append(kept)
        start, size = kept.data_ptr(), kept.element_size()
        for one, n in sizes.items():
            arrays[one] = start
            start += _whole(n) * size
    return arrays, tensors[0], tensors[1]


def _whole(n: int) -> int:
    """Numbers up to the next vector, so that what comes next starts with one."""
    return -(-n // LANES) * LANES


def _addresses(tensors: Sequence[Tensor]) -> Any:
    return (ctypes.c_void_p * len(tensors))(*(x.data_ptr() for x in tensors))


def _typed(name: str, dtype: torch.dtype) -> Any:
    """The function of the library for a type."""
    return function(f"skpc_{name}_{'float' if dtype == torch.float32 else 'double'}")


def checked(x: Tensor, shape: tuple[int, ...], dtype: torch.dtype = torch.float64) -> Tensor:
    """The tensor without gaps and in a type.

    Raises
    ------
    ValueError
        If it has another shape: what C reads would not be there.
    """
    if x.shape != shape:
        raise ValueError(f"The compiled passes need {tuple(shape)} numbers, not {tuple(x.shape)}.")
    return x if x.dtype == dtype and x.is_contiguous() else x.to(dtype).contiguous()


def _integers(numbers: Sequence[int]) -> Tensor:
    return torch.tensor(list(numbers), dtype=torch.int64)
