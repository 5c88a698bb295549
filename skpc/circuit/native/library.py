"""The compiled passes, where they were built.

The library is plain C behind pointers, so it does not depend on versions of Python or torch. Where
it is missing, or where the environment variable SKPC_NATIVE is 0, torch computes the same.
"""

import ctypes
import os
import zlib
from functools import cache
from pathlib import Path

NAME = "_kernel.so"
SWITCH = "SKPC_NATIVE"
OFF = ("0", "false", "off", "no", "")
SOURCES = (
    "kernel.c", "typed.h", "arrays.h", "passes.h", "products.h", "leaves.h", "pack.h", "update.h",
    "functions.h", "read.h",
)  # fmt: skip


@cache
def library() -> ctypes.CDLL | None:
    """The compiled library; None where there is none that loads and is of these sources."""
    path = Path(__file__).with_name(NAME)
    if not path.exists():
        return None
    try:
        found = ctypes.CDLL(str(path))
        if ctypes.c_uint32.in_dll(found, "skpc_sources").value != checksum(path.parent):
            return None
    except (OSError, ValueError):
        return None
    return found


def checksum(folder: Path) -> int:
    """Of the sources in a folder; `hatch_build.py` compiles it in."""
    return zlib.crc32(b"".join((folder / name).read_bytes() for name in SOURCES))


def switched_off() -> bool:
    """Whether the environment variable asks for torch."""
    return os.environ.get(SWITCH, "1").lower() in OFF


def state() -> str:
    """Which passes run on the CPU, and why."""
    if switched_off():
        return f"torch ({SWITCH}={os.environ[SWITCH]})"
    if library() is not None:
        return "compiled"
    built = Path(__file__).with_name(NAME).exists()
    why = "the compiled ones are of other sources: install again" if built else "none were compiled"
    return f"torch ({why})"


def available() -> bool:
    """Whether the compiled passes are there and not switched off by SKPC_NATIVE=0."""
    return not switched_off() and library() is not None
