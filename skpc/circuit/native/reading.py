"""Cells of rows as the compiled passes read them.

Axes: B rows, D columns of a table, G groups of one column each.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from .leaves import Column, column_structs
from .program import Values, checked
from .structs import CellsStruct, function


class Read(NamedTuple):
    """Cells, and the sums of the log base measure over those of a row, (B,); float64."""

    values: Values
    log_base: Tensor


class Reader:
    """Reads the cells of some columns.

    Parameters
    ----------
    columns : sequence of Column
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        self.columns, self.n_columns = column_structs(columns), len(columns)
        self.width = max(column.column for column in columns) + 1

    def read(self, values: Tensor, atoms: Tensor | None) -> Read:
        """Numbers and codes (B, D), and atoms if a column has any, of int16."""
        shape = (len(values), max(self.width, values.shape[1]))
        values = checked(values, shape)
        atoms = atoms if atoms is None else checked(atoms, shape, torch.int16)
        n_rows, n = shape[0], self.n_columns
        codes = torch.empty((n, n_rows), dtype=torch.int32)
        numbers = torch.empty((n, n_rows), dtype=torch.float64)
        log_base = torch.empty(n_rows, dtype=torch.float64)
        cells = CellsStruct(
            n_rows, shape[1], n, self.columns.data_ptr(), values.data_ptr(),
            None if atoms is None else atoms.data_ptr(), codes.data_ptr(),
            numbers.data_ptr(), log_base.data_ptr(),
        )  # fmt: skip
        function("skpc_read")(cells)
        return Read(Values(codes, numbers), log_base)
