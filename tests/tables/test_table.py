"""Columns to numbers and back, for any table and any scale."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.testing import assert_allclose, assert_array_equal

from skpc._tables import Encoded, Table, describe, read_table

ROUNDS = settings(max_examples=100, deadline=None, derandomize=True)
SUPPORTS = {"gaussian": "real", "numeric": "real", "bernoulli": "binary", "categorical": "codes"}


def table_of(X, families, weights=None):
    """A table described by all rows of X."""
    weights = np.ones(len(X)) if weights is None else weights
    raw = read_table(X)
    columns = [
        describe(column, family, SUPPORTS[family], weights)
        for column, family in zip(raw.columns, families, strict=True)
    ]
    return Table(columns, "array", None), raw


@st.composite
def mixed(draw):
    """Rows (n, 3) of a number of any scale, a digit and a code, with holes."""
    n, scale = draw(st.integers(1, 20)), 10.0 ** draw(st.integers(-12, 12))
    numbers = draw(npst.arrays(float, n, elements=st.floats(-9, 9, width=32))) * scale
    digits = draw(npst.arrays(float, n, elements=st.sampled_from([0.0, 1.0])))
    codes = draw(npst.arrays(float, n, elements=st.sampled_from([-3.0, 0.5, 7.0, 1e6])))
    X = np.column_stack([numbers, digits, codes])
    holes = draw(npst.arrays(bool, X.shape))
    holes[0] = False
    return np.where(holes, np.nan, X)


@ROUNDS
@given(mixed())
def test_encoding_round_trip(X):
    table, raw = table_of(X, ["gaussian", "bernoulli", "categorical"])
    encoded = table.encode(raw)
    assert_array_equal(np.isnan(encoded.z), np.isnan(X))
    assert not encoded.unseen.any()
    for j in range(3):
        seen = ~np.isnan(X[:, j])
        back = table.decode_column(j, encoded.z[seen, j], None).astype(float)
        size = np.abs(X[seen, j]).max()
        assert_allclose(back, X[seen, j], rtol=1e-12, atol=1e-12 * size)
    codes = encoded.z[~np.isnan(X[:, 2]), 2]
    assert set(codes) <= set(range(len(table.columns[2].categories)))


@ROUNDS
@given(mixed())
def test_standardised_numbers(X):
    table, raw = table_of(X[:, :1], ["gaussian"])
    z = table.encode(raw).z
    column = table.columns[0]
    assert column.scale > 0
    assert np.isfinite([column.shift, column.scale]).all()
    values = X[~np.isnan(X[:, 0]), 0]
    if np.ptp(values) > 1e-3 * np.abs(values).max():
        assert_allclose(np.nanmean(z), 0.0, atol=1e-9)
        assert_allclose(np.nanstd(z), 1.0, rtol=1e-9)
    assert_allclose(
        table.log_jacobian(table.encode(raw)), -np.log(column.scale) * ~np.isnan(X[:, 0])
    )


@ROUNDS
@given(mixed(), st.integers(0, 2**31 - 1))
def test_fill_touches_missing_cells_only(X, seed):
    table, raw = table_of(X, ["gaussian", "bernoulli", "categorical"])
    rng = np.random.RandomState(seed)
    n_codes = len(table.columns[2].categories)
    n = len(X)
    z = np.column_stack([rng.normal(size=n), rng.randint(2, size=n), rng.randint(n_codes, size=n)])
    filled = table.fill(X, raw, z, None)
    seen = ~np.isnan(X)
    assert_array_equal(filled[seen], X[seen])
    expected = table.rows(z, None)
    assert_array_equal(filled[~seen], expected[~seen])


def test_blocks_of_a_long_table_are_encoded_alike():
    random = np.random.RandomState(0)
    X = np.column_stack([random.normal(size=9000), random.randint(2, size=9000)])
    X = np.column_stack([X, random.gamma(2.0, size=9000)])
    X[random.random_sample(X.shape) < 0.1] = np.nan
    table, raw = table_of(X, ["numeric", "bernoulli", "gaussian"])
    whole = table.encode(raw)
    for rows in (slice(0, 10), slice(4090, 4100), slice(8999, 9000)):
        block = table.encode(raw.rows(rows))
        assert_array_equal(block.z, whole.z[rows])
        assert_array_equal(block.log_slope, whole.log_slope[rows])
        assert_array_equal(block.unseen, whole.unseen[rows])
    z, column = whole.z[:, 2], table.columns[2]
    assert_allclose(column.shift + column.scale * z, X[:, 2], rtol=1e-12)


def test_infinity_is_refused_by_its_column():
    table, _ = table_of(np.zeros((4, 3)), ["gaussian", "bernoulli", "numeric"])
    rows = read_table(np.array([[0.0, 1.0, 2.0], [0.0, 1.0, -np.inf]]))
    with pytest.raises(ValueError, match=r"Column 2 contains infinity \(row 1\)"):
        table.encode(rows)


@pytest.mark.parametrize("scale", [1e-300, 1e-12, 1.0, 1e12, 1e200])
def test_scales_neither_overflow_nor_vanish(scale):
    values = scale * np.array([[1.0], [2.0], [4.0]])
    table, raw = table_of(values, ["gaussian"])
    assert_allclose(table.columns[0].shift, scale * 7 / 3)
    assert_allclose(table.columns[0].scale, scale * np.std([1, 2, 4]))
    assert_allclose(table.encode(raw).z.mean(), 0.0, atol=1e-12)


@pytest.mark.parametrize(("value", "scale"), [(5.0, 5.0), (-2.0, 2.0), (0.0, 1.0), (1e-9, 1e-9)])
def test_constant_column_has_its_size_as_scale(value, scale):
    table, _ = table_of(np.full((4, 1), value), ["gaussian"])
    assert (table.columns[0].shift, table.columns[0].scale) == (value, scale)


def test_empty_column_keeps_its_units():
    table, _ = table_of(np.full((4, 1), np.nan), ["gaussian"])
    assert (table.columns[0].shift, table.columns[0].scale) == (0.0, 1.0)


def test_scales_use_the_weights():
    X = np.array([[0.0], [1.0], [5.0]])
    weights = np.array([1.0, 3.0, 2.0])
    table, _ = table_of(X, ["gaussian"], weights)
    repeated, _ = table_of(np.repeat(X, [1, 3, 2], axis=0), ["gaussian"])
    assert_allclose(table.columns[0].shift, repeated.columns[0].shift)
    assert_allclose(table.columns[0].scale, repeated.columns[0].scale)


def test_category_never_seen():
    table, _ = table_of(np.array([[1.0], [2.0], [2.0]]), ["categorical"])
    (column,) = table.columns
    assert column.categories == (1.0, 2.0)
    assert column.unseen == 2 * 3 / (3 * 3 + 3 + 2 * 2)
    encoded = table.encode(read_table(np.array([[2.0], [9.0], [np.nan]])))
    assert_array_equal(encoded.z, [[1.0], [np.nan], [np.nan]])
    assert_array_equal(encoded.unseen, [[False], [True], [False]])
    assert_allclose(table.log_jacobian(encoded), np.log([10 / 16, 6 / 16, 1.0]))


def test_categories_are_sorted_and_may_be_of_several_types():
    X = np.array([["b"], [3], ["a"], [None], [1.5]], dtype=object)
    table, raw = table_of(X, ["categorical"])
    assert set(table.columns[0].categories) == {"a", "b", 3, 1.5}
    encoded = table.encode(raw)
    back = table.decode_column(0, encoded.z[[0, 1, 2, 4], 0], None)
    assert back.tolist() == ["b", 3, "a", 1.5]
    words, _ = table_of(np.array([["b"], ["c"], ["a"]], dtype=object), ["categorical"])
    assert words.columns[0].categories == ("a", "b", "c")


def test_only_keeps_columns():
    encoded = Encoded(
        np.array([[1.0, np.nan], [0.0, 4.0]]),
        np.array([[0, 0], [2, 0]], dtype=np.int16),
        np.array([[False, True], [False, False]]),
        np.array([[0.5, 0.0], [0.5, 1.0]]),
    )
    keep = np.array([True, False])
    one = encoded.only(keep, keep)
    assert_array_equal(one.z, [[1.0, np.nan], [0.0, np.nan]])
    assert_array_equal(one.atoms, encoded.atoms)
    assert not one.unseen.any()
    assert_array_equal(one.log_slope, [[0.5, 0.0], [0.5, 0.0]])
    other = encoded.only(~keep, ~keep)
    assert_array_equal(other.z, [[np.nan, np.nan], [np.nan, 4.0]])
    assert not other.atoms.any()


def test_atoms_stand_beside_the_numbers():
    random = np.random.RandomState(0)
    X = np.where(random.uniform(size=(400, 1)) < 0.5, 3.0, random.normal(size=(400, 1)))
    X[7] = np.nan
    table, raw = table_of(X, ["numeric"])
    encoded = table.encode(raw)
    assert_array_equal(encoded.atoms, X == 3.0)
    assert_array_equal(np.isnan(encoded.z), np.isnan(X))
    assert_array_equal(encoded.z[encoded.atoms > 0], 0.0)
    seen = ~np.isnan(X[:, 0])
    back = table.decode_column(0, encoded.z[seen, 0], encoded.atoms[seen, 0])
    assert_allclose(back, X[seen, 0], rtol=1e-12, atol=1e-12)
    assert_array_equal(back[X[seen, 0] == 3.0], 3.0)
    assert_array_equal(np.argsort(table.ordered(encoded)[seen, 0]), np.argsort(X[seen, 0]))


def test_integers_of_a_filled_column_are_whole():
    X = np.array([[1], [2], [6]])
    table, _ = table_of(X, ["gaussian"])
    holes = np.array([[1.0], [np.nan], [6.0]])
    filled = table.fill(holes, read_table(holes), np.array([[0.0], [0.37], [0.0]]), None)
    assert filled[1, 0] == np.rint(3.0 + 0.37 * np.std([1, 2, 6]))
    assert filled.dtype == np.float64
