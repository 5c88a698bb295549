"""When the training of a latent mixture stops: held-out rows say what it adds to a mixture.

Axes: n held-out rows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil

from torch import Tensor

from .latent_solver import LatentState
from .protocol import ComponentTask

# Held-out rows are scored so many times in a training; after so many times without a rise of the
# gain it stops.
CHECKS, PATIENCE = 6, 2


@dataclass(frozen=True, eq=False)
class Watched:
    """A state in training, and what held-out rows say of it.

    Attributes
    ----------
    state : LatentState
    passes : int
        Passes that led to it.
    scores : Tensor (n,)
        Log densities of the held-out rows, float64.
    mixed : float
        Their mean log density by the mixture with the network.
    weight : float
        Weight of the network in that mixture.
    """

    state: LatentState
    passes: int
    scores: Tensor
    mixed: float
    weight: float


class Watch:
    """What a network adds to a mixture on held-out rows while it is trained.

    Training stops when the gain has not risen twice, and after half of the passes if the network
    would not weigh enough; the state with the largest gain is kept.

    Parameters
    ----------
    task : ComponentTask
    others : sequence of Tensor (n,)
        Log densities of the held-out rows by the networks before, float64.
    score : callable
        Takes a state and returns its log densities of the held-out rows, (n,), float64.
    n_passes : int
        Passes of the training if it goes on to its end.
    least_weight : float
        Weight that it must have after half of them.

    Attributes
    ----------
    best : Watched or None
        The state that is kept; None before the first check.
    """

    def __init__(
        self,
        task: ComponentTask,
        others: Sequence[Tensor],
        score: Callable[[LatentState], Tensor],
        n_passes: int,
        least_weight: float,
    ) -> None:
        self.task, self.others, self.score = task, others, score
        self.n_passes, self.least_weight = n_passes, least_weight
        self.every = ceil(n_passes / CHECKS)
        self.best: Watched | None = None
        self.stalls = 0

    def stops(self, passes: int, state: LatentState) -> bool:
        """Whether training stops at a state after so many passes."""
        if passes % self.every and passes < self.n_passes:
            return False
        now = self._watched(state, passes)
        rises = self.best is None or now.mixed > self.best.mixed
        self.best, self.stalls = (now, 0) if rises else (self.best, self.stalls + 1)
        useless = 2 * passes >= self.n_passes and now.weight < self.least_weight
        return useless or self.stalls >= PATIENCE

    def _watched(self, state: LatentState, passes: int) -> Watched:
        """A state with what held-out rows say of it."""
        scores = self.score(state)
        mixed, weights = self.task.mixed([*self.others, scores])
        return Watched(state, passes, scores, mixed, float(weights[-1]))
