"""EinetDensityEstimator: validates, converts and stores; the mathematics is in `circuit`.

Axes: n rows, D columns.
"""

from numbers import Integral, Real
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, DensityMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from ._fitting import fit as fitting
from ._fitting.setup import column_mask
from ._queries.impute import impute
from ._sklearn import (
    CallbackSupportMixin,
    Interval,
    StrOptions,
    check_sample_weight,
    fit_context,
    with_callbacks,
)
from ._tables.frames import RawColumn, read_columns, take_rows
from ._tables.table import Encoded, Table
from ._validation import check_count, check_table
from .circuit import RegionGraph
from .circuit.components import mixture
from .circuit.components.component import Part

Floats = NDArray[Any]


class EinetDensityEstimator(CallbackSupportMixin, DensityMixin, BaseEstimator):
    """Density of a table by an Einsum Network, a probabilistic circuit.

    Columns may be numbers, zeros and ones, or categories, and cells may be missing. The
    fitted model gives exact log densities of whole rows, of any columns alone and of any
    columns given others, and exact draws.

    Parameters
    ----------
    structure : {"auto", "random_trees", "chow_liu", "poon_domingos"} or RegionGraph, \
default="auto"
        How columns are split. "chow_liu": by trees of the largest pairwise mutual information,
        learned from the table, all but the first after random perturbations of it. "auto":
        "chow_liu", which gave higher test likelihoods on most tables that we tried, but
        "random_trees" where `depth` is given or the layer is "tucker" (then at most three
        deep). Several learned trees first all learn from all rows and specialise as training
        goes on (see Notes).
    depth : int or None, default=None
        Number of halvings D of a random tree; for "poon_domingos" each axis is cut into
        2**depth pieces. None, or more than the columns allow: as deep as they allow.
    n_replicas : int or None, default=None
        Number of trees R. None: 24 learned ones (8 of up to 1,000
        rows) or 10 random ones.
    n_gaussians : int or "auto", default="auto"
        Number of Gaussians with full covariances beside the trees, over all columns of numbers
        at once (see Notes). They model numbers that are nearly functions of each other. "auto":
        3 to 191, as many as held-out rows speak for, where `structure` is "auto", its trees are
        learned and the table has 100 rows or more and 2 to 200 columns of numbers; else none.
    n_decoders : int or "auto", default="auto"
        Number of continuous mixtures beside the trees: each is a mixture of 1,024 products of
        leaves, which a small network decodes from points of a latent space of 32 dimensions
        (see Notes). They model what moves all columns at once, such as the topic of a text,
        and trees what binds a few. "auto": one where `structure` is "auto", its trees are
        learned and the table has more than 1,000 rows and at most 3,000 categories and columns;
        else none.
    n_sums : int, default=12
        Number of units K of a sum region.
    n_leaves : int or None, default=None
        Number of units of a leaf region; None: `n_sums`.
    layer : {"cp", "tucker"}, default="cp"
        How two children are combined: unit by unit after a sum each (CP), or by all pairs
        of units (Tucker, the Einsum layer of the paper; needs partitions in two).
    leaf : {"auto", "bernoulli", "beta", "binomial", "categorical", "exponential", "gamma", \
"gaussian", "lognormal", "numeric", "poisson"}, subclass of Leaf, or one per column, default="auto"
        Leaf families: one for all columns, a list, or a dict by name or position of columns,
        in which the others are "auto". "auto": categorical for the columns of
        `categorical_features`, bernoulli for booleans and for columns that hold zeros and
        ones, else numeric: values that stand out, such as zeros of an amount or few integers,
        have probabilities of their own, and all other numbers are normal after an increasing
        piecewise linear map that is chosen by the likelihood of the column. Values that a
        named family does not model are refused: "poisson" takes counts, "binomial" counts up
        to the largest in training, or up to the `n_trials` of a subclass of it, "exponential"
        zero and positive numbers, "gamma" and "lognormal" positive numbers, "beta" numbers
        above 0 and below 1. A family of your own is a subclass of
        `skpc.circuit.leaves.Leaf`.
    grid_shape : tuple of int or None, default=None
        For "poon_domingos": sides of the grid whose cells, in C order, are the columns.
        None: one row of columns.
    categorical_features : "from_dtype", array-like of bool, int or str, or None, \
default="from_dtype"
        Columns of categories: a mask, positions or names. "from_dtype": columns of a frame
        that hold strings or categories.
    solver : {"auto", "em", "adam"}, default="auto"
        Expectation maximisation (stepwise over mini-batches) or rectified Adam on softmax
        logits. "auto" stands for "em", which reached higher likelihoods in equal time
        in our benchmarks.
    learning_rate : float or None, default=None
        First step size, in (0, 1] for EM; it falls linearly to zero over the passes. None:
        0.5 for EM, 0.1 for Adam. Full-batch EM always takes full steps.
    batch_size : int, "auto" or None, default="auto"
        Rows a step; None: all. "auto": for EM all of up to 1,000 rows; else a 128th, between
        64 and 512.
    max_iter : int or "auto", default="auto"
        Passes over the rows, at most. "auto": 100 over full batches of EM; else as many as
        make 5,000 steps, between 5 and 50 (Adam: 500), over learned trees between 5 and 12 but
        at least 300 steps.
    tol : float, default=1e-4
        Smallest rise of the mean log-likelihood that counts as one.
    n_init : int, default=1
        Number of starts; the one with the highest likelihood is kept.
    early_stopping : bool, default=False
        Whether to hold out rows, stop when their likelihood stops rising and keep the best
        pass.
    validation_fraction : float, default=0.1
        Share of rows to hold out.
    n_iter_no_change : int, default=5
        Passes without a rise after which training stops.
    smoothing : float or "auto", default="auto"
        Pseudo-rows that every unit has seen besides the data: for a leaf, rows
        distributed as its column is; for a sum, equal use of its inputs. "auto": 0.1, which EM
        halves or doubles after each pass if held-out rows are more likely then. They are a
        `validation_fraction` of the rows, at most 5,000, and are added to the model at the
        end. Without early stopping, that is done for tables of 100 rows or more with columns of
        numbers.
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
        Source of structure, start and order of rows.
    verbose : int, default=0
        Print the likelihood every so many passes.

    Attributes
    ----------
    structure_ : RegionGraph
        Regions and partitions.
    leaf_families_ : list of str
        Family of every column.
    mixture_weights_ : ndarray (P,)
        Weight of the trees, of the Gaussians if there are some, and of each continuous mixture;
        (1,) where the trees are alone.
    n_parameters_ : int
        Number of free parameters of the trees.
    history_ : dict of ndarray
        Of the trees, one entry a pass. "log_likelihood": mean training log density of the pass;
        "seconds": since the start; "validation_log_likelihood" if rows were held out.
    smoothing_ : float
        Pseudo-rows a unit of the fitted model.
    n_iter_ : int
        Passes of the kept start.
    converged_ : bool
        Whether training ended because the likelihood stopped rising or the step had fallen
        to zero.
    n_features_in_ : int
        Number of columns D.
    feature_names_in_ : ndarray of str
        Names of the columns, if X was a frame.

    Notes
    -----
    Weights count rows: a weight of 2 is a repeated row. `smoothing` is weighed against the
    sum of the weights, or the number of rows if that is larger. Densities are in the units
    of X, so that scores compare across scalers. A value that training never showed gets a
    share of its own in a column of categories, in one that was found to hold zeros and ones
    only, and, above the largest count, in a binomial one: about t (t + 1) / n^2 after n rows
    with t different values (t = 2 for binomial). A column that is constant is modelled as a
    Gaussian around its value. In a numeric column the density of a value that stands out is
    its probability over the step of the column's grid: for integers it is the probability.

    Of several learned trees each row trains all, in shares proportional to the p-th powers
    of their posterior probabilities. p rises from 0.2 to 0.6, over full batches from 0.1 to
    0.2: at 1 a tree would learn from the rows that it explains best alone, and overfit them.
    What training raises is then a power mean, not the likelihood itself; the fitted model
    is the plain mixture, and scores and `history_` are its exact likelihoods.

    A continuous mixture is trained by Adam through its network: in 25 passes over batches of
    128 rows (but 800 to 4,000 steps; `max_iter` if that is less), from at most 200,000 rows; at
    first with points that are shifted at random in every step, then with points that move. The
    network is not kept: what remains is a circuit of one leaf region.

    The Gaussians are over the columns whose leaves are "gaussian", or "numeric" with more
    numbers than values that stand out, as their maps make them; other columns are independent
    of these in each Gaussian. EM trains them, with the expected numbers behind missing cells,
    from at most 200,000 rows, of many rows stepwise over random batches. Their floor of variance
    is a hundredth of `min_variance`: given others a number may vary much less. "auto" tries
    mixtures of 3, 12, 48 and 128, each one with at least 10 rows a Gaussian, and mixes them;
    where rows have so many patterns of missing numbers that a step would take long, fewer.

    Held-out rows (a `validation_fraction`, without early stopping at most 5,000) decide what the
    trees, the Gaussians and each continuous mixture weigh, and are learned afterwards (trees that
    Adam trains do not learn them). Gaussians that weigh less than 0.02 are left out, and so are
    continuous mixtures where the first one does. `partial_fit` and fits that go on leave all but
    the trees, and the weights, as they are.

    References
    ----------
    Peharz et al., "Einsum Networks: Fast and Scalable Learning of Tractable Probabilistic
    Circuits", ICML 2020; for the continuous mixtures Correia et al., "Continuous mixtures of
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

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "structure": [
            StrOptions({"auto", "random_trees", "chow_liu", "poon_domingos"}),
            RegionGraph,
        ],
        "depth": [Interval(Integral, 0, None, closed="left"), None],
        "n_replicas": [Interval(Integral, 1, None, closed="left"), None],
        "n_gaussians": [Interval(Integral, 0, None, closed="left"), StrOptions({"auto"})],
        "n_decoders": [Interval(Integral, 0, None, closed="left"), StrOptions({"auto"})],
        "n_sums": [Interval(Integral, 1, None, closed="left")],
        "n_leaves": [Interval(Integral, 1, None, closed="left"), None],
        "layer": [StrOptions({"cp", "tucker"})],
        "leaf": [str, type, dict, "array-like"],
        "grid_shape": ["array-like", None],
        "categorical_features": ["array-like", StrOptions({"from_dtype"}), None],
        "solver": [StrOptions({"auto", "em", "adam"})],
        "learning_rate": [Interval(Real, 0, None, closed="neither"), None],
        "batch_size": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"}), None],
        "max_iter": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "tol": [Interval(Real, 0, None, closed="left")],
        "n_init": [Interval(Integral, 1, None, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
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
        n_replicas: int | None = None,
        n_gaussians: Any = "auto",
        n_decoders: Any = "auto",
        n_sums: int = 12,
        n_leaves: int | None = None,
        layer: str = "cp",
        leaf: Any = "auto",
        grid_shape: Any = None,
        categorical_features: Any = "from_dtype",
        solver: str = "auto",
        learning_rate: float | None = None,
        batch_size: Any = "auto",
        max_iter: Any = "auto",
        tol: float = 1e-4,
        n_init: int = 1,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
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
        self.n_gaussians = n_gaussians
        self.n_decoders = n_decoders
        self.n_sums = n_sums
        self.n_leaves = n_leaves
        self.layer = layer
        self.leaf = leaf
        self.grid_shape = grid_shape
        self.categorical_features = categorical_features
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
            For infinities, text in a column of numbers, dates, an empty table, bad weights
            or a structure that does not fit the table; the message names the column.
        """
        warm = self.warm_start and hasattr(self, "_arrays")
        raws, weights = self._read_training(X, sample_weight, reset=not warm)
        fitting.fit(self, X, raws, weights, warm)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Go through a block of rows once, with a step that shrinks from block to block.

        The first call decides columns, scales and structure as `fit` does. A block that is
        given again counts again, for the step size as for `smoothing`.

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
        first = not hasattr(self, "_arrays")
        raws, weights = self._read_training(X, sample_weight, reset=first)
        fitting.partial_fit(self, X, raws, weights)
        return self

    def score_samples(self, X: Any) -> Floats:
        """Log density of every row in the units of X; missing cells are integrated out.

        Parameters
        ----------
        X : array-like or frame (n, D)

        Returns
        -------
        ndarray (n,)
            Nats; float32 for an array of float32, else float64.
        """
        table, dtype = self._encode(X)
        return self._log_density(table, dtype)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Mean log density of the rows.

        Parameters
        ----------
        X : array-like or frame (n, D)
        y : None
            Ignored.
        sample_weight : array-like (n,), optional

        Returns
        -------
        float
            Nats.
        """
        scores = self.score_samples(X).astype(np.float64)
        if sample_weight is not None:
            sample_weight = check_sample_weight(
                sample_weight, scores[:, None], ensure_non_negative=True
            )
        return float(np.average(scores, weights=sample_weight))

    def predict_marginal(self, X: Any, features: Any) -> Floats:
        """Log density of some columns alone, all others integrated out.

        Parameters
        ----------
        X : array-like or frame (n, D)
            The other columns are read but not used.
        features : array-like of bool, int or str
            Those columns: a mask, positions or names.

        Returns
        -------
        ndarray (n,)
        """
        table, dtype = self._encode(X)
        return self._log_density(table.only(self._mask(features)), dtype)

    def predict_conditional(self, X: Any, features: Any) -> Floats:
        """Log density of some columns given the other observed cells of the row.

        Parameters
        ----------
        X : array-like or frame (n, D)
        features : array-like of bool, int or str
            Columns that are asked for: a mask, positions or names.

        Returns
        -------
        ndarray (n,)
            log p(x) - log p(x without these columns).
        """
        table, dtype = self._encode(X)
        evidence = table.only(~self._mask(features))
        # Differences of far densities lose their digits in float32.
        joint = self._log_density(table, torch.float64)
        found = joint - self._log_density(evidence, torch.float64)
        return found.astype(np.float32) if dtype == torch.float32 else found

    def sample(self, n_samples: int = 1, random_state: Any = None) -> Any:
        """Draw rows from the model, given that every value is one that training showed.

        Parameters
        ----------
        n_samples : int, default=1
        random_state : int, RandomState instance or None, default=None

        Returns
        -------
        array or frame (n_samples, D)
            Like the training table, with its column names and types.
        """
        check_is_fitted(self)
        n = check_count(n_samples)
        parts = self._parts()
        generator = fitting.seeded(check_random_state(random_state), parts[0].circuit.device)
        z = mixture.sample(parts, n, generator)
        return self._table.rows(z.cpu().numpy())

    def sample_conditional(self, X: Any, n_samples: int = 1, random_state: Any = None) -> Any:
        """Fill missing cells by exact draws given the observed cells of their row.

        Parameters
        ----------
        X : array-like or frame (n, D)
            A category that training never showed tells nothing about other columns.
        n_samples : int, default=1
            Draws a row.
        random_state : int, RandomState instance or None, default=None

        Returns
        -------
        array or frame (n * n_samples, D)
            The draws for row i are the rows i * n_samples to (i + 1) * n_samples - 1;
            observed cells are those of X to the bit.
        """
        times = check_count(n_samples)
        X, raws = self._read(X)
        index = np.repeat(np.arange(X.shape[0]), times)
        evidence = torch.from_numpy(self._table.encode(raws).z[index])
        parts = self._parts()
        generator = fitting.seeded(check_random_state(random_state), parts[0].circuit.device)
        z = mixture.sample_conditional(parts, evidence, generator)
        repeated = [raw.rows(index) for raw in raws]
        return self._table.fill(take_rows(X, index), repeated, z.cpu().numpy())

    def impute(self, X: Any, strategy: str = "mean") -> Any:
        """Fill missing cells by what the observed cells of their row let expect.

        Parameters
        ----------
        X : array-like or frame (n, D)
        strategy : {"mean", "mode"}, default="mean"
            "mean": the exact conditional mean in columns of numbers, the most probable value in
            columns of categories and of zeros and ones, each cell for itself. "mode": all
            missing cells of a row together as in a most probable state. That one is hard to
            find; the likeliest unit is followed at each sum from the root down, to the mode of
            its leaf (of a numeric leaf on the scale of its map).

        Returns
        -------
        array or frame (n, D)
            A copy of X; observed cells are those of X to the bit. Means are rounded where the
            column of X has an integer type.

        Raises
        ------
        ValueError
            For another strategy, and as `score_samples`.

        References
        ----------
        Peharz et al., "Einsum Networks", ICML 2020, section 3.5.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skpc import EinetDensityEstimator
        >>> X = load_iris().data
        >>> model = EinetDensityEstimator(n_sums=5, random_state=0).fit(X)
        >>> row = X[100:101].copy()
        >>> row[0, 2:] = float("nan")
        >>> model.impute(row).round()
        array([[6., 3., 5., 2.]])
        """
        if strategy not in ("mean", "mode"):
            raise ValueError(f"strategy is {strategy!r}; 'mean' and 'mode' are accepted.")
        X, raws = self._read(X)
        return impute(self._table, self._parts(), X, raws, strategy)

    def moments(self, X: Any = None) -> tuple[Floats, Floats]:
        """Exact means and variances of every column, given the observed cells of a row.

        Parameters
        ----------
        X : array-like or frame (n, D), optional
            Evidence; None: no evidence.

        Returns
        -------
        mean, variance : ndarray (n, D), or (D,) without X
            In the units of X. An observed cell has its value as mean and variance 0; columns
            of categories have NaN.

        Examples
        --------
        >>> import numpy as np
        >>> from skpc import EinetDensityEstimator
        >>> X = np.random.RandomState(0).normal([3.0, 50.0], [1.0, 5.0], size=(500, 2))
        >>> mean, variance = EinetDensityEstimator(random_state=0).fit(X).moments()
        >>> mean.round(), np.sqrt(variance).round()
        (array([ 3., 50.]), array([1., 5.]))
        """
        check_is_fitted(self)
        raws = None if X is None else self._read(X)[1]
        nothing = np.full((1, self.n_features_in_), np.nan)
        z = nothing if raws is None else self._table.encode(raws).z
        pieces = self._table.pieces()
        found = mixture.moments(self._parts(), torch.from_numpy(z), pieces)
        mean, variance = self._table.moments(*(f.cpu().numpy() for f in found), raws)
        return (mean[0], variance[0]) if raws is None else (mean, variance)

    def _read_training(
        self, X: Any, sample_weight: Any, reset: bool
    ) -> tuple[list[RawColumn], Floats]:
        """Columns and weights of the rows with positive weight."""
        X = check_table(self, X, reset=reset)
        weights = check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        if not weights.any():
            raise ValueError("sample_weight is zero for all rows; some row must count.")
        raws = read_columns(X)
        if (weights > 0).all():
            return raws, weights
        return [raw.rows(weights > 0) for raw in raws], weights[weights > 0]

    def _read(self, X: Any) -> tuple[Any, list[RawColumn]]:
        """A table with the columns of training, checked."""
        check_is_fitted(self)
        X = check_table(self, X, reset=False)
        return X, read_columns(X)

    def _encode(self, X: Any) -> tuple[Encoded, torch.dtype]:
        """Numbers of a table and the type to score it in."""
        X, raws = self._read(X)
        single = getattr(X, "dtype", None) == np.float32
        return self._table.encode(raws), torch.float32 if single else torch.float64

    def _mask(self, features: Any) -> NDArray[np.bool_]:
        names = getattr(self, "feature_names_in_", None)
        known = None if names is None else list(names)
        return column_mask(features, known, self.n_features_in_, "features")

    def _log_density(self, table: Encoded, dtype: torch.dtype) -> Floats:
        """Log density of encoded rows in the units of the table."""
        z = torch.from_numpy(table.z)
        scores = mixture.log_density(self._parts(), z, dtype).cpu().numpy()
        return scores + self._table.log_jacobian(table).astype(scores.dtype)

    def _parts(self) -> list[Part]:
        """The circuits with their parameters on the device, built once for each device."""
        cached = self.__dict__.get("_cache")
        if cached is None or cached[0] != self.device:
            self._cache = cached = (self.device, fitting.make_parts(self))
        return cached[1]

    def __getstate__(self) -> dict[str, Any]:
        """Plain Python and NumPy objects, without the cache, so that any file can hold them."""
        state = dict(super().__getstate__())
        state.pop("_cache", None)
        if "_table" in state:
            state["_table"] = self._table.state()
            graph = self.structure_
            state["structure_"] = {"regions": graph.regions, "partitions": graph.partitions}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """The estimator that `__getstate__` was asked of."""
        if "_table" in state:
            graph = RegionGraph(**state["structure_"])
            state = {**state, "_table": Table.from_state(state["_table"]), "structure_": graph}
        super().__setstate__(state)

    def __sklearn_is_fitted__(self) -> bool:
        """A fit that was interrupted before its trees were trained leaves nothing to ask."""
        return hasattr(self, "_arrays")

    def __sklearn_tags__(self) -> Any:
        """Missing cells are welcome."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
