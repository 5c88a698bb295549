"""EinetRegressor: a number by the density of features and target.

The file is of the facade's room: the density does the work.

Axes: n rows, D columns of features, Q levels of quantiles.
"""

from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.utils import check_consistent_length, column_or_1d

from . import _queries as queries
from ._column_queries import check_levels
from ._keeping import KNOWN, keep
from ._over_joint import FittedJoint, OverJoint, listed, mask_of_categories
from ._sklearn import PartReporter, fit_context, with_callbacks
from ._validation import TARGET, check_column, check_table
from .density import EinetDensityEstimator

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FittedRegressor(FittedJoint):
    """What files hold of a fitted regressor, see its attributes."""

    def check(self) -> None:
        """Refuse a density whose last column holds no numbers."""
        super().check()
        if self.last.support == "codes":
            raise ValueError(
                "the last column of the density holds categories; it is the target, which is of "
                "numbers: let `leaf` leave that column 'auto'."
            )


KNOWN.add(FittedRegressor)


@keep
class EinetRegressor(RegressorMixin, OverJoint):
    """Predict a number by an `EinetDensityEstimator` of the features and the target together.

    The prediction is the mean of the target given the observed features, and the whole
    distribution given them can be asked for: standard deviations, quantiles, intervals and log
    densities. Missing features are integrated out, exactly, in training and in prediction: a row
    with holes needs no imputation. Columns may be numbers, zeros and ones and categories.

    Parameters
    ----------
    density : EinetDensityEstimator or None, default=None
        The density, which is cloned and fitted. Its columns are those of X and, last, the target;
        `categorical_features` speaks of those of X, `leaf` and `one_hot` speak of all. None:
        one by defaults, in float64.
    random_state : int, RandomState instance or None, default=None
        For the density where it has none of its own.

    Attributes
    ----------
    density_ : EinetDensityEstimator
        Fitted, of D + 1 columns. The last one holds the target, in a frame by the name "target" if
        there is no such column.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Names of the columns, if X was a frame.

    See Also
    --------
    sklearn.ensemble.HistGradientBoostingRegressor : Better where no cell is missing.
    DirectBayesianRegressor : Linear, on small integers.

    Notes
    -----
    The density is trained to explain rows, not to predict the target. A target of zeros and ones
    has their probability as mean. A value of a feature that training never showed says little of
    the target.

    References
    ----------
    Peharz et al., "Einsum Networks: Fast and Scalable Learning of Tractable Probabilistic
    Circuits", ICML 2020.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skpc import EinetRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = EinetRegressor(random_state=0).fit(X, y)
    >>> X[0, 2] = float("nan")
    >>> mean, std = model.predict(X[:1], return_std=True)
    >>> low, high = model.predict_interval(X[:1])[0]
    >>> bool(low < mean[0] < high), bool(std[0] > 30)
    (True, True)
    """

    _fitted_class: ClassVar[type[FittedJoint]] = FittedRegressor
    _last_name: ClassVar[str] = "target"
    # In float64 a weight of 2 and a row that stands twice give the same predictions.
    _by_default: ClassVar[dict[str, Any]] = {"dtype": "float64"}
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "density": [EinetDensityEstimator, None],
        "random_state": ["random_state"],
    }

    def __init__(self, density: Any = None, *, random_state: Any = None) -> None:
        self.density = density
        self.random_state = random_state

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the density of features and target.

        Parameters
        ----------
        X : array-like or frame (n, D)
            NaN or null where missing.
        y : array-like (n,)
            Finite numbers.
        sample_weight : array-like (n,), optional
            Weights of the rows, not negative.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For targets that are no finite numbers, and as `EinetDensityEstimator.fit`.
        """
        reporter = PartReporter(self, X)
        X, _ = check_table(self, X, None)
        density = self._fit_joint(X, self._check_target(X, y), sample_weight, reporter)
        fitted = FittedRegressor(density)
        fitted.check()
        return self._store(fitted.attributes(), reporter)

    def predict(self, X: Any, return_std: bool = False) -> Floats | tuple[Floats, Floats]:
        """Mean of the target given the observed cells of each row.

        Parameters
        ----------
        X : array-like or frame (n, D)
            NaN or null where missing.
        return_std : bool, default=False
            Whether the standard deviations are returned too.

        Returns
        -------
        mean : ndarray (n,)
            Exact given the density, in the units of y.
        std : ndarray (n,)
            Standard deviations of the target, not of its mean; only if asked for.

        Raises
        ------
        ValueError
            As `EinetDensityEstimator.score_samples`.
        """
        fitted = self._fitted()
        mean, variance = queries.moments_given(self._evidence_of(fitted, X)[1])
        return (mean[:, -1], np.sqrt(variance[:, -1])) if return_std else mean[:, -1]

    def predict_quantiles(self, X: Any, q: Any = 0.5) -> Floats:
        """Quantiles of the target given the observed cells of each row.

        Parameters
        ----------
        X : array-like or frame (n, D)
            NaN or null where missing.
        q : float or array-like of float (Q,), default=0.5
            Levels above 0 and below 1.

        Returns
        -------
        ndarray (n, Q), or (n,) if q is a number
            In the units of y: the least value whose cdf is at least q, exact as
            `EinetDensityEstimator.predict_quantiles`.

        Raises
        ------
        ValueError
            For a level outside (0, 1), and as `EinetDensityEstimator.score_samples`.
        """
        levels, fitted = check_levels(q), self._fitted()
        evidence = self._evidence_of(fitted, X)[1]
        found = queries.quantiles(evidence, np.array([fitted.features.n]), levels)[:, 0]
        return found[:, 0] if np.ndim(q) == 0 else found

    def predict_interval(self, X: Any, coverage: float = 0.9) -> Floats:
        """Central intervals that hold the target of a row with a given probability.

        Parameters
        ----------
        X : array-like or frame (n, D)
            NaN or null where missing.
        coverage : float, default=0.9
            Above 0 and below 1.

        Returns
        -------
        ndarray (n, 2)
            Low and high: the quantiles at (1 - coverage) / 2 and (1 + coverage) / 2.

        Raises
        ------
        ValueError
            For a coverage outside (0, 1), and as `EinetDensityEstimator.score_samples`.
        """
        if not isinstance(coverage, Real) or not 0 < coverage < 1:
            raise ValueError(f"coverage is {coverage!r}; a number above 0 and below 1 is accepted.")
        beyond = (1 - float(coverage)) / 2
        return self.predict_quantiles(X, [beyond, 1 - beyond])

    def log_predictive_density(self, X: Any, y: Any) -> Floats:
        """Log density of targets given the observed cells of their rows.

        Parameters
        ----------
        X : array-like or frame (n, D)
            NaN or null where missing.
        y : array-like (n,)
            Finite numbers.

        Returns
        -------
        ndarray (n,)
            Nats per unit of y; log probabilities where the target is of zeros and ones. Exact, as
            `EinetDensityEstimator.predict_conditional`.

        Raises
        ------
        ValueError
            For targets that are no finite numbers, or none that `leaf` models, and as
            `EinetDensityEstimator.score_samples`.
        """
        fitted = self._fitted()
        X, _ = check_table(self, X, fitted.features)
        evidence = self._evidence_of(fitted, X, self._check_target(X, y))[1]
        last = np.arange(fitted.features.n + 1) == fitted.features.n
        return queries.log_conditional(evidence, last, torch.float64)

    def contributions(self, X: Any) -> Floats:
        """What each cell adds to the mean of the target.

        Parameters
        ----------
        X : array-like or frame (n, D)
            NaN or null where missing.

        Returns
        -------
        ndarray (n, D)
            In the units of y; NaN where the cell is missing, but for holes that are modelled.

        Raises
        ------
        ValueError
            As `EinetDensityEstimator.score_samples`.

        Notes
        -----
        The mean given all observed cells of the row, less that given all but this one. Both are
        exact, and nothing is drawn, permuted or filled in: D + 1 predictions answer for all cells.
        What two cells both say counts for neither, so that contributions do not add to the
        prediction; Shapley values, of 2^D predictions, do.

        Examples
        --------
        >>> from sklearn.datasets import load_diabetes
        >>> from skpc import EinetRegressor
        >>> X, y = load_diabetes(return_X_y=True)
        >>> model = EinetRegressor(random_state=0).fit(X, y)
        >>> model.contributions(X[:3]).shape
        (3, 10)
        """
        return self._contributions(self._fitted(), X)[1][:, :, 0]

    def explain(self, X: Any, n_cells: int = 3) -> Any:
        """The cells that matter most for the prediction of each row.

        Parameters
        ----------
        X : array-like or frame (n, D)
            NaN or null where missing.
        n_cells : int, default=3
            Cells of a row at most: those with the largest contributions, whatever their sign.

        Returns
        -------
        pandas.DataFrame
            A row for each cell, the largest of a row first: "row" (position in X), "column" (name,
            or position), "value", "contribution" (see `contributions`).

        Raises
        ------
        ImportError
            Without pandas.
        ValueError
            As `EinetDensityEstimator.score_samples`.
        """
        fitted = self._fitted()
        X, added, _ = self._contributions(fitted, X)
        return listed(fitted, X, added[:, :, 0], n_cells)

    def _answers(self, fitted: FittedJoint, evidence: queries.Evidence) -> Floats:
        """Means of the target, (n, 1)."""
        return queries.moments_given(evidence)[0][:, -1:]

    def _categories(self, density: EinetDensityEstimator, X: Any) -> Any:
        """`categorical_features` of a density of X and the target."""
        asked = density.categorical_features
        if asked is None or isinstance(asked, str):
            return asked
        return mask_of_categories(density, X, last=False)

    def _check_target(self, X: Any, y: Any) -> Floats:
        """Targets of the rows of X, (n,)."""
        if y is None:
            raise ValueError(
                "This EinetRegressor estimator requires y to be passed, but the target y is None."
            )
        target: Floats = column_or_1d(check_column(self, y, TARGET), warn=True).astype(np.float64)
        check_consistent_length(X, target)
        bad = np.flatnonzero(~np.isfinite(target))
        if len(bad):
            raise ValueError(
                f"y contains {target[bad[0]]} in row {bad[0]}; finite numbers are accepted. Leave "
                "rows without a target out."
            )
        return target

    def _result(self) -> FittedRegressor | None:
        """What files hold of the fit."""
        now = vars(self)
        return FittedRegressor(now["density_"]) if "density_" in now else None
