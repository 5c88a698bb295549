"""What the compiled passes need to know of a circuit, and one run of them.

Axes: P partitions, Q edges, K units, K' units padded to whole vectors, R rows of a block, B rows, T
rows of tables, s leaf regions that have a sum above them, Z rows of the matrix of their values.

Rows go through the circuit in segments, several at once on several threads. Each has memory and
sums of its own, and the sums are added in the order of the rows: how many segments there are
depends on the circuit and on the number of rows, so results do not depend on that of threads.
"""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from .library import ArraysStruct, ProgramStruct, library
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


@dataclass
class Builder:
    """Collects the nodes of a circuit, leaves first; layers add themselves (`Layer.compiled`).

    Attributes
    ----------
    n_direct : int
        Leaf regions that products read without a sum; the first ones.
    units, leaf_units : int
        Of a sum and of a leaf region.
    first : dict
        Of each level the number of its first partition.
    factors : list of list of int
        Of each partition its edges, and -1 - i for the direct leaf region i.
    child : dict
        Of each edge its partition, or -1 - i for the leaf region i of those that have sums.
    layers : list of slice
        Edges of each layer of sums, in the order of the weights.
    top : list of int
        Partitions of the root.
    """

    n_direct: int
    units: int
    leaf_units: int
    first: dict[int, int] = field(default_factory=dict)
    factors: list[list[int]] = field(default_factory=list)
    child: dict[int, int] = field(default_factory=dict)
    layers: list[slice] = field(default_factory=list)
    top: list[int] = field(default_factory=list)

    def add_sums(self, level: int, children: Sequence[int], edges: slice) -> None:
        """Edges into regions of a level, each of which is the partition at its position."""
        for edge, child in zip(range(edges.start, edges.stop), children, strict=True):
            self.child[edge] = self.first[level] + child if level else -1 - child
        self.layers.append(edges)

    def add_products(self, level: int, factors: Sequence[Sequence[int]]) -> None:
        """The partitions of a level."""
        self.first[level] = len(self.factors)
        self.factors.extend(list(of_partition) for of_partition in factors)

    def add_root(self, level: int, n_nodes: int) -> None:
        """The partitions of the root, which are those of the last level."""
        self.top = [self.first[level] + i for i in range(n_nodes)]


class Tables(NamedTuple):
    """Where the densities of the values of direct leaf regions stand.

    Attributes
    ----------
    first, stride : list of int
        Of each region the row of its first value, and the rows from one value to the next.
    code_of : list of int
        Of each region the row of its codes.
    """

    first: list[int]
    stride: list[int]
    code_of: list[int]


class Places(NamedTuple):
    """Where the values of the other leaf regions stand in a matrix (Z, K).

    Regions of one scope stand together, all of them of the first row, then all of the second.

    Attributes
    ----------
    scope, copy, stride : list of int
        Of each region how many regions there are before its scope, which one of the scope it is,
        and how many the scope has.
    """

    scope: list[int]
    copy: list[int]
    stride: list[int]


class Leaves(NamedTuple):
    """Values of leaf regions that have a sum above them.

    Attributes
    ----------
    values : Tensor (Z, K)
        Their maximum over units taken out; after all rows there are a tile's more, see `Places`.
    logs : Tensor (Z,)
        The logarithm of the maximum, float64.
    """

    values: Tensor
    logs: Tensor


class Found(NamedTuple):
    """Results of a run; those after `root` only where flows were asked for.

    Attributes
    ----------
    root, objective : Tensor (B,)
        Log densities without log h, and what training raises; float64.
    counts : list of Tensor (Q, O, I)
        Expected counts of the weights, leaves first, the root last.
    tables : Tensor (T, K)
        Flows into the values of direct leaf regions.
    leaves : Tensor (Z, K)
        Flows into the other leaf regions.
    """

    root: Tensor
    objective: Tensor
    counts: list[Tensor]
    tables: Tensor
    leaves: Tensor


class Program:
    """The nodes of a circuit as the compiled passes read them.

    Parameters
    ----------
    built : Builder
        All layers of the circuit have added themselves.
    tables : Tables
    places : Places
    """

    def __init__(self, built: Builder, tables: Tables, places: Places) -> None:
        self.built = built
        self.n_edges = len(built.child)
        self.most_units = max(built.units, built.leaf_units)
        self.width = -(-self.most_units // LANES) * LANES
        children = [built.child[edge] for edge in range(self.n_edges)]
        _check(built, children)
        order = _depth_first(built)
        self.n_partitions = len(order)
        at = {partition: i for i, partition in enumerate(order)}
        starts = [0]
        for partition in order:
            starts.append(starts[-1] + len(built.factors[partition]))
        flat = [factor for partition in order for factor in built.factors[partition]]
        moved = [child if child < 0 else at[child] for child in children]
        self.first_factor, self.factors = _integers(starts), _integers(flat)
        self.child = _integers(moved)
        self.top = _integers([at[partition] for partition in built.top])
        self.tables = [_integers(numbers) for numbers in tables]
        self.places = [_integers(numbers) for numbers in places]

    def pays(self, n_rows: int) -> bool:
        """Whether torch would take longer over so many rows."""
        busy = len(self.segments(n_rows, flows=True))
        idle = max(1.0, torch.get_num_threads() / busy)
        least = min(self.built.units, self.built.leaf_units)
        alike = self.most_units <= max(LANES, MOST_RATIO_OF_UNITS * least)
        return n_rows >= LEAST_ROWS and alike and idle * self.most_units <= MOST_UNITS

    def block(self, n_rows: int, dtype: torch.dtype) -> int:
        """Rows of a block where a segment has so many, a multiple of the tile."""
        nodes = 2 * self.n_partitions + self.n_edges
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
        weights: Sequence[Tensor],
        tables: Tensor,
        codes: Tensor,
        leaves: Leaves,
        space: Memory,
        row_weights: Tensor | None = None,
        exponent: float = 1.0,
    ) -> Found:
        """Upward, and with weights of the rows downward, through all nodes.

        Parameters
        ----------
        weights : sequence of Tensor (Q, O, I)
            Of every layer of sums, leaves first, and of the root, in the type of the passes.
        tables : Tensor (T, K)
            Densities of the values of direct leaf regions.
        codes : Tensor (columns, B) of int32
            -1 where a cell is missing; else a row of the table, below the number of its values.
        leaves : Leaves
            Values in the type of the passes.
        space : Memory
            Of this circuit and thread.
        row_weights : Tensor (B,), optional
            float64.
        exponent : float
            Tempering exponent of the root, see `layers.root`.
        """
        dtype, n_rows = weights[-1].dtype, codes.shape[1]
        flows = row_weights is not None
        forward, backward = self._packed(weights, space)
        shared = {
            "weights": forward,
            "transposed": backward,
            "root_weights": _padded(weights[-1].view(len(self.built.top), -1), self.width),
            "tables": _padded(tables.to(dtype), self.width),
            "codes": codes.contiguous(),
            "leaves": leaves.values,
            "leaf_logs": leaves.logs,
            "row_weights": row_weights,
            "root": torch.empty(n_rows, dtype=torch.float64),
            "objective": torch.empty(n_rows, dtype=torch.float64),
            "leaf_flows": torch.zeros_like(leaves.values) if flows else None,
        }
        segments = self.segments(n_rows, flows=flows)
        block = self.block(segments[0][1], dtype)
        own = [
            {**self._memory(i, block, forward, space, flows), **_sums(i, shared, space, flows)}
            for i in range(len(segments))
        ]
        struct = ctypes.byref(self._struct(n_rows, block, exponent))
        arrays = [ctypes.byref(ArraysStruct(**_pointers({**shared, **mine}))) for mine in own]
        run = getattr(library(), f"skpc_passes_{'float' if dtype == torch.float32 else 'double'}")
        share(lambda i: run(struct, arrays[i], *segments[i]), len(segments))
        return self._found({**shared, **_added(own)}, weights, flows)

    def _memory(self, i: int, block: int, like: Tensor, space: Memory, flows: bool) -> Arrays:
        """Memory of segment i for the nodes of a block."""
        n, edges, node, doubles = self.n_partitions, self.n_edges, block * self.width, torch.float64
        sizes = {"partitions": n * node, "edges": edges * node, "ratio": node, "into": node}
        if flows:
            sizes["flows"] = n * node
        memory: Arrays = {name: space.empty(f"{name} {i}", (k,), like) for name, k in sizes.items()}
        memory["logs"] = space.empty(f"logs {i}", (n * block,), like, doubles)
        for name in ("shares", "sums"):
            memory[name] = torch.empty(len(self.top), dtype=doubles)
        return {"flows": None, **memory}

    def _packed(self, weights: Sequence[Tensor], space: Memory) -> tuple[Tensor, Tensor]:
        """Weights of all edges by [input][output] and by [output][input], (Q, units, K')."""
        shape = (self.n_edges, self.most_units, self.width)
        forward = space.empty("weights", shape, weights[-1])
        backward = space.empty("transposed weights", shape, weights[-1])
        if not self.built.units == self.built.leaf_units == self.width:
            forward.zero_()
            backward.zero_()
        for edges, of_layer in zip(self.built.layers, weights[:-1], strict=True):
            forward[edges, : of_layer.shape[2], : of_layer.shape[1]] = of_layer.transpose(1, 2)
            backward[edges, : of_layer.shape[1], : of_layer.shape[2]] = of_layer
        return forward, backward

    def _struct(self, n_rows: int, block: int, exponent: float) -> ProgramStruct:
        return ProgramStruct(
            n_rows, self.n_partitions, len(self.top),
            *(x.data_ptr() for x in (self.first_factor, self.factors, self.child, self.top)),
            *(x.data_ptr() for x in (*self.tables, *self.places)),
            exponent, self.built.units, self.built.leaf_units, self.most_units, self.width, block,
        )  # fmt: skip

    def _found(self, arrays: Arrays, weights: Sequence[Tensor], flows: bool) -> Found:
        root, objective = arrays["root"], arrays["objective"]
        if not flows:
            none = root.new_empty(0)
            return Found(root, root, [], none, none)
        counts, of_root = arrays["counts"], arrays["root_counts"][:, : self.built.units]
        of_layers = [
            counts[edges, : w.shape[2], : w.shape[1]].transpose(1, 2) * w
            for edges, w in zip(self.built.layers, weights[:-1], strict=True)
        ]
        tables = arrays["table_counts"][:, : self.built.leaf_units].contiguous()
        of_layers.append(of_root.reshape(1, 1, -1))
        return Found(root, objective, of_layers, tables, arrays["leaf_flows"])


def _sums(i: int, shared: Arrays, space: Memory, flows: bool) -> Arrays:
    """Where segment i adds its counts."""
    counted = {"counts": "weights", "root_counts": "root_weights", "table_counts": "tables"}
    if not flows:
        return dict.fromkeys(counted)
    return {
        name: space.empty(f"{name} {i}", shared[of].shape, shared[of]).zero_()
        for name, of in counted.items()
    }


def _added(segments: Sequence[Arrays]) -> Arrays:
    """The counts of all segments, added in order into those of the first one."""
    first, *others = segments
    for other in others:
        for name in ("counts", "root_counts", "table_counts"):
            if first[name] is not None:
                first[name] += other[name]
    return first


def _pointers(arrays: Arrays) -> dict[str, int | None]:
    return {name: None if x is None else x.data_ptr() for name, x in arrays.items()}


def _integers(numbers: Sequence[int]) -> Tensor:
    return torch.tensor(list(numbers), dtype=torch.int64)


def _padded(x: Tensor, width: int) -> Tensor:
    """Numbers (n, K) with zeros up to the width, (n, K'); contiguous."""
    padded = x.new_zeros((len(x), width))
    padded[:, : x.shape[1]] = x
    return padded


def _depth_first(built: Builder) -> list[int]:
    """Partitions, children right before their parents, so that caches still hold them."""
    order: dict[int, None] = {}
    left = [(partition, False) for partition in reversed(built.top)]
    while left:
        partition, is_done = left.pop()
        if is_done:
            order[partition] = None
        elif partition not in order:
            left.append((partition, True))
            edges = [factor for factor in built.factors[partition] if factor >= 0]
            left += [(built.child[edge], False) for edge in edges if built.child[edge] >= 0]
    return list(order)


def _check(built: Builder, children: Sequence[int]) -> None:
    """Refuse an index that points outside, and a child that is not before its parent."""
    n = len(built.factors)
    factors = [factor for of_partition in built.factors for factor in of_partition]
    inside = all(-built.n_direct <= factor < len(children) for factor in factors)
    inside &= all(child < n for child in children) and all(0 <= top < n for top in built.top)
    ordered = inside and all(
        factor < 0 or children[factor] < i
        for i, of_partition in enumerate(built.factors)
        for factor in of_partition
    )
    if not ordered:
        raise ValueError("The layers of a circuit name a node that is not below them.")
