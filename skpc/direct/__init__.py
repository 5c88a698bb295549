"""DIRECT: Bayesian linear models on a grid of small integers, learned from second moments.

Everything here is a free function of arrays; nothing knows an estimator or scikit-learn.
"""

from .elbo import Problem
from .packed import PackedEnsemble
from .solve import Solution, solve
from .statistics import Moments, collect, merge

__all__ = ["Moments", "PackedEnsemble", "Problem", "Solution", "collect", "merge", "solve"]
