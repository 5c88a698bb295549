"""One fit of `DirectBayesianClassifier`: checked rows and parameters in, a fitted model out.

Nothing here changes its arguments: a fit has no effect until the estimator stores its result.

Axes: n rows, D columns of X, B features, C classes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..direct import merge
from ..direct.logistic import ClassFit, fit_classes
from ..direct.model import custom_log_prior, standard_steps
from ..direct.moments import Source
from ..direct.solve import Options
from .class_result import ClassSearch, FittedClasses, class_attributes
from .doubts import COARSE, PoorFitWarning
from .feature_map import fit_feature_map, transform_of
from .fit import NEAR_RIDGE, Rows, collect_rows
from .spread import Here


@dataclass(frozen=True)
class ClassSpec:
    """Parameters of `DirectBayesianClassifier`, where each of them is explained."""

    n_bits: int
    prior: Any
    weight_scale: Any
    fit_intercept: bool
    feature_map: Any
    max_iter: int
    tol: float


@dataclass(frozen=True)
class ClassResult:
    """The result of a fit."""

    fitted: FittedClasses

    def warnings(self) -> Iterator[Warning]:
        """Reasons why probabilities may be worse than they could be."""
        excess = float(self.fitted.posterior.excess.sum())
        if excess > COARSE:
            yield PoorFitWarning(
                f"Codes of these n_bits raise the expected log loss by {excess:.0%} over that of "
                "the logistic regression that they are near to (excess_loss_). Use more n_bits, a "
                'prior with less mass at zero or, in place of other steps, weight_scale="auto".'
            )

    def summary(self) -> str:
        """One line with the loss, the share of zeros and the bound, if there is one."""
        shown = class_attributes(self.fitted)
        line = (
            "[DIRECT] {n} classes, expected loss {expected_loss_:.4g} nats a row, zeros "
            "{sparsity_:.1%}, {n_iter_} iterations"
        ).format(n=len(self.fitted.classes), **shown)
        return line + (f", ELBO {shown['elbo_']:.6g}" if "elbo_" in shown else "")


def fit_classifier(
    spec: ClassSpec,
    rows: Rows,
    classes: NDArray[Any],
    random: np.random.RandomState,
    last: FittedClasses | None = None,
) -> ClassResult:
    """Fit to the rows and, if there was an earlier fit, to what was kept of its rows.

    Parameters
    ----------
    spec : ClassSpec
    rows : Rows
        Their y holds positions in `classes`.
    classes : ndarray (C,)
        Labels, two or more.
    random : numpy.random.RandomState
    last : FittedClasses, optional
        Without one these are the first rows, and the feature map is fitted on them.

    Raises
    ------
    ValueError
        For parameters that do not go with the rows, and columns whose squares float64 cannot hold.
    """
    if last is None:
        feature_map, first = fit_feature_map(spec.feature_map, rows.X, rows.y, rows.weights, random)
        n_features = rows.X.shape[1] if first is None else first.n_features
        mapped = None if first is None else first.features
    else:
        feature_map, mapped, n_features = last.feature_map, None, last.n_features
    transform = transform_of(feature_map)
    source = Source(rows.X, rows.y, rows.weights, transform, n_features, mapped)
    moments = collect_rows(Here(source), rows, n_features, "cpu", transform is not None)
    if last is not None:
        moments = merge(last.seen.moments, moments)
    seen = None if last is None else last.seen
    options = _options(spec, n_features)
    found = fit_classes(source, moments, len(classes), spec.fit_intercept, options, seen)
    fitted = FittedClasses(
        n_columns=rows.X.shape[1],
        feature_names=rows.feature_names,
        feature_map=feature_map,
        classes=classes,
        posterior=found.posterior,
        seen=found.seen,
        search=_search_of(found),
    )
    return ClassResult(fitted)


def _search_of(found: ClassFit) -> ClassSearch:
    """What a fit says of its search."""
    return ClassSearch(
        np.array(found.path), found.n_iter, found.converged, found.penalty, found.left_out
    )


def _options(spec: ClassSpec, n_features: int) -> Options:
    """The parameters in standard units.

    Raises
    ------
    ValueError
        If prior or weight_scale have a wrong length or impossible values.
    """
    prior, weight_scale, n_bits = spec.prior, spec.weight_scale, int(spec.n_bits)
    if np.asarray(weight_scale).dtype.kind == "b":
        raise ValueError(
            f"weight_scale is {weight_scale!r}; a name, or one positive number or one for each "
            "feature, is accepted."
        )
    return Options(
        n_bits=n_bits,
        prior=prior if isinstance(prior, str) else custom_log_prior(prior, 2**n_bits - 1),
        step=standard_steps(weight_scale, n_features, 1.0),
        n_noise_levels=1,
        noise_range=None,
        solver="auto",
        max_iter=int(spec.max_iter),
        tol=float(spec.tol),
        near_ridge=NEAR_RIDGE.get(weight_scale) if isinstance(weight_scale, str) else None,
    )
