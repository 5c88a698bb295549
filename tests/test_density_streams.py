"""Learning that goes on: `partial_fit` over blocks, and `warm_start`."""

import pickle

import numpy as np
import pytest
from helpers.cases import LAYERS, TABLES, Case, exact, inside, tiny
from numpy.testing import assert_allclose, assert_array_equal


@pytest.fixture(name="X")
def make_rows():
    return Case("deep_trees", "cp", "gaussian").rows(400)


def stream(model, X, n_blocks, n_times=1):
    for _ in range(n_times):
        for block in np.array_split(X, n_blocks):
            model.partial_fit(block)
    return model


@pytest.mark.parametrize("solver", ["em", "adam"])
def test_blocks_raise_the_likelihood(case, solver):
    X = case.rows(200)
    model = case.model(solver=solver).partial_fit(X[:50])
    first = model.score(X)
    assert stream(model, X, 4, n_times=5).score(X) > first


@pytest.mark.parametrize("settings", [{"learning_rate": 1.0}, {"solver": "adam"}], ids=str)
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("layer", LAYERS)
def test_blocks_approach_a_fit(layer, table, settings):
    case = Case("deep_trees", layer, table)
    X = case.rows(400)
    whole = case.model(max_iter=30, batch_size=50).fit(X)
    model = case.model(batch_size=50, **settings)
    first = model.partial_fit(X[:50]).score(X)
    n_times = 10 if settings.get("solver") is None else 40
    last = stream(model, X, 8, n_times).score(X)
    assert last > whole.score(X) - 0.15
    assert last > first + 0.5 * (whole.score(X) - first)


def test_first_block_decides_columns_scales_and_structure(X):
    model = tiny().partial_fit(X[:100])
    structure, columns = model.structure_, inside(model).plan.table.columns
    model.partial_fit(1000 * X)
    assert model.structure_ is structure
    kept = [(c.shift, c.scale, c.family, c.categories) for c in inside(model).plan.table.columns]
    assert kept == [(c.shift, c.scale, c.family, c.categories) for c in columns]
    assert model.n_features_in_ == 4
    assert np.isfinite(model.score_samples(X)).all()


def test_first_block_decides_categories():
    X = np.array([["a", 1.0], ["b", 2.0], ["a", 0.5]] * 10, dtype=object)
    model = tiny(categorical_features=[0]).partial_fit(X)
    later = X.copy()
    later[0, 0] = "c"
    model.partial_fit(later)
    assert inside(model).plan.table.columns[0].categories == ("a", "b")
    assert_allclose(
        model.predict_marginal(later[:1], [0]), np.log(6 / (59**2 + 59 + 4)), rtol=1e-12
    )


def test_history_of_a_block(X):
    model = tiny().partial_fit(X[:100])
    before = model.score(X[100:200])
    model.partial_fit(X[100:200])
    assert model.n_iter_ == 1
    assert_allclose(model.history_["trees"]["log_likelihood"], [before], rtol=1e-4)


def test_block_after_a_fit_moves_it_little(X):
    model = tiny(max_iter=30, batch_size=50).fit(X)
    before = model.score(X)
    model.partial_fit(X[:50])
    assert model.score(X) != before
    assert abs(model.score(X) - before) < 0.1


def test_file_between_blocks_changes_nothing(X):
    for settings in ({}, {"solver": "adam"}):
        straight, stored = tiny(**settings), tiny(**settings)
        for block in np.array_split(X, 4):
            straight.partial_fit(block)
            stored = pickle.loads(pickle.dumps(stored.partial_fit(block)))
        assert_array_equal(stored.score_samples(X), straight.score_samples(X))


def test_questions_between_blocks_change_nothing(X):
    quiet, asked = tiny(), tiny()
    for block in np.array_split(X, 4):
        quiet.partial_fit(block)
        asked.partial_fit(block).score(X)
        asked.sample(3, random_state=0)
    assert_array_equal(asked.score_samples(X), quiet.score_samples(X))


def test_blocks_of_weighted_rows(X):
    weights = np.random.RandomState(0).randint(0, 3, 400)
    weighted, kept = exact(), exact()
    for rows, w in zip(np.split(X, 4), np.split(weights, 4), strict=True):
        weighted.partial_fit(rows, sample_weight=w)
        kept.partial_fit(np.repeat(rows, w, axis=0))
    assert_allclose(weighted.score_samples(X), kept.score_samples(X), rtol=0, atol=1e-8)


def test_warm_start_goes_on_where_it_stopped(X):
    # One tree: the power by which several share a row rises anew in every fit.
    once = exact(n_replicas=1, max_iter=12, tol=0.0).fit(X)
    twice = exact(n_replicas=1, max_iter=6, tol=0.0, warm_start=True).fit(X).fit(X)
    assert_allclose(twice.score_samples(X), once.score_samples(X), rtol=0, atol=1e-9)
    joined = once.history_["trees"]["log_likelihood"][6:]
    assert_allclose(twice.history_["trees"]["log_likelihood"], joined, rtol=1e-9)


def test_warm_start_never_falls(case):
    X = case.rows(80)
    settings = {"batch_size": None, "dtype": "float64", "smoothing": 0.0, "max_iter": 3}
    model = case.model(warm_start=True, **settings)
    scores = [model.fit(X).score(X) for _ in range(5)]
    assert np.diff(scores).min() > -1e-9


def test_warm_start_keeps_scales_and_structure(X):
    model = exact(warm_start=True).fit(X)
    structure, columns = model.structure_, inside(model).plan.table.columns
    model.set_params(max_iter=1).fit(X + 1.0)
    assert model.structure_ is structure
    for now, then in zip(inside(model).plan.table.columns, columns, strict=True):
        assert (now.shift, now.scale, now.shape) == (then.shift, then.scale, then.shape)
        # The bounds reach as far as all rows so far.
        assert now.grid.low == then.grid.low
        assert now.grid.high == pytest.approx(then.grid.high + 1.0)


@pytest.mark.parametrize("change", [{"n_sums": 9}, {"layer": "tucker"}, {"structure": "auto"}])
def test_going_on_refuses_another_circuit(X, change):
    model = exact(warm_start=True, structure="random_trees").fit(X).set_params(**change)
    for use in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match=rf"{next(iter(change))} is .*the fitted model has"):
            use(X)


def test_warm_start_after_a_change_of_solver(X):
    model = exact(warm_start=True, max_iter=30).fit(X)
    before = model.score(X)
    model.set_params(solver="adam", learning_rate=0.01, max_iter=20).fit(X)
    assert model.score(X) > before - 0.05
    model.set_params(solver="em", learning_rate="auto").fit(X)
    assert model.score(X) > before - 0.05


def test_warm_start_refuses_other_columns(X):
    model = tiny(warm_start=True).fit(X)
    with pytest.raises(ValueError, match="X has 3 features"):
        model.fit(X[:, :3])


def test_without_warm_start_a_fit_begins_anew(X):
    model = tiny(random_state=0).fit(X)
    first = model.score_samples(X)
    assert_array_equal(model.fit(X).score_samples(X), first)
