"""One fit of `DirectBayesianRegressor`: checked rows and parameters in, a fitted model out.

Nothing here changes its arguments: a fit has no effect until the estimator stores its result.

Axes: n rows, D columns of X, B features, T targets.
"""

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._device import choose_device
from ..direct import Moments, merge
from ..direct.model import Predictive, custom_log_prior, standard_noise_range, standard_steps
from ..direct.moments import (
    Residuals,
    Source,
    Standardised,
    UnitError,
    standardise,
)
from ..direct.solve import (
    Options,
    Ridge,
    best_ridge,
    expand,
    loss,
    predictive_of,
    principal_axes,
    prior_units,
    solve_regression,
    varying,
)
from .doubts import PoorFitWarning, doubts
from .feature_map import fit_feature_map, transform_of
from .feature_space import column_name
from .result import FittedRegression, Search, search_of, target_attributes
from .spread import Here, Spread, Sums

# Nats of the bound from which on a user is told that rounding took them.
WARNED = 0.5
# Values of `weight_scale` whose steps come from a ridge regression.
NEAR_RIDGE = {"auto": "steps", "ridge": "powers"}


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
        Of integers or floats.
    y : ndarray (n,) or (n, T)
    weights : ndarray (n,)
        Not negative, and one is positive.
    feature_names : ndarray of str (D,) or None
        As scikit-learn takes them from a frame.
    """

    X: NDArray[Any]
    y: NDArray[np.float64]
    weights: NDArray[np.float64]
    feature_names: NDArray[Any] | None

    @property
    def n_targets(self) -> int:
        """T."""
        return 1 if self.y.ndim == 1 else self.y.shape[1]


@dataclass(frozen=True)
class TargetFit:
    """The fit of one target.

    Attributes
    ----------
    posterior : Predictive
    search : Search
        How it was found.
    widened : bool
        Whether the noise grid is wider than the user's range.
    doubts : list of str
        Why predictions may be worse than they could be, for the user.
    loss : float
        Nats by which the rounding of sums that are kept may have changed the bound, and by which it
        was lowered therefore.
    """

    posterior: Predictive
    search: Search
    widened: bool
    doubts: list[str]
    loss: float

    def warnings(self, noise_range: Any) -> Iterator[Warning]:
        """Warnings: doubts, a noise range that was widened, sums of too few digits."""
        yield from map(PoorFitWarning, self.doubts)
        if self.widened:
            low, high = noise_range
            levels = self.posterior.noise_levels
            yield UserWarning(
                f"The posterior of the noise variance sits at the edge of noise_range=({low}, "
                f"{high}); it was widened to ({levels[0]:.3g}, {levels[-1]:.3g})."
            )
        if self.loss > WARNED:
            yield UserWarning(
                f"The noise variance, {self.posterior.noise_variance:.3g}, is near the "
                "rounding of the sums of squares that partial_fit keeps: it may be too large, and "
                f"elbo_ is up to {2 * self.loss:.2g} nats too low. fit on all rows at once has no "
                "such limit."
            )

    def summary(self) -> str:
        """One line with the chosen step and noise, the share of zeros and the ELBO."""
        shown = target_attributes(self.posterior, self.search)
        step = np.max(shown["weight_scale_"])
        line = (
            "[DIRECT] step {step:.4g}, noise variance {noise_variance_:.4g}, zeros "
            "{sparsity_:.1%}, ELBO {elbo_:.6g} after {n_iter_} iterations"
        )
        return line.format(step=step, **shown)


@dataclass(frozen=True)
class RegressionFit:
    """The result of a fit.

    Attributes
    ----------
    fitted : FittedRegression
    targets : list of TargetFit (T,)
    """

    fitted: FittedRegression
    targets: list[TargetFit]

    def warnings(self, noise_range: Any) -> Iterator[Warning]:
        """Warnings of all targets, which say of which they are."""
        for t, target in enumerate(self.targets):
            for warning in target.warnings(noise_range):
                of_target = f"Target {t}: {warning}"
                yield warning if self.fitted.single else type(warning)(of_target)

    def summary(self) -> str:
        """A line for every target."""
        return "\n".join(target.summary() for target in self.targets)


def fit_regression(
    spec: RegressionSpec,
    rows: Rows,
    random: np.random.RandomState,
    last: FittedRegression | None = None,
    *,
    whole: bool = True,
    spread: Spread | None = None,
) -> RegressionFit:
    """Add the rows' moments to those of an earlier fit, if there was one, and solve.

    Parameters
    ----------
    spec : RegressionSpec
    rows : Rows
    random : numpy.random.RandomState
    last : FittedRegression, optional
        Without one these are the first rows, and the feature map is fitted on them.
    whole : bool
        Whether these are all rows; then they may be read a second time, for small noise.
    spread : Spread, optional
        A larger table, of which `rows` are the first: they are there for the feature map, and all
        rows are learned from.

    Raises
    ------
    ValueError
        For parameters that do not go with the rows, columns whose squares float64 cannot hold, and
        other targets than an earlier fit had.
    """
    if last is not None:
        last.check_targets(rows.y)
    device = str(choose_device(spec.device))
    if last is None:
        feature_map, first = fit_feature_map(spec.feature_map, rows.X, rows.y, rows.weights, random)
        n_features = rows.X.shape[1] if first is None else first.n_features
    else:
        feature_map, first, n_features = last.feature_map, None, last.n_features
    transform = transform_of(feature_map)
    sums: Sums
    if spread is None:
        mapped = None if first is None else first.features
        sums = Here(Source(rows.X, rows.y, rows.weights, transform, n_features, mapped))
    else:
        sums = spread.sums(transform, n_features)
    moments = collect_rows(sums, rows, n_features, device, feature_map is not None)
    if last is not None:
        moments = merge(last.moments, moments)
    targets = _fit_targets(spec, sums, moments, n_features, random, whole)
    fitted = FittedRegression(
        n_columns=rows.X.shape[1],
        feature_names=rows.feature_names,
        feature_map=feature_map,
        moments=moments,
        posteriors=[target.posterior for target in targets],
        searches=[target.search for target in targets],
        single=rows.y.ndim == 1,
    )
    return RegressionFit(fitted, targets)


def _fit_targets(
    spec: RegressionSpec,
    sums: Sums,
    moments: Moments,
    n_features: int,
    random: np.random.RandomState,
    whole: bool,
) -> list[TargetFit]:
    """The fit of every target, as if it were the only one: what features share is done once."""
    n_targets = len(moments.mean) - n_features
    streams = [random, *(deepcopy(random) for _ in range(n_targets - 1))]
    fits, axes = [], None
    for t, stream in enumerate(streams):
        data = standardise(moments.of_target(t, n_features), spec.fit_intercept)
        varied = data.only(varying(data))
        units = prior_units(varied)
        axes = axes or principal_axes(varied, units)
        ridge = best_ridge(varied, units, axes)
        residuals = partial(_residuals, sums, t, data) if whole else None
        fits.append(_fit_target(spec, data, ridge, stream, residuals))
    return fits


def _residuals(
    sums: Sums, target: int, data: Standardised, weights: NDArray[np.float64]
) -> Residuals:
    """Sums over the residuals of weights of the features that vary."""
    columns = varying(data)
    return sums.residuals(target, data, expand(weights, columns, 0.0)).only(columns)


def _fit_target(
    spec: RegressionSpec,
    data: Standardised,
    ridge: Ridge,
    random: np.random.RandomState,
    residuals: Callable[[NDArray[np.float64]], Residuals] | None,
) -> TargetFit:
    """The fit of one target; residuals are there where its rows can be read again.

    Features that are constant take no part, so that the model is that without them.
    """
    columns, options = varying(data), _options(spec, data)
    if options.step is not None:
        options = replace(options, step=options.step[columns])
    varied = data.only(columns)
    solution = solve_regression(varied, options, random, residuals, ridge)
    posterior = predictive_of(data, solution, ridge)
    coarse = None if options.near_ridge is None else posterior.excess
    return TargetFit(
        posterior=posterior,
        search=search_of(data, solution),
        widened=solution.widened,
        doubts=list(doubts(varied, ridge, coarse)),
        loss=0.0 if residuals is not None else loss(solution),
    )


def collect_rows(sums: Sums, rows: Rows, n_features: int, device: str, mapped: bool) -> Moments:
    """Moments of all rows; errors name a column as the user does."""
    try:
        return sums.moments(device)
    except UnitError as error:
        name, target = "the target y", error.column - n_features
        if target < 0:
            name = column_name(error.column, rows.feature_names, mapped)
        elif rows.n_targets > 1:
            name = f"{name}, column {target},"
        raise ValueError(error.message(name)) from None


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
    if np.asarray(weight_scale).dtype.kind == "b":
        raise ValueError(
            f"weight_scale is {weight_scale!r}; a name, or one positive number or one for each "
            "feature, is accepted."
        )
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
        near_ridge=NEAR_RIDGE.get(weight_scale) if isinstance(weight_scale, str) else None,
        n_components=int(spec.n_mixtures) if mixture else 1,
        sampling=sampling,
    )
