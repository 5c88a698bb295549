"""Bad input: an error that says which column, which value and what is accepted."""

import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
from helpers.cases import Case, tiny
from numpy.testing import assert_allclose
from scipy import sparse

INF = [np.inf, -np.inf]
CHUNKED = type("Array", (), {"__module__": "dask.array.core", "shape": (3, 2)})()


@pytest.fixture(name="X")
def make_rows():
    return Case("deep_trees", "cp", "gaussian").rows(40)


@pytest.fixture(name="frame")
def make_frame(X):
    return pd.DataFrame(X, columns=["a", "b", "c", "d"])


@pytest.fixture(name="model", scope="module")
def fit_model():
    return tiny().fit(Case("deep_trees", "cp", "gaussian").rows(40))


QUERIES = {
    "fit": lambda model, X: tiny().fit(X),
    "partial_fit": lambda model, X: tiny().partial_fit(X),
    "score_samples": lambda model, X: model.score_samples(X),
    "score": lambda model, X: model.score(X),
    "predict_marginal": lambda model, X: model.predict_marginal(X, [0]),
    "predict_conditional": lambda model, X: model.predict_conditional(X, [0]),
    "sample_conditional": lambda model, X: model.sample_conditional(X),
}


@pytest.fixture(name="query", params=QUERIES.values(), ids=QUERIES)
def each_query(request):
    return request.param


@pytest.mark.parametrize("value", INF)
def test_infinity_in_an_array(query, model, X, value):
    X[7, 2] = value
    with pytest.raises(ValueError, match=r"Column 2 contains infinity \(row 7\); finite numbers"):
        query(model, X)


@pytest.mark.parametrize("library", [pd, pl])
@pytest.mark.parametrize("value", INF)
def test_infinity_in_a_frame(library, X, value):
    X[7, 2] = value
    frame = library.DataFrame(dict(zip("abcd", X.T, strict=True)))
    with pytest.raises(ValueError, match=r"Column 'c' contains infinity \(row 7\)"):
        tiny().fit(frame)


@pytest.mark.parametrize(
    "table",
    [
        np.array([[1.0, "red"], [2.0, "blue"]], dtype=object),
        np.array([["red", "1"], ["blue", "2"]]),
        [[1.0, "red"], [2.0, "blue"]],
    ],
    ids=["objects", "texts", "list"],
)
def test_text_in_an_array_of_numbers(table):
    with pytest.raises(ValueError, match=r"Column [01] contains 'red'.*categorical_features"):
        tiny().fit(table)


@pytest.mark.parametrize("text", ["many", "nan"])
def test_text_where_training_had_numbers(X, frame, text):
    model = tiny().fit(frame)
    worded = frame.astype({"b": object})
    worded.loc[3, "b"] = text
    with pytest.raises(ValueError, match=rf"Column 'b' contains '{text}', which is no number"):
        model.score_samples(worded)


def test_text_in_a_column_told_to_be_gaussian():
    frame = pd.DataFrame({"a": [1.0, 2.0], "c": ["x", "y"]})
    with pytest.raises(ValueError, match=r"Column 'c' contains 'x', which is no number .*leaf"):
        tiny(leaf="gaussian").fit(frame)


@pytest.mark.parametrize("library", [pd, pl])
def test_dates_in_a_frame(library):
    days = np.array(["2020-01-01", "2020-01-02"], dtype="datetime64[us]")
    frame = library.DataFrame({"a": [1.0, 2.0], "day": days})
    with pytest.raises(ValueError, match=r"Column 'day' has the type .*numbers, booleans, strings"):
        tiny().fit(frame)
    spans = library.DataFrame({"a": [1.0, 2.0], "span": days - days[0]})
    with pytest.raises(ValueError, match=r"Column 'span' has the type .*into numbers first"):
        tiny().fit(spans)


@pytest.mark.parametrize("dtype", ["datetime64[D]", "timedelta64[s]"])
def test_dates_in_an_array(dtype):
    X = np.arange(6).reshape(3, 2).astype(dtype)
    with pytest.raises(ValueError, match=re.escape(dtype)):
        tiny().fit(X)


def test_nested_column():
    with pytest.raises(ValueError, match=r"Column 'l' has the type List"):
        tiny().fit(pl.DataFrame({"l": [[1], [2]]}))


@pytest.mark.parametrize("library", [pd, pl])
def test_empty_frames(library):
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        tiny().fit(library.DataFrame({"a": np.empty(0)}))
    with pytest.raises(ValueError, match=r"0 feature\(s\)|0 sample\(s\)"):
        tiny().fit(library.DataFrame())


def test_empty_arrays(query, model):
    with pytest.raises(ValueError, match=r"0 sample\(s\) \(shape=\(0, 4\)\)"):
        query(model, np.empty((0, 4)))
    with pytest.raises(ValueError, match=r"0 feature\(s\) \(shape=\(3, 0\)\)"):
        tiny().fit(np.empty((3, 0)))


@pytest.mark.parametrize("name", [name for name in QUERIES if "fit" not in name])
def test_wrong_number_of_columns(name, model, X):
    with pytest.raises(ValueError, match=r"X has 3 features, but .* expecting 4 features"):
        QUERIES[name](model, X[:, :3])


def test_wrong_number_of_columns_in_the_next_block(model, X):
    stream = tiny().partial_fit(X)
    with pytest.raises(ValueError, match=r"X has 2 features, but .* expecting 4"):
        stream.partial_fit(X[:, :2])


def test_wrong_names(frame):
    model = tiny().fit(frame)
    with pytest.raises(ValueError, match=r"feature names should match(.|\n)*unseen(.|\n)*- z"):
        model.score_samples(frame.rename(columns={"b": "z"}))
    with pytest.raises(ValueError, match=r"feature names should match(.|\n)*same order"):
        model.score_samples(frame[["b", "a", "c", "d"]])


def test_shapes_and_kinds_that_are_no_tables(query, model, X):
    with pytest.raises(ValueError, match=r"Expected 2D array, got 1D array"):
        query(model, X[0])
    with pytest.raises(ValueError, match=r"dim 3|Found array with dim"):
        query(model, X[None])
    with pytest.raises(TypeError, match=r"[Ss]parse"):
        query(model, sparse.csr_array(X))
    with pytest.raises(ValueError, match=r"Complex data not supported"):
        query(model, X + 1j)
    with pytest.raises(TypeError, match=r"does not accept Dask.*compute\(\)"):
        query(model, CHUNKED)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (-1.0, r"[Nn]egative"),
        (np.nan, r"sample_weight contains NaN"),
        (np.inf, r"sample_weight contains infinity"),
    ],
)
def test_weights_that_are_no_weights(model, X, weights, message):
    wrong = np.ones(40)
    wrong[3] = weights
    for use in (tiny().fit, tiny().partial_fit, model.score):
        with pytest.raises(ValueError, match=message):
            use(X, sample_weight=wrong)


def test_weights_of_another_shape(model, X):
    for use in (tiny().fit, tiny().partial_fit, model.score):
        with pytest.raises(ValueError, match=r"sample_weight.shape == \(39,\), expected \(40,\)"):
            use(X, sample_weight=np.ones(39))
        with pytest.raises(ValueError, match=r"must be 1D|1D array"):
            use(X, sample_weight=np.ones((40, 2)))


def test_weights_all_zero(model, X):
    for use in (tiny().fit, tiny().partial_fit):
        # The first is scikit-learn's own message, where it has one.
        with pytest.raises(ValueError, match=r"at least one non-zero|is zero for all rows"):
            use(X, sample_weight=np.zeros(40))
    with pytest.raises(ValueError, match=r"at least one non-zero|is zero for all rows"):
        model.score(X, sample_weight=np.zeros(40))


@pytest.mark.parametrize("value", [2.0, -1.0, 0.5])
def test_value_outside_a_column_named_to_hold_digits_is_refused_in_fit_only(value):
    X = Case("deep_trees", "cp", "bernoulli").rows(40)
    wrong = X.copy()
    wrong[5, 1] = value
    message = rf"Column 1 is modelled as bernoulli and contains {value:g} \(row 5\); 0 and 1"
    with pytest.raises(ValueError, match=message):
        tiny(leaf="bernoulli").fit(wrong)
    named, auto = tiny(leaf="bernoulli").fit(X), tiny().fit(X)
    np.testing.assert_array_equal(named.score_samples(wrong), auto.score_samples(wrong))


@pytest.mark.parametrize("value", [2.0, -1.0, 0.5])
def test_value_that_a_column_of_digits_never_showed(value):
    X = Case("deep_trees", "cp", "bernoulli").rows(40)
    model = tiny().fit(X)
    others = model.predict_marginal(X, [0, 2, 3])
    X[5, 1] = value
    # It has the share of a third value, and tells nothing about the other columns.
    share = 2 * 3 / (40**2 + 40 + 2 * 2)
    assert_allclose(model.score_samples(X)[5], others[5] + np.log(share), rtol=1e-6)


def test_a_failed_fit_leaves_the_model_as_it_was(X):
    model = tiny().fit(X)
    before = model.score_samples(X)
    X_bad = X.copy()
    X_bad[0, 0] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        model.fit(X_bad)
    np.testing.assert_array_equal(model.score_samples(X), before)


def test_messages_name_the_row_of_the_query_however_many_draws_are_asked_for():
    X = np.random.RandomState(0).normal(size=(30, 2))
    model = tiny().fit(X)
    rows = X[:5].copy()
    rows[2, 1] = np.inf
    with pytest.raises(ValueError, match=r"Column 1 contains infinity \(row 2\)"):
        model.sample_conditional(rows, 4)
