"""Maps of columns to atoms and normal numbers: densities, inverses, moments."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats

from skpc._files import Known, from_plain, to_plain
from skpc._tables import row_weight
from skpc._tables.grids import Grid, bounded, find_grid
from skpc._tables.piecewise import Maps, Shape
from skpc._tables.shapes import find_knots, find_shape
from skpc.circuit.leaves import Gaussian, Numeric
from skpc.circuit.queries import Pieces, values_of

SHAPES = {
    "line": Shape(knots=(-0.5, 2.0), levels=(-1.0, 1.0)),
    "bent": Shape(knots=(-1.0, 0.0, 0.1, 3.0), levels=(-2.0, -0.5, 0.7, 2.5)),
    "atom": Shape((0.3,), (0.3,), (0.2,), (-1.0, 0.0, 2.0), (-1.5, 0.0, 1.0)),
    "cells": Shape(
        (0.0, 1.0, 2.0, 4.0), (0.0, 1.0, 2.0, 4.0), (1.0,) * 4, (-2.0, -0.4, 1.0), (-1.5, 0.0, 1.2)
    ),
    "unlike cells": Shape(
        (0.0, 0.6, 2.0), (0.0, 0.6, 2.0), (0.1, 1.0, 0.3), (-2.0, -0.4, 1.0), (-1.5, 0.0, 1.2)
    ),
}
X = np.linspace(-30.0, 30.0, 1_200_001) + 1e-6


@pytest.fixture(params=SHAPES)
def shape(request):
    return SHAPES[request.param]


def density(shape, x, mean=0.2, spread=0.7):
    """Of a leaf with shares 2 : 1 : 1 ... of numbers and atoms, after the map."""
    shares = np.full(1 + len(shape.atoms), 1.0)
    shares[0] = 2.0
    shares /= shares.sum()
    z, atoms, log_slope = shape.encode(x)
    number = shares[0] * stats.norm.pdf(z, mean, spread)
    return np.where(atoms > 0, shares[atoms], number) * np.exp(log_slope)


def test_density_integrates_to_one(shape):
    assert_allclose(np.sum(density(shape, X)) * (X[1] - X[0]), 1.0, atol=2e-4)


def test_slope_equals_finite_differences(shape):
    x = np.random.RandomState(0).uniform(-3, 6, 2000)
    step = 1e-6
    before, middle, after = (shape.encode(x + s * step) for s in (-1, 0, 1))
    smooth = (before[2] == after[2]) & (middle[1] == 0)
    difference = (after[0] - before[0])[smooth] / (2 * step)
    assert_allclose(np.exp(middle[2][smooth]), difference, rtol=1e-6)
    assert smooth.sum() > 500


def test_round_trip(shape):
    x = np.random.RandomState(1).uniform(-8, 8, 3000)
    z, atoms, _ = shape.encode(x)
    back, free = shape.decode(z, atoms), atoms == 0
    assert_allclose(back[free], x[free], atol=1e-12)
    if shape.atoms:
        values = np.array(shape.atoms)
        assert_array_equal(z[~free], 0.0)
        assert_array_equal(back[~free], values[atoms[~free] - 1])
        half = np.array(shape.widths) / 2
        assert (np.abs(x[~free] - back[~free]) <= half[atoms[~free] - 1]).all()
        assert (np.abs(x[free, None] - values) > half - 1e-12).all()


def test_missing_cells_stay_missing(shape):
    z, atoms, log_slope = shape.encode(np.array([np.nan, 1e300, -1e300]))
    assert np.isnan(z[0])
    assert not atoms.any()
    assert np.isnan(log_slope[0])
    assert np.isfinite(z[1:]).all()


def test_columns_together_are_mapped_as_each_alone():
    """A column without a shape keeps its numbers, however large or small."""
    u = np.random.RandomState(2).uniform(-8, 8, (500, len(SHAPES) + 1))
    u[::7, 1] = np.nan
    u[:2] = [[1e9], [1e-30]]
    z, atoms, log_slope = Maps([*SHAPES.values(), None]).encode(u)
    for j, shape in enumerate(SHAPES.values()):
        alone = shape.encode(u[:, j])
        assert_array_equal(z[:, j], alone[0])
        assert_array_equal(atoms[:, j], alone[1])
        assert_array_equal(log_slope[:, j], alone[2])
    assert_array_equal(z[:, -1], u[:, -1])
    assert_array_equal(log_slope[:, -1], 0.0)


def test_plain_form_round_trip(shape):
    known = Known()
    known.add(Shape)
    assert from_plain(known, to_plain(known, shape)) == shape


def test_moments_equal_quadrature(shape):
    """Exact moments of the values that draws take: of an atom its value, not its cell."""
    mean, variance = torch.tensor([[0.2, -1.0]]).double(), torch.tensor([[0.49, 2.0]]).double()
    gaussian = torch.stack([mean, mean**2 + variance], dim=1)
    m = len(shape.atoms)
    share = 2.0 / (2.0 + m)
    atoms = torch.full((1, m, 2), (1 - share) / max(m, 1)).double()
    mu = torch.cat([gaussian * share, torch.full((1, 1, 2), share).double(), atoms], dim=1)
    family = Numeric(m, 1e-3)
    breaks, intercepts, slopes = map(torch.from_numpy, shape.inverse())
    pieces = Pieces(breaks, intercepts, slopes, torch.tensor(shape.atoms).double())
    first, second = pieces.moments(family, family.natural(mu))
    for k, (centre, spread) in enumerate([(0.2, 0.7), (-1.0, np.sqrt(2.0))]):
        levels = np.linspace(-12, 12, 2_400_001) + 1e-7
        weights = stats.norm.pdf(levels, centre, spread) * (levels[1] - levels[0])
        u = shape.decode(levels, np.zeros(len(levels), dtype=np.int16))
        for power, found in ((1, first), (2, second)):
            wanted = share * weights @ u**power
            wanted += (1 - share) * np.mean(np.array(shape.atoms) ** power) if m else 0.0
            assert_allclose(found[0, k].item(), wanted, atol=1e-5)


def test_numbers_are_the_largest_whose_value_is_at_most_that_asked(shape):
    """Also in the cells of atoms, where there are no numbers."""
    pieces = Pieces(*map(torch.from_numpy, shape.inverse()), torch.tensor(shape.atoms).double())
    z = np.linspace(-12, 12, 240_001)
    u = shape.decode(z, np.zeros(len(z), dtype=np.int16))
    asked = np.linspace(-3, 6, 1000)
    wanted = z[np.searchsorted(u, asked, side="right") - 1]
    assert_allclose(pieces.numbers(torch.from_numpy(asked)), wanted, atol=2e-4)


def test_all_numbers_of_a_flat_piece_have_its_value():
    breaks, intercepts, slopes = [0.0, 1.0], [0.0, 0.0, -1.0], [1.0, 0.0, 1.0]
    pieces = Pieces(*(torch.tensor(x).double() for x in (breaks, intercepts, slopes, [])))
    found = pieces.numbers(torch.tensor([-0.5, 0.0, 0.5]).double())
    assert_array_equal(found, [-0.5, 1.0, 1.5])
    constant = Pieces(*(torch.tensor(x).double() for x in ([], [2.0], [0.0], [])))
    found = constant.numbers(torch.tensor([1.9, 2.0, 2.1]).double())
    assert_array_equal(found, [-np.inf, np.inf, np.inf])


@pytest.mark.parametrize("ends", [(8.0, 9.0), (-9.0, -8.0)])
def test_pieces_far_out_keep_the_digits_of_their_probability(ends):
    """Of a value that is 1 on a piece in the tail and 0 elsewhere the mean is the probability."""
    columns = list(ends), [0.0, 1.0, 0.0], [0.0, 0.0, 0.0], []
    pieces = Pieces(*(torch.tensor(x).double() for x in columns))
    found, _ = pieces.of_normal(torch.zeros(1, 1).double(), torch.ones(1, 1).double())
    assert_allclose(found.item(), stats.norm.sf(8) - stats.norm.sf(9), rtol=1e-12)


def test_numbers_of_units_and_rows_have_the_moments_of_their_units(shape):
    """Three rows in two units, each with a number of its own, as many leaves of one number."""
    m = len(shape.atoms)
    mean = torch.tensor([[0.2, -1.0, 0.5], [1.0, 0.0, 2.0]]).double()
    variance = torch.tensor([[0.49, 2.0, 1.0], [0.1, 0.5, 3.0]]).double()
    shares = torch.full((1 + m, 2), 0.5 / max(m, 1)).double()
    shares[0] = 0.5 if m else 1.0
    columns = map(torch.from_numpy, shape.inverse())
    pieces, family = Pieces(*columns, torch.tensor(shape.atoms).double()), Numeric(m, 1e-3)
    found = values_of(pieces, shares if m else None, mean, variance)
    for k in range(2):
        of_unit = shares[:, k].expand(3, -1).T
        numbers = torch.stack([mean[k], mean[k] ** 2 + variance[k]]) * of_unit[0]
        mu = torch.cat([numbers, of_unit])[None]
        for value, wanted in zip(found, pieces.moments(family, family.natural(mu)), strict=True):
            assert_allclose(value[k], wanted[0])


def test_moments_without_atoms_take_a_gaussian_leaf():
    shape, family = SHAPES["line"], Gaussian(1e-3)
    mu = torch.tensor([[[0.4], [0.16 + 0.25]]]).double()
    breaks, intercepts, slopes = map(torch.from_numpy, shape.inverse())
    pieces = Pieces(breaks, intercepts, slopes, torch.zeros(0).double())
    first, second = pieces.moments(family, family.natural(mu))
    # u = 0.75 + 1.25 z
    assert_allclose(first.item(), 0.75 + 1.25 * 0.4)
    assert_allclose(second.item() - first.item() ** 2, 1.25**2 * 0.25)


def grid_of(x, **known):
    return find_grid(x, np.ones(len(x)), **known)


@pytest.mark.parametrize("scale", [1e-12, 0.3, 1.0, 1e12])
def test_grid_is_found_in_any_unit(scale):
    steps = np.array([0.0, 2.0, 5.0, 6.0, 40.0])
    assert_allclose(grid_of(scale * (steps - 7.0)).step, scale)
    assert grid_of(scale * np.random.RandomState(0).normal(size=50)).step == 0.0
    assert grid_of(np.array([scale])).step == 0.0


def test_a_tenth_of_rows_beside_the_values_of_cells_makes_them_finer():
    whole = np.random.RandomState(0).randint(0, 30, 1000).astype(float)
    assert_allclose(grid_of(whole + 0.01 * (np.arange(1000) % 10 == 0)).step, 0.01)
    assert_allclose(grid_of(whole + 0.01 * (np.arange(1000) % 100 == 0)).step, 1.0)


def test_draws_of_closed_values_are_the_nearest_ones():
    grid = Grid(values=(0.0, 1.0, 10.0), closed=True)
    assert_array_equal(grid.drawn(np.array([-5.0, 0.4, 0.6, 5.0, 6.0, 99.0])), [0, 0, 1, 1, 10, 10])


def test_bounds_on_a_grid_are_its_outermost_numbers_within():
    ends = [(0.4, 5.6), (0.6, 5.4), (1.0, 5.0)]
    found = [bounded(Grid(step=1.0), *pair) for pair in ends]
    assert [(grid.low, grid.high) for grid in found] == [(1.0, 5.0)] * 3


def standard(x):
    return (x - x.mean()) / x.std()


def shape_of(x, weights=None):
    weights = np.ones(len(x)) if weights is None else weights
    return find_shape(standard(x), x, weights, find_grid(x, weights).step / x.std())


def test_normal_columns_are_mapped_straight():
    found = shape_of(np.random.RandomState(0).normal(size=3000))
    assert len(found.knots) == 2
    assert not found.atoms


def test_skewed_columns_are_bent():
    x = np.random.RandomState(0).lognormal(sigma=1.5, size=3000)
    found = shape_of(x)
    z, _, _ = found.encode(standard(x))
    assert abs(stats.skew(z)) < 0.2
    assert abs(stats.kurtosis(z)) < 0.5


@pytest.mark.parametrize(("n", "atoms"), [(9, ()), (12, (0.5,)), (150, (0.5,)), (700, (0.5,))])
def test_a_repeated_value_among_distinct_ones_is_an_atom(n, atoms):
    """Also one whose widest cell holds many times its rows: the cell is then narrower."""
    x = np.random.RandomState(0).uniform(size=2000)
    found = shape_of(np.concatenate([x, np.full(n, 0.5)]))
    assert found.values == atoms
    in_cell = found.nearest((x - x.mean()) / x.std())[1].sum()
    assert in_cell <= n / 3


@pytest.mark.parametrize("offset", [1e-4, 1e-7])
def test_neighbours_of_which_one_has_few_rows_are_two_atoms(offset):
    """A cell is as wide as its own atom needs, not as wide as the others of the column are."""
    random = np.random.RandomState(0)
    x = np.r_[np.full(300, 0.25), np.full(20, 0.25 + offset), random.uniform(size=2000)]
    found = shape_of(np.r_[x, np.zeros(500)])
    assert found.values == (0.0, 0.25, 0.25 + offset)
    assert (np.diff(found.atoms) >= found.widths[1:]).all()


def test_atoms_in_a_lump_of_a_wide_column_are_atoms():
    random = np.random.RandomState(0)
    lump = 0.1 + 1e-4 * random.normal(size=1500)
    x = np.r_[np.full(300, 0.1), np.full(200, 0.1 + 1e-7), lump, random.normal(size=1000)]
    assert shape_of(x).values == (0.1, 0.1 + 1e-7)


def test_one_number_computed_in_two_ways_is_one_atom():
    x = np.r_[np.full(40, 0.1 + 0.2), np.full(60, 0.3), np.random.RandomState(0).normal(size=500)]
    found = shape_of(x)
    assert found.values == (0.3,)
    assert found.nearest((np.array([0.1 + 0.2]) - x.mean()) / x.std())[1].all()


@pytest.mark.parametrize("rows", [1, 10, 400])
def test_a_cell_holds_a_tenth_of_the_rows_of_its_atom(rows):
    x = np.r_[np.random.RandomState(0).uniform(size=5000), np.full(rows, 0.5)]
    at = (np.array([0.5]) - x.mean()) / x.std(), np.array([0.5])
    u = (x - x.mean()) / x.std()
    found = find_shape(u, x, np.ones(len(x)), at=at)
    inside = found.nearest(u)[1].sum() - rows
    assert inside <= 1 + max(rows, 10) / 5


def test_repeated_values_among_repeated_ones_are_no_atoms():
    counts = np.random.RandomState(0).poisson(300.0, 3000)
    assert shape_of(np.log1p(counts)).values == ()


def test_zeros_of_a_column_are_an_atom():
    rng = np.random.RandomState(0)
    x = np.where(rng.uniform(size=1000) < 0.6, 0.0, rng.exponential(50.0, 1000))
    assert shape_of(x).values == (0.0,)


def test_columns_of_few_integers_are_atoms():
    x = np.random.RandomState(0).poisson(2.0, 800).astype(float)
    found = shape_of(x)
    assert found.values == tuple(np.unique(x))
    assert_allclose(np.array(found.widths) * x.std(), 1.0)


@pytest.mark.parametrize("x", [[], [3.0], [2.0, 2.0], [1.0, 5.0], [0.0, 0.0, 1e9]])
def test_tiny_columns_have_a_shape(x):
    x = np.array(x)
    found = find_shape(x - x.mean() if len(x) else x, x, np.ones(len(x)))
    z, _, log_slope = found.encode(np.linspace(-2, 2, 5))
    assert np.isfinite(z).all()
    assert np.isfinite(log_slope).all()


def test_repeated_rows_equal_weights():
    x = np.random.RandomState(0).gamma(0.5, size=200)
    for weights in (np.full(200, 3.0), 1.0 + np.arange(200) % 3):
        repeated = np.repeat(x, weights.astype(int))
        weighted = find_shape(x, x, weights / row_weight(weights))
        assert_allclose(
            weighted.knots, find_shape(repeated, repeated, np.ones(len(repeated))).knots
        )


def test_the_unit_of_weights_that_are_no_counts_does_not_matter():
    weights = np.random.RandomState(0).uniform(0.5, 2.5, 200)
    for factor in (1e-6, 1.0, 1e6):
        scaled = factor * weights
        assert_allclose(scaled / row_weight(scaled), weights / weights.mean())
    assert row_weight(np.full(5, 200.0)) == 1.0


def test_knots_ascend():
    rng = np.random.RandomState(0)
    for y in (rng.standard_cauchy(500), np.round(rng.exponential(size=500), 1), np.arange(9.0)):
        values, counts = np.unique(y, return_counts=True)
        knots, levels = find_knots(values, counts.astype(float))
        assert (np.diff(knots) > 0).all()
        assert (np.diff(levels) > 0).all()


def test_shapes_of_large_columns_do_not_depend_on_the_order_of_rows():
    random = np.random.default_rng(0)
    x = np.empty(400_000)
    x[::2], x[1::2] = random.normal(-0.8, 0.05, 200_000), random.exponential(1.0, 200_000)
    ones = np.ones(len(x))
    mixed = random.permutation(x)
    scores = [find_shape(z, z, ones).encode(x)[2].mean() for z in (x, mixed)]
    assert abs(scores[0] - scores[1]) < 0.02
    assert min(find_shape(x, x, ones).knots) < -0.9
