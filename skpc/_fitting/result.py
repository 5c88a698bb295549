"""The result of a fit: a fitted density, frozen, in plain arrays.

Axes: P components, D columns, R rows of Phi (statistics of all columns).
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import log
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .._device import choose_device
from ..circuit.components import Component
from ..circuit.training import parameters_from_numbers
from .kinds import kind_of
from .plan import Plan

NOT_STORED = ("_built", "_warned")
History = dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class FittedTrees:
    """The trained circuit, with the numbers that later fits of the model go on from.

    Attributes
    ----------
    arrays : dict
        The solver's state, from `Solver.to_arrays`.
    solver : str
    column_sums : ndarray (R,)
        Sums of the columns' statistics over all rows so far.
    rows : float
        Rows of evidence so far.
    steps : int
        Updates so far.
    smoothing : float
        Pseudo-rows per unit.
    n_parameters : int
    history : dict of ndarray
        One entry per pass.
    converged : bool
    """

    arrays: dict[str, Any]
    solver: str
    column_sums: NDArray[np.float64]
    rows: float
    steps: int
    smoothing: float
    n_parameters: int
    history: History
    converged: bool


@dataclass(frozen=True)
class StoredComponent:
    """A fitted component other than the trees.

    Attributes
    ----------
    kind : str or object
        Name of one of skpc's own kinds, or an object of the user's that makes the component of
        its arrays.
    name : str
    arrays : dict
    n_parameters : int
    history : dict of ndarray
    """

    kind: Any
    name: str
    arrays: dict[str, Any]
    n_parameters: int
    history: History


@dataclass(frozen=True)
class FittedDensity:
    """A fitted density.

    Attributes
    ----------
    plan : Plan
    trees : FittedTrees or None
    feature_names : ndarray of str (D,) or None
        Names that a table must have, as scikit-learn took them from the first one.
    others : tuple of StoredComponent
        Components other than the trees.
    weights : ndarray (P,)
        Of the trees if there are any, and of each other component.
    settings : dict
        Values that "auto" stood for, by parameter.
    seconds : dict of float
        By phase of the fit.
    """

    plan: Plan
    trees: FittedTrees | None
    feature_names: NDArray[Any] | None = None
    others: tuple[StoredComponent, ...] = ()
    weights: NDArray[np.float64] = field(default_factory=lambda: np.ones(1))
    settings: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    # Built once for each device, and never stored.
    _built: dict[str, list[Component]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    # What warnings have been about already, columns by position; later fits of the model share it.
    _warned: set[Any] = field(default_factory=set, repr=False, compare=False)

    @property
    def names(self) -> list[str]:
        """Names of the components, (P,)."""
        trees = [] if self.trees is None else ["trees"]
        return [*trees, *(other.name for other in self.others)]

    @property
    def n_parameters(self) -> int:
        """Stored free numbers of all components, and their weights less one."""
        trees = [] if self.trees is None else [self.trees.n_parameters]
        counts = [*trees, *(other.n_parameters for other in self.others)]
        return sum(counts) + len(counts) - 1

    @property
    def history(self) -> dict[str, History]:
        """What training of each component went through, by its name."""
        trees = {} if self.trees is None else {"trees": self.trees.history}
        return {**trees, **{other.name: other.history for other in self.others}}

    def warn(self, messages: Mapping[Any, str], stacklevel: int) -> None:
        """Warn by messages, of each key once."""
        for key, message in messages.items():
            if key not in self._warned:
                self._warned.add(key)
                warnings.warn(message, UserWarning, stacklevel=stacklevel + 1)

    def components(self, device: str) -> list[Component]:
        """The components of the mixture, on a device; the trees are first."""
        if device not in self._built:
            self._built[device] = self._build(device)
        return self._built[device]

    def _build(self, name: str) -> list[Component]:
        device, plan = choose_device(name), self.plan
        logs = iter([log(weight) for weight in self.weights.tolist()])
        built = []
        if self.trees is not None:
            parameters = parameters_from_numbers(self.trees.arrays["parameters"], device)
            built.append(Component(plan.circuit(device), parameters, next(logs)))
        leaves = plan.leaves()
        for other in self.others:
            kind = kind_of(other.kind)
            built.append(kind.from_arrays(other.arrays, leaves, next(logs), device))
        return built

    def state(self) -> dict[str, Any]:
        """Plain Python and NumPy objects, so that any file can hold them."""
        kept = {name: value for name, value in vars(self).items() if name not in NOT_STORED}
        trees = None if self.trees is None else dict(vars(self.trees))
        others = [dict(vars(other)) for other in self.others]
        return {**kept, "plan": self.plan.state(), "trees": trees, "others": others}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """The density from what `state` returned."""
        trees = None if state["trees"] is None else FittedTrees(**state["trees"])
        others = tuple(StoredComponent(**other) for other in state["others"])
        plan = Plan.from_state(state["plan"])
        return cls(**{**state, "plan": plan, "trees": trees, "others": others})
