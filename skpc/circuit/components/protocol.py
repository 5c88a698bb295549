"""What a kind of component must offer, and what its fit takes and gives.

A new component is one file: a frozen class with the members of `ComponentKind`. Its arrays need not
be Gaussians nor a network; all that a model asks of it later is what a `Component` answers.

Axes: n held-out rows, D columns, P components.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from ..leaves import Leaf
from ..training import Rows
from .component import Component
from .mixture import choose_weights

# A component that weighs less than this on held-out rows is left out of the mixture.
LEAST_WEIGHT = 0.02


@dataclass(frozen=True, eq=False)
class ComponentTask:
    """What a component may use to fit itself.

    Attributes
    ----------
    leaves : sequence of Leaf (D,)
        A family object per column.
    min_variance : float
        Their floor of variance, as a share of the column's variance.
    floored : callable
        Takes another floor, as such a share, and returns the families with it.
    rows, held : Rows
        Rows to learn from, and rows that decide the weights. The latter may be learned once they
        were scored.
    scores : sequence of Tensor (n,)
        Log densities of the held-out rows by the components fitted so far, float64.
    dtype : torch.dtype
        Of the passes, where a component can choose.
    random : numpy.random.RandomState
        A stream of the component's own.
    report : callable
        Takes a line of progress.
    """

    leaves: Sequence[Leaf]
    min_variance: float
    floored: Callable[[float], Sequence[Leaf]]
    rows: Rows
    held: Rows
    scores: Sequence[Tensor]
    dtype: torch.dtype
    random: np.random.RandomState
    report: Callable[[str], None]

    @property
    def n_rows(self) -> int:
        """Rows of the table: those to learn from, and the held-out ones."""
        return len(self.rows) + len(self.held)

    def weights(self, scores: Sequence[Tensor]) -> Tensor:
        """Weights on held-out rows, (P,), of the components fitted so far and of further ones.

        `scores` are the log densities of the held-out rows by the further ones, each (n,).
        """
        return choose_weights(torch.stack([*self.scores, *scores]), self.held.counts)

    def mixed(self, scores: Sequence[Tensor]) -> tuple[float, Tensor]:
        """Mean log density of the held-out rows by all of these, and the best weights, (P,).

        Minus infinity without any.
        """
        parts = [*self.scores, *scores]
        if not parts:
            return -torch.inf, torch.empty(0, dtype=torch.float64)
        weights, counts = self.weights(scores), self.held.counts
        joint = torch.stack(parts) + weights.log()[:, None]
        return float(counts @ torch.logsumexp(joint, dim=0) / counts.sum()), weights


@dataclass(frozen=True, eq=False)
class FittedComponent:
    """A component after its fit, in plain numbers, except for its scores.

    Attributes
    ----------
    name : str
        Of its kind.
    arrays : dict
        Arrays, lists and numbers from which `ComponentKind.from_arrays` builds the component; files
        hold them.
    scores : Tensor (n,)
        Log densities of the held-out rows before it learned them, float64.
    n_parameters : int
        Free numbers that are stored: those of the leaves, the weights of each sum less one, and
        correlations.
    history : dict of ndarray
        "log_likelihood" (mean log density of the rows) and "seconds" (since the start), one entry
        per pass or step; empty for a component that is fitted in closed form.
    """

    name: str
    arrays: dict[str, Any]
    scores: Tensor
    n_parameters: int
    history: dict[str, np.ndarray] = field(default_factory=dict)


@runtime_checkable
class ComponentKind(Protocol):
    """A kind of component with its settings.

    Kinds are frozen: equal settings are equal kinds. What `from_arrays` builds depends on its
    arguments alone, so a stored component needs the name of its kind, not the settings of its fit.
    """

    @property
    def name(self) -> str:
        """The component's name in the model."""

    def pays(self, leaves: Sequence[Leaf], n_rows: int) -> bool:
        """Whether it competes by default on a table of these columns and that many rows."""

    def fit(self, task: ComponentTask) -> FittedComponent | None:
        """Fit a component; None: this is no table for it, or it weighs less than LEAST_WEIGHT."""

    def from_arrays(
        self,
        arrays: Mapping[str, Any],
        leaves: Sequence[Leaf],
        log_weight: float,
        device: torch.device,
    ) -> Component:
        """The component from the arrays of its fit, with its weight in the mixture."""


class Recorder:
    """Log-likelihoods of the passes or steps of a fit, with the time of each."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._log_likelihood: list[float] = []
        self._seconds: list[float] = []

    def add(self, log_likelihood: float) -> None:
        """A pass or step has ended."""
        self._log_likelihood.append(log_likelihood)
        self._seconds.append(time.perf_counter() - self._started)

    @property
    def last(self) -> float:
        """The last log-likelihood."""
        return self._log_likelihood[-1]

    def history(self) -> dict[str, np.ndarray]:
        """The record so far, as `FittedComponent.history`."""
        return {
            "log_likelihood": np.array(self._log_likelihood),
            "seconds": np.array(self._seconds),
        }
