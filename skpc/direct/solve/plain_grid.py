"""The grid of weights near a ridge regression: the plainest whose rounding costs next to nothing.

Grids are tried from plain to fine: one step for all features, a power of two for each, such a step
times a mantissa of one, two and more bits. The first whose codes raise the expected squared error
by no more than `GOOD` is taken; the rise is known from the ridge posterior, and no row is needed.

Axes: B features.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from ..arrays import Floats
from .ridge import Ridge, share_unit
from .rounding import TIE, Round, Rounded, Rounder, rounder

# Expected squared error over the ridge's, less one, at which a grid is good enough.
GOOD = 0.01
# Steps for all features, in octaves about that which just reaches the largest weight.
OCTAVES = np.arange(-2.0, 1.25, 0.25)
# Of these, how many have codes that move.
MOVED = 4
# Shares of the weights' root mean square that the grid of every weight reaches at least: with a
# small share errors cancel better, and there are more different steps. Where mantissas are fine,
# noise is tiny and small weights count: there also none.
FLOORS, FINE = (0.04, 0.08, 0.16), 3
# Posterior standard deviations that a step reaches beyond its weight, so that the grid's edge
# does not cut the posterior off.
REACH = 1.0
# Bits of a step's mantissa beyond its power of two. Few do, unless noise is tiny or codes are few;
# they cost a packed model nothing, whose inputs have scales of their own.
MANTISSAS = (0, 1, 2, 3, 6, 12, 24)
# Factors of all steps that are tried, in an octave: codes up to 7 that were planted are found from
# a step within a fourteenth of theirs. With many features fewer are, so that time stays in bounds.
MOST_FACTORS, FEATURES = 8, 2048


def round_ridge(
    ridge: Ridge,
    codes: Floats,
    x_scale: Floats,
    powers: bool = False,
    least: float = 0.0,
    good: float = GOOD,
    mantissas: Sequence[int] = MANTISSAS,
) -> Rounded:
    """The plainest grid that is good enough, or the best of all, and codes on it.

    Parameters
    ----------
    ridge : Ridge
    codes : ndarray (K,)
    x_scale : ndarray (B,)
        Standard deviations of the features, 0 of constant ones. Where these share a unit, one step
        for all may be so in that unit; else it is so in standard units, which no unit of a column
        changes.
    powers : bool
        Whether steps are powers of two in standard units, and nothing else is tried.
    least : float
        Least step, in standard deviations of the posterior of a weight given the others.
    good : float
        Relative rise of the expected error at which a grid is good enough.
    mantissas : sequence of int
        Bits of a step's mantissa that are tried.
    """
    near = rounder(ridge, codes)
    smallest = least * ridge.spread_of_each()
    if powers:
        return _best(_own_steps(near, 0, np.ones(1), np.ones_like(x_scale), smallest))
    tried = []
    for grids in _grids(near, x_scale, smallest, mantissas):
        best = _best(grids)
        tried.append(best)
        if ridge.excess(best.weights) <= good:
            return best
    return _best(tried)


def round_to(ridge: Ridge, codes: Floats, step: Floats) -> Rounded:
    """Codes on the grid of given steps (B,): nearest planes, then moves."""
    near = rounder(ridge, codes)
    found, _ = near.nearest_plane(_fixed(step, near.largest))
    return near.moved(found, step)


def _best(found: Iterable[Rounded]) -> Rounded:
    """The one of least loss."""
    tried = list(found)
    least = min(one.loss for one in tried)
    return next(one for one in tried if one.loss <= least + TIE * abs(least))


def _grids(
    near: Rounder, x_scale: Floats, least: Floats, mantissas: Sequence[int]
) -> Iterator[Iterator[Rounded]]:
    """Kinds of grids from plain to fine, each with all of its kind."""
    units = [np.ones_like(x_scale)]
    varies = x_scale > 0
    sizes = x_scale[varies]
    if len(sizes) and share_unit(sizes) and not np.allclose(sizes, sizes[0], rtol=TIE, atol=0):
        units.insert(0, np.where(varies, x_scale / np.median(sizes), 1.0))
    yield (one for unit in units for one in _one_step(near, unit))
    n_factors = int(np.clip(FEATURES // len(x_scale), 1, MOST_FACTORS))
    factors = 2.0 ** (np.arange(n_factors) / n_factors)
    for n_bits in mantissas:
        yield _own_steps(near, n_bits, factors, units[0], least)


def _one_step(near: Rounder, unit: Floats) -> Iterator[Rounded]:
    """One step for all, in a unit (B,) of each feature."""
    reach = float(np.max(np.abs(near.ridge.mean) / unit, initial=0.0)) / near.largest
    tried = []
    for octave in OCTAVES:
        step = unit * (max(reach, 1e-8) * 2.0**octave)
        codes, _ = near.nearest_plane(_fixed(step, near.largest))
        tried.append(near.rounded(codes, step))
    for one in sorted(tried, key=lambda one: one.loss)[:MOVED]:
        yield near.fitted(one.codes, one.step)


def _fixed(step: Floats, largest: float) -> Round:
    """Rounding to given steps (B,)."""

    def round_one(j: int, weight: float) -> tuple[float, float]:
        """The feature's step, and the code next to the weight."""
        return step[j], min(max(float(round(weight / step[j])), -largest), largest)

    return round_one


def _own_steps(
    near: Rounder, n_bits: int, factors: Floats, unit: Floats, least: Floats
) -> Iterator[Rounded]:
    """Steps of their own: powers of two, times mantissas, a factor of all and units (B,).

    None is below `least` (B,); a mantissa has `n_bits`.
    """
    ridge = near.ridge
    # Constant features, whose weights are zero, do not count.
    n_weights = max(int(np.count_nonzero(ridge.mean)), 1)
    typical = max(float(np.sqrt(np.sum(ridge.mean**2) / n_weights)), 1e-8)
    deviation = REACH * ridge.spread_of_each()
    for factor in factors:
        lattice = factor * unit
        for floor in (*FLOORS, 0.0) if n_bits >= FINE else FLOORS:
            reach = np.maximum(floor * typical, least * near.largest)
            round_one = _smallest(lattice, n_bits, deviation, reach, near.largest)
            found = near.nearest_plane(round_one)
            yield near.fitted(*found) if len(factors) > 1 else near.moved(*found)


def _smallest(unit: Floats, n_bits: int, deviation: Floats, reach: Floats, largest: float) -> Round:
    """Rounding to the smallest step that reaches a weight, the next, or the one that divides it.

    That which is nearest is taken: the first is the smallest of those that are.
    """
    fine = 2.0**n_bits

    def round_one(j: int, weight: float) -> tuple[float, float]:
        """The step that is taken, and the code next to the weight."""
        least = max(abs(weight) + deviation[j], reach[j]) / largest
        scale = unit[j] * 2.0 ** np.floor(np.log2(least / unit[j]))
        first = np.ceil(least / scale * fine * (1 - TIE)) / fine
        # Fine mantissas are all alike near the smallest step: only a division makes use of them.
        whole = abs(weight) / max(np.floor(abs(weight) / least), 1.0) / scale
        digit = (1.0 if whole < 2.0 else 2.0) / fine
        dividing = max(np.rint(whole / digit) * digit, first)
        steps = scale * np.array([first, first + (1.0 if first < 2.0 else 2.0) / fine, dividing])
        codes = np.rint(weight / steps)
        gaps = np.abs(weight - codes * steps)
        taken = int(np.argmax(gaps <= gaps.min() + TIE * abs(weight)))
        return float(steps[taken]), float(codes[taken])

    return round_one
