"""Second moments of rows, in blocks of bounded memory, and the same moments in standard units."""

from .features import FIRST_BLOCK, FeatureMap, collect_blocks, features_of, map_blocks
from .statistics import Moments, Standardised, collect, merge, standardise

__all__ = [
    "FIRST_BLOCK",
    "FeatureMap",
    "Moments",
    "Standardised",
    "collect",
    "collect_blocks",
    "features_of",
    "map_blocks",
    "merge",
    "standardise",
]
