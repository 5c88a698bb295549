"""A component as a user writes one: a frozen class in a module of theirs, fitted in closed form."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from skpc.circuit.components import LEAST_WEIGHT, Component, FittedComponent
from skpc.circuit.passes import Parameters, product_mixture
from skpc.circuit.training import blocks, column_sums, make_prior


@dataclass(frozen=True)
class Independent:
    """Independent columns, each with `smoothing` pseudo-rows of the family's reference."""

    smoothing: float = 1.0

    name: ClassVar[str] = "independent"

    def pays(self, leaves, n_rows):
        return n_rows >= 2

    def fit(self, task):
        circuit = product_mixture(task.leaves, 1, task.rows.cells.device)
        sums = column_sums(circuit, blocks(circuit, task.rows))
        pseudo = make_prior(circuit, sums, self.smoothing).leaves
        leaves = circuit.inputs.from_expectation(pseudo, pseudo)
        one = leaves.new_ones((1, 1, 1))
        scores = Component(circuit, Parameters(leaves, (one,))).log_density(
            task.held.cells, torch.float64
        )
        if float(task.weights([scores])[-1]) < LEAST_WEIGHT:
            return None
        task.report("independent columns")
        arrays = {"leaves": leaves.cpu().numpy()}
        return FittedComponent(self.name, arrays, scores, circuit.n_parameters)

    def from_arrays(self, arrays, leaves, log_weight, device):
        circuit = product_mixture(leaves, 1, device)
        packed = torch.tensor(arrays["leaves"], device=device)
        one = torch.ones((1, 1, 1), dtype=torch.float64, device=device)
        return Component(circuit, Parameters(packed, (one,)), log_weight)
