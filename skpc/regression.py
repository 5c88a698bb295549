"""DirectBayesianRegressor: parameters, checks and one store; the mathematics is in `direct`.

Axes: n rows, D columns of X, B features (B = D without a feature map), K codes, L noise levels,
R components.
"""

import warnings
from dataclasses import fields
from functools import partial
from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ._keeping import KINDS, KNOWN, Kept, Kind, keep
from ._regression import (
    KEPT,
    KIND,
    PRIORS,
    SOLVERS,
    VERSION,
    FittedRegression,
    PackedEnsemble,
    PoorFitWarning,
    RegressionFit,
    RegressionSpec,
    Rows,
    check_header,
    complete,
    fit_regression,
    public_attributes,
)
from ._sklearn import (
    Features,
    HasMethods,
    Interval,
    StrOptions,
    fit_context,
    rows_of,
    store,
)
from ._validation import TARGET, check_column, check_numbers, check_weights

Floats = NDArray[np.float64]

__all__ = ["DirectBayesianRegressor", "PoorFitWarning"]

for known in KEPT:
    KNOWN.add(known)
KINDS[KIND] = Kind(VERSION, check_header, PackedEnsemble.of_contents)


@keep
class DirectBayesianRegressor(RegressorMixin, Kept):
    """Bayesian linear regression whose weights are integers of a few bits (DIRECT).

    The posterior of every weight is a distribution on a grid of small integers, and that of the
    noise variance one on a grid of levels. The evidence lower bound (ELBO) is computed exactly,
    with no sampling, from second moments of the data: the cost of training does not depend on
    the number of rows once they were read. By default the integers are those next to a Bayesian
    ridge regression, and predict as well. Draws of weights are small integers.

    Parameters
    ----------
    n_bits : int, default=4
        Bits of a weight, 2 to 8: with 4 bits the codes are -7 to 7.
    prior : {"uniform", "normal", "laplace", "spike"} or array-like (K,), default="uniform"
        Prior of the codes: uniform, a discretised normal or Laplace distribution, extra mass
        at zero, or probabilities of the K = 2**n_bits - 1 codes.
    weight_scale : "auto", "ridge", "elbo", float or array-like (B,), default="auto"
        Weight of code 1, one for all features or one each, in units of y per standard deviation
        of a feature. "auto": the plainest steps, one for all or one each, with which codes predict
        nearly as well as the ridge regression that they are rounded from (see Notes). "ridge":
        codes rounded alike, with a power of two (times the spread of y) for each feature. "elbo":
        the one step for all with the highest ELBO, for comparing models by their bounds; where
        features are correlated it predicts worse. All three choose the width of a "normal" or
        "laplace" prior, or the mass at zero of "spike", by the ELBO. With steps of your own a
        normal prior has a standard deviation of a third of the largest code, a Laplace prior a
        mean absolute value of a quarter of it, and "spike" a mass of one half at zero.
    posterior : {"mean_field", "mixture"}, default="mean_field"
        Form of the posterior: independent weights, or a mixture of such posteriors, which can
        have several modes and weights that depend on each other.
    n_mixtures : int, default=5
        Largest number of components of a mixture, R. One is mean-field.
    n_noise_levels : int, default=15
        Number of levels L of the noise variance.
    noise_range : "auto" or (float, float), default="auto"
        Lowest and highest noise variance, in squared units of y. "auto": around the best noise
        variance on a coarse grid, from twelve decades below the variance of y (its mean square
        without an intercept) to four times that variance, and no lower than the rounding of y;
        no level lies outside. A range at whose edge the posterior lies is widened up to those
        ends, with a warning. With `weight_scale` "auto" and "ridge" it is the noise variance of
        the rounded ridge regression and its standard error, and a range of yours is widened to
        hold that variance.
    fit_intercept : bool, default=True
        Whether to centre features and target on their means.
    feature_map : transformer or None, default=None
        Any scikit-learn transformer of arrays. A copy is fitted on the first 20,000 rows (of the
        first chunk, for `partial_fit`) and applied to blocks of rows in training and prediction,
        so that its features are never in memory together. Of a map with a `fit_transform` of its
        own, such as `TargetEncoder`, these first rows have the features that `fit_transform`
        gives; they stay in memory during the fit.
    solver : {"auto", "lbfgs", "coordinate", "sampling"}, default="auto"
        "lbfgs": quasi-Newton over one natural parameter per weight, while the noise falls from
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
        Standard deviations of the true weights about `coef_`, in the same units: those of the
        ridge regression, which knows how weights depend on each other, and the distance from it.
    draw_std_ : ndarray (B,)
        Standard deviations of the weights that `sample_weights` draws, in the same units. They are
        no measure of how far off `coef_` is: independent factors, and codes far apart, are too
        certain.
    excess_error_ : float
        Relative rise of the expected squared error over that of the ridge regression, as its
        posterior knows it: 0.01 is half a percent of the root mean square error.
    intercept_ : float
        Prediction where all features are 0.
    weight_codes_ : ndarray of int8 (B,)
        The likeliest codes together that were found: no other code of a single weight is likelier.
    weight_scale_ : float or ndarray (B,)
        Weight of code 1 that was taken: `codes * weight_scale_` are weights in units of y per
        standard deviation of a feature. A number if it is one for all.
    weight_probabilities_ : ndarray (B, K)
        Posterior probabilities of the codes of each weight by itself, in ascending order of
        codes.
    mixture_weights_ : ndarray (R,)
        Weights of the components; R is 1 for a mean-field posterior, also where no mixture reached
        a higher bound.
    component_probabilities_ : ndarray (R, B, K)
        Probabilities of the codes under each component.
    code_prior_ : ndarray (K,) or (B, K)
        Prior probabilities of the codes, one row for all weights or one each.
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
        falls by rounding at most.
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
    Sample weights count rows: a weight of 2 is a repeated row. Where they add to less than the
    number of rows of positive weight, they count for that number. The intercept, the scales and
    the noise grid come from the same weighted moments as the posterior. The intercept is a point
    estimate: its own uncertainty, of the order of the noise variance over n, is not counted. A
    single row says nothing of the noise, whose standard deviation is then of the size of y.

    Where the noise is so small that it drowns in the rounding of sums of squares, `fit` reads the
    rows a second time and sums their residuals. `partial_fit` has the sums only: there the
    expected squared error is raised by what rounding may have taken from it, so that the bound
    holds and the noise is no lower than the resolution of the sums. It warns where that matters.

    The bound contains the divergence of every weight's posterior from its prior. Where many
    features are strongly correlated, the step with the highest bound is therefore smaller, and
    the fit smoother, than the one that predicts best. "auto" and "ridge" start from a ridge
    regression: w_j ~ N(0, (s2 / l) u_j**2) a priori, with the penalty l of the highest evidence.
    Its units u_j follow from the columns alone, whatever they come from: the inverse of the range
    of a standardised feature, so that effects over whole ranges are alike a priori. Neither a
    column's unit nor its zero counts. Only among features whose ranges are alike, as those of
    splines are, one of less than a tenth of the others' has a smaller u_j in proportion: it was
    zero in nearly all rows, and may be a thousand times as large in the next. With m and P the
    posterior's mean and precision, weights w raise the expected squared error by
    (w - m)'P(w - m) / (n s2), and no row is needed to know it. The weights m are rounded one after
    another, each compensating the errors so far (Babai's nearest plane), then single codes move
    while that helps: to one step for all (where standard deviations are alike also one per unit of
    X: then columns of other units may have other codes, within that rise), to powers of two times a
    common factor for each, then to
    these times a mantissa of one, two and more bits, until the rise is at most 0.01. A prior of
    codes with a peak at zero has steps of at least two standard deviations, so that zero differs
    from its neighbours. The ELBO is maximised on that grid from these codes, with the prior of the
    codes times the ridge's; factors that would lose what the codes had are made more certain of
    them. Steps and prior are chosen by y (empirical Bayes), so the bound holds for that grid, and
    cannot be compared with that of other grids. It costs O(B**3).

    Means are exact under the posterior of the codes. Deviations of predictions and coefficients
    are the ridge's, and what the codes cannot reach is added to the noise: the factors of a
    mean-field posterior are too certain by far where features are correlated or rows are many.

    A mixture is one over the weights; its components share the factor of the noise variance. Its
    expected log-likelihood is then exact, at one product with X'X a component, and the best factor
    of the noise has a closed form. Of its entropy, all but the mutual information between the
    component and the weights is exact; that is bounded below by the overlaps of components, two by
    two (Kolchinsky and Tracey 2017), where the paper takes the looser bound of Jensen's inequality.
    Components start at other modes, if random starts reach any, and at halves of the best
    component, cut at one weight. The step is chosen for the mean-field posterior. The gain over
    mean-field is at most log(R) nats if there is one mode: large for a few weights that depend on
    each other, small against the whole for thousands. The search costs O(R B**3).

    Several targets (y of two dimensions) are fitted as if each were the only one, from one product
    X'X and its principal axes. All attributes but those of columns and features have one more axis
    in front, of the T targets: `coef_` is (T, B). `elbo_path_`, and attributes of mixtures of
    different R, are lists.

    A column that is constant in training changes nothing: it is left out of the solve. Its code is
    0, the probabilities of its codes are the prior's (the mean of the other weights', where these
    have priors of their own), and its step is the middle one of the others'.

    The model keeps the second moments, (B + 1)**2 numbers, so that `partial_fit` can add to them,
    and as many for the deviations.

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
    [0, -3, 6, 4, -2, 0, -2, 1, 6, 1]
    >>> mean, std = model.predict(X[:1], return_std=True)
    >>> float(mean[0].round(1)), float(std[0].round(1))
    (201.9, 54.8)
    >>> model.sample_weights(2, random_state=0)
    array([[ 0, -2,  6,  4, -2,  0, -2,  2,  7,  1],
           [ 0, -3,  6,  5, -3, -1, -3,  2,  6,  2]], dtype=int8)

    A mixture of five components, whose bound is higher:

    >>> mixture = DirectBayesianRegressor(posterior="mixture", random_state=0).fit(X, y)
    >>> mixture.elbo_ - model.elbo_ > 0.1
    True
    """

    _results: ClassVar[tuple[str, ...]] = ("_fitted_regression",)
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "n_bits": [Interval(Integral, 2, 8, closed="both")],
        "prior": [StrOptions(set(PRIORS)), "array-like"],
        "weight_scale": [
            StrOptions({"auto", "ridge", "elbo"}),
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
        *,
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
        """Fit the posterior; a fit that fails or is interrupted leaves the model as it was.

        Parameters
        ----------
        X : array-like (n, D)
            Finite numbers; 0, or of a root mean square from 1e-100 to 1e100.
        y : array-like (n,) or (n, T)
            As a column of X; one column for each of T targets.
        sample_weight : array-like (n,), optional
            How many rows each row counts for; not negative.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            For NaN, infinity, text (also of digits), categories, dates, durations and numbers
            whose squares float64 cannot hold, by the name of the column; for weights that are
            negative or all zero, and options that do not fit the data.
        """
        return self._learn(X, y, sample_weight, last=None, whole=True)

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Add rows to those seen before, by `fit` or `partial_fit`, and fit to all of them.

        The model of several chunks is that of one fit to all rows, except that a feature map is
        fitted on the first chunk alone, and that the noise is no lower than the resolution of the
        sums that are kept: relative to the variance of y, about 1e-15 times the root of the number
        of rows. A UserWarning says where `elbo_` is lower by half a nat or more for that reason.

        Parameters
        ----------
        X : array-like (n, D)
        y : array-like (n,) or (n, T)
            As many targets as before.
        sample_weight : array-like (n,), optional

        Returns
        -------
        self
        """
        last = getattr(self, "_fitted_regression", None)
        return self._learn(X, y, sample_weight, last=last, whole=False)

    def _learn(
        self, X: Any, y: Any, sample_weight: Any, *, last: FittedRegression | None, whole: bool
    ) -> Self:
        """Check and fit, then warn; only the store at the end changes the estimator."""
        rows = self._read_rows(X, y, sample_weight, None if last is None else _features(last))
        random = check_random_state(self.random_state)
        return self._accept(fit_regression(self._spec(), rows, random, last, whole=whole))

    def _spec(self) -> RegressionSpec:
        """The parameters as one record."""
        return RegressionSpec(**{f.name: getattr(self, f.name) for f in fields(RegressionSpec)})

    def _read_rows(self, X: Any, y: Any, sample_weight: Any, known: Features | None) -> Rows:
        """Checked rows, of columns that are known or of the first ones."""
        (X, y), features = check_numbers(self, X, y, features=known)
        return Rows(X, y, check_weights(self, sample_weight, X), features.names)

    def _accept(self, result: RegressionFit) -> Self:
        """Warn, and store a fit."""
        # Users may turn warnings into errors, so they come before the model is stored.
        for warning in result.warnings(self.noise_range):
            warnings.warn(warning, stacklevel=5)
        if self.verbose:
            print(result.summary())
        attributes = self._attributes_of(result.fitted)
        store(self, attributes, absent=("feature_map_", "feature_names_in_"))
        return self

    def predict(self, X: Any, return_std: bool = False, *, density: Any = None) -> Any:
        """Mean (and standard deviation) of the predictive distribution.

        Parameters
        ----------
        X : array-like (n, D)
        return_std : bool, default=False
        density : EinetDensityEstimator, optional
            Fitted to columns as those of X. With it cells of X may be missing: they are integrated
            out. For a `feature_map` of the regression there are no such means, and it is refused.

        Returns
        -------
        mean : ndarray (n,) or (n, T)
        std : ndarray (n,) or (n, T)
            Of a new target: the uncertainty of the weights under the ridge regression, what the
            codes lack of it, and E[sigma^2] together. If `return_std`.

        Raises
        ------
        ValueError, TypeError
            As in `fit`, for a cell so far from training that the prediction overflows, and for a
            missing cell without a density, or in a column that is one of categories to it.

        Notes
        -----
        Given the seen cells of a row, missing ones have means and covariances C under the density.
        The mean of the prediction is that at their means, and its variance is larger by w'Cw and
        the uncertainty of w about that. Means, and variances of single cells, are exact; in rows
        of two or more missing cells their correlations are those of 256 draws, seeded by
        `random_state`.

        Examples
        --------
        >>> import numpy as np
        >>> from skpc import DirectBayesianRegressor, EinetDensityEstimator
        >>> X = np.random.RandomState(0).standard_normal((500, 2)) @ [[1.0, 2.0], [0.0, 1.0]]
        >>> y = X @ [1.0, 1.0] + 0.1 * np.random.RandomState(1).standard_normal(500)
        >>> model = DirectBayesianRegressor(random_state=0).fit(X, y)
        >>> density = EinetDensityEstimator(random_state=0).fit(X)
        >>> mean, std = model.predict([[1.0, np.nan]], return_std=True, density=density)
        >>> bool(abs(mean[0] - 3.0) < 0.2), bool(abs(std[0] - 1.0) < 0.2)
        (True, True)
        """
        fitted = self._read()
        added = None
        x, _ = check_numbers(self, X, features=_features(fitted), allow_nan=density is not None)
        if density is not None:
            seed = self.random_state
            x, added = complete(fitted, x, partial(rows_of, X), density, seed, return_std)
        mean, variance = fitted.moments_at(x, added)
        return (mean, np.sqrt(variance)) if return_std else mean

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Coefficient of determination R**2 of the predicted means; their average over targets.

        Parameters
        ----------
        X : array-like (n, D)
        y : array-like (n,) or (n, T)
        sample_weight : array-like (n,), optional

        Returns
        -------
        float
        """
        y = check_column(self, y, TARGET)
        if sample_weight is not None:
            sample_weight = check_weights(self, sample_weight, X)
        return super().score(X, y, sample_weight)

    def _read(self) -> FittedRegression:
        """The fitted model; every query reads it once, so that a refit cannot change it halfway."""
        check_is_fitted(self, "_fitted_regression")
        return self._fitted_regression

    def sample_weights(self, n_samples: int = 1, random_state: Any = None) -> NDArray[np.int8]:
        """Draw integer weights from the posterior of the codes.

        Parameters
        ----------
        n_samples : int, default=1
        random_state : int, RandomState instance or None, default=None

        Returns
        -------
        ndarray of int8 (n_samples, B) or (n_samples, T, B)
            Codes: `codes * weight_scale_` are weights in units of y per standard deviation of a
            feature, `codes * weight_scale_ / feature_scale_` in the units of `coef_`.
        """
        return self._read().draw_codes(n_samples, check_random_state(random_state))

    def pack(
        self, n_samples: int = 8, random_state: Any = None, *, input_range: float = 8.0
    ) -> PackedEnsemble | list[PackedEnsemble]:
        """Draw weights and pack them, for prediction by integers and on small devices.

        Parameters
        ----------
        n_samples : int, default=8
            Draws in the ensemble; one is no draw, but `weight_codes_`.
        random_state : int, RandomState instance or None, default=None
        input_range : float, default=8.0
            Standard deviations from its mean that a feature reaches as int8, in 127 levels on
            either side; a feature further off is clipped to it.

        Returns
        -------
        PackedEnsemble, or a list of T for y (n, T)
            Predicts from features: with a feature map, from `feature_map_.transform(X)`.

        Raises
        ------
        ValueError
            If n_samples is not an integer of 1 or more, input_range is not positive, or the steps
            are too far apart for integer sums.
        """
        fitted = self._read()
        if not (isinstance(n_samples, Integral) and n_samples >= 1):
            raise ValueError(f"n_samples is {n_samples!r}; an integer of 1 or more is accepted.")
        if not 0 < input_range < np.inf:
            raise ValueError(f"input_range is {input_range!r}; a positive number is accepted.")
        random = check_random_state(random_state)
        return fitted.pack(int(n_samples), random, float(input_range))

    def sample_y(self, X: Any, n_samples: int = 1, random_state: Any = None) -> Floats:
        """Draw targets from the predictive distribution.

        Parameters
        ----------
        X : array-like (n, D)
        n_samples : int, default=1
        random_state : int, RandomState instance or None, default=None

        Returns
        -------
        ndarray (n, n_samples) or (n, T, n_samples)
            The rows of a column share one draw of weights and noise variance.
        """
        fitted = self._read()
        X, _ = check_numbers(self, X, features=_features(fitted))
        return fitted.draw_targets(X, n_samples, check_random_state(random_state))

    def log_predictive_density(self, X: Any, y: Any) -> Floats:
        """Log density of targets under the predictive distribution.

        Parameters
        ----------
        X : array-like (n, D)
        y : array-like (n,) or (n, T)

        Returns
        -------
        ndarray (n,)
            In nats, per unit of y; of all targets of a row together, which are independent.

        Notes
        -----
        The mixture over noise levels, and over components, is exact. The linear predictor enters
        as a normal variable: of the exact mean under each component, and of the variance that the
        ridge regression has there.
        """
        fitted = self._read()
        (X, y), _ = check_numbers(self, X, y, features=_features(fitted))
        fitted.check_targets(y)
        return fitted.log_density_at(X, y)

    def __sklearn_tags__(self) -> Any:
        """Tags that allow several targets."""
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _result(self) -> FittedRegression | None:
        """The fitted regression, for files."""
        return getattr(self, "_fitted_regression", None)

    def _attributes_of(self, result: Any) -> dict[str, Any]:
        """All fitted attributes, from a file or a pickle."""
        if not isinstance(result, FittedRegression):
            raise ValueError("it holds no regression.")
        return {
            **public_attributes(result),
            **_features(result).attributes(),
            "_fitted_regression": result,
        }


def _features(fitted: FittedRegression) -> Features:
    """Number and names of the columns that a table must have."""
    return Features(fitted.n_columns, fitted.feature_names)
