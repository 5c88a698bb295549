"""Estimators over Dask arrays and frames: sums go over the blocks, where these are.

`pip install "skpc[dask]"`. Each class is the one of its name in `skpc` with a parameter `client`.
"""

from .density import EinetDensityEstimator
from .imputer import EinetImputer
from .regression import DirectBayesianRegressor

__all__ = ["DirectBayesianRegressor", "EinetDensityEstimator", "EinetImputer"]
