"""Fits a density to a checked table: a frozen spec in, a frozen result out."""

from .. import _tables as tables
from ..circuit import RegionGraph
from .families import unique_columns
from .fit import fit, partial_fit
from .plan import Plan, TrainingRows
from .result import FittedDensity, FittedTrees, StoredComponent
from .rows import cells_of, make_rows
from .settings import LEARNED_EXPONENTS
from .spec import FitSpec
from .spread import Spread

# Classes of which files hold objects.
KEPT: tuple[type, ...] = (
    *tables.KEPT, RegionGraph, Plan, FittedTrees, StoredComponent, FittedDensity
)  # fmt: skip

__all__ = [
    "KEPT",
    "LEARNED_EXPONENTS",
    "FitSpec",
    "FittedDensity",
    "Plan",
    "Spread",
    "TrainingRows",
    "cells_of",
    "fit",
    "make_rows",
    "partial_fit",
    "unique_columns",
]
