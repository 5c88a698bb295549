"""The result of a fit: a fitted density, frozen, in plain arrays.

Axes: P components, D columns, R rows of Phi (statistics of all columns).
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._device import choose_device
from ..circuit.components import COMPONENTS, Component
from ..circuit.passes import Circuit
from ..circuit.training import SOLVERS, check_state, parameters_from_numbers
from .kinds import kind_of
from .plan import Plan

# How far weights may be from adding to one.
ROUNDING = 1e-9
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

    def check(self) -> None:
        """Refuse numbers of a file that are no trees'."""
        if self.solver not in SOLVERS:
            raise ValueError(f"solver is {self.solver!r}, whose state no file of skpc holds.")
        if self.steps < 0 or not (0 <= self.rows < np.inf and 0 <= self.smoothing < np.inf):
            raise ValueError(f"rows, steps, smoothing are {self.rows, self.steps, self.smoothing}.")
        if not np.isfinite(self.column_sums).all():
            raise ValueError("column_sums are not finite.")
        lengths = {array.shape for array in self.history.values()}
        if "log_likelihood" not in self.history or lengths != {(self.history["seconds"].size,)}:
            raise ValueError("history lacks passes.")

    def check_size(self, plan: Plan) -> None:
        """Refuse parameters of other units than the plan's, before a circuit of these is built."""
        first = self.arrays["parameters"][0]
        size = sum(array.size for array in self.arrays["parameters"])
        if first.ndim != 2 or first.shape[1] != plan.n_leaves or plan.n_sums > size:
            raise ValueError(
                f"it has leaves of the shape {first.shape}; the plan has {plan.n_leaves} units."
            )

    def check_by(self, circuit: Circuit) -> None:
        """Refuse a solver's state that is none of the trees' circuit.

        Raises
        ------
        ValueError
        """
        check_state(self.solver, self.arrays, circuit)
        if self.column_sums.shape != (circuit.inputs.n_phi + 1,):
            raise ValueError(f"column_sums have the shape {self.column_sums.shape}.")
        if self.n_parameters != circuit.n_parameters:
            raise ValueError(
                f"n_parameters is {self.n_parameters}; the trees have {circuit.n_parameters}."
            )


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
            known = str(choose_device(device))
            if known not in self._built:
                self._built[known] = self._build(known)
            self._built[device] = self._built[known]
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

    def check(self) -> None:
        """Refuse fields of a file that do not agree; the components are built to compare them.

        Raises
        ------
        ValueError
        """
        counts = len(self.names), len(self.weights)
        if counts[0] < 1 or counts[0] != counts[1] or len(set(self.names)) < counts[0]:
            raise ValueError(f"it has the components {self.names} and {counts[1]} weights.")
        if not ((self.weights > 0).all() and abs(self.weights.sum() - 1) < ROUNDING):
            raise ValueError(f"weights are {self.weights.tolist()}; they are above 0 and add to 1.")
        names = self.plan.table.names or [None]
        texts = names if all(isinstance(name, str) for name in names) else None
        if texts != (None if self.feature_names is None else self.feature_names.tolist()):
            raise ValueError(f"its columns are {names}, and feature_names {self.feature_names}.")
        for other in self.others:
            if not isinstance(other.kind, str) or other.kind not in COMPONENTS:
                raise ValueError(f"it has a component of the kind {other.kind!r}.")
        if self.trees is not None:
            self.trees.check_size(self.plan)
        components = self.components("cpu")
        for component in components:
            component.check()
        if self.trees is not None:
            self.trees.check_by(components[0].circuit)
