"""Steps and noise ranges of `DirectBayesianRegressor` as a user gives them, in standard units.

Axes: B features.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def given_step(weight_scale: Any, n_features: int, y_scale: float) -> Floats | None:
    """Steps in standard units, (B,), or None for "auto" and "ridge"."""
    if isinstance(weight_scale, str):
        return None
    given = np.asarray(weight_scale, dtype=np.float64)
    if given.ndim and given.shape != (n_features,):
        raise ValueError(
            f"weight_scale has shape {given.shape}; one step or one for each of {n_features} "
            "features is accepted."
        )
    if not (np.isfinite(given).all() and (given > 0).all()):
        raise ValueError("weight_scale must hold positive, finite steps only.")
    return np.broadcast_to(given / y_scale, (n_features,)).copy()


def given_range(noise_range: Any, y_scale: float) -> tuple[float, float] | None:
    """Noise variances in standard units, or None for "auto"."""
    if isinstance(noise_range, str):
        return None
    given = np.asarray(noise_range, dtype=np.float64)
    if given.shape != (2,) or not (np.isfinite(given).all() and 0 < given[0] <= given[1]):
        raise ValueError(
            f"noise_range is {noise_range!r}; 'auto' or two variances 0 < low <= high are accepted."
        )
    low, high = given / y_scale**2
    return float(low), float(high)
