"""Missing cells are integrated out, in training and in every query, however they are written."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from helpers.cases import EXPLICIT, Case, exact, inside, masked, tiny
from numpy.testing import assert_allclose, assert_array_equal

MISSING = {
    "NaN": np.nan,
    "None": None,
    "pandas.NA": pd.NA,
}


def test_fit_with_holes_gives_a_density(case):
    X = masked(case.rows(120), 0.4)
    model = case.model().fit(X)
    assert np.isfinite(model.score_samples(X)).all()
    assert_allclose(model.score_samples(np.full((1, 4), np.nan)), 0.0, atol=1e-12)
    # Half of the cells tell nearly what all of them tell.
    rows = case.rows(300, seed=1)
    assert model.score(rows) > case.fitted().score(rows) - 1.0


def test_partial_fit_with_holes(case):
    X = masked(case.rows(120), 0.4)
    model = case.model()
    for block in np.split(X, 4):
        model.partial_fit(block)
    assert np.isfinite(model.score_samples(X)).all()


def test_independent_columns_ignore_each_others_holes():
    case = Case("independent", "cp", "gaussian")
    X = masked(case.rows(100), 0.3)
    model = exact(depth=0, n_sums=1, n_leaves=1, smoothing=0.0).fit(X)
    # One Gaussian a column: mean and variance of its observed cells.
    mean, variance = np.nanmean(X, axis=0), np.nanvar(X, axis=0)
    row = case.rows(1)
    expected = -0.5 * ((row - mean) ** 2 / variance + np.log(2 * np.pi * variance))
    assert_allclose(model.score_samples(row), expected.sum(), rtol=1e-9)


@pytest.mark.parametrize("name", ["gaussian", "bernoulli"])
def test_rows_without_evidence_teach_nothing(name):
    X = Case("explicit", "cp", name).rows(80)
    more = np.vstack([X, np.full((20, 4), np.nan)])
    settings = {"structure": EXPLICIT, "smoothing": 0.0, "max_iter": 5, "tol": 0.0}
    plain, padded = exact(**settings).fit(X), exact(**settings).fit(more)
    # Rows without any evidence spread over the units as the parameters have it: they slow
    # EM down, but the likelihood of the others comes to the same.
    assert_allclose(plain.score(X), padded.score(X), atol=0.3)
    assert_allclose(padded.score_samples(more[80:]), 0.0, atol=1e-12)


def test_column_all_missing_is_possible():
    X = Case("deep_trees", "cp", "gaussian").rows(60)
    X[:, 2] = np.nan
    model = tiny().fit(X)
    assert np.isfinite(model.score_samples(X)).all()
    seen = X.copy()
    seen[:, 2] = 0.3
    assert np.isfinite(model.score_samples(seen)).all()
    assert np.isfinite(model.sample(5, random_state=0)).all()


def test_table_all_missing_is_possible():
    X = np.full((5, 3), np.nan)
    model = tiny().fit(X)
    assert_allclose(model.score_samples(X), 0.0, atol=1e-12)
    assert np.isfinite(model.sample(5, random_state=0)).all()
    assert np.isfinite(model.history_["trees"]["log_likelihood"]).all()


def test_categories_all_missing():
    frame = pd.DataFrame({"a": [1.0, 2.0], "c": pd.Series([None, None], dtype="object")})
    model = tiny().fit(frame)
    assert_allclose(model.score_samples(frame), model.predict_marginal(frame, ["a"]))
    assert model.sample(3, random_state=0)["c"].isna().all()
    # Nothing was seen: the one value there is has the share of all that were not.
    assert_allclose(model.predict_marginal(frame.assign(c="x"), ["c"]), np.log(0.5))
    frame["c"] = pd.Categorical([None, None], categories=["x", "y"])
    model = tiny().fit(frame)
    known = pd.DataFrame({"a": [1.0], "c": pd.Categorical(["x"], categories=["x", "y"])})
    # No row: the share of others is a half, and the two share the rest.
    assert_allclose(model.predict_marginal(known, ["c"]), np.log(1 / 4), rtol=1e-9)


@pytest.mark.parametrize("mark", MISSING.values(), ids=MISSING)
def test_marks_of_missing_in_object_columns(mark):
    words = np.array(["x", "y", "x", "x", "y"] * 8, dtype=object)
    numbers = np.random.RandomState(0).normal(size=40)
    whole = pd.DataFrame({"c": words, "a": numbers})
    marked = words.copy()
    marked[[3, 7]] = mark
    holes = pd.DataFrame({"c": pd.Series(marked, dtype=object), "a": numbers})
    model = tiny().fit(holes)
    assert inside(model).plan.table.columns[0].categories == ("x", "y")
    expected = model.predict_marginal(whole, ["a"])[[3, 7]]
    assert_allclose(model.score_samples(holes)[[3, 7]], expected, rtol=1e-12)
    filled = model.sample_conditional(holes, random_state=0)
    assert set(filled["c"]) == {"x", "y"}


@pytest.mark.parametrize("dtype", ["Int64", "Float64", "boolean", "float32", "int64[pyarrow]"])
def test_nullable_types_equal_nan(dtype):
    values = np.random.RandomState(0).randint(0, 2, size=40).astype(float)
    other = np.random.RandomState(1).normal(size=40)
    values[[2, 5]] = np.nan
    column = pd.Series([None if np.isnan(v) else v for v in values], dtype="Float64")
    frame = pd.DataFrame({"a": column.astype(dtype), "b": other})
    leaf = ["bernoulli", "gaussian"]
    model = tiny(leaf=leaf).fit(frame)
    array = np.column_stack([values, other])
    plain = tiny(leaf=leaf).fit(array)
    # Booleans keep back no share for other values, as zeros and ones do.
    share = np.log1p(-6 / (38**2 + 38 + 4)) if dtype == "boolean" else 0.0
    difference = plain.score_samples(array) - model.score_samples(frame)
    assert_allclose(difference, np.where(np.isnan(values), 0.0, share), atol=1e-12)


def test_polars_nulls_equal_nan():
    X = masked(Case("deep_trees", "cp", "gaussian").rows(60), 0.3)
    names = ["a", "b", "c", "d"]
    rows = [[None if np.isnan(v) else v for v in row] for row in X.tolist()]
    frame = pl.DataFrame(rows, schema=names, orient="row")
    assert frame.null_count().sum_horizontal().item() > 0
    model, plain = tiny().fit(frame), tiny().fit(X)
    assert_array_equal(model.score_samples(frame), plain.score_samples(X))
    filled = model.sample_conditional(frame, random_state=0)
    assert filled.null_count().sum_horizontal().item() == 0
    seen = ~np.isnan(X)
    assert_array_equal(filled.to_numpy()[seen], X[seen])


def test_lists_with_none():
    model = tiny().fit([[0.0, 1.5], [1.0, None], [2.0, 0.5], [0.5, 1.0]])
    assert_allclose(
        model.score_samples([[1.0, None]]), model.predict_marginal([[1.0, 7.0]], [0]), rtol=1e-12
    )
