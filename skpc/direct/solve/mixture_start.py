"""Where the search for a mixture starts: other modes, then halves of the best component.

A mixture gains by different modes, and by the dependence of weights within one. For the first,
components are optima of mean-field posteriors. For the second, a component is cut in two at the
median of one weight. The halves together are the same posterior as before, and do not overlap;
ascent may then let the other weights depend on the one that was cut.

Axes: R components, S starts, B features, K codes.
"""

import numpy as np

from ..arrays import Floats
from ..model import Mixture, Problem, State, evaluate, mixture_of, weight_moments
from .ascent import sweep
from .starts import join, random_starts

# A mode this many nats below the best has a twentieth of its weight.
REACH = 3.0
# Modes that overlap (Bhattacharyya coefficient) by more than this are one.
SAME = 0.7
# Log factor of the masses beyond the cut: small, but large enough to have a gradient.
CUT = -20.0
# Resolution of the lattice on which data that differ by rounding become equal: 2**-32 of a
# correlation.
LATTICE = 2.0**32


def starting_mixture(
    problem: Problem, state: State, n_components: int, random: np.random.RandomState
) -> Mixture:
    """At most `n_components` components around a mean-field optimum, S = 1.

    There are fewer where no weight is uncertain.
    """
    mixture = _modes(problem, state, n_components, random)
    while len(mixture.log_weights) < n_components:
        halves = _halve(problem, mixture, float(state.tau[0]))
        if halves is None:
            break
        mixture = halves
    return mixture


def on_lattice(problem: Problem) -> Problem:
    """The problem on a lattice, which is equal to the last bit for the same rows in other chunks.

    The search for a mixture is long, has many optima and no Newton's method at its end, so that
    rounding in its input would show in its result.
    """
    # The scale of y is about 1, unless it stands for residuals.
    spread = max(problem.square / problem.weight, float(problem.noise[0]))
    scale = 2.0 ** round(0.5 * np.log2(spread))

    def coarse(values: Floats, scale: float = 1.0) -> Floats:
        """Values on the lattice."""
        unit = LATTICE / (problem.weight * scale)
        return np.round(values * unit) / unit

    return problem.with_grid(
        off_diagonal=coarse(problem.off_diagonal),
        diagonal=coarse(problem.diagonal),
        moment=coarse(problem.moment, scale),
        square=float(coarse(np.array(problem.square), scale**2)),
        step=coarse_logarithm(problem.step),
        noise=coarse_logarithm(problem.noise),
        log_prior=np.round(problem.log_prior * 2.0**28) / 2.0**28,
    )


def coarse_logarithm(values: Floats) -> Floats:
    """Positive values, rounded to a lattice of their logarithms to base 2 with steps of 2**-28."""
    return np.exp2(np.round(np.log2(values) * 2.0**28) / 2.0**28)


def _modes(problem: Problem, state: State, n_modes: int, random: np.random.RandomState) -> Mixture:
    """The state and other optima nearly as good, from sweeps of random codes."""
    # With many features random codes do not lead near the best optimum, and sweeps take long.
    n_starts = min(1000 // max(len(problem.moment), 1), 128) if n_modes > 1 else 0
    if n_starts == 0:
        return mixture_of(problem, state)
    tau = np.full(n_starts, state.tau[0])
    many = evaluate(problem, random_starts(problem, tau, random), tau)
    for _ in range(30):
        many = sweep(problem, many)
    return mixture_of(problem, _distinct(join(problem, state, many), n_modes))


def _distinct(states: State, n_modes: int) -> State:
    """At most `n_modes` starts that are nearly as good as the best and not the same."""
    root = np.sqrt(states.posterior.probabilities)
    order = np.argsort(-states.elbo, kind="stable")
    modes = [int(order[0])]
    for s in order[states.elbo[order] > states.elbo.max() - REACH]:
        overlap = (root[modes] * root[s]).sum(axis=-1).prod(axis=-1)
        if overlap.max() < SAME and len(modes) < n_modes:
            modes.append(int(s))
    return states.take(modes)


def _halve(problem: Problem, mixture: Mixture, tau: float) -> Mixture | None:
    """The heaviest component cut in two, or None if its weights are certain."""
    heaviest = int(np.argmax(mixture.log_weights))
    log_q = mixture.log_q[heaviest]
    constraint = _constraint(problem, log_q, tau)
    j = int(np.argmax(constraint))
    if not constraint[j] > 0:
        return None
    log_weights, factors = _cut(log_q[j])
    halves = np.stack([log_q, log_q])
    halves[:, j] = factors
    others = np.arange(len(mixture.log_weights)) != heaviest
    log_weights += mixture.log_weights[heaviest]
    return Mixture(
        np.concatenate([mixture.log_weights[others], log_weights]),
        np.concatenate([mixture.log_q[others], halves]),
    )


def _cut(log_factor: Floats) -> tuple[Floats, Floats]:
    """Log masses (2,) and factors (2, K) of a factor (K,) left and right of its median."""
    q = np.exp(log_factor)
    right = np.cumsum(q) - 0.5 * q > 0.5 * q.sum()
    factors = log_factor + CUT * np.stack([right, ~right])
    masses = np.logaddexp.reduce(factors, axis=1)
    return masses - np.logaddexp.reduce(masses), factors - masses[:, None]


def _constraint(problem: Problem, log_q: Floats, tau: float) -> Floats:
    """How much each weight depends on the others, (B,).

    It is the variance of a weight over its variance if all others were known. In the normal
    approximation that is the diagonal of the inverse of I + tau V^1/2 G_off V^1/2 with V the
    variances (see `newton`). Weights without a second code have 0.
    """
    variance = weight_moments(problem, np.exp(log_q))[1]
    root = np.sqrt(variance)
    values, vectors = np.linalg.eigh(
        np.eye(len(root)) + tau * root[:, None] * problem.off_diagonal * root
    )
    ratio = (vectors**2 / np.maximum(values, 1e-6)).sum(axis=1)
    return np.where(variance > 1e-6 * problem.step**2, ratio, 0.0)
