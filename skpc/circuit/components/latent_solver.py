"""Training of latent mixtures: steps of a network and of its points.

While the step size is large the points are a quasi-Monte Carlo set, shifted at random in every
step. Then the shifts end, and the points and their weights are trained by gradients as well (latent
optimisation).
The gradient of the leaves' free parameters comes from the same statistics as EM's
(`Leaf.free_gradient`); automatic differentiation goes through the network only.

Axes: B rows, N points (the units), L latent dimensions, H hidden units, M free numbers of a unit's
leaves, W weights and biases, R rows of Phi.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..passes import Circuit, Parameters, may_fail
from ..training import Momentum
from .latent_network import (
    DROPPED,
    HIDDEN,
    LATENT,
    REACH,
    column_centre,
    free_numbers,
    outputs_at,
    parameters_at,
    random_layers,
    to_normal,
)
from .latent_units import LatentUnits, RowStatistics

# Share of its fall that the step size must have made before the points move, and the ratio of their
# step size to the network's.
MOVING, FASTER = 0.4, 10.0


@dataclass(frozen=True)
class LatentState:
    """A network and its points.

    Attributes
    ----------
    network : Momentum
        Of one tensor (W,): the weights (out, in) and biases (out,) of every layer, float32.
    points : Momentum
        Of the points (N, L) and the logits of their weights (N,).
    rate : float
        First step size.
    seed : int
        Seed of the shifts and of the dropout, together with the number of the step.
    centre : Tensor (M,)
        Free numbers of the columns' own distributions.
    """

    network: Momentum
    points: Momentum
    rate: float
    seed: int
    centre: Tensor

    @property
    def layers(self) -> list[Tensor]:
        """Weights and biases of every layer, views."""
        shapes = [(HIDDEN, LATENT), (HIDDEN, HIDDEN), (HIDDEN, HIDDEN), (len(self.centre), HIDDEN)]
        sizes = [size for out, inputs in shapes for size in (out * inputs, out)]
        flat = self.network.free[0].split(sizes)
        return [
            part
            for i, shape in enumerate(shapes)
            for part in (flat[2 * i].view(shape), flat[2 * i + 1])
        ]


def start(circuit: Circuit, sums: Tensor, generator: torch.Generator, rate: float) -> LatentState:
    """A random network around the columns' own distributions.

    Parameters
    ----------
    circuit : Circuit
        From `product_mixture`.
    sums : Tensor (R,)
        From `column_sums`.
    generator : torch.Generator
        On the CPU.
    rate : float
        First step size.
    """
    seed = int(torch.randint(2**62, (1,), generator=generator))
    engine = torch.quasirandom.SobolEngine(LATENT, scramble=True, seed=seed)
    # Old versions of torch draw in the default type, whatever `dtype` says.
    points = to_normal(engine.draw(circuit.inputs.n_units, dtype=torch.float32).float())
    centre = column_centre(circuit, sums).float().cpu()
    network = _flat(random_layers(len(centre), points, generator)).to(circuit.device)
    points = points.to(circuit.device)
    latent = Momentum.begin((points, torch.zeros_like(points[:, 0])))
    return LatentState(Momentum.begin((network,)), latent, rate, seed, centre.to(circuit.device))


def step(
    units: LatentUnits, state: LatentState, rows: RowStatistics, weights: Tensor, rate: float
) -> tuple[LatentState, Tensor]:
    """One step up the mean log-likelihood of a row.

    Parameters
    ----------
    units : LatentUnits
    state : LatentState
    rows : RowStatistics
    weights : Tensor (B,)
        Of the rows, float64; they add to about 1.
    rate : float
        Step size.

    Returns
    -------
    state : LatentState
    log_likelihood : Tensor ()
        Weighted sum of the rows' log densities before the step, float64.
    """
    moving = state.points.step > 0 or rate <= (1 - MOVING) * state.rate
    inputs, outputs = _decoded(state, moving)
    by_outputs, by_logits, log_likelihood = gradients(
        units, rows, weights, outputs.detach(), state.points.free[1], state.centre
    )
    gradient = torch.autograd.grad(outputs, inputs, by_outputs)
    network = state.network.advance((_flat(gradient[:8]),), rate)
    latent = state.points
    if moving:
        latent = latent.advance((gradient[8], by_logits), FASTER * rate)
    return replace(state, network=network, points=latent), log_likelihood


def gradients(
    units: LatentUnits,
    rows: RowStatistics,
    weights: Tensor,
    outputs: Tensor,
    logits: Tensor,
    centre: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of the weighted log-likelihood of rows, and the log-likelihood itself, ().

    They are those by the outputs (M, N) of the network, zero where an output is out of reach and
    would go on, and by the logits (N,).
    """
    free, log_weights = free_numbers(outputs, centre), torch.log_softmax(logits, dim=0)
    shares, log_density = units.posterior(rows, units.natural(free, log_weights))
    flows = shares.mul_(weights.to(shares.dtype)[:, None])
    upstream = units.gradient(free, units.expected(rows, flows))
    if may_fail(torch.stack(outputs.aminmax()).abs() <= REACH):
        away = outputs.sign() * upstream > 0
        upstream.masked_fill_((outputs.abs() > REACH) & away, 0.0)
    counts = flows.sum(dim=0)
    by_logits = (counts - log_weights.exp() * counts.sum()).to(logits.dtype)
    return upstream, by_logits, weights @ log_density


def finish(circuit: Circuit, state: LatentState) -> Parameters:
    """Parameters at the points, without shift or dropout."""
    points, logits = state.points.free
    outputs = outputs_at(state.layers, points, None)
    return parameters_at(circuit, free_numbers(outputs, state.centre), logits)


def _flat(tensors: Sequence[Tensor]) -> Tensor:
    """All numbers of tensors one after the other, (W,): one step of Adam moves them all."""
    return torch.cat([tensor.flatten() for tensor in tensors])


def _decoded(state: LatentState, moving: bool) -> tuple[tuple[Tensor, ...], Tensor]:
    """Layers and points of a step, and the outputs (M, N) with the graph that leads to them.

    The points are there if they move.
    """
    points, mask = _points(state, moving), _mask(state)
    with torch.enable_grad():
        # Copies, as a state that began in inference mode has no gradients.
        layers = tuple(layer.detach().clone().requires_grad_() for layer in state.layers)
        points = points.detach().clone().requires_grad_(moving)
        outputs = outputs_at(layers, points, mask)
    return (*layers, points) if moving else layers, outputs


def _generator(state: LatentState) -> torch.Generator:
    """Generator of a step, seeded by the number of the step."""
    return torch.Generator().manual_seed(state.seed + 2 * state.network.step)


def _points(state: LatentState, moving: bool) -> Tensor:
    """Points of the next block, (N, L).

    Until they move they are shifted at random, modulo 1 in the unit cube.
    """
    points = state.points.free[0]
    if moving:
        return points
    shift = torch.rand((1, points.shape[1]), generator=_generator(state), dtype=points.dtype)
    shift = shift.to(points.device)
    return to_normal((torch.special.ndtr(points) + shift) % 1.0)


def _mask(state: LatentState) -> Tensor:
    """Dropout mask (N, H): zeros, and 1 over the share of them for hidden units that are kept."""
    generator = _generator(state).manual_seed(state.seed + 2 * state.network.step + 1)
    # A byte for each hidden unit is drawn in a fifth of the time of a float.
    n = len(state.points.free[0]) * HIDDEN
    words = torch.randint(-(2**63), 2**63 - 1, (n // 8,), generator=generator)
    kept = words.view(torch.uint8).view(-1, HIDDEN) >= DROPPED
    mask = kept.to(torch.float32).mul_(256 / (256 - DROPPED))
    return mask.to(state.points.free[0].device)
