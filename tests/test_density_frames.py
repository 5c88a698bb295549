"""Frames in, frames out: rows come back with the names and types of the training table."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from helpers.cases import exact, tiny
from numpy.testing import assert_allclose, assert_array_equal
from pandas.testing import assert_frame_equal

N = 60
WORDS = np.random.RandomState(0).choice(["red", "green", "blue"], N).tolist()
COUNTS = np.random.RandomState(1).randint(-5, 9, N).tolist()
REALS = np.random.RandomState(2).normal(3.0, 2.0, N).tolist()
FLAGS = [word == "red" for word in WORDS]

PANDAS = {
    "float64": REALS,
    "float32": REALS,
    "Float64": REALS,
    "int64": COUNTS,
    "int8": COUNTS,
    "uint16": [c + 5 for c in COUNTS],
    "Int64": COUNTS,
    "Int16": COUNTS,
    "bool": FLAGS,
    "boolean": FLAGS,
    "category": WORDS,
    "string": WORDS,
    "str": WORDS,
    "object": WORDS,
    "int64[pyarrow]": COUNTS,
    "double[pyarrow]": REALS,
    "bool[pyarrow]": FLAGS,
}
POLARS = {
    pl.Float64(): REALS,
    pl.Float32(): REALS,
    pl.Int64(): COUNTS,
    pl.Int8(): COUNTS,
    pl.UInt16(): [c + 5 for c in COUNTS],
    pl.Boolean(): FLAGS,
    pl.String(): WORDS,
    pl.Categorical(): WORDS,
    pl.Enum(["green", "blue", "red", "black"]): WORDS,
}


def pandas_column(dtype):
    return pd.DataFrame({"x": pd.Series(PANDAS[dtype], dtype=dtype), "y": REALS})


def polars_column(dtype):
    return pl.DataFrame({"x": pl.Series(POLARS[dtype], dtype=dtype), "y": REALS})


def mixed_pandas():
    colour = pd.Categorical(WORDS, categories=["red", "green", "blue"], ordered=True)
    return pd.DataFrame({"size": REALS, "colour": colour, "count": COUNTS, "flag": FLAGS})


def mixed_polars():
    colour = pl.Series(WORDS, dtype=pl.Enum(["red", "green", "blue"]))
    return pl.DataFrame({"size": REALS, "colour": colour, "count": COUNTS, "flag": FLAGS})


def mixed_array():
    code = [["red", "green", "blue"].index(word) for word in WORDS]
    return np.column_stack([REALS, code, COUNTS, FLAGS]).astype(float)


@pytest.mark.parametrize("dtype", PANDAS)
def test_pandas_types_come_back(dtype):
    frame = pandas_column(dtype)
    draws = tiny().fit(frame).sample(30, random_state=0)
    assert isinstance(draws, pd.DataFrame)
    assert draws.shape == (30, 2)
    assert list(draws.columns) == ["x", "y"]
    assert draws.dtypes.to_dict() == frame.dtypes.to_dict()
    assert not draws.isna().any().any()
    if PANDAS[dtype] is WORDS or PANDAS[dtype] is FLAGS:
        assert set(draws["x"]) <= set(frame["x"])


@pytest.mark.parametrize("dtype", POLARS, ids=str)
def test_polars_types_come_back(dtype):
    frame = polars_column(dtype)
    draws = tiny().fit(frame).sample(30, random_state=0)
    assert isinstance(draws, pl.DataFrame)
    assert draws.shape == (30, 2)
    assert draws.schema == frame.schema
    assert draws.null_count().sum_horizontal().item() == 0
    if POLARS[dtype] is WORDS or POLARS[dtype] is FLAGS:
        assert set(draws["x"]) <= {*frame["x"], "black"}


@pytest.mark.parametrize("dtype", [t for t in PANDAS if not t.startswith(("int", "uint", "bool"))])
def test_pandas_holes_are_filled_in_their_type(dtype):
    model = tiny().fit(pandas_column(dtype))
    holes = pandas_column(dtype).iloc[:10].copy()
    holes.loc[[1, 4], "x"] = None
    given = holes.copy(deep=True)
    filled = model.sample_conditional(holes, random_state=0)
    assert filled.dtypes.to_dict() == holes.dtypes.to_dict()
    assert not filled.isna().any().any()
    others = [i for i in range(10) if i not in (1, 4)]
    assert_frame_equal(filled.iloc[others], holes.iloc[others])
    assert_frame_equal(holes, given)


@pytest.mark.parametrize("dtype", POLARS, ids=str)
def test_polars_holes_are_filled_in_their_type(dtype):
    model = tiny().fit(polars_column(dtype))
    whole = polars_column(dtype)[:10]
    hole = pl.Series([i in (1, 4) for i in range(10)])
    holes = whole.with_columns(x=pl.when(hole).then(None).otherwise(pl.col("x")))
    filled = model.sample_conditional(holes, random_state=0)
    assert filled.schema == holes.schema
    assert filled.null_count().sum_horizontal().item() == 0
    assert filled.filter(~hole).equals(whole.filter(~hole))


@pytest.mark.parametrize("make", [mixed_pandas, mixed_polars])
def test_frame_equals_array(make):
    frame, X = make(), mixed_array()
    families = ["numeric", "categorical", "numeric", "bernoulli"]
    told = {"categorical_features": [1], "leaf": families}
    from_frame, from_array = tiny().fit(frame), tiny(**told).fit(X)
    assert from_frame.leaf_families_ == families
    # Booleans keep back no share for other values, as zeros and ones do.
    share = np.log1p(-6 / (N * N + N + 4))
    assert_allclose(from_frame.score_samples(frame) + share, from_array.score_samples(X))
    assert_allclose(
        from_frame.predict_conditional(frame, ["colour", "flag"]) + share,
        from_array.predict_conditional(X, [1, 3]),
    )
    ours, theirs = from_frame.sample(9, random_state=0), from_array.sample(9, random_state=0)
    assert_allclose(np.asarray(ours["size"]), theirs[:, 0])
    assert np.asarray(ours["flag"]).astype(float).tolist() == theirs[:, 3].tolist()


def test_libraries_agree():
    ours, theirs = tiny().fit(mixed_pandas()), tiny().fit(mixed_polars())
    assert_array_equal(ours.score_samples(mixed_pandas()), theirs.score_samples(mixed_polars()))
    assert_array_equal(theirs.feature_names_in_, ["size", "colour", "count", "flag"])


def test_order_of_declared_categories_and_their_spare_ones():
    frame = mixed_pandas()
    frame["colour"] = frame["colour"].cat.add_categories("black")
    model = tiny(smoothing=1.0).fit(frame)
    draws = model.sample(5, random_state=0)
    assert draws["colour"].cat.categories.tolist() == ["red", "green", "blue", "black"]
    assert draws["colour"].cat.ordered
    # A declared category is smoothed over; an undeclared one has the share of the unseen.
    black = frame.iloc[:1].assign(colour=pd.Categorical(["black"], ["black"]))
    pink = frame.iloc[:1].assign(colour=pd.Categorical(["pink"], ["pink"]))
    colours = ["red", "green", "blue", "black"]
    known = pd.concat([frame.iloc[:1]] * 4).assign(colour=pd.Categorical(colours, colours))
    shares = np.exp(model.predict_marginal(known, ["colour"]))
    unseen = np.exp(model.predict_marginal(pink, ["colour"]))[0]
    assert_allclose(unseen, 3 * 4 / (N * N + N + 2 * 3))
    assert_allclose(shares.sum() + unseen, 1.0)
    assert_allclose(np.exp(model.predict_marginal(black, ["colour"])), shares[3])


def test_features_by_name():
    frame = mixed_pandas()
    model = tiny().fit(frame)
    by_name = model.predict_marginal(frame, ["colour", "flag"])
    assert_array_equal(by_name, model.predict_marginal(frame, [1, 3]))
    assert_array_equal(model.predict_marginal(frame, "flag"), model.predict_marginal(frame, [3]))
    assert_array_equal(by_name, model.predict_marginal(frame, np.array(["flag", "colour"])))


def test_categorical_features_by_name_mask_and_position():
    frame = mixed_pandas()
    scores = [
        tiny(categorical_features=told).fit(frame).score_samples(frame)
        for told in (["colour", "count"], [1, 2], [False, True, True, False])
    ]
    assert_array_equal(scores[0], scores[1])
    assert_array_equal(scores[0], scores[2])
    model = tiny(categorical_features=["count"], leaf=["auto", "categorical", "auto", "auto"])
    draws = model.fit(frame).sample(20, random_state=0)
    assert draws["count"].dtype == np.int64
    assert set(draws["count"]) <= set(COUNTS)


def test_index_and_repeats_of_rows():
    frame = mixed_pandas().set_index(pd.Index(np.arange(N) * 10))
    holes = frame.iloc[:3].copy()
    holes["size"] = np.nan
    out = exact().fit(frame).sample_conditional(holes, n_samples=2, random_state=0)
    assert out.index.tolist() == [0, 0, 10, 10, 20, 20]
    assert out["count"].tolist() == [c for c in COUNTS[:3] for _ in range(2)]
    assert out["size"].nunique() == 6
    columns = mixed_polars().with_columns(size=pl.lit(None, dtype=pl.Float64))[:3]
    out = exact().fit(mixed_polars()).sample_conditional(columns, n_samples=2, random_state=0)
    assert out["count"].to_list() == [c for c in COUNTS[:3] for _ in range(2)]


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_long_integers_stay_to_the_bit(library):
    # 2^60 + 1 is no float64.
    values = [1, 2, 3, 2**60 + 1]
    if library == "pandas":
        whole = pd.DataFrame({"a": pd.array(values, dtype="Int64"), "b": REALS[:4]})
        holes = whole.copy()
        holes.loc[0, "a"] = pd.NA
    else:
        whole = pl.DataFrame({"a": values, "b": REALS[:4]})
        holes = whole.with_columns(a=pl.Series([None, *values[1:]]))
    filled = tiny().fit(whole).sample_conditional(holes, random_state=0)
    assert filled["a"][3] == 2**60 + 1


def test_nan_beside_na_is_a_missing_cell():
    """Types with a mask of their own can hold NaN that pandas does not call missing."""
    numbers = pa.array([np.nan, *REALS[1:]], from_pandas=False)
    strange = pd.DataFrame({"a": pd.arrays.ArrowExtensionArray(numbers), "b": REALS})
    assert not strange["a"].isna().any()
    plain = pd.DataFrame({"a": [np.nan, *REALS[1:]], "b": REALS})
    by_strange, by_plain = (tiny(leaf="gaussian").fit(frame) for frame in (strange, plain))
    assert_array_equal(by_strange.score_samples(strange), by_plain.score_samples(plain))
    assert not np.isnan(by_strange.impute(strange)["a"].to_numpy(dtype=float)).any()


def test_columns_without_a_name_that_is_text():
    frame = pd.DataFrame(np.array([REALS, COUNTS]).T)
    draws = tiny().fit(frame).sample(3, random_state=0)
    assert draws.columns.tolist() == [0, 1]


def test_narrower_categories_of_a_query_are_widened():
    model = tiny().fit(mixed_pandas())
    holes = mixed_pandas().iloc[:30].copy()
    holes["colour"] = pd.Categorical(["red"] + [None] * 29, categories=["red"])
    filled = model.sample_conditional(holes, random_state=0)
    assert set(filled["colour"]) == {"red", "green", "blue"}


def test_narrower_enum_of_a_query_is_widened():
    model = tiny().fit(mixed_polars())
    enum = pl.Series(["red"] + [None] * 29, dtype=pl.Enum(["red"]))
    filled = model.sample_conditional(mixed_polars()[:30].with_columns(colour=enum), random_state=0)
    assert set(filled["colour"]) == {"red", "green", "blue"}


def test_polars_columns_without_a_type_take_that_of_training():
    model = tiny().fit(mixed_polars())
    nothing = pl.DataFrame({name: [None] * 20 for name in mixed_polars().columns})
    filled = model.sample_conditional(nothing, random_state=0)
    assert filled.null_count().sum_horizontal().item() == 0


def test_pandas_columns_of_objects_take_values_like_those_of_training():
    model = tiny().fit(mixed_pandas())
    nothing = pd.DataFrame({name: [None] * 20 for name in mixed_pandas().columns})
    filled = model.sample_conditional(nothing, random_state=0)
    assert not filled.isna().any().any()
    assert all(isinstance(flag, bool | np.bool_) for flag in filled["flag"])
