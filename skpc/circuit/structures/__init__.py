"""Region graphs, and what builds them; a new structure is one file, named here."""

from .chow_liu import chow_liu_tree
from .poon_domingos import grid_steps, poon_domingos
from .random_trees import max_depth, random_binary_trees
from .region_graph import RegionGraph
from .structure import STRUCTURES, Structure, StructureSpec

__all__ = [
    "STRUCTURES",
    "RegionGraph",
    "Structure",
    "StructureSpec",
    "chow_liu_tree",
    "grid_steps",
    "max_depth",
    "poon_domingos",
    "random_binary_trees",
]
