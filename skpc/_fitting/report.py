"""Reports of a running fit, and the time of its phases."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from ..circuit.training import Progress
from .result import FittedDensity


class Reporter(Protocol):
    """Is called at every pass of the trees and for every other component, and may stop a fit."""

    @property
    def stopped(self) -> bool:
        """Whether it has asked to stop."""

    def open(self, max_tasks: int) -> None:
        """A fit begins, of at most `max_tasks` passes and other components."""

    def begin(self, task: str = "pass") -> None:
        """A pass begins, or the fit of the component of that name."""

    def end(self, result: Callable[[], FittedDensity]) -> bool:
        """What began has ended; whether to stop. `result` makes the density as of now."""

    def close(self, result: Callable[[], FittedDensity]) -> None:
        """The fit ended."""


class Stopwatch:
    """Seconds by phase.

    Attributes
    ----------
    seconds : dict of float
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Add the time of a block of code to a phase."""
        started = time.perf_counter()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started


def pass_line(iteration: int, progress: Progress) -> str:
    """The line that is printed after a pass of the trees."""
    held = f", validation {progress.validation[-1]:.4f}" if progress.validation else ""
    return (
        f"pass {iteration + 1}: log-likelihood {progress.log_likelihood[-1]:.4f}{held}, "
        f"{progress.seconds[-1]:.1f} s"
    )
