"""Probabilistic circuits on torch; knows no estimator and no scikit-learn."""

from .structures.chow_liu import chow_liu_tree
from .structures.random_trees import poon_domingos, random_binary_trees
from .structures.region_graph import RegionGraph

__all__ = ["RegionGraph", "chow_liu_tree", "poon_domingos", "random_binary_trees"]
