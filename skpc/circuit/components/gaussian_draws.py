"""Draws from mixtures of Gaussians, of whole rows and of missing cells.

Axes: n rows, D columns, b rows in one unit each, K units, d columns that are normal together.
"""

import torch
from torch import Tensor

from ..leaves import FARTHEST
from ..passes import Cells, joined, pick
from ..queries import draw_leaves
from .correlations import UnitNumbers, by_unit
from .gaussian_units import LARGEST, GaussianUnits


def sample(units: GaussianUnits, n: int, generator: torch.Generator) -> Cells:
    """Independent draws of whole rows, (n, D)."""
    weights = units.parameters.sums[0][0]
    size, blocks = units.draw_rows, []
    for start in range(0, n, size):
        unit = pick(weights, generator, min(size, n - start))
        drawn = draw_leaves(units.circuit, units.parameters, unit[None], generator)
        blocks.append(_with_numbers(units, drawn, unit, _drawn(units, unit, generator)))
    return joined(blocks)


def draw(
    units: GaussianUnits,
    rows: Cells,
    numbers: UnitNumbers,
    generator: torch.Generator | None,
) -> Cells:
    """Rows (b, D) in their units, with hidden numbers given the observed ones.

    Drawn, or without a generator modes of leaves and means of hidden numbers. What is known in
    part of a cell is taken from `rows` (b, D).
    """
    drawn = draw_leaves(units.circuit, units.parameters, numbers.unit[None], generator, rows)
    w = conditional_numbers(units, numbers, generator)
    return _with_numbers(units, drawn, numbers.unit, w)


def centres(units: GaussianUnits, rows: Cells) -> Tensor:
    """Expected numbers of rows in the first unit, (b, d)."""
    index = torch.arange(len(rows), device=rows.device)
    numbers = units.numbers(rows).rows(index, torch.zeros_like(index))
    mean, spread = (values[0] for values in units.scales)
    return mean + spread * conditional_numbers(units, numbers, None)


def _with_numbers(units: GaussianUnits, drawn: Cells, unit: Tensor, w: Tensor) -> Cells:
    """Rows (b, D) drawn from units (b,), with the standardised numbers (b, d) put in."""
    mean, spread = (values[unit, 0] for values in units.scales)
    numbers = (mean + spread * w).clamp(-FARTHEST, FARTHEST)
    if drawn.atoms is not None:
        # A drawn atom hides its number.
        numbers = numbers.masked_fill(drawn.atoms[:, units.columns] > 0, 0.0)
    drawn.values[:, units.columns] = numbers
    return drawn


def _drawn(units: GaussianUnits, unit: Tensor, generator: torch.Generator | None) -> Tensor:
    """Standardised numbers (b, d) of units (b,): draws, or means without a generator."""
    shape = (len(unit), len(units.columns))
    if generator is None:
        return torch.zeros(shape, dtype=torch.float64, device=unit.device)
    white = torch.randn(shape, generator=generator, dtype=torch.float64, device=unit.device)
    return by_unit(white, unit, units.correlations.factors.transpose(1, 2))


def conditional_numbers(
    units: GaussianUnits, numbers: UnitNumbers, generator: torch.Generator | None
) -> Tensor:
    """Standardised numbers (b, d) in the rows' units; hidden ones are drawn, or have their means.

    By Matheron's rule: to the hidden part of a draw of all numbers the conditional mean is added
    of the difference between the observed numbers and their part of the draw.
    """
    unit, known = numbers.unit, numbers.w
    if not numbers.patterns:
        return known
    drawn = _drawn(units, unit, generator)
    completed, difference = known.clone(), known - drawn
    size = max(1, LARGEST // len(units.columns) ** 2)
    for pattern in numbers.patterns:
        difference[pattern.rows[:, None], pattern.hidden] = 0.0
    u = by_unit(difference, unit, units.correlations.inverses)
    for pattern in numbers.patterns:
        hidden = pattern.hidden
        for rows in pattern.rows.split(size):
            shift = pattern.expected_of(unit[rows], difference[rows], u[rows])
            completed[rows[:, None], hidden] = drawn[rows][:, hidden] + shift
    return completed
