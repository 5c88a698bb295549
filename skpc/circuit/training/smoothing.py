"""Smoothing that held-out rows choose.

Running statistics do not contain the prior, so parameters under another smoothing are one
M-step away: no training row is read again.
"""

from dataclasses import replace

import torch

from ..passes.circuit import Circuit
from . import em
from .rows import Rows, mean_log_density
from .statistics import Prior

# What a pass may multiply the smoothing by, the rise of the likelihood that it takes, and how
# far the smoothing may get.
FACTORS = (0.5, 2.0)
RISE = 1e-4
LEAST, MOST = 1e-3, 1e2


def choose_smoothing(
    circuit: Circuit,
    state: em.EMState,
    prior: Prior,
    score: float,
    held: Rows,
    evidence: float,
    dtype: torch.dtype,
) -> tuple[em.EMState, Prior, float]:
    """The state and its prior, or half or twice the smoothing if held-out rows like it better.

    Parameters
    ----------
    circuit : Circuit
    state : EMState
        After a pass.
    prior : Prior
    score : float
        Mean log density of the held-out rows in that state; that in the chosen one comes back.
    held : Rows
        That training did not see.
    evidence : float
        Training rows that the prior is weighed against.
    dtype : torch.dtype
        Of the passes.
    """
    chosen = state, prior, score
    for factor in FACTORS:
        smoothing = min(max(prior.smoothing * factor, LEAST), MOST)
        if smoothing == prior.smoothing:
            continue
        tried = replace(prior, smoothing=smoothing)
        other = em.maximise(circuit, state, tried, evidence)
        found = mean_log_density(circuit, other.parameters, held, dtype)
        if found > max(chosen[2], score + RISE):
            chosen = other, tried, found
    return chosen
