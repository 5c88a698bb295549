"""Writes a file."""

from hashlib import sha256
from os import PathLike

import numpy as np

from .atomic import write_whole
from .layout import AFTER_DIGITS, BEFORE_DIGITS, NAMES, ArrayType, Contents, Header, encode


def write(path: str | PathLike[str], contents: Contents) -> None:
    """Write arrays and JSON in one file, whole or not at all.

    Parameters
    ----------
    path : path-like
    contents : Contents
        Arrays of booleans, integers and floating-point numbers of 32 or 64 bits.

    Raises
    ------
    TypeError
        For arrays of other types, and for fields that JSON cannot hold.
    ValueError
        For NaN and infinity among the fields, and for more than 100 MB of fields.
    OSError
        If the file cannot be written.
    """
    arrays = {}
    for name, array in contents.arrays.items():
        ordered = np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")
        if ordered.dtype not in NAMES:
            raise TypeError(f"{name} has dtype {array.dtype}, which files do not hold.")
        arrays[name] = ordered
    # Numbers of many bytes first, so that all lie at multiples of their size.
    arrays = dict(sorted(arrays.items(), key=lambda item: (-item[1].itemsize, item[0])))
    types = {name: ArrayType(array.dtype, array.shape) for name, array in arrays.items()}
    head = encode(Header(contents.kind, contents.version, contents.fields, types))
    data = [array.reshape(-1).view(np.uint8).data for array in arrays.values()]
    digest = sha256(head)
    for block in data:
        digest.update(block)
    digits = digest.hexdigest().encode("ascii")
    write_whole(path, [head[:BEFORE_DIGITS], digits, head[AFTER_DIGITS:], *data])
