"""Single cells and columns of a mixture of circuits: densities given the rest of the row, cdfs.

Axes: n rows, b of them, D columns, c of them that are asked for, Q levels of quantiles.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..passes import Cells
from ..queries import Cdf, Pieces, quantile
from .component import Component
from .mixture_posterior import MixturePosterior, observe

# Of the cdf, the margin and values (b, Q) of b hidden cells, (b, Q).
Answer = Callable[[Cdf, "Margin", Tensor], Tensor]


@torch.inference_mode()
def log_cells(components: Sequence[Component], cells: Cells) -> Tensor:
    """Log density of every cell given the others of its row, (n, D); NaN where not evidence.

    One upward and one downward pass per component serve all columns.
    """
    answers = torch.full_like(cells.values, torch.nan, device=components[0].circuit.device)
    for block in observe(components, cells):
        answers[block.index] = block.log_cells
    return answers


@torch.inference_mode()
def log_codes(
    components: Sequence[Component], cells: Cells, n_codes: Mapping[int, int]
) -> dict[int, Tensor]:
    """Log probabilities of the codes of some columns given the other cells of the row, each (n, C).

    One upward and one downward pass per component serve all columns, as for `log_cells`.

    Parameters
    ----------
    components : sequence of Component
    cells : Cells (n, D)
        Those of a column are not evidence for itself.
    n_codes : dict
        Number of codes C by column.
    """
    like = torch.empty(0, dtype=torch.float64, device=components[0].circuit.device)
    answers = {column: like.new_empty((len(cells), c)) for column, c in n_codes.items()}
    for block in observe(components, cells):
        for column, answer in answers.items():
            answer[block.index] = block.log_codes(column).T
    return answers


@dataclass(frozen=True)
class Margin:
    """A column whose distribution given other cells is asked for.

    Attributes
    ----------
    column : int
    pieces : Pieces or None
        Values of the column, if its leaves model a map of them.
    whole : bool
        Whether its values are whole numbers.
    """

    column: int
    pieces: Pieces | None = None
    whole: bool = False


def cdfs(
    components: Sequence[Component], cells: Cells, margins: Sequence[Margin], values: Tensor
) -> Tensor:
    """P(X <= value) of each of c columns given the observed cells of the row, (n, c).

    Parameters
    ----------
    components : sequence of Component
    cells : Cells (n, D)
        In which the columns are hidden.
    margins : sequence of Margin (c,)
    values : Tensor (n, c)
        Numbers of columns without pieces, standardised values of those with pieces.
    """

    def answer(cdf: Cdf, margin: Margin, values: Tensor) -> Tensor:
        """The cdf at the one value of each row."""
        return cdf(values[:, 0]).unsqueeze(1)

    return _of_margins(components, cells, margins, values.unsqueeze(2), answer).squeeze(2)


def quantiles(
    components: Sequence[Component],
    cells: Cells,
    margins: Sequence[Margin],
    levels: Sequence[float],
) -> Tensor:
    """Least values whose cdf is at least each of Q levels, (n, c, Q); NaN in observed cells.

    Parameters
    ----------
    components : sequence of Component
    cells : Cells (n, D)
    margins : sequence of Margin (c,)
    levels : sequence of float (Q,)
        Above 0 and below 1.
    """
    answer = _at_levels(levels)
    like = torch.zeros((len(cells), len(margins), len(levels)), dtype=torch.float64)
    return _of_margins(components, cells, margins, like, answer)


def medians(
    components: Sequence[Component],
    cells: Cells,
    margins: Sequence[Margin],
    n_codes: Sequence[int],
) -> tuple[Tensor, Tensor]:
    """Medians of c columns and most probable codes of all, from one upward pass per component.

    Parameters
    ----------
    components : sequence of Component
    cells : Cells (n, D)
    margins : sequence of Margin (c,)
    n_codes : sequence of int (D,)
        Number of codes of every column, 0 in columns that do not hold codes.

    Returns
    -------
    medians : Tensor (n, c)
        NaN in observed cells.
    codes : Tensor (n, D)
        NaN in columns that do not hold codes.
    """
    codes = torch.full_like(cells.values, torch.nan, device=components[0].circuit.device)

    def write(block: MixturePosterior) -> None:
        """Codes of the rows of a block."""
        codes[block.index] = block.codes(n_codes)

    like = torch.zeros((len(cells), len(margins), 1), dtype=torch.float64)
    found = _of_margins(components, cells, margins, like, _at_levels([0.5]), write)
    return found.squeeze(2), codes


def _at_levels(levels: Sequence[float]) -> Answer:
    """Quantiles at Q levels as an answer of `_of_margins`."""

    def answer(cdf: Cdf, margin: Margin, values: Tensor) -> Tensor:
        """The quantiles of each row."""
        atoms = None if margin.pieces is None else margin.pieces.atoms
        found = [quantile(cdf, q, values[:, 0], margin.whole, atoms) for q in levels]
        return torch.stack(found, dim=1)

    return answer


def _of_margins(
    components: Sequence[Component],
    cells: Cells,
    margins: Sequence[Margin],
    values: Tensor,
    answer: Answer,
    also: Callable[[MixturePosterior], None] | None = None,
) -> Tensor:
    """Answers (n, c, Q) of a function of the cdf, the margin and values (b, Q) of hidden cells.

    `also` gets every block, for what else is asked of the same passes.
    """
    device = components[0].circuit.device
    values = values.to(device)
    answers = torch.full_like(values, torch.nan)
    moved = [replace(m, pieces=m.pieces and m.pieces.to(device)) for m in margins]
    with torch.inference_mode():
        for block in observe(components, cells):
            if also is not None:
                also(block)
            for i, margin in enumerate(moved):
                hidden = torch.nonzero(~block.rows.observed[:, margin.column])[:, 0]
                if len(hidden):
                    cdf = block.cdf(hidden, margin.column, margin.pieces)
                    rows = block.index[hidden]
                    answers[rows, i] = answer(cdf, margin, values[rows, i])
    return answers
