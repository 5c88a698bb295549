"""EinetClassifier: classes by the density of features and class.

The file is of the facade's room: the density does the work.

Axes: n rows, D columns of features, C classes.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax
from sklearn.base import ClassifierMixin
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.validation import check_is_fitted

from . import _queries as queries
from ._density_queries import features_of
from ._keeping import KNOWN, keep
from ._over_density import OverDensity, check_density
from ._sklearn import Features, PartReporter, StrOptions, fit_context, with_callbacks
from ._tables import column_mask, container, free_name, read_table, with_classes
from ._validation import check_labels, check_table, check_weights
from .density import EinetDensityEstimator

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FittedClassifier:
    """What files hold of a fitted classifier, see its attributes."""

    density: EinetDensityEstimator
    classes: NDArray[Any]
    class_weight: Floats

    def attributes(self) -> dict[str, Any]:
        """Fitted attributes of the classifier."""
        return {
            "density_": self.density,
            "classes_": self.classes,
            "class_weight_": self.class_weight,
            **self.features.attributes(),
        }

    @property
    def features(self) -> Features:
        """Columns that a table must have: those of the density but the last."""
        every = features_of(self.density._fitted_density)
        return Features(every.n - 1, None if every.names is None else every.names[:-1])

    @property
    def order(self) -> list[int]:
        """Positions of the classes among the categories of the density's last column, (C,)."""
        table = self.density._fitted_density.plan.table
        name = None if table.names is None else table.names[-1]
        labels = _values(self.classes, np.arange(len(self.classes)), name)
        return [table.columns[-1].categories.index(label) for label in labels.tolist()]

    def check(self) -> None:
        """Refuse classes that are not those of the density."""
        last = check_density(self.density) - 1
        if self.classes.ndim != 1 or self.class_weight.shape != self.classes.shape or last < 1:
            raise ValueError("classes and class_weight differ in length, or it has no features.")
        if not (np.isfinite(self.class_weight) & (self.class_weight > 0)).all():
            raise ValueError(f"class_weight is {self.class_weight}; positive numbers are accepted.")
        column = self.density._fitted_density.plan.table.columns[last]
        if column.support != "codes" or column.n_values != len(self.classes):
            raise ValueError(
                f"the last column of the density has the family {column.family!r}; it holds "
                f"{len(self.classes)} classes: let `leaf` leave that column 'auto'."
            )


KNOWN.add(FittedClassifier)


@keep
class EinetClassifier(ClassifierMixin, OverDensity):
    """Classify by an `EinetDensityEstimator` of the features and the class together.

    The probability of a class is the density of the row with it over the sum of those with each
    class. Missing features are integrated out, exactly, in training and in prediction: a row
    with holes needs no imputation, and gets the probabilities that its observed cells imply.
    Columns may be numbers, zeros and ones and categories.

    Parameters
    ----------
    density : EinetDensityEstimator or None, default=None
        The density, which is cloned and fitted. Its columns are those of X and, last, the classes,
        which are categories whatever `categorical_features` says of those of X; `leaf` and
        `one_hot` speak of all. None: trees alone,
        which classified better than the mixture of all components on small tables and are fitted
        in a fraction of its time, `EinetDensityEstimator(components="trees", dtype="float64")`.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes: the density is left as the rows are, and probabilities are those
        under class frequencies that are multiplied by them. "balanced": all classes are equally
        frequent then.
    random_state : int, RandomState instance or None, default=None
        For the density where it has none of its own.

    Attributes
    ----------
    classes_ : ndarray (C,)
        Labels of the classes, sorted.
    class_weight_ : ndarray (C,)
        Weights of the classes.
    density_ : EinetDensityEstimator
        Fitted, of D + 1 columns. The last one holds positions in `classes_`, in a frame labels
        as texts, by the name "class" if there is no such column.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Names of the columns, if X was a frame.

    See Also
    --------
    sklearn.ensemble.HistGradientBoostingClassifier : Often better where no cell is missing and
        rows are many.

    Notes
    -----
    A value of a feature that training never showed is as improbable in all classes, nearly, and so
    says little. A class that training never showed has no probability. Rows of weight zero are no
    rows: a class that only they have is none.

    References
    ----------
    Peharz et al., "Einsum Networks: Fast and Scalable Learning of Tractable Probabilistic
    Circuits", ICML 2020.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skpc import EinetClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = EinetClassifier(random_state=0).fit(X, y)
    >>> model.score(X, y) > 0.9
    True
    >>> X[100, 2:] = float("nan")
    >>> model.predict_proba(X[[100]]).shape
    (1, 3)
    """

    _fitted_class: ClassVar[Any] = FittedClassifier
    # In float64 a weight of 2 and a row that stands twice give the same probabilities.
    _by_default: ClassVar[dict[str, Any]] = {"components": "trees", "dtype": "float64"}
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "density": [EinetDensityEstimator, None],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self, density: Any = None, *, class_weight: Any = None, random_state: Any = None
    ) -> None:
        self.density = density
        self.class_weight = class_weight
        self.random_state = random_state

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the density of features and class.

        Parameters
        ----------
        X : array-like or frame (n, D)
            NaN or null where missing.
        y : array-like (n,)
            Labels of the classes, none missing.
        sample_weight : array-like (n,), optional
            Weights of the rows, not negative.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For targets that are no classes, and as `EinetDensityEstimator.fit`.
        """
        reporter = PartReporter(self, X)
        X, _ = check_table(self, X, None)
        y = check_labels(self, X, y)
        weights = check_weights(self, sample_weight, X)
        counted = weights > 0
        classes = np.unique(y[counted])
        # Classes of rows without weight are no classes; these rows take no part.
        codes = np.minimum(np.searchsorted(classes, y), len(classes) - 1)
        of_classes = compute_class_weight(
            self.class_weight, classes=classes, y=y[counted], sample_weight=weights[counted]
        )
        name = free_name(X)
        density = self._new_density()
        density.set_params(categorical_features=_categories(density, X))
        joint = with_classes(X, _values(classes, codes, name), name)
        with reporter.part(density, "fit-density"):
            density.fit(joint, sample_weight=sample_weight)
        fitted = FittedClassifier(density, classes, np.asarray(of_classes, dtype=np.float64))
        fitted.check()
        return self._store(fitted.attributes(), reporter)

    def predict_log_proba(self, X: Any) -> Floats:
        """Log probabilities of the classes given the observed cells of each row.

        Parameters
        ----------
        X : array-like or frame (n, D)
            NaN or null where missing.

        Returns
        -------
        ndarray (n, C)
            In the order of `classes_`.

        Raises
        ------
        ValueError
            As `EinetDensityEstimator.score_samples`.
        """
        check_is_fitted(self)
        fitted = self._result()
        assert fitted is not None
        X, _ = check_table(self, X, fitted.features)
        name = free_name(X)
        # What stands in the column of classes is no evidence for itself.
        anything = _values(fitted.classes, np.zeros(X.shape[0], dtype=np.intp), name)
        raw, density = read_table(with_classes(X, anything, name)), fitted.density
        evidence = queries.Evidence.read(density._fitted_density, raw, density.device)
        found = queries.log_categories(evidence, fitted.features.n)[:, fitted.order]
        log_proba: Floats = log_softmax(found + np.log(fitted.class_weight), axis=1)
        return log_proba

    def predict_proba(self, X: Any) -> Floats:
        """Probabilities of the classes given the observed cells of each row.

        Parameters
        ----------
        X : array-like or frame (n, D)
            NaN or null where missing.

        Returns
        -------
        ndarray (n, C)
            In the order of `classes_`; rows add to one.

        Raises
        ------
        ValueError
            As `EinetDensityEstimator.score_samples`.
        """
        return np.exp(self.predict_log_proba(X))

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable class of each row.

        Parameters
        ----------
        X : array-like or frame (n, D)
            NaN or null where missing.

        Returns
        -------
        ndarray (n,)

        Raises
        ------
        ValueError
            As `EinetDensityEstimator.score_samples`.
        """
        check_is_fitted(self)
        # Read first: another thread may store a new fit meanwhile.
        classes = self.classes_
        return classes[self.predict_log_proba(X).argmax(axis=1)]

    def _result(self) -> FittedClassifier | None:
        """What files hold of the fit."""
        now = vars(self)
        if "density_" not in now:
            return None
        return FittedClassifier(now["density_"], now["classes_"], now["class_weight_"])


def _categories(density: EinetDensityEstimator, X: Any) -> Any:
    """`categorical_features` of a density of X and the column of classes."""
    asked, in_frame = density.categorical_features, container(X) != "array"
    if isinstance(asked, str):
        # In a frame classes are texts.
        if in_frame:
            return asked
        asked = None
    names = list(X.columns) if in_frame else None
    chosen = [] if asked is None else asked
    return [*column_mask(chosen, names, X.shape[1], "categorical_features").tolist(), True]


def _values(classes: NDArray[Any], codes: NDArray[np.intp], name: Any) -> NDArray[Any]:
    """What the column of classes holds: positions in an array, labels as texts in a frame."""
    if name is None:
        return codes
    return np.array([str(label) for label in classes.tolist()], dtype=object)[codes]
