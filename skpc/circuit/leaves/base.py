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
    precise : bool
        Whether the product <theta, T(x)> cancels digits and needs float64.
    closed : bool
        Whether a mixture of members of the family is a member.
    support : str
        Values that the family models: "binary" (0 and 1), "codes" (0 to C - 1) or
        "real" (standardised).
    """

    name: ClassVar[str]
    support: ClassVar[str]
    fill: ClassVar[float] = 0.0
    has_base: ClassVar[bool] = False
    precise: ClassVar[bool] = False
    closed: ClassVar[bool] = False

    @classmethod
    def for_column(cls, n_categories: int, min_variance: float) -> Self:
        """The family for a column of so many codes, with this variance floor."""
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
        """The point of the allowed set with the same evidence: floors, (n, t, K)."""

    @abstractmethod
    def reference(self) -> Tensor:
        """E[T] under a broad distribution of a standardised column, (t,)."""

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

    @abstractmethod
    def free_gradient(self, free: Tensor, sums: Tensor, count: Tensor) -> Tensor:
        """Gradient of <theta, sums> - count A(theta) by the free parameters.

        Parameters
        ----------
        free, sums : Tensor (n, t, K)
        count : Tensor (n, 1, K)
        """

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
