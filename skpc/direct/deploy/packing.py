"""Makes packed ensembles of draws and their steps.

Axes: B features, S draws.
"""

import numpy as np

from . import bits
from .bits import Codes
from .packed import TOP_LEVEL, Floats, PackedEnsemble, largest_sum

# Integers up to here are float64 exactly, so that a sum is rounded only when it is scaled.
EXACT = 2.0**53


def pack(
    codes: Codes,
    n_bits: int,
    step: Floats,
    centre: Floats,
    spread: Floats,
    intercept: float,
    noise_variance: float,
    input_range: float,
) -> PackedEnsemble:
    """Pack draws of codes.

    Parameters
    ----------
    codes : ndarray of int8 (S, B)
    n_bits : int
        2 to 8.
    step : ndarray (B,)
        Weights of code 1, in units of y per standard deviation of a feature.
    centre, spread : ndarray (B,)
        Means and standard deviations of the features.
    intercept : float
        Prediction at the centre.
    noise_variance : float
    input_range : float
        Standard deviations from the mean that an int8 input reaches.

    Raises
    ------
    ValueError
        If steps differ by so much that sums could pass 2**53.

    Notes
    -----
    A step is base 2**e_j m_j with 1/2 < m_j <= 1. The share m_j goes into the scale of the
    input; it is 1 where steps are powers of two of one another.
    """
    base = float(step.min())
    if float(step.max()) > EXACT * base:
        raise ValueError(_too_wide(step))
    share, exponents = np.frexp(step / base)
    exponents[share == 0.5] -= 1
    share[share == 0.5] = 1.0
    # Twice, for the deviations from the total.
    if 2 * len(codes) * largest_sum(codes, exponents) >= EXACT:
        raise ValueError(_too_wide(step))
    exponent_bits = int(exponents.max()).bit_length()
    level = input_range / TOP_LEVEL
    return PackedEnsemble(
        n_bits,
        len(codes),
        *bits.smaller(codes, n_bits),
        exponent_bits=exponent_bits,
        exponent_stream=bits.pack_fields(exponents, exponent_bits),
        offset=centre.copy(),
        scale=spread * level / share,
        intercept=intercept,
        unit=base * level,
        noise_variance=noise_variance,
    )


def _too_wide(step: Floats) -> str:
    return (
        f"weight_step_ reaches from {step.min():.3g} to {step.max():.3g}, too far apart for exact "
        "integer sums: they could pass 2**53."
    )
