"""The fitted state of `DirectBayesianRegressor`, in one frozen object.

Axes: n rows, D columns of X, B features, K codes, R components.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..direct.deploy import PackedEnsemble, pack
from ..direct.model import Predictive, pool
from ..direct.moments import Moments, Standardised, features_of, map_blocks
from ..direct.solve import Solution
from .feature_map import transform_of

Floats = NDArray[np.float64]


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
        Of the features and the target, in their own units.
    posterior : Predictive
        In the units of X and y.
    """

    n_columns: int
    feature_names: NDArray[Any] | None
    feature_map: Any
    moments: Moments
    posterior: Predictive

    @property
    def n_features(self) -> int:
        """Features B after the feature map."""
        return self.posterior.n_features

    def moments_at(self, X: Any, added: Floats | float = 0.0) -> tuple[Floats, Floats]:
        """Mean and variance of the linear predictor, (n,) each.

        Parameters
        ----------
        X : ndarray (n, D)
        added : ndarray (n, R), optional
            Variance under each component beside that of the weights.
        """
        linear = self._linear(X)
        return pool(self.posterior.weights, linear[..., 0], linear[..., 1] + added, axis=1)

    def log_density_at(self, X: Any, y: Floats) -> Floats:
        """Log density of targets (n,), in nats."""
        return self.posterior.log_density(y, self._linear(X))

    def draw_targets(self, X: Any, n_samples: int, random: np.random.RandomState) -> Floats:
        """Targets (n, n_samples); those of a column share one draw of weights and noise."""
        posterior = self.posterior
        weights = posterior.draw_weights(n_samples, random).T
        noise = posterior.draw_noise(n_samples, random)
        mean = self._map(lambda features: (features - posterior.centre) @ weights, X)
        return posterior.intercept + mean + random.standard_normal(mean.shape) * np.sqrt(noise)

    def pack(
        self, n_samples: int, random: np.random.RandomState, input_range: float
    ) -> PackedEnsemble:
        """Draws of weights, packed; of one, the likeliest codes."""
        posterior = self.posterior
        drawn = n_samples > 1
        return pack(
            posterior.draw_codes(n_samples, random) if drawn else posterior.codes[None],
            n_bits=posterior.n_bits,
            step=posterior.step,
            centre=posterior.centre,
            spread=posterior.spread,
            intercept=posterior.intercept,
            noise_variance=posterior.noise_variance + posterior.shortfall,
            input_range=input_range,
        )

    def _linear(self, X: Any) -> Floats:
        """Mean and variance of the linear predictor under each component, (n, R, 2)."""
        return self._map(self.posterior.linear_moments, X)

    def _map(self, function: Callable[[Floats], Floats], X: Any) -> Floats:
        """A function of the features of all rows, block by block.

        Raises
        ------
        ValueError
            If a feature is so far from those of training that the values overflow.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            values = map_blocks(function, X, transform_of(self.feature_map), self.n_features)
        if not np.isfinite(values).all():
            self._refuse_far(values, X)
        return values

    def _refuse_far(self, values: Floats, X: Any) -> None:
        """Raise an error that names the cell for which the values (n, ...) of a row overflow."""
        posterior, mapped = self.posterior, self.feature_map is not None
        i = int(np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(axis=1))[0])
        feature = features_of(X[i : i + 1], transform_of(self.feature_map))[0]
        # Halved, so that the difference of two large numbers does not overflow.
        distance = np.abs((feature / 2 - posterior.centre / 2) / posterior.spread)
        j = int(np.argmax(distance))
        raise ValueError(
            f"Row {i} has {feature[j]:.3g} in {column_name(j, self.feature_names, mapped)}, where "
            f"training had {posterior.centre[j]:.3g} +- {posterior.spread[j]:.3g}: the prediction "
            "overflows float64."
        )

    def to_plain(self) -> dict[str, Any]:
        """The state for a file: dicts of numbers and arrays, and the feature map."""
        return {
            **vars(self),
            "moments": dict(vars(self.moments)),
            "posterior": dict(vars(self.posterior)),
        }

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Self:
        """The state from the dicts of `to_plain`."""
        moments, posterior = Moments(**plain["moments"]), Predictive(**plain["posterior"])
        return cls(**{**plain, "moments": moments, "posterior": posterior})


def column_name(j: int, names: NDArray[Any] | None, mapped: bool) -> str:
    """A feature, for messages: by the name of its column, by position, or as one of the map's."""
    if mapped:
        return f"feature {j} of feature_map"
    return f"column {j}" if names is None else f"column {str(names[j])!r}"


def public_attributes(
    fitted: FittedRegression, data: Standardised, solution: Solution
) -> dict[str, Any]:
    """The attributes that the docstring of `DirectBayesianRegressor` lists, by their names."""
    posterior = fitted.posterior
    mean, variance = pool(posterior.weights, posterior.mean, posterior.variance, axis=0)
    coef = mean / posterior.spread
    probabilities = np.tensordot(posterior.weights, posterior.probabilities, 1)
    codes = solution.problem.codes
    step = posterior.step
    # The density of y has the unit 1 / y for every row.
    elbo_path = np.array(solution.path) - data.weight * np.log(data.y_scale)
    mapped = {} if fitted.feature_map is None else {"feature_map_": fitted.feature_map}
    return {
        **mapped,
        "coef_": coef,
        "coef_std_": posterior.coefficient_deviations(),
        "draw_std_": np.sqrt(variance) / posterior.spread,
        "excess_error_": posterior.excess,
        "intercept_": posterior.intercept - float(posterior.centre @ coef),
        "feature_scale_": posterior.spread,
        "weight_scale_": float(step[0]) if (step == step[0]).all() else step,
        "weight_probabilities_": probabilities,
        "weight_codes_": posterior.codes,
        "mixture_weights_": posterior.weights,
        "component_probabilities_": posterior.probabilities,
        "code_prior_": np.exp(solution.problem.log_prior),
        "sparsity_": float(probabilities[:, len(codes) // 2].mean()),
        "noise_levels_": posterior.noise_levels,
        "noise_probabilities_": posterior.noise_probabilities,
        "noise_variance_": posterior.noise_variance,
        "elbo_path_": elbo_path,
        "elbo_": float(elbo_path[-1]),
        "n_iter_": solution.n_iter,
        "converged_": solution.converged,
    }
