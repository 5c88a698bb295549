"""Training of latent mixtures: steps of a network and of its points.

While the step size is large the points are a quasi-Monte Carlo set, shifted at random in every
step. Then the shifts end, and the points and their weights are trained by gradients as well (latent
optimisation).
The gradient of the leaves' free parameters comes from the same statistics as EM's
(`Leaf.free_gradient`); automatic differentiation goes through the network only.

Axes: N points (the units), L latent dimensions, H hidden units, M free numbers of a unit's
leaves, R rows of Phi.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..passes import Circuit, Parameters
from ..training import Momentum, Prior, Statistics
from .latent_network import (
    DROPOUT,
    HIDDEN,
    LATENT,
    column_centre,
    gradient_by_outputs,
    inside,
    outputs_at,
    parameters_at,
    random_layers,
    to_normal,
)

# Share of its fall that the step size must have made before the points move, and the ratio of their
# step size to the network's.
MOVING, FASTER = 0.4, 10.0


@dataclass(frozen=True)
class LatentState:
    """A network, its points, and the parameters that they decode to for the next block.

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
        Seed of the shifts and of the dropout, together with the number of the step.
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
    layers = random_layers(centre, points, generator)
    network = Momentum.begin(tuple(layer.to(circuit.device) for layer in layers))
    points = points.to(circuit.device)
    latent = Momentum.begin((points, torch.zeros_like(points[:, 0])))
    undecoded = Parameters(torch.empty(0), ())
    state = LatentState(undecoded, network, latent, rate, seed, centre.to(circuit.device))
    return _decoded(circuit, state)


class LatentSteps:
    """Rectified Adam of the network, and of the points once they move, as `Steps` of training."""

    closed_form = False

    def update(
        self,
        circuit: Circuit,
        state: LatentState,
        statistics: Statistics,
        prior: Prior,
        rate: float,
        evidence: float,
    ) -> LatentState:
        """One step up the mean penalised log-likelihood of a row."""
        leaves, (counts,) = prior.add(circuit, statistics.leaves, statistics.sums, evidence)
        assert state.outputs is not None
        outputs = state.outputs.detach()
        bounded = inside(outputs, state.centre)
        upstream = gradient_by_outputs(circuit, bounded, leaves)
        upstream = torch.where((outputs - bounded) * upstream > 0, 0.0, upstream)
        with torch.inference_mode(False):
            *by_layers, by_points = torch.autograd.grad(state.outputs, state.inputs, upstream)
        network = state.network.advance(tuple(by_layers), rate)
        latent = state.points
        if _moving(state) or rate <= (1 - MOVING) * state.rate:
            weights = state.parameters.sums[0]
            by_logits = (counts - weights * counts.sum()).flatten().float()
            latent = latent.advance((by_points, by_logits), FASTER * rate)
        return _decoded(circuit, replace(state, network=network, points=latent))

    def under_prior(
        self, circuit: Circuit, state: LatentState, prior: Prior, evidence: float
    ) -> LatentState:
        """The same state: there is no closed form of the state under another prior."""
        return state


def finish(circuit: Circuit, state: LatentState) -> Parameters:
    """Parameters at the points, without shift or dropout."""
    points, logits = state.points.free
    outputs = outputs_at(state.network.free, points, None)
    return parameters_at(circuit, inside(outputs, state.centre), logits)


def _moving(state: LatentState) -> bool:
    """Whether the points have begun to move."""
    return state.points.step > 0


def _decoded(circuit: Circuit, state: LatentState) -> LatentState:
    """The state with the parameters for its next block."""
    trained = (*state.network.free, _points(state))
    with torch.inference_mode(False), torch.enable_grad():
        inputs = tuple(tensor.detach().clone().requires_grad_() for tensor in trained)
        outputs = outputs_at(inputs[:-1], inputs[-1], _mask(state))
    bounded = inside(outputs.detach(), state.centre)
    parameters = parameters_at(circuit, bounded, state.points.free[1])
    return replace(state, parameters=parameters, inputs=inputs, outputs=outputs)


def _generator(state: LatentState) -> torch.Generator:
    """Generator of a step, seeded by the number of the step."""
    return torch.Generator().manual_seed(state.seed + 2 * state.network.step)


def _points(state: LatentState) -> Tensor:
    """Points of the next block, (N, L).

    Until they move they are shifted at random, modulo 1 in the unit cube.
    """
    points = state.points.free[0]
    if _moving(state):
        return points
    shift = torch.rand((1, points.shape[1]), generator=_generator(state), dtype=points.dtype)
    shift = shift.to(points.device)
    return to_normal((torch.special.ndtr(points) + shift) % 1.0)


def _mask(state: LatentState) -> Tensor:
    """Dropout mask (N, H): zeros, and 1 / (1 - DROPOUT) for hidden units that are kept."""
    generator = _generator(state).manual_seed(state.seed + 2 * state.network.step + 1)
    shape = (len(state.points.free[0]), HIDDEN)
    kept = torch.rand(shape, generator=generator, dtype=torch.float32) >= DROPOUT
    return kept.to(torch.float32).div_(1 - DROPOUT).to(state.points.free[0].device)
