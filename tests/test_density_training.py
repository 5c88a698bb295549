"""The course of a fit: it rises, it stops, it goes on, and it says so."""

import numpy as np
import pytest
from helpers.cases import LAYERS, STRUCTURES, TABLES, Case, exact, masked, tiny
from numpy.testing import assert_allclose, assert_array_equal

EXACT = {"batch_size": None, "dtype": "float64"}


@pytest.fixture(name="X")
def make_rows():
    return Case("deep_trees", "cp", "gaussian").rows(200)


def test_full_batch_likelihood_never_falls(case):
    X = masked(case.rows(80), 0.2)
    weights = np.random.RandomState(0).uniform(0.1, 3.0, size=80)
    settings = {**EXACT, "smoothing": 0.0, "max_iter": 25, "tol": 0.0}
    if case.structure == "auto":
        # Several learned trees raise a power mean instead, see tests/circuit/test_em.py.
        settings["n_replicas"] = 1
    model = case.model(**settings).fit(X, sample_weight=weights)
    path = np.append(
        model.history_["trees"]["log_likelihood"], model.score(X, sample_weight=weights)
    )
    assert np.diff(path).min() > -1e-9
    assert path[-1] > path[0] or case.structure == "independent"


@pytest.mark.parametrize("settings", [EXACT, {"batch_size": 25, "tol": 0.0}], ids=str)
def test_history_is_the_likelihood_before_each_pass(X, settings):
    long = tiny(**{**settings, "max_iter": 4}).fit(X)
    assert long.n_iter_ == 4
    assert long.history_["trees"]["log_likelihood"].shape == (4,)
    assert (np.diff(long.history_["trees"]["seconds"]) > 0).all()
    assert set(long.history_["trees"]) == {"log_likelihood", "seconds"}
    if settings is EXACT:
        for n in (1, 2, 3):
            short = tiny(**{**settings, "max_iter": n}).fit(X)
            assert_allclose(long.history_["trees"]["log_likelihood"][n], short.score(X), rtol=1e-12)


def test_training_stops_when_the_likelihood_stops_rising(X):
    model = exact(max_iter=500, tol=1e-3, n_iter_no_change=3).fit(X)
    assert model.converged_
    assert model.n_iter_ < 500
    assert len(model.history_["trees"]["log_likelihood"]) == model.n_iter_
    rises = np.diff(model.history_["trees"]["log_likelihood"])
    assert (rises[-2:] < 0.01).all()


def test_training_that_runs_out_of_passes_has_not_converged(X):
    assert not exact(max_iter=2, tol=0.0).fit(X).converged_


def test_falling_steps_run_to_their_end(X):
    model = tiny(batch_size=20, max_iter=6).fit(X)
    assert model.n_iter_ == 6
    last = np.diff(model.history_["trees"]["log_likelihood"])[-1]
    assert model.converged_ == (last <= model.tol)


@pytest.mark.parametrize("layer", ["cp", "tucker"])
def test_mini_batches_reach_the_likelihood_of_full_batches(layer):
    X = Case("deep_trees", "cp", "mixed").rows(1000)
    told = {"layer": layer, "categorical_features": [3]}
    full = tiny(max_iter=60, batch_size=None, **told).fit(X)
    small = tiny(max_iter=20, batch_size=50, **told).fit(X)
    assert small.score(X) > full.score(X) - 0.08


def test_adam_raises_the_likelihood(case):
    X = case.rows(60)
    first, last = (case.model(solver="adam", max_iter=n).fit(X).score(X) for n in (1, 60))
    assert last > first


@pytest.mark.parametrize("batch_size", [None, 25])
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("layer", LAYERS)
def test_adam_reaches_the_likelihood_of_em(layer, table, batch_size):
    case = Case("deep_trees", layer, table)
    X = case.rows(200)
    em = case.model(max_iter=60, batch_size=batch_size).fit(X)
    n = 300 if batch_size is None else 60
    adam = case.model(solver="adam", max_iter=n, batch_size=batch_size, tol=0.0).fit(X)
    assert abs(adam.score(X) - em.score(X)) < 0.15


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("structure", [s for s in STRUCTURES if s != "independent"])
def test_training_does_not_stop_where_columns_are_independent(structure, layer):
    case = Case(structure, layer, "bernoulli")
    X = case.rows(400)
    alone = exact(structure="random_trees", depth=0, n_sums=1, n_leaves=1).fit(X)
    # As many units as by default; the columns share a hidden digit worth 0.44 nats a row.
    model = case.model(n_sums=20, n_leaves=20, max_iter=100).fit(X)
    assert model.score(X) > alone.score(X) + 0.3


def test_more_starts_are_never_worse(X):
    gains = []
    for seed in range(5):
        settings = {"smoothing": 0.0, "max_iter": 10, "tol": 0.0, "random_state": seed}
        one, four = (exact(n_init=n, **settings).fit(X).score(X) for n in (1, 4))
        gains.append(four - one)
    assert min(gains) >= -1e-12
    assert max(gains) > 1e-3


def test_starts_compete_on_held_out_rows(X):
    settings = {"early_stopping": True, "max_iter": 10, "batch_size": 50}
    one, three = (tiny(n_init=n, **settings).fit(X) for n in (1, 3))
    best = [max(m.history_["trees"]["validation_log_likelihood"]) for m in (one, three)]
    assert best[1] >= best[0]


def test_early_stopping_keeps_the_best_pass_or_one_as_good(X):
    model = tiny(
        early_stopping=True,
        validation_fraction=0.3,
        n_sums=20,
        n_leaves=20,
        smoothing=0.0,
        max_iter=80,
        n_iter_no_change=5,
        dtype="float64",
    ).fit(X[:60])
    held_out = model.history_["trees"]["validation_log_likelihood"]
    assert len(held_out) == model.n_iter_ == len(model.history_["trees"]["log_likelihood"])
    # So many units over-fit: the best pass is not the last one.
    assert model.converged_
    assert held_out.argmax() < len(held_out) - 1
    # The model is that after the best pass or after a later one, to the last digits.
    rows = model.score_samples(X[:60])
    after = [
        tiny(**{**model.get_params(), "max_iter": n}).fit(X[:60])
        for n in range(int(held_out.argmax()) + 1, len(held_out) + 1)
    ]
    alike = [np.allclose(one.score_samples(X[:60]), rows, rtol=1e-12) for one in after]
    assert alike[-1]
    kept = held_out[held_out.argmax() + alike.index(True)]
    # 18 rows are held out; a standard error of so few is a good part of a nat.
    assert held_out.max() - kept < 0.5
    best = after[0].history_["trees"]["validation_log_likelihood"]
    assert_allclose(best.max(), held_out.max(), rtol=1e-12)


def test_verbose_prints_and_silence_is_silent(X, capsys):
    tiny(max_iter=4).fit(X)
    assert capsys.readouterr() == ("", "")
    model = tiny(max_iter=4, tol=0.0, verbose=2).fit(X)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["structure", "trees", "pass 2", "pass 4"]
    assert lines[0] == f"structure: of {X.shape[1]} columns in {len(X)} rows"
    assert f"log-likelihood {model.history_['trees']['log_likelihood'][1]:.4f}" in lines[2]
    tiny(max_iter=2, verbose=True, early_stopping=True).fit(X)
    assert "validation" in capsys.readouterr().out
    tiny(max_iter=1, verbose=1, components=["trees", "gaussians"]).fit(X)
    told = capsys.readouterr().out.splitlines()
    held = round(0.1 * len(X))
    begun = f"gaussians: fitted to {len(X) - held} rows, weighed on {held} others"
    assert told.index(begun) < min(i for i, line in enumerate(told) if "held-out" in line)


def test_number_of_parameters_counts_free_ones():
    X = Case("deep_trees", "cp", "bernoulli").rows(30)
    model = exact(depth=0, n_sums=1, n_leaves=3).fit(X)
    # Three units of four digits, and two free shares.
    assert model.n_parameters_ == 3 * 4 + 2


def test_a_second_fit_forgets_the_first(X):
    model = tiny().fit(100 * X[:50]).fit(X)
    assert_array_equal(model.score_samples(X), tiny().fit(X).score_samples(X))
    assert_array_equal(
        model.fit(X[:, :2]).score_samples(X[:, :2]), tiny().fit(X[:, :2]).score_samples(X[:, :2])
    )
