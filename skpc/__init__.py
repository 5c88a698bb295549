"""Exact, tractable probabilistic models for tables, as scikit-learn estimators."""

from .density import EinetDensityEstimator

__all__ = ["EinetDensityEstimator"]
