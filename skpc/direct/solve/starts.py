"""Where mean-field searches start: at theta = 0, and at random codes.

Axes: S starts, computed together, B features.
"""

import numpy as np

from ..arrays import Floats
from ..model import Problem, State, evaluate


def state_at_zero(problem: Problem, tau: float) -> State:
    """The state with theta = 0, S = 1."""
    return evaluate(problem, np.zeros((1, len(problem.moment))), np.array([tau]))


def full_tau(problem: Problem) -> float:
    """Precision of the noise if it explained all of y."""
    largest = problem.noise[-1]
    return 1.0 / min(max(problem.square / problem.weight, problem.noise[0]), largest)


def small_tau(problem: Problem) -> float:
    """A tau so small that the data do not yet choose a code of any weight."""
    sharpness = float(np.max(problem.diagonal * problem.step**2, initial=0.0))
    return min(0.3 / sharpness, full_tau(problem)) if sharpness > 0 else full_tau(problem)


def random_starts(problem: Problem, tau: Floats, random: np.random.RandomState) -> Floats:
    """Natural parameters (S, B), optimal if all other weights had random codes, for tau (S,)."""
    codes = random.choice(problem.codes, size=(len(tau), len(problem.moment)))
    # Half of the starts stay nearer to zero, where most good posteriors are.
    codes[::2] *= random.random_sample(len(codes[::2]))[:, None]
    if problem.origin is not None:
        codes -= problem.origin
    return tau[:, None] * (problem.moment - problem.cross(codes * problem.step))


def join(problem: Problem, a: State, b: State) -> State:
    """The starts of both in one state."""
    theta, tau = np.concatenate([a.theta, b.theta]), np.concatenate([a.tau, b.tau])
    return evaluate(problem, theta, tau)
