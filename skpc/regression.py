"""DirectBayesianRegressor: validates, converts and stores; the mathematics is in `direct`.

Axes: n rows, D columns of X, B features (B = D without a feature map), K codes, L noise levels,
R components.
"""

import warnings
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ._fitting.settings import choose_device
from ._numeric_table import check_numbers
from ._sklearn import HasMethods, Interval, StrOptions, check_sample_weight, fit_context
from .direct import Moments, merge
from .direct.deploy.packed import PackedEnsemble
from .direct.deploy.packing import pack as pack_codes
from .direct.model import grid as grids
from .direct.model.predictive import draw_mixture, linear_moments, log_density, pool
from .direct.model.units import given_range, given_step
from .direct.moments.features import (
    FIRST_BLOCK,
    FeatureMap,
    collect_blocks,
    features_of,
    map_blocks,
)
from .direct.moments.statistics import Standardised, standardise
from .direct.solve.mean_field import SOLVERS
from .direct.solve.search import Fitted, Options
from .direct.solve.search import fit as fit_moments

Floats = NDArray[np.float64]


class DirectBayesianRegressor(RegressorMixin, BaseEstimator):
    """Bayesian linear regression whose weights are integers of a few bits (DIRECT).

    The posterior of every weight is a distribution on a grid of small integers, and that of the
    noise variance one on a grid of levels. The evidence lower bound (ELBO) is computed exactly,
    with no sampling, from second moments of the data: the cost of training does not depend on
    the number of rows once they were read. Predictive means and standard deviations are exact,
    and draws of weights are small integers, many of them zero.

    Parameters
    ----------
    n_bits : int, default=4
        Bits of a weight, 2 to 8: with 4 bits the codes are -7 to 7.
    prior : {"uniform", "normal", "laplace", "spike"} or array-like (K,), default="uniform"
        Prior of the codes: all alike, a discretised normal or Laplace distribution, extra mass
        at zero, or probabilities of the K = 2**n_bits - 1 codes.
    weight_scale : "auto", "ridge", float or array-like (B,), default="auto"
        Weight of code 1, one for all features or one each, in units of y per standard deviation
        of a feature. "auto": the step with the highest ELBO, and with it the width of a "normal"
        or "laplace" prior or the mass at zero of "spike". "ridge": a power of two (times the
        spread of y) for each feature, from the weights of a ridge regression that were rounded
        so that their errors cancel; for many correlated features. With given steps, and with
        "ridge", a normal prior has a standard deviation of a third of the largest code, a Laplace
        prior a mean absolute value of a quarter of it, and "spike" a mass of one half at zero.
    posterior : {"mean_field", "mixture"}, default="mean_field"
        Form of the posterior: independent weights, or a mixture of such posteriors, which can
        have several modes and weights that depend on each other.
    n_mixtures : int, default=5
        Largest number of components of a mixture, R. One is mean-field.
    n_noise_levels : int, default=15
        Number of levels L of the noise variance.
    noise_range : "auto" or (float, float), default="auto"
        Lowest and highest noise variance, in squared units of y. "auto": around the best noise
        variance on a coarse grid that spans twelve decades below the variance of y. A range that
        the posterior presses against is widened, with a warning. With `weight_scale="ridge"`,
        "auto" is a range around the noise variance of the rounded ridge regression, and no range
        is widened.
    fit_intercept : bool, default=True
        Whether to centre features and target on their means.
    feature_map : transformer or None, default=None
        Any scikit-learn transformer of arrays. A copy is fitted on the first 20,000 rows (of the
        first chunk, for `partial_fit`) and applied to blocks of rows in training and prediction,
        so that its features never stand in memory together.
    solver : {"auto", "lbfgs", "coordinate", "sampling"}, default="auto"
        "lbfgs": quasi-Newton over one natural parameter a weight, while the noise falls from
        large to its optimum, then sweeps and Newton steps. "coordinate": one weight after
        another. "auto" stands for "lbfgs", which reached higher bounds in our benchmarks.
        A mixture starts from there; its ELBO, with a lower bound in place of its entropy, is
        maximised by quasi-Newton. "sampling", for mixtures only, then goes on by Adam with an
        unbiased estimate of the entropy from draws.
    max_iter : int, default=1000
        Gradients and sweeps of one solve, at most, once the noise is near its optimum; for a
        mixture as many again.
    tol : float, default=1e-6
        Rise of the ELBO per row below which the solver stops. A mixture's search stops at a rise
        of 1e-4 in all, if that is less.
    device : str, default="auto"
        Where second moments are formed: "cpu", "cuda" or any device of torch; "auto": CUDA where
        there is one.
    random_state : int, RandomState instance or None, default=None
        Source of the solver's random starts, and of a feature map that has no seed of its own.
    verbose : int, default=0
        Print what a fit chose and reached.

    Attributes
    ----------
    coef_ : ndarray (B,)
        Posterior means of the weights, in units of y per unit of a feature.
    coef_std_ : ndarray (B,)
        Posterior standard deviations of the weights, in the same units.
    intercept_ : float
        Prediction where all features are 0.
    weight_codes_ : ndarray of int8 (B,)
        Most probable code of every weight.
    weight_step_ : float or ndarray (B,)
        Weight of code 1: `codes * weight_step_` are weights in units of y per standard deviation
        of a feature. A number if it is one for all.
    weight_probabilities_ : ndarray (B, K)
        Posterior probabilities of the codes of each weight by itself, in ascending order of
        codes.
    mixture_weights_ : ndarray (R,)
        Weights of the components; R is 1 for a mean-field posterior, also where a fit found no
        mixture with a higher bound.
    component_probabilities_ : ndarray (R, B, K)
        Probabilities of the codes under each component.
    code_prior_ : ndarray (K,)
        Prior probabilities of the codes.
    sparsity_ : float
        Expected share of zeros among drawn weights.
    noise_variance_ : float
        Posterior mean of the noise variance, in squared units of y.
    noise_levels_, noise_probabilities_ : ndarray (L,)
        Levels of the noise variance and their posterior probabilities.
    elbo_ : float
        Lower bound of the log evidence, in nats; its density is in the units of y. With
        `solver="sampling"` the last entropy is an estimate, good to about 0.01 nats.
    elbo_path_ : ndarray
        The bound after every round of the last solve, first mean-field, then of the mixture. It
        never falls.
    feature_scale_ : ndarray (B,)
        Standard deviations of the features (root mean squares without an intercept).
    feature_map_ : transformer
        The fitted copy of `feature_map`, if there is one.
    n_iter_ : int
        Gradients and sweeps of the last solve.
    converged_ : bool
        Whether it ended because the ELBO stopped rising.
    n_features_in_ : int
        Number of columns D.
    feature_names_in_ : ndarray of str
        Names of the columns, if X was a frame.

    Notes
    -----
    Sample weights count rows: a weight of 2 is a repeated row. The intercept, the scales and the
    noise grid come from the same weighted moments as the posterior. The intercept is a point
    estimate: its own uncertainty, of the order of the noise variance over n, is not counted.

    The bound charges every weight for what the data say about it. Where many features are
    strongly correlated, the step with the highest bound is therefore smaller, and the fit
    smoother, than the one that predicts best. There, `weight_scale="ridge"` predicts better: the
    weights of a ridge regression, whose penalty has the highest evidence, are rounded one after
    another, each making up for the errors so far (Babai's nearest plane), to an integer code
    times a power of two. The ELBO is then maximised on that grid, from those codes and afresh.
    Steps and noise range are chosen by y (empirical Bayes), so the bound holds given the grid,
    and does not compare with that of other grids. A uniform prior suits it, since most codes lie
    between half of the largest and the largest. It costs O(B**3), and a few bits a weight for
    the exponents of the steps.

    A mixture is one over the weights; its components share the factor of the noise variance. Its
    expected log-likelihood is then exact, at one product with X'X a component, and the best factor
    of the noise has a closed form. Of its entropy, all but the mutual information between the
    component and the weights is exact; that is bounded below by the overlaps of components, two by
    two (Kolchinsky and Tracey 2017), where the paper takes the looser bound of Jensen's inequality.
    Components start at other modes, where random starts find some, and at halves of the best
    component, cut at one weight. The step is chosen for the mean-field posterior. The gain over
    mean-field is at most log(R) nats if there is one mode: large for a few weights that depend on
    each other, small against the whole for thousands. The search costs O(R B**3).

    Second moments stay with the model, so that `partial_fit` can go on: (B + 1)**2 numbers.

    References
    ----------
    Evans and Nair, "Discretely Relaxing Continuous Variables for tractable Variational
    Inference", NeurIPS 2018, arXiv 1809.04279.
    Kolchinsky and Tracey, "Estimating Mixture Entropy with Pairwise Distances", Entropy 2017,
    arXiv 1706.02419.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skpc import DirectBayesianRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = DirectBayesianRegressor(random_state=0).fit(X, y)
    >>> model.weight_codes_.tolist()
    [0, -3, 7, 5, -3, 0, -2, 2, 7, 1]
    >>> mean, std = model.predict(X[:1], return_std=True)
    >>> float(mean[0].round(1)), float(std[0].round(1))
    (200.9, 54.6)
    >>> model.sample_weights(2, random_state=0)
    array([[ 0, -3,  7,  5, -3,  0, -2,  3,  7,  1],
           [ 0, -3,  7,  6, -4, -1, -3,  3,  7,  2]], dtype=int8)

    A mixture of five components, whose bound is higher:

    >>> mixture = DirectBayesianRegressor(posterior="mixture", random_state=0).fit(X, y)
    >>> mixture.elbo_ - model.elbo_ > 0.1
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_bits": [Interval(Integral, 2, 8, closed="both")],
        "prior": [StrOptions(set(grids.PRIORS)), "array-like"],
        "weight_scale": [
            StrOptions({"auto", "ridge"}),
            Interval(Real, 0, None, closed="neither"),
            "array-like",
        ],
        "posterior": [StrOptions({"mean_field", "mixture"})],
        "n_mixtures": [Interval(Integral, 1, None, closed="left")],
        "n_noise_levels": [Interval(Integral, 1, None, closed="left")],
        "noise_range": [StrOptions({"auto"}), tuple, list, np.ndarray],
        "fit_intercept": ["boolean"],
        "feature_map": [None, HasMethods(["fit", "transform"])],
        "solver": [StrOptions({*SOLVERS, "sampling"})],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "device": [str],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        n_bits: int = 4,
        prior: Any = "uniform",
        weight_scale: Any = "auto",
        posterior: str = "mean_field",
        n_mixtures: int = 5,
        n_noise_levels: int = 15,
        noise_range: Any = "auto",
        fit_intercept: bool = True,
        feature_map: Any = None,
        solver: str = "auto",
        max_iter: int = 1000,
        tol: float = 1e-6,
        device: str = "auto",
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.n_bits = n_bits
        self.prior = prior
        self.weight_scale = weight_scale
        self.posterior = posterior
        self.n_mixtures = n_mixtures
        self.n_noise_levels = n_noise_levels
        self.noise_range = noise_range
        self.fit_intercept = fit_intercept
        self.feature_map = feature_map
        self.solver = solver
        self.max_iter = max_iter
        self.tol = tol
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the posterior.

        Parameters
        ----------
        X : array-like (n, D)
            Finite numbers.
        y : array-like (n,)
        sample_weight : array-like (n,), optional
            How many rows each row counts for; not negative.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For NaN, infinity, text, weights that are negative or all zero, and options that do
            not fit the data.
        """
        return self._learn(X, y, sample_weight, first=True)

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Add rows to those seen before, by `fit` or `partial_fit`, and fit to all of them.

        Chunks give the model that one fit to all rows gives, except that a feature map is fitted
        on the first chunk alone.

        Parameters
        ----------
        X : array-like (n, D)
        y : array-like (n,)
        sample_weight : array-like (n,), optional

        Returns
        -------
        self
        """
        return self._learn(X, y, sample_weight, first=not hasattr(self, "coef_"))

    def _learn(self, X: Any, y: Any, sample_weight: Any, *, first: bool) -> Self:
        """Merge the rows' moments with those of before and solve."""
        X, y = check_numbers(self, X, y, reset=first)
        weights = check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        if not weights.sum() > 0:
            raise ValueError("sample_weight is zero for all rows; some row must count.")
        device = str(choose_device(self.device))
        random = check_random_state(self.random_state)
        if first:
            self._start_features(X[weights > 0], y[weights > 0], random)
        moments = collect_blocks(X, y, weights, self._map(), self._n_mapped, device)
        if not first:
            moments = merge(Moments(**self._moments), moments)
        data = standardise(moments, self.fit_intercept)
        fitted = fit_moments(data, self._options(data), random)
        self._moments: dict[str, Any] = vars(moments)
        self._store(data, fitted)
        self._report(fitted)
        return self

    def _start_features(self, X: Any, y: Floats, random: np.random.RandomState) -> None:
        """Fit a copy of the feature map on the first rows and count its features."""
        self.__dict__.pop("feature_map_", None)
        if self.feature_map is not None:
            feature_map = clone(self.feature_map)
            unseeded = {
                name: random.randint(np.iinfo(np.int32).max)
                for name, value in sorted(feature_map.get_params(deep=True).items())
                if name.rpartition("__")[2] == "random_state" and value is None
            }
            feature_map.set_params(**unseeded)
            self.feature_map_ = feature_map.fit(X[:FIRST_BLOCK], y[:FIRST_BLOCK])
        self._n_mapped = features_of(X[:1], self._map()).shape[1]

    def _map(self) -> FeatureMap:
        """The fitted map as a function, or None."""
        return self.feature_map_.transform if hasattr(self, "feature_map_") else None

    def _options(self, data: Standardised) -> Options:
        """The parameters in standard units.

        Raises
        ------
        ValueError
            If prior, weight_scale or noise_range have a wrong length or impossible values, or if
            solver="sampling" finds no mixture to sample.
        """
        sampling, mixture = self.solver == "sampling", self.posterior == "mixture"
        if sampling and not mixture:
            raise ValueError(
                'solver="sampling" estimates the entropy of a mixture, and posterior is '
                f'{self.posterior!r}, whose entropy is exact; "auto", "lbfgs" and "coordinate" '
                "are accepted."
            )
        n_codes = 2**self.n_bits - 1
        named = isinstance(self.prior, str)
        return Options(
            n_bits=int(self.n_bits),
            prior=self.prior if named else grids.given_prior(self.prior, n_codes),
            step=given_step(self.weight_scale, self._n_mapped, data.y_scale),
            n_noise_levels=int(self.n_noise_levels),
            noise_range=given_range(self.noise_range, data.y_scale),
            solver="auto" if sampling else self.solver,
            max_iter=int(self.max_iter),
            tol=float(self.tol),
            near_ridge=isinstance(self.weight_scale, str) and self.weight_scale == "ridge",
            n_components=int(self.n_mixtures) if mixture else 1,
            sampling=sampling,
        )

    def _store(self, data: Standardised, fitted: Fitted) -> None:
        """Fitted attributes, in the units of X and y."""
        problem, posterior = fitted.problem, fitted.posterior
        unit = data.y_scale / data.x_scale
        probabilities = np.tensordot(posterior.weights, posterior.probabilities, 1)
        self._centre = data.x_mean
        self._level = data.y_mean
        self.feature_scale_ = data.x_scale
        self.mixture_weights_ = posterior.weights
        self.component_probabilities_ = posterior.probabilities
        self._component_coef = posterior.mean * unit
        self._component_variance = posterior.variance * unit**2
        self.coef_, variance = pool(
            self.mixture_weights_, self._component_coef, self._component_variance, axis=0
        )
        self.coef_std_ = np.sqrt(variance)
        self.intercept_ = data.y_mean - float(data.x_mean @ self.coef_)
        step = problem.step * data.y_scale
        self.weight_step_ = float(step[0]) if (step == step[0]).all() else step
        self.weight_probabilities_ = probabilities
        self.weight_codes_ = problem.codes[probabilities.argmax(axis=1)].astype(np.int8)
        self.code_prior_ = np.exp(problem.log_prior)
        self.sparsity_ = float(probabilities[:, len(problem.codes) // 2].mean())
        self.noise_levels_ = problem.noise * data.y_scale**2
        self.noise_probabilities_ = posterior.noise.probabilities[0]
        self.noise_variance_ = float(posterior.noise.variance[0]) * data.y_scale**2
        # The density of y has the unit 1 / y for every row.
        self.elbo_path_ = np.array(fitted.solution.path) - data.weight * np.log(data.y_scale)
        self.elbo_ = float(self.elbo_path_[-1])
        self.n_iter_ = fitted.solution.n_iter
        self.converged_ = fitted.solution.converged

    def _report(self, fitted: Fitted) -> None:
        """Warn if the noise range had to be widened; print if asked to."""
        if fitted.widened:
            low, high = self.noise_range
            warnings.warn(
                f"The posterior of the noise variance sits at the edge of noise_range=({low}, "
                f"{high}); it was widened to ({self.noise_levels_[0]:.3g}, "
                f"{self.noise_levels_[-1]:.3g}).",
                UserWarning,
                stacklevel=4,
            )
        if self.verbose:
            print(
                f"[DIRECT] step {np.max(self.weight_step_):.4g}, noise variance "
                f"{self.noise_variance_:.4g}, zeros {self.sparsity_:.1%}, ELBO {self.elbo_:.6g} "
                f"after {self.n_iter_} iterations"
            )

    def predict(self, X: Any, return_std: bool = False) -> Any:
        """Exact mean (and standard deviation) of the posterior predictive distribution.

        Parameters
        ----------
        X : array-like (n, D)
        return_std : bool, default=False

        Returns
        -------
        mean : ndarray (n,)
        std : ndarray (n,)
            Of a new target: uncertainty of the weights and E[sigma^2] together. If `return_std`.
        """
        means, variances = self._linear(X)
        mean, variance = pool(self.mixture_weights_, means, variances, axis=1)
        if return_std:
            return mean, np.sqrt(variance + self.noise_variance_)
        return mean

    def _linear(self, X: Any) -> tuple[Floats, Floats]:
        """Mean and variance of the linear predictor under each component, (n, R) each."""
        check_is_fitted(self)
        X = check_numbers(self, X, reset=False)

        def both(features: Floats) -> Floats:
            """Means and variances of a block of features (rows, B), (rows, R, 2)."""
            moments = linear_moments(
                features, self._centre, self._component_coef, self._component_variance, self._level
            )
            return np.stack(moments, axis=-1)

        out = map_blocks(both, X, self._map(), self._n_mapped)
        return out[..., 0], out[..., 1]

    def sample_weights(self, n_samples: int = 1, random_state: Any = None) -> NDArray[np.int8]:
        """Draw integer weights from the posterior.

        Parameters
        ----------
        n_samples : int, default=1
        random_state : int, RandomState instance or None, default=None

        Returns
        -------
        ndarray of int8 (n_samples, B)
            Codes: `codes * weight_step_` are weights in units of y per standard deviation of a
            feature, `codes * weight_step_ / feature_scale_` in the units of `coef_`.
        """
        check_is_fitted(self)
        random = check_random_state(random_state)
        return self._draw(n_samples, random)

    def _draw(self, n_samples: int, random: np.random.RandomState) -> NDArray[np.int8]:
        """Codes (n_samples, B): a component first, then its weights."""
        return draw_mixture(self.mixture_weights_, self.component_probabilities_, n_samples, random)

    def pack(
        self, n_samples: int = 8, random_state: Any = None, *, input_range: float = 8.0
    ) -> PackedEnsemble:
        """Draw weights and pack them, for prediction by integers and on small devices.

        Parameters
        ----------
        n_samples : int, default=8
            Draws in the ensemble.
        random_state : int, RandomState instance or None, default=None
        input_range : float, default=8.0
            Standard deviations from its mean that a feature reaches as int8, in 127 levels on
            either side; a feature further off is held there.

        Returns
        -------
        PackedEnsemble
            Predicts from features: with a feature map, from `feature_map_.transform(X)`.

        Raises
        ------
        ValueError
            If n_samples is no integer of 1 or more, input_range is not positive, or given steps
            lie too far apart for integer sums.
        """
        check_is_fitted(self)
        if not (isinstance(n_samples, Integral) and n_samples >= 1):
            raise ValueError(f"n_samples is {n_samples!r}; an integer of 1 or more is accepted.")
        if not 0 < input_range < np.inf:
            raise ValueError(f"input_range is {input_range!r}; a positive number is accepted.")
        return pack_codes(
            self.sample_weights(int(n_samples), random_state),
            n_bits=len(self.code_prior_).bit_length(),
            step=np.broadcast_to(self.weight_step_, self.feature_scale_.shape),
            centre=self._centre,
            spread=self.feature_scale_,
            intercept=self._level,
            noise_variance=self.noise_variance_,
            input_range=float(input_range),
        )

    def sample_y(self, X: Any, n_samples: int = 1, random_state: Any = None) -> Floats:
        """Draw targets from the posterior predictive distribution, without approximation.

        Parameters
        ----------
        X : array-like (n, D)
        n_samples : int, default=1
        random_state : int, RandomState instance or None, default=None

        Returns
        -------
        ndarray (n, n_samples)
            The rows of a column share one draw of weights and noise variance.
        """
        check_is_fitted(self)
        X = check_numbers(self, X, reset=False)
        random = check_random_state(random_state)
        codes = self._draw(n_samples, random)
        weights = (codes * self.weight_step_ / self.feature_scale_).T
        levels = random.choice(self.noise_levels_, size=n_samples, p=self.noise_probabilities_)
        mean = map_blocks(
            lambda features: (features - self._centre) @ weights, X, self._map(), self._n_mapped
        )
        return self._level + mean + random.standard_normal(mean.shape) * np.sqrt(levels)

    def log_predictive_density(self, X: Any, y: Any) -> Floats:
        """Log density of targets under the posterior predictive distribution.

        Parameters
        ----------
        X : array-like (n, D)
        y : array-like (n,)

        Returns
        -------
        ndarray (n,)
            In nats, per unit of y.

        Notes
        -----
        The mixture over noise levels, and over components, is exact. The linear predictor is a
        sum of B independent discrete terms in each component; it enters as a normal variable of
        its exact mean and variance, which is close when many features share the variance.
        """
        check_is_fitted(self)
        _, target = check_numbers(self, X, y, reset=False)
        mean, variance = self._linear(X)
        return log_density(
            target,
            self.mixture_weights_,
            mean,
            variance,
            self.noise_levels_,
            self.noise_probabilities_,
        )
