"""Sums of squares of residuals, for data whose noise is far below the spread of the target.

In y'y - 2 s'b + s'Gs everything but the noise cancels, and with it the digits. The residuals of
weights near the solution are small themselves, so their sums keep all digits.

Axes: N rows of a block, B features.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..arrays import Floats
from .features import Source
from .statistics import Standardised


@dataclass(frozen=True)
class Residuals:
    """What y - Xw0 adds to a problem in standard units, for some weights w0.

    Attributes
    ----------
    moment : ndarray (B,)
        X'W(y - Xw0).
    square : float
        (y - Xw0)'W(y - Xw0).
    """

    moment: Floats
    square: float

    def only(self, columns: NDArray[np.bool_]) -> "Residuals":
        """Those of some of the features, by a mask (B,)."""
        return replace(self, moment=self.moment[columns])


@dataclass(frozen=True)
class ResidualSums:
    """Sums over the residuals of some rows, additive; rows count by shares of the heaviest one.

    Attributes
    ----------
    by_residual : ndarray (B + 2,)
        Products of residuals with features, with themselves, and with 1.
    by_one : ndarray (B + 1,)
        Sums of features, and of 1.
    """

    by_residual: Floats
    by_one: Floats

    def plus(self, other: "ResidualSums") -> "ResidualSums":
        """The sums of both."""
        return ResidualSums(self.by_residual + other.by_residual, self.by_one + other.by_one)

    def residuals(self, data: Standardised) -> Residuals:
        """What the sums over all rows add to the problem."""
        varies = np.diag(data.gram) > 0
        by_residual, by_one = self.by_residual, self.by_one
        moment, square, total = by_residual[:-2], by_residual[-2], by_residual[-1]
        if data.centred:
            # Residuals can be smaller than what is still left of the means.
            moment = moment - by_one[:-1] * (total / by_one[-1])
            square = square - total**2 / by_one[-1]
        unit = data.weight / by_one[-1]
        return Residuals(np.where(varies, unit * moment, 0.0), float(unit * square))


def sum_residuals(
    source: Source, data: Standardised, weights: Floats, heaviest: float
) -> ResidualSums:
    """Sums over the residuals of rows: a second pass, which costs O(N B).

    Parameters
    ----------
    source : Source
        The rows that `data` come from, or some of them; of one target.
    data : Standardised
    weights : ndarray (B,)
        In standard units.
    heaviest : float
        The largest weight of all rows that `data` come from.
    """
    varies = np.diag(data.gram) > 0
    weights = np.where(varies, weights, 0.0)
    n_features = len(weights)
    by_residual, by_one = np.zeros(n_features + 2), np.zeros(n_features + 1)
    for x, y, counts in source.blocks():
        z = x - data.x_mean
        z -= data.x_rest
        z /= data.x_scale
        residual = ((y - data.y_mean) - data.y_rest) / data.y_scale - z @ weights
        # Weights of any unit: only their shares count.
        share = counts / heaviest
        weighted = share * residual
        by_residual += [*(weighted @ z), weighted @ residual, weighted.sum()]
        by_one += [*(share @ z), share.sum()]
    return ResidualSums(by_residual, by_one)
