"""The queries of `EinetDensityEstimator`: its methods other than those that fit.

The file belongs to the facade: methods check their arguments and call `_queries`. Each reads the
fitted state once, so that another thread may fit at the same time.

Axes: n rows, D columns.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from . import _queries as queries
from ._fitting import FittedDensity
from ._sklearn import Features
from ._tables import RawTable, Table, column_mask, read_table
from ._validation import check_count, check_table, check_weights

Floats = NDArray[Any]


class DensityQueries:
    """Queries of the density in `_fitted_density`, on the device of the parameter `device`."""

    device: str
    _fitted_density: FittedDensity

    @property
    def columns_(self) -> queries.ColumnReports:
        """How every column is modelled: family, step, bounds, atoms and the share beyond."""
        if not hasattr(self, "_fitted_density"):
            raise AttributeError("columns_ is known after fit.")
        return queries.describe_columns(self._fitted_density, self.device)

    def score_samples(self, X: Any) -> Floats:
        """Log density of every row in the units of X; missing cells are integrated out.

        With `missing="model"` it is one of the observed values and of the pattern of holes.

        Parameters
        ----------
        X : array-like or frame (n, D)

        Returns
        -------
        ndarray (n,)
            Nats; float32 for an array of float32, else float64.
        """
        evidence, dtype = self._evidence(X)
        return queries.log_density(evidence, dtype)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Mean log density of the rows.

        Parameters
        ----------
        X : array-like or frame (n, D)
        y : None
            Ignored.
        sample_weight : array-like (n,), optional

        Returns
        -------
        float
            Nats.
        """
        scores = self.score_samples(X).astype(np.float64)
        if sample_weight is not None:
            sample_weight = check_weights(self, sample_weight, scores[:, None])
        return float(np.average(scores, weights=sample_weight))

    def predict_marginal(self, X: Any, features: Any) -> Floats:
        """Log marginal density of the columns `features`; all others are integrated out.

        With `missing="model"` the holes of the others are so too.

        Parameters
        ----------
        X : array-like or frame (n, D)
            The other columns are read but not used.
        features : array-like of bool, int, str or tuple
            A mask, positions or names of columns. An integer is a position, but a name where
            columns have integers as names; it is refused if it could mean two columns.

        Returns
        -------
        ndarray (n,)
        """
        evidence, dtype = self._evidence(X)
        return queries.log_density(evidence, dtype, chosen_columns(evidence.table, features))

    def predict_conditional(self, X: Any, features: Any) -> Floats:
        """Log density of the columns `features` given the other observed cells of the row.

        Parameters
        ----------
        X : array-like or frame (n, D)
        features : array-like of bool, int, str or tuple
            Columns whose density is computed: a mask, positions or names, as in
            `predict_marginal`.

        Returns
        -------
        ndarray (n,)
            log p(x) - log p(x without these columns).

        Raises
        ------
        ValueError
            If a cell of `features` is missing and is not modelled as a hole, and as
            `score_samples`. Cells of other columns may be missing; they are integrated out, or
            evidence as holes are.
        """
        evidence, dtype = self._evidence(X)
        return queries.log_conditional(evidence, chosen_columns(evidence.table, features), dtype)

    def sample(self, n_samples: int = 1, random_state: Any = None, *, given: Any = None) -> Any:
        """Draw rows from the model; values that count as unseen are not drawn.

        Parameters
        ----------
        n_samples : int, default=1
        random_state : int, RandomState instance or None, default=None
        given : dict, array-like (D,) or (m, D), or frame of m rows, optional
            Values of some columns, which all draws have. A dict is by names or positions of
            columns, a frame may have some of the columns, a row has NaN where a column is free.

        Returns
        -------
        array or frame (n_samples, D)
            Like the training table, with its column names and types; (m * n_samples, D) for m given
            rows, with the draws of each adjacent. They are exact draws given the values. With
            `missing="model"` they have holes, other than in the given cells.

        Raises
        ------
        ValueError
            For given columns that the table lacks, and given values that training did not show or
            the column's type cannot hold; the message names the column.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skpc import EinetDensityEstimator
        >>> X = load_iris(as_frame=True).frame
        >>> model = EinetDensityEstimator(categorical_features=["target"], random_state=0).fit(X)
        >>> virginica = model.sample(1000, random_state=0, given={"target": 2})
        >>> float(virginica["petal width (cm)"].mean().round())
        2.0
        """
        fitted, n = self._density(), check_count(n_samples)
        random = check_random_state(random_state)
        if given is None:
            return queries.sample(fitted, n, random, self.device)
        return queries.sample_given(fitted, given, n, random, self.device)

    def sample_conditional(self, X: Any, n_samples: int = 1, random_state: Any = None) -> Any:
        """Fill missing cells by exact draws given the observed cells of their row.

        Parameters
        ----------
        X : array-like or frame (n, D)
            A category that training did not show is not evidence for the other columns.
        n_samples : int, default=1
            Draws per row.
        random_state : int, RandomState instance or None, default=None

        Returns
        -------
        array or frame (n * n_samples, D)
            The draws for row i are the rows i * n_samples to (i + 1) * n_samples - 1;
            observed cells are those of X to the bit.
        """
        fitted, times = self._density(), check_count(n_samples)
        X, raw = self._read(X, fitted)
        random = check_random_state(random_state)
        return queries.sample_conditional(fitted, X, raw, times, random, self.device)

    def impute(self, X: Any, strategy: str = "mean", random_state: Any = None) -> Any:
        """Fill missing cells by what the observed cells of their row say of them.

        Parameters
        ----------
        X : array-like or frame (n, D)
        strategy : {"mean", "median", "mode", "sample"}, default="mean"
            "mean": the exact conditional mean in columns of numbers, the most probable value in
            columns of categories and of zeros and ones, for each cell by itself; the members of a
            one-hot group are one cell, filled by its most probable pattern. "median": the
            same with exact conditional medians, which have the least mean absolute error.
            "sample": draws, as of `sample_conditional`, in the row's own table. "mode": all
            missing cells of a row together, as in its most probable state. As that one is hard to
            compute, it is approximated: from the root down the likeliest input of each sum is
            taken, and of the leaves their modes (of a numeric leaf on the scale of its map).
        random_state : int, RandomState instance or None, default=None
            For "sample".

        Returns
        -------
        array or frame (n, D)
            A copy of X; observed cells are those of X to the bit. Means and medians are rounded
            where the column of X has an integer type.

        Raises
        ------
        ValueError
            For another strategy, and as `score_samples`.

        References
        ----------
        Peharz et al., "Einsum Networks", ICML 2020, section 3.5.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skpc import EinetDensityEstimator
        >>> X = load_iris().data
        >>> model = EinetDensityEstimator(n_sums=5, random_state=0).fit(X)
        >>> row = X[100:101].copy()
        >>> row[0, 2:] = float("nan")
        >>> model.impute(row).round()
        array([[6., 3., 5., 2.]])
        """
        fitted = self._density()
        X, raw = self._read(X, fitted)
        evidence = queries.Evidence.read(fitted, raw, self.device)
        return queries.impute(evidence, X, strategy, check_random_state(random_state))

    def moments(self, X: Any = None) -> tuple[Floats, Floats]:
        """Exact means and variances of every column, given the observed cells of a row.

        Parameters
        ----------
        X : array-like or frame (n, D), optional
            Evidence; None: no evidence, of holes either.

        Returns
        -------
        mean, variance : ndarray (n, D), or (D,) without X
            In the units of X. An observed cell has its value as mean and variance 0; columns
            of categories have NaN.

        Examples
        --------
        >>> import numpy as np
        >>> from skpc import EinetDensityEstimator
        >>> X = np.random.RandomState(0).normal([3.0, 50.0], [1.0, 5.0], size=(500, 2))
        >>> mean, variance = EinetDensityEstimator(random_state=0).fit(X).moments()
        >>> mean.round(), np.sqrt(variance).round()
        (array([ 3., 50.]), array([1., 5.]))
        """
        fitted = self._density()
        raw = None if X is None else self._read(X, fitted)[1]
        mean, variance = queries.moments(fitted, raw, self.device)
        return (mean[0], variance[0]) if raw is None else (mean, variance)

    def _density(self) -> FittedDensity:
        """The fitted state; every query reads it once."""
        check_is_fitted(self)
        return self._fitted_density

    def _mask(self, features: Any) -> NDArray[np.bool_]:
        """The mask (D,) of columns that a user names; all if features is None."""
        table = self._density().plan.table
        everything = np.ones(len(table.columns), dtype=bool)
        return chosen_columns(table, everything if features is None else features)

    def _read(self, X: Any, fitted: FittedDensity) -> tuple[Any, RawTable]:
        """A table with the columns of training, checked."""
        X, _ = check_table(self, X, features_of(fitted))
        return X, read_table(X)

    def _evidence(self, X: Any) -> tuple[queries.Evidence, torch.dtype]:
        """Rows of a table as evidence, and the type to score them in."""
        fitted = self._density()
        X, raw = self._read(X, fitted)
        single = getattr(X, "dtype", None) == np.float32
        evidence = queries.Evidence.read(fitted, raw, self.device)
        return evidence, torch.float32 if single else torch.float64


def features_of(fitted: FittedDensity) -> Features:
    """Number and names of the columns that a table must have."""
    return Features(len(fitted.plan.table.columns), fitted.feature_names)


def chosen_columns(table: Table, features: Any) -> NDArray[np.bool_]:
    """The mask (D,) of columns that a user names."""
    return column_mask(features, table.names, len(table.columns), "features")
