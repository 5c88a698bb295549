"""A switch that lets the C library keep freed memory."""

import torch

# Bytes of the largest block that changes how glibc maps memory, less its own head.
MAPPED = 2**25 - 2**13


def keep_freed_memory() -> None:
    """Let the C library keep the memory of freed tensors for the next ones.

    glibc takes blocks that are as large as the largest one it has seen come and go, up to
    32 MiB, as fresh pages from the system, and returns what is free beyond twice that size.
    Fresh pages are written with zeros first, which may cost as much as the arithmetic on them.
    After this call, tensors of up to 32 MiB are cut from memory that the process has kept, up to
    64 MiB of it, so that large tables are fitted and scored faster.

    Notes
    -----
    The change is to the whole process and lasts until it ends, for other libraries too; skpc
    never makes it by itself. It is a change of glibc alone (Linux) and helps the main thread;
    other C libraries take no notice. No result depends on it.

    Examples
    --------
    >>> import skpc
    >>> skpc.keep_freed_memory()
    """
    # A block of that size comes and goes: glibc raises its thresholds to it. It is not written
    # to, so it takes no memory.
    torch.empty(MAPPED, dtype=torch.uint8, device="cpu")
