"""Rows of a regression in blocks that a cluster holds.

Axes: n rows of a block, D columns, B features, T targets.
"""

from dataclasses import dataclass, replace
from typing import Any

from .._blocks import Cluster, Handle, of_all
from .._device import choose_device
from ..direct import Moments, merge
from ..direct.arrays import Floats
from ..direct.moments import (
    FeatureMap,
    Residuals,
    ResidualSums,
    Source,
    Standardised,
    collect_blocks,
    sum_residuals,
)


@dataclass(frozen=True)
class Mapped:
    """What all blocks need: the fitted map, its number of features, and the device of a worker."""

    feature_map: FeatureMap
    n_features: int
    device: str

    def source(self, block: Any) -> Source | None:
        """The rows of a block (X, y, weights); None without a row of positive weight."""
        X, y, weights = block
        if not (weights > 0).any():
            return None
        return Source(X, y, weights, self.feature_map, self.n_features)


def moments_of(block: Any, mapped: Mapped) -> Moments | None:
    """Second moments of a block."""
    source = mapped.source(block)
    return None if source is None else collect_blocks(source, str(choose_device(mapped.device)))


def heaviest_of(block: Any) -> float:
    """The largest weight of a block."""
    return float(block[2].max(initial=0.0))


@dataclass(frozen=True)
class Question:
    """What all blocks need for sums over residuals."""

    target: int
    data: Standardised
    weights: Floats
    heaviest: float


def residuals_of(block: Any, mapped: Mapped, question: Question) -> ResidualSums | None:
    """Sums over the residuals of a block."""
    source = mapped.source(block)
    if source is None:
        return None
    y = source.y.reshape(len(source.y), -1)[:, question.target]
    return sum_residuals(replace(source, y=y), question.data, question.weights, question.heaviest)


@dataclass(frozen=True)
class BlockSums:
    """Sums over all blocks (`spread.Sums`)."""

    cluster: Cluster
    blocks: list[Handle]
    mapped: Handle

    def moments(self, device: str) -> Moments:
        """Second moments, added in the order of the blocks; each worker chooses its device."""
        handles = self.cluster.map(moments_of, self.blocks, of_all(self.mapped, self.blocks))
        moments: Moments = self.cluster.total(handles, merge)
        return moments

    def residuals(self, target: int, data: Standardised, weights: Floats) -> Residuals:
        """Sums over the residuals of one target."""
        heaviest = self.cluster.total(self.cluster.map(heaviest_of, self.blocks), max)
        question = self.cluster.share(Question(target, data, weights, heaviest))
        shared = (of_all(one, self.blocks) for one in (self.mapped, question))
        sums = self.cluster.total(
            self.cluster.map(residuals_of, self.blocks, *shared), ResidualSums.plus
        )
        residuals: Residuals = sums.residuals(data)
        return residuals


@dataclass(frozen=True)
class BlockTable:
    """Checked rows in blocks (`spread.Spread`).

    Attributes
    ----------
    cluster : Cluster
    blocks : list of Handle
        Of every block X (n, D), y (n,) or (n, T), and weights (n,).
    device : str
    """

    cluster: Cluster
    blocks: list[Handle]
    device: str

    def sums(self, feature_map: FeatureMap, n_features: int) -> BlockSums:
        """Sums over all rows, mapped to B features."""
        mapped = self.cluster.share(Mapped(feature_map, n_features, self.device))
        return BlockSums(self.cluster, self.blocks, mapped)
