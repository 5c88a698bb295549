"""DirectBayesianClassifier: parameters, checks and one store; the mathematics is in `direct`.

Axes: n rows, D columns of X, B features (B = D without a feature map), C classes, S scores (1 for
two classes, else C), K codes.
"""

import warnings
from dataclasses import fields
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_expit, log_softmax
from sklearn.base import ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.validation import check_is_fitted

from ._keeping import KINDS, KNOWN, Kept, Kind, keep
from ._regression import (
    CLASS_KIND,
    CLASS_VERSION,
    KEPT_OF_CLASSES,
    PRIORS,
    ClassSpec,
    FittedClasses,
    PackedClassifier,
    Rows,
    check_class_header,
    class_attributes,
    fit_classifier,
)
from ._sklearn import Features, HasMethods, Interval, StrOptions, fit_context, store
from ._validation import check_labels, check_numbers, check_weights

Floats = NDArray[np.float64]

__all__ = ["DirectBayesianClassifier"]

for known in KEPT_OF_CLASSES:
    KNOWN.add(known)
KINDS[CLASS_KIND] = Kind(CLASS_VERSION, check_class_header, PackedClassifier.of_contents)


@keep
class DirectBayesianClassifier(ClassifierMixin, Kept):
    """Bayesian logistic regression whose weights are integers of a few bits (DIRECT).

    The posterior of every weight is a distribution on a grid of small integers. For two classes it
    is found from weighted second moments of the rows, with a lower bound of the evidence, by no
    sampling; for more classes it is an approximation. How strongly weights are held back is
    chosen by the loss of rows that are left out, without leaving any out. A packed model adds
    integers, and classifies on devices that have no floating point.

    Parameters
    ----------
    n_bits : int, default=4
        Bits of a weight, 2 to 8: with 4 bits the codes are -7 to 7.
    prior : {"uniform", "normal", "laplace", "spike"} or array-like (K,), default="uniform"
        Prior of the codes: uniform, a discretised normal or Laplace distribution, extra mass
        at zero, or probabilities of the K = 2**n_bits - 1 codes.
    weight_scale : "auto", "ridge", float or array-like (B,), default="auto"
        Weight of code 1, one for all features or one each, in nats of log odds per standard
        deviation of a feature. "auto": the plainest steps with which codes predict nearly as well
        as the logistic regression that they are rounded from. "ridge": a power of two for each
        feature.
    fit_intercept : bool, default=True
        Whether scores have an intercept.
    class_weight : dict, "balanced" or None, default=None
        What the weights of rows are multiplied by, for each class. "balanced": as much as
        makes all classes weigh the same; `partial_fit` does not know how much that is.
    feature_map : transformer or None, default=None
        Any scikit-learn transformer of arrays, as in `DirectBayesianRegressor`: a copy is fitted on
        the first 20,000 rows and applied to blocks of rows.
    max_iter : int, default=1000
        Rounds of bounds and posteriors, at most, and iterations of one of their solves.
    tol : float, default=1e-5
        Rise of the bound per row below which the rounds end.
    random_state : int, RandomState instance or None, default=None
        Source of a feature map that has no seed of its own; nothing else is random in a fit.
    verbose : int, default=0
        Print what a fit reached.

    Attributes
    ----------
    classes_ : ndarray (C,)
        Labels of the classes, sorted.
    coef_ : ndarray (S, B)
        Posterior means of the weights, in nats of log odds per unit of a feature: of two classes
        those of the second.
    coef_std_ : ndarray (S, B)
        Standard deviations of the true weights about `coef_`: those of the normal approximation at
        the unrounded optimum, of a score given all others, and the distance from it.
    draw_std_ : ndarray (S, B)
        Standard deviations of the weights that `sample_weights` draws, in the same units.
    intercept_ : ndarray (S,)
        Scores where all features are 0.
    weight_codes_ : ndarray of int8 (S, B)
        The likeliest codes of a score together that were found.
    weight_scale_ : ndarray (S, B)
        Weights of code 1: `codes * weight_scale_` are in nats per standard deviation of a feature.
    weight_probabilities_ : ndarray (S, B, K)
        Posterior probabilities of the codes of each weight, in ascending order of codes.
    code_prior_ : ndarray (S, B, K)
        Prior probabilities of the codes.
    sparsity_ : float
        Expected share of zeros among drawn weights.
    excess_loss_ : float
        Expected relative rise of the log loss over that of the logistic regression that codes are
        rounded from.
    expected_loss_ : float
        Estimated log loss of new rows by that logistic regression, in nats a row, from rows left
        out.
    penalty_ : ndarray (B,)
        Prior precision of its weights, per standard deviation of a feature; 0 of constant columns.
    elbo_ : float
        Lower bound of the log evidence of the labels given `intercept_`, in nats; for two classes
        only.
    elbo_path_ : ndarray
        The bound after every round, for two classes only. It falls by rounding at most.
    feature_scale_ : ndarray (B,)
        Standard deviations of the features (root mean squares without an intercept).
    feature_map_ : transformer
        The fitted copy of `feature_map`, if there is one.
    n_iter_ : int
        Gradients and sweeps of all rounds.
    converged_ : bool
        Whether rounds and solves ended because their bounds stopped rising.
    n_features_in_ : int
        Number of columns D.
    feature_names_in_ : ndarray of str
        Names of the columns, if X was a frame.

    See Also
    --------
    DirectBayesianRegressor : The same for numbers in place of classes.
    sklearn.linear_model.LogisticRegressionCV : Float weights, which are not held to a grid.

    Notes
    -----
    First a logistic regression (of more classes: softmax) is fitted with normal priors, by Newton's
    method. Of penalties a factor of two apart that one is taken whose rows lose the least when they
    are left out, by one Newton step for each row (Rad and Maleki 2020), and weights of prior
    deviations beyond one are held to be rare. A priori weights per standard deviation of a column
    are alike; with a feature map, those per range of a feature, as in the regression. The weights
    of each score are then rounded as those of the regression are, by nearest planes and moves,
    where the second derivative of the log posterior, at the probabilities of rows left out, takes
    the place of second moments.

    Two classes: the logistic function has the lower bound of Jaakkola and Jordan (2000), which is
    quadratic in the weights. Every round is then a weighted second moment and an exact DIRECT
    solve on the grid, from the rounded codes, and raises one bound. It holds for the grid, its
    prior and the intercept that were chosen by the labels (empirical Bayes).

    More classes: the log posterior of one score's weights, all others at their optimum, is replaced
    by its second order, at the probabilities of rows left out, and the posterior of its codes is
    the mean-field posterior of that. No bound of the evidence is claimed. The scores' posteriors
    are independent, and each is one given all others: deviations and intervals are somewhat too
    narrow. Steps of a score differ by powers of two only, so that integer inputs serve all scores.

    Probabilities are those at the posterior means, not integrated over the posterior.

    Sample weights count rows: a weight of 2 is a repeated row. Where they add to less than the
    number of rows of positive weight, they count for that number. Rows of weight zero are no rows.

    A column that is constant in training changes nothing. The model keeps S (B + 1)**2 numbers for
    `partial_fit`, and as many for the deviations; a fit costs O(S B**3) and some twenty passes over
    the rows of O(S B**2) a row. Standardised rows are kept in memory up to 128 MB, else read again.

    References
    ----------
    Evans and Nair, "Discretely Relaxing Continuous Variables for tractable Variational
    Inference", NeurIPS 2018, arXiv 1809.04279.
    Jaakkola and Jordan, "Bayesian parameter estimation via variational methods", Statistics and
    Computing 2000.
    Rad and Maleki, "A scalable estimate of the out-of-sample prediction error via approximate
    leave-one-out cross-validation", Journal of the Royal Statistical Society B 2020.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skpc import DirectBayesianClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = DirectBayesianClassifier().fit(X, y)
    >>> bool(model.score(X, y) > 0.95)
    True
    >>> model.weight_codes_.shape, model.weight_codes_.dtype
    ((3, 4), dtype('int8'))
    >>> low, high = model.predict_interval(X[:1], coverage=0.9)
    >>> bool((low <= model.predict_proba(X[:1])).all())
    True
    """

    _results: ClassVar[tuple[str, ...]] = ("_fitted_classes",)
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_bits": [Interval(Integral, 2, 8, closed="both")],
        "prior": [StrOptions(set(PRIORS)), "array-like"],
        "weight_scale": [
            StrOptions({"auto", "ridge"}),
            Interval(Real, 0, None, closed="neither"),
            "array-like",
        ],
        "fit_intercept": ["boolean"],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "feature_map": [None, HasMethods(["fit", "transform"])],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_bits: int = 4,
        *,
        prior: Any = "uniform",
        weight_scale: Any = "auto",
        fit_intercept: bool = True,
        class_weight: Any = None,
        feature_map: Any = None,
        max_iter: int = 1000,
        tol: float = 1e-5,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.n_bits = n_bits
        self.prior = prior
        self.weight_scale = weight_scale
        self.fit_intercept = fit_intercept
        self.class_weight = class_weight
        self.feature_map = feature_map
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the posterior; a fit that fails or is interrupted leaves the model as it was.

        Parameters
        ----------
        X : array-like or frame (n, D)
            Finite numbers; 0, or of a root mean square from 1e-100 to 1e100.
        y : array-like (n,)
            Labels of two classes or more, none missing.
        sample_weight : array-like (n,), optional
            How many rows each row counts for; not negative.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            For NaN, infinity, text, categories, dates, durations and numbers whose squares float64
            cannot hold, by the name of the column; for targets that are no classes, or one class;
            for weights that are negative or all zero, and options that do not fit the data.
        """
        return self._learn(X, y, sample_weight, classes=None, last=None)

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Add rows to those seen before, by `fit` or `partial_fit`, and fit to all of them.

        Parameters
        ----------
        X : array-like or frame (n, D)
        y : array-like (n,)
        classes : array-like (C,), optional
            All labels that there will be. Needed in the first call unless it shows all.
        sample_weight : array-like (n,), optional

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            As in `fit`, for labels that were not there in the first call, and for
            `class_weight="balanced"`.

        Notes
        -----
        Earlier rows are not read again: a quadratic form in the weights stands for them, which was
        made at the fit that read them. For two classes it is the bound, so that `elbo_` stays below
        the evidence of all rows, and is the looser the further the weights have moved since. For
        more it is the second order of the log likelihood, score by score, without what couples the
        scores. So the model of several chunks is near that of one fit, nearer the larger the first
        chunk, and depends on their order. Every chunk should show all classes: rows of classes that
        were all but certain when they were read do not oppose another class later. The penalty is
        chosen by rows of the last chunk that are left out, given all others; a feature map is
        fitted on the first chunk alone.
        """
        last = getattr(self, "_fitted_classes", None)
        if self.class_weight == "balanced":
            raise ValueError(
                'class_weight="balanced" is not known before all rows are: give a dict of weights, '
                "or use fit."
            )
        return self._learn(X, y, sample_weight, classes=classes, last=last)

    def _learn(
        self, X: Any, y: Any, sample_weight: Any, *, classes: Any, last: FittedClasses | None
    ) -> Self:
        """Check and fit, then warn; only the store at the end changes the estimator."""
        known = None if last is None else _features(last)
        X, features = check_numbers(self, X, features=known)
        y = check_labels(self, X, y)
        weights = check_weights(self, sample_weight, X)
        labels = self._classes(y[weights > 0], classes, last)
        codes, weights = self._counted(y, weights, labels)
        spec = ClassSpec(**{f.name: getattr(self, f.name) for f in fields(ClassSpec)})
        rows, random = (
            Rows(X, codes, weights, features.names),
            check_random_state(self.random_state),
        )
        result = fit_classifier(spec, rows, labels, random, last)
        # Users may turn warnings into errors, so they come before the model is stored.
        for warning in result.warnings():
            warnings.warn(warning, stacklevel=4)
        if self.verbose:
            print(result.summary())
        absent = ("feature_map_", "feature_names_in_", "elbo_", "elbo_path_")
        store(self, self._attributes_of(result.fitted), absent=absent)
        return self

    def _classes(self, y: NDArray[Any], classes: Any, last: FittedClasses | None) -> NDArray[Any]:
        """Labels of all classes, sorted."""
        given = None if classes is None else np.unique(check_labels(self, classes, classes))
        if last is not None:
            if given is not None and not np.array_equal(given, last.classes):
                raise ValueError(f"classes are {given}; they were {last.classes} before.")
            return last.classes
        labels = np.unique(y) if given is None else given
        if len(labels) < 2:
            raise ValueError(
                f"{type(self).__name__} needs rows of two classes or more; the labels of positive "
                f"weight have one class: {labels[0]}."
            )
        return labels

    def _counted(
        self, y: NDArray[Any], weights: Floats, labels: NDArray[Any]
    ) -> tuple[Floats, Floats]:
        """Positions of the labels (n,), and weights (n,) times those of the classes."""
        counted = weights > 0
        strange = counted & ~np.isin(y, labels)
        if strange.any():
            i = int(np.flatnonzero(strange)[0])
            raise ValueError(f"y has the label {y[i]} in row {i}; {labels} are accepted.")
        # Labels of rows without weight may be none of the classes; these rows take no part.
        codes = np.minimum(np.searchsorted(labels, y), len(labels) - 1)
        # A dict is one of all labels, also of those that a chunk does not show.
        shown = y[counted] if self.class_weight == "balanced" else labels
        present = np.isin(labels, shown)
        of_classes = np.ones(len(labels))
        of_classes[present] = compute_class_weight(
            self.class_weight,
            classes=labels[present],
            y=shown,
            sample_weight=weights[counted] if shown is not labels else None,
        )
        if not (np.isfinite(of_classes) & (of_classes > 0)).all():
            raise ValueError(f"class_weight is {self.class_weight}; positive numbers are accepted.")
        return codes.astype(np.float64), weights * of_classes[codes]

    def decision_function(self, X: Any) -> Floats:
        """Log odds of the second of two classes, or scores of all.

        Parameters
        ----------
        X : array-like or frame (n, D)

        Returns
        -------
        ndarray (n,) or (n, C)
            In nats.

        Raises
        ------
        ValueError, TypeError
            As in `fit`, and for a cell so far from training that the score overflows.
        """
        scores = self._scores(self._read(), X)
        return scores[:, 0] if scores.shape[1] == 1 else scores

    def predict_proba(self, X: Any) -> Floats:
        """Probabilities of the classes at the posterior means of the weights.

        Parameters
        ----------
        X : array-like or frame (n, D)

        Returns
        -------
        ndarray (n, C)
            In the order of `classes_`; rows add to one.

        Raises
        ------
        ValueError, TypeError
            As in `decision_function`.
        """
        fitted = self._read()
        X, _ = check_numbers(self, X, features=_features(fitted))
        return fitted.probabilities(X)

    def predict_log_proba(self, X: Any) -> Floats:
        """Logs of `predict_proba`, which stay finite where a probability is too small a number.

        Parameters
        ----------
        X : array-like or frame (n, D)

        Returns
        -------
        ndarray (n, C)

        Raises
        ------
        ValueError, TypeError
            As in `decision_function`.
        """
        scores = self._scores(self._read(), X)
        if scores.shape[1] == 1:
            return np.concatenate([log_expit(-scores), log_expit(scores)], axis=1)
        log_proba: Floats = log_softmax(scores, axis=1)
        return log_proba

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable class of each row.

        Parameters
        ----------
        X : array-like or frame (n, D)

        Returns
        -------
        ndarray (n,)

        Raises
        ------
        ValueError, TypeError
            As in `decision_function`.
        """
        fitted = self._read()
        scores = self._scores(fitted, X)
        best = scores[:, 0] > 0 if scores.shape[1] == 1 else scores.argmax(axis=1)
        return fitted.classes[best.astype(np.intp)]

    def predict_interval(self, X: Any, coverage: float = 0.9) -> tuple[Floats, Floats]:
        """Intervals of the probabilities, from the uncertainty of the weights.

        Parameters
        ----------
        X : array-like or frame (n, D)
        coverage : float, default=0.9
            Probability that an interval holds what the true weights would say.

        Returns
        -------
        low, high : ndarray (n, C)

        Raises
        ------
        ValueError, TypeError
            As in `decision_function`, and for a coverage that is not between 0 and 1.

        Notes
        -----
        Weights are normal about the unrounded optimum with the covariance there, and so are the log
        odds of a class against all others: exactly so for two classes, to first order for more, of
        which each score's weights are taken as given the others'. Ends are of equal tails.
        """
        fitted = self._read()
        if not (isinstance(coverage, Real) and 0 < coverage < 1):
            raise ValueError(f"coverage is {coverage!r}; a number between 0 and 1 is accepted.")
        X, _ = check_numbers(self, X, features=_features(fitted))
        return fitted.intervals(X, float(coverage))

    def sample_weights(self, n_samples: int = 1, random_state: Any = None) -> NDArray[np.int8]:
        """Draw integer weights from the posterior of the codes.

        Parameters
        ----------
        n_samples : int, default=1
        random_state : int, RandomState instance or None, default=None

        Returns
        -------
        ndarray of int8 (n_samples, S, B)
            Codes: `codes * weight_scale_ / feature_scale_` are weights in the units of `coef_`.
        """
        return self._read().posterior.draw_codes(n_samples, check_random_state(random_state))

    def pack(self, *, input_range: float = 8.0) -> PackedClassifier:
        """Pack `weight_codes_`, for classification by integers and on small devices.

        Parameters
        ----------
        input_range : float, default=8.0
            Standard deviations from its mean that a feature reaches as int8, in 127 levels on
            either side; a feature further off is clipped to it.

        Returns
        -------
        PackedClassifier
            Classifies features: with a feature map, `feature_map_.transform(X)`. Its classes are
            positions in `classes_`.

        Raises
        ------
        ValueError
            If input_range is not positive, there are more than 255 classes, or the steps are too
            far apart for integer sums.
        """
        fitted = self._read()
        if not (isinstance(input_range, Real) and 0 < input_range < np.inf):
            raise ValueError(f"input_range is {input_range!r}; a positive number is accepted.")
        return fitted.pack(float(input_range))

    def _read(self) -> FittedClasses:
        """The fitted model; every query reads it once, so that a refit cannot change it halfway."""
        check_is_fitted(self, "_fitted_classes")
        return self._fitted_classes

    def _scores(self, fitted: FittedClasses, X: Any) -> Floats:
        """Scores of the rows of a table that is checked first, (n, S)."""
        X, _ = check_numbers(self, X, features=_features(fitted))
        return fitted.scores(X)

    def _result(self) -> FittedClasses | None:
        """The fitted classifier, for files."""
        return getattr(self, "_fitted_classes", None)

    def _attributes_of(self, result: Any) -> dict[str, Any]:
        """All fitted attributes, from a file or a pickle."""
        if not isinstance(result, FittedClasses):
            raise ValueError("it holds no classifier.")
        return {
            **class_attributes(result),
            **_features(result).attributes(),
            "_fitted_classes": result,
        }


def _features(fitted: FittedClasses) -> Features:
    """Number and names of the columns that a table must have."""
    return Features(fitted.n_columns, fitted.feature_names)
