"""Choice of the smoothing by held-out rows.

Running statistics do not contain the prior, so parameters under another smoothing take one
M-step: no training row is read again.
"""

from dataclasses import replace

from ..passes import Circuit
from .options import Options
from .prior import Prior
from .rows import Rows, mean_log_density
from .solver import S

# Factors of the smoothing that are tried after a pass, the rise of the held-out likelihood that a
# change must bring, and the bounds of the smoothing.
FACTORS = (0.5, 2.0)
RISE = 1e-4
LEAST, MOST = 1e-3, 1e2


def choose_smoothing(
    circuit: Circuit,
    state: S,
    prior: Prior,
    score: float,
    held: Rows,
    evidence: float,
    options: Options,
) -> tuple[S, Prior, float]:
    """The state and its prior, or those with half or twice the smoothing if they score higher.

    Parameters
    ----------
    circuit : Circuit
    state : State
        After a pass.
    prior : Prior
    score : float
        Mean log density of the held-out rows in that state. That of the chosen state is returned.
    held : Rows
        Held-out rows.
    evidence : float
        Training rows that the prior is weighed against.
    options : Options
        With a solver in closed form.
    """
    chosen = state, prior, score
    for factor in FACTORS:
        smoothing = min(max(prior.smoothing * factor, LEAST), MOST)
        if smoothing == prior.smoothing:
            continue
        other_prior = replace(prior, smoothing=smoothing)
        other = options.solver.under_prior(circuit, state, other_prior, evidence)
        other_score = mean_log_density(circuit, other.parameters, held, options.dtype)
        if other_score > max(chosen[2], score + RISE):
            chosen = other, other_prior, other_score
    return chosen
