"""Exact, tractable probabilistic models for tables, as scikit-learn estimators."""

from .density import EinetDensityEstimator

__version__ = "0.1.0.dev0"

__all__ = ["EinetDensityEstimator", "__version__"]
