"""What every search of this room ends in: a problem on its grid, and a posterior of it."""

from dataclasses import dataclass

from ..arrays import Floats
from ..model import Posterior, Problem, State


@dataclass(frozen=True, kw_only=True)
class Solution:
    """The posterior that a search ended in, mean-field or a mixture, and how it got there.

    Attributes
    ----------
    problem : Problem
        The data, with the grids that were chosen.
    state : State
        The mean-field optimum, one start, S = 1; a mixture starts from it.
    posterior : Posterior
        The mixture or, with one component, the state.
    path : list of float
        ELBO after every round, first mean-field, then of the mixture; it falls by rounding at most.
    n_iter : int
        Gradients and sweeps, all together.
    converged : bool
        Whether every search so far ended because the ELBO rose by less than the tolerance.
    codes : ndarray (B,) or None
        Codes that a ridge regression was rounded to, where the grid is near one.
    widened : bool
        Whether the noise grid is wider than the user's range.
    """

    problem: Problem
    state: State
    posterior: Posterior
    path: list[float]
    n_iter: int
    converged: bool
    codes: Floats | None = None
    widened: bool = False

    @property
    def elbo(self) -> float:
        """ELBO of the posterior, in nats: where the path ends."""
        return self.path[-1]
