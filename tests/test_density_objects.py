"""Objects are what they hold: numbers are numbers, words categories, a mixture is refused."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from helpers.cases import tiny
from numpy.testing import assert_allclose, assert_array_equal

N = 60
REALS = [round(float(v), 2) for v in np.random.RandomState(0).normal(3.0, 2.0, N)]
OTHERS = np.random.RandomState(1).normal(size=N)
WITH_HOLE = [None, *REALS[1:]]
DECIMALS = [None if v is None else Decimal(f"{v:.2f}") for v in WITH_HOLE]
ARROW = pd.ArrowDtype(pa.decimal128(10, 2))

HOLDERS = {
    "None among floats": lambda: pd.DataFrame({"x": pd.Series(WITH_HOLE, dtype=object)}),
    "decimals": lambda: pd.DataFrame({"x": pd.Series(DECIMALS, dtype=object)}),
    "fractions": lambda: pd.DataFrame({"x": [v and Fraction(v) for v in DECIMALS]}),
    "a frame turned twice": lambda: pd.DataFrame({"x": WITH_HOLE, "y": OTHERS, "w": "a"}).T.T,
    "numbers of NumPy": lambda: pd.DataFrame({"x": pd.Series(np.array(REALS), dtype=object)}),
    "decimals of Arrow": lambda: pd.DataFrame({"x": pd.Series(DECIMALS, dtype=ARROW)}),
    "decimals of polars": lambda: pl.DataFrame({"x": pl.Series(DECIMALS, dtype=pl.Decimal(8, 2))}),
}


@pytest.mark.parametrize("holder", HOLDERS)
def test_numbers_are_numbers_whatever_holds_them(holder):
    frame = HOLDERS[holder]()
    values = REALS if holder == "numbers of NumPy" else WITH_HOLE
    floats = pd.DataFrame({"x": np.array(values, dtype=float)})
    if isinstance(frame, pl.DataFrame):
        frame, floats = frame.with_columns(y=OTHERS), floats.assign(y=OTHERS)
    else:
        frame, floats = frame[["x"]].assign(y=OTHERS), floats.assign(y=OTHERS)
    model, expected = tiny().fit(frame), tiny().fit(floats)
    assert model.leaf_families_ == ["numeric", "numeric"]
    assert_allclose(model.score_samples(frame), expected.score_samples(floats), rtol=1e-12)
    array = np.array(floats.to_numpy(), dtype=object)
    assert_array_equal(tiny().fit(array).score_samples(array), expected.score_samples(floats))


def test_whole_numbers_and_booleans_as_objects():
    cells = {"n": [3, 1, None, 2] * 20, "b": [True, None, False, True] * 20, "x": [1.5] * 80}
    frame = pd.DataFrame({name: pd.Series(of, dtype=object) for name, of in cells.items()})
    model = tiny().fit(frame)
    assert model.leaf_families_ == ["numeric", "bernoulli", "numeric"]
    filled = model.impute(frame)
    assert all(type(v) is int for v in filled["n"])
    assert all(type(v) is bool for v in filled["b"])


def test_draws_of_decimals_are_decimals_of_as_many_places():
    frame = pd.DataFrame({"x": pd.Series(DECIMALS, dtype=object), "y": OTHERS})
    draws = tiny().fit(frame).sample(50, random_state=0)["x"]
    assert all(isinstance(v, Decimal) and v.as_tuple().exponent == -2 for v in draws)


MIXED = {
    "a word among numbers": ([1.5, 2.5, "many", 3.5], r"contains 'many', .*row 2, but row 0 holds"),
    "a number among words": (["a", "b", 7], r"contains 'a', .*row 0, but row 2 holds 7\)"),
    "text that looks like a number": ([1, "1"], r"contains '1', which is no number \(row 1, but"),
    "a boolean among numbers": ([2.0, True], r"contains True, which is no number \(row 1, but"),
}


@pytest.mark.parametrize("case", MIXED)
def test_a_mixture_is_refused_by_column_and_row(case):
    cells, message = MIXED[case]
    frame = pd.DataFrame({"y": 1.0, "x": pd.Series(cells, dtype=object)})
    with pytest.raises(ValueError, match=f"Column 'x' {message}"):
        tiny().fit(frame)
    array = frame.to_numpy(dtype=object)
    with pytest.raises(ValueError, match=f"Column 1 {message}"):
        tiny().fit(array)
    # The user may say that they are categories.
    named = tiny(categorical_features=["x"]).fit(frame)
    assert named.leaf_families_[1] == "categorical"
    assert set(named.sample(40, random_state=0)["x"]) <= set(cells)


def test_a_word_in_a_query_of_numbers_is_refused_by_row():
    frame = pd.DataFrame({"x": REALS, "y": OTHERS})
    model = tiny().fit(frame)
    worded = frame.astype({"x": object})
    worded.loc[3, "x"] = "many"
    with pytest.raises(ValueError, match=r"Column 'x' contains 'many', .*\(row 3, but row 0 holds"):
        model.score_samples(worded)


def test_numbers_beyond_all_floats_are_refused():
    frame = pd.DataFrame({"x": pd.Series([1, 10**400], dtype=object)})
    with pytest.raises(ValueError, match=r"Column 'x' contains a number of 401 digits \(row 1\)"):
        tiny().fit(frame)


def test_categories_that_are_numbers_have_no_normal_density():
    """Draws of a normal density would be no categories of the type."""
    frame = pd.DataFrame({"x": pd.Categorical([1, 2, 3] * 10), "y": 1.5})
    with pytest.raises(ValueError, match=r"Column 'x' has the type category.*as gaussian"):
        tiny(leaf="gaussian").fit(frame)


@pytest.mark.parametrize("library", ["array", "pandas", "polars"])
def test_holes_of_categories_that_are_whole_numbers(library):
    """Declared by `categorical_features`; a hole makes floats of the query's integers."""
    C = np.random.RandomState(0).randint(1, 4, size=(80, 3))
    holes = C[:20].astype(float)
    holes[::2, 1] = np.nan
    if library == "array":
        table, query = C, holes
    elif library == "pandas":
        table, query = (
            pd.DataFrame(C, columns=list("abc")),
            pd.DataFrame(holes, columns=list("abc")),
        )
    else:
        table = pl.DataFrame(C, schema=list("abc"))
        query = table[:20].with_columns(b=pl.Series([None, 1] * 10, dtype=pl.Int64))
    model = tiny(categorical_features=[0, 1, 2]).fit(table)
    filled = [model.sample_conditional(query, random_state=0)]
    filled += [model.impute(query, strategy=strategy) for strategy in ("mean", "mode")]
    for answer in filled:
        cells = np.asarray(answer)[:, 1].astype(float)
        assert set(cells[::2]) <= {1.0, 2.0, 3.0}
        assert_array_equal(np.asarray(answer)[:, [0, 2]], np.asarray(query)[:, [0, 2]])


@pytest.mark.parametrize(
    "nothing",
    [pd.Series([None] * 40, dtype="category"), pl.Series([None] * 40), pl.Series([None] * 40,
     dtype=pl.Enum([]))],
    ids=["category", "Null", "Enum"],
)  # fmt: skip
def test_columns_of_which_training_shows_nothing(nothing):
    library = pd if isinstance(nothing, pd.Series) else pl
    frame = library.DataFrame({"x": nothing, "y": np.linspace(0, 1, 40)})
    model = tiny().fit(frame)
    draws = model.sample(5, random_state=0)
    assert draws["x"].dtype == frame["x"].dtype
    for answer in (draws, model.impute(frame), model.sample_conditional(frame, random_state=0)):
        assert all(v is None or v != v for v in answer["x"].to_list())
    assert np.isfinite(model.score_samples(frame)).all()
