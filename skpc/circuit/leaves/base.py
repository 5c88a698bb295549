"""The interface of a leaf family: one exponential family a file.

Axes: n columns or leaf incidences, t statistics, B rows, K units.
"""

from abc import ABC, abstractmethod
from typing import ClassVar, Self

import torch
from torch import Tensor


class Leaf(ABC):
    """An exponential family p(x) = h(x) exp(<theta, T(x)> - A(theta)) of one column.

    Parameters of all units of all incidences (a column in a leaf region) are handled at
    once. The statistic axis is second: theta and mu = E[T] are (n, t, K). `free`
    parameters are an unconstrained form of theta for gradient solvers.

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

    @abstractmethod
    def statistics(self, x: Tensor) -> Tensor:
        """T(x): values (n, B) to statistics (n, t, B)."""

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

        Where mu is allowed it comes back; elsewhere, as where all values are one, the allowed
        point with the largest <theta, mu> - A(theta), so that EM never falls.
        """

    @abstractmethod
    def reference(self) -> Tensor:
        """E[T] under a broad distribution of a standardised column, (t,); float64."""

    @abstractmethod
    def spread(self, mu: Tensor, noise: Tensor) -> Tensor:
        """Starting points around a column's own mu.

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
        """One draw for each parameter: (n, t, B) to (n, B)."""

    @abstractmethod
    def mode(self, theta: Tensor) -> Tensor:
        """A most probable value: (n, t, B) to (n, B)."""

    @abstractmethod
    def moments(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance of x: (n, t, K) to twice (n, K); NaN where x has no scale."""

    def log_base(self, x: Tensor) -> Tensor:
        """Log h(x), elementwise; zero unless the family says otherwise."""
        return torch.zeros_like(x)
