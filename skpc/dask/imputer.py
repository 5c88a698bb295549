"""EinetImputer over Dask collections: one density of all blocks, and blocks that are filled lazily.

Axes: n rows of a block, D columns, m columns with missing cells in training.
"""

from copy import copy
from typing import Any, ClassVar, Self

import numpy as np
from distributed import Client
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from ..imputer import EinetImputer as Local
from .cluster import cluster_of
from .collections import blocks_of, check_rows, empty_like, is_dask_collection, like_rows, seeds_of
from .density import EinetDensityEstimator
from .parameters import OnCluster, with_parameters


class EinetImputer(OnCluster, Local):
    """`skpc.EinetImputer` over Dask arrays and frames.

    Parameters
    ----------
    density : skpc.dask.EinetDensityEstimator or None, default=None
        The density, which is cloned and fitted. None: one by defaults.
    strategy, add_indicator, missing_columns, random_state
        As in `skpc.EinetImputer`. `add_indicator` is False and `missing_columns` "refuse" where a
        Dask collection is transformed.
    client : distributed.Client or None, default=None
        Of the cluster that fits, where the density has none of its own.

    See Also
    --------
    skpc.EinetImputer : All other parameters, attributes and methods.

    Examples
    --------
    >>> import dask.array as da
    >>> from skpc.dask import EinetDensityEstimator, EinetImputer
    >>> X = da.random.RandomState(0).normal(size=(400, 3), chunks=(200, 3))
    >>> X = da.where(X > 1.5, float("nan"), X)
    >>> density = EinetDensityEstimator(components="trees", random_state=0)
    >>> filled = EinetImputer(density).fit(X).transform(X)
    >>> bool(da.isnan(filled).any())
    False
    """

    _local = Local
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **Local._parameter_constraints,
        "client": [Client, None],
    }

    @with_parameters(Local, client=None)
    def __init__(self, density: Any = None, *, client: Any = None, **parameters: Any) -> None:
        super().__init__(density, **parameters)
        self.client = client

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Fit the density to all blocks.

        Parameters
        ----------
        X : dask Array or DataFrame (n, D), or anything that the local class takes
        y : None
            Ignored.
        sample_weight : dask Array or Series (n,), optional

        Returns
        -------
        self
        """
        if not is_dask_collection(X):
            return super().fit(X, y, sample_weight)
        self._validate_params()
        check_rows(X)
        density = EinetDensityEstimator() if self.density is None else clone(self.density)
        if not isinstance(density, EinetDensityEstimator):
            raise TypeError(
                f"density is a {type(density).__module__}.{type(density).__name__}; over Dask "
                "collections skpc.dask.EinetDensityEstimator is accepted."
            )
        if density.random_state is None:
            density.set_params(random_state=self.random_state)
        if density.client is None:
            density.set_params(client=self.client)
        density.fit(X, sample_weight=sample_weight)
        with cluster_of(density.client) as cluster:
            holes = cluster.gather(cluster.map(self._holes, cluster.compute(blocks_of(X))))
        attributes = self._fitted_with(density.to_local(), np.any(holes, axis=0))
        self.__dict__.update(attributes)
        return self

    def transform(self, X: Any) -> Any:
        """A copy of X with its missing cells filled, lazily by blocks.

        Parameters
        ----------
        X : dask Array or DataFrame (n, D), or anything that the local class takes

        Returns
        -------
        dask Array or DataFrame (n, D)
        """
        if not is_dask_collection(X):
            return super().transform(X)
        check_is_fitted(self)
        if self.add_indicator or self.missing_columns != "refuse":
            raise ValueError(
                f"add_indicator is {self.add_indicator} and missing_columns "
                f"{self.missing_columns!r}; of a Dask collection False and 'refuse' are accepted."
            )
        seeds = seeds_of(self.random_state, len(blocks_of(X)))
        return like_rows(_filled, X, empty_like(X), seeds, self.to_local())


def _filled(block: Any, imputer: Local, seed: int) -> Any:
    """A block with its missing cells filled; draws are of a stream of its own."""
    if not len(block):
        return block
    return copy(imputer).set_params(random_state=seed).transform(block)
