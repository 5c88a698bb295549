"""Values that training never showed: a user is told once where all of a column are."""

import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from helpers.cases import tiny

RANDOM = np.random.RandomState(0)
CODES = RANDOM.randint(1, 4, size=60)
OTHERS = RANDOM.normal(size=60)


def frame(codes, library=pd):
    return library.DataFrame({"x": codes, "y": OTHERS[: len(codes)]})


KINDS = {
    "texts": (CODES, CODES.astype(str)),
    "numbers": (CODES.astype(str), CODES),
    "bytes": (CODES.astype(str), [str(code).encode() for code in CODES]),
}


@pytest.mark.parametrize("library", [pd, pl])
@pytest.mark.parametrize("kind", KINDS)
def test_values_of_another_kind_than_in_training(kind, library):
    trained, asked = (frame(list(codes), library) for codes in KINDS[kind])
    model = tiny(categorical_features=["x"]).fit(trained)
    match = rf"Column 'x' holds {kind} such as .*; in training it held"
    with pytest.warns(UserWarning, match=match):
        scores = model.score_samples(asked[:1])
    with warnings.catch_warnings():
        # Once a model and column.
        warnings.simplefilter("error")
        model.score_samples(asked)
        model.sample_conditional(asked, random_state=0)
    share = np.log(3 * 4 / (60 * 60 + 60 + 2 * 3))
    marginal = model.predict_marginal(asked[:1], ["y"])
    np.testing.assert_allclose(scores, marginal + share)


def test_every_query_and_every_copy_tells():
    trained, asked = frame(CODES), frame(CODES.astype(str))
    asked.loc[3, "y"] = np.nan
    queries = [
        lambda model: model.score(asked),
        lambda model: model.predict_conditional(asked.dropna(), ["y"]),
        lambda model: model.impute(asked),
        lambda model: model.moments(asked),
        lambda model: model.sample_conditional(asked, random_state=0),
        lambda model: model.partial_fit(asked),
    ]
    model = tiny(categorical_features=["x"]).fit(trained)
    for query in queries:
        with pytest.warns(UserWarning, match="Column 'x' holds texts"):
            query(pickle.loads(pickle.dumps(model)))


def test_many_unseen_values_of_the_same_kind():
    model = tiny().fit(frame([f"v{code}" for code in CODES]))
    spaced = frame([f"v{code} " for code in CODES])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # A value that training never showed is no fault, nor are some.
        model.score_samples(spaced[:9])
        model.score_samples(pd.concat([spaced, frame(["v1"])]))
    with pytest.warns(UserWarning, match="No value of column 'x' was in training .*'v"):
        model.score_samples(spaced)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_columns_of_ids_are_named(method):
    ids = frame([f"id {i}" for i in range(60)])
    model = tiny(max_iter="auto")
    with pytest.warns(UserWarning, match=r"Nearly all values are different in column 'x'") as told:
        getattr(model, method)(ids)
    # What it says of scores: those of unseen values are higher.
    new = pd.DataFrame({"x": ["new"], "y": [np.nan]})
    scores = [model.score_samples(rows)[0] for rows in (new, ids.assign(y=np.nan)[:1])]
    assert scores[0] > scores[1] + 2
    assert f"{scores[0]:.1f} and {np.log1p(-0.5) - np.log(60):.1f} nats" in str(told[0].message)
