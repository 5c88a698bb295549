"""EinetOutlierDetector: rows that are far from all others, and the cells that make them so.

The file is of the facade's room: the density does the work.

Axes: n rows, D columns.
"""

from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import OutlierMixin

from . import _queries as queries
from ._keeping import KNOWN, keep
from ._over_density import OverDensity, check_density, columns_of, frame_of_cells, largest_cells
from ._sklearn import Interval, PartReporter, StrOptions, fit_context, with_callbacks
from ._tables import Table, take_rows
from ._validation import check_count, check_weights
from .components import Kernels
from .density import EinetDensityEstimator

Floats = NDArray[np.float64]

# Width below which the score does not resolve a column, as a share of the range of the middle
# 80 % of its training rows: values that are closer are alike.
RESOLUTION = 0.3
# Share of rows that lie below the offset where contamination is "auto".
AUTO_CONTAMINATION = 0.1
# Levels of the range of expected values, and of the expected value, that `explain` shows.
LEVELS = (0.05, 0.5, 0.95)


@dataclass(frozen=True)
class FittedOutliers:
    """What files hold of a fitted detector, see its attributes.

    Attributes
    ----------
    widths : ndarray (D,) or None
        Of the columns, where the density ranks.
    """

    density: EinetDensityEstimator
    kernels: EinetDensityEstimator | None
    widths: Floats | None
    offset: float
    expected_surprise: Floats

    def attributes(self) -> dict[str, Any]:
        """Fitted attributes of the detector."""
        ranking = {"kernels_": self.kernels, "_widths": self.widths}
        return {
            "density_": self.density,
            "offset_": self.offset,
            "expected_surprise_": self.expected_surprise,
            **{name: value for name, value in ranking.items() if value is not None},
            **columns_of(self.density),
        }

    def check(self) -> None:
        """Refuse what is not of the columns of the density."""
        n, kernels, widths = check_density(self.density), self.kernels, self.widths
        if (kernels is None) == (widths is None):
            raise ValueError("either kernels or the density ranks.")
        if kernels is not None and check_density(kernels) != n:
            raise ValueError("kernels and density have other columns.")
        if kernels is not None and kernels._fitted_density.names != ["kernels"]:
            raise ValueError(f"kernels has the components {kernels._fitted_density.names}.")
        if widths is not None and (
            widths.shape != (n,) or not (np.isfinite(widths) & (widths > 0)).all()
        ):
            raise ValueError(f"widths are no {n} numbers above 0.")
        surprise = self.expected_surprise
        if surprise.shape != (n,) or np.isnan(surprise).any() or np.isnan(self.offset):
            raise ValueError(f"offset is NaN, or expected_surprise has no {n} numbers.")


KNOWN.add(FittedOutliers)


@keep
class EinetOutlierDetector(OutlierMixin, OverDensity):
    """Outliers by densities of `EinetDensityEstimator`, with reasons.

    A kernel density ranks rows: how far a row is from those of training. An accurate density
    explains them: which cells the rest of the row makes unlikely. Tables may have numbers, zeros
    and ones and categories, with missing cells in training and in queries.

    Parameters
    ----------
    density : EinetDensityEstimator or None, default=None
        The density that explains, which is cloned and fitted. None: one by defaults, in float64.
    ranking : {"kernels", "density"}, default="kernels"
        What the scores are. "kernels": log densities of kernels around the rows of training
        (`skpc.components.Kernels`), in standard deviations of the columns and without one row of
        training that equals the row. "density": those of `density` at a bounded resolution.
    contamination : "auto" or float, default="auto"
        Share of outliers among the training rows, above 0 and at most 0.5, by which `offset_` is
        chosen. "auto": 0.1.
    random_state : int, RandomState instance or None, default=None
        For the density where it has none of its own.

    Attributes
    ----------
    density_ : EinetDensityEstimator
        Fitted.
    kernels_ : EinetDensityEstimator
        The kernel density, with the columns of `density_` and normal numbers; only where it ranks.
    offset_ : float
        `decision_function` is `score_samples` less this; rows below it are outliers.
    expected_surprise_ : ndarray (D,)
        Mean of -log p(cell given the rest of its row) over the training rows, by column.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Names of the columns, if X was a frame.

    Notes
    -----
    The log density of an accurate model is no good score: its unit decides, since a column with
    atoms, or with steep slopes of its map, outweighs all others. Kernels have one width for all
    numbers of a column. With ranking="density" the slope of a column's map is at most the inverse
    of 0.3 times the range of the middle 80 % of its training rows, and atoms count as spread over
    as much. Surprises of single cells explain rows, and rank them worse. The guide has figures.

    Missing cells are integrated out, so that a row with fewer cells has fewer that can be unusual.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skpc import EinetDensityEstimator, EinetOutlierDetector
    >>> X = load_iris(as_frame=True).data
    >>> detector = EinetOutlierDetector(EinetDensityEstimator(random_state=0)).fit(X)
    >>> odd = X.head(1).assign(**{"petal length (cm)": 5.1})
    >>> detector.predict(odd)
    array([-1])
    >>> detector.explain(odd, n_cells=1)["column"].item()
    'petal length (cm)'
    """

    _fitted_class: ClassVar[Any] = FittedOutliers
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "density": [EinetDensityEstimator, None],
        "ranking": [StrOptions({"kernels", "density"})],
        "contamination": [StrOptions({"auto"}), Interval(Real, 0, 0.5, closed="right")],
        "random_state": ["random_state"],
    }
    # Scores are compared with an offset, so a weight of 2 and a row that stands twice must agree.
    _by_default: ClassVar[dict[str, Any]] = {"dtype": "float64"}

    def __init__(
        self,
        density: Any = None,
        *,
        ranking: Any = "kernels",
        contamination: Any = "auto",
        random_state: Any = None,
    ) -> None:
        self.density = density
        self.ranking = ranking
        self.contamination = contamination
        self.random_state = random_state

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fit both densities, and the offset of the scores.

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
        weights = check_weights(self, sample_weight, checked)
        evidence, _ = density._evidence(checked)
        kernels = widths = None
        if self.ranking == "kernels":
            kernels = _kernels_of(density, evidence.table).fit(checked, None, weights)
            scores = queries.log_others(kernels._evidence(checked)[0])
        else:
            widths = _widths(evidence, weights)
            scores = queries.log_bounded(evidence, widths)
        share = AUTO_CONTAMINATION if self.contamination == "auto" else self.contamination
        surprise = _means(-queries.log_cells(evidence), weights)
        offset = _offset(scores, weights, share)
        fitted = FittedOutliers(density, kernels, widths, offset, surprise)
        return self._store(fitted.attributes(), reporter, absent=("kernels_", "_widths"))

    def _result(self) -> FittedOutliers | None:
        """What files hold of the fit."""
        # Read once: another thread may store a new fit, in a dict of its own, meanwhile.
        now = vars(self)
        if "density_" not in now:
            return None
        kernels, widths = now.get("kernels_"), now.get("_widths")
        return FittedOutliers(
            now["density_"], kernels, widths, now["offset_"], now["expected_surprise_"]
        )

    def score_samples(self, X: Any) -> Floats:
        """The score of every row that `ranking` names; the lower, the more unusual.

        Parameters
        ----------
        X : array-like or frame (n, D)

        Returns
        -------
        ndarray (n,)
        """
        if hasattr(self, "kernels_"):
            return queries.log_others(self._read(X, density=self.kernels_)[1])
        return queries.log_bounded(self._read(X)[1], self._widths)

    def decision_function(self, X: Any) -> Floats:
        """`score_samples` less `offset_`: negative for outliers.

        Parameters
        ----------
        X : array-like or frame (n, D)

        Returns
        -------
        ndarray (n,)
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> NDArray[np.intp]:
        """-1 for outliers and 1 for other rows.

        Parameters
        ----------
        X : array-like or frame (n, D)

        Returns
        -------
        ndarray (n,) of int
        """
        return np.where(self.decision_function(X) < 0, -1, 1)

    def explain(self, X: Any, n_cells: int = 3) -> Any:
        """The cells that make rows unusual, with what would be expected there.

        Parameters
        ----------
        X : array-like or frame (n, D)
        n_cells : int, default=3
            Cells of a row at most: those with the largest surprise.

        Returns
        -------
        pandas.DataFrame
            A row for each cell, the most surprising of a row first: "row" (position in X),
            "column" (name, or position), "value", "surprise" (-log p(cell given the rest of its
            row) less `expected_surprise_` of the column, in nats), "expected" (the conditional
            median, or the most probable category), "low" and "high" (between them lie 90 % of the
            values that the rest of the row lets expect; missing for categories).

        Notes
        -----
        Surprises are centred because columns differ in what is usual: one of many digits has low
        densities always.
        """
        cells = check_count(n_cells, name="n_cells")
        X, evidence = self._read(X)
        surprise = -queries.log_cells(evidence) - self.expected_surprise_
        return _explained(self.density_, X, surprise, cells)


def _kernels_of(density: EinetDensityEstimator, table: Table) -> EinetDensityEstimator:
    """A kernel density of the same columns; their numbers are neither mapped nor atoms."""
    normal = {"numeric": "gaussian"}
    changed = {
        "components": Kernels(),
        "leaf": [normal.get(column.family, column.family) for column in table.columns],
        "one_hot": density.settings_["one_hot"],
        "structure": "random_trees",
        "depth": None,
        "grid_shape": None,
        "n_replicas": 1,
        "dtype": "float64",
        "warm_start": False,
    }
    # Not a clone, which would have the callbacks: they hear of the density's passes alone. Nor of a
    # subclass, whose parameters may be others.
    names = EinetDensityEstimator().get_params(deep=False)
    return EinetDensityEstimator(**{name: getattr(density, name) for name in names} | changed)


def _widths(evidence: queries.Evidence, weights: Floats) -> Floats:
    """Least widths that the score resolves, (D,), from the training rows (n, D)."""
    widths = np.full(len(evidence.table.columns), np.finfo(float).tiny)
    for j, column in enumerate(evidence.table.columns):
        if column.support in ("binary", "codes"):
            continue
        values = evidence.values(j)
        seen = ~np.isnan(values) & (weights > 0)
        if seen.any():
            x, w = values[seen], weights[seen]
            spread = _quantile(x, w, 0.9) - _quantile(x, w, 0.1) or np.ptp(x)
            widths[j] = max(RESOLUTION * spread, np.finfo(float).tiny) if spread else 1.0
    return widths


def _quantile(values: Floats, weights: Floats, share: float) -> float:
    """The least value with more than a share of the weight at or below it."""
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weights[order])
    # Sums of equal weights may round to either side of the share.
    first = np.searchsorted(below, (share + 1e-9) * below[-1], side="right")
    return float(values[order[min(first, len(values) - 1)]])


def _offset(scores: Floats, weights: Floats, share: float) -> float:
    """Half way between the scores of which a share of the weight is below and the next ones.

    An offset that is the score of a row would leave it to rounding whether the row is below.
    """
    counted = weights > 0
    above = _quantile(scores[counted], weights[counted], share)
    below = scores[counted & (scores < above)]
    return 0.5 * (above + float(below.max())) if len(below) else above


def _means(surprise: Floats, weights: Floats) -> Floats:
    """Weighted means of observed cells (n, D), by column; 0 where none is observed."""
    seen = ~np.isnan(surprise)
    total = weights @ seen
    sums = weights @ np.where(seen, surprise, 0.0)
    return np.divide(sums, total, out=np.zeros_like(sums), where=total > 0)


def _explained(density: EinetDensityEstimator, X: Any, surprise: Floats, n_cells: int) -> Any:
    """The frame of `EinetOutlierDetector.explain`, for centred surprises (n, D)."""
    row, column = largest_cells(surprise, n_cells)
    expected = np.full((len(row), 3), np.nan, dtype=object)
    for j in np.unique(column):
        mine = column == j
        expected[mine] = _expected(density, take_rows(X, row[mine]), int(j))
    facts = {
        "surprise": surprise[row, column],
        "expected": expected[:, 1],
        "low": expected[:, 0],
        "high": expected[:, 2],
    }
    names = density._fitted_density.plan.table.names or range(surprise.shape[1])
    return frame_of_cells(X, names, row, column, facts)


def _expected(density: EinetDensityEstimator, rows: Any, j: int) -> NDArray[Any]:
    """Low, expected and high values of a column given the others, (n, 3)."""
    evidence, _ = density._evidence(rows)
    if evidence.table.columns[j].support != "codes":
        return queries.quantiles(evidence, np.array([j]), LEVELS)[:, 0]
    found = np.full((len(evidence.encoded.z), 3), np.nan, dtype=object)
    found[:, 1] = queries.likeliest(evidence, j)
    return found
