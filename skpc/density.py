"""EinetDensityEstimator: parameters, checks and one store; the mathematics is in `circuit`.

A fit is one transaction: `_fitting.fit` makes a frozen `FittedDensity` out of a frozen spec, and
one assignment stores it, last of all. A query reads `_fitted_density` once, so that another thread
may fit at the same time.

Axes: n rows, D columns.
"""

import warnings
from dataclasses import fields
from numbers import Integral, Real
from typing import Any, ClassVar, Self

from numpy.typing import NDArray
from sklearn.base import DensityMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from . import _fitting as fitting
from ._column_queries import ColumnQueries
from ._density_queries import features_of
from ._fitting import FitSpec, FittedDensity, TrainingRows
from ._keeping import KNOWN, Kept, keep
from ._sklearn import (
    CallbackSupportMixin,
    HasMethods,
    Interval,
    PassReporter,
    StrOptions,
    fit_context,
    store,
    with_callbacks,
)
from ._tables import Numeric, read_table
from ._validation import check_table, check_weights
from ._versions import show_versions
from .circuit import RegionGraph
from .circuit.leaves import FAMILIES
from .circuit.training import SOLVERS
from .components import KEPT, kinds_of

__all__ = ["EinetDensityEstimator", "Numeric", "show_versions"]

Floats = NDArray[Any]
# Attributes of the trees, which a density without trees lacks.
OF_TREES = ("smoothing_", "n_iter_", "converged_")

for known in fitting.KEPT:
    KNOWN.add(known)
for name, known in KEPT.items():
    KNOWN.add(known, name)
for family in FAMILIES.values():
    KNOWN.add_constant(f"leaf {family.name}", family)


@keep
class EinetDensityEstimator(CallbackSupportMixin, ColumnQueries, DensityMixin, Kept):
    """Density of a table by an Einsum Network, a probabilistic circuit.

    Columns may be numbers, zeros and ones, or categories, and cells may be missing. The
    fitted model gives exact log densities of whole rows, exact marginal and conditional densities
    of any columns, and exact draws.

    Parameters
    ----------
    structure : {"auto", "random_trees", "chow_liu", "poon_domingos"}, RegionGraph or callable, \
default="auto"
        How the trees split the columns; it decides nothing else. "chow_liu": by trees of the
        largest pairwise mutual information, learned from the table, all but the first after
        random perturbations of it. "auto":
        "chow_liu", which gave higher test likelihoods on most tables that we tried, but
        "random_trees" where `depth` is set or the layer is "tucker" (without `depth`, of three
        halvings). Of several learned trees each learns from all rows first, and specialises in
        the course of training (see Notes). A callable gets codes and numbers of training rows, a
        mask of the columns of numbers, weights, a `skpc.circuit.structures.StructureSpec` and a
        RandomState, and returns a `RegionGraph`.
    depth : int or None, default=None
        Number of halvings D of a random tree; for "poon_domingos" each axis is cut into
        2**depth pieces. None, or more than the columns allow: as deep as they allow.
    n_replicas : int or "auto", default="auto"
        Number of trees R. "auto": 24 learned ones (8 for tables of up to 1,000 rows, 16 for larger
        ones of up to 32 columns) or 10 random ones.
    n_sums : int or "auto", default="auto"
        Number of units K of a sum region. "auto": 12, but of learned trees 24 for tables of over
        1,000 rows and up to 32 columns, and 32 for tables of 300 to 1,000 rows of numbers alone.
    n_leaves : int or "auto", default="auto"
        Number of units of a leaf region. "auto": as many as `n_sums`.
    layer : {"cp", "tucker"}, default="cp"
        How the children of a partition are combined: unit by unit, after a sum for each child
        (CP), or by all pairs of units (Tucker, the Einsum layer of the paper, which needs
        partitions of two children).
    components : "auto", str, object or list of these, default="auto"
        What the density is a mixture of: "trees" (the circuit that `structure` describes),
        "gaussians" (full covariances over all columns of numbers at once, for numbers that are
        nearly functions of each other), "latent_mixture" (products of leaves that a small network
        decodes from points of a latent space, for what changes all columns at once, such as the
        topic of a text), "kernels" (a unit for every row, which ranks rows as neighbours do), or
        objects of `skpc.components`, which have parameters of their own.
        "auto": the first three compete on held-out rows, the Gaussians on tables of 100 rows or
        more with 2 to 200 columns of numbers, the latent mixture on tables of more than 1,000 rows
        and at most 3,000 categories and columns (see Notes). Name "trees" to have the circuit
        alone, as in the papers; it is quicker to fit.
    leaf : {"auto", "bernoulli", "beta", "binomial", "categorical", "exponential", "gamma", \
"gaussian", "lognormal", "numeric", "poisson"}, Numeric, subclass of Leaf, or one per column, \
default="auto"
        Leaf families: one for all columns, a list, or a dict by name or position of columns,
        in which the others are "auto". "auto": categorical for the columns of
        `categorical_features`, bernoulli for booleans and for columns that hold zeros and
        ones, else numeric: atoms, such as zeros of an amount or the values of a small range of
        integers, have probabilities of their own, and all other numbers are normal after an
        increasing piecewise-linear map that is chosen by the likelihood of the column; a
        `skpc.Numeric` sets the grid, the bounds or the atoms of such a column. Values
        that a named family does not model are refused: "poisson" takes counts, "binomial" counts
        up to the largest in training, or up to the `n_trials` of a subclass of it, "exponential"
        zero and positive numbers, "gamma" and "lognormal" positive numbers, "beta" numbers above
        0 and below 1. A family of your own is a subclass of `skpc.circuit.leaves.Leaf`.
    grid_shape : tuple of int or None, default=None
        For "poon_domingos": sides of the grid whose cells, in C order, are the columns.
        None: one row of columns.
    categorical_features : "from_dtype", array-like of bool, int, str or tuple, or None, \
default="from_dtype"
        Columns of categories: a mask, positions or names. An integer is a position, but a name
        where columns have integers as names; it is refused if it could mean two columns.
        "from_dtype": columns of a frame that hold strings or categories. Of more than 256
        categories, those with fewer than 10 rows share one probability in each unit, which they
        split by their rows.
    one_hot : "auto", list of lists of int, str or tuple, or None, default="auto"
        Groups of columns of zeros and ones of which at most one is 1 in a row, as `get_dummies` and
        `OneHotEncoder` make them: a group is modelled as the one column of categories that it
        stands for (see Notes). "auto": groups are found where never two of the columns are 1 in a
        row of the (first) training table, at least half of the rows have a 1, and chance would not
        have made them so. Adjacent columns of which exactly one is 1 in every row are taken; of
        all others held-out rows choose in a short trial. A list names the columns of each group; a
        row with two ones is refused in training. None: all columns by themselves.
    missing : {"integrate", "model"}, default="integrate"
        What a missing cell is. "integrate": unknown, and integrated out, in training and in
        queries. "model": a hole, which is a value of its cell like any other, for tables in which
        it matters what is missing. Every column with a hole in the (first) training table has an
        indicator of its holes, which is modelled with the row: the density is one of the observed
        values and of the pattern of holes, and draws have holes (see Notes). In a structure of
        your own the indicators are further columns, zeros and ones, after those of X, in
        their order.
    solver : {"auto", "em", "adam"} or object, default="auto"
        Expectation maximisation (stepwise over mini-batches) or rectified Adam on softmax
        logits. "auto" stands for "em", which reached higher likelihoods in equal time
        in our benchmarks. An object of your own offers what
        `skpc.circuit.training.Solver` describes.
    learning_rate : float or "auto", default="auto"
        First step size, in (0, 1] for EM; it falls linearly to zero over the passes. "auto":
        0.5 for EM, 0.1 for Adam. Full-batch EM always takes full steps.
    batch_size : int, "auto" or None, default="auto"
        Rows per step; None: all. "auto": all rows for EM on tables of up to 1,000 rows, else a
        128th of them, between 64 and 512.
    max_iter : int or "auto", default="auto"
        Largest number of passes of the trees over the rows. "auto": 100 over full batches of EM;
        else as many as make 5,000 steps, between 5 and 50 (Adam: 500). EM over learned trees:
        between 5 and 12, or as many as make 300 steps if that is more. Where a number of passes
        ends while the likelihood still rises, a ConvergenceWarning says so.
    tol : float, default=1e-4
        Smallest rise of the mean log-likelihood that counts as one.
    n_init : int, default=1
        Number of starts; the one with the highest likelihood is kept.
    early_stopping : bool or "auto", default="auto"
        Whether to hold out rows, stop when their likelihood stops rising and keep the best
        pass; of full batches of EM the last one within a standard error of the best, since few
        rows cannot tell them apart. "auto": for EM over full batches of 50 to 1,000 rows with
        `smoothing="auto"`.
    validation_fraction : float or "auto", default="auto"
        Share of rows to hold out. "auto": 0.1, or 0.2 where fewer than 500 rows stop early.
    n_iter_no_change : int or "auto", default="auto"
        Passes without a rise after which training stops. "auto": 5, or 25 where early stopping
        would be the default.
    smoothing : float or "auto", default="auto"
        Pseudo-rows that are added to the rows of every unit: for a leaf, rows distributed as its
        column is; for a sum, equal counts of its inputs. "auto": 0.1, which EM halves or doubles
        after each pass if that makes held-out rows more likely. The held-out rows are a
        `validation_fraction` of the rows, at most 5,000, and are added to the model at the end.
        Without early stopping, that is done for tables of 100 rows or more with columns of
        numbers, of categories or one-hot groups; "auto" stops small tables early.
    min_variance : float, default=1e-3
        Floor of a leaf's variance, as a share of its column's; of the relative variance for
        families of positive numbers and of numbers between 0 and 1.
    warm_start : bool, default=False
        Whether `fit` goes on from the fitted parameters, with the same columns,
        structure and scales.
    device : str, default="auto"
        "cpu", "cuda" or any device of torch; "auto": CUDA where there is one.
    dtype : {"float32", "float64"}, default="float32"
        Of the passes in training. Statistics, parameters and scores of float64 tables are
        float64 always.
    random_state : int, RandomState instance or None, default=None
        Source of all that is random. Every phase of a fit (structure, held-out rows, start, order
        of rows, each component) has a stream of its own: one that is left out moves no other.
    verbose : int, default=0
        Print the likelihood after every `verbose` passes; 0: never.

    Attributes
    ----------
    structure_ : RegionGraph
        Regions and partitions.
    leaf_families_ : list of str
        Family of every column; of the members of one-hot groups that of zeros and ones.
    columns_ : list of ColumnReport
        How every column is modelled; it prints as a table. Each has `name`, `family`, and of
        columns of numbers the `step` of the grid that nearly all rows lie on (0: none), the
        `bounds` that draws and imputed values keep to, `atoms`, and `beyond`, the probability
        that the density gives to numbers beyond the bounds; of columns of a one-hot group it has
        the names of all columns of it, `group`.
    component_names_ : list of str (P,)
        Components that the density is a mixture of.
    component_weights_ : ndarray (P,)
        Their weights, which add to one.
    settings_ : dict
        Values that "auto" stood for, by parameter (a list of names for `components`): an
        estimator that names one of them, or all, is fitted to the same model, to the last bit.
    n_parameters_ : int
        Number of free numbers that the model stores: of all components, and their weights.
    history_ : dict of dict of ndarray
        By the name of a component, one entry per pass or step, as far as it keeps some.
        "log_likelihood": mean training log density of the pass; "seconds": since its start;
        "validation_log_likelihood" if rows were held out.
    fit_seconds_ : dict of float
        Seconds of the phases of the fit that took place: "structure" (columns, one-hot groups and
        region graph), "trees", "gaussians", "latent_mixture" and "kernels".
    smoothing_ : float
        Pseudo-rows per unit of the trees; absent where there are none, as are the next two.
    n_iter_ : int
        Passes of the kept start of the trees.
    converged_ : bool
        Whether the last pass of the trees raised the likelihood by no more than `tol`.
    n_features_in_ : int
        Number of columns D.
    feature_names_in_ : ndarray of str
        Names of the columns, if X was a frame.

    Notes
    -----
    Weights count rows: a weight of 2 is a repeated row. `smoothing` is weighed against the
    sum of the weights, or the number of rows if that is larger. Densities are in the units
    of X, so that scores compare across scalers. A value that training never showed gets a
    probability of its own in a column of categories, in a column in which training showed only
    zeros and ones, and, above the largest count, in a binomial one: about t (t + 1) / n^2 after n
    rows with t different values (t = 2 for binomial). In a numeric
    column the density of an atom is its probability over the step of the column's grid: for
    integers it is the probability. The step is that of nearly all rows, and a number off the grid
    is read as its cell. Draws are given that every number lies within the bounds of `columns_`.
    In the choice of atoms whole weights count rows; of any other weights the unit does not matter.

    A one-hot group is a column of categories to the model, one for each member and one for rows
    without a 1, if training had any; a structure of your own has one column for it, after those
    that are in no group, and before the indicators of holes. All other patterns of the d members
    share one probability, as a value does that training never showed: by independent members. So
    the density is one of all 2^d patterns. Every query knows the members themselves: where a row
    shows some of them, all patterns that they allow are summed, in training too (by the trees; to
    other components a group is missing then while they learn). Draws have patterns of training, and
    `impute` fills the missing members of a row by the most probable pattern, or a drawn one.

    With `missing="model"` a missing cell of X is a recorded hole in every query, and its indicator
    is evidence: `sample_conditional`, `impute` and `moments` say what the value would be, given
    the observed cells and the pattern of holes. What is left out of a question is unknown, be it a
    value or a hole: columns outside `features`, columns that `sample(given=...)` does not give, the
    columns themselves in `predict_quantiles` and `cdf`. `predict_conditional` and `score_columns`
    give holes their probabilities, and a row of holes alone has that of its pattern. Missing cells
    of columns that had none in the first training table are integrated out. A value behind a hole
    is never seen: what the model says of it rests on the other columns.

    Each row trains all of several learned trees, in shares proportional to the p-th powers of
    their posterior probabilities, p the tempering exponent. p rises from 0.2 to 0.6, over full
    batches from 0.1 to 0.2: at 1 a tree would learn only from the rows that it explains best, and
    overfit them. Training then maximises a power mean of the trees' densities, not the likelihood
    itself; the fitted model is the plain mixture, and scores and `history_` are its exact
    likelihoods.

    A latent mixture is trained by Adam through its network, on at most 200,000 rows, in 25 passes
    over batches of 128 rows (but 800 to 4,000 steps). At first the points are shifted at random in
    every step, then they are trained as well. Held-out rows say six times what it adds to the
    mixture: training stops where that has not risen twice, or half-way if the component would
    weigh less than 0.02, and the best of these states is kept. The network is not kept: what
    remains is a circuit of one leaf region.

    The Gaussians are over the columns whose leaves are "gaussian", or "numeric" if at least half
    of their cells are not atoms, on the scale of their maps; other columns are independent of
    these in each Gaussian. EM trains them on at most 200,000 rows, with the conditional means and
    covariances of missing numbers, and for many rows stepwise over random batches. Their floor of
    variance is a hundredth of `min_variance`: if other columns are known, a number may vary much
    less. "auto" tries mixtures of 3, 12, 48 and 128, each one with at least 10 rows per Gaussian,
    and mixes them; it stops before those whose steps would take too long because the rows have
    many patterns of missing numbers.

    Held-out rows (a `validation_fraction`, without early stopping at most 5,000) decide the weights
    of the components, and are learned afterwards (trees that Adam trains do not learn them).
    Components other than the trees that weigh less than 0.02 are left out. `partial_fit` and
    `warm_start` change the trees alone: other components and all weights are kept.

    References
    ----------
    Peharz et al., "Einsum Networks: Fast and Scalable Learning of Tractable Probabilistic
    Circuits", ICML 2020; for the latent mixtures Correia et al., "Continuous mixtures of
    tractable probabilistic models", AAAI 2023; for EM with missing numbers Ghahramani and
    Jordan, "Supervised learning from incomplete data via an EM approach", NIPS 1993.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skpc import EinetDensityEstimator
    >>> X = load_iris().data
    >>> model = EinetDensityEstimator(n_sums=5, random_state=0).fit(X)
    >>> model.score_samples(X).shape
    (150,)
    >>> X[0, 3] = float("nan")
    >>> model.sample_conditional(X[:1], random_state=0)[0, :3]
    array([5.1, 3.5, 1.4])
    """

    _results: ClassVar[tuple[str, ...]] = ("_fitted_density",)
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "structure": [
            StrOptions({"auto", "random_trees", "chow_liu", "poon_domingos"}),
            RegionGraph,
            callable,
        ],
        "depth": [Interval(Integral, 0, None, closed="left"), None],
        "n_replicas": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "n_sums": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "n_leaves": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "layer": [StrOptions({"cp", "tucker"})],
        "components": [str, list, tuple, HasMethods(["get_params"]), HasMethods(["fit"])],
        "leaf": [str, type, dict, Numeric, "array-like"],
        "grid_shape": ["array-like", None],
        "categorical_features": ["array-like", StrOptions({"from_dtype"}), None],
        "one_hot": [list, tuple, StrOptions({"auto"}), None],
        "missing": [StrOptions({"integrate", "model"})],
        "solver": [
            StrOptions({"auto", *SOLVERS}),
            HasMethods(["begin", "update", "under_prior", "to_arrays", "from_arrays"]),
        ],
        "learning_rate": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "batch_size": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"}), None],
        "max_iter": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "tol": [Interval(Real, 0, None, closed="left")],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "early_stopping": ["boolean", StrOptions({"auto"})],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither"), StrOptions({"auto"})],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "smoothing": [Interval(Real, 0, None, closed="left"), StrOptions({"auto"})],
        "min_variance": [Interval(Real, 0, None, closed="neither")],
        "warm_start": ["boolean"],
        "device": [str],
        "dtype": [StrOptions({"float32", "float64"})],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        structure: Any = "auto",
        *,
        depth: int | None = None,
        n_replicas: Any = "auto",
        n_sums: Any = "auto",
        n_leaves: Any = "auto",
        layer: str = "cp",
        components: Any = "auto",
        leaf: Any = "auto",
        grid_shape: Any = None,
        categorical_features: Any = "from_dtype",
        one_hot: Any = "auto",
        missing: str = "integrate",
        solver: Any = "auto",
        learning_rate: Any = "auto",
        batch_size: Any = "auto",
        max_iter: Any = "auto",
        tol: float = 1e-4,
        n_init: int = 1,
        early_stopping: Any = "auto",
        validation_fraction: Any = "auto",
        n_iter_no_change: Any = "auto",
        smoothing: Any = "auto",
        min_variance: float = 1e-3,
        warm_start: bool = False,
        device: str = "auto",
        dtype: str = "float32",
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.structure = structure
        self.depth = depth
        self.n_replicas = n_replicas
        self.n_sums = n_sums
        self.n_leaves = n_leaves
        self.layer = layer
        self.components = components
        self.leaf = leaf
        self.grid_shape = grid_shape
        self.categorical_features = categorical_features
        self.one_hot = one_hot
        self.missing = missing
        self.solver = solver
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.tol = tol
        self.n_init = n_init
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.smoothing = smoothing
        self.min_variance = min_variance
        self.warm_start = warm_start
        self.device = device
        self.dtype = dtype
        self.random_state = random_state
        self.verbose = verbose

    @with_callbacks
    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fit the circuit to a table.

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

        Raises
        ------
        ValueError
            For infinities, text in a column of numbers, dates and other types that draws cannot
            have, columns of one name, an empty table, bad weights or a structure that does not
            fit the table; the message names the column.
        """
        last = getattr(self, "_fitted_density", None) if self.warm_start else None
        data = self._read_training(X, sample_weight, last)
        random = check_random_state(self.random_state)
        reporter = PassReporter(self, X, _attributes)
        fitted = fitting.fit(self._spec(), data, random, reporter, last)
        # Users may turn warnings into errors, so they come before the model is stored.
        self._warn(fitted)
        if last is None:
            _warn_of_unique_columns(fitted)
        return self._store(fitted)

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Go through a block of rows once, with a step that shrinks from block to block.

        The first call chooses columns, scales and structure as `fit` does. A block that is passed
        again counts again, for the step size and for `smoothing`.

        Parameters
        ----------
        X : array-like or frame (n, D)
        y : None
            Ignored.
        sample_weight : array-like (n,), optional

        Returns
        -------
        self
        """
        last = getattr(self, "_fitted_density", None)
        data = self._read_training(X, sample_weight, last)
        random = check_random_state(self.random_state)
        fitted = fitting.partial_fit(self._spec(), data, random, last)
        if last is None:
            _warn_of_unique_columns(fitted)
        return self._store(fitted)

    def _spec(self) -> FitSpec:
        """The parameters as one record."""
        values = {field.name: getattr(self, field.name) for field in fields(FitSpec)}
        if not (isinstance(self.components, str) and self.components == "auto"):
            values["components"] = kinds_of(self.components)
        return FitSpec(**values)

    def _read_training(
        self, X: Any, sample_weight: Any, last: FittedDensity | None
    ) -> TrainingRows:
        """Columns and weights of the rows with positive weight."""
        X, features = check_table(self, X, None if last is None else features_of(last))
        weights = check_weights(self, sample_weight, X)
        table, counts = read_table(X), weights > 0
        if not counts.all():
            table, weights = table.rows(counts), weights[counts]
        return TrainingRows(table, weights, features.names)

    def _warn(self, fitted: FittedDensity) -> None:
        """Warn where the passes that the user allowed ended while the likelihood still rose."""
        if self.max_iter != "auto" and fitted.trees is not None and not fitted.trees.converged:
            warnings.warn(
                f"max_iter={self.max_iter} passes ended while the likelihood of the trees still "
                f"rose by more than tol={self.tol} a pass; raise max_iter, or leave it 'auto'.",
                ConvergenceWarning,
                stacklevel=5,
            )

    def _store(self, fitted: FittedDensity) -> Self:
        """Set all fitted attributes at once, in place of those of an earlier fit."""
        store(self, _attributes(fitted), absent=("feature_names_in_", *OF_TREES))
        return self

    def _result(self) -> FittedDensity | None:
        """The fitted density, for files."""
        return getattr(self, "_fitted_density", None)

    def _attributes_of(self, result: Any) -> dict[str, Any]:
        """All fitted attributes, from a file or a pickle."""
        if not isinstance(result, FittedDensity):
            raise ValueError("it holds no density.")
        return _attributes(result)

    def __sklearn_is_fitted__(self) -> bool:
        """Whether there is a fitted density."""
        return hasattr(self, "_fitted_density")

    def __sklearn_tags__(self) -> Any:
        """Tags that allow missing cells."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _warn_of_unique_columns(fitted: FittedDensity) -> None:
    message = fitting.unique_columns(fitted.plan.table)
    if message is not None:
        warnings.warn(message, UserWarning, stacklevel=5)


def _attributes(fitted: FittedDensity) -> dict[str, Any]:
    """Fitted attributes of the estimator."""
    plan, trees = fitted.plan, fitted.trees
    of_trees = trees and {
        "smoothing_": trees.smoothing,
        "n_iter_": len(trees.history["log_likelihood"]),
        "converged_": trees.converged,
    }
    return {
        "structure_": plan.graph,
        "leaf_families_": [column.family_name for column in plan.table.columns],
        "component_names_": fitted.names,
        "component_weights_": fitted.weights,
        "settings_": fitted.settings,
        "n_parameters_": fitted.n_parameters,
        "history_": fitted.history,
        "fit_seconds_": fitted.seconds,
        **(of_trees or {}),
        **features_of(fitted).attributes(),
        "_fitted_density": fitted,
    }
