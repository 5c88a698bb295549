"""What a structure is: a function from training rows to a region graph; those of skpc by name.

A new structure is one function and one line in STRUCTURES; a function of your own is passed as it
is.

Axes: n rows, D columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from .chow_liu import chow_liu_tree
from .poon_domingos import grid_steps, poon_domingos
from .random_trees import random_binary_trees
from .region_graph import RegionGraph

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class StructureSpec:
    """Parameters of the estimator that speak of the structure.

    Attributes
    ----------
    depth : int or None
        None: as deep as the columns allow.
    n_replicas : int
    grid_shape : sequence of int or None
    """

    depth: int | None = None
    n_replicas: int = 1
    grid_shape: Sequence[int] | None = None


class Structure(Protocol):
    """Builds a region graph for training rows."""

    def __call__(
        self,
        z: Floats,
        numeric: Sequence[bool],
        weights: Floats,
        spec: StructureSpec,
        random_state: np.random.RandomState,
    ) -> RegionGraph:
        """The region graph of D columns.

        Parameters
        ----------
        z : ndarray (n, D)
            Codes and standardised numbers of training rows, NaN where missing.
        numeric : sequence of bool (D,)
            Which columns hold numbers.
        weights : ndarray (n,)
        spec : StructureSpec
        random_state : numpy.random.RandomState
            A stream of the structure's own.
        """


def learned_trees(
    z: Floats,
    numeric: Sequence[bool],
    weights: Floats,
    spec: StructureSpec,
    random_state: np.random.RandomState,
) -> RegionGraph:
    """Hidden Chow-Liu trees, `chow_liu_tree`."""
    _refuse_grid(spec, "chow_liu")
    return chow_liu_tree(z, numeric, weights, spec.n_replicas, random_state)


def random_trees(
    z: Floats,
    numeric: Sequence[bool],
    weights: Floats,
    spec: StructureSpec,
    random_state: np.random.RandomState,
) -> RegionGraph:
    """Random halvings of the columns, `random_binary_trees`."""
    _refuse_grid(spec, "random_trees")
    return random_binary_trees(z.shape[1], spec.depth, spec.n_replicas, random_state)


def grid_boxes(
    z: Floats,
    numeric: Sequence[bool],
    weights: Floats,
    spec: StructureSpec,
    random_state: np.random.RandomState,
) -> RegionGraph:
    """Boxes of a grid whose cells are the columns, `poon_domingos`; None: one row of columns.

    Raises
    ------
    ValueError
        If the grid does not have D cells.
    """
    d = z.shape[1]
    shape = (d,) if spec.grid_shape is None else tuple(int(side) for side in spec.grid_shape)
    if int(np.prod(shape)) != d:
        raise ValueError(f"grid_shape {shape} has {np.prod(shape)} cells; X has {d} columns.")
    return poon_domingos(shape, grid_steps(shape, spec.depth))


def _refuse_grid(spec: StructureSpec, name: str) -> None:
    if spec.grid_shape is not None:
        raise ValueError(f"grid_shape goes with structure='poon_domingos', not {name!r}.")


STRUCTURES: dict[str, Structure] = {
    "chow_liu": learned_trees,
    "poon_domingos": grid_boxes,
    "random_trees": random_trees,
}
