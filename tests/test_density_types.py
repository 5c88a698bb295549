"""Types of columns: what fit accepts every query accepts, and what comes back has the same type."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from helpers.cases import exact, tiny
from numpy.testing import assert_allclose, assert_array_equal

N = 60
WORDS = np.random.RandomState(0).choice(["red", "green", "blue"], N).tolist()
COUNTS = np.random.RandomState(1).randint(0, 3, N).tolist()
REALS = np.random.RandomState(2).normal(3.0, 2.0, N)

# Types whose names say less than the types themselves.
SERIES = {
    "python strings": pd.Series(WORDS, dtype="string[python]"),
    "strings of arrow": pd.Series(WORDS, dtype=pd.ArrowDtype(pa.string())),
    "large strings of arrow": pd.Series(WORDS, dtype=pd.ArrowDtype(pa.large_string())),
    "category of small integers": pd.Series(COUNTS, dtype="int8").astype("category"),
    "category of floats": pd.Series(COUNTS, dtype="float32").astype("category"),
    "category of booleans": pd.Series(COUNTS, dtype=bool).astype("category"),
    "category of intervals": pd.Series(pd.cut(REALS, 3)),
    "sparse integers": pd.Series(pd.arrays.SparseArray(COUNTS)),
    "sparse floats": pd.Series(pd.arrays.SparseArray([np.nan, *COUNTS[1:]])),
    "sparse booleans": pd.Series(pd.arrays.SparseArray([c > 0 for c in COUNTS])),
}


@pytest.mark.parametrize("series", SERIES.values(), ids=SERIES)
def test_types_come_back_in_draws_and_filled_rows(series):
    frame = pd.DataFrame({"x": series, "y": REALS})
    model = tiny().fit(frame)
    draws = model.sample(200, random_state=0)
    assert draws.dtypes.tolist() == frame.dtypes.tolist()
    assert set(draws["x"]) >= set(series.dropna())
    if not str(series.dtype).startswith(("Sparse[int", "Sparse[bool")):
        holes = frame.copy()
        holes["x"] = series.where(REALS > 2.0)
        holes["x"] = holes["x"].astype(series.dtype)
        filled = model.sample_conditional(holes, random_state=0)
        assert filled.dtypes.tolist() == frame.dtypes.tolist()
        assert not filled["x"].isna().any()
        known = (REALS > 2.0) & series.notna()
        assert filled["x"][known].tolist() == series[known].tolist()


@pytest.mark.parametrize(
    "dtype", [getattr(pl, name) for name in ("Int128", "UInt128") if hasattr(pl, name)], ids=str
)
def test_integers_that_numpy_does_not_have(dtype):
    frame = pl.DataFrame({"x": pl.Series(COUNTS, dtype=dtype), "y": REALS})
    assert tiny().fit(frame).sample(20, random_state=0).schema == frame.schema
    far = frame.with_columns(x=pl.col("x") * 10**38)
    draws = tiny().fit(far).sample(200, random_state=0)
    # Some draws are beyond the type: they are its ends.
    assert draws.schema == frame.schema
    assert draws["x"].max() > 10**37


REFUSED = {
    "arrow dictionary": pd.Series(
        WORDS, dtype=pd.ArrowDtype(pa.dictionary(pa.int8(), pa.string()))
    ),
    "arrow decimal": pd.Series(COUNTS, dtype=pd.ArrowDtype(pa.decimal128(9, 2))),
    "arrow string view": pd.Series(WORDS, dtype=pd.ArrowDtype(pa.string_view())),
    "arrow list": pd.Series([[c] for c in COUNTS], dtype=pd.ArrowDtype(pa.list_(pa.int8()))),
    "polars objects": pl.Series(WORDS, dtype=pl.Object),
    "polars decimal": pl.Series(COUNTS, dtype=pl.Decimal(9, 2)),
}  # fmt: skip


@pytest.mark.parametrize("series", REFUSED.values(), ids=REFUSED)
def test_types_that_no_draw_could_have_are_refused_by_fit(series):
    make = pd.DataFrame if isinstance(series, pd.Series) else pl.DataFrame
    frame = make({"y": REALS, "x": series})
    with pytest.raises(ValueError, match=r"Column 'x' has the type .*; numbers, booleans, strings"):
        tiny().fit(frame)


@pytest.mark.parametrize("name", [0, ("a", 0)])
def test_messages_name_columns_as_users_write_them(name):
    columns = pd.MultiIndex.from_tuples([name]) if isinstance(name, tuple) else [name]
    with pytest.raises(ValueError, match=r"Column (0|\('a', 0\)) contains infinity"):
        tiny().fit(pd.DataFrame([[np.inf]], columns=columns))


def test_columns_of_one_name_are_refused():
    frame = pd.DataFrame(np.ones((3, 3)), columns=["a", "b", "a"])
    with pytest.raises(ValueError, match=r"Column 'a' is in X more than once"):
        tiny().fit(frame)


@pytest.mark.parametrize("make", [np.array, pd.DataFrame, pl.DataFrame])
def test_holes_in_whole_numbers_that_are_categories(make):
    """The most probable category is a number again, in any container."""
    code = np.tile([3, 5], N // 2)
    X = np.column_stack([code, 10 * code])
    model = exact(categorical_features=[0, 1], n_sums=6, n_leaves=6).fit(make(X))
    holes = X.astype(float)
    holes[:, 1] = np.nan
    for filled in (
        model.impute(make(holes)),
        model.sample_conditional(make(holes), random_state=0),
    ):
        agreed = np.asarray(filled)[:, 1] == X[:, 1]
        assert agreed.mean() > 0.9
        assert set(np.asarray(filled)[:, 1]) <= {30.0, 50.0}


@pytest.mark.parametrize("library", ["pandas", "polars", "array"])
def test_a_column_of_words_that_is_nan_in_the_query_is_predicted(library):
    """X.assign(species=nan) asks for the column, though floats hold no words."""
    size = np.where(np.array(WORDS) == "red", 9.0, -9.0) + 0.1 * REALS
    if library == "array":
        X = np.array([WORDS, size.tolist()], dtype=object).T
        query = np.column_stack([np.full(N, np.nan), size])
        model = exact(categorical_features=[0]).fit(X)
    else:
        make = pd.DataFrame if library == "pandas" else pl.DataFrame
        X = make({"word": WORDS, "size": size})
        query = make({"word": np.full(N, np.nan), "size": size})
        model = exact().fit(X)
    filled = np.asarray(model.impute(query))
    assert ((filled[:, 0] == "red") == (np.array(WORDS) == "red")).all()
    assert_array_equal(filled[:, 1].astype(float), size)


def test_words_do_not_go_into_a_column_of_other_numbers():
    model = tiny().fit(pd.DataFrame({"word": WORDS, "size": REALS}))
    query = pd.DataFrame({"word": [1.0, np.nan], "size": [1.0, 2.0]})
    with pytest.raises(ValueError, match=r"Column 'word' has missing cells and the type float64"):
        model.impute(query)


NOTHING = {
    "objects": pd.Series([None] * N, dtype=object),
    "category": pd.Series([None] * N, dtype="category"),
    "null": pd.Series([None] * N, dtype=pd.ArrowDtype(pa.null())),
    "polars Null": pl.Series([None] * N),
    "polars Enum": pl.Series([None] * N, dtype=pl.Enum([])),
    "polars String": pl.Series([None] * N, dtype=pl.String),
}


@pytest.mark.parametrize("series", NOTHING.values(), ids=NOTHING)
def test_a_column_of_which_nothing_is_known_stays_empty(series):
    make = pd.DataFrame if isinstance(series, pd.Series) else pl.DataFrame
    frame = make({"x": series, "y": REALS})
    model = exact().fit(frame)
    assert_allclose(model.score_samples(frame), model.predict_marginal(frame, ["y"]))
    draws, filled = model.sample(5, random_state=0), model.impute(frame)
    assert list(draws.dtypes) == list(filled.dtypes) == list(frame.dtypes)
    assert all(map(pd.isna, [*draws["x"], *filled["x"]]))


def test_categories_of_another_width_are_widened():
    """A query declares categories of int8, and the model fills in those that it lacks."""
    values = np.tile([1, 300], N // 2)
    X = pd.DataFrame({"x": pd.Series(values).astype("category"), "y": values})
    query = pd.DataFrame({"x": pd.Series([1, None] * 30, dtype="Int8"), "y": values})
    query["x"] = query["x"].astype("int8", errors="ignore").astype("category")
    filled = exact(max_iter=20).fit(X).impute(query)
    assert filled["x"].tolist() == values.tolist()


def test_a_list_in_a_query_is_refused_by_name():
    model = tiny().fit(pd.DataFrame({"word": WORDS, "size": REALS}))
    query = pd.DataFrame({"word": [["red"], "red"], "size": [1.0, 2.0]})
    with pytest.raises(ValueError, match=r"Column 'word' has the type list"):
        model.score_samples(query)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "longdouble"])
def test_draws_and_filled_cells_stay_in_the_range_of_their_floats(dtype):
    """Draws beyond the largest float are the largest float, which the model accepts."""
    top = min(float(np.finfo(dtype).max), 1.7e308)
    X = np.array([[-top], [top], [-0.9 * top], [0.9 * top]] * 4).astype(dtype)
    tables = [X] if dtype == "longdouble" else [X, pd.DataFrame(X)]
    for table in tables:
        model = exact(max_iter=1).fit(table)
        draws = model.sample(400, random_state=0)
        values = np.asarray(draws)
        assert values.dtype == np.dtype(dtype)
        assert np.isfinite(values.astype(float)).all()
        assert values.max() >= 0.9 * top
        assert np.isfinite(model.score_samples(draws)).all()
        mean, _ = model.moments()
        assert abs(mean[0]) < 0.5 * top


def test_variances_overflow_only_where_the_result_does():
    """The square of the scale is beyond all floats; the conditional variance is not."""
    x = np.random.RandomState(0).normal(size=(400, 1))
    for factor in (1e100, 1e153):
        mean, variance = exact(leaf="gaussian").fit(x * factor).moments()
        assert_allclose(np.sqrt(variance[0]), x.std() * factor, rtol=0.02)
        assert_allclose(mean[0], x.mean() * factor, atol=0.02 * factor)
    _, variance = exact(leaf="gaussian").fit(x * 1e200).moments()
    assert variance[0] == np.inf
    _, variance = exact(leaf="gaussian").fit(x * 1e200).moments(x[:3] * 1e200)
    assert_array_equal(variance, 0.0)


@pytest.mark.parametrize("scale", [1e-320, 1e-300])
def test_rows_far_from_a_tiny_column(scale):
    """Their distance in units of the column is beyond all floats, and their density the least."""
    x = np.random.RandomState(0).normal(size=60)
    X = np.column_stack([np.rint(9 * x) * scale, x])
    model = tiny().fit(X)
    far = np.array([[1e300, 0.0], [-1e300, 0.0], [1e300, np.nan]])
    assert (model.score_samples(far) < model.score_samples(X).min()).all()
    assert np.isfinite(model.score_samples(far)).all()
    assert np.isfinite(model.impute(far)).all()
    assert_array_equal(model.moments(far)[0][:, 0], far[:, 0])
