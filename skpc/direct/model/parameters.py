"""Priors, steps and noise ranges as a user writes them, checked and in standard units.

Axes: B features, K codes.
"""

from typing import Any

import numpy as np

from ..arrays import Floats

# Steps in standard units whose squares, times codes and rows, float64 can hold.
STEPS = (1e-120, 1e120)


def custom_log_prior(probabilities: Any, n_codes: int) -> Floats:
    """Log of a user's probabilities of the codes, normalised, (K,).

    Raises
    ------
    ValueError
        If there is not one positive, finite number for every code.
    """
    masses = np.asarray(probabilities, dtype=np.float64)
    if masses.shape != (n_codes,):
        raise ValueError(
            f"prior has shape {masses.shape}; with these n_bits it needs one probability for "
            f"each of {n_codes} codes."
        )
    if not (np.isfinite(masses).all() and (masses > 0).all()):
        raise ValueError("prior must hold positive, finite probabilities only.")
    return np.log(masses / masses.sum())


def standard_steps(weight_scale: Any, n_features: int, y_scale: float) -> Floats | None:
    """Steps in standard units, (B,), or None where they are chosen.

    Raises
    ------
    ValueError
        If there is neither one positive, finite step nor one for every feature, and for steps whose
        squares float64 cannot hold.
    """
    if isinstance(weight_scale, str):
        return None
    steps = np.asarray(weight_scale, dtype=np.float64)
    if steps.ndim and steps.shape != (n_features,):
        raise ValueError(
            f"weight_scale has shape {steps.shape}; one step or one for each of {n_features} "
            "features is accepted."
        )
    if not (np.isfinite(steps).all() and (steps > 0).all()):
        raise ValueError("weight_scale must hold positive, finite steps only.")
    lowest, highest = STEPS[0] * y_scale, STEPS[1] * y_scale
    beyond = steps[(steps < lowest) | (steps > highest)]
    if len(beyond):
        raise ValueError(
            f"weight_scale holds {beyond[0]:.3g}; with this y steps from {lowest:.3g} to "
            f"{highest:.3g} are accepted, {STEPS[0]:.0e} to {STEPS[1]:.0e} times its spread."
        )
    return np.broadcast_to(steps / y_scale, (n_features,)).copy()


def standard_noise_range(noise_range: Any, y_scale: float) -> tuple[float, float] | None:
    """Noise variances in standard units, or None for "auto".

    Raises
    ------
    ValueError
        If there are not two finite variances, 0 < low <= high.
    """
    if isinstance(noise_range, str):
        return None
    ends = np.asarray(noise_range, dtype=np.float64)
    if ends.shape != (2,) or not (np.isfinite(ends).all() and 0 < ends[0] <= ends[1]):
        raise ValueError(
            f"noise_range is {noise_range!r}; 'auto' or two variances 0 < low <= high are accepted."
        )
    low, high = ends / y_scale**2
    return float(low), float(high)
