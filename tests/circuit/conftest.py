"""Cases that every circuit test shares, and a slow reference to compare with.

A new structure adds one line to STRUCTURES, a new kind of table one line to TABLES.

Axes: B rows, D columns, F leaf regions, S statistics of a region, K units, I input and
O output units.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from skpc.circuit import RegionGraph, poon_domingos, random_binary_trees
from skpc.circuit.leaves import (
    Bernoulli,
    Beta,
    Binomial,
    Categorical,
    Exponential,
    Gamma,
    Gaussian,
    Leaf,
    LogNormal,
    Poisson,
)
from skpc.circuit.passes import Cells, Circuit, Parameters
from skpc.circuit.passes.layers import EdgeSums, Mixing, Tucker
from skpc.circuit.training import column_sums, make_prior, random_parameters

CPU = torch.device("cpu")


def _trees(n_variables: int, depth: int | None, n_replicas: int) -> RegionGraph:
    return random_binary_trees(n_variables, depth, n_replicas, np.random.RandomState(n_variables))


def _ternary() -> RegionGraph:
    """A partition in three, above binary ones and next to a leaf."""
    regions = [range(6), (0, 1), (2, 3), (4, 5), (0,), (1,), (2,), (3,)]
    return RegionGraph(regions, [(0, (1, 2, 3)), (1, (4, 5)), (2, (6, 7))])


def _two_partitions() -> RegionGraph:
    """A region with two partitions next to one with one: its mixing weights are padded."""
    regions = [range(6), (0, 1, 2), (3, 4, 5), (0,), (1, 2), (0, 1), (2,), (3,), (4, 5)]
    return RegionGraph(regions, [(0, (1, 2)), (1, (3, 4)), (1, (5, 6)), (2, (7, 8))])


def _caterpillar() -> RegionGraph:
    """Leaves at every height: each split takes one column off, now left, now right."""
    regions = [range(5), (0,), (1, 2, 3, 4), (1,), (2, 3, 4), (2,), (3, 4), (3,), (4,)]
    return RegionGraph(regions, [(0, (1, 2)), (2, (4, 3)), (4, (5, 6)), (6, (7, 8))])


def _interleaved() -> RegionGraph:
    """Partitions of one region whose children have different heights in turn."""
    regions = [range(4), (0, 1), (2, 3), (0,), (1,), (2,), (3,), (2, 3), (0, 1), (0, 2), (1, 3)]
    splits = [(0, (1, 2)), (0, (1, 7)), (0, (8, 2)), (0, (2, 1)), (0, (10, 9)), (9, (3, 5))]
    return RegionGraph(regions, [*splits, (1, (3, 4)), (2, (5, 6))])


STRUCTURES: dict[str, Callable[[], RegionGraph]] = {
    "one_column": lambda: _trees(1, None, 2),
    "no_split": lambda: _trees(10, 0, 3),
    "shallow_trees": lambda: _trees(10, 1, 3),
    "deep_trees": lambda: _trees(10, None, 2),
    "three_columns": lambda: _trees(3, None, 1),
    "five_columns": lambda: _trees(5, 2, 2),
    "seven_columns": lambda: _trees(7, None, 3),
    "row": lambda: poon_domingos((5,)),
    "coarse_row": lambda: poon_domingos((10,), 3),
    "grid": lambda: poon_domingos((2, 5), (1, 2)),
    "cube": lambda: poon_domingos((2, 2, 2)),
    "ternary": _ternary,
    "two_partitions": _two_partitions,
    "caterpillar": _caterpillar,
    "interleaved": _interleaved,
}

GRAPHS = {name: make() for name, make in STRUCTURES.items()}


def _cycle(families: list[Leaf]) -> Callable[[int], list[Leaf]]:
    """Families of D columns: these ones in turn."""
    return lambda n: [families[v % len(families)] for v in range(n)]


TABLES: dict[str, Callable[[int], list[Leaf]]] = {
    "bernoulli": _cycle([Bernoulli()]),
    "codes": _cycle([Bernoulli(), Categorical(3), Categorical(2)]),
    "gaussian": _cycle([Gaussian(1e-3)]),
    "mixed": _cycle([Gaussian(1e-3), Bernoulli(), Categorical(3)]),
    "counts": _cycle([Poisson(), Binomial(3), Gaussian(1e-3)]),
    "positive": _cycle([Gamma(1e-3), Beta(1e-3), LogNormal(1e-3), Exponential(1e-3)]),
}


def layers_of(graph: RegionGraph) -> list[str]:
    """Layers that can hold a structure: Tucker needs two children a partition."""
    binary = all(len(children) == 2 for _, children in graph.partitions)
    return ["cp", "tucker"] if binary else ["cp"]


@dataclass(frozen=True)
class Case:
    """A structure, a layer and numbers of units."""

    structure: str
    layer: str
    n_sums: int = 3
    n_leaves: int = 2

    @property
    def graph(self) -> RegionGraph:
        return GRAPHS[self.structure]

    def families(self, table: str) -> list[Leaf]:
        return TABLES[table](self.graph.n_variables)

    def circuit(self, families: list[Leaf]) -> Circuit:
        return build(self.graph, families, self.layer, self.n_sums, self.n_leaves)


def build(graph, families, layer="cp", n_sums=3, n_leaves=2) -> Circuit:
    return Circuit(graph, families, layer, n_sums, n_leaves, CPU)


def numbers(circuit: Circuit, seed: int = 0) -> Parameters:
    """Random float64 parameters; weights far from uniform."""
    no_rows = torch.zeros(circuit.inputs.n_phi + 1, dtype=torch.float64)
    drawn = random_parameters(circuit, no_rows, torch.Generator().manual_seed(seed))
    powers = [w**4 for w in drawn.sums]
    return Parameters(drawn.leaves, tuple(w / w.sum(dim=2, keepdim=True) for w in powers))


# Numbers of these supports, made of normal ones.
CONTINUOUS = {
    "positive": np.exp,
    "nonnegative": np.exp,
    "unit": lambda z: 1 / (1 + np.exp(-z)),
}


def table(families: list[Leaf], n_rows: int, seed: int = 0, missing: float = 0.0):
    """Random rows (B, D) with related columns; a share of the cells is NaN."""
    rng = np.random.RandomState(seed)
    hidden = rng.randint(2, size=n_rows)
    columns = []
    for v, family in enumerate(families):
        shift = hidden * (-1) ** v
        if family.support == "real":
            columns.append(rng.normal(shift, 0.5))
        elif family.support in CONTINUOUS:
            columns.append(CONTINUOUS[family.support](rng.normal(shift, 0.5)))
        elif family.support == "counts":
            columns.append(rng.poisson(3 + shift))
        else:
            n = sizes(family)
            columns.append((rng.randint(n, size=n_rows) * rng.randint(2, size=n_rows) + shift) % n)
    x = torch.from_numpy(np.column_stack(columns).astype(float))
    x[torch.from_numpy(rng.uniform(size=x.shape) < missing)] = torch.nan
    return x


def sizes(family: Leaf) -> int:
    """Number of values of a discrete family."""
    if isinstance(family, Binomial):
        return family.n + 1
    return 2 if family.support == "binary" else family.n_categories


def states(families: list[Leaf]):
    """All rows that a discrete table can have, (states, D)."""
    rows = list(product(*(range(sizes(family)) for family in families)))
    return torch.tensor(rows, dtype=torch.float64)


def log_density(circuit: Circuit, parameters: Parameters, x, dtype=torch.float64):
    """Log density of rows (B, D) by the folded layers, (B,)."""
    parameters = parameters.to(dtype, circuit.leaf_dtype(dtype))
    gathered = circuit.gather(Cells(x), dtype)
    return circuit.forward(parameters, gathered, dtype).root.double() + gathered.log_base.double()


def start_em(circuit: Circuit, x, weights, smoothing: float, seed: int = 0):
    """Parameters and prior as a fit starts from them."""
    sums = column_sums(circuit, [(Cells(x), weights)])
    generator = torch.Generator().manual_seed(seed)
    return random_parameters(circuit, sums, generator), make_prior(circuit, sums, smoothing)


def node_weights(graph: RegionGraph, circuit: Circuit, sums) -> dict:
    """Weights by node: of an edge (O, I), a mixture (K, P), a Tucker partition (O, I J)."""
    levels, by_node = circuit.levels, {}
    for layer, weights in zip(circuit.weighted, sums, strict=True):
        level = levels[layer.level]
        if isinstance(layer, EdgeSums):
            direct = 0 if level.height else circuit.n_direct
            keys = [("edge", edge.partition, edge.child) for edge in level.edges[direct:]]
        elif isinstance(layer, Mixing):
            keys = [("mixture", region) for region in level.regions]
        elif isinstance(layer, Tucker):
            keys = [("pairs", level.partitions[i]) for i in layer.partitions.index.tolist()]
        else:
            keys = [("root",)]
        by_node.update(zip(keys, weights, strict=True))
    return by_node


def naive(graph: RegionGraph, circuit: Circuit, families: list[Leaf], parameters, x, exponent=1.0):
    """Density of rows (B, D), node by node in the linear domain; differentiable, (B,).

    With another tempering exponent than 1, what training raises in its place.
    """
    weights = node_weights(graph, circuit, parameters.sums)
    levels = circuit.levels

    @cache
    def region(index: int):
        if index in graph.leaves:
            packed = of_region(circuit, parameters.leaves, levels[0].regions.index(index))
            return leaf_region(packed, graph.regions[index], families, x)
        mixed = [partition(p) for p in graph.partitions_of[index]]
        if ("mixture", index) not in weights:
            return mixed[0]
        shares = weights["mixture", index]
        return sum(shares[:, i, None] * value for i, value in enumerate(mixed))

    @cache
    def partition(index: int):
        children = {child: region(child) for child in graph.partitions[index][1]}
        if ("pairs", index) in weights:
            left, right = children.values()
            return weights["pairs", index] @ torch.cat([unit * right for unit in left])
        value = torch.ones(())
        for name, child in children.items():
            known = ("edge", index, name) in weights
            value = value * (weights["edge", index, name] @ child if known else child)
        return value

    top = levels[-1].partitions
    below = torch.cat([partition(p) for p in top]) if top else region(graph.root)
    shares = weights[("root",)][0, :, None] * below
    terms = shares.view(max(1, len(top)), -1, len(x)).sum(dim=1)
    return (terms**exponent).sum(dim=0) ** (1 / exponent)


def of_region(circuit: Circuit, packed, position: int):
    """Packed numbers (S, K) of the leaf region at a position, out of all (N, K)."""
    (block,) = (b for b in circuit.inputs.blocks if b.regions.start <= position < b.regions.stop)
    n, s, m = block.shape
    scope, copy = divmod(position - block.regions.start, m)
    return packed[block.rows].view(n, s, m, -1)[scope, :, copy]


def leaf_region(packed, scope, families: list[Leaf], x):
    """Density of every unit of a leaf region, packed (S, K) and x (B, D) to (K, B)."""
    log, row = torch.zeros((packed.shape[1], len(x)), dtype=packed.dtype), 0
    for v in scope:
        family, n = families[v], families[v].n_statistics
        theta, base, row = packed[row : row + n], packed[row + n], row + n + 1
        observed = ~torch.isnan(x[:, v])
        value = torch.where(observed, x[:, v], family.fill)
        inner = theta.T @ family.statistics(value[None, None])[0] + base[:, None]
        log = log + torch.where(observed, inner + family.log_base(value[None, None]), 0.0)
    return torch.exp(log)


def star(n_columns: int, n_copies: int = 1) -> RegionGraph:
    """Partitions of the root into single columns, each with regions of its own."""
    regions, partitions = [range(n_columns)], []
    for _ in range(n_copies):
        first = len(regions)
        regions += [(v,) for v in range(n_columns)]
        partitions.append((0, range(first, first + n_columns)))
    return RegionGraph(regions, partitions)


def random_graph(seed: int, n_variables: int, n_children: int = 3) -> RegionGraph:
    """Any region graph: regions split at random, some in several ways, some in three."""
    rng = np.random.RandomState(seed)
    regions, partitions, waiting = [range(n_variables)], [], [(0, list(range(n_variables)))]
    for region, scope in waiting:
        if len(scope) < 2 or (region and rng.uniform() < 0.2):
            continue
        for _ in range(rng.randint(1, 3)):
            n = rng.randint(2, 1 + min(n_children, len(scope)))
            cuts = np.sort(rng.permutation(len(scope) - 1)[: n - 1]) + 1
            scopes = np.split(rng.permutation(scope), cuts)
            first = len(regions)
            regions.extend(scope.tolist() for scope in scopes)
            partitions.append((region, range(first, first + n)))
            waiting.extend((first + i, scope.tolist()) for i, scope in enumerate(scopes))
    return RegionGraph(regions, partitions)


@pytest.fixture(scope="session")
def kit() -> SimpleNamespace:
    """The helpers above."""
    helpers = (
        build, numbers, table, states, log_density, start_em, naive, random_graph, of_region, star,
    )  # fmt: skip
    return SimpleNamespace(**{helper.__name__: helper for helper in helpers}, tables=TABLES)


def _cases(units: list[tuple[int, int]]) -> Iterator:
    for name, graph in GRAPHS.items():
        for layer in layers_of(graph):
            for n_sums, n_leaves in units:
                case = Case(name, layer, n_sums, n_leaves)
                yield pytest.param(case, id=f"{name}-{layer}-{n_sums}-{n_leaves}")


@pytest.fixture(params=_cases([(1, 3), (2, 2)]), scope="session")
def case(request) -> Case:
    """Every structure with every layer and several numbers of units."""
    return request.param


@pytest.fixture(params=_cases([(3, 2), (2, 2)]), scope="session")
def plain_case(request) -> Case:
    """Every structure with every layer, once."""
    return request.param


@pytest.fixture(params=list(TABLES), scope="session")
def any_table(request) -> str:
    return request.param


@pytest.fixture(params=["bernoulli", "codes"], scope="session")
def discrete_table(request) -> str:
    return request.param
