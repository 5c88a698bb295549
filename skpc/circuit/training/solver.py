"""The protocol of solvers, and the solvers by name.

A new solver is one file and one line in SOLVERS.
"""

from typing import Any, Protocol, TypeVar

import torch

from ..passes import Circuit, Parameters, check_shapes
from .adam import Adam
from .arrays import from_numbers
from .em import EM
from .prior import Prior
from .statistics import Statistics


class State(Protocol):
    """State of a solver: parameters, and whatever else its next update needs."""

    @property
    def parameters(self) -> Parameters:
        """The current parameters."""


S = TypeVar("S", bound=State)


class Steps(Protocol[S]):
    """Steps of a solver, which is all that the loop needs.

    Attributes
    ----------
    closed_form : bool
        Whether a full-batch step is EM in closed form. Then full batches take full steps until
        they no longer rise, held-out rows may choose the smoothing and be absorbed, and the step
        size decays over a stream; else the step size falls where held-out rows no longer gain.
    """

    @property
    def closed_form(self) -> bool:
        """Whether a full-batch step is EM in closed form."""

    def update(
        self,
        circuit: Circuit,
        state: S,
        statistics: Statistics,
        prior: Prior,
        rate: float,
        evidence: float,
    ) -> S:
        """The state after one step.

        Parameters
        ----------
        circuit : Circuit
        state : State
        statistics : Statistics
            Of a mean row under the state's parameters, `Statistics.per_row`.
        prior : Prior
        rate : float
            Step size.
        evidence : float
            Rows that the prior is weighed against.
        """

    def under_prior(self, circuit: Circuit, state: S, prior: Prior, evidence: float) -> S:
        """The state that the same rows lead to under another prior, for `closed_form` only."""


class Solver(Steps[S], Protocol[S]):
    """A solver by name, whose states can be stored.

    Attributes
    ----------
    name : str
    learning_rate : float
        First step size by default.
    """

    @property
    def name(self) -> str:
        """Its key in SOLVERS, or a name of the user's own solver."""

    @property
    def learning_rate(self) -> float:
        """See above."""

    def begin(self, circuit: Circuit, parameters: Parameters) -> S:
        """The state before any update."""

    def to_arrays(self, state: S) -> dict[str, Any]:
        """The state as lists of ndarray and numbers; its parameters are "parameters"."""

    def from_arrays(self, arrays: dict[str, Any], device: torch.device) -> S:
        """The state from the arrays of `to_arrays`."""


SOLVERS: dict[str, Solver[Any]] = {solver.name: solver for solver in (EM(), Adam())}


def check_state(name: str, arrays: dict[str, Any], circuit: Circuit) -> None:
    """Refuse arrays of a file that are no state of a solver over a circuit.

    Its lists of arrays have the shapes of the parameters, leaves first, or are empty.

    Parameters
    ----------
    name : str
        Of the solver.
    arrays : dict
        As from `Solver.to_arrays`.
    circuit : Circuit
        On the CPU.

    Raises
    ------
    ValueError
    """
    solver = SOLVERS[name]
    state = solver.from_arrays(arrays, circuit.device)
    known = solver.to_arrays(state)
    if known.keys() != arrays.keys() or arrays["solver"] != name:
        raise ValueError(f"{name} has a state of {[*known]}; {[*arrays]} are stored.")
    for one, values in arrays.items():
        if type(values) is not type(known[one]):
            raise ValueError(f"{one} of {name} is {values!r}.")
        if type(values) is int and values < 0:
            raise ValueError(f"{one} of {name} is {values}; 0 or more is accepted.")
        if type(values) is list and values:
            check_shapes(circuit, from_numbers(values, circuit.device))
