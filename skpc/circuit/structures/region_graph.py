"""Region graphs: which columns are modelled together, and how they are split."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class RegionGraph:
    """Scopes of a circuit and the ways they are split; immutable and checked.

    A region is a set of columns (its scope). A partition splits a region into disjoint
    child regions. A region without partitions is a leaf. Several partitions of one region
    are alternatives that a circuit mixes. The circuit built on a region graph is smooth
    and decomposable by construction, so every marginal and conditional is exact.

    Parameters
    ----------
    regions : sequence of sequences of int
        Scope of each region: column indices, without repeats.
    partitions : sequence of (int, sequence of int)
        Pairs (region, children) of indices into `regions`.
    tempered : bool, default=False
        Whether the partitions of the root are trained as an ensemble at first, in which each row
        trains all of them, and specialise as training goes on; for alternatives that were learned
        from the same rows, which would overfit those that each explains best.

    Raises
    ------
    ValueError
        If a scope is empty or repeats a column, a partition's children overlap
        (not decomposable) or do not cover their parent (not smooth), the graph has
        more than one root, or the columns of the root are not 0 to n - 1.

    References
    ----------
    Peharz et al., "Random Sum-Product Networks", UAI 2019, section 3;
    Peharz et al., "Einsum Networks", ICML 2020, section 3.1.

    Examples
    --------
    >>> from skpc.circuit import RegionGraph
    >>> graph = RegionGraph([(0, 1, 2), (0,), (1, 2)], [(0, (1, 2))])
    >>> graph.root, graph.leaves, graph.n_variables
    (0, (1, 2), 3)
    """

    regions: tuple[tuple[int, ...], ...]
    partitions: tuple[tuple[int, tuple[int, ...]], ...]
    tempered: bool = False

    def __init__(
        self,
        regions: Sequence[Sequence[int]],
        partitions: Sequence[tuple[int, Sequence[int]]] = (),
        *,
        tempered: bool = False,
    ) -> None:
        scopes = tuple(tuple(sorted(int(v) for v in scope)) for scope in regions)
        splits = tuple((int(p), tuple(int(c) for c in cs)) for p, cs in partitions)
        object.__setattr__(self, "regions", scopes)
        object.__setattr__(self, "partitions", splits)
        object.__setattr__(self, "tempered", bool(tempered))
        self._check_scopes()
        self._check_partitions()
        self._check_root()

    def state(self) -> dict[str, Any]:
        """The graph as arrays, for files."""
        children = [cs for _, cs in self.partitions]
        return {
            "sizes": _whole(len(scope) for scope in self.regions),
            "columns": _whole(v for scope in self.regions for v in scope),
            "parents": _whole(parent for parent, _ in self.partitions),
            "counts": _whole(len(cs) for cs in children),
            "children": _whole(c for cs in children for c in cs),
            "tempered": self.tempered,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """The graph from what `state` returned.

        Raises
        ------
        ValueError
            If the arrays do not agree, or as the class does.
        """
        regions = _cut(state["columns"], state["sizes"])
        children = _cut(state["children"], state["counts"])
        parents = state["parents"]
        if parents.dtype != np.int64 or parents.shape != (len(children),):
            raise ValueError(f"It has {len(children)} partitions and other parents.")
        if type(state["tempered"]) is not bool:
            raise ValueError(f"tempered is {state['tempered']!r}; True and False are accepted.")
        pairs = list(zip(parents.tolist(), children, strict=True))
        return cls(regions, pairs, tempered=state["tempered"])

    @cached_property
    def root(self) -> int:
        """Index of the region that is nobody's child."""
        children = {child for _, cs in self.partitions for child in cs}
        return next(r for r in range(len(self.regions)) if r not in children)

    @property
    def n_variables(self) -> int:
        """Number of columns."""
        return len(self.regions[self.root])

    @cached_property
    def leaves(self) -> tuple[int, ...]:
        """Indices of the regions that no partition splits."""
        split = {parent for parent, _ in self.partitions}
        return tuple(r for r in range(len(self.regions)) if r not in split)

    @cached_property
    def partitions_of(self) -> tuple[tuple[int, ...], ...]:
        """For every region the indices of its partitions."""
        indices: list[list[int]] = [[] for _ in self.regions]
        for index, (parent, _) in enumerate(self.partitions):
            indices[parent].append(index)
        return tuple(tuple(of_region) for of_region in indices)

    @cached_property
    def levels(self) -> tuple[int, ...]:
        """Level of every region: 0 for leaves, else right below the lowest of its parents.

        In a tree all children of a level that are no leaves are then in one level.
        """
        depth = [0] * len(self.regions)
        for region in reversed(self._children_first()):
            for partition in self.partitions_of[region]:
                for child in self.partitions[partition][1]:
                    depth[child] = max(depth[child], depth[region] + 1)
        lowest = max(depth)
        return tuple(
            lowest - d if self.partitions_of[region] else 0 for region, d in enumerate(depth)
        )

    def _children_first(self) -> list[int]:
        """Regions in an order in which children precede their parents."""
        # Children are disjoint and not empty, so strictly smaller than their parent:
        # sorting by size is enough, and a cycle cannot exist.
        return sorted(range(len(self.regions)), key=lambda r: len(self.regions[r]))

    def _check_scopes(self) -> None:
        if not self.regions:
            raise ValueError("A region graph needs at least one region, got none.")
        for index, scope in enumerate(self.regions):
            if not scope:
                raise ValueError(f"Region {index} has an empty scope; list its columns.")
            if len(set(scope)) < len(scope):
                raise ValueError(f"Region {index} repeats a column in its scope {scope}.")
            if scope[0] < 0:
                raise ValueError(f"Region {index} has a negative column in its scope {scope}.")

    def _check_partitions(self) -> None:
        for index, (parent, children) in enumerate(self.partitions):
            name = f"Partition {index} of region {parent}"
            for region in (parent, *children):
                if not 0 <= region < len(self.regions):
                    raise ValueError(
                        f"{name} names region {region}; there are {len(self.regions)} regions."
                    )
            if len(children) < 2:
                raise ValueError(f"{name} has {len(children)} children; it needs at least 2.")
            columns = sorted(v for child in children for v in self.regions[child])
            if len(set(columns)) < len(columns):
                raise ValueError(
                    f"{name} is not decomposable: its children "
                    f"{[self.regions[c] for c in children]} share columns."
                )
            if tuple(columns) != self.regions[parent]:
                raise ValueError(
                    f"{name} is not smooth: its children cover the columns {columns}, "
                    f"the region has {list(self.regions[parent])}."
                )

    def _check_root(self) -> None:
        children = {child for _, cs in self.partitions for child in cs}
        roots = [r for r in range(len(self.regions)) if r not in children]
        if len(roots) != 1:
            raise ValueError(
                f"A region graph needs exactly one root, got the regions {roots} "
                "that are nobody's child."
            )
        scope = self.regions[roots[0]]
        if scope != tuple(range(len(scope))):
            raise ValueError(
                f"The root must cover the columns 0 to {len(scope) - 1}, it covers {list(scope)}."
            )


def _whole(numbers: Iterable[int]) -> NDArray[np.int64]:
    """Whole numbers as an array."""
    return np.array(list(numbers), dtype=np.int64)


def _cut(numbers: NDArray[np.int64], sizes: NDArray[np.int64]) -> list[list[int]]:
    """Numbers (n,) in parts of these sizes, which add to n."""
    for array in (numbers, sizes):
        if array.dtype != np.int64 or array.ndim != 1:
            raise ValueError("Its columns and children must be arrays of int64 of one axis.")
    ends = np.cumsum(sizes).tolist()
    if (sizes < 0).any() or (ends[-1] if ends else 0) != len(numbers):
        raise ValueError(f"Sizes of its parts do not add to {len(numbers)}.")
    parts = numbers.tolist()
    return [parts[end - size : end] for end, size in zip(ends, sizes.tolist(), strict=True)]
