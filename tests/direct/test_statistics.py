from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skpc.direct import collect, merge
from skpc.direct.moments import Source, UnitError, collect_blocks, standardise
from skpc.direct.moments.features import row_blocks


def rows(n=50, d=4, seed=0, offset=0.0):
    random = np.random.RandomState(seed)
    x = offset + random.standard_normal((n, d)) * np.logspace(-2, 2, d)
    return x, offset + x.sum(axis=1) - offset * d, random.uniform(0.5, 2.0, n)


@settings(max_examples=30, deadline=None)
@given(cuts=st.lists(st.integers(1, 49), max_size=5), offset=st.sampled_from([0.0, 1e3, -1e8]))
def test_any_chunks_merge_to_the_same_moments(cuts, offset):
    x, y, w = rows(offset=offset)
    whole = collect(x, y, w)
    edges = [0, *sorted(set(cuts)), 50]
    chunks = [collect(x[a:b], y[a:b], w[a:b]) for a, b in pairwise(edges)]
    total = chunks[0]
    for chunk in chunks[1:]:
        total = merge(total, chunk)
    assert total.n_rows == 50
    assert total.weight == pytest.approx(whole.weight, rel=1e-14)
    # What float64 can know of a column at 1e8 with a spread of 0.01.
    rounding = np.spacing(abs(offset)) * 50
    spread = np.sqrt(np.diag(whole.scatter))
    assert np.allclose(total.mean, whole.mean, rtol=1e-14, atol=1e-13)
    bound = 1e-12 * np.outer(spread, spread) + rounding * (spread + spread[:, None])
    assert (np.abs(total.scatter - whole.scatter) <= bound).all()


def test_columns_far_from_zero_keep_their_digits():
    x, y, w = rows(n=400, seed=1)
    near = standardise(collect(x, y, w), True)
    # 2**27: adding it rounds the cells, by less than 1.5e-8.
    far = standardise(collect(x + 2.0**27, y + 2.0**27, w), True)
    assert np.allclose(far.gram, near.gram, rtol=0, atol=1e-4)
    cells = collect((x + 2.0**27) - 2.0**27, (y + 2.0**27) - 2.0**27, w)
    assert np.allclose(far.gram, standardise(cells, True).gram, rtol=0, atol=1e-9)


def test_weights_count_rows():
    x, y, _ = rows()
    counts = np.random.RandomState(0).randint(1, 4, 50)
    weighted = collect(x, y, counts.astype(float))
    repeated = collect(x.repeat(counts, 0), y.repeat(counts), np.ones(counts.sum()))
    assert weighted.weight == repeated.weight
    assert np.allclose(weighted.scatter, repeated.scatter, rtol=1e-12)


def test_standard_units_have_unit_diagonals():
    x, y, w = rows()
    data = standardise(collect(x, y, w), True)
    assert np.allclose(np.diag(data.gram), w.sum())
    assert data.square == pytest.approx(w.sum())
    mean = np.average(x, weights=w, axis=0)
    assert np.allclose(data.x_mean, mean)
    assert np.allclose(data.x_scale, np.sqrt(np.average((x - mean) ** 2, weights=w, axis=0)))
    z = (x - data.x_mean) / data.x_scale
    u = (y - data.y_mean) / data.y_scale
    assert np.allclose(data.gram, z.T @ (w[:, None] * z))
    assert np.allclose(data.moment, z.T @ (w * u))


def test_without_an_intercept_scales_are_root_mean_squares():
    x, y, w = rows(offset=3.0)
    data = standardise(collect(x, y, w), False)
    assert not data.x_mean.any()
    assert data.y_mean == 0
    assert np.allclose(data.x_scale, np.sqrt(np.average(x**2, weights=w, axis=0)))


@pytest.mark.parametrize("value", [0.0, 0.1, 1e8, -1e12, 1e-12])
def test_constant_columns_have_no_products(value):
    x, y, w = rows()
    x[:, 1] = value
    data = standardise(collect(x, y, w), True)
    assert not data.gram[1].any()
    assert not data.gram[:, 1].any()
    assert data.x_scale[1] == 1.0


@pytest.mark.parametrize("column", [0, 3, 4])
@pytest.mark.parametrize(
    ("unit", "side"), [(1e-320, "below"), (1e-120, "below"), (1e120, "above"), (1e300, "above")]
)
def test_columns_whose_squares_float64_cannot_hold_are_an_error(column, unit, side):
    x, y, w = rows()
    z = np.column_stack([x, y])
    z[:, column] *= unit
    with pytest.raises(UnitError, match=f"root mean square {side} 1e") as caught:
        collect(z[:, :4], z[:, 4], w)
    assert caught.value.column == column


@pytest.mark.parametrize("unit", [1e-300, 1e-60, 1e60, 1e300])
def test_weights_of_any_unit_have_the_same_moments(unit):
    x, y, w = rows()
    plain, scaled = collect(x * 1e-90, y, w), collect(x * 1e-90, y, w * unit)
    assert np.allclose(scaled.mean, plain.mean, rtol=1e-14)
    if 1e-100 < unit < 1e100:
        assert np.allclose(scaled.scatter / unit, plain.scatter, rtol=1e-13, atol=0)


def test_blocks_bound_memory_and_skip_rows_of_no_weight(monkeypatch):
    monkeypatch.setattr("skpc.direct.moments.features.BLOCK_CELLS", 40)
    x, y, w = rows()
    w[:20] = 0.0
    sizes = []

    def double(block):
        sizes.append(len(block))
        return 2 * block

    moments = collect_blocks(Source(x, y, w, double, 4), "cpu")
    assert max(sizes) == 10
    assert sum(sizes) == 30
    whole = collect(2 * x[20:], y[20:], w[20:])
    assert np.allclose(moments.scatter, whole.scatter, rtol=1e-12)
    assert [s.stop - s.start for s in row_blocks(25, 4)] == [10, 10, 5]


def test_ranges_are_those_of_all_blocks():
    random = np.random.RandomState(0)
    x, y = random.standard_normal((30, 3)) + 5.0, random.standard_normal(30)
    blocks = [collect(x[rows], y[rows], np.ones(len(rows))) for rows in np.split(np.arange(30), 3)]
    both = merge(merge(blocks[0], blocks[1]), blocks[2])
    assert (both.low == np.append(x.min(axis=0), y.min())).all()
    assert (both.high == np.append(x.max(axis=0), y.max())).all()
    assert standardise(both, True).x_range == pytest.approx(np.ptp(x, axis=0))
    assert standardise(both, False).x_range == pytest.approx(x.max(axis=0))
