"""Options of a search.

Axes: B features, K codes.
"""

from dataclasses import dataclass

from ..arrays import Floats


@dataclass(frozen=True)
class Options:
    """The user's choices, in standard units.

    Attributes
    ----------
    n_bits : int
    prior : str or ndarray (K,)
        A name, or log probabilities.
    step : ndarray (B,) or None
        Weight of code 1; None: by the ELBO or, with `near_ridge`, by a ridge regression.
    n_noise_levels : int
    noise_range : tuple of float or None
        Lowest and highest noise variance; None: around the best one.
    solver : str
    max_iter : int
    tol : float
    near_ridge : {"steps", "powers"} or None
        Whether steps, and the noise range if there is none, come from a ridge regression: the
        plainest steps that are good enough, or powers of two.
    n_components : int
        Of the mixture; 1 is mean-field.
    sampling : bool
        Whether the mixture's entropy is estimated from draws at the end, not bounded.
    """

    n_bits: int
    prior: str | Floats
    step: Floats | None
    n_noise_levels: int
    noise_range: tuple[float, float] | None
    solver: str
    max_iter: int
    tol: float
    near_ridge: str | None = None
    n_components: int = 1
    sampling: bool = False
