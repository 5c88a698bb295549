"""Inputs are read, never written: arrays, frames, weights, also read-only ones."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from helpers.cases import Case, masked, tiny
from numpy.testing import assert_allclose, assert_array_equal
from pandas.testing import assert_frame_equal


def use(X, weights):
    """Everything that takes a table."""
    model = tiny(batch_size=16)
    model.fit(X, sample_weight=weights)
    model.partial_fit(X, sample_weight=weights)
    model.score(X, sample_weight=weights)
    model.predict_marginal(X, [0])
    model.predict_conditional(X, [0])
    model.sample_conditional(X, random_state=0)
    return model.sample_conditional(X, 2, random_state=0)


@pytest.fixture(name="X")
def make_rows():
    """Rows with holes, but none in column 0: a missing cell has no conditional density."""
    whole = Case("deep_trees", "cp", "gaussian").rows(50)
    return np.column_stack([whole[:, :1], masked(whole, 0.2)[:, 1:]])


@pytest.fixture(name="weights")
def make_weights():
    return np.random.RandomState(0).randint(0, 3, 50).astype(float)


@pytest.mark.parametrize("writeable", [True, False])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_arrays_are_left_alone(X, weights, writeable, order, dtype):
    X = np.array(X, dtype=dtype, order=order)
    before = X.copy(), weights.copy()
    X.flags.writeable = weights.flags.writeable = writeable
    use(X, weights)
    assert_array_equal(X, before[0])
    assert_array_equal(weights, before[1])


def test_frames_are_left_alone(X, weights):
    frame = pd.DataFrame(X, columns=list("abcd"))
    frame["word"] = np.where(X[:, 0] > 0, "yes", None)
    before = frame.copy(deep=True)
    out = use(frame, weights)
    assert_frame_equal(frame, before)
    assert not np.shares_memory(out["a"].to_numpy(), frame["a"].to_numpy())
    columns = pl.DataFrame(X, schema=list("abcd"))
    copy = columns.clone()
    use(columns, weights)
    assert columns.equals(copy)


def test_result_is_a_copy_where_nothing_is_missing(X):
    X = np.nan_to_num(X)
    filled = tiny().fit(X).sample_conditional(X)
    assert_array_equal(filled, X)
    assert not np.shares_memory(filled, X)


def test_integers_booleans_and_lists():
    X = np.random.RandomState(0).randint(0, 2, size=(40, 3))
    scores = tiny(leaf="bernoulli").fit(X).score_samples(X)
    for same in (X.astype(np.uint8), X.tolist(), X.astype(float)):
        assert_array_equal(tiny(leaf="bernoulli").fit(same).score_samples(same), scores)
        assert_array_equal(tiny().fit(same).score_samples(same), scores)
    # Only booleans hold nothing else, whatever comes: they keep back no share for it.
    truths, share = X.astype(bool), 6 / (40**2 + 40 + 4)
    for leaf in ("auto", "bernoulli"):
        of_truths = tiny(leaf=leaf).fit(truths).score_samples(truths)
        assert_allclose(of_truths + 3 * np.log1p(-share), scores, rtol=1e-12)


def test_weights_may_be_a_list_a_number_or_a_series(X):
    plain = tiny().fit(X).score_samples(X)
    for weights in (1.0, [1] * 50, pd.Series(np.ones(50)), np.ones(50, dtype=np.float32)):
        assert_array_equal(tiny().fit(X, sample_weight=weights).score_samples(X), plain)


def test_y_is_ignored(X):
    plain = tiny().fit(X)
    given = tiny().fit(X, np.arange(50))
    assert_array_equal(plain.score_samples(X), given.score_samples(X))
    assert plain.score(X, np.arange(50)) == plain.score(X)
