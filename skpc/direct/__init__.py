"""DIRECT: Bayesian linear models on a grid of small integers, learned from second moments.

Everything here is a free function of arrays; nothing knows an estimator or scikit-learn.
"""

from .deploy import PackedClassifier, PackedEnsemble
from .model import Problem
from .moments import Moments, collect, merge

__all__ = ["Moments", "PackedClassifier", "PackedEnsemble", "Problem", "collect", "merge"]
