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

from .builder import Builder, check, depth_first
from .leaves import LeafPlan, entry_structs, group_structs, starts
from .structs import ArraysStruct, PackingStruct, ProgramStruct, function
from .threads import share

# Units are padded to whole vectors of 64 bytes, and rows go through tiles of eight.
LANES, TILE = 16, 8

# Bytes of the values of all nodes for a block of rows, which the caches should hold, and the most
# rows of a block; with fewer than the least, weights are read from memory more often than values.
MOST_BYTES, MOST_ROWS, LEAST_ROWS_OF_BLOCK = 1_500_000, 64, 24

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


# Tensors by their names in `ArraysStruct`, None where the passes write none.
Arrays = dict[str, Any]

# Sums of a segment, each with what has its shape.
COUNTED = {
    "counts": "weights",
    "root_counts": "root_weights",
    "table_counts": "tables",
    "leaf_sums": "leaf_tables",
}


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
        self.top = _integers([at[partition] for partition in built.top])
        self.tables = [
            _integers([e.group.row + e.copy for e in leaves.direct]),
            _integers([e.group.copies for e in leaves.direct]),
            _integers([e.cell for e in leaves.direct]),
        ]
        self.places = [_integers(numbers) for numbers in leaves.places]
        self.first_entry, self.entries = _integers(starts(leaves.entries)), entry_structs(leaves)
        self.groups = group_structs(leaves.groups)
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
        nodes = 2 * self.n_partitions + self.n_edges + len(self.leaves.entries)
        size = max(MOST_BYTES // (nodes * self.width * dtype.itemsize), LEAST_ROWS_OF_BLOCK)
        most = max(TILE, min(size // TILE * TILE, MOST_ROWS))
        n_blocks = -(-n_rows // most)
        return -(-n_rows // (n_blocks * TILE)) * TILE

    def segments(self, n_rows: int, *, flows: bool) -> list[tuple[int, int]]:
        """First row of each segment and the one after its last; all but the last of whole tiles."""
        if flows:
            sums = max(1, self.n_edges) * self.most_units * self.width
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
        program, packing = self._struct(n_rows, block, exponent), self._packing(leaves, sums, flows)
        shared = {
            **self._packed(packing, program, dtype, space),
            **self._read(values, row_weights, dtype),
        }
        own = [
            {**self._memory(i, block, dtype, space, flows), **self._sums(i, shared, space, flows)}
            for i in range(len(segments))
        ]
        run = _typed("passes", dtype)
        arrays = [_arrays({**shared, **mine}) for mine in own]
        share(lambda i: run(program, arrays[i], *segments[i]), len(segments))
        if not flows:
            return Found(shared["root"], shared["root"], [], leaves[:0], None)
        _typed("unpack", dtype)(program, packing.struct, _arrays(_added(own)))
        outside = shared["leaf_flows"]
        return Found(shared["root"], shared["objective"], packing.counts, packing.sums, outside)

    def _packing(self, leaves: Tensor, sums: Sequence[Tensor], flows: bool) -> "_Packing":
        """The parameters, and memory for their expected statistics."""
        weights = [checked(w, shape) for w, shape in zip(sums, self.shapes, strict=True)]
        leaves = checked(leaves, self.leaves.shape)
        counts = [torch.empty_like(w) for w in weights] if flows else []
        return _Packing(self, leaves, weights, counts, torch.zeros_like(leaves) if flows else None)

    def _packed(
        self, packing: "_Packing", program: ProgramStruct, dtype: torch.dtype, space: Memory
    ) -> Arrays:
        """Parameters as the passes read them."""
        n, t = self.leaves.shape[0], self.leaves.n_table_rows
        edges = (self.n_edges, self.most_units, self.width)
        like = torch.empty(0, dtype=dtype)
        packed: Arrays = {
            "weights": space.empty("weights", edges, like),
            "transposed": space.empty("transposed weights", edges, like),
            "root_weights": space.empty("root", (len(self.built.top), self.width), like),
            "tables": space.empty("tables", (t, self.width), like),
            "leaf_tables": space.empty("leaves", (n - t, self.width), like, torch.float64),
        }
        _typed("pack", dtype)(program, packing.struct, _arrays(packed))
        return packed

    def _read(self, values: Values, row_weights: Tensor | None, dtype: torch.dtype) -> Arrays:
        """Cells and weights of the rows, and what is written of them."""
        n_rows = values.codes.shape[1]
        cells = (self.leaves.n_cells, n_rows)
        outside = values.outside
        if any(not entries for entries in self.leaves.entries):
            assert outside is not None
            outside = checked(outside, (len(self.leaves.entries) * n_rows, self.leaves.shape[1]))
        if row_weights is not None:
            row_weights = checked(row_weights, (n_rows,))
        into = None if row_weights is None else outside
        return {
            "codes": checked(values.codes, cells, torch.int32),
            "numbers": checked(values.numbers, cells),
            "leaf_logs": outside,
            "row_weights": row_weights,
            "root": torch.empty(n_rows, dtype=torch.float64),
            "objective": torch.empty(n_rows, dtype=torch.float64),
            "leaf_flows": None if into is None else torch.zeros_like(into, dtype=dtype),
        }

    def _memory(self, i: int, block: int, dtype: torch.dtype, space: Memory, flows: bool) -> Arrays:
        """Memory of segment i for the nodes of a block."""
        n, n_leaves, node = self.n_partitions, len(self.leaves.entries), block * self.width
        sizes = {"partitions": n, "edges": self.n_edges, "leaf_values": n_leaves}
        sizes |= {"ratio": 1, "into": 1}
        if flows:
            sizes["flows"] = n
        like, doubles = torch.empty(0, dtype=dtype), torch.float64
        memory: Arrays = {
            name: space.empty(f"{name} {i}", (nodes * node,), like) for name, nodes in sizes.items()
        }
        memory["logs"] = space.empty(f"logs {i}", (n * block,), like, doubles)
        memory["leaf_maxima"] = space.empty(f"maxima {i}", (n_leaves * block,), like, doubles)
        memory["row"] = space.empty(f"row {i}", (self.width,), like, doubles)
        for name in ("shares", "sums"):
            memory[name] = space.empty(f"{name} {i}", (len(self.top),), like, doubles)
        return {"flows": None, **memory}

    def _sums(self, i: int, shared: Arrays, space: Memory, flows: bool) -> Arrays:
        """Where segment i adds its counts."""
        if not flows:
            return dict.fromkeys(COUNTED)
        return {
            name: space.empty(f"{name} {i}", shared[of].shape, shared[of]).zero_()
            for name, of in COUNTED.items()
        }

    def _struct(self, n_rows: int, block: int, exponent: float) -> ProgramStruct:
        leaves = self.leaves
        return ProgramStruct(
            n_rows, self.n_partitions, len(self.top), len(leaves.entries), leaves.n_table_rows,
            *(x.data_ptr() for x in (self.first_factor, self.factors, self.child, self.top)),
            *(x.data_ptr() for x in (*self.tables, *self.places, self.first_entry)),
            ctypes.addressof(self.entries), exponent, self.built.units, self.built.leaf_units,
            self.most_units, self.width, block,
        )  # fmt: skip


class _Packing:
    """Parameters and their expected statistics, with what keeps them in memory."""

    def __init__(
        self,
        program: Program,
        leaves: Tensor,
        weights: list[Tensor],
        counts: list[Tensor],
        sums: Tensor | None,
    ) -> None:
        self.leaves, self.weights, self.counts = leaves, weights, counts
        self.sums = leaves[:0] if sums is None else sums
        self._of_weights, self._of_counts = _addresses(weights), _addresses(counts)
        self.struct = PackingStruct(
            len(program.shapes) - 1, len(program.groups),
            program.first_edge.data_ptr(), program.inputs.data_ptr(),
            ctypes.addressof(self._of_weights), ctypes.addressof(self._of_counts),
            leaves.data_ptr(), self.sums.data_ptr(), ctypes.addressof(program.groups),
        )  # fmt: skip


def _addresses(tensors: Sequence[Tensor]) -> Any:
    return (ctypes.c_void_p * len(tensors))(*(x.data_ptr() for x in tensors))


def _typed(name: str, dtype: torch.dtype) -> Any:
    """The function of the library for a type."""
    return function(f"skpc_{name}_{'float' if dtype == torch.float32 else 'double'}")


def _arrays(arrays: Arrays) -> ArraysStruct:
    return ArraysStruct(**{n: None if x is None else x.data_ptr() for n, x in arrays.items()})


def checked(x: Tensor, shape: tuple[int, ...], dtype: torch.dtype = torch.float64) -> Tensor:
    """The tensor without gaps and in a type.

    Raises
    ------
    ValueError
        If it has another shape: what C reads would not be there.
    """
    if x.shape != shape:
        raise ValueError(f"The compiled passes need {tuple(shape)} numbers, not {tuple(x.shape)}.")
    return x.to(dtype).contiguous()


def _added(segments: Sequence[Arrays]) -> Arrays:
    """The counts of all segments, added in order into those of the first one."""
    first, *others = segments
    for other in others:
        for name in COUNTED:
            first[name] += other[name]
    return {name: first[name] for name in COUNTED}


def _integers(numbers: Sequence[int]) -> Tensor:
    return torch.tensor(list(numbers), dtype=torch.int64)
