"""Makes packed classifiers of codes and their steps.

Axes: B features, S scores.
"""

import numpy as np
from numpy.typing import NDArray

from ..arrays import Floats
from . import bits
from .arithmetic import EXACT, TOP_LEVEL
from .bits import Codes
from .class_arithmetic import LEAST_FRACTION, MOST_FRACTION, MOST_SCORES, largest_sums
from .packed_classes import PackedClassifier

# Bits of the largest multiplier: as many as leave scores 32 bits, if these are enough.
MULTIPLIER_BITS, FEW_BITS = 15, 8
# Relative difference below which shares of steps are alike.
ALIKE = 1e-6
# Largest exponent; a code times it stays far below 2**53.
MOST_EXPONENT = 40


def pack_classes(
    codes: Codes,
    n_bits: int,
    step: Floats,
    centre: Floats,
    spread: Floats,
    intercept: Floats,
    input_range: float,
) -> PackedClassifier:
    """Pack the codes of scores.

    Parameters
    ----------
    codes : ndarray of int8 (S, B)
    n_bits : int
        2 to 8.
    step : ndarray (S, B)
        Weights of code 1, in nats of log odds per standard deviation of a feature.
    centre, spread : ndarray (B,)
        Means and standard deviations of the features.
    intercept : ndarray (S,)
        Scores at the centre, in nats.
    input_range : float
        Standard deviations from the mean that an int8 input reaches.

    Raises
    ------
    ValueError
        If steps differ by so much that sums could pass 2**53, if those of two scores differ by
        other than powers of two, or if there are more scores than 255.

    Notes
    -----
    A step is base_s 2**e_sj m_j with 1/2 < m_j <= 1. The shares m_j go into the scales of the
    inputs, which all scores read, and the bases into the multipliers, which are rounded.
    """
    if len(codes) > MOST_SCORES:
        raise ValueError(f"{len(codes)} classes are not packed; up to {MOST_SCORES} are accepted.")
    base, exponents, share = _split(codes, step)
    weights = codes.astype(np.int64) << exponents
    largest = largest_sums(weights)
    if largest.max() >= EXACT:
        raise ValueError("weight_scale_ holds steps too far apart: sums could pass 2**53.")
    level = input_range / TOP_LEVEL
    # In doublings of the odds.
    unit, shift = base * level / np.log(2.0), intercept / np.log(2.0)
    fraction = _fraction(unit, shift, largest)
    exponent_bits = int(exponents.max()).bit_length()
    return PackedClassifier(
        n_bits,
        len(codes),
        fraction,
        *bits.smaller(codes, n_bits),
        exponent_bits=exponent_bits,
        exponent_stream=bits.pack_fields(exponents.T.ravel(), exponent_bits),
        multiplier=np.maximum(np.rint(unit * 2.0**fraction), 1).astype(np.int64),
        constant=np.rint(shift * 2.0**fraction).astype(np.int64),
        offset=centre.copy(),
        scale=spread * level / share,
    )


def _split(codes: Codes, step: Floats) -> tuple[Floats, NDArray[np.int64], Floats]:
    """Bases (S,), exponents (S, B) and shares (B,) of steps.

    Raises
    ------
    ValueError
        See `pack_classes`.
    """
    top = step.max(axis=1)
    share, exponents = np.frexp(step / top[:, None])
    # A share next to 1/2 is one of 1 but for rounding.
    half = share < 0.5 * (1 + ALIKE)
    exponents[half] -= 1
    share[half] *= 2
    # Steps of zeros count for nothing.
    used = codes != 0
    own = share[used.argmax(axis=0), np.arange(share.shape[1])]
    if (used & (np.abs(share / own - 1) > ALIKE)).any():
        raise ValueError(
            "weight_scale_ of two scores differs by other than powers of two: the same inputs "
            "cannot serve both."
        )
    least = np.where(used, exponents, 0).min(axis=1)
    exponents = np.where(used, exponents - least[:, None], 0).astype(np.int64)
    if exponents.max() > MOST_EXPONENT:
        raise ValueError("weight_scale_ holds steps too far apart: sums could pass 2**53.")
    return np.ldexp(top, least), exponents, own


def _fraction(unit: Floats, shift: Floats, largest: Floats) -> int:
    """Fractional bits of scores, of which multipliers are numbers of 15 bits, or as many as fit.

    Parameters
    ----------
    unit, shift : ndarray (S,)
        Doublings of the odds for a sum of 1, and at a sum of 0.
    largest : ndarray (S,)
        Largest sums.
    """
    reach = float((largest * unit + np.abs(shift)).max())
    # Two scores differ by twice that.
    for_32 = 30 - int(np.ceil(np.log2(max(reach, 1.0))))
    for_15 = MULTIPLIER_BITS - int(np.ceil(np.log2(float(unit.max()))))
    for_8 = FEW_BITS - int(np.ceil(np.log2(float(unit.max()))))
    wanted = min(for_32, for_15) if for_32 >= for_8 else for_15
    return int(np.clip(wanted, LEAST_FRACTION, MOST_FRACTION))
