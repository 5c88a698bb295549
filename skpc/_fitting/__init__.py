"""Fits a density to a checked table: a frozen spec in, a frozen result out."""

from .. import _tables as tables
from ..circuit import RegionGraph
from .blocks import BlockTable, sample_positions, scan
from .families import unique_columns
from .fit import fit, partial_fit
from .plan import Plan, TrainingRows
from .result import FittedDensity, FittedTrees, StoredComponent
from .rows import cells_of
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
    "BlockTable",
    "FitSpec",
    "FittedDensity",
    "Spread",
    "TrainingRows",
    "cells_of",
    "fit",
    "partial_fit",
    "sample_positions",
    "scan",
    "unique_columns",
]
