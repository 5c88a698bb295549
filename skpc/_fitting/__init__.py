"""Fits a density to a checked table: a frozen spec in, a frozen result out."""

from .families import unique_columns
from .fit import fit, partial_fit
from .plan import TrainingRows
from .result import FittedDensity
from .rows import cells_of
from .settings import LEARNED_EXPONENTS
from .spec import FitSpec

__all__ = [
    "LEARNED_EXPONENTS",
    "FitSpec",
    "FittedDensity",
    "TrainingRows",
    "cells_of",
    "fit",
    "partial_fit",
    "unique_columns",
]
