"""The protocol of who computes on blocks of rows: a cluster, as estimators need it.

A block of a table stays where it is read; functions go to the blocks, and sums come back.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol

# What stands for a result that is elsewhere; where it is an argument of `Cluster.map`, the function
# gets the result.
Handle = Any


class Cluster(Protocol):
    """Computes functions of blocks, whichever worker it takes for which of them."""

    def map(self, function: Callable[..., Any], *arguments: Iterable[Any]) -> list[Handle]:
        """Handles of `function(*of_one_block)` for all blocks, in their order.

        Handles among the arguments stand for their results. A function must have no effect: it may
        be computed again where a worker was lost.
        """

    def share(self, value: Any) -> Handle:
        """A handle of a value that all blocks need, sent once to every worker that asks for it."""

    def gather(self, handles: Sequence[Handle]) -> list[Any]:
        """The results of handles, in their order.

        Raises
        ------
        ConnectionError
            If the cluster does not answer.
        """

    def total(self, handles: Sequence[Handle], add: Callable[[Any, Any], Any]) -> Any:
        """The sum of all results but None, in the order of the blocks, whatever the workers."""


def of_all(handle: Handle, handles: Sequence[Handle]) -> list[Handle]:
    """A shared handle as often as there are blocks."""
    return [handle] * len(handles)
