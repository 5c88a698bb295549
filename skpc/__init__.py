"""Exact, tractable probabilistic models for tables, as scikit-learn estimators."""
