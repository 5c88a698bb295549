"""A Dask client as a cluster that computes on blocks (`skpc._blocks.Cluster`).

Data are futures of tasks, which the scheduler computes again where a worker was lost; nothing is
scattered. Sums are added in the order of the blocks, so the workers do not decide their rounding.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from functools import reduce
from typing import Any

from distributed import Client, LocalCluster, get_client
from distributed.client import ClosedClientError
from distributed.comm import CommClosedError

# What a client raises whose scheduler has gone.
LOST = (CancelledError, ClosedClientError, CommClosedError, TimeoutError, OSError)
# Results that are added by one task.
FAN_IN = 8


@contextmanager
def cluster_of(client: Client | None) -> Iterator["ClientCluster"]:
    """The cluster of a client; of None the one of the caller, or threads of this process."""
    if client is not None:
        yield ClientCluster(client)
        return
    try:
        yield ClientCluster(get_client())
        return
    except ValueError as error:
        if "client" not in str(error).lower():
            raise
    with (
        LocalCluster(processes=False, dashboard_address=":0") as local,
        Client(local, set_as_default=False) as own,
    ):
        yield ClientCluster(own)


class ClientCluster:
    """Computes functions of blocks by a Dask client.

    Parameters
    ----------
    client : distributed.Client
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    def compute(self, blocks: Sequence[Any]) -> list[Any]:
        """Handles of the blocks of a collection, which stay in the memory of the workers."""
        with self._answering():
            futures: list[Any] = self._client.compute(list(blocks))
            return futures

    def map(self, function: Callable[..., Any], *arguments: Iterable[Any]) -> list[Any]:
        """See `Cluster`."""
        with self._answering():
            return [
                self._client.submit(function, *of_block, pure=False)
                for of_block in zip(*arguments, strict=True)
            ]

    def share(self, value: Any) -> Any:
        """See `Cluster`."""
        with self._answering():
            return self._client.submit(_same, value, pure=False)

    def gather(self, handles: Sequence[Any]) -> list[Any]:
        """See `Cluster`."""
        with self._answering():
            results: list[Any] = self._client.gather(list(handles))
            return results

    def total(self, handles: Sequence[Any], add: Callable[[Any, Any], Any]) -> Any:
        """See `Cluster`."""
        level = list(handles)
        with self._answering():
            while len(level) > 1:
                level = [
                    self._client.submit(_sum, level[i : i + FAN_IN], add, pure=False)
                    for i in range(0, len(level), FAN_IN)
                ]
        return self.gather(level)[0]

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Say plainly where the scheduler has gone."""
        try:
            yield
        except LOST as error:
            raise ConnectionError(
                f"The Dask scheduler of {self._client!r} does not answer, or has forgotten the "
                f"work ({type(error).__name__}: {error}). Start it again or pass another client; "
                "the estimator is as it was before."
            ) from error


def _same(value: Any) -> Any:
    """A value as the result of a task, which is computed again where it was lost."""
    return value


def _sum(values: Sequence[Any], add: Callable[[Any, Any], Any]) -> Any:
    there = [value for value in values if value is not None]
    return reduce(add, there) if there else None
