"""Densities that products read directly: those of the leaves' natural parameters.

Axes: B rows, K units, n regions.
"""

import pytest
import torch

from skpc.circuit import RegionGraph
from skpc.circuit.leaves import Bernoulli, Categorical, Gaussian
from skpc.circuit.places import Places

CPU = torch.device("cpu")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("missing", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("n_rows", [1, 4, 5, 40])
@pytest.mark.parametrize("others", [[], [Gaussian(1e-3)]], ids=["alone", "beside numbers"])
def test_direct_densities_are_those_of_the_leaves(kit, dtype, missing, n_rows, others):
    """By probabilities where rows are many, by their logarithms where they are few."""
    families = [Bernoulli(), Categorical(3), Bernoulli(), Categorical(2), *others]
    d, k = len(families), 3
    graph = RegionGraph([range(d), *((v,) for v in range(d))], [(0, range(1, d + 1))])
    circuit = kit.build(graph, families, "cp", k, k)
    assert circuit.n_direct == 4
    parameters, x = kit.numbers(circuit), kit.table(families, n_rows, missing=missing)
    slots = circuit.gather(x, dtype)
    typed = parameters.to(dtype, circuit.leaf_dtype(dtype))
    found = circuit.inputs.direct(typed.leaves, slots, dtype).take(Places(range(4), CPU))
    assert found.dtype == dtype
    for place, region in enumerate(circuit.levels[0].regions[:4]):
        (column,) = graph.regions[region]
        family, packed = families[column], parameters.leaves[place]
        n = family.n_statistics
        value = torch.where(x[:, column].isnan(), 0.0, x[:, column])
        logs = packed[:n].T @ family.statistics(value[None])[0] + packed[n, :, None]
        wanted = torch.where(x[:, column].isnan(), 1.0, logs.exp())
        torch.testing.assert_close(found[place].double(), wanted, rtol=1e-5, atol=0)
