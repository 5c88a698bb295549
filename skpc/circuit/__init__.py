"""Probabilistic circuits on torch; knows no estimator and no scikit-learn."""

from .region_graph import RegionGraph
from .structures import poon_domingos, random_binary_trees

__all__ = ["RegionGraph", "poon_domingos", "random_binary_trees"]
