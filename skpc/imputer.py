"""EinetImputer: a transformer that fills missing cells by a density.

The file is of the facade's room: the density does the work.

Axes: n rows, D columns, m columns with missing cells in training.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from . import _queries as queries
from ._keeping import KNOWN, keep
from ._over_density import OverDensity, check_density, columns_of
from ._sklearn import PartReporter, StrOptions, feature_names, fit_context, with_callbacks
from ._tables import complete, missing_cells, with_columns, with_indicators
from .density import EinetDensityEstimator

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class FittedImputer:
    """What files hold of a fitted imputer, see its attributes."""

    density: EinetDensityEstimator
    indicator_features: NDArray[np.integer[Any]]

    def attributes(self) -> dict[str, Any]:
        """Fitted attributes of the imputer."""
        return {
            "density_": self.density,
            "indicator_features_": self.indicator_features,
            **columns_of(self.density),
        }

    def check(self) -> None:
        """Refuse columns that the density has not."""
        n, columns = check_density(self.density), self.indicator_features
        ascending = columns.ndim == 1 and (np.diff(columns) > 0).all()
        if not ascending or not ((columns >= 0) & (columns < n)).all():
            raise ValueError(f"indicator_features is {columns}; there are {n} columns.")


KNOWN.add(FittedImputer)


@keep
class EinetImputer(TransformerMixin, OverDensity):
    """Fill missing cells by what an `EinetDensityEstimator` knows of them given their row.

    Columns may be numbers, zeros and ones and categories; frames come back as frames.

    Parameters
    ----------
    density : EinetDensityEstimator or None, default=None
        The density, which is cloned and fitted. None: one by defaults.
    strategy : {"median", "mean", "mode", "sample"}, default="median"
        As of `EinetDensityEstimator.impute`. "median" has the least mean absolute error in
        expectation, "mean" the least mean squared one; both take the most probable category.
        "sample" draws, so that columns keep their spread and their relations (see Notes).
    add_indicator : bool, default=False
        Whether a column of zeros and ones is added for every column that had missing cells in
        training; the ones are where a cell is missing.
    missing_columns : {"refuse", "unknown"}, default="refuse"
        Whether a frame that lacks a column is refused, or its cells are filled like missing ones.
    random_state : int, RandomState instance or None, default=None
        For the draws of "sample", and for the density where it has none of its own.

    Attributes
    ----------
    density_ : EinetDensityEstimator
        Fitted.
    indicator_features_ : ndarray of int (m,)
        Columns that had missing cells in training.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Names of the columns, if X was a frame.

    Notes
    -----
    Observed cells are those of X to the bit, and every answer is exact given the density, with no
    rounds of regressions. For inference on completed tables, impute several times and pool by
    Rubin's rules: fit the analysis to M tables of `set_params(strategy="sample",
    random_state=i).transform(X)`, i = 0, ..., M - 1. The estimate is the mean of the M estimates;
    its variance is the mean of their variances plus (1 + 1 / M) times the variance of these
    estimates.
    The uncertainty of the density itself is not in it: fit imputers to bootstrap samples of the
    rows where that matters.

    References
    ----------
    Rubin, "Multiple Imputation for Nonresponse in Surveys", Wiley 1987, chapter 3.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skpc import EinetDensityEstimator, EinetImputer
    >>> X = load_iris().data
    >>> X[100, 2:] = float("nan")
    >>> EinetImputer(EinetDensityEstimator(random_state=0)).fit_transform(X)[100].round()
    array([6., 3., 5., 2.])
    """

    _fitted_class: ClassVar[Any] = FittedImputer
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "density": [EinetDensityEstimator, None],
        "strategy": [StrOptions(set(queries.STRATEGIES))],
        "add_indicator": ["boolean"],
        "missing_columns": [StrOptions({"refuse", "unknown"})],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        density: Any = None,
        *,
        strategy: str = "median",
        add_indicator: bool = False,
        missing_columns: str = "refuse",
        random_state: Any = None,
    ) -> None:
        self.density = density
        self.strategy = strategy
        self.add_indicator = add_indicator
        self.missing_columns = missing_columns
        self.random_state = random_state

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fit the density.

        Parameters
        ----------
        X : array-like or frame (n, D)
            NaN or null where missing.
        y : None
            Ignored.
        sample_weight : array-like (n,), optional
            Weights of the rows, not negative.

        Returns
        -------
        self
        """
        reporter = PartReporter(self, X)
        density, checked = self._fitted_to(X, sample_weight, reporter)
        return self._store(self._fitted_with(density, self._holes(checked)), reporter)

    @staticmethod
    def _holes(X: Any) -> Mask:
        """Which columns of a table have missing cells, (D,)."""
        return np.atleast_1d(missing_cells(X).any(axis=0))

    @staticmethod
    def _fitted_with(density: EinetDensityEstimator, holes: Mask) -> dict[str, Any]:
        """Fitted attributes of a density and of the columns that had missing cells, (D,)."""
        return FittedImputer(density, np.flatnonzero(holes)).attributes()

    def _result(self) -> FittedImputer | None:
        """What files hold of the fit."""
        # Read once: another thread may store a new fit, in a dict of its own, meanwhile.
        now = vars(self)
        if "density_" not in now:
            return None
        return FittedImputer(now["density_"], now["indicator_features_"])

    def transform(self, X: Any) -> Any:
        """A copy of X with its missing cells filled.

        Parameters
        ----------
        X : array-like or frame (n, D)

        Returns
        -------
        array or frame (n, D), or (n, D + m) with indicators
            Observed cells are those of X to the bit.

        Raises
        ------
        ValueError
            As `EinetDensityEstimator.score_samples`.
        """
        table = self._table
        absent: list[int] = []
        if self.missing_columns == "unknown" and table.names is not None:
            X, absent = complete(X, table)
        X, evidence = self._read(X, absent)
        random = check_random_state(self.random_state)
        filled = queries.impute(evidence, X, self.strategy, random)
        filled = with_columns(filled, table, absent)
        if not self.add_indicator:
            return filled
        names = self._indicator_names()
        return with_indicators(filled, missing_cells(X)[:, self.indicator_features_], names)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Names of the columns that `transform` returns.

        Parameters
        ----------
        input_features : array-like of str (D,), optional
            Names of the columns of X, if it was an array. Where it was a frame they must be its.

        Returns
        -------
        ndarray of str
            Those of indicators begin with ``missingindicator_``.
        """
        check_is_fitted(self)
        names = feature_names(self, input_features)
        if not self.add_indicator:
            return names
        added = [f"missingindicator_{name}" for name in names[self.indicator_features_]]
        return np.concatenate([names, np.array(added, dtype=object)])

    def _indicator_names(self) -> list[str]:
        """Names of the columns that tell where cells were missing."""
        return self.get_feature_names_out()[self.n_features_in_ :].tolist()
