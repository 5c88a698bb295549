"""The features of a fitted model: where they come from, and what they were in training.

Axes: n rows, D columns of X, B features.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..direct.moments import features_of, map_blocks
from .feature_map import transform_of

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FeatureSpace:
    """Features as the rows of a query become them.

    Attributes
    ----------
    feature_map : transformer or None
        Fitted.
    names : ndarray of str (D,) or None
        Of the columns.
    centre, spread : ndarray (B,)
        Of the features in training.
    """

    feature_map: Any
    names: NDArray[Any] | None
    centre: Floats
    spread: Floats

    def map(self, function: Callable[[Floats], Floats], X: Any) -> Floats:
        """A function of the features of all rows, block by block.

        Raises
        ------
        ValueError
            If a feature is so far from those of training that the values overflow.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            values = map_blocks(function, X, transform_of(self.feature_map), len(self.centre))
        if not np.isfinite(values).all():
            self._refuse_far(values, X)
        return values

    def _refuse_far(self, values: Floats, X: Any) -> None:
        """Raise an error that names the cell for which the values (n, ...) of a row overflow."""
        mapped = self.feature_map is not None
        i = int(np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(axis=1))[0])
        feature = features_of(X[i : i + 1], transform_of(self.feature_map))[0]
        # Halved, so that the difference of two large numbers does not overflow.
        with np.errstate(over="ignore"):
            distance = np.abs((feature / 2 - self.centre / 2) / self.spread)
        j = int(np.argmax(distance))
        raise ValueError(
            f"Row {i} has {feature[j]:.3g} in {column_name(j, self.names, mapped)}, where "
            f"training had {self.centre[j]:.3g} +- {self.spread[j]:.3g}: the prediction "
            "overflows float64."
        )


def column_name(j: int, names: NDArray[Any] | None, mapped: bool) -> str:
    """A feature, for messages: by the name of its column, by position, or as one of the map's."""
    if mapped:
        return f"feature {j} of feature_map"
    return f"column {j}" if names is None else f"column {str(names[j])!r}"


def check_columns(
    feature_map: Any, names: NDArray[Any] | None, n_columns: int, n_features: int
) -> None:
    """Refuse a map and names of a file that are not those of the columns and features.

    Raises
    ------
    ValueError
    """
    if n_columns < 1:
        raise ValueError(f"it has {n_columns} columns.")
    if feature_map is not None and not hasattr(feature_map, "transform"):
        raise ValueError(f"feature_map is {feature_map!r}, which is no transformer.")
    if getattr(feature_map, "n_features_in_", n_columns) != n_columns:
        raise ValueError(f"feature_map is one of other columns than {n_columns}.")
    if feature_map is None and n_columns != n_features:
        raise ValueError(f"it has {n_columns} columns and {n_features} features.")
    if names is None:
        return
    if names.shape != (n_columns,):
        raise ValueError(f"it has {len(names)} names of {n_columns} columns.")
    if not all(isinstance(name, str) for name in names):
        raise ValueError(f"feature_names are {names}; texts are accepted.")
