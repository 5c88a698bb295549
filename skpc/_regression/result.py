"""The fitted state of `DirectBayesianRegressor`, in one frozen object.

Axes: n rows, D columns of X, B features, T targets, K codes, R components of a target's posterior.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..direct.deploy import PackedEnsemble, pack
from ..direct.model import Predictive, pool
from ..direct.moments import Moments, Standardised
from ..direct.solve import Solution, expand, mean_prior, varying
from .feature_space import FeatureSpace, check_columns

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Search:
    """How a posterior was found, which no prediction needs.

    Attributes
    ----------
    log_prior : ndarray (K,) or (B, K)
        Of the codes.
    elbo_path : ndarray
        The bound after every round, in the units of y.
    n_iter : int
    converged : bool
    """

    log_prior: Floats
    elbo_path: Floats
    n_iter: int
    converged: bool

    def check(self) -> None:
        """Refuse numbers of a file that are none of a search."""
        if self.elbo_path.ndim != 1 or not len(self.elbo_path) or self.n_iter < 0:
            raise ValueError("elbo_path has no round, or n_iter is negative.")
        if np.isnan(self.log_prior).any() or np.isnan(self.elbo_path).any():
            raise ValueError("log_prior or elbo_path is NaN.")


@dataclass(frozen=True)
class FittedRegression:
    """All that predictions, draws and `partial_fit` need.

    A query reads it once, so that no other thread's refit changes the model under it.

    Attributes
    ----------
    n_columns : int
        Columns D of the training table.
    feature_names : ndarray of str (D,) or None
        Names that a table must have, as scikit-learn took them from the first one.
    feature_map : transformer or None
        Fitted.
    moments : Moments
        Of the features and the targets, in their own units.
    posteriors : list of Predictive (T,)
        Of every target, in the units of X and y.
    searches : list of Search (T,)
        How every posterior was found.
    single : bool
        Whether y was a vector: then answers have no axis of targets.
    """

    n_columns: int
    feature_names: NDArray[Any] | None
    feature_map: Any
    moments: Moments
    posteriors: list[Predictive]
    searches: list[Search]
    single: bool

    @property
    def n_features(self) -> int:
        """Features B after the feature map."""
        return self.posteriors[0].n_features

    def check_targets(self, y: Floats) -> None:
        """Refuse targets of another shape than those of training."""
        shape = () if self.single else (len(self.posteriors),)
        if y.shape[1:] != shape:
            known, new = (f"(n{''.join(f', {size}' for size in s)})" for s in (shape, y.shape[1:]))
            raise ValueError(
                f"y has the shape {new} and had {known} in training; {known} is accepted."
            )

    def moments_at(self, X: Any, added: list[Floats] | None = None) -> tuple[Floats, Floats]:
        """Mean of targets and their variance, (n,) or (n, T) each.

        Parameters
        ----------
        X : ndarray (n, D)
        added : list of ndarray (n, R), optional
            Variance of every target under each component beside that of the weights.
        """
        means, variances = [], []
        for t, (posterior, linear) in enumerate(self._linear(X)):
            variance = linear[..., 1] if added is None else linear[..., 1] + added[t]
            mean, variance = pool(posterior.weights, linear[..., 0], variance, axis=1)
            means.append(mean)
            variances.append(variance + posterior.noise_variance)
        return self._together(means, 1), self._together(variances, 1)

    def log_density_at(self, X: Any, y: Floats) -> Floats:
        """Log density of the targets (n,) or (n, T) of a row, in nats, (n,)."""
        y = y.reshape(len(y), -1).T
        pairs = zip(y, self._linear(X), strict=True)
        return np.sum([one.log_density(of_one, linear) for of_one, (one, linear) in pairs], axis=0)

    def draw_codes(self, n_samples: int, random: np.random.RandomState) -> NDArray[np.int8]:
        """Codes of every weight, (n_samples, B) or (n_samples, T, B)."""
        return self._together([one.draw_codes(n_samples, random) for one in self.posteriors], 1)

    def draw_targets(self, X: Any, n_samples: int, random: np.random.RandomState) -> Floats:
        """Targets, (n, n_samples) or (n, T, n_samples); draws share their weights and noise."""
        drawn = []
        for posterior in self.posteriors:
            weights = posterior.draw_weights(n_samples, random).T
            noise = posterior.draw_noise(n_samples, random)
            mean = self._map(partial(posterior.predictions, weights=weights), X)
            drawn.append(mean + random.standard_normal(mean.shape) * np.sqrt(noise))
        return self._together(drawn, 1)

    def pack(
        self, n_samples: int, random: np.random.RandomState, input_range: float
    ) -> PackedEnsemble | list[PackedEnsemble]:
        """Draws of weights, packed, of every target; of one draw, the likeliest codes."""
        drawn = n_samples > 1
        packed = [
            pack(
                posterior.draw_codes(n_samples, random) if drawn else posterior.codes[None],
                n_bits=posterior.n_bits,
                step=posterior.step,
                centre=posterior.centre,
                spread=posterior.spread,
                intercept=posterior.intercept,
                noise_variance=posterior.noise_variance + posterior.shortfall,
                input_range=input_range,
            )
            for posterior in self.posteriors
        ]
        return packed[0] if self.single else packed

    def _together(self, answers: list[Any], axis: int) -> Any:
        """Answers for every target along an axis, or that for the only one without it."""
        return answers[0] if self.single else np.stack(answers, axis=axis)

    def _linear(self, X: Any) -> list[tuple[Predictive, Floats]]:
        """Mean and variance of the linear predictor under each component of a target, (n, R, 2)."""
        every = self._map(
            lambda features: np.concatenate(
                [one.linear_moments(features) for one in self.posteriors], axis=1
            ),
            X,
        )
        ends = np.cumsum([len(one.weights) for one in self.posteriors])[:-1]
        return list(zip(self.posteriors, np.split(every, ends, axis=1), strict=True))

    def _map(self, function: Callable[[Floats], Floats], X: Any) -> Floats:
        """A function of the features of all rows, block by block."""
        one = self.posteriors[0]
        features = FeatureSpace(self.feature_map, self.feature_names, one.centre, one.spread)
        return features.map(function, X)

    def check(self) -> None:
        """Refuse fields of a file that do not agree.

        Raises
        ------
        ValueError
        """
        n_features = self.n_features
        check_columns(self.feature_map, self.feature_names, self.n_columns, n_features)
        n_targets = len(self.posteriors)
        if n_targets < 1 or len(self.searches) != n_targets or (self.single and n_targets > 1):
            raise ValueError(f"it has {n_targets} posteriors and {len(self.searches)} searches.")
        if self.n_columns < 1 or len(self.moments.mean) != n_features + n_targets:
            raise ValueError(f"its moments are not those of {n_features} features and the targets.")
        for posterior, search in zip(self.posteriors, self.searches, strict=True):
            self._check_target(posterior, search)

    def _check_target(self, posterior: Predictive, search: Search) -> None:
        """Refuse a posterior or a search that is not one of these features."""
        n_features, centre = self.n_features, posterior.centre
        if posterior.n_features != n_features:
            raise ValueError("its posteriors are of different numbers of features.")
        if centre.any() and not np.array_equal(centre, self.moments.mean[:n_features]):
            raise ValueError("features are centred on other means than those of the moments.")
        n_codes = posterior.probabilities.shape[2]
        if search.log_prior.shape not in ((n_codes,), (n_features, n_codes)):
            raise ValueError(f"log_prior has the shape {search.log_prior.shape}.")


def search_of(data: Standardised, solution: Solution) -> Search:
    """What a solution says of its search, in the units of y."""
    # The density of y has the unit 1 / y for every row.
    path = np.array(solution.path) - data.weight * np.log(data.y_scale)
    log_prior = solution.problem.log_prior
    if log_prior.ndim > 1:
        log_prior = expand(log_prior, varying(data), np.log(mean_prior(solution)))
    return Search(log_prior, path, solution.n_iter, solution.converged)


def public_attributes(fitted: FittedRegression) -> dict[str, Any]:
    """The attributes that the docstring of `DirectBayesianRegressor` lists, by their names."""
    mapped = {} if fitted.feature_map is None else {"feature_map_": fitted.feature_map}
    common = {**mapped, "feature_scale_": fitted.posteriors[0].spread}
    of_targets = list(map(target_attributes, fitted.posteriors, fitted.searches))
    if fitted.single:
        return {**common, **of_targets[0]}
    return {
        **common,
        **{name: _stacked([one[name] for one in of_targets]) for name in of_targets[0]},
    }


def _stacked(values: list[Any]) -> Any:
    """Arrays or numbers of every target as one array (T, ...), or a list if their shapes differ."""
    alike = len({np.shape(value) for value in values}) == 1
    return np.stack(values) if alike else values


def target_attributes(posterior: Predictive, search: Search) -> dict[str, Any]:
    """Attributes of one target, by their names."""
    mean, variance = pool(posterior.weights, posterior.mean, posterior.variance, axis=0)
    coef = mean / posterior.spread
    probabilities = np.tensordot(posterior.weights, posterior.probabilities, 1)
    step = posterior.step
    return {
        "coef_": coef,
        "coef_std_": posterior.coefficient_deviations(),
        "draw_std_": np.sqrt(variance) / posterior.spread,
        "excess_error_": posterior.excess,
        "intercept_": posterior.intercept - float(posterior.centre @ coef),
        "weight_scale_": float(step[0]) if (step == step[0]).all() else step,
        "weight_probabilities_": probabilities,
        "weight_codes_": posterior.codes,
        "mixture_weights_": posterior.weights,
        "component_probabilities_": posterior.probabilities,
        "code_prior_": np.exp(search.log_prior),
        "sparsity_": float(probabilities[:, probabilities.shape[1] // 2].mean()),
        "noise_levels_": posterior.noise_levels,
        "noise_probabilities_": posterior.noise_probabilities,
        "noise_variance_": posterior.noise_variance,
        "elbo_path_": search.elbo_path,
        "elbo_": float(search.elbo_path[-1]),
        "n_iter_": search.n_iter,
        "converged_": search.converged,
    }
