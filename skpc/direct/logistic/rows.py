"""Rows with classes, in standard units, read in blocks as often as a fit needs them.

Axes: N rows of a block, B features, E = B + 1 features and a one (E = B without an intercept).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..arrays import Floats
from ..moments import Source, Standardised

# Features, classes and weights of a block of rows.
Block = tuple[Floats, NDArray[np.intp], Floats]

# Cells of standardised features up to which rows are kept in memory: 16 million are 128 MB.
KEPT_CELLS = 16_000_000


@dataclass(frozen=True, eq=False)
class ClassRows:
    """Rows of features that vary, in standard units, with a one for the intercept.

    Attributes
    ----------
    source : Source
        Its y holds the positions of the classes.
    data : Standardised
        Of all rows so far, with all features.
    columns : ndarray of bool (B,)
        The features to solve for.
    """

    source: Source
    data: Standardised
    columns: NDArray[np.bool_]

    def blocks(self) -> Iterator[Block]:
        """Features (N, E), classes (N,) and weights (N,) of all rows."""
        return iter(self._kept) if self._kept is not None else self._read()

    @cached_property
    def unit(self) -> float:
        """Rows that a weight of 1 counts for: weights that add to less than the rows count more."""
        weights = self.source.weights
        total = float(weights.sum())
        return max(float(np.count_nonzero(weights)) / total, 1.0)

    @cached_property
    def count(self) -> float:
        """Rows that these count for."""
        return float(self.source.weights.sum()) * self.unit

    @cached_property
    def _kept(self) -> list[Block] | None:
        """All blocks, if they are small."""
        cells = np.count_nonzero(self.source.weights) * (self.columns.sum() + 1)
        return list(self._read()) if cells <= KEPT_CELLS else None

    def _read(self) -> Iterator[Block]:
        """Blocks from the source."""
        data, columns = self.data, self.columns
        mean, rest, scale = data.x_mean[columns], data.x_rest[columns], data.x_scale[columns]
        for x, classes, weights in self.source.blocks():
            z = np.empty((len(x), len(mean) + data.centred))
            np.subtract(x[:, columns], mean, out=z[:, : len(mean)])
            z[:, : len(mean)] -= rest
            z[:, : len(mean)] /= scale
            if data.centred:
                z[:, -1] = 1.0
            yield z, classes.astype(np.intp), weights * self.unit
