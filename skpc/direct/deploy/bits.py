"""Codes of a few bits each in streams of bytes, lowest bit first.

A code is stored plus the largest one, so that it is not negative. The dense layout keeps every
code; the sparse layout keeps those other than zero, and one bit a weight that says which.

Axes: N fields of a stream, W bits of a field, M bytes; B features, S draws.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Codes = NDArray[np.int8]


def pack_fields(fields: NDArray[Any], width: int) -> Bytes:
    """Fields of W bits one after another, without gaps, (M,) with M = ceil(N W / 8).

    Parameters
    ----------
    fields : ndarray of integers (N,)
        From 0 to 2**width - 1.
    width : int
        Bits W of a field, 0 to 8.

    Examples
    --------
    Two fields of 4 bits are one byte, the first in its lower half:

    >>> pack_fields(np.array([1, 2, 15]), 4) == [0x21, 0x0F]
    array([ True,  True])
    """
    each = fields.astype(np.uint8)[:, None]
    bits = np.unpackbits(each, axis=1, bitorder="little")[:, :width]
    return np.packbits(bits.ravel(), bitorder="little")


def unpack_fields(stream: Bytes, width: int, count: int) -> Bytes:
    """The first fields of a stream, (N,).

    Parameters
    ----------
    stream : ndarray of uint8 (M,)
    width : int
        Bits W of a field, 0 to 8.
    count : int
        N, with ceil(N W / 8) <= M.

    Examples
    --------
    >>> unpack_fields(np.array([0x21, 0x0F], dtype=np.uint8), 4, 3)
    array([ 1,  2, 15], dtype=uint8)
    """
    bits = np.unpackbits(stream, count=count * width, bitorder="little")
    return bits.reshape(count, width) @ (1 << np.arange(width)).astype(np.uint8)


def largest_code(n_bits: int) -> int:
    """Largest of the codes, which are symmetric about 0."""
    return 2 ** (n_bits - 1) - 1


def dense(codes: Codes, n_bits: int) -> tuple[Bytes, Bytes]:
    """Stream of all codes, feature by feature, and an empty mask.

    Parameters
    ----------
    codes : ndarray of int8 (S, B)
    n_bits : int
    """
    fields = codes.T.ravel().astype(np.int16) + largest_code(n_bits)
    return pack_fields(fields, n_bits), np.zeros(0, dtype=np.uint8)


def sparse(codes: Codes, n_bits: int) -> tuple[Bytes, Bytes]:
    """Stream of the codes other than zero, and the mask of all weights, in the order of `dense`.

    Parameters
    ----------
    codes : ndarray of int8 (S, B)
    n_bits : int
    """
    ordered = codes.T.ravel()
    stream, _ = dense(ordered[ordered != 0][None], n_bits)
    return stream, pack_fields(ordered != 0, 1)


def smaller(codes: Codes, n_bits: int) -> tuple[Bytes, Bytes]:
    """Stream and mask of the layout that takes fewer bytes; dense if both take the same."""
    layouts = (dense(codes, n_bits), sparse(codes, n_bits))
    return min(layouts, key=lambda streams: sum(map(len, streams)))


def unpack_codes(stream: Bytes, mask: Bytes, n_bits: int, n_samples: int, n_features: int) -> Codes:
    """Codes of either layout, (S, B).

    Parameters
    ----------
    stream, mask : ndarray of uint8 (M,)
        From `dense` or `sparse`.
    n_bits, n_samples, n_features : int
        W, S, B.
    """
    count = n_features * n_samples
    stored = unpack_fields(mask, 1, count) != 0 if len(mask) else np.ones(count, dtype=bool)
    fields = unpack_fields(stream, n_bits, int(stored.sum()))
    codes = np.zeros(count, dtype=np.int8)
    codes[stored] = fields.astype(np.int16) - largest_code(n_bits)
    return codes.reshape(n_features, n_samples).T
