"""Choice of the smoothing by held-out rows.

Running statistics do not contain the prior, so parameters under another smoothing take one
M-step: no training row is read again.
"""

from dataclasses import replace

from torch import Tensor

from ..passes import Circuit
from .options import Options
from .prior import Prior
from .rows import Rows, log_densities
from .solver import S

# Factors of the smoothing that are tried after a pass, and the rise of the held-out likelihood that
# a change must bring.
FACTORS, RISE = (0.5, 2.0), 1e-4
# Bounds of the smoothing. It is not lowered below MANY pseudo-rows over the number of rows, as few
# held-out rows cannot tell so little smoothing from none.
LEAST, MANY, MOST = 1e-3, 2.0, 1e2
# Full steps raise it after so many passes only: before, units are still alike, and much smoothing
# would keep them so for good.
SETTLED = 10


def choose_smoothing(
    circuit: Circuit,
    state: S,
    prior: Prior,
    scores: Tensor,
    held: Rows,
    evidence: float,
    options: Options,
    settled: bool,
) -> tuple[S, Prior, Tensor]:
    """The state and its prior, or those with half or twice the smoothing if they score higher.

    Parameters
    ----------
    circuit : Circuit
    state : State
        After a pass.
    prior : Prior
    scores : Tensor (n,)
        Log densities of the held-out rows in that state. Those in the chosen state are returned.
    held : Rows
        Held-out rows.
    evidence : float
        Training rows that the prior is weighed against.
    options : Options
        With a solver in closed form.
    settled : bool
        Whether the smoothing may rise, too.
    """
    chosen, least = (state, prior, scores), min(prior.smoothing, max(LEAST, MANY / evidence))
    score = best = held.mean(scores)
    for factor in FACTORS if settled else FACTORS[:1]:
        smoothing = min(max(prior.smoothing * factor, least), MOST)
        if smoothing == prior.smoothing:
            continue
        other_prior = replace(prior, smoothing=smoothing)
        other = options.solver.under_prior(circuit, state, other_prior, evidence)
        other_scores = log_densities(circuit, other.parameters, held, options.dtype)
        other_score = held.mean(other_scores)
        if other_score > max(best, score + RISE):
            chosen, best = (other, other_prior, other_scores), other_score
    return chosen
