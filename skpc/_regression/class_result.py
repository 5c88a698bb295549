"""The fitted state of `DirectBayesianClassifier`, in one frozen object.

Axes: n rows, D columns of X, B features, C classes, S scores (1 for two classes, else C), K codes.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtri

from ..direct.deploy import PackedClassifier, pack_classes
from ..direct.logistic import ClassPosterior, Seen, log_odds_of, n_scores, probabilities_of
from .feature_space import FeatureSpace, check_columns

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ClassSearch:
    """How a posterior was found, which no prediction needs.

    Attributes
    ----------
    elbo_path : ndarray
        The bound after every round; empty for more than two classes.
    n_iter : int
    converged : bool
    penalty : ndarray (B,)
        Prior precision of the weights in standard units; 0 of features that were constant.
    left_out : float
        Estimated log loss of new rows, in nats a row.
    """

    elbo_path: Floats
    n_iter: int
    converged: bool
    penalty: Floats
    left_out: float

    def check(self) -> None:
        """Refuse numbers of a file that are none of a search."""
        if self.elbo_path.ndim != 1 or self.penalty.ndim != 1 or self.n_iter < 0:
            raise ValueError("elbo_path or penalty has another shape, or n_iter is negative.")
        if np.isnan(self.elbo_path).any() or not (np.isfinite(self.penalty)).all():
            raise ValueError("elbo_path is NaN, or penalty not finite.")
        if (self.penalty < 0).any() or not 0 <= self.left_out < np.inf:
            raise ValueError("penalty is negative, or left_out not a loss.")


@dataclass(frozen=True)
class FittedClasses:
    """All that probabilities, draws and `partial_fit` need.

    A query reads it once, so that no other thread's refit changes the model under it.

    Attributes
    ----------
    n_columns : int
        Columns D of the training table.
    feature_names : ndarray of str (D,) or None
        Names that a table must have, as scikit-learn took them from the first one.
    feature_map : transformer or None
        Fitted.
    classes : ndarray (C,)
        Labels, sorted.
    posterior : ClassPosterior
    seen : Seen
        What is kept of the rows.
    search : ClassSearch
    """

    n_columns: int
    feature_names: NDArray[Any] | None
    feature_map: Any
    classes: NDArray[Any]
    posterior: ClassPosterior
    seen: Seen
    search: ClassSearch

    @property
    def n_features(self) -> int:
        """Features B after the feature map."""
        return self.posterior.n_features

    @property
    def features(self) -> FeatureSpace:
        """Where features come from."""
        one = self.posterior
        return FeatureSpace(self.feature_map, self.feature_names, one.centre, one.spread)

    def scores(self, X: Any) -> Floats:
        """Scores of the mean weights, (n, S)."""
        return self.features.map(self.posterior.scores, X)

    def probabilities(self, X: Any) -> Floats:
        """Probabilities of the classes at the mean weights, (n, C)."""
        return probabilities_of(self.scores(X))

    def intervals(self, X: Any, coverage: float) -> tuple[Floats, Floats]:
        """Lower and upper ends of intervals of the probabilities, (n, C) each."""
        odds = log_odds_of(self.features.map(self.posterior.score_moments, X))
        reach = ndtri(0.5 + 0.5 * coverage) * np.sqrt(odds[..., 1])
        return expit(odds[..., 0] - reach), expit(odds[..., 0] + reach)

    def pack(self, input_range: float) -> PackedClassifier:
        """The likeliest codes, packed."""
        one = self.posterior
        return pack_classes(
            one.codes,
            n_bits=one.n_bits,
            step=one.step,
            centre=one.centre,
            spread=one.spread,
            intercept=one.intercept,
            input_range=input_range,
        )

    def check(self) -> None:
        """Refuse fields of a file that do not agree.

        Raises
        ------
        ValueError
        """
        n_features, posterior = self.n_features, self.posterior
        check_columns(self.feature_map, self.feature_names, self.n_columns, n_features)
        n = len(self.classes) if self.classes.ndim == 1 else 0
        if n < 2 or n_scores(n) != len(posterior.intercept):
            raise ValueError(f"it has {n} classes and {len(posterior.intercept)} scores.")
        if len(np.unique(self.classes)) != n:
            raise ValueError("a class is there more than once.")
        if len(self.seen.moments.mean) != n_features + 1:
            raise ValueError(f"its moments are not those of {n_features} features and classes.")
        if len(self.seen.quadratic.moment) != len(posterior.intercept):
            raise ValueError("its quadratic form is one of other scores.")
        if self.search.penalty.shape != (n_features,):
            raise ValueError(f"penalty has the shape {self.search.penalty.shape}.")
        if (len(self.search.elbo_path) > 0) != (n == 2):
            raise ValueError("two classes have a bound, and more have none.")
        centre, mean = posterior.centre, self.seen.moments.mean[:n_features]
        if centre.any() and not np.array_equal(centre, mean):
            raise ValueError("features are centred on other means than those of the moments.")


def class_attributes(fitted: FittedClasses) -> dict[str, Any]:
    """The attributes that the docstring of `DirectBayesianClassifier` lists, by their names."""
    one, search = fitted.posterior, fitted.search
    mapped = {} if fitted.feature_map is None else {"feature_map_": fitted.feature_map}
    bound = {}
    if len(search.elbo_path):
        bound = {"elbo_path_": search.elbo_path, "elbo_": float(search.elbo_path[-1])}
    coef = one.coefficients
    return {
        **mapped,
        **bound,
        "classes_": fitted.classes,
        "coef_": coef,
        "coef_std_": one.coefficient_deviations(),
        "draw_std_": np.sqrt(one.variance) / one.spread,
        "intercept_": one.intercept - coef @ one.centre,
        "weight_codes_": one.codes,
        "weight_scale_": one.step,
        "weight_probabilities_": one.probabilities,
        "code_prior_": one.prior,
        "sparsity_": float(one.probabilities[..., one.probabilities.shape[-1] // 2].mean()),
        "excess_loss_": float(one.excess.sum()),
        "expected_loss_": search.left_out,
        "penalty_": search.penalty,
        "feature_scale_": one.spread,
        "n_iter_": search.n_iter,
        "converged_": search.converged,
    }
