"""Probabilistic circuits on torch; knows no estimator and no scikit-learn."""

from .chow_liu import chow_liu_tree
from .region_graph import RegionGraph
from .structures import poon_domingos, random_binary_trees

__all__ = ["RegionGraph", "chow_liu_tree", "poon_domingos", "random_binary_trees"]
