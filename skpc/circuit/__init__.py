"""Probabilistic circuits on torch; nothing here knows an estimator or scikit-learn."""

from .structures import RegionGraph, chow_liu_tree, poon_domingos, random_binary_trees

__all__ = ["RegionGraph", "chow_liu_tree", "poon_domingos", "random_binary_trees"]
