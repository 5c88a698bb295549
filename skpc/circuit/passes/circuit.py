"""A circuit: layers over a region graph, and the three passes through them.

Axes: B rows, D columns, F leaf regions, S slots, K units, Q edges.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..leaves import Leaf
from ..structures.region_graph import RegionGraph
from .block_statistics import Slots
from .build import build_layers, direct_leaves
from .inputs import InputLayer
from .selection import Placed
from .trace import LARGEST, Choice, Flow, Space, Trace, from_logs


@dataclass(frozen=True)
class Parameters:
    """Numbers of a circuit: packed leaves and the weights of its sums.

    Attributes
    ----------
    leaves : Tensor (F, S, K)
        Natural parameters, and -A in the slots of counts.
    sums : tuple of Tensor (F, O, I)
        Weights of every layer that has some, leaves first; they add to one over I.
    """

    leaves: Tensor
    sums: tuple[Tensor, ...]

    def to(self, dtype: torch.dtype, leaf_dtype: torch.dtype) -> "Parameters":
        """The same numbers in other types."""
        # Looking is cheaper than asking each tensor, where a row is scored alone.
        if self.leaves.dtype == leaf_dtype and all(w.dtype == dtype for w in self.sums):
            return self
        return Parameters(self.leaves.to(leaf_dtype), tuple(w.to(dtype) for w in self.sums))


class Circuit:
    """A smooth, decomposable circuit of folded layers. It holds no numbers of its own.

    Parameters
    ----------
    graph : RegionGraph
    families : sequence of Leaf
        One a column.
    layer : {"cp", "tucker"}
    n_sums, n_leaves : int
        Units of a sum region and of a leaf region.
    device : torch.device
    """

    def __init__(
        self,
        graph: RegionGraph,
        families: Sequence[Leaf],
        layer: str,
        n_sums: int,
        n_leaves: int,
        device: torch.device,
    ) -> None:
        if graph.n_variables != len(families):
            raise ValueError(
                f"The region graph covers {graph.n_variables} columns, "
                f"the table has {len(families)}."
            )
        self.device = device
        direct = direct_leaves(graph, families, layer, n_leaves, n_sums)
        self.n_direct = len(direct)
        self.levels, self.layers = build_layers(graph, layer, n_leaves, n_sums, device, direct)
        scopes = [graph.regions[region] for region in self.levels[0].regions]
        self.inputs = InputLayer(scopes, families, n_leaves, device, len(direct))
        self.n_sums = n_sums
        edges = sum(len(level.edges) for level in self.levels) if layer == "cp" else 0
        self.n_edges = edges - self.n_direct
        self.weighted = [layer for layer in self.layers if layer.shape is not None]

    @property
    def n_parameters(self) -> int:
        """Free numbers: leaf statistics and sum weights less one a sum."""
        leaves = sum(len(g.column_of) * g.family.n_free for g in self.inputs.groups)
        sums = sum(
            int(layer.mask.sum()) * layer.shape[1] - layer.shape[0] * layer.shape[1]
            if layer.mask is not None
            else layer.shape[0] * layer.shape[1] * (layer.shape[2] - 1)
            for layer in self.weighted
            if layer.shape is not None
        )
        return leaves * self.inputs.n_units + sums

    @property
    def floats_per_row(self) -> int:
        """Numbers a row in the largest tensor of the passes."""
        regions, _, units = self.inputs.shape
        above = [layer.floats_per_row for layer in self.weighted]
        return max(self.inputs.n_rows_of_phi, regions * units, self.n_edges * self.n_sums, *above)

    @property
    def block_rows(self) -> int:
        """Rows of a block, whose largest tensor fills at most 32 MB in float32.

        Tensors up to that size are kept for the next block (`trace.Space`); larger ones would be
        fresh pages each time, which cost more than the arithmetic on them.
        """
        return max(16, min(4096, LARGEST // self.floats_per_row))

    @property
    def draw_rows(self) -> int:
        """Rows that are drawn at once: the shares of one layer's choices fill some 64 MB."""
        columns = self.inputs.n_columns
        widest = max(min(s[0], columns) * s[2] for s in (e.shape for e in self.weighted) if s)
        statistics = sum(g.family.n_statistics * len(g.columns) for g in self.inputs.groups)
        return max(64, min(16_384, 8_000_000 // max(widest, statistics)))

    def leaf_dtype(self, dtype: torch.dtype) -> torch.dtype:
        """Type of the leaves' product: float64 where a family cancels digits."""
        return torch.float64 if self.inputs.precise else dtype

    def _weights(self, parameters: Parameters) -> list[tuple]:
        """Each layer with its weights, leaves first."""
        sums = iter(parameters.sums)
        return [(layer, next(sums) if layer.shape else None) for layer in self.layers]

    def gather(self, x: Tensor, dtype: torch.dtype) -> Slots:
        """Slots of the leaf regions for rows x (B, D)."""
        return self.inputs.gather(x.to(self.leaf_dtype(dtype)))

    def forward(
        self,
        parameters: Parameters,
        slots: Slots,
        dtype: torch.dtype,
        space: Space | None = None,
    ) -> Trace:
        """Values of all units, leaves to root.

        Parameters
        ----------
        parameters : Parameters
            In the types of `Parameters.to(dtype, self.leaf_dtype(dtype))`.
        slots : Slots
            From `gather`.
        dtype : torch.dtype
            Of the layers above the leaves.
        space : Space, optional
            Memory of an earlier block, whose trace is not needed any more.

        Returns
        -------
        Trace
            Its root holds log densities without `Slots.log_base`, (B,).
        """
        phi, space = slots.phi, space or Space()
        n_rows = phi.shape[1]
        trace = Trace(
            edges=space.empty("edges", (self.n_edges, self.n_sums, n_rows), phi, dtype),
            edge_logs=phi.new_zeros((self.n_edges, 1, n_rows), dtype=dtype),
            space=space,
        )
        if self.n_direct:
            trace.direct = self.inputs.direct(parameters.leaves, slots, dtype)
        if len(self.inputs.summed):
            trace.regions[0] = from_logs(self.inputs.forward(parameters.leaves, slots), dtype)
        for layer, weights in self._weights(parameters):
            layer.forward(weights, trace)
        return trace

    def log_density(
        self, parameters: Parameters, x: Tensor, dtype: torch.dtype, space: Space | None = None
    ) -> Tensor:
        """Log density of rows x (B, D), missing cells integrated out, (B,)."""
        slots = self.gather(x, dtype)
        return self.forward(parameters, slots, dtype, space).root + slots.log_base.to(dtype)

    def flows(
        self, parameters: Parameters, trace: Trace, root: Tensor, power: float = 1.0
    ) -> tuple[Placed, list[Tensor], Tensor]:
        """Flows of all units, root to leaves, for rows of weight root (B,).

        With another power than 1 the root shares rows as `layers.root` says.

        Returns
        -------
        flows : list of (Places, Tensor (n, K, B))
            What reaches the leaf regions, some at a time, see `places.joined`.
        counts : list of Tensor (F, O, I)
            Expected counts of the weights, leaves first.
        objective : Tensor (B,)
            What the flows are the gradient of: the log density without log h for power 1.
        """
        edges = trace.space.empty("edge flows", trace.edges.shape, trace.edges)
        flow = Flow(root=root, edges=edges, power=power)
        counts = []
        for layer, weights in reversed(self._weights(parameters)):
            found = layer.flows(weights, trace, flow)
            if found is not None:
                counts.append(found)
        objective = trace.root if flow.objective is None else flow.objective
        others = [(self.inputs.summed, flow.regions[0])] if len(self.inputs.summed) else []
        return [*flow.direct, *others], counts[::-1], objective

    def choose(
        self,
        parameters: Parameters,
        trace: Trace,
        n_rows: int,
        generator: torch.Generator | None,
    ) -> Tensor:
        """Units of the leaf regions, one sub-circuit a row, drawn given the evidence.

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
        nothing = torch.full((self.n_direct + self.n_edges, n_rows), -1, device=self.device)
        choice = Choice(direct=nothing[: self.n_direct], edges=nothing[self.n_direct :])
        for layer, weights in reversed(self._weights(parameters)):
            layer.choose(weights, trace, choice, generator)
        others = choice.regions.get(0)
        return choice.direct if others is None else torch.cat([choice.direct, others])
