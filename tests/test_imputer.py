"""The imputer in the hands of a user: frames with holes, pipelines, indicators, absent columns."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from helpers.cases import tiny
from numpy.testing import assert_array_equal
from pandas.testing import assert_frame_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skpc import EinetImputer

STRATEGIES = ["median", "mean", "mode", "sample"]


def flowers(n=120, seed=0):
    """A mixed frame with holes in three of its four columns."""
    random = np.random.RandomState(seed)
    a = random.normal(size=n)
    frame = pd.DataFrame(
        {
            "size": a,
            "petals": pd.Series(np.rint(3 * a + 10).astype(int), dtype="Int64"),
            "colour": pd.Series(np.where(a > 0, "red", "blue")).astype("category"),
            "wild": random.uniform(size=n) < 0.5,
        }
    )
    for j, name in enumerate(["size", "petals", "colour"]):
        frame.loc[random.uniform(size=n) < 0.1 * (j + 1), name] = None
    return frame


@pytest.fixture(scope="module")
def fitted():
    return EinetImputer(tiny(), random_state=0).fit(flowers())


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_holes_are_filled_as_the_density_fills_them(fitted, strategy):
    frame = flowers(seed=1)
    kept = frame.copy()
    imputer = pickle.loads(pickle.dumps(fitted)).set_params(strategy=strategy)
    filled = imputer.transform(frame)
    assert_frame_equal(frame, kept)
    assert not filled.isna().any(axis=None)
    assert filled.dtypes.to_dict() == frame.dtypes.to_dict()
    for name in frame:
        seen = frame[name].notna()
        assert_array_equal(filled.loc[seen, name], frame.loc[seen, name])
    assert_frame_equal(filled, imputer.density_.impute(frame, strategy, 0))


def test_indicators_are_of_columns_with_holes_in_training(fitted):
    imputer = pickle.loads(pickle.dumps(fitted)).set_params(add_indicator=True)
    frame = flowers(seed=1)
    filled = imputer.transform(frame)
    added = ["missingindicator_size", "missingindicator_petals", "missingindicator_colour"]
    assert list(filled.columns) == [*frame.columns, *added] == list(imputer.get_feature_names_out())
    assert_array_equal(filled[added], frame.isna().iloc[:, :3].astype(float))
    of_array = EinetImputer(tiny(max_iter=2), add_indicator=True)
    X = np.random.RandomState(0).normal(size=(60, 3))
    X[::7, 1] = np.nan
    assert of_array.fit_transform(X).shape == (60, 4)
    assert_array_equal(of_array.transform(X)[:, 3], np.isnan(X[:, 1]))
    assert of_array.get_feature_names_out().tolist() == ["x0", "x1", "x2", "missingindicator_x1"]


def test_absent_columns_are_refused_or_filled(fitted):
    frame = flowers(seed=1)[["size", "wild"]].set_axis(range(5, 125))
    with pytest.raises(ValueError, match="petals"):
        fitted.transform(frame)
    unknown = pickle.loads(pickle.dumps(fitted)).set_params(missing_columns="unknown")
    filled = unknown.transform(frame[["wild", "size"]])
    assert filled.dtypes.to_dict() == flowers().dtypes.to_dict()
    assert filled.index.tolist() == list(range(5, 125))
    assert not filled.isna().any(axis=None)
    large = frame["size"] > 1
    assert (filled.loc[large, "colour"] == "red").mean() > 0.8


def test_polars_frames_come_back_with_their_types():
    frame = pl.from_pandas(flowers()).with_columns(pl.col("colour").cast(pl.String))
    imputer = EinetImputer(tiny(), missing_columns="unknown").fit(frame)
    filled = imputer.transform(frame)
    assert filled.schema == frame.schema
    assert filled.null_count().sum_horizontal().item() == 0
    absent = imputer.transform(frame.select("wild", "size"))
    assert absent.schema == frame.schema
    assert absent.null_count().sum_horizontal().item() == 0


def test_it_stands_in_pipelines_and_column_transformers():
    random = np.random.RandomState(0)
    X = random.normal(size=(80, 3))
    y = X.sum(axis=1)
    X[random.uniform(size=X.shape) < 0.2] = np.nan
    pipeline = make_pipeline(EinetImputer(tiny(max_iter=3)), StandardScaler(), LinearRegression())
    assert cross_val_score(pipeline, X, y, cv=3).mean() > 0.3
    frame = pd.DataFrame(X, columns=["a", "b", "c"])
    chosen = ColumnTransformer([("holes", EinetImputer(tiny(max_iter=3)), ["a", "c"])])
    out = chosen.set_output(transform="pandas").fit_transform(frame)
    assert list(out.columns) == ["holes__a", "holes__c"]
    assert not out.isna().any(axis=None)
    of_array = EinetImputer(tiny(max_iter=2)).set_output(transform="polars").fit(X).transform(X)
    assert of_array.columns == ["x0", "x1", "x2"]


def test_weights_are_routed_to_the_density():
    X = np.random.RandomState(0).normal(size=(60, 2))
    X[::5, 0] = np.nan
    weights = np.arange(60) % 3
    imputer = EinetImputer(tiny(max_iter=2)).fit(X, sample_weight=weights)
    wanted = tiny(max_iter=2).fit(X, sample_weight=weights).impute(X, "median")
    assert_array_equal(imputer.transform(X), wanted)
    with config_context(enable_metadata_routing=True):
        step = EinetImputer(tiny(max_iter=2)).set_fit_request(sample_weight=True)
        routed = make_pipeline(step).fit(X, sample_weight=weights)
        assert_array_equal(routed.transform(X), wanted)


def test_draws_repeat_with_the_seed_and_differ_without():
    X = np.random.RandomState(0).normal(size=(60, 2))
    X[::5, 0] = np.nan
    imputer = EinetImputer(tiny(max_iter=2), strategy="sample", random_state=3).fit(X)
    assert_array_equal(imputer.transform(X), imputer.transform(X))
    free = clone(imputer).set_params(random_state=None).fit(X)
    assert (free.transform(X) != free.transform(X)).any()


def test_a_refused_fit_leaves_the_imputer_as_it_was(fitted):
    before = fitted.transform(flowers(seed=1))
    with pytest.raises(ValueError, match="infinity"):
        clone(fitted).fit(flowers()).fit(np.array([[np.inf, 1.0]]))
    assert_frame_equal(fitted.transform(flowers(seed=1)), before)
