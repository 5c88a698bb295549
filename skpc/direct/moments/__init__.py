"""Second moments of rows, in blocks of bounded memory, and the same moments in standard units."""

from .features import (
    FIRST_BLOCK,
    FeatureMap,
    Source,
    collect_blocks,
    features_of,
    floats_of,
    map_blocks,
    mapped_features,
    row_blocks,
)
from .residuals import Residuals, ResidualSums, sum_residuals
from .statistics import (
    Moments,
    Standardised,
    UnitError,
    collect,
    merge,
    standardise,
)

__all__ = [
    "FIRST_BLOCK",
    "FeatureMap",
    "Moments",
    "ResidualSums",
    "Residuals",
    "Source",
    "Standardised",
    "UnitError",
    "collect",
    "collect_blocks",
    "features_of",
    "floats_of",
    "map_blocks",
    "mapped_features",
    "merge",
    "row_blocks",
    "standardise",
    "sum_residuals",
]
