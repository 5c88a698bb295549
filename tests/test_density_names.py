"""Which column a name, a position or a tuple means; the columns come back as they were."""

import numpy as np
import pandas as pd
import pytest
from helpers.cases import tiny
from numpy.testing import assert_array_equal

X = np.random.RandomState(0).normal(size=(60, 3)) * [1.0, 5.0, 20.0]
LEVELS = pd.MultiIndex.from_tuples(
    [("a", "low"), ("a", "high"), ("b", "low")], names=["group", "end"]
)


def frame(columns):
    return pd.DataFrame(X, columns=columns)


def test_integer_names_in_another_order_are_refused():
    whole = frame([0, 1, 2])
    model = tiny().fit(whole)
    with pytest.raises(
        ValueError, match=r"columns of X are \[2, 0, 1\]; in training .*\[0, 1, 2\]"
    ):
        model.score_samples(whole[[2, 0, 1]])
    with pytest.raises(ValueError, match=r"X\[columns\]"):
        model.impute(whole.rename(columns={2: 7}))
    with pytest.raises(ValueError, match="in the same order"):
        tiny().partial_fit(whole).partial_fit(whole[[2, 0, 1]])
    # An array has no names: its columns are those of training, in their order.
    assert_array_equal(model.score_samples(X), model.score_samples(whole))


def test_an_integer_is_a_position_or_a_name_but_not_both():
    whole = frame([1, 0, 7])
    model = tiny().fit(whole)
    for features in (1, [0], [-2, 1]):
        with pytest.raises(
            ValueError, match=r"features holds -?\d, which may be the column of that"
        ):
            model.predict_marginal(whole, features)
    by_mask = model.predict_marginal(whole, [False, False, True])
    assert_array_equal(model.predict_marginal(whole, 7), by_mask)
    assert_array_equal(model.predict_marginal(whole, 2), by_mask)
    with pytest.raises(ValueError, match="categorical_features holds 1, which may be"):
        tiny(categorical_features=[1]).fit(whole)
    with pytest.raises(ValueError, match="leaf holds 0, which may be"):
        tiny(leaf={0: "gaussian"}).fit(whole)


def test_tuples_name_columns_of_several_levels():
    whole = frame(LEVELS)
    whole[("b", "low")] = np.random.RandomState(1).choice(["x", "y"], 60)
    model = tiny(leaf={("a", "high"): "gaussian"}).fit(whole)
    assert model.leaf_families_ == ["numeric", "gaussian", "categorical"]
    expected = model.predict_marginal(whole, [1])
    assert_array_equal(model.predict_marginal(whole, ("a", "high")), expected)
    assert_array_equal(model.predict_marginal(whole, [("a", "high")]), expected)
    two = model.predict_marginal(whole, [("a", "high"), ("b", "low")])
    assert_array_equal(two, model.predict_marginal(whole, LEVELS[1:]))
    codes = tiny(categorical_features=[("a", "low"), ("b", "low")]).fit(whole.round())
    assert codes.leaf_families_[0] == "categorical"


def test_a_tuple_that_is_a_name_and_holds_names_is_refused():
    names = pd.Index(["a", "b", ("a", "b")], tupleize_cols=False)
    with pytest.raises(TypeError, match="str"):
        # scikit-learn itself refuses names of several types.
        tiny().fit(frame(names))
    numbers = pd.Index([1, (1, 3), 3], tupleize_cols=False)
    model = tiny().fit(frame(numbers))
    with pytest.raises(ValueError, match=r"features is \(1, 3\), which is the name of a column"):
        model.predict_marginal(frame(numbers), (1, 3))
    named = model.predict_marginal(frame(numbers), [(1, 3)])
    assert_array_equal(named, model.predict_marginal(frame(numbers), [False, True, False]))


@pytest.mark.parametrize(
    "columns",
    [LEVELS, pd.Index([3, 4, 9], name="wave"), pd.Index(list("abc"), name="field"),
     pd.date_range("2020-01-01", periods=3, name="day")],
    ids=["levels", "integers", "texts", "days"],
)  # fmt: skip
def test_names_and_those_of_their_levels_come_back(columns):
    whole = frame(columns)
    model = tiny().fit(whole)
    holes = whole.copy()
    holes.iloc[::2, 1] = np.nan
    for answer in (model.sample(4, random_state=0), model.impute(holes)):
        assert answer.columns.equals(columns)
        assert answer.columns.names == columns.names
