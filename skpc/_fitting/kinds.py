"""Kinds of components that compete in a fit, and what is stored of a kind.

Axes: n rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..circuit.components import COMPONENTS, ComponentKind
from ..circuit.leaves import Leaf

TREES = "trees"


@dataclass(frozen=True)
class Competing:
    """Components that a fit tries.

    Attributes
    ----------
    trees : bool
    others : tuple of ComponentKind
    """

    trees: bool
    others: tuple[ComponentKind, ...]

    @property
    def by_default(self) -> bool:
        """Whether all kinds are as their names alone make them."""
        return all(COMPONENTS.get(kind.name) == kind for kind in self.others)

    @property
    def names(self) -> list[str]:
        """By which `components` asks for them."""
        return [*([TREES] if self.trees else []), *(kind.name for kind in self.others)]


def competing(asked: Any, leaves: Sequence[Leaf], n: int) -> Competing:
    """The components that compete in a fit of n rows.

    Parameters
    ----------
    asked : "auto" or tuple
        Kinds, and "trees" for the trees. "auto": the trees, and every kind of skpc that pays.
    leaves : sequence of Leaf (D,)
    n : int
    """
    if isinstance(asked, str) and asked == "auto":
        return Competing(True, tuple(kind for kind in COMPONENTS.values() if kind.pays(leaves, n)))
    return Competing(TREES in asked, tuple(kind for kind in asked if kind != TREES))


def stored_kind(kind: ComponentKind) -> Any:
    """What makes a component of its arrays: the name of skpc's own kind, else the user's object."""
    return kind.name if kind.name in COMPONENTS else kind


def kind_of(stored: Any) -> ComponentKind:
    """The kind that `stored_kind` was asked of, but for the settings of its fit."""
    return COMPONENTS[stored] if isinstance(stored, str) else stored
