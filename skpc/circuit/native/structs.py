"""Structures of kernel.c as ctypes sees them: integers, floats and pointers, in their order."""

import ctypes
from collections.abc import Sequence
from functools import cache
from typing import Any

from .library import library

Fields = list[tuple[str, Any]]


def _integers(*names: str) -> Fields:
    return [(name, ctypes.c_int64) for name in names]


def _pointers(*names: str) -> Fields:
    return [(name, ctypes.c_void_p) for name in names]


def _floats(*names: str) -> Fields:
    return [(name, ctypes.c_double) for name in names]


class EntryStruct(ctypes.Structure):
    """`struct entry`: a group of columns in a leaf region that has a sum above it."""

    _fields_ = _integers("cell", "row", "step", "quadratic")


class GroupStruct(ctypes.Structure):
    """`struct group`: what one family has in all regions of one scope."""

    _fields_ = [
        *_integers("row", "copies", "kind", "values", "direct"),
        *_floats("min_variance", "min_share"),
    ]


class ColumnStruct(ctypes.Structure):
    """`struct column`: how cells of a column are read."""

    _fields_ = [*_integers("column", "kind", "first", "values"), *_floats("log_base")]


class ProgramStruct(ctypes.Structure):
    """`struct program`: the nodes of a circuit."""

    _fields_ = [
        *_integers("n_rows", "n_partitions", "n_top", "n_leaves", "n_slots", "n_table_rows"),
        *_pointers("first_factor", "factors", "child", "top", "slot", "table", "stride", "code_of"),
        *_pointers("leaf_scope", "leaf_copy", "leaf_stride", "first_entry", "entries"),
        *_floats("exponent"),
        *((n, ctypes.c_int32) for n in ("units", "leaf_units", "most_units", "width", "block")),
    ]


class ArraysStruct(ctypes.Structure):
    """`struct arrays_...` of arrays.h."""

    _fields_ = [
        *_pointers("weights", "transposed", "root_weights", "tables", "leaf_tables"),
        *_pointers("leaf_densities", "leaf_highest", "copies"),
        *_pointers("codes", "numbers", "leaf_logs", "row_weights"),
        *_pointers("root", "objective", "counts", "root_counts", "table_counts", "leaf_sums"),
        *_pointers("leaf_flows", "partitions", "logs", "edges", "flows", "ratio", "into"),
        *_pointers("leaf_values", "leaf_maxima", "row", "shares", "sums"),
    ]


class PackingStruct(ctypes.Structure):
    """`struct packing`: parameters, and where their expected statistics go."""

    _fields_ = [
        *_integers("n_layers", "n_groups"),
        *_pointers("first_edge", "inputs", "weights", "counts", "leaves", "sums", "groups"),
    ]


class UpdateStruct(ctypes.Structure):
    """`struct update`: an M-step of leaves."""

    _fields_ = [
        *_integers("n_rows", "n_groups", "units", "at_once"),
        *_floats("rate", "share"),
        *_pointers("groups", "before", "fresh", "running", "prior", "old_leaves", "leaves"),
        *_pointers("scratch"),
    ]


class LayerStruct(ctypes.Structure):
    """`struct layer`: an M-step of a layer of sums."""

    _fields_ = [
        *_integers("n_sums", "n_inputs"),
        *_pointers("before", "fresh", "running", "old", "weights"),
    ]


class SumsStruct(ctypes.Structure):
    """`struct sums`: an M-step of all sums."""

    _fields_ = [*_integers("n_layers"), *_floats("rate", "share"), *_pointers("layers")]


class CellsStruct(ctypes.Structure):
    """`struct cells`: rows of a table, and what the passes read of them."""

    _fields_ = [
        *_integers("n_rows", "width", "n_columns"),
        *_pointers("columns", "values", "atoms", "codes", "numbers", "log_base"),
    ]


# Functions of the library and what they take.
_OF_TYPE = {
    "passes": (ProgramStruct, ArraysStruct, ctypes.c_int64, ctypes.c_int64),
    "pack": (ProgramStruct, PackingStruct, ArraysStruct),
    "unpack": (ProgramStruct, PackingStruct, ArraysStruct),
}
FUNCTIONS: dict[str, Sequence[Any]] = {
    **{f"skpc_{name}_{t}": takes for name, takes in _OF_TYPE.items() for t in ("float", "double")},
    "skpc_update_leaves": (UpdateStruct,),
    "skpc_update_sums": (SumsStruct,),
    "skpc_read": (CellsStruct,),
}


@cache
def function(name: str) -> Any:
    """A function of the library; it takes structures by reference."""
    found = getattr(library(), name)
    takes = FUNCTIONS[name]
    structures = [ctypes.POINTER(t) if issubclass(t, ctypes.Structure) else t for t in takes]
    found.argtypes, found.restype = structures, None
    return found
