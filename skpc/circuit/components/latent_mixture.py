"""Continuous mixtures: one leaf region whose units are decoded from points of a latent space.

Given a normal vector z the columns of a row are independent, with leaves that a small network
decodes from z. The integral over z is a mean over N points, so what is trained, and what
stays, is a circuit: one leaf region of all columns with N units under one sum. The network
keeps the units from overfitting, which as many free ones would.

While the step is large the points are a quasi-Monte Carlo set, shifted at random in every
step; then they stay, and move with their weights by the gradient (latent optimisation).
The gradient of the leaves' free parameters comes from the same statistics as EM's
(`Leaf.free_gradient`); automatic differentiation goes through the network only.

References: Correia, Gala, Quaeghebeur, de Campos and Peharz, "Continuous mixtures of tractable
probabilistic models", AAAI 2023.

Axes: N points (the units), L latent dimensions, H hidden units, M free numbers of a unit's
leaves, F = 1 leaf regions, S slots, n incidences, t statistics.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import sqrt

import torch
from torch import Tensor

from ..leaves import Leaf
from ..passes.circuit import Circuit, Parameters
from ..passes.layers.base import floored
from ..structures.region_graph import RegionGraph
from ..training.adam import Momentum
from ..training.initial import column_means
from ..training.statistics import Prior, Statistics

LATENT, HIDDEN, DROPOUT = 32, 128, 0.3
# Spread of the decoded free parameters over the latent space at the start.
SPREAD = 0.5
# The share of the step's fall after which the points move, and their step over the network's.
MOVING, FASTER = 0.4, 10.0
# How far free numbers may be from those of the column's own distribution: further out the
# families are at their bounds, and gradients would drive the network on without end.
REACH = 12.0
# Keeps shifted points off the ends of the unit interval.
END = 1e-5


@dataclass(frozen=True)
class DecoderState:
    """A decoder, its points, and the parameters that they decode to for the next block.

    Attributes
    ----------
    parameters : Parameters
    network : Momentum
        Of the weights (out, in) and biases (out,) of every layer, float32.
    points : Momentum
        Of the points (N, L) and the logits of their weights (N,).
    rate : float
        First step size.
    seed : int
        Of the shifts and of the dropout, with the step.
    centre : Tensor (M,)
        Free numbers of the columns' own distributions.
    inputs : tuple of Tensor
        Weights and biases, then the points that the parameters were decoded at.
    outputs : Tensor (N, M)
        Free numbers of the parameters, with the graph that leads to them from the inputs.
    """

    parameters: Parameters
    network: Momentum
    points: Momentum
    rate: float
    seed: int
    centre: Tensor
    inputs: tuple[Tensor, ...] = ()
    outputs: Tensor | None = None


def flat_circuit(families: Sequence[Leaf], n_units: int, device: torch.device) -> Circuit:
    """A mixture of products of leaves: one leaf region of all columns."""
    graph = RegionGraph([range(len(families))], [])
    return Circuit(graph, families, "cp", n_units, n_units, device)


def start(circuit: Circuit, sums: Tensor, generator: torch.Generator, rate: float) -> DecoderState:
    """A random network around the columns' marginals.

    Parameters
    ----------
    circuit : Circuit
        From `flat_circuit`.
    sums : Tensor (slots,)
        From `initial.marginals`.
    generator : torch.Generator
        On the CPU.
    rate : float
        First step size.
    """
    seed = int(torch.randint(2**62, (1,), generator=generator))
    engine = torch.quasirandom.SobolEngine(LATENT, scramble=True, seed=seed)
    points = _to_normal(engine.draw(circuit.inputs.n_units, dtype=torch.float32))
    layers: list[Tensor] = []
    for inputs in (LATENT, HIDDEN, HIDDEN):
        weights = _normals((HIDDEN, inputs), generator) * sqrt(2 / inputs)
        layers += [weights, torch.zeros(HIDDEN, dtype=torch.float32)]
    hidden = _hidden(layers, points)
    marginal = _free_marginals(circuit, sums).float().cpu()
    weights = _normals((len(marginal), HIDDEN), generator)
    decoded = hidden @ weights.T
    scale = SPREAD / decoded.std(dim=0).mean()
    layers += [scale * weights, marginal - scale * decoded.mean(dim=0)]
    network = Momentum.begin(tuple(layer.to(circuit.device) for layer in layers))
    points = points.to(circuit.device)
    latent = Momentum.begin((points, torch.zeros_like(points[:, 0])))
    nothing, centre = Parameters(torch.empty(0), ()), marginal.to(circuit.device)
    return _decoded(circuit, DecoderState(nothing, network, latent, rate, seed, centre))


def update(
    circuit: Circuit,
    state: DecoderState,
    mean: Statistics,
    prior: Prior,
    rate: float,
    evidence: float,
) -> DecoderState:
    """One rectified Adam step of the network, and of the points once they move.

    Parameters
    ----------
    circuit : Circuit
    state : DecoderState
    mean : Statistics
        Of a mean row under the state's parameters, `Statistics.per_row`.
    prior : Prior
    rate : float
        Step size.
    evidence : float
        Rows that the prior is weighed against.
    """
    leaves, (counts,) = prior.add(circuit, mean.leaves, mean.sums, evidence)
    assert state.outputs is not None
    outputs = state.outputs.detach()
    inside = _inside(outputs, state.centre)
    upstream = _free_gradient(circuit, inside, leaves)
    upstream = torch.where((outputs - inside) * upstream > 0, 0.0, upstream)
    with torch.inference_mode(False):
        *by_layers, by_points = torch.autograd.grad(state.outputs, state.inputs, upstream)
    network = state.network.advance(tuple(by_layers), rate)
    latent = state.points
    if _moving(state) or rate <= (1 - MOVING) * state.rate:
        weights = state.parameters.sums[0]
        by_logits = (counts - weights * counts.sum()).flatten().float()
        latent = latent.advance((by_points, by_logits), FASTER * rate)
    return _decoded(circuit, replace(state, network=network, points=latent))


def finish(circuit: Circuit, state: DecoderState) -> Parameters:
    """Parameters at the points, without shift or dropout."""
    points, logits = state.points.free
    outputs = _outputs(state.network.free, points, None)
    return _parameters(circuit, _inside(outputs, state.centre), logits)


def _moving(state: DecoderState) -> bool:
    return state.points.step > 0


def _decoded(circuit: Circuit, state: DecoderState) -> DecoderState:
    """The state with the parameters for its next block."""
    leads = (*state.network.free, _points(state))
    with torch.inference_mode(False), torch.enable_grad():
        inputs = tuple(tensor.detach().clone().requires_grad_() for tensor in leads)
        outputs = _outputs(inputs[:-1], inputs[-1], _mask(state))
    inside = _inside(outputs.detach(), state.centre)
    parameters = _parameters(circuit, inside, state.points.free[1])
    return replace(state, parameters=parameters, inputs=inputs, outputs=outputs)


def _hidden(layers: Sequence[Tensor], points: Tensor) -> Tensor:
    """The last hidden layer at points (N, L), (N, H)."""
    hidden = points
    for i in range(0, 6, 2):
        hidden = torch.nn.functional.leaky_relu(hidden @ layers[i].T + layers[i + 1])
    return hidden


def _outputs(layers: Sequence[Tensor], points: Tensor, mask: Tensor | None) -> Tensor:
    """Free numbers of all units, (N, M), with some hidden units left out by mask (N, H)."""
    hidden = _hidden(layers, points)
    hidden = hidden if mask is None else hidden * mask
    return hidden @ layers[6].T + layers[7]


def _inside(outputs: Tensor, centre: Tensor) -> Tensor:
    """Free numbers (N, M) within REACH of the centre (M,)."""
    return torch.minimum(torch.maximum(outputs, centre - REACH), centre + REACH)


def _normals(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float32)


def _generator(state: DecoderState) -> torch.Generator:
    """Randomness of a step, by its number."""
    return torch.Generator().manual_seed(state.seed + 2 * state.network.step)


def _points(state: DecoderState) -> Tensor:
    """Points of the next block, (N, L): shifted around the unit cube while they do not move."""
    points = state.points.free[0]
    if _moving(state):
        return points
    shift = torch.rand((1, points.shape[1]), generator=_generator(state), dtype=points.dtype)
    shift = shift.to(points.device)
    return _to_normal((torch.special.ndtr(points) + shift) % 1.0)


def _to_normal(u: Tensor) -> Tensor:
    return torch.special.ndtri(u.clamp(END, 1 - END))


def _mask(state: DecoderState) -> Tensor:
    """Zeros, and 1 / (1 - DROPOUT) for what is kept, (N, H)."""
    generator = _generator(state).manual_seed(state.seed + 2 * state.network.step + 1)
    shape = (len(state.points.free[0]), HIDDEN)
    kept = torch.rand(shape, generator=generator, dtype=torch.float32) >= DROPOUT
    return kept.to(torch.float32).div_(1 - DROPOUT).to(state.points.free[0].device)


def _free_parts(circuit: Circuit, outputs: Tensor) -> list[Tensor]:
    """Each group's free parameters (n, t, N), float64, from outputs (N, M)."""
    groups = circuit.inputs.groups
    sizes = [len(group.column_of) * group.family.n_statistics for group in groups]
    parts = outputs.T.double().split(sizes)
    return [
        part.reshape(len(group.column_of), -1, part.shape[1])
        for group, part in zip(groups, parts, strict=True)
    ]


def _free_marginals(circuit: Circuit, sums: Tensor) -> Tensor:
    """Free parameters of the columns' own distributions, (M,)."""
    found = []
    for group in circuit.inputs.groups:
        mu = column_means(group, sums)[group.column_of]
        family = group.family
        # In reach of what never occurs: a free number at a bound would have no gradient.
        mu = family.project(0.99 * mu + 0.01 * family.reference().to(mu)[:, None])
        found.append(family.to_free(family.natural(mu)).flatten())
    return torch.cat(found)


def _parameters(circuit: Circuit, outputs: Tensor, logits: Tensor) -> Parameters:
    """Packed parameters from free numbers (N, M) and logits of the weights (N,)."""
    shape = circuit.inputs.shape
    leaves = torch.zeros(shape, dtype=torch.float64, device=outputs.device)
    for group, free in zip(circuit.inputs.groups, _free_parts(circuit, outputs), strict=True):
        theta = group.family.from_free(free)
        group.pack(leaves, theta, -group.family.log_partition(theta).unsqueeze(1))
    weights = torch.softmax(logits.double(), dim=0).view(1, 1, -1)
    return Parameters(leaves, (floored(weights, None),))


def _free_gradient(circuit: Circuit, outputs: Tensor, leaves: Tensor) -> Tensor:
    """Gradient by the free numbers (N, M) from a mean row's statistics (F, S, N), float32."""
    found = []
    for group, free in zip(circuit.inputs.groups, _free_parts(circuit, outputs), strict=True):
        gradient = group.family.free_gradient(free, *group.unpack(leaves))
        found.append(gradient.flatten(0, 1).float())
    return torch.cat(found).T
