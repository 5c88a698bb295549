"""A circuit: layers over a region graph, and the three passes through them.

Axes: B rows, D columns, F leaf regions, N rows of packed leaves, K units, Q edges.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from .. import native
from ..leaves import Leaf
from ..structures import RegionGraph
from .block_statistics import BlockStatistics
from .build import build_layers, direct_leaves
from .cells import Cells
from .compiled_leaves import has_m_step, leaf_plan
from .inputs import InputLayer
from .knowing import Widening, n_slots, widened
from .layout import check_groups
from .leaf_blocks import BlockPlan, plan_blocks
from .memory import LARGEST, Space
from .partly import Partly
from .trace import Choice, Flow, Trace
from .unit_rows import add_expected, unit_rows

# Most rows of a block in which cells are known in part, and circuits with slots that are kept.
PARTLY_ROWS, MOST_KNOWING = 256, 16


@dataclass(frozen=True)
class Parameters:
    """Numbers of a circuit: packed leaves and the weights of its sums.

    Attributes
    ----------
    leaves : Tensor (N, K)
        Natural parameters, and in the rows of counts -A, A the log partition; see `leaf_blocks`.
    sums : tuple of Tensor (F, O, I)
        Weights of every layer that has weights, leaves first; they add to one over I.
    """

    leaves: Tensor
    sums: tuple[Tensor, ...]

    def to(self, dtype: torch.dtype, leaf_dtype: torch.dtype) -> "Parameters":
        """The same numbers in other types."""
        # Where one row is scored, this test is cheaper than a call to each tensor.
        if self.leaves.dtype == leaf_dtype and all(w.dtype == dtype for w in self.sums):
            return self
        return Parameters(self.leaves.to(leaf_dtype), tuple(w.to(dtype) for w in self.sums))

    def on(self, device: torch.device) -> "Parameters":
        """The same numbers on a device."""
        return Parameters(self.leaves.to(device), tuple(w.to(device) for w in self.sums))


class Expected(NamedTuple):
    """Expected counts of some rows.

    Attributes
    ----------
    leaves : Tensor (N, K)
        Flow-weighted sums of statistics and counts, float64.
    sums : list of Tensor (F, O, I)
        Expected counts of every weight, float64.
    root, objective : Tensor (B,)
        Log densities without log h, and the function of which the flows are the gradient.
    log_base : Tensor (B,)
        Sum of log h over observed cells.
    """

    leaves: Tensor
    sums: list[Tensor]
    root: Tensor
    objective: Tensor
    log_base: Tensor


class Circuit:
    """A smooth, decomposable circuit of folded layers, without the numbers in `Parameters`.

    Parameters
    ----------
    graph : RegionGraph
    families : sequence of Leaf
        One per column, or per group.
    layer : {"cp", "tucker"}
    n_sums, n_leaves : int
        Units of a sum region and of a leaf region.
    device : torch.device
    groups : sequence of tuple of int, optional
        The columns that each leaf owns; one each, in order, by default.
    plans : sequence of BlockPlan, optional
        Blocks of the leaf regions, if they shall be those of another circuit with this graph.
    """

    def __init__(
        self,
        graph: RegionGraph,
        families: Sequence[Leaf],
        layer: str,
        n_sums: int,
        n_leaves: int,
        device: torch.device,
        groups: Sequence[tuple[int, ...]] | None = None,
        plans: Sequence[BlockPlan] | None = None,
    ) -> None:
        groups = [(v,) for v in range(len(families))] if groups is None else groups
        check_groups(graph, families, groups)
        self.device = device
        self._made_of = graph, families, layer, n_sums, n_leaves, groups
        self._knowing: dict[tuple[tuple[int, ...], int], tuple[Circuit, Widening]] = {}
        # Of every column the value at which evidence begins, where cells may be known in part.
        self.slots: list[int] | None = None
        if plans is None:
            direct = direct_leaves(graph, families, groups, layer, n_leaves, n_sums)
            plans = plan_blocks(graph, families, groups, direct)
        self.plans = plans
        self.n_direct = sum(len(r) for plan in plans if plan.direct for r in plan.regions)
        order = [region for plan in plans for of_scope in plan.regions for region in of_scope]
        self.levels, self.layers = build_layers(
            graph, layer, n_leaves, n_sums, device, order, self.n_direct
        )
        self.inputs = InputLayer(plans, families, groups, n_leaves, device)
        self.n_sums = n_sums
        edges = sum(len(level.edges) for level in self.levels) if layer == "cp" else 0
        self.n_edges = edges - self.n_direct
        self.program: native.Program | None = None
        self.reader: native.Reader | None = None
        self.updates: native.Updates | None = None
        if device.type == "cpu" and native.available():
            self._compile(leaf_plan(self.inputs, plans, families, groups))
        self.weighted = [layer for layer in self.layers if layer.shape is not None]

    def _compile(self, leaves: native.LeafPlan) -> None:
        """The compiled form of the layers and of the leaves, where they have one."""
        built = native.Builder(self.n_direct, self.n_sums, self.inputs.n_units)
        if all(layer.compiled(built) for layer in self.layers):
            self.program = native.Program(built, leaves)
            self.updates = native.Updates(leaves)
            parts = self.inputs.parts
            self.other_parts = [(family, part) for family, part in parts if not has_m_step(family)]
            self.reader = native.Reader(leaves.columns) if leaves.columns else None

    @property
    def passes(self) -> str:
        """What computes them: "torch" or "compiled C"."""
        return "torch" if self.program is None else "compiled C"

    @property
    def n_parameters(self) -> int:
        """Number of free parameters: those of the leaves, and for each sum its weights less one."""
        leaves = sum(len(g.group_of) * g.family.n_free for g in self.inputs.folds)
        sums = sum(
            int(layer.mask.sum()) * layer.shape[1] - layer.shape[0] * layer.shape[1]
            if layer.mask is not None
            else layer.shape[0] * layer.shape[1] * (layer.shape[2] - 1)
            for layer in self.weighted
            if layer.shape is not None
        )
        return leaves * self.inputs.n_units + sums

    @cached_property
    def floats_per_row(self) -> int:
        """Numbers per row in the largest tensor of the passes."""
        regions, units = self.inputs.n_regions, self.inputs.n_units
        above = [layer.floats_per_row for layer in self.weighted]
        return max(self.inputs.n_rows_of_phi, regions * units, self.n_edges * self.n_sums, *above)

    @cached_property
    def block_rows(self) -> int:
        """Rows of a block, whose largest tensor fills at most 32 MB in float32.

        Tensors up to that size are kept for the next block (`memory.Space`). The system would
        provide larger ones as fresh pages each time, which costs more than the arithmetic on them.
        """
        return max(16, min(4096, LARGEST // self.floats_per_row))

    def rows_of_block(self, cells: Cells) -> int:
        """Rows of a block of a table; fewer where each row may add a value to columns of codes."""
        return self.block_rows if cells.partly is None else min(self.block_rows, PARTLY_ROWS)

    @cached_property
    def draw_rows(self) -> int:
        """Rows that are drawn at once: the probabilities of a layer's choices fill about 64 MB."""
        columns = self.inputs.n_columns
        widest = max(min(s[0], columns) * s[2] for s in (e.shape for e in self.weighted) if s)
        statistics = sum(g.family.n_statistics * len(g.columns) for g in self.inputs.folds)
        return max(64, min(16_384, 8_000_000 // max(widest, statistics)))

    def leaf_dtype(self, dtype: torch.dtype) -> torch.dtype:
        """Type of the leaves' product: float64 where a family cancels digits."""
        return torch.float64 if self.inputs.precise else dtype

    def typed(self, parameters: Parameters, dtype: torch.dtype) -> Parameters:
        """Parameters for many calls of passes in a type; compiled ones read them as they are."""
        if self.reader is not None:
            return parameters
        return parameters.to(dtype, self.leaf_dtype(dtype))

    def _weights(self, parameters: Parameters) -> list[tuple]:
        """Each layer with its weights, leaves first."""
        sums = iter(parameters.sums)
        return [(layer, next(sums) if layer.shape else None) for layer in self.layers]

    def knowing(self, parameters: Parameters, rows: Cells) -> tuple["Circuit", Parameters, Cells]:
        """A circuit that reads the cells of B rows that are known in part, with its parameters.

        It is this one where there are none.
        """
        if rows.partly is None or self.slots is not None:
            return self, parameters, rows
        rows = rows.to(self.device)
        assert rows.partly is not None
        partly = rows.partly.used()
        circuit, widening = self._widened(partly)
        wide = Parameters(widening.parameters(parameters.leaves, partly), parameters.sums)
        return circuit, wide, Cells(rows.values, rows.atoms, partly)

    def _widened(self, partly: Partly) -> tuple["Circuit", Widening]:
        """The same circuit with slots for evidence; one is built for each power of two of them."""
        key = partly.columns, n_slots(partly)
        if key not in self._knowing:
            if len(self._knowing) == MOST_KNOWING:
                self._knowing.clear()
            graph, families, layer, n_sums, n_leaves, groups = self._made_of
            wide, starts = widened(families, groups, *key)
            sizes = n_sums, n_leaves
            circuit = Circuit(graph, wide, layer, *sizes, self.device, groups, self.plans)
            circuit.slots = starts
            widening = Widening(self.inputs, circuit.inputs, self.plans)
            self._knowing[key] = circuit, widening
        return self._knowing[key]

    def _read(self, cells: Cells) -> Cells:
        return cells if self.slots is None else cells.spelled(self.slots)

    def gather(self, cells: Cells, dtype: torch.dtype) -> BlockStatistics:
        """Statistics of B rows for the leaf regions, for passes in the type `dtype`."""
        cells = self._read(cells).to(self.device, self.leaf_dtype(dtype))
        return self.inputs.gather(cells, dtype)

    def forward(
        self,
        parameters: Parameters,
        statistics: BlockStatistics,
        dtype: torch.dtype,
        space: Space | None = None,
    ) -> Trace:
        """Values of all units, leaves to root.

        Parameters
        ----------
        parameters : Parameters
            In the types of `Parameters.to(dtype, self.leaf_dtype(dtype))`.
        statistics : BlockStatistics
            From `gather`.
        dtype : torch.dtype
            Of the layers above the leaves, as in `gather`.
        space : Space, optional
            Memory of an earlier block, whose trace is not needed any more.

        Returns
        -------
        Trace
            Its root holds log densities without `BlockStatistics.log_base`, (B,).
        """
        phi, space = statistics.phi, space or Space()
        n_rows = phi.shape[1]
        trace = Trace(
            edges=space.empty("edges", (self.n_edges, self.n_sums, n_rows), phi, dtype),
            edge_logs=phi.new_zeros((self.n_edges, 1, n_rows), dtype=dtype),
            space=space,
        )
        if self.n_direct:
            trace.direct = self.inputs.direct(parameters.leaves, statistics)
        if self.inputs.n_summed:
            trace.regions[0] = self.inputs.forward(parameters.leaves, statistics)
        for layer, weights in self._weights(parameters):
            layer.forward(weights, trace)
        return trace

    def log_density(
        self, parameters: Parameters, cells: Cells, dtype: torch.dtype, space: Space | None = None
    ) -> Tensor:
        """Log density of B rows, (B,); missing cells are integrated out."""
        if cells.partly is not None and self.slots is None:
            circuit, parameters, cells = self.knowing(parameters, cells)
            return circuit.log_density(parameters, cells, dtype, space)
        if self._is_compiled(len(cells)):
            found = self.run_compiled(parameters, cells, dtype, space)
            return (found.root + found.log_base).to(dtype)
        statistics = self.gather(cells, dtype)
        parameters = parameters.to(dtype, self.leaf_dtype(dtype))
        trace = self.forward(parameters, statistics, dtype, space)
        return trace.root + statistics.log_base.to(dtype)

    def expected(
        self,
        parameters: Parameters,
        cells: Cells,
        weights: Tensor,
        dtype: torch.dtype,
        exponent: float = 1.0,
        space: Space | None = None,
    ) -> Expected:
        """The E-step on B rows of weights (B,), float64, by passes in a type; see `flows`."""
        if cells.partly is not None and self.slots is None:
            circuit, wide, cells = self.knowing(parameters, cells)
            assert cells.partly is not None
            found = circuit.expected(wide, cells, weights, dtype, exponent, space)
            _, widening = self._widened(cells.partly)
            return found._replace(leaves=widening.counts(found.leaves, wide.leaves, cells.partly))
        if self._is_compiled(len(cells)):
            return self.run_compiled(parameters, cells, dtype, space, weights, exponent)
        statistics = self.gather(cells, dtype)
        parameters = parameters.to(dtype, self.leaf_dtype(dtype))
        trace = self.forward(parameters, statistics, dtype, space)
        flows, counts, objective = self.flows(parameters, trace, weights.to(dtype), exponent)
        leaves = self.inputs.expected_statistics(parameters.leaves, flows, statistics)
        return Expected(
            leaves,
            [of_layer.double() for of_layer in counts],
            trace.root,
            objective,
            statistics.log_base,
        )

    def _is_compiled(self, n_rows: int) -> bool:
        return self.program is not None and self.program.pays(n_rows)

    def run_compiled(
        self,
        parameters: Parameters,
        cells: Cells,
        dtype: torch.dtype,
        space: Space | None = None,
        weights: Tensor | None = None,
        exponent: float = 1.0,
    ) -> Expected:
        """The compiled passes on B rows; with weights (B,), float64, downward as well."""
        assert self.program is not None
        leaves, statistics = parameters.leaves, None
        if self.reader is not None:
            read = self._read(cells)
            values, log_base = self.reader.read(read.values, read.atoms)
        else:
            statistics = self.gather(cells, dtype)
            codes, log_base = self.inputs.codes(statistics), statistics.log_base
            outside = unit_rows(self.inputs, leaves, statistics)
            values = native.Values(codes, torch.zeros(codes.shape, dtype=torch.float64), outside)
        space = space or Space()
        found = self.program.run(leaves, parameters.sums, values, dtype, space, weights, exponent)
        if statistics is not None and found.outside is not None:
            add_expected(self.inputs, leaves, statistics, found.outside, found.leaves)
        return Expected(found.leaves, found.sums, found.root, found.objective, log_base)

    def flows(
        self, parameters: Parameters, trace: Trace, root: Tensor, exponent: float = 1.0
    ) -> tuple[Tensor, list[Tensor], Tensor]:
        """Flows of all units, root to leaves, for rows of weight root (B,).

        With a tempering exponent other than 1 the root shares rows as in `layers.root`.

        Returns
        -------
        flows : Tensor (F, K, B)
            Into the leaf regions.
        counts : list of Tensor (F, O, I)
            Expected counts of the weights, leaves first.
        objective : Tensor (B,)
            The function of which the flows are the gradient; for exponent 1 that is the log
            density without log h.
        """
        edges = trace.space.empty("edge flows", trace.edges.shape, trace.edges)
        flow = Flow(root=root, edges=edges, exponent=exponent)
        counts = self._downward(parameters, trace, flow)
        objective = trace.root if flow.objective is None else flow.objective
        return self._into_leaves(flow), counts, objective

    def leaf_derivatives(self, parameters: Parameters, trace: Trace) -> Tensor:
        """Posterior probabilities of the leaf regions' units over their values, (F, K, B).

        Values are those of the trace: scaled ones of regions with a sum, densities of direct ones.
        Where a value underflows the derivative does not, so that it tells what a row would say of
        the units without the cells of the region.
        """
        edges = trace.space.empty("edge flows", trace.edges.shape, trace.edges)
        flow = Flow(root=torch.ones_like(trace.root), edges=edges, divided=True)
        self._downward(parameters, trace, flow)
        return self._into_leaves(flow)

    def _downward(self, parameters: Parameters, trace: Trace, flow: Flow) -> list[Tensor]:
        """Pass flows from the root to the leaves; expected counts of the weights, leaves first."""
        counts = []
        for layer, weights in reversed(self._weights(parameters)):
            of_layer = layer.flows(weights, trace, flow)
            if of_layer is not None:
                counts.append(of_layer)
        return counts[::-1]

    def _into_leaves(self, flow: Flow) -> Tensor:
        """Flows into the leaf regions, (F, K, B)."""
        if not self.n_direct:
            return flow.regions[0]
        first = flow.direct[0][1]
        into = first.new_empty((self.inputs.n_regions, *first.shape[1:]))
        for regions, of_regions in flow.direct:
            regions.put(into[: self.n_direct], of_regions)
        if self.inputs.n_summed:
            into[self.n_direct :] = flow.regions[0]
        return into

    def choose(
        self,
        parameters: Parameters,
        trace: Trace,
        n_rows: int,
        generator: torch.Generator | None,
    ) -> Tensor:
        """Units of the leaf regions, one sub-circuit per row, drawn given the evidence.

        Without a generator the likeliest input is taken at every choice.

        Parameters
        ----------
        trace : Trace
            Of n_rows rows, or of one row that serves for all.

        Returns
        -------
        Tensor (F, n_rows)
            Unit of each leaf region, -1 where the region is not in the row's sub-circuit.
        """
        unchosen = torch.full((self.n_direct + self.n_edges, n_rows), -1, device=self.device)
        choice = Choice(direct=unchosen[: self.n_direct], edges=unchosen[self.n_direct :])
        for layer, weights in reversed(self._weights(parameters)):
            layer.choose(weights, trace, choice, generator)
        others = choice.regions.get(0)
        return choice.direct if others is None else torch.cat([choice.direct, others])


def product_mixture(families: Sequence[Leaf], n_units: int, device: torch.device) -> Circuit:
    """A mixture of products of leaves, of one column each: one leaf region of all columns."""
    graph = RegionGraph([range(len(families))], [])
    return Circuit(graph, families, "cp", n_units, n_units, device)
