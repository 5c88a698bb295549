"""Smoothing: what it means, and how held-out rows choose it."""

import numpy as np
import pytest
from helpers.cases import Case, tiny
from numpy.testing import assert_allclose

from skpc import EinetDensityEstimator
from skpc.circuit.training import Adam

ONE_UNIT = {"structure": "random_trees", "depth": 0, "n_replicas": 1, "n_sums": 1}
FULL = {"batch_size": None, "dtype": "float64"}


def numbers(n, seed=0):
    """Rows of three related columns of numbers."""
    random = np.random.default_rng(seed)
    return random.normal(size=(n, 3)) @ [[1.0, 2.0, 0.0], [0.0, 0.1, 1.0], [0.0, 0.0, 0.3]]


def test_rows_that_were_held_out_are_in_the_model():
    X = numbers(1500)
    weights = np.random.default_rng(1).uniform(0.5, 2.0, 1500)
    settings = {**ONE_UNIT, **FULL, "leaf": "gaussian", "random_state": 0}
    chosen = EinetDensityEstimator(**settings).fit(X, sample_weight=weights)
    given = EinetDensityEstimator(**settings, smoothing=chosen.smoothing_)
    # One unit has nothing to learn but means and variances: those of all rows. Only the prior
    # came from the rows that were not held out.
    expected = given.fit(X, sample_weight=weights).score_samples(X)
    assert_allclose(chosen.score_samples(X), expected, atol=1e-4)
    without = given.fit(X[:1350], sample_weight=weights[:1350]).score_samples(X)
    assert np.abs(without - expected).max() > 10 * np.abs(chosen.score_samples(X) - expected).max()


def noise(n, seed=0):
    """Rows of columns that have nothing to do with each other."""
    return np.random.default_rng(seed).normal(size=(n, 6))


MANY_UNITS = {"n_sums": 40, "n_leaves": 40, "n_replicas": 4, "max_iter": 8}


def test_noise_gets_more_smoothing_than_relations():
    found = [tiny(smoothing="auto", **MANY_UNITS).fit(X(1200)).smoothing_ for X in (numbers, noise)]
    assert 0.001 <= found[0] < 0.1 < found[1] <= 100.0


def test_the_choice_is_better_for_new_rows():
    X, new = noise(1200), noise(2000, seed=1)
    chosen = tiny(smoothing="auto", **MANY_UNITS).fit(X).score(new)
    assert chosen > tiny(smoothing=0.1, **MANY_UNITS).fit(X).score(new)


@pytest.mark.parametrize("rows", [49, 50, 1000, 1001])
@pytest.mark.parametrize("table", ["numbers", "codes"])
def test_rows_are_held_out_where_that_pays(rows, table):
    X = numbers(rows) if table == "numbers" else (numbers(rows) > 0).astype(float)
    model = tiny(smoothing="auto", max_iter=2).fit(X)
    held = rows in (50, 1000) or (table == "numbers" and rows == 1001)
    assert ("validation_log_likelihood" in model.history_["trees"]) == held
    assert held or model.smoothing_ == 0.1
    stopping = tiny(smoothing="auto", early_stopping=True, max_iter=3).fit(X)
    assert "validation_log_likelihood" in stopping.history_["trees"]


def test_a_share_that_leaves_no_row_stops_nothing_by_default():
    for share in (0.005, 0.999):
        model = tiny(smoothing="auto", validation_fraction=share, max_iter=2).fit(numbers(60))
        assert model.settings_["early_stopping"] is False


def test_a_fit_that_goes_on_is_not_stopped_by_rows_that_were_learned():
    model = tiny(smoothing="auto", warm_start=True, max_iter=2).fit(numbers(60))
    assert "validation_log_likelihood" in model.history_["trees"]
    assert "validation_log_likelihood" not in model.fit(numbers(60)).history_["trees"]


def test_a_given_smoothing_stays(case):
    assert case.model(smoothing=0.7, early_stopping=True).fit(case.rows(60)).smoothing_ == 0.7


def test_what_goes_on_has_the_chosen_smoothing():
    X = noise(1200)
    model = tiny(smoothing="auto", warm_start=True, **MANY_UNITS).fit(X)
    chosen = model.smoothing_
    assert chosen > 0.1
    assert model.partial_fit(X[:100]).smoothing_ == chosen
    model.set_params(max_iter=1).fit(X)
    assert model.smoothing_ in (chosen / 2, chosen, 2 * chosen)


def test_steps_of_adam_fall_when_held_out_rows_are_no_more_likely(monkeypatch):
    rates = []
    update = Adam.update

    def spy(self, circuit, state, mean, prior, rate, evidence):
        rates.append(rate)
        return update(self, circuit, state, mean, prior, rate, evidence)

    monkeypatch.setattr(Adam, "update", spy)
    X = Case("deep_trees", "cp", "gaussian").rows(100)
    # No pass rises by so much, so every pass after the first one cuts.
    settings = {"solver": "adam", "early_stopping": True, "tol": 1e9, "n_iter_no_change": 99}
    tiny(max_iter=5, batch_size=None, learning_rate=0.2, **settings).fit(X)
    falling = 0.2 * (1 - np.arange(5) / 5)
    assert_allclose(rates, falling * [1, 1, 0.6, 0.36, 0.216])


def test_full_batches_do_not_stop_because_the_smoothing_rose():
    settings = {"batch_size": None, "n_sums": 20, "n_leaves": 20, "n_replicas": 3}
    model = tiny(smoothing="auto", max_iter=100, **settings).fit(noise(1300))
    rises = np.diff(model.history_["trees"]["log_likelihood"])
    # Where training ended before its time the likelihood had stopped to rise.
    assert model.n_iter_ == 100 or rises[-model.settings_["n_iter_no_change"] :].max() < 1e-3


def test_few_held_out_rows_are_at_least_one():
    model = tiny(smoothing="auto", validation_fraction=1e-5, max_iter=2).fit(numbers(1200))
    assert "validation_log_likelihood" in model.history_["trees"]
