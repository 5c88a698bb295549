"""The compiled passes, where they were built.

The library is plain C behind pointers, so it does not depend on versions of Python or torch. Where
it is missing, or where the environment variable SKPC_NATIVE is 0, torch computes the same.
"""

import ctypes
import os
from functools import cache
from pathlib import Path

NAME = "_kernel.so"
SWITCH = "SKPC_NATIVE"


class ProgramStruct(ctypes.Structure):
    """`struct program` of kernel.c."""

    _fields_ = [
        *((name, ctypes.c_int64) for name in ("n_rows", "n_partitions", "n_top")),
        *(
            (name, ctypes.c_void_p)
            for name in ("first_factor", "factors", "child", "top", "table", "stride", "code_of")
        ),
        ("exponent", ctypes.c_double),
        *(
            (name, ctypes.c_int32)
            for name in ("units", "leaf_units", "most_units", "width", "block")
        ),
    ]


class ArraysStruct(ctypes.Structure):
    """`struct arrays_...` of arrays.h."""

    _fields_ = [
        (name, ctypes.c_void_p)
        for name in (
            "weights", "transposed", "root_weights", "tables", "codes", "leaves", "leaf_logs",
            "row_weights", "root", "objective", "counts", "root_counts", "table_counts",
            "leaf_flows", "partitions", "logs", "edges", "flows", "inputs", "ratio", "into",
            "shares", "sums",
        )
    ]  # fmt: skip


@cache
def library() -> ctypes.CDLL | None:
    """The compiled library; None where it was not built or cannot be loaded."""
    path = Path(__file__).with_name(NAME)
    if not path.exists():
        return None
    try:
        found = ctypes.CDLL(str(path))
    except OSError:
        return None
    for name in ("skpc_passes_float", "skpc_passes_double"):
        function = getattr(found, name)
        function.argtypes = [ctypes.POINTER(ProgramStruct), ctypes.POINTER(ArraysStruct)]
        function.restype = None
    return found


def state() -> str:
    """Which passes run on the CPU, and why."""
    if os.environ.get(SWITCH, "1") == "0":
        return f"torch ({SWITCH}=0)"
    return "compiled" if available() else "torch (no compiled passes were built)"


def available() -> bool:
    """Whether the compiled passes are there and not switched off by SKPC_NATIVE=0."""
    return os.environ.get(SWITCH, "1") != "0" and library() is not None
