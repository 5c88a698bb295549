"""What a leaf family over several columns has besides: answers when only some cells are seen.

Axes: n groups or leaf incidences, d columns of a group, o of them seen, t statistics, B rows,
K units.
"""

from abc import abstractmethod
from typing import cast

import torch
from torch import Tensor

from .base import Leaf


class GroupLeaf(Leaf):
    """An exponential family of d > 1 columns, which one leaf owns together.

    Where all cells of a group are seen, or none, it is treated as any `Leaf`. Rows that show some
    of them are handled by the methods below, one pattern of seen columns at a time; the other cells
    are integrated out exactly, in training too. `seen` holds positions of columns within the
    group, ascending: at least one and not all.
    """

    @abstractmethod
    def marginal(self, theta: Tensor, seen: tuple[int, ...]) -> tuple[Leaf, Tensor]:
        """The family of the seen columns alone, and its parameters: (n, t, K) to (n, t', K)."""

    @abstractmethod
    def completed(self, theta: Tensor, seen: tuple[int, ...], x: Tensor, flow: Tensor) -> Tensor:
        """Flow-weighted sums of E[T | seen cells] over rows, the E-step of partly seen groups.

        Parameters
        ----------
        theta : Tensor (n, t, K)
        x : Tensor (n, o, B)
        flow : Tensor (n, K, B)

        Returns
        -------
        Tensor (n, t, K)
        """

    @abstractmethod
    def moments_given(
        self, theta: Tensor, seen: tuple[int, ...], x: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Mean and variance of the others: (n, t, K) and (n, o, B) to twice (n, d - o, K, B)."""

    @abstractmethod
    def sample_given(
        self, theta: Tensor, seen: tuple[int, ...], x: Tensor, generator: torch.Generator
    ) -> Tensor:
        """One draw of the others for each parameter: (n, t, B), (n, o, B) to (n, d - o, B)."""

    @abstractmethod
    def mode_given(self, theta: Tensor, seen: tuple[int, ...], x: Tensor) -> Tensor:
        """Their most probable point: (n, t, B) and (n, o, B) to (n, d - o, B)."""


def as_group(family: Leaf) -> GroupLeaf | None:
    """The family as a `GroupLeaf`, or None if it has one column."""
    return cast(GroupLeaf, family) if family.n_columns > 1 else None
