"""Interruptions at any call of a piece of work, and what must not be seen afterwards."""

import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import skpc

PACKAGE = str(Path(skpc.__file__).parent)


class Interrupter:
    """Raises at the k-th call of a function of skpc, or only counts them."""

    def __init__(self, error: type[BaseException] | None = None, at: int = 0) -> None:
        self.error, self.at, self.calls = error, at, 0

    def __call__(self, frame: Any, event: str, argument: Any) -> None:
        code = frame.f_code
        if event != "call" or not code.co_filename.startswith(PACKAGE):
            return
        # What is raised while a generator is closed goes nowhere.
        if code.co_flags & inspect.CO_GENERATOR:
            return
        self.calls += 1
        if self.error is not None and self.calls == self.at:
            raise self.error("here")


def run(work: Callable[[], Any], interrupter: Interrupter) -> bool:
    """Whether the work was interrupted."""
    sys.setprofile(interrupter)
    try:
        work()
    except (KeyboardInterrupt, MemoryError):
        return True
    finally:
        sys.setprofile(None)
    return False


def moments(work: Callable[[], Any], n: int) -> Iterator[tuple[type[BaseException], int]]:
    """Errors, in turn, and n calls spread over the whole work, the last ones among them."""
    counter = Interrupter()
    run(work, counter)
    last = counter.calls
    spread = {1 + i * (last - 1) // (n - 1) for i in range(n)}
    for i, at in enumerate(sorted(spread | set(range(max(1, last - 5), last + 1)))):
        yield (KeyboardInterrupt, MemoryError)[i % 2], at
