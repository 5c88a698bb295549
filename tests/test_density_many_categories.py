"""Columns of very many categories: exact queries, at a cost that does not grow with them."""

import numpy as np
import pandas as pd
import pytest
from helpers.cases import inside, tiny
from numpy.testing import assert_allclose

N = 900


@pytest.fixture(name="frame", scope="module")
def make_frame():
    """A word in 20 of 400 rare ones or a frequent one, and a column that depends on it."""
    random = np.random.RandomState(0)
    frequent = random.uniform(size=N) < 0.5
    words = np.where(frequent, random.randint(0, 3, N), 3 + random.randint(0, 400, N))
    y = np.where(words == 0, 5.0, 0.0) + random.normal(size=N)
    return pd.DataFrame({"w": [f"w{word:03d}" for word in words], "y": y})


@pytest.fixture(name="model", scope="module")
def fit_model(frame):
    return tiny(max_iter=60, n_sums=6).fit(frame)


def states(frame):
    words = sorted(set(frame["w"]))
    return pd.DataFrame({"w": words, "y": np.nan})


def test_probabilities_add_to_one(frame, model):
    column = inside(model).plan.table.columns[0]
    total = np.exp(model.score_samples(states(frame))).sum()
    assert_allclose(total + column.unseen, 1.0)


def test_probabilities_are_those_of_the_rows(frame, model):
    column = inside(model).plan.table.columns[0]
    words = states(frame)["w"]
    shares = frame["w"].value_counts(normalize=True)[words] * (1 - column.unseen)
    assert_allclose(np.exp(model.score_samples(states(frame))), shares, rtol=0.02)


def test_frequent_words_are_learned_and_rare_ones_are_alike(frame, model):
    given = pd.DataFrame({"w": ["w000", "w001", *sorted(set(frame["w"]))[3:6]], "y": np.nan})
    mean, _ = model.moments(given)
    assert mean[0, 1] > mean[1, 1] + 2.0
    assert abs(mean[1, 1]) < 1.0
    assert_allclose(mean[2:, 1], mean[2, 1])


def test_draws_are_distributed_as_the_rows(frame, model):
    draws = model.sample(40_000, random_state=0)["w"].value_counts(normalize=True)
    shares = frame["w"].value_counts(normalize=True)
    draws = draws.reindex(shares.index).fillna(0.0)
    assert 0.5 * np.abs(draws - shares).sum() < 0.05


def test_the_most_probable_word_is_that_of_the_enumeration(frame, model):
    asked = pd.DataFrame({"w": pd.Series([None, None], dtype="str"), "y": [5.0, -1.0]})
    everything = states(frame)
    for i, answer in enumerate(model.impute(asked)["w"]):
        scores = model.score_samples(everything.assign(y=asked["y"][i]))
        assert answer == everything["w"][scores.argmax()]


def test_declared_categories_that_no_row_shows(frame):
    declared = pd.CategoricalDtype([*sorted(set(frame["w"])), "spare"])
    model = tiny().fit(frame.astype({"w": declared}))
    rows = pd.DataFrame({"w": pd.Categorical(["spare", "w005"], dtype=declared), "y": np.nan})
    scores = model.score_samples(rows)
    assert np.isfinite(scores).all()
    assert scores[0] < scores[1]


def test_parameters_do_not_grow_with_the_categories():
    sizes = []
    for n in (300, 600, 1200):
        frame = pd.DataFrame({"id": [f"id{i}" for i in range(n)], "y": np.arange(n) % 7})
        with pytest.warns(UserWarning, match="Nearly all values are different in column 'id'"):
            model = tiny(leaf={"y": "gaussian"}).fit(frame)
        sizes.append(model.n_parameters_)
    assert sizes[0] == sizes[1] == sizes[2]
    assert_allclose(model.score_samples(frame[:5]), model.score_samples(frame)[:5])
