"""Types that are no numbers are refused by the name of the column, wherever rows are passed."""

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest

from skpc import DirectBayesianRegressor, EinetDensityEstimator

N = 30
X = np.random.RandomState(0).standard_normal((N, 2))
Y = X @ [1.0, -2.0] + 0.1 * np.random.RandomState(1).standard_normal(N)
DAYS = np.datetime64("2020-01-01", "ns") + np.arange(N).astype("timedelta64[D]")
WITH_HOLE = np.where(np.arange(N) == 3, np.datetime64("NaT"), DAYS)
VALUES = {
    "dates": DAYS,
    "dates with a hole": WITH_HOLE,
    "durations": DAYS - DAYS[0],
    "durations with a hole": WITH_HOLE - DAYS[0],
    "texts of digits": np.array([str(i) for i in range(N)]),
    "objects of digits": np.array([str(i) for i in range(N)], dtype=object),
    "bytes": np.array([b"%d" % i for i in range(N)]),
    "date objects": np.array([datetime.date(2020, 1, 1)] * N, dtype=object),
    "time stamps": np.array([pd.Timestamp("2020")] * N, dtype=object),
    "a duration object": np.array([np.timedelta64(5, "s")] * N, dtype=object),
}
METHODS = {
    "fit": lambda model, x, y: DirectBayesianRegressor(random_state=0).fit(x, y),
    "partial_fit": lambda model, x, y: model.partial_fit(x, y),
    "score": lambda model, x, y: model.score(x, y),
    "log_predictive_density": lambda model, x, y: model.log_predictive_density(x, y),
    "predict": lambda model, x, y: model.predict(x),
    "sample_y": lambda model, x, y: model.sample_y(x, random_state=0),
}


@pytest.fixture(scope="module")
def models():
    """A model of an array and one of a frame, which refused calls leave as they are."""
    frame = pd.DataFrame(X, columns=["a", "when"])
    return DirectBayesianRegressor(random_state=0).fit(X, Y), DirectBayesianRegressor(
        random_state=0
    ).fit(frame, Y)


@pytest.fixture(params=VALUES.values(), ids=VALUES)
def values(request):
    return request.param


def polars_series(values):
    """The values in the type of polars that holds them."""
    if isinstance(values[0], np.timedelta64) and values.dtype == object:
        return pl.Series(values.tolist(), dtype=pl.Object)
    return pl.Series(values if values.dtype.kind in "mM" else values.tolist())


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_columns_of_frames_are_named(models, values, method, library):
    columns = {"a": X[:, 0], "when": values}
    if library == "polars":
        frame = pl.DataFrame({**columns, "when": polars_series(values)})
    else:
        frame = pd.DataFrame(columns)
    with pytest.raises((ValueError, TypeError), match="Column 'when'"):
        method(models[1], frame, Y)


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
@pytest.mark.parametrize("made", [np.asarray, list, tuple])
def test_columns_of_arrays_and_lists_are_named(models, values, method, made):
    table = np.column_stack([values, values])
    table = table if made is np.asarray else made([list(row) for row in table])
    with pytest.raises((ValueError, TypeError), match="Column 0"):
        method(models[0], table, Y)


@pytest.mark.parametrize("method", ["fit", "partial_fit", "score", "log_predictive_density"])
@pytest.mark.parametrize("made", [np.asarray, list, pd.Series, pl.Series])
def test_targets_are_named(models, values, method, made):
    target = polars_series(values) if made is pl.Series else made(values)
    with pytest.raises((ValueError, TypeError), match="The target y"):
        METHODS[method](models[0], X, target)


@pytest.mark.parametrize("estimator", [DirectBayesianRegressor, EinetDensityEstimator])
@pytest.mark.parametrize("made", [np.asarray, list, pd.Series])
def test_weights_are_named(values, estimator, made):
    with pytest.raises((ValueError, TypeError), match="argument sample_weight"):
        estimator().fit(X, Y, sample_weight=made(values))


@pytest.mark.parametrize("method", ["predict", "quantise"])
def test_packed_ensembles_refuse_them_as_well(models, values, method):
    packed = models[0].pack(2, random_state=0)
    with pytest.raises(ValueError, match=r"in column 0"):
        getattr(packed, method)(np.column_stack([values, values]))
    with pytest.raises(ValueError, match=r"in column 'when'"):
        getattr(packed, method)(pd.DataFrame({"a": X[:, 0], "when": values}))


def test_numbers_are_numbers_whatever_holds_them(models):
    expected = models[1].predict(pd.DataFrame(X, columns=["a", "when"]))
    decimals = np.array([Decimal(repr(v)) for v in X[:, 1].tolist()], dtype=object)
    for column in (X[:, 1].astype(object), decimals, pd.array(X[:, 1], dtype="Float64")):
        frame = pd.DataFrame({"a": X[:, 0], "when": column})
        assert (models[1].predict(frame) == expected).all()
    objects = np.column_stack([X.astype(object)[:, :1], decimals])
    assert (models[0].predict(objects) == models[0].predict(X)).all()
    assert (models[0].pack(2, random_state=0).predict(objects)[:1].dtype) == np.float64
    target = pd.Series([Decimal(repr(v)) for v in Y.tolist()])
    again = DirectBayesianRegressor(random_state=0).fit(X, target)
    assert (again.predict(X) == models[0].predict(X)).all()
    counts = np.random.RandomState(0).randint(-5, 6, (N, 2))
    whole = DirectBayesianRegressor(random_state=0).fit(counts, Y)
    assert (whole.predict(counts) == whole.predict(counts.astype(float))).all()


def test_categories_and_complex_numbers_are_named():
    frame = pd.DataFrame({"a": X[:, 0], "kind": pd.Categorical(np.arange(N) % 3)})
    with pytest.raises(ValueError, match="Column 'kind' holds categories; only numbers"):
        DirectBayesianRegressor(random_state=0).fit(frame, Y)
    with pytest.raises(ValueError, match="Column 'z' has the type complex128"):
        DirectBayesianRegressor(random_state=0).fit(frame.assign(z=1j)[["a", "z"]], Y)
    with pytest.raises(ValueError, match="the target y has the type complex128"):
        DirectBayesianRegressor(random_state=0).fit(X, Y + 1j)
