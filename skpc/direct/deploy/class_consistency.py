"""Whether the fields of a packed classifier agree with each other, as `consistency` says it.

Axes: B features, S scores.
"""

from collections.abc import Mapping
from math import isfinite
from typing import TYPE_CHECKING, Any

import numpy as np

from ..._files import Header
from . import bits
from .class_arithmetic import LEAST_FRACTION, MOST_FRACTION, MOST_SCORES, largest_sums
from .consistency import check_features, check_names, check_stream, n_bytes

if TYPE_CHECKING:
    from .packed_classes import PackedClassifier

INTEGERS = {
    "n_bits": (2, 8),
    "n_scores": (1, MOST_SCORES),
    "fraction": (LEAST_FRACTION, MOST_FRACTION),
    "exponent_bits": (0, 6),
}
ARRAYS = {
    "code_stream": np.uint8,
    "mask_stream": np.uint8,
    "exponent_stream": np.uint8,
    "multiplier": np.int64,
    "constant": np.int64,
    "offset": np.float64,
    "scale": np.float64,
}
# What scores stay below, so that differences of two fit 64 bits.
MOST = 2.0**61


def check_class_header(header: Header) -> None:
    """`check_class_layout` of what a file says that it holds."""
    check_class_layout(header.fields, header.types)


def check_class_layout(numbers: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
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
    check_names(numbers, INTEGERS)
    check_names(arrays, ARRAYS)
    for name, (least, most) in INTEGERS.items():
        value = numbers[name]
        if type(value) is not int or not least <= value <= most:
            raise ValueError(f"{name} is {value!r}; an integer from {least} to {most} is accepted.")
    if numbers["n_scores"] == 2:
        raise ValueError("n_scores is 2; two classes have one score.")
    for name, dtype in ARRAYS.items():
        if arrays[name].dtype != dtype or len(arrays[name].shape) != 1:
            raise ValueError(
                f"{name} has dtype {arrays[name].dtype} and shape {arrays[name].shape}; "
                f"{dtype.__name__} and one axis are accepted."
            )
    _check_lengths(numbers, {name: arrays[name].shape[0] for name in ARRAYS})


def _check_lengths(numbers: Mapping[str, Any], lengths: dict[str, int]) -> None:
    """Refuse arrays that are not as long as features and scores say."""
    n_features, n_scores = lengths["offset"], numbers["n_scores"]
    if n_features < 1:
        raise ValueError("offset is empty; one feature or more is accepted.")
    n_weights = n_features * n_scores
    most = n_bytes(n_weights * numbers["n_bits"])
    expected = {
        "scale": n_features,
        "multiplier": n_scores,
        "constant": n_scores,
        "exponent_stream": n_bytes(n_weights * numbers["exponent_bits"]),
    }
    if lengths["mask_stream"]:
        expected["mask_stream"] = n_bytes(n_weights)
    else:
        expected["code_stream"] = most
    for name, length in expected.items():
        if lengths[name] != length:
            raise ValueError(
                f"{name} has the length {lengths[name]}; {length} is accepted for {n_features} "
                f"features and {n_scores} scores."
            )
    if lengths["code_stream"] > most:
        raise ValueError(f"code_stream has {lengths['code_stream']} bytes; up to {most} are used.")


def check_class_values(packed: "PackedClassifier") -> None:
    """Refuse streams that hold other than codes, and numbers that give no scores.

    Parameters
    ----------
    packed : PackedClassifier
        Has passed `check_class_layout`.

    Raises
    ------
    ValueError
    """
    n_weights = packed.n_features * packed.n_scores
    n_codes = n_weights
    if len(packed.mask_stream):
        check_stream("mask_stream", packed.mask_stream, n_weights)
        n_codes = int(bits.unpack_fields(packed.mask_stream, 1, n_weights).sum(dtype=np.int64))
    check_stream("code_stream", packed.code_stream, n_codes * packed.n_bits)
    check_stream("exponent_stream", packed.exponent_stream, n_weights * packed.exponent_bits)
    top = 2**packed.n_bits - 1
    if (bits.unpack_fields(packed.code_stream, packed.n_bits, n_codes) == top).any():
        raise ValueError(f"code_stream holds {top}; fields from 0 to {top - 1} are accepted.")
    if packed.exponents().max(initial=0) > 40:
        raise ValueError("exponent_stream holds an exponent beyond 40.")
    if (packed.multiplier < 1).any():
        raise ValueError(f"multiplier is {packed.multiplier}; integers from 1 are accepted.")
    check_features("offset", packed.offset, np.isfinite(packed.offset), "finite numbers")
    good = np.isfinite(packed.scale) & (packed.scale > 0)
    check_features("scale", packed.scale, good, "finite numbers above 0")
    largest = largest_sums(packed.integers()) * packed.multiplier
    largest += np.abs(packed.constant.astype(np.float64))
    if not (isfinite(largest.sum()) and largest.max() < MOST):
        raise ValueError("scores of these integers could pass 2**61.")
