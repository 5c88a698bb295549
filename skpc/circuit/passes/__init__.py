"""Folded layers, and the passes up and down through them."""

from .block_statistics import BlockStatistics
from .cells import Cells, joined
from .checks import check_parameters, check_shapes
from .circuit import Circuit, Parameters, product_mixture
from .compiled_update import MeanStatistics, compiled_update
from .layers import Layer
from .layers.base import WEIGHT_FLOOR, floored
from .leaf_folds import LeafFold
from .memory import Space
from .partly import Partly
from .partly_seen import partial_patterns
from .random import seeded
from .shortcuts import may_fail
from .trace import LOWEST, Trace, pick

__all__ = [
    "LOWEST",
    "WEIGHT_FLOOR",
    "BlockStatistics",
    "Cells",
    "Circuit",
    "Layer",
    "LeafFold",
    "MeanStatistics",
    "Parameters",
    "Partly",
    "Space",
    "Trace",
    "check_parameters",
    "check_shapes",
    "compiled_update",
    "floored",
    "joined",
    "may_fail",
    "partial_patterns",
    "pick",
    "product_mixture",
    "seeded",
]
