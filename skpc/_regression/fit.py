"""One fit of `DirectBayesianRegressor`: checked rows and parameters in, a fitted model out.

Nothing here changes its arguments: a fit has no effect until the estimator stores its result.

Axes: n rows, D columns of X, B features.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from .._device import choose_device
from ..direct import merge
from ..direct.model import custom_log_prior, standard_noise_range, standard_steps
from ..direct.moments import FIRST_BLOCK, Standardised, collect_blocks, features_of, standardise
from ..direct.solve import Options, predictive_of, solve_regression
from .result import FittedRegression, public_attributes, transform_of


@dataclass(frozen=True)
class RegressionSpec:
    """Parameters of `DirectBayesianRegressor`, where each of them is explained."""

    n_bits: int
    prior: Any
    weight_scale: Any
    posterior: str
    n_mixtures: int
    n_noise_levels: int
    noise_range: Any
    fit_intercept: bool
    feature_map: Any
    solver: str
    max_iter: int
    tol: float
    device: str


@dataclass(frozen=True)
class Rows:
    """Checked rows to learn from.

    Attributes
    ----------
    X : ndarray (n, D)
    y, weights : ndarray (n,)
        Weights are not negative, and one is positive.
    feature_names : ndarray of str (D,) or None
        As scikit-learn takes them from a frame.
    """

    X: NDArray[Any]
    y: NDArray[np.float64]
    weights: NDArray[np.float64]
    feature_names: NDArray[Any] | None


@dataclass(frozen=True)
class RegressionFit:
    """The result of a fit.

    Attributes
    ----------
    fitted : FittedRegression
    attributes : dict
        The estimator's public attributes.
    widened : bool
        Whether the noise grid is wider than the user's range.
    """

    fitted: FittedRegression
    attributes: dict[str, Any]
    widened: bool

    def warning(self, noise_range: Any) -> str:
        """The warning about a noise range that was widened."""
        low, high = noise_range
        levels = self.attributes["noise_levels_"]
        return (
            f"The posterior of the noise variance sits at the edge of noise_range=({low}, "
            f"{high}); it was widened to ({levels[0]:.3g}, {levels[-1]:.3g})."
        )

    def summary(self) -> str:
        """One line with the chosen step and noise, the share of zeros and the ELBO."""
        step = np.max(self.attributes["weight_step_"])
        line = (
            "[DIRECT] step {step:.4g}, noise variance {noise_variance_:.4g}, zeros "
            "{sparsity_:.1%}, ELBO {elbo_:.6g} after {n_iter_} iterations"
        )
        return line.format(step=step, **self.attributes)


def fit_regression(
    spec: RegressionSpec,
    rows: Rows,
    random: np.random.RandomState,
    last: FittedRegression | None = None,
) -> RegressionFit:
    """Add the rows' moments to those of an earlier fit, if there was one, and solve.

    Parameters
    ----------
    spec : RegressionSpec
    rows : Rows
    random : numpy.random.RandomState
    last : FittedRegression, optional
        Without one these are the first rows, and the feature map is fitted on them.

    Raises
    ------
    ValueError
        For parameters that do not go with the rows.
    """
    device = str(choose_device(spec.device))
    if last is None:
        first = np.flatnonzero(rows.weights)[:FIRST_BLOCK]
        X = rows.X[first]
        feature_map = _fit_feature_map(spec.feature_map, X, rows.y[first], random)
        n_features = features_of(X[:1], transform_of(feature_map)).shape[1]
    else:
        feature_map, n_features = last.feature_map, last.n_features
    transform = transform_of(feature_map)
    moments = collect_blocks(rows.X, rows.y, rows.weights, transform, n_features, device)
    if last is not None:
        moments = merge(last.moments, moments)
    data = standardise(moments, spec.fit_intercept)
    solution = solve_regression(data, _options(spec, data), random)
    fitted = FittedRegression(
        rows.X.shape[1], rows.feature_names, feature_map, moments, predictive_of(data, solution)
    )
    return RegressionFit(fitted, public_attributes(fitted, data, solution), solution.widened)


def _fit_feature_map(
    feature_map: Any, X: NDArray[Any], y: NDArray[np.float64], random: np.random.RandomState
) -> Any:
    """A copy of the map, seeded where it has no seed, and fitted; None without a map."""
    if feature_map is None:
        return None
    copy = clone(feature_map)
    unseeded = {
        name: random.randint(np.iinfo(np.int32).max)
        for name, value in sorted(copy.get_params(deep=True).items())
        if name.rpartition("__")[2] == "random_state" and value is None
    }
    return copy.set_params(**unseeded).fit(X, y)


def _options(spec: RegressionSpec, data: Standardised) -> Options:
    """The parameters in standard units.

    Raises
    ------
    ValueError
        If prior, weight_scale or noise_range have a wrong length or impossible values, or if
        solver="sampling" has no mixture to sample.
    """
    solver, posterior = spec.solver, spec.posterior
    prior, weight_scale = spec.prior, spec.weight_scale
    sampling, mixture = solver == "sampling", posterior == "mixture"
    if sampling and not mixture:
        raise ValueError(
            'solver="sampling" estimates the entropy of a mixture, and posterior is '
            f'{posterior!r}, whose entropy is exact; "auto", "lbfgs" and "coordinate" '
            "are accepted."
        )
    n_bits = int(spec.n_bits)
    return Options(
        n_bits=n_bits,
        prior=prior if isinstance(prior, str) else custom_log_prior(prior, 2**n_bits - 1),
        step=standard_steps(weight_scale, len(data.moment), data.y_scale),
        n_noise_levels=int(spec.n_noise_levels),
        noise_range=standard_noise_range(spec.noise_range, data.y_scale),
        solver="auto" if sampling else solver,
        max_iter=int(spec.max_iter),
        tol=float(spec.tol),
        near_ridge=isinstance(weight_scale, str) and weight_scale == "ridge",
        n_components=int(spec.n_mixtures) if mixture else 1,
        sampling=sampling,
    )
