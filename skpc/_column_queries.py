"""Queries of `EinetDensityEstimator` about columns and cells, and what columns tell of each other.

The file belongs to the facade, as `_density_queries` does.

Axes: n rows, D columns, c of them that are asked for, Q levels of quantiles.
"""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from . import _queries as queries
from ._density_queries import DensityQueries
from ._tables import Table, column_positions
from ._validation import check_count

Floats = NDArray[Any]


class ColumnQueries(DensityQueries):
    """Queries about single columns and cells."""

    def predict_quantiles(self, X: Any, features: Any, q: Any = 0.5) -> Floats:
        """Quantiles of columns given the observed cells of all other columns.

        Parameters
        ----------
        X : array-like or frame (n, D)
            Cells of the columns `features`, values and holes, are read but not used.
        features : array-like of bool, int or str, or one int or str
            Columns of numbers or of zeros and ones, each asked for by itself: none of them is
            evidence for another.
        q : float or array-like of float (Q,), default=0.5
            Levels above 0 and below 1.

        Returns
        -------
        ndarray (n, c, Q)
            In the units of X: the least value whose cdf is at least q, not moved to the grid and
            the bounds to which `impute` moves medians. Without the axis of columns
            if `features` is one int or str, and without that of levels if q is a number.

        Raises
        ------
        ValueError
            For a column of categories, a level outside (0, 1), and as `score_samples`.

        Notes
        -----
        Exact: the column's distribution is a mixture of its leaf distributions, weighted by the
        posterior probabilities of their units. The cdf of that mixture is inverted to 12 digits,
        after one upward and one downward pass of the evidence.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skpc import EinetDensityEstimator
        >>> X = load_iris().data
        >>> model = EinetDensityEstimator(random_state=0).fit(X)
        >>> model.predict_quantiles(X[:2], 3, [0.05, 0.5, 0.95]).shape
        (2, 3)
        """
        levels = check_levels(q)
        evidence, _ = self._evidence(X)
        columns, one = self._positions(features)
        found = queries.quantiles(evidence, columns, levels)
        found = found[:, :, 0] if np.ndim(q) == 0 else found
        return found[:, 0] if one else found

    def cdf(self, X: Any, features: Any) -> Floats:
        """P(X_j <= x_j) of columns given the observed cells of all other columns.

        Parameters
        ----------
        X : array-like or frame (n, D)
        features : array-like of bool, int or str, or one int or str
            Columns of numbers or of zeros and ones, each asked for by itself: none of them is
            evidence for another.

        Returns
        -------
        ndarray (n, c), or (n,) if `features` is one int or str
            Exact; NaN where the cell is missing.

        Raises
        ------
        ValueError
            For a column of categories, and as `score_samples`.
        """
        evidence, _ = self._evidence(X)
        columns, one = self._positions(features)
        found = queries.cdf(evidence, columns)
        return found[:, 0] if one else found

    def score_columns(self, X: Any) -> Floats:
        """Log density of every observed cell given all other observed cells of its row.

        Parameters
        ----------
        X : array-like or frame (n, D)

        Returns
        -------
        ndarray (n, D)
            Nats, in the units of X, as `predict_conditional` of each column alone; NaN where the
            cell is missing, but for holes that are modelled (`missing="model"`). A value that
            training did not show has its share of probability (see Notes of the class).

        Notes
        -----
        One upward and one downward pass through each component answer for all columns: with
        post(u) the posterior probability of unit u given the whole row and p_u(x) the cell's
        density in it, 1 / p(x_j | others) is the sum over u of post(u) / p_u(x_j). The sum is of
        logarithms, so values far from all units have exact scores too, except that a tree whose
        log density of the row is 745 below another's counts as absent. Each column whose holes are
        modelled takes a pass of its own.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skpc import EinetDensityEstimator
        >>> X = load_iris().data
        >>> X[0, 2] = 60.0  # a length of 6 in another unit
        >>> model = EinetDensityEstimator(random_state=0).fit(X[1:])
        >>> int(model.score_columns(X[:1]).argmin())
        2
        """
        return queries.log_cells(self._evidence(X)[0])

    def entropy(
        self, features: Any = None, n_samples: int = 10_000, random_state: Any = None
    ) -> queries.Estimate:
        """Entropy of columns, -E[log p], in nats; differential for columns of numbers.

        Parameters
        ----------
        features : array-like of bool, int or str, optional
            A mask, positions or names of columns; None: all.
        n_samples : int, default=10_000
            Draws, where states cannot be enumerated.
        random_state : int, RandomState instance or None, default=None

        Returns
        -------
        value, standard_error : named tuple of float
            Exact, with the standard error 0, for columns of categories, of zeros and ones and of
            counts with a largest one, with up to 65,536 states; else a mean over draws with its
            standard error. Values that training did not show have no share.

        Examples
        --------
        >>> import numpy as np
        >>> from skpc import EinetDensityEstimator
        >>> X = np.random.RandomState(0).randint(0, 2, size=(1000, 3))
        >>> value, error = EinetDensityEstimator(random_state=0).fit(X).entropy()
        >>> bool(np.isclose(value, 3 * np.log(2), atol=0.05)), error
        (True, 0.0)
        """
        fitted, mask = self._density(), self._mask(features)
        if not mask.any():
            raise ValueError("features names no column; one or more are accepted, None for all.")
        random = check_random_state(random_state)
        rows = queries.rows_for(fitted, mask, check_count(n_samples, 2), random, self.device)
        return queries.entropy(fitted, mask, rows, self.device)

    def mutual_information(
        self, a: Any, b: Any, n_samples: int = 10_000, random_state: Any = None
    ) -> queries.Estimate:
        """Mutual information of two sets of columns, in nats.

        Parameters
        ----------
        a, b : array-like of bool, int or str
            Masks, positions or names of columns; no column is in both.
        n_samples : int, default=10_000
            Draws, where states cannot be enumerated.
        random_state : int, RandomState instance or None, default=None

        Returns
        -------
        value, standard_error : named tuple of float
            As `entropy`. A mean over draws may be below 0 by some standard errors.

        Raises
        ------
        ValueError
            For an empty set, and for sets that share a column.
        """
        fitted, first, second = self._density(), self._mask(a), self._mask(b)
        if not first.any() or not second.any() or (first & second).any():
            raise ValueError(
                f"a is {a!r} and b is {b!r}; two sets of columns without a common one are accepted."
            )
        count, random = check_count(n_samples, 2), check_random_state(random_state)
        rows = queries.rows_for(fitted, first | second, count, random, self.device)
        return queries.mutual_information(fitted, first, second, rows, self.device)

    def kl_divergence(
        self, other: Self, n_samples: int = 10_000, random_state: Any = None
    ) -> queries.Estimate:
        """Kullback-Leibler divergence E[log p - log q] from this density p to another q, in nats.

        Parameters
        ----------
        other : EinetDensityEstimator
            Fitted to a table with the same columns.
        n_samples : int, default=10_000
            Draws of p, where states cannot be enumerated.
        random_state : int, RandomState instance or None, default=None

        Returns
        -------
        value, standard_error : named tuple of float
            As `entropy`; log p and log q are what `score_samples` of both gives.

        Raises
        ------
        ValueError
            For a density of other columns.
        """
        if not isinstance(other, ColumnQueries):
            raise TypeError(f"other is {other!r}; a fitted EinetDensityEstimator is accepted.")
        fitted, of_other = self._density(), other._density()
        if not _same_columns(fitted.plan.table, of_other.plan.table):
            raise ValueError(
                "other is fitted to other columns, or models the holes of others; densities of the "
                "same are compared."
            )
        everything = np.ones(len(fitted.plan.table.columns), dtype=bool)
        count, random = check_count(n_samples, 2), check_random_state(random_state)
        rows = queries.rows_for(fitted, everything, count, random, self.device)
        return queries.kl_divergence(fitted, of_other, rows, self.device)

    def _positions(self, features: Any) -> tuple[NDArray[np.intp], bool]:
        """Positions of columns as a user names them, and whether that is one by itself."""
        table = self._density().plan.table
        return column_positions(features, table.names, len(table.columns), "features")


def check_levels(q: Any) -> list[float]:
    """Levels of quantiles, (Q,), from one or several."""
    levels = np.atleast_1d(np.asarray(q, dtype=np.float64))
    if levels.ndim > 1 or not levels.size or not ((levels > 0) & (levels < 1)).all():
        raise ValueError(f"q is {q!r}; numbers above 0 and below 1 are accepted.")
    found: list[float] = levels.tolist()
    return found


def _same_columns(a: Table, b: Table) -> bool:
    """Whether two tables have as many columns, and the same names, as far as both have any.

    Holes of the same columns are modelled, or of none.
    """
    named = a.names is not None and b.names is not None
    alike = len(a.columns) == len(b.columns) and a.holes == b.holes
    return alike and (not named or a.names == b.names)
