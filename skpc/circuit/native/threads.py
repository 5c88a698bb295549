"""Calls into C on several threads: ctypes lets other threads of Python run during a call."""

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache

import torch


@cache
def _pool() -> ThreadPoolExecutor:
    """Threads that wait for work; they start when they are first needed."""
    return ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="skpc")


if hasattr(os, "register_at_fork"):
    # Threads are not copied with a process.
    os.register_at_fork(after_in_child=_pool.cache_clear)


def share(work: Callable[[int], None], n: int) -> None:
    """Run work(0), ..., work(n - 1), this thread and others taking them in turn.

    There are as many threads as torch has in this one, so that whoever sets that number, such as
    a worker of joblib or threadpoolctl, sets this one too.
    """
    left = deque(range(n))

    def take() -> None:
        """Work until nothing is left."""
        while True:
            try:
                i = left.popleft()
            except IndexError:
                return
            work(i)

    helpers = [_submitted(take) for _ in range(min(torch.get_num_threads(), n) - 1)]
    take()
    for helper in helpers:
        # One that has not begun would find nothing.
        if helper is not None and not helper.cancel():
            helper.result()


def _submitted(work: Callable[[], None]) -> Future[None] | None:
    """The call on another thread; None where no thread can start, as when Python ends."""
    try:
        return _pool().submit(work)
    except RuntimeError:
        return None
