"""Exact, tractable probabilistic models for tables, as scikit-learn estimators."""

from ._keeping import load
from ._memory import keep_freed_memory
from .classifier import EinetClassifier
from .density import EinetDensityEstimator, Numeric, show_versions
from .direct_classifier import DirectBayesianClassifier
from .imputer import EinetImputer
from .outliers import EinetOutlierDetector
from .regression import DirectBayesianRegressor, PoorFitWarning
from .regressor import EinetRegressor

__version__ = "0.1.0.dev0"

__all__ = [
    "DirectBayesianClassifier",
    "DirectBayesianRegressor",
    "EinetClassifier",
    "EinetDensityEstimator",
    "EinetImputer",
    "EinetOutlierDetector",
    "EinetRegressor",
    "Numeric",
    "PoorFitWarning",
    "__version__",
    "keep_freed_memory",
    "load",
    "show_versions",
]
