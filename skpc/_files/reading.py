"""Reads a file, after all that it says of itself was checked."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from io import BufferedReader
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .layout import (
    AFTER_DIGITS,
    BEFORE_DIGITS,
    MOST_HEADER,
    N_DIGITS,
    START,
    ArrayType,
    Contents,
    Header,
    decode,
)

# Bytes that are held at a time while the checksum is computed.
BLOCK = 2**20


@contextmanager
def naming(path: str | PathLike[str]) -> Iterator[None]:
    """Put the name of the file before what is wrong with it."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{path} cannot be read: {error}") from error


def read(
    path: str | PathLike[str], versions: Mapping[str, int], check: Callable[[Header], None]
) -> Contents:
    """Read what `write` wrote.

    The checksum is computed in small blocks, then the header is checked, then `check` compares what
    it says, and only then is memory taken for arrays: for those that `check` let pass.

    Parameters
    ----------
    path : path-like
    versions : mapping of str to int
        Kinds of things of which the file must hold one, and the latest version of each that the
        caller reads; earlier ones are its business.
    check : callable
        Takes the `Header`; raises ValueError unless fields and types of arrays agree.

    Raises
    ------
    ValueError
        If the file was not written by `write`, is not whole, was altered, or holds something else.
    OSError
        If there is no such file, or it cannot be opened.
    """
    with Path(path).open("rb") as file:
        header = _header(file)
        if header.kind not in versions:
            accepted = " or ".join(f"a {kind!r}" for kind in versions)
            raise ValueError(f"it holds a {header.kind!r}; {accepted} is accepted.")
        if not 1 <= header.version <= versions[header.kind]:
            raise ValueError(
                f"it holds version {header.version} of a {header.kind}; this version of skpc reads "
                f"versions up to {versions[header.kind]}. A later skpc may have written it."
            )
        check(header)
        arrays = {name: _array(file, name, one) for name, one in header.types.items()}
    return Contents(header.kind, header.version, header.fields, arrays)


def _header(file: BufferedReader) -> Header:
    """The checked header; the file then stands at the first array."""
    size = os.fstat(file.fileno()).st_size
    head = file.read(AFTER_DIGITS)
    if len(head) < AFTER_DIGITS or head[8:BEFORE_DIGITS] != START:
        raise ValueError("skpc did not write it.")
    length = int.from_bytes(head[:8], "little")
    if not AFTER_DIGITS - 8 <= length <= min(size - 8, MOST_HEADER):
        raise ValueError("it is not whole: its header is longer or shorter than it says.")
    if _checksum(file) != head[BEFORE_DIGITS:]:
        raise ValueError("it was altered or cut: its checksum is another.")
    file.seek(8)
    return decode(file.read(length), size - 8 - length)


def _checksum(file: BufferedReader) -> bytes:
    """SHA-256 of a file in which the digits of the checksum count as zeros."""
    file.seek(0)
    digest = sha256(file.read(BEFORE_DIGITS))
    digest.update(b"0" * N_DIGITS)
    file.seek(AFTER_DIGITS)
    while block := file.read(BLOCK):
        digest.update(block)
    return digest.hexdigest().encode("ascii")


def _array(file: BufferedReader, name: str, kind: ArrayType) -> NDArray[Any]:
    """The next array."""
    array = np.empty(kind.shape, dtype=kind.dtype)
    data = array.reshape(-1).view(np.uint8)
    if file.readinto(data.data) != kind.nbytes:
        raise ValueError("it became shorter while it was read.")
    if kind.dtype == bool and (data > 1).any():
        raise ValueError(f"{name} has bytes that are neither 0 nor 1.")
    return array.astype(kind.dtype.newbyteorder("="), copy=False)
