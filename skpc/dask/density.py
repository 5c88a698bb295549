"""EinetDensityEstimator over Dask collections: a sample is fitted here, all rows where they are.

Axes: n rows of a block, D columns.
"""

from dataclasses import replace
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from dask.delayed import delayed
from distributed import Client
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .. import _fitting as fitting
from ..density import EinetDensityEstimator as Local
from .cluster import ClientCluster, cluster_of
from .collections import (
    blocks_of,
    check_rows,
    column_blocks,
    empty_like,
    is_dask_collection,
    like_rows,
    one_a_row,
    seeds_of,
    table_of,
)
from .parameters import OnCluster, with_parameters

# Rows that are drawn by one task.
DRAWN_ROWS = 100_000


class EinetDensityEstimator(OnCluster, Local):
    """`skpc.EinetDensityEstimator` over Dask arrays and frames.

    A sample of `sample_rows` random rows, with the rows that show the ends of a column of numbers
    or a category first, is fitted here as the local class does: it decides the columns, the
    structure, the components and their weights. If there are more rows, the trees then go over all
    of them in `n_rounds` passes of EM: each block gives its statistics, where it is, and their sum,
    added in the order of the blocks, is one step. Nothing depends on the number of workers, and a
    worker that is lost changes nothing.

    With `batch_size=None` the trees learn from all rows from their start, by full passes of
    `max_iter` at most; where all rows are in the sample, that is the fit in memory, to rounding.

    Parameters
    ----------
    structure, depth, n_replicas, n_sums, n_leaves, layer, components, leaf, grid_shape, \
categorical_features, one_hot, missing, solver, learning_rate, batch_size, max_iter, tol, n_init, \
early_stopping, validation_fraction, n_iter_no_change, smoothing, min_variance, warm_start, \
device, dtype, random_state, verbose
        As in `skpc.EinetDensityEstimator`. Each worker chooses its own device by `device`.
    client : distributed.Client or None, default=None
        Of the cluster that computes. None: the client of the caller, if there is one; else threads
        of this process.
    sample_rows : int, default=100_000
        Rows of the sample, which is in memory here.
    n_rounds : int, default=3
        Passes over all rows after the fit to the sample.

    See Also
    --------
    skpc.EinetDensityEstimator : All other parameters, attributes and methods.

    Examples
    --------
    >>> import dask.array as da
    >>> from skpc.dask import EinetDensityEstimator
    >>> X = da.random.RandomState(0).normal(size=(2000, 3), chunks=(500, 3))
    >>> model = EinetDensityEstimator(components="trees", sample_rows=500, random_state=0).fit(X)
    >>> model.score_samples(X).compute().shape
    (2000,)
    """

    _local = Local
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **Local._parameter_constraints,
        "client": [Client, None],
        "sample_rows": [Integral],
        "n_rounds": [Integral],
    }

    @with_parameters(Local, client=None, sample_rows=100_000, n_rounds=3)
    def __init__(
        self,
        structure: Any = "auto",
        *,
        client: Any = None,
        sample_rows: int = 100_000,
        n_rounds: int = 3,
        **parameters: Any,
    ) -> None:
        super().__init__(structure, **parameters)
        self.client = client
        self.sample_rows = sample_rows
        self.n_rounds = n_rounds

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fit the density to all blocks.

        Parameters
        ----------
        X : dask Array or DataFrame (n, D), or anything that the local class takes
        y : None
            Ignored.
        sample_weight : dask Array or Series (n,), optional
            With the blocks of X.

        Returns
        -------
        self

        Raises
        ------
        ValueError, TypeError
            As the local class.
        ConnectionError
            If the scheduler does not answer; the estimator is as before.
        """
        if not is_dask_collection(X):
            return super().fit(X, y, sample_weight)
        self._validate_params()
        check_rows(X)
        if self.warm_start:
            raise ValueError("warm_start is True; over Dask collections False is accepted.")
        for name, least in (("sample_rows", 2), ("n_rounds", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}; {least} or more is accepted.")
        with cluster_of(self.client) as cluster:
            fitted = self._fit_blocks(cluster, X, sample_weight)
        self._warn(fitted)
        return self._store(fitted)

    def _fit_blocks(
        self, cluster: ClientCluster, X: Any, sample_weight: Any
    ) -> fitting.FittedDensity:
        """The density of a sample, and the passes of its trees over all rows."""
        random = check_random_state(self.random_state)
        blocks, weights, scans = self._scanned(cluster, X, sample_weight)
        positions = fitting.sample_positions(scans, self.sample_rows, random)
        rows = _joined(cluster.gather(cluster.map(_rows_at, blocks, positions)))
        counts = np.concatenate(cluster.gather(cluster.map(_weights_at, weights, positions)))
        data = self._read_training(rows, counts, None)
        spread = fitting.BlockTable(cluster, blocks, weights, positions, self.device)
        spec = self._spec()
        if self.batch_size is None:
            return fitting.fit(spec, data, random, Silent(), None, spread)
        fitted = fitting.fit(spec, data, random, Silent())
        n_rows = sum(len(one.counted) for one in scans)
        if fitted.trees is None or not self.n_rounds or n_rows <= len(data):
            return fitted
        again = replace(spec, max_iter=self.n_rounds, early_stopping=False)
        return fitting.fit(again, data, random, Silent(), fitted, spread)

    def _scanned(
        self, cluster: ClientCluster, X: Any, sample_weight: Any
    ) -> tuple[list[Any], list[Any], list[Any]]:
        """Handles of blocks and weights, and what the blocks say of themselves."""
        parts = blocks_of(X)
        given = column_blocks(sample_weight, X, len(parts), "sample_weight")
        blocks = cluster.compute(parts)
        lazy = bool(given) and is_dask_collection(given[0])
        weights = cluster.map(_weights, blocks, cluster.compute(given) if lazy else given)
        scans = cluster.gather(cluster.map(fitting.scan, blocks, weights))
        if not sum(len(one.counted) for one in scans):
            raise ValueError("X has no row of positive weight; at least one is needed.")
        return blocks, weights, scans

    def score_samples(self, X: Any) -> Any:
        """Log density of every row, lazily by blocks; see `skpc.EinetDensityEstimator`.

        Parameters
        ----------
        X : dask Array or DataFrame (n, D), or anything that the local class takes

        Returns
        -------
        dask Array (n,)
        """
        if not is_dask_collection(X):
            return super().score_samples(X)
        return one_a_row(_scores, X, self._asked())

    def predict_marginal(self, X: Any, features: Any) -> Any:
        """Log marginal density of the columns `features`, lazily by blocks."""
        if not is_dask_collection(X):
            return super().predict_marginal(X, features)
        return one_a_row(_marginals, X, self._asked(), features)

    def predict_conditional(self, X: Any, features: Any) -> Any:
        """Log density of the columns `features` given all others, lazily by blocks."""
        if not is_dask_collection(X):
            return super().predict_conditional(X, features)
        return one_a_row(_conditionals, X, self._asked(), features)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Mean log density of the rows, computed now."""
        if not is_dask_collection(X):
            return super().score(X, y, sample_weight)
        if sample_weight is None:
            return float(self.score_samples(X).mean().compute())
        scores, weights = self.score_samples(X).compute(), np.asarray(sample_weight)
        return float(np.average(scores, weights=weights))

    def impute(self, X: Any, strategy: str = "mean", random_state: Any = None) -> Any:
        """A copy of X whose missing cells are filled, lazily by blocks."""
        if not is_dask_collection(X):
            return super().impute(X, strategy, random_state)
        model, seeds = self._asked(), seeds_of(random_state, len(blocks_of(X)))
        return like_rows(_Imputed(strategy), X, empty_like(X), seeds, model)

    def sample_conditional(self, X: Any, n_samples: int = 1, random_state: Any = None) -> Any:
        """A copy of X whose missing cells are drawn given the others, lazily by blocks.

        Of a Dask collection one copy: `n_samples` is 1.
        """
        if not is_dask_collection(X):
            return super().sample_conditional(X, n_samples, random_state)
        if n_samples != 1:
            raise ValueError(f"n_samples is {n_samples}; of a Dask collection 1 is accepted.")
        model, seeds = self._asked(), seeds_of(random_state, len(blocks_of(X)))
        return like_rows(_completed, X, empty_like(X), seeds, model)

    def sample_blocks(self, n_samples: int, *, random_state: Any = None) -> Any:
        """Rows drawn lazily, 100,000 a block, as a Dask array or frame; `sample` draws them here.

        Parameters
        ----------
        n_samples : int
        random_state : int, RandomState or None

        Returns
        -------
        dask Array or DataFrame (n_samples, D)
        """
        model = self._asked()
        if not isinstance(n_samples, Integral) or n_samples < 1:
            raise ValueError(f"n_samples is {n_samples!r}; a positive integer is accepted.")
        full, rest = divmod(int(n_samples), DRAWN_ROWS)
        sizes = [DRAWN_ROWS] * full + [rest] * (rest > 0)
        shared = delayed(model, pure=False, traverse=False)
        seeds = seeds_of(random_state, len(sizes))
        parts = [
            delayed(_drawn, pure=False)(shared, n, seed)
            for n, seed in zip(sizes, seeds, strict=True)
        ]
        return table_of(parts, model.sample(1, random_state=0)[:0], sizes)

    def _asked(self) -> Local:
        """The local model that workers ask."""
        check_is_fitted(self)
        local: Local = self.to_local()
        return local


class Silent:
    """Reports nothing of a fit; `verbose` prints all the same."""

    stopped = False

    def open(self, max_tasks: int) -> None:
        """Nothing."""

    def begin(self, task: str = "pass") -> None:
        """Nothing."""

    def end(self, result: Any) -> bool:
        """The fit goes on."""
        return False

    def close(self, result: Any) -> None:
        """Nothing."""


def _weights(X: Any, weights: Any) -> Any:
    """Weights of a block, (n,)."""
    if weights is None:
        return np.ones(len(X))
    array = np.asarray(weights, dtype=np.float64)
    if array.shape != (len(X),):
        raise ValueError(f"sample_weight has the shape {array.shape} in a block of {len(X)} rows.")
    if not (np.isfinite(array).all() and (array >= 0).all()):
        wrong = array[~(np.isfinite(array) & (array >= 0))][0]
        raise ValueError(f"sample_weight has {wrong}; finite numbers from 0 are accepted.")
    return array


def _rows_at(X: Any, positions: Any) -> Any:
    return X.iloc[positions] if hasattr(X, "iloc") else X[positions]


def _weights_at(weights: Any, positions: Any) -> Any:
    return weights[positions]


def _joined(blocks: list[Any]) -> Any:
    """Blocks of a sample as one table."""
    counted = [block for block in blocks if len(block)]
    if not hasattr(counted[0], "columns"):
        return np.concatenate(counted)
    from dask.dataframe.dispatch import concat

    return concat(counted, ignore_index=True)


def _scores(block: Any, model: Local) -> Any:
    return model.score_samples(block).astype(np.float64) if len(block) else np.zeros(0)


def _marginals(block: Any, model: Local, features: Any) -> Any:
    return model.predict_marginal(block, features).astype(np.float64) if len(block) else np.zeros(0)


def _conditionals(block: Any, model: Local, features: Any) -> Any:
    if not len(block):
        return np.zeros(0)
    return model.predict_conditional(block, features).astype(np.float64)


class _Imputed:
    """Imputation of a block by a strategy."""

    def __init__(self, strategy: str) -> None:
        self.strategy = strategy

    def __call__(self, block: Any, model: Local, seed: int) -> Any:
        """The block with its missing cells filled."""
        if not len(block):
            return block
        return model.impute(block, self.strategy, random_state=seed)


def _completed(block: Any, model: Local, seed: int) -> Any:
    return model.sample_conditional(block, random_state=seed) if len(block) else block


def _drawn(model: Local, n: int, seed: int) -> Any:
    return model.sample(n, random_state=seed)
