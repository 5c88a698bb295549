"""The interface of a leaf family: one exponential family per file.

Axes: n groups or leaf incidences, d columns of a group, t statistics, B rows, K units, m atoms.
"""

from abc import ABC, abstractmethod
from typing import ClassVar, Protocol, Self, cast

import torch
from torch import Tensor

from .form import Form


class Leaf(ABC):
    """An exponential family p(x) = h(x) exp(<theta, T(x)> - A(theta)) of a group of columns.

    A group is the columns that one leaf owns: one, or several where the family is a `GroupLeaf`.
    Parameters of all units of all incidences (a group in a leaf region) are handled at
    once. The axis of columns, or of statistics, is second: cells are (n, d, B), theta and
    mu = E[T] are (n, t, K). `free` parameters are an unconstrained form of theta for gradient
    solvers.

    Attributes
    ----------
    name : str
        Name by which the estimator's `leaf` knows the family.
    fill : float
        A value of the support; it stands in for missing cells, whose statistics are
        then set to zero.
    has_base : bool
        Whether h is not 1 everywhere.
    base_inside : bool
        Whether log h may be large and cancels against the rest: it is then added to it in the
        leaves, in float64, and not to the density of the row.
    precise : bool
        Whether the product <theta, T(x)> cancels digits and needs float64.
    closed : bool
        Whether T are indicators of values (one value at most has none), any shares of the values
        are those of a member, so that mixtures of members are members, and members give every
        value a probability of at least 1e-12 (`bernoulli.PROBABILITY_FLOOR`).
    n_atoms : int
        Number m of atoms: values that have a probability of their own besides the density of
        all others. A family with atoms is an `AtomLeaf` as well.
    n_columns : int
        Columns d of a group.
    support : str
        Values that the family models, and what is done to the column before: "binary" (0 and
        1), "codes" (0 to C - 1), "counts" (0, 1, 2, ...), "trials" (0 to a largest N), "real"
        (mean 0, variance 1), "positive" and "nonnegative" (mean 1), "unit" (as it is,
        between 0 and 1, ends excluded).

    Notes
    -----
    A family of your own is a subclass that any worker can import; the estimator's `leaf`
    takes the class. `examples/plot_own_family.py` shows one.
    """

    name: ClassVar[str]
    support: ClassVar[str]
    fill: ClassVar[float] = 0.0
    has_base: ClassVar[bool] = False
    base_inside: ClassVar[bool] = False
    precise: ClassVar[bool] = False
    closed: ClassVar[bool] = False
    n_atoms: int = 0
    n_columns: int = 1

    @classmethod
    def for_column(cls, n_categories: int, min_variance: float) -> Self:
        """The family for a column.

        Parameters
        ----------
        n_categories : int
            Codes of a column of codes, values 0 to N of a column of trials; else 0.
        min_variance : float
            Floor of the variance: of a standardised column; of a positive column of mean 1;
            of a column between 0 and 1 as a share of m (1 - m), m its mean.
        """
        return cls()

    @property
    @abstractmethod
    def n_statistics(self) -> int:
        """Number of statistics t."""

    @property
    def n_free(self) -> int:
        """Number of parameters that can be chosen freely."""
        return self.n_statistics

    @property
    def form(self) -> Form | None:
        """What the family is to the compiled passes, where it is of a kind that they know.

        A subclass that changes a formula loses it until it says its own.
        """
        return None

    @abstractmethod
    def statistics(self, x: Tensor) -> Tensor:
        """T(x): cells (n, d, B) to statistics (n, t, B)."""

    @abstractmethod
    def log_partition(self, theta: Tensor) -> Tensor:
        """A(theta): (n, t, K) to (n, K)."""

    @abstractmethod
    def natural(self, mu: Tensor) -> Tensor:
        """Expectation to natural parameters, both (n, t, K)."""

    @abstractmethod
    def expectation(self, theta: Tensor) -> Tensor:
        """Natural to expectation parameters, both (n, t, K): the gradient of A."""

    @abstractmethod
    def project(self, mu: Tensor) -> Tensor:
        """The most likely allowed parameters for mean statistics mu, (n, t, K).

        An allowed mu is returned unchanged. Else, as where all values are equal, it is the allowed
        point with the largest <theta, mu> - A(theta), so that EM never lowers its objective.
        """

    @abstractmethod
    def reference(self) -> Tensor:
        """E[T] under a broad distribution of standardised columns, (t,); float64."""

    @abstractmethod
    def spread(self, mu: Tensor, noise: Tensor) -> Tensor:
        """Starting points around a group's own mu.

        Parameters
        ----------
        mu : Tensor (n, t, 1)
        noise : Tensor (n, t, K), uniform on (0, 1)

        Returns
        -------
        Tensor (n, t, K)
        """

    @abstractmethod
    def to_free(self, theta: Tensor) -> Tensor:
        """Natural to free parameters, both (n, t, K)."""

    @abstractmethod
    def from_free(self, free: Tensor) -> Tensor:
        """Free to natural parameters, both (n, t, K), inside the allowed set."""

    def free_gradient(self, free: Tensor, sums: Tensor, count: Tensor) -> Tensor:
        """Gradient of <theta, sums> - count A(theta) by the free parameters.

        By automatic differentiation unless the family has a formula.

        Parameters
        ----------
        free, sums : Tensor (n, t, K)
        count : Tensor (n, 1, K)
        """
        with torch.enable_grad():
            moving = free.detach().requires_grad_()
            theta = self.from_free(moving)
            value = (theta * sums).sum() - (count[:, 0] * self.log_partition(theta)).sum()
        return torch.autograd.grad(value, moving)[0]

    @abstractmethod
    def sample(self, theta: Tensor, generator: torch.Generator) -> Tensor:
        """One draw for each parameter: (n, t, B) to (n, d, B)."""

    @abstractmethod
    def mode(self, theta: Tensor) -> Tensor:
        """A most probable point: (n, t, B) to (n, d, B)."""

    @abstractmethod
    def moments(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance of x: (n, t, K) to twice (n, d, K); NaN for codes, which have none."""

    def cdf(self, x: Tensor, theta: Tensor) -> Tensor:
        """P(X <= x) in every unit: cells (n, 1, B) and theta (n, t, K) to (n, K, B).

        Codes are in the order of their numbers. Values need not be in the support: below it the
        probability is 0, above it 1. It is asked of one column: that of a column of a larger group
        is the cdf of its marginal family (`GroupLeaf.marginal`).

        Raises
        ------
        NotImplementedError
            Unless the family overrides it: all of skpc do, one of your own may.
        """
        raise NotImplementedError(f"The family {self.name!r} has no cdf.")

    def representatives(self, n_codes: int) -> Tensor:
        """Codes among which a most probable one is, whatever the parameters: all, (C,)."""
        return torch.arange(n_codes)

    def log_base(self, x: Tensor) -> Tensor:
        """The log base measure log h(x), (n, d, B) to (n, B); zero unless a family overrides it."""
        return torch.zeros_like(x[:, 0])


class AtomLeaf(Protocol):
    """What a family with atoms has besides: each of its cells is a number or an atom.

    A cell that is atom i has the number 0 and the atom code i + 1; any other cell has its number
    and the atom code 0.
    """

    n_atoms: int

    def statistics(self, x: Tensor, atoms: Tensor) -> Tensor:
        """T of numbers x and atoms, both (n, 1, B), to (n, t, B)."""

    def log_base(self, x: Tensor, atoms: Tensor) -> Tensor:
        """The log base measure log h of numbers and atoms, both (n, 1, B), to (n, B)."""

    def sample_atoms(self, theta: Tensor, generator: torch.Generator) -> Tensor:
        """Atoms of draws whose numbers `sample` drew before: (n, t, B) to integers (n, 1, B)."""

    def mode_atoms(self, theta: Tensor) -> Tensor:
        """The atom that is the mode, 0 where the number `mode` is: (n, t, B) to integers."""

    def cdf(self, x: Tensor, theta: Tensor, atoms: Tensor | None = None) -> Tensor:
        """P(X <= x) with atoms at the values (n, m): x (n, 1, B), theta (n, t, K) to (n, K, B)."""

    def decompose(self, theta: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Mean and variance of numbers (n, 1, K), shares of numbers and atoms (n, 1 + m, K)."""


def with_atoms(family: Leaf) -> AtomLeaf | None:
    """The family as an `AtomLeaf`, or None if it has no atoms."""
    return cast(AtomLeaf, family) if family.n_atoms else None
