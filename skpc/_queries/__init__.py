"""Queries of a fitted density, in the units and types of its table."""

from .columns import ColumnReport, ColumnReports, describe_columns
from .densities import log_conditional, log_density
from .draws import sample, sample_conditional
from .evidence import Evidence
from .expectations import moments
from .imputation import impute

__all__ = [
    "ColumnReport",
    "ColumnReports",
    "Evidence",
    "describe_columns",
    "impute",
    "log_conditional",
    "log_density",
    "moments",
    "sample",
    "sample_conditional",
]
