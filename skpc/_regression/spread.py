"""Rows that a regression learns from: in memory, or in blocks elsewhere.

Axes: n rows, B features, T targets.
"""

from dataclasses import dataclass, replace
from typing import Protocol

from ..direct import Moments
from ..direct.arrays import Floats
from ..direct.moments import (
    FeatureMap,
    Residuals,
    Source,
    Standardised,
    collect_blocks,
    sum_residuals,
)


class Sums(Protocol):
    """Sums over all rows, by a feature map that is fitted."""

    def moments(self, device: str) -> Moments:
        """Second moments of features and targets.

        Raises
        ------
        UnitError
            If squares of a column are too large or too small for float64.
        """

    def residuals(self, target: int, data: Standardised, weights: Floats) -> Residuals:
        """Sums over the residuals of one target: the rows are read a second time.

        Parameters
        ----------
        target : int
        data : Standardised
            Of that target.
        weights : ndarray (B,)
            In standard units.
        """


class Spread(Protocol):
    """A table in blocks on other machines, or on disk, of which a fit has the first rows."""

    def sums(self, feature_map: FeatureMap, n_features: int) -> Sums:
        """Sums over all rows, mapped to B features."""


@dataclass(frozen=True)
class Here:
    """Sums over rows in memory."""

    source: Source

    def moments(self, device: str) -> Moments:
        """See `Sums`."""
        return collect_blocks(self.source, device)

    def residuals(self, target: int, data: Standardised, weights: Floats) -> Residuals:
        """See `Sums`."""
        source = self.source
        y = source.y.reshape(len(source.y), -1)[:, target]
        sums = sum_residuals(replace(source, y=y), data, weights, float(source.weights.max()))
        return sums.residuals(data)
