"""Settings of the training loop, and the record of its passes."""

from dataclasses import dataclass, field
from typing import Any

import torch

from .solver import Steps

# Passes of full-batch EM over which the tempering exponent rises.
RISING = 20


@dataclass(frozen=True)
class Options:
    """Settings of a fit.

    Attributes
    ----------
    solver : Steps
        One of SOLVERS, or another object with that protocol.
    learning_rate : float
        First step size; it falls linearly to zero over the passes. Full-batch EM has 1.
    batch_size : int
        Rows per step; at least n for full batches.
    max_iter : int
        Largest number of passes.
    tol : float
        Smallest rise of the monitored likelihood that counts.
    n_iter_no_change : int
        Passes without such a rise after which training stops.
    dtype : torch.dtype
        Of the passes; statistics and parameters are float64.
    exponents : tuple of float
        Tempering exponent of the root's partitions (see `layers.root`), in the first and in the
        last pass; it rises linearly.
    early_stopping : bool
        Whether validation rows decide which pass is kept and when training stops.
    regularise : bool
        Whether validation rows choose the smoothing, pass by pass; for solvers in closed form.
    """

    solver: Steps[Any]
    learning_rate: float
    batch_size: int
    max_iter: int
    tol: float
    n_iter_no_change: int
    dtype: torch.dtype
    exponents: tuple[float, float] = (1.0, 1.0)
    early_stopping: bool = False
    regularise: bool = False

    def is_full(self, n: int) -> bool:
        """Whether each step reads all of n rows."""
        return self.batch_size >= n

    def climbs(self, n: int) -> bool:
        """Whether a fit of n rows takes full steps until they no longer rise."""
        return self.is_full(n) and self.solver.closed_form

    def exponent(self, iteration: int, climbs: bool) -> float:
        """The tempering exponent of a pass.

        A fit that climbs may stop at any pass, so it reaches the last exponent after RISING
        passes.
        """
        first, last = self.exponents
        n = RISING if climbs else self.max_iter
        return first + (last - first) * min(1.0, iteration / (n - 1) if n > 1 else 1.0)

    def rate(self, climbs: bool, fraction: float) -> float:
        """Step size after a fraction of all passes."""
        return 1.0 if climbs else self.learning_rate * (1.0 - fraction)

    def n_batches(self, n: int) -> int:
        """Batches of nearly equal size and at most `batch_size` of n rows."""
        return -(-n // self.batch_size)


@dataclass
class Progress:
    """The record of training, one entry per pass.

    Attributes
    ----------
    log_likelihood : list of float
        Mean training log density of the pass, in the units of the table; each row is scored by
        the parameters before the step that reads it.
    validation : list of float
        Mean validation log density after the pass; empty without validation rows.
    seconds : list of float
        Since the start.
    smoothing : list of float
        Of the prior, after the pass.
    converged : bool
    kept : int
        The pass whose parameters are kept.
    """

    log_likelihood: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    smoothing: list[float] = field(default_factory=list)
    converged: bool = False
    kept: int = 0
