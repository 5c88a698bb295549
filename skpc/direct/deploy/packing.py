"""Makes packed ensembles of draws and their steps.

Axes: B features, S draws.
"""

import numpy as np

from ..arrays import Floats
from . import bits
from .arithmetic import EXACT, TOP_LEVEL, largest_sum
from .bits import Codes
from .packed import PackedEnsemble


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
    A step is base 2**e_j m_j with 1/2 < m_j <= 1, where the largest step has a share m_j of one.
    The share goes into the scale of the input; it is 1 where steps are powers of two of one
    another, and steps that are nearly alike have one exponent.
    """
    if float(step.max()) > EXACT * float(step.min()):
        raise ValueError(_too_wide(step))
    share, exponents = np.frexp(step / step.max())
    exponents[share == 0.5] -= 1
    share[share == 0.5] = 1.0
    base = float(np.ldexp(step.max(), exponents.min()))
    exponents -= exponents.min()
    # S times a sum less the total of all draws is at most twice S times the largest sum.
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
    """Message of the error about steps that differ by too much."""
    return (
        f"weight_scale_ reaches from {step.min():.3g} to {step.max():.3g}, too far apart for exact "
        "integer sums: they could pass 2**53."
    )
