"""Frames and arrays to the numbers that a circuit models, and back."""

from .cells import numbers, numbers_only
from .columns import Column
from .columns_of_frames import (
    complete,
    free_name,
    missing_cells,
    with_columns,
    with_indicators,
    with_last,
)
from .describe import describe
from .encoded import Encoded
from .find_groups import FoundGroup, describe_group, find_groups
from .grids import Grid
from .holes import Holes
from .numeric import Numeric
from .one_hot import Group
from .piecewise import Shape
from .raw import RawColumn, RawTable
from .reading import container, holds_numbers, read_column, read_table
from .selection import column_mask, column_position, column_positions
from .shapes import row_weight
from .strangers import strangers
from .supports import SUPPORTS
from .table import Table
from .writing import take_rows

# Classes of which files hold objects.
KEPT: tuple[type, ...] = (Table, Column, RawColumn, Grid, Shape, Group, Holes, Numeric)

__all__ = [
    "KEPT",
    "SUPPORTS",
    "Column",
    "Encoded",
    "FoundGroup",
    "Holes",
    "Numeric",
    "RawColumn",
    "RawTable",
    "Table",
    "column_mask",
    "column_position",
    "column_positions",
    "complete",
    "container",
    "describe",
    "describe_group",
    "find_groups",
    "free_name",
    "holds_numbers",
    "missing_cells",
    "numbers",
    "numbers_only",
    "read_column",
    "read_table",
    "row_weight",
    "strangers",
    "take_rows",
    "with_columns",
    "with_indicators",
    "with_last",
]
