"""The plan of a fit, which is made before training: columns, structure and sizes.

Axes: n rows, D columns.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from .._tables import Encoded, RawTable, Table
from ..circuit import RegionGraph
from ..circuit.leaves import FAMILIES, Leaf
from ..circuit.passes import Circuit
from ..circuit.structures import StructureSpec
from .families import make_leaves, make_table
from .one_hot import as_setting
from .spec import BUILT_FROM, FitSpec, check_unchanged
from .streams import Streams
from .structure import default_sizes, make_structure, resolve_structure


@dataclass(frozen=True)
class TrainingRows:
    """A checked training table.

    Attributes
    ----------
    table : RawTable
    weights : ndarray (n,)
        float64, positive.
    feature_names : ndarray of str (D,) or None
        As scikit-learn takes them from a frame.
    """

    table: RawTable
    weights: NDArray[np.float64]
    feature_names: NDArray[Any] | None = None

    def __len__(self) -> int:
        return len(self.weights)


@dataclass(frozen=True)
class Plan:
    """Columns, region graph and sizes, of which the circuits of a model are built.

    Attributes
    ----------
    table : Table
    graph : RegionGraph
        Of the trees.
    layer : {"cp", "tucker"}
    n_sums, n_leaves : int
        Units of a sum region and of a leaf region.
    min_variance : float
    built_from : dict
        Values of the parameters in `spec.BUILT_FROM`, which later fits of the model cannot change.
    settings : dict
        Values that "auto" stands for, by parameter.
    """

    table: Table
    graph: RegionGraph
    layer: str
    n_sums: int
    n_leaves: int
    min_variance: float
    built_from: dict[str, Any]
    settings: dict[str, Any]

    def leaves(self) -> list[Leaf]:
        """A family object per column."""
        return make_leaves(self.table, self.min_variance)

    def floored(self, min_variance: float) -> list[Leaf]:
        """A family object per column with another floor of variance, for components."""
        return make_leaves(self.table, min_variance)

    def circuit(self, device: torch.device) -> Circuit:
        """The circuit of the trees."""
        return Circuit(self.graph, self.leaves(), self.layer, self.n_sums, self.n_leaves, device)

    def with_rows(self, rows: NDArray[np.float64]) -> "Plan":
        """The plan after `rows` observed rows of each column, (D,)."""
        return replace(self, table=self.table.with_rows(rows))

    def check(self) -> None:
        """Refuse fields of a file that do not agree.

        Raises
        ------
        ValueError
        """
        for column in self.table.columns:
            family = (
                FAMILIES.get(column.family) if isinstance(column.family, str) else column.family
            )
            if getattr(family, "support", None) != column.support:
                raise ValueError(
                    f"{column.raw.title} has the family {column.family!r} and holds "
                    f"{column.support}."
                )
        if self.graph.n_variables != len(self.table.modelled):
            raise ValueError(
                f"graph has {self.graph.n_variables} columns; the table has "
                f"{len(self.table.modelled)}."
            )
        if self.layer not in ("cp", "tucker") or self.n_sums < 1 or self.n_leaves < 1:
            raise ValueError(
                f"layer, n_sums, n_leaves are {self.layer, self.n_sums, self.n_leaves}."
            )
        if not 0 < self.min_variance < np.inf:
            raise ValueError(
                f"min_variance is {self.min_variance!r}; a number above 0 is accepted."
            )
        if self.built_from.keys() != set(BUILT_FROM):
            raise ValueError(f"built_from has {[*self.built_from]}; {BUILT_FROM} are accepted.")


@dataclass(frozen=True)
class Coding:
    """What columns are modelled as.

    Attributes
    ----------
    families : list (D,)
        Leaf families.
    groups : list of tuple of int
        Columns of each one-hot group.
    """

    families: list[Any]
    groups: list[tuple[int, ...]]


def make_plan(
    spec: FitSpec, data: TrainingRows, streams: Streams, coding: Coding
) -> tuple[Plan, Encoded]:
    """Choose columns and structure; the encoded rows are returned too."""
    structure, depth = resolve_structure(spec.structure, spec.depth, spec.layer)
    chosen, groups = coding.families, coding.groups
    table = make_table(data.table, data.weights, chosen, spec.missing, groups)
    encoded = table.encode(data.table).of_states()
    replicas, n_sums = default_sizes(structure, len(data), table.continuous)
    replicas = replicas if spec.n_replicas == "auto" else int(spec.n_replicas)
    n_sums = n_sums if spec.n_sums == "auto" else int(spec.n_sums)
    n_leaves = n_sums if spec.n_leaves == "auto" else int(spec.n_leaves)
    graph = make_structure(
        structure,
        table.ordered(encoded),
        table.continuous,
        data.weights,
        StructureSpec(depth, replicas, spec.grid_shape),
        streams,
        len(table.holes.positions),
        len(groups),
    )
    settings = {
        "structure": structure,
        "depth": depth,
        "n_replicas": replicas,
        "n_sums": n_sums,
        "n_leaves": n_leaves,
        "leaf": chosen,
        "one_hot": as_setting(groups, data.table.names),
    }
    plan = Plan(
        table=table,
        graph=graph,
        layer=spec.layer,
        n_sums=n_sums,
        n_leaves=n_leaves,
        min_variance=float(spec.min_variance),
        built_from=spec.built_from(),
        settings=settings,
    )
    return plan, encoded


def keep_plan(spec: FitSpec, plan: Plan, data: TrainingRows) -> tuple[Plan, Encoded]:
    """The plan of an earlier fit, and new rows encoded by it.

    Raises
    ------
    ValueError
        If a parameter that the plan is built from has changed.
    """
    check_unchanged(spec, plan.built_from, plan.settings)
    plan = replace(plan, table=plan.table.extended(data.table))
    return plan, plan.table.encode(data.table).of_states()
