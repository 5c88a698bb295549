"""The layout of a file, in both directions.

It is that of safetensors files, which many programs read, with a checksum and more rules:

    8 bytes          length of the header, unsigned, lowest byte first
    header           JSON in ASCII, filled up with spaces to a multiple of 8 bytes
    the rest         the arrays one after another, without gaps; in C order, lowest byte first

The header begins with `START`, and then with the SHA-256 of the whole file, in which these 64
digits themselves count as zeros. It says of every array its name, kind of number, shape and place:

    {"__metadata__": {"sha256": "...", "skpc": "..."},
     "NAME": {"dtype": "F64", "shape": [3, 2], "data_offsets": [0, 48]}, ...}

"skpc" is JSON once more, as safetensors allows strings only: `format` is the number of this layout,
`kind` says what the file holds, `version` is the number of that kind's own fields, and `fields` are
those that are no arrays.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

FORMAT = 1
START = b'{"__metadata__":{"sha256":"'
N_DIGITS = 64
# Bytes before the digits, and the first after them.
BEFORE_DIGITS = 8 + len(START)
AFTER_DIGITS = BEFORE_DIGITS + N_DIGITS
# Longest header, which is that of safetensors too.
MOST_HEADER = 100_000_000
# NumPy's own bounds of a shape.
MOST_AXES, MOST_ELEMENTS = 32, 2**63

DTYPES = {
    "BOOL": np.dtype("?"),
    "U8": np.dtype("u1"),
    "I8": np.dtype("i1"),
    "U16": np.dtype("<u2"),
    "I16": np.dtype("<i2"),
    "U32": np.dtype("<u4"),
    "I32": np.dtype("<i4"),
    "F32": np.dtype("<f4"),
    "U64": np.dtype("<u8"),
    "I64": np.dtype("<i8"),
    "F64": np.dtype("<f8"),
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}


@dataclass(frozen=True)
class ArrayType:
    """What a file says of an array before it is read.

    Attributes
    ----------
    dtype : dtype
    shape : tuple of int
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        """Bytes of the array in the file."""
        return prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True)
class Contents:
    """What a file holds.

    Attributes
    ----------
    kind : str
        What it is, such as "packed ensemble".
    version : int
        Of the fields and arrays of this kind, from 1.
    fields : dict
        What JSON can hold.
    arrays : dict of ndarray
    """

    kind: str
    version: int
    fields: dict[str, Any]
    arrays: dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Header:
    """What the header of a file says, once it is known to be true of the file.

    Attributes
    ----------
    kind, version, fields
        As in `Contents`.
    types : dict of ArrayType
        In the order in which the arrays follow one another.
    """

    kind: str
    version: int
    fields: dict[str, Any]
    types: dict[str, ArrayType]


def encode(header: Header) -> bytes:
    """The first bytes of a file, up to the arrays, with zeros for the digits of the checksum.

    Raises
    ------
    TypeError, ValueError
        For fields that JSON cannot hold, or that are too long.
    """
    about = {
        "format": FORMAT,
        "kind": header.kind,
        "version": header.version,
        "fields": header.fields,
    }
    metadata = {"sha256": "0" * N_DIGITS, "skpc": _dumps(about)}
    entries: dict[str, Any] = {"__metadata__": metadata}
    end = 0
    for name, kind in header.types.items():
        start, end = end, end + kind.nbytes
        entries[name] = {
            "dtype": NAMES[kind.dtype],
            "shape": kind.shape,
            "data_offsets": [start, end],
        }
    text = _dumps(entries).encode("ascii")
    text += b" " * (-len(text) % 8)
    if len(text) > MOST_HEADER:
        raise ValueError(f"The fields take {len(text)} bytes; files hold up to {MOST_HEADER}.")
    return len(text).to_bytes(8, "little") + text


def decode(text: bytes, n_bytes: int) -> Header:
    """What a header says, if all of it agrees with itself and with the bytes that follow.

    Parameters
    ----------
    text : bytes
        The header, without its length.
    n_bytes : int
        Of all arrays, as many as follow in the file.

    Raises
    ------
    ValueError
        If anything is missing, left over, of another type, or does not agree.
    """
    entries = _loads(text)
    metadata = _exactly(entries.pop("__metadata__", None), "__metadata__", sha256=str, skpc=str)
    about = _loads(metadata["skpc"])
    # A later layout may have other fields, so its number comes first.
    if about.get("format") != FORMAT:
        raise ValueError(
            f"its format is {about.get('format')!r}; this version of skpc reads {FORMAT}."
        )
    _exactly(about, "skpc", format=int, kind=str, version=int, fields=dict)
    types, end = {}, 0
    for name, entry in entries.items():
        types[name] = _array_type(name, entry, start=end)
        end += types[name].nbytes
        if end > n_bytes:
            break
    if end != n_bytes:
        raise ValueError(f"its arrays should take {n_bytes} bytes; they are said to take {end}.")
    return Header(about["kind"], about["version"], about["fields"], types)


def _array_type(name: str, entry: Any, start: int) -> ArrayType:
    """The type of an array that begins at byte `start`."""
    _exactly(entry, name, dtype=str, shape=list, data_offsets=list)
    dtype, shape = DTYPES.get(entry["dtype"]), entry["shape"]
    if dtype is None:
        raise ValueError(f"{name} has dtype {entry['dtype']!r}; one of {[*DTYPES]} is accepted.")
    # An axis of length 0 must not hide lengths that no array can have.
    size = prod(max(n, 1) if type(n) is int else MOST_ELEMENTS for n in shape[:MOST_AXES])
    if (
        len(shape) > MOST_AXES
        or size * dtype.itemsize >= MOST_ELEMENTS
        or min(shape, default=0) < 0
    ):
        raise ValueError(f"{name} has shape {shape}, which no array has.")
    kind = ArrayType(dtype, tuple(shape))
    if entry["data_offsets"] != [start, start + kind.nbytes]:
        raise ValueError(
            f"{name} is said to be at bytes {entry['data_offsets']}; "
            f"by its shape and the arrays before it, it is at {[start, start + kind.nbytes]}."
        )
    return kind


def _exactly(entry: Any, name: str, **types: type) -> dict[str, Any]:
    """A dict with exactly these keys and types of values."""
    found = {key: type(value) for key, value in entry.items()} if type(entry) is dict else None
    if found != types:
        accepted = {key: kind.__name__ for key, kind in types.items()}
        raise ValueError(f"{name} in its header does not have the entries {accepted}.")
    return entry


def _dumps(value: Mapping[str, Any]) -> str:
    """JSON in ASCII, without spaces."""
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


def _loads(text: str | bytes) -> dict[str, Any]:
    """The object that JSON text holds, without repeated keys and numbers that JSON has not."""
    try:
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its header is not JSON: {error}") from error
    if type(value) is not dict:
        raise ValueError("its header is not a JSON object.")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A dict of pairs whose keys differ."""
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("a key stands twice in an object.")
    return value


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number.")
