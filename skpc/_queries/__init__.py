"""Queries of a fitted density, in the units and types of its table."""

from .columns import ColumnReport, ColumnReports, describe_columns
from .densities import log_bounded, log_conditional, log_density, log_others
from .draws import sample, sample_conditional
from .evidence import Evidence
from .expectations import likeliest, moments, moments_given
from .given import sample_given
from .imputation import STRATEGIES, impute
from .information import (
    Estimate,
    entropy,
    kl_divergence,
    mutual_information,
    rows_for,
)
from .margins import cdf, log_categories, log_cells, quantiles

__all__ = [
    "STRATEGIES",
    "ColumnReport",
    "ColumnReports",
    "Estimate",
    "Evidence",
    "cdf",
    "describe_columns",
    "entropy",
    "impute",
    "kl_divergence",
    "likeliest",
    "log_bounded",
    "log_categories",
    "log_cells",
    "log_conditional",
    "log_density",
    "log_others",
    "moments",
    "moments_given",
    "mutual_information",
    "quantiles",
    "rows_for",
    "sample",
    "sample_conditional",
    "sample_given",
]
