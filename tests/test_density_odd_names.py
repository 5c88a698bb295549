"""Columns whose names are no texts, and values that a column's type cannot hold, in queries."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from helpers.cases import tiny
from numpy.testing import assert_array_equal

from skpc import EinetImputer, EinetOutlierDetector, Numeric

NAMES = {
    "whole numbers": [1, 0, 7],
    "fractions": [0.5, 1.5, 2.5],
    "tuples": [("a", "x"), ("a", "y"), ("b", "z")],
    "dates": list(pd.date_range("2020-01-01", periods=3)),
    "bytes": [b"a", b"b", b"c"],
}


def rows(n=60):
    x = np.random.RandomState(0).normal(size=(n, 3))
    return x + x[:, :1]


@pytest.fixture(params=NAMES.values(), ids=NAMES)
def frame(request):
    made = pd.DataFrame(rows())
    names = request.param
    made.columns = pd.MultiIndex.from_tuples(names) if isinstance(names[0], tuple) else names
    return made


def test_one_column_by_its_name(frame):
    model = tiny().fit(frame)
    # Whole numbers that are names of other positions are ambiguous; the last one is not.
    name = frame.columns[2]
    one = model.predict_quantiles(frame, name)
    assert one.shape == (60,)
    assert_array_equal(one, model.predict_quantiles(frame, [name])[:, 0])
    assert_array_equal(model.cdf(frame, name), model.cdf(frame, [name])[:, 0])


def test_generators_name_columns_as_lists_do(frame):
    model = tiny().fit(frame)
    names = list(frame.columns[2:])
    listed = model.predict_quantiles(frame, names)
    assert_array_equal(model.predict_quantiles(frame, (name for name in names)), listed)


def test_labels_of_frames_are_names(frame):
    model = tiny().fit(frame)
    drawn = model.sample(2, random_state=0, given=frame[[frame.columns[1]]].head(3))
    assert_array_equal(drawn.iloc[:, 1], frame.iloc[:3, 1].repeat(2))
    row = frame.iloc[0][::-1]
    assert_array_equal(model.sample(1, random_state=0, given=row), frame.head(1))


def test_reasons_and_absent_columns(frame):
    detector = EinetOutlierDetector(tiny(dtype="float64")).fit(frame)
    assert set(detector.explain(frame.head(2), 1)["column"]) <= set(frame.columns)
    imputer = EinetImputer(tiny(), missing_columns="unknown").fit(frame)
    filled = imputer.transform(frame.iloc[:, :2])
    assert list(filled.columns) == list(frame.columns)
    assert not filled.isna().any(axis=None)


def test_columns_of_other_names_are_not_taken_for_absent_ones():
    x = pd.DataFrame(rows(), columns=list("abc"))
    imputer = EinetImputer(tiny(), missing_columns="unknown").fit(x)
    with pytest.raises(ValueError, match="B"):
        imputer.transform(x.rename(columns={"b": "B"}))


def test_frames_of_another_library_are_completed():
    x = pl.DataFrame(rows(), schema=list("abc")).with_columns(w=pl.Series(["u", "v"] * 30))
    imputer = EinetImputer(tiny(), missing_columns="unknown").fit(x)
    filled = imputer.transform(pd.DataFrame(rows(5)[:, :2], columns=list("ab")))
    assert list(filled.columns) == list("abcw")
    assert filled["c"].dtype == np.float64
    assert set(filled["w"]) <= {"u", "v"}


@pytest.mark.parametrize(
    ("dtype", "value"), [("int8", 300), ("uint8", -3), ("float32", 1e300), ("int16", 2.5)]
)
def test_values_that_a_type_cannot_hold_are_not_given(dtype, value):
    x = pd.DataFrame({"a": rows()[:, 0], "b": np.arange(60).astype(dtype)})
    model = tiny().fit(x)
    with pytest.raises(ValueError, match="'b' holds"):
        model.sample(2, given={"b": value})


def test_a_column_is_given_once():
    x = pd.DataFrame(rows(), columns=list("abc"))
    with pytest.raises(ValueError, match="one column twice, by 'c' and 2"):
        tiny().fit(x).sample(2, given={"c": 1.0, 2: 2.0})
    with pytest.raises(ValueError, match=r"for 'c'; one value is accepted"):
        tiny().fit(x).sample(2, given={"c": [1.0, 2.0]})


def test_mixed_values_that_are_declared_categories_are_asked_for():
    kinds = pd.Series(["a", 1, "b", 2.5] * 15, dtype=object)
    x = pd.DataFrame({"a": rows()[:, 0], "kind": kinds})
    model = tiny(categorical_features=["kind"]).fit(x)
    assert model.entropy("kind").value == pytest.approx(np.log(4), abs=0.2)
    assert (model.sample(3, given={"kind": "a"})["kind"] == "a").all()


def test_bounds_hold_for_all_blocks_and_agree_with_atoms_and_types():
    x = rows()[:, :1]
    model = tiny(leaf=[Numeric(bounds=(-10, 10))]).partial_fit(x)
    with pytest.raises(ValueError, match=r"Column 0 contains .*; its bounds are -10 and 10"):
        model.partial_fit(100 + x)
    with pytest.raises(ValueError, match="has the atom -99; its bounds are"):
        tiny(leaf=[Numeric(bounds=(-10, 10), atoms=[-99, 5])]).fit(x)
    with pytest.raises(ValueError, match="grid of step 10 has none"):
        tiny(leaf=[Numeric(step=10, bounds=(1, 9))]).fit(np.arange(1.0, 10.0)[:, None])
    whole = np.random.RandomState(0).randint(2, 9, size=(60, 1))
    drawn = tiny(leaf=[Numeric(step=0, bounds=(1.4, 8.6), atoms=())]).fit(whole).sample(300, 0)
    assert 2 <= drawn.min() <= drawn.max() <= 8
    tenths = np.round(np.random.RandomState(0).uniform(0, 0.1, (60, 1)), 1).astype(np.float32)
    tiny(leaf=[Numeric(bounds=(0, 0.1))]).fit(tenths)


def test_numbers_of_another_order_of_bytes():
    whole = np.random.RandomState(0).randint(0, 50, size=(60, 2))
    swapped = tiny().fit(whole.astype(">i4"))
    plain = tiny().fit(whole.astype("i4"))
    assert_array_equal(swapped.sample(5, random_state=0), plain.sample(5, random_state=0))


@pytest.mark.parametrize("weight", [1e-320, 1e307])
def test_weights_that_no_sum_holds_are_refused(weight):
    with pytest.raises(ValueError, match="sample_weight adds to"):
        tiny().fit(rows(), sample_weight=np.full(60, weight))
