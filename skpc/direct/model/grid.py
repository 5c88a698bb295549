"""The grids of DIRECT: integer codes of a weight, priors on them, levels of the noise.

Axes: K codes, L levels of the noise variance.
"""

import numpy as np

from ..arrays import Floats

PRIORS = ("uniform", "normal", "laplace", "spike")

# Shapes that the ELBO may choose between; the first one is taken where it does not choose. For
# "normal" and "laplace" a shape is the width as a share of the largest code, for "spike" the mass
# at 0.
PRIOR_SHAPES: dict[str, tuple[float, ...]] = {
    "uniform": (0.0,),
    "normal": (1 / 3, 1 / 2, 1 / 5),
    "laplace": (1 / 4, 1 / 2, 1 / 8),
    "spike": (0.5, 0.8, 0.95),
}


def integer_codes(n_bits: int) -> Floats:
    """Symmetric signed integers of `n_bits` bits, (K,) with K = 2**n_bits - 1.

    Parameters
    ----------
    n_bits : int
        From 2 to 8.

    Examples
    --------
    >>> integer_codes(3)
    array([-3., -2., -1.,  0.,  1.,  2.,  3.])
    """
    largest = 2 ** (n_bits - 1) - 1
    return np.arange(-largest, largest + 1, dtype=np.float64)


def named_log_prior(name: str, codes: Floats, shape: float) -> Floats:
    """Log probabilities of the codes under a named prior.

    Parameters
    ----------
    name : {"uniform", "normal", "laplace", "spike"}
    codes : ndarray (K,)
    shape : float
        Width of "normal" (standard deviation) and of "laplace" (mean absolute value), as a
        share of the largest code; mass at zero of "spike", whose other codes share the rest
        equally.

    Returns
    -------
    ndarray (K,)

    Examples
    --------
    >>> np.exp(named_log_prior("spike", integer_codes(2), 0.8)).round(3)
    array([0.1, 0.8, 0.1])
    """
    if name == "spike":
        others = len(codes) - 1
        masses = np.full(len(codes), (1 - shape) / others)
        masses[codes == 0] = shape
        return np.log(masses)
    width = max(shape * codes.max(), np.finfo(float).tiny)
    energy = {
        "uniform": lambda: np.zeros_like(codes),
        "normal": lambda: -0.5 * (codes / width) ** 2,
        "laplace": lambda: -np.abs(codes) / width,
    }[name]()
    return energy - np.log(np.exp(energy).sum())


def noise_levels(low: float, high: float, n_levels: int) -> Floats:
    """Noise variances, equally spaced in their logarithm, (L,).

    Examples
    --------
    >>> noise_levels(0.01, 1.0, 3)
    array([0.01, 0.1 , 1.  ])
    """
    if n_levels == 1:
        return np.array([np.sqrt(low) * np.sqrt(high)])
    return np.geomspace(low, high, n_levels)


def edge_of(probabilities: Floats, mass: float = 1e-3) -> int:
    """The edge of its grid at which the posterior of the noise lies: -1 low, 1 high, 0 neither.

    Parameters
    ----------
    probabilities : ndarray (L,)
    mass : float
        Largest mass that the first or last level may have.
    """
    if len(probabilities) < 3:
        return 0
    low, high = probabilities[0], probabilities[-1]
    if max(low, high) <= mass:
        return 0
    return -1 if low >= high else 1
