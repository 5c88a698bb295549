"""The feature map of a regression: fitted once, on the first rows, and the features of these.

Axes: n rows, D columns of X, B features, T targets.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import TransformerMixin, clone

from ..direct.moments import FIRST_BLOCK, FeatureMap, features_of, floats_of, mapped_features

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FirstRows:
    """What is known of the features once the map is fitted.

    Attributes
    ----------
    n_features : int
        B.
    features : ndarray or None
        Of the rows that the map was fitted on, if only `fit_transform` gives them.
    """

    n_features: int
    features: Floats | None


def fit_feature_map(
    feature_map: Any, X: NDArray[Any], y: Floats, weights: Floats, random: np.random.RandomState
) -> tuple[Any, FirstRows | None]:
    """A copy of the map, seeded where it has no seed, and fitted, with what it is fitted on.

    The rows that a map was fitted on must be mapped by `fit_transform` where that is not
    `fit().transform()`: cross-fitted maps, such as target encoders, would leak y otherwise.

    Parameters
    ----------
    feature_map : transformer or None
    X : ndarray (n, D)
    y : ndarray (n,) or (n, T)
    weights : ndarray (n,)
        Rows of weight 0 are left out.
    random : RandomState
    """
    if feature_map is None:
        return None, None
    first = np.flatnonzero(weights)[:FIRST_BLOCK]
    x, y = floats_of(X[first]), y[first]
    copy = _seeded(feature_map, random)
    own = getattr(type(copy), "fit_transform", None)
    if own in (None, TransformerMixin.fit_transform):
        copy.fit(x, y)
        return copy, FirstRows(features_of(x[:1], copy.transform).shape[1], None)
    features = mapped_features(copy.fit_transform(x, y))
    return copy, FirstRows(features.shape[1], features)


def _seeded(feature_map: Any, random: np.random.RandomState) -> Any:
    """A copy of a map, with seeds where it has none."""
    copy = clone(feature_map)
    unseeded = {
        name: random.randint(np.iinfo(np.int32).max)
        for name, value in sorted(copy.get_params(deep=True).items())
        if name.rpartition("__")[2] == "random_state" and value is None
    }
    return copy.set_params(**unseeded)


def transform_of(feature_map: Any) -> FeatureMap:
    """A fitted map as a function, or None without one."""
    return None if feature_map is None else feature_map.transform
