"""Queries of one circuit: densities, draws, and what it says of rows given their observed cells."""

from .densities import log_density
from .distributions import Cdf, fold_of, normal_cdf, quantile
from .draws import draw_leaves, sample
from .leave_one_out import log_bases, log_leaves, mixed_codes
from .modes import likeliest_codes
from .moments import UnitMoments, centred, expected_moments, unit_moments, with_evidence
from .piecewise import Pieces, values_of
from .posterior import Posterior, observe
from .tails import shares_beyond

__all__ = [
    "Cdf",
    "Pieces",
    "Posterior",
    "UnitMoments",
    "centred",
    "draw_leaves",
    "expected_moments",
    "fold_of",
    "likeliest_codes",
    "log_bases",
    "log_density",
    "log_leaves",
    "mixed_codes",
    "normal_cdf",
    "observe",
    "quantile",
    "sample",
    "shares_beyond",
    "unit_moments",
    "values_of",
    "with_evidence",
]
