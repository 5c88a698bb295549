"""DirectBayesianRegressor over Dask collections: second moments of blocks, one solve here.

Axes: n rows of a block, D columns, T targets.
"""

from typing import Any, ClassVar, Self

import numpy as np
from distributed import Client
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from .._regression import FIRST_BLOCK, BlockTable, Rows, fit_regression
from ..regression import DirectBayesianRegressor as Local
from .cluster import ClientCluster, cluster_of
from .collections import blocks_of, check_rows, column_blocks, is_dask_collection, one_a_row
from .parameters import OnCluster, with_parameters


class DirectBayesianRegressor(OnCluster, Local):
    """`skpc.DirectBayesianRegressor` over Dask arrays and frames.

    Every block gives its second moments, where it is; the sum is solved here. The model is that of
    a fit in memory, to rounding, and does not depend on the workers: sums are added in the order of
    the blocks. A `feature_map` is fitted on the first 20,000 rows, as in memory; a map whose
    `fit_transform` differs from its `transform` is applied by `transform` to all rows.

    Parameters
    ----------
    n_bits, prior, weight_scale, posterior, n_mixtures, n_noise_levels, noise_range, \
fit_intercept, feature_map, solver, max_iter, tol, device, random_state, verbose
        As in `skpc.DirectBayesianRegressor`. Each worker chooses its own device by `device`.
    client : distributed.Client or None, default=None
        Of the cluster that computes. None: the client of the caller, if there is one; else threads
        of this process.

    See Also
    --------
    skpc.DirectBayesianRegressor : All other parameters, attributes and methods.

    Examples
    --------
    >>> import dask.array as da
    >>> import numpy as np
    >>> from skpc.dask import DirectBayesianRegressor
    >>> X = da.random.RandomState(0).normal(size=(1000, 3), chunks=(250, 3))
    >>> y = X @ np.array([1.0, 0.0, -1.0])
    >>> model = DirectBayesianRegressor(random_state=0).fit(X, y)
    >>> model.weight_codes_.tolist()
    [7, 0, -7]
    >>> model.predict(X).compute().shape
    (1000,)
    """

    _local = Local
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **Local._parameter_constraints,
        "client": [Client, None],
    }

    @with_parameters(Local, client=None)
    def __init__(self, n_bits: int = 4, *, client: Any = None, **parameters: Any) -> None:
        super().__init__(n_bits, **parameters)
        self.client = client

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the posterior to all blocks.

        Parameters
        ----------
        X : dask Array or DataFrame (n, D), or anything that the local class takes
        y : dask Array or Series (n,) or (n, T)
            With the blocks of X.
        sample_weight : dask Array or Series (n,), optional

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
        with cluster_of(self.client) as cluster:
            blocks = self._checked(cluster, X, y, sample_weight)
            first = self._first_rows(cluster, blocks)
            handles = [handle for handle, _ in blocks]
            spread = BlockTable(cluster, cluster.map(_arrays, handles), self.device)
            random = check_random_state(self.random_state)
            result = fit_regression(self._spec(), first, random, spread=spread)
        return self._accept(result)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Add rows in memory to those seen before; see `skpc.DirectBayesianRegressor`."""
        return super().partial_fit(X, y, sample_weight)

    def predict(self, X: Any, return_std: bool = False, *, density: Any = None) -> Any:
        """Mean (and standard deviation) of the predictive distribution, lazily by blocks.

        Parameters
        ----------
        X : dask Array or DataFrame (n, D), or anything that the local class takes
        return_std : bool, default=False
        density : EinetDensityEstimator, optional

        Returns
        -------
        mean, std : dask Array (n,) or (n, T)
            As the local class gives them in memory.
        """
        if not is_dask_collection(X):
            return super().predict(X, return_std, density=density)
        check_is_fitted(self)
        fitted = self._fitted_regression
        columns = 0 if fitted.single else len(fitted.posteriors)
        local = self.to_local()
        mean = one_a_row(_mean, X, local, density, columns=columns)
        if not return_std:
            return mean
        return mean, one_a_row(_deviation, X, local, density, columns=columns)

    def _checked(
        self, cluster: ClientCluster, X: Any, y: Any, sample_weight: Any
    ) -> list[tuple[Any, int]]:
        """Handles of checked rows of all blocks, and how many of them count."""
        parts = blocks_of(X)
        of_x = cluster.compute(parts)
        of_y = _handles(cluster, column_blocks(y, X, len(parts), "y"))
        given = column_blocks(sample_weight, X, len(parts), "sample_weight")
        of_weights = _handles(cluster, given)
        readers = [cluster.share(self.to_local().set_params(feature_map=None))] * len(parts)
        rows = cluster.map(_read, readers, of_x, of_y, of_weights)
        counts = cluster.gather(cluster.map(_count, rows))
        if not sum(counts):
            raise ValueError("All weights are 0; one row of positive weight is needed.")
        names = cluster.gather(cluster.map(_names, rows))
        known = next(name for name, n in zip(names, counts, strict=True) if n)
        for i, name in enumerate(names):
            if counts[i] and name != known:
                raise ValueError(f"Block {i} has the columns {name}; the first has {known}.")
        return list(zip(rows, counts, strict=True))

    def _first_rows(self, cluster: ClientCluster, blocks: list[tuple[Any, int]]) -> Rows:
        """The first rows of positive weight, for the feature map; one is enough without a map."""
        wanted = 1 if self.feature_map is None else FIRST_BLOCK
        found: list[Rows] = []
        for handle, n in blocks:
            if n and wanted > 0:
                [head] = cluster.gather(cluster.map(_head, [handle], [wanted]))
                found.append(head)
                wanted -= n
        X, y, weights = (
            np.concatenate([getattr(rows, name) for rows in found])
            for name in ("X", "y", "weights")
        )
        return Rows(X, y, weights, found[0].feature_names)


def _handles(cluster: ClientCluster, blocks: list[Any]) -> list[Any]:
    """Handles of lazy blocks; arrays and None are as they are."""
    if not blocks or not is_dask_collection(blocks[0]):
        return blocks
    return cluster.compute(blocks)


def _read(reader: Local, X: Any, y: Any, weights: Any) -> Rows | None:
    """A block of rows, checked as the local class does; None without a row of positive weight."""
    if not len(X) or (weights is not None and not np.asarray(weights).any()):
        return None
    return reader._read_rows(X, y, weights, None)


def _count(rows: Rows | None) -> int:
    return 0 if rows is None else int((rows.weights > 0).sum())


def _names(rows: Rows | None) -> Any:
    if rows is None:
        return None
    return rows.X.shape[1] if rows.feature_names is None else list(rows.feature_names)


def _head(rows: Rows, wanted: int) -> Rows:
    first = np.flatnonzero(rows.weights > 0)[:wanted]
    return Rows(rows.X[first], rows.y[first], rows.weights[first], rows.feature_names)


def _arrays(rows: Rows | None) -> tuple[Any, Any, Any]:
    if rows is None:
        return np.zeros((0, 1)), np.zeros(0), np.zeros(0)
    return rows.X, rows.y, rows.weights


def _mean(block: Any, model: Local, density: Any) -> Any:
    return model.predict(block, density=density) if len(block) else np.zeros(0)


def _deviation(block: Any, model: Local, density: Any) -> Any:
    return model.predict(block, return_std=True, density=density)[1] if len(block) else np.zeros(0)
