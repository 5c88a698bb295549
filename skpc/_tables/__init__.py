"""Frames and arrays to the numbers that a circuit models, and back."""

from .cells import numbers
from .columns import Column
from .columns_of_frames import complete, missing_cells, with_columns, with_indicators
from .describe import describe
from .encoded import Encoded
from .raw import RawColumn, RawTable
from .reading import container, read_table
from .selection import column_mask, column_position
from .shapes import row_weight
from .supports import SUPPORTS
from .table import Table
from .writing import take_rows

__all__ = [
    "SUPPORTS",
    "Column",
    "Encoded",
    "RawColumn",
    "RawTable",
    "Table",
    "column_mask",
    "column_position",
    "complete",
    "container",
    "describe",
    "missing_cells",
    "numbers",
    "read_table",
    "row_weight",
    "take_rows",
    "with_columns",
    "with_indicators",
]
