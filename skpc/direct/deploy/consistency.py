"""Whether the fields of a packed ensemble agree with each other.

`check_layout` needs no more than types and lengths, so that a file is refused before its arrays are
read; `check_values` looks into them.

Axes: B features, S draws.
"""

from collections.abc import Mapping
from math import inf, isfinite
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..._files import Header
from ..arrays import Floats
from . import bits
from .arithmetic import EXACT, TOP_INT8, largest_sum
from .bits import Bytes

if TYPE_CHECKING:
    from .packed import PackedEnsemble

# Least and largest value of every integer. An exponent beyond 52 would pass 2**53 alone.
INTEGERS = {"n_bits": (2, 8), "n_samples": (1, inf), "exponent_bits": (0, 6)}
NUMBERS = ("intercept", "unit", "noise_variance")
ARRAYS = {
    "code_stream": np.uint8,
    "mask_stream": np.uint8,
    "exponent_stream": np.uint8,
    "offset": np.float64,
    "scale": np.float64,
}


def check_header(header: Header) -> None:
    """`check_layout` of what a file says that it holds."""
    check_layout(header.fields, header.types)


def check_layout(numbers: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
    """Refuse numbers out of range, and arrays whose lengths do not follow from them.

    Parameters
    ----------
    numbers : mapping
        Values of the fields that are no arrays.
    arrays : mapping
        What has the dtype and the shape of each of the others.

    Raises
    ------
    ValueError
    """
    check_names(numbers, [*INTEGERS, *NUMBERS])
    check_names(arrays, ARRAYS)
    for name, (least, most) in INTEGERS.items():
        value = numbers[name]
        if type(value) is not int or not least <= value <= most:
            raise ValueError(f"{name} is {value!r}; an integer from {least} to {most} is accepted.")
    for name in NUMBERS:
        if not (isinstance(numbers[name], float) and isfinite(numbers[name])):
            raise ValueError(f"{name} is {numbers[name]!r}; a finite float is accepted.")
    for name, dtype in ARRAYS.items():
        if arrays[name].dtype != dtype or len(arrays[name].shape) != 1:
            raise ValueError(
                f"{name} has dtype {arrays[name].dtype} and shape {arrays[name].shape}; "
                f"{dtype.__name__} and one axis are accepted."
            )
    _check_lengths(numbers, {name: arrays[name].shape[0] for name in ARRAYS})


def check_names(fields: Mapping[str, Any], expected: Any) -> None:
    """Refuse missing and other fields."""
    if set(fields) != set(expected):
        raise ValueError(f"the fields are {sorted(fields)}; {sorted(expected)} are accepted.")


def _check_lengths(numbers: Mapping[str, Any], lengths: dict[str, int]) -> None:
    """Refuse streams that are not as long as their fields are together."""
    n_features, n_samples = lengths["offset"], numbers["n_samples"]
    if n_features < 1 or lengths["scale"] != n_features:
        raise ValueError(
            f"offset and scale have lengths {n_features} and {lengths['scale']}; "
            "one length of 1 or more is accepted."
        )
    n_weights = n_features * n_samples
    most = n_bytes(n_weights * numbers["n_bits"])
    expected = {"exponent_stream": n_bytes(n_features * numbers["exponent_bits"])}
    if lengths["mask_stream"]:
        expected["mask_stream"] = n_bytes(n_weights)
    else:
        expected["code_stream"] = most
    for name, length in expected.items():
        if lengths[name] != length:
            raise ValueError(
                f"{name} has {lengths[name]} bytes; {length} are accepted for {n_features} "
                f"features, {n_samples} draws, {numbers['n_bits']} bits of a code and "
                f"{numbers['exponent_bits']} of an exponent."
            )
    if lengths["code_stream"] > most:
        raise ValueError(
            f"code_stream has {lengths['code_stream']} bytes; "
            f"{n_weights} weights take up to {most}."
        )


def check_values(packed: "PackedEnsemble") -> None:
    """Refuse streams that hold other than codes, and numbers that do not predict.

    Parameters
    ----------
    packed : PackedEnsemble
        Has passed `check_layout`.

    Raises
    ------
    ValueError
    """
    n_weights = packed.n_features * packed.n_samples
    n_codes = n_weights
    if len(packed.mask_stream):
        check_stream("mask_stream", packed.mask_stream, n_weights)
        n_codes = int(bits.unpack_fields(packed.mask_stream, 1, n_weights).sum(dtype=np.int64))
    check_stream("code_stream", packed.code_stream, n_codes * packed.n_bits)
    check_stream(
        "exponent_stream", packed.exponent_stream, packed.n_features * packed.exponent_bits
    )
    # Codes are symmetric about 0, so the largest field of a stream stands for none.
    top = 2**packed.n_bits - 1
    if (bits.unpack_fields(packed.code_stream, packed.n_bits, n_codes) == top).any():
        raise ValueError(f"code_stream holds {top}; fields from 0 to {top - 1} are accepted.")
    check_features("offset", packed.offset, np.isfinite(packed.offset), "finite numbers")
    good = np.isfinite(packed.scale) & (packed.scale > 0)
    check_features("scale", packed.scale, good, "finite numbers above 0")
    _check_predictions(packed)


def check_stream(name: str, stream: Bytes, n_bits: int) -> None:
    """Refuse a stream of another length, and one that goes on after its last field."""
    if len(stream) != n_bytes(n_bits):
        raise ValueError(f"{name} has {len(stream)} bytes; its fields take {n_bytes(n_bits)}.")
    if n_bits % 8 and int(stream[-1]) >> n_bits % 8:
        raise ValueError(f"{name} has bits after its last field; zeros are accepted.")


def check_features(name: str, values: Floats, good: NDArray[np.bool_], accepted: str) -> None:
    """Refuse values (B,) of which one is not good."""
    bad = np.flatnonzero(~good)
    if len(bad):
        first = bad[0]
        raise ValueError(f"{name} of feature {first} is {values[first]}; {accepted} are accepted.")


def _check_predictions(packed: "PackedEnsemble") -> None:
    """Refuse numbers by which sums would be rounded, or predictions would not be finite."""
    if packed.unit <= 0.0:
        raise ValueError(f"unit is {packed.unit!r}; a number above 0 is accepted.")
    if packed.noise_variance < 0.0:
        raise ValueError(f"noise_variance is {packed.noise_variance!r}; 0 or more is accepted.")
    exponents = packed.exponents()
    largest = largest_sum(packed.codes(), exponents)
    # S times a sum less the total of all draws is at most twice S times the largest sum.
    if 2 * packed.n_samples * largest >= EXACT:
        raise ValueError("sums of the codes and exponents could pass 2**53, and would be rounded.")
    reach = 2.0 * largest * packed.unit
    if not isfinite(reach * reach + packed.noise_variance + abs(packed.intercept)):
        raise ValueError(
            f"unit {packed.unit!r}, intercept {packed.intercept!r} and noise_variance "
            f"{packed.noise_variance!r} predict numbers beyond the range of float64."
        )
    with np.errstate(over="ignore"):
        weights = bits.largest_code(packed.n_bits) * (2.0**exponents * packed.unit / packed.scale)
        ends = np.abs(packed.offset) + TOP_INT8 * packed.scale
    accepted = "weights and inputs within the range of float64"
    check_features("scale", packed.scale, np.isfinite(weights) & np.isfinite(ends), accepted)


def n_bytes(n_bits: int) -> int:
    """Bytes of a stream of so many bits."""
    return -(-n_bits // 8)
