"""Latent mixtures mixed with the trees, as users of the estimator meet them.

Axes: n rows, D columns.
"""

from itertools import product

import numpy as np
import pandas as pd
import pytest
import torch
from helpers.cases import (
    Case,
    assert_answers_agree,
    assert_copies_score_alike,
    inside,
    masked,
    mixed,
    tiny,
)
from numpy.testing import assert_allclose, assert_array_equal

from skpc import EinetDensityEstimator
from skpc.circuit.components import latent_mixture


@pytest.fixture(autouse=True)
def few_points(monkeypatch):
    """Small and short mixtures: what they mean does not depend on their size."""
    for name, value in (("POINTS", 16), ("PASSES", 4), ("LEAST_STEPS", 20), ("LEAST_WEIGHT", 0.0)):
        monkeypatch.setattr(latent_mixture, name, value)


def topics(n=600, d=8, seed=0):
    """Zeros and ones that one hidden number moves all at once."""
    rng = np.random.RandomState(seed)
    hidden = rng.normal(size=(n, 1))
    return (rng.uniform(size=(n, d)) < 1 / (1 + np.exp(-2 * hidden))).astype(float)


def test_densities_of_all_states_add_to_one():
    # Booleans: columns of zeros and ones keep a share for other values.
    model = tiny(components=mixed(0, 2)).fit(topics(d=6).astype(bool))
    states = np.array(list(product([False, True], repeat=6)))
    assert_allclose(np.exp(model.score_samples(states)).sum(), 1)


def test_weights_are_those_of_trees_and_mixtures():
    model = tiny(components=mixed(0, 2)).fit(topics())
    assert model.component_names_ == ["trees", "latent_mixture"]
    assert model.component_weights_.shape == (2,)
    assert_allclose(model.component_weights_.sum(), 1)
    assert_array_equal(tiny(components=mixed(0, 0)).fit(topics()).component_weights_, [1.0])


@pytest.mark.parametrize("table", ["bernoulli", "categorical", "gaussian", "mixed", "counts"])
def test_queries_agree(table):
    case = Case("auto", "cp", table)
    X = case.rows(300)
    model = case.model(components=mixed(0, 1)).fit(masked(X, 0.1))
    assert_answers_agree(model, masked(case.rows(40, seed=1), 0.3))


def test_where_one_thing_moves_all_columns_the_mixture_has_weight():
    X = topics(1500, 12)
    model = tiny(components=mixed(0, 1)).fit(X)
    assert model.component_weights_[1] > 0.05


def test_trees_stay_alone_where_a_mixture_helps_nothing(monkeypatch):
    monkeypatch.setattr(latent_mixture, "LEAST_WEIGHT", 1.0)
    model = tiny(components=mixed(0, 3)).fit(topics())
    assert_array_equal(model.component_weights_, [1.0])


def test_rows_that_were_held_out_are_learned_too(monkeypatch):
    model = tiny(components=mixed(0, 1)).fit(topics(60, 5))
    assert inside(model).trees.rows == 60
    seen = []
    train = latent_mixture.train

    def spy(circuit, state, rows, *rest):
        seen.append(len(rows))
        return train(circuit, state, rows, *rest)

    monkeypatch.setattr(latent_mixture, "train", spy)
    tiny(components=mixed(0, 1)).fit(topics(60, 5))
    # The mixture without the six rows, then with them.
    assert seen == [54, 60]


def test_weights_of_any_scale_mean_the_same():
    X = topics(400)
    wanted = tiny(components=mixed(0, 1)).fit(X).component_weights_
    small = tiny(components=mixed(0, 1)).fit(X, sample_weight=np.full(400, 1e-6)).component_weights_
    assert_allclose(small, wanted, atol=0.05)


def test_a_later_mixture_does_not_drop_them_all(monkeypatch):
    shares = iter([[0.5, 0.5], [0.4, 0.01, 0.59]])
    chosen = lambda *_: torch.tensor(next(shares), dtype=torch.float64)  # noqa: E731
    monkeypatch.setattr(latent_mixture, "LEAST_WEIGHT", 0.02)
    monkeypatch.setattr(latent_mixture, "choose_weights", chosen)
    model = tiny(components=mixed(0, 2)).fit(topics())
    assert model.component_names_ == ["trees", "latent_mixture"]
    networks = inside(model).components("cpu")[1].parameters.sums[0].view(2, 16).sum(dim=1)
    assert_allclose(networks, [0.01 / 0.6, 0.59 / 0.6])


@pytest.mark.parametrize("leaf", ["exponential", "gaussian", "lognormal", "gamma"])
def test_columns_without_spread_do_no_harm(leaf):
    X = topics(600, 4)
    value = 0.0 if leaf in ("exponential", "gaussian") else 3.0
    X = np.column_stack([X, np.full(600, value)])
    model = tiny(components=mixed(0, 1), leaf=["bernoulli"] * 4 + [leaf]).fit(X)
    assert np.isfinite(model.component_weights_).all()
    assert np.isfinite(model.score_samples(X)).all()


def test_defaults_have_one_above_a_thousand_rows(monkeypatch):
    monkeypatch.setattr(latent_mixture, "LEAST_WEIGHT", 0.0)
    settings = {"n_replicas": 2, "n_sums": 3, "max_iter": 2, "random_state": 0}
    for rows, n_parts in ((1000, 1), (1001, 2)):
        model = EinetDensityEstimator(**settings).fit(topics(rows))
        assert len(model.component_weights_) == n_parts


@pytest.mark.parametrize(("widest", "n_parts"), [(8, 2), (7, 1)])
def test_defaults_have_none_for_very_wide_tables(monkeypatch, widest, n_parts):
    monkeypatch.setattr(latent_mixture, "LEAST_WEIGHT", 0.0)
    monkeypatch.setattr("skpc.circuit.components.latent_mixture.MOST_STATISTICS", widest)
    settings = {"n_replicas": 2, "n_sums": 3, "max_iter": 2, "random_state": 0}
    model = EinetDensityEstimator(**settings).fit(topics(1001, 8))
    assert len(model.component_weights_) == n_parts


def test_other_default_types_and_modes_of_torch_do_not_matter():
    X = topics()
    wanted = tiny(components=mixed(0, 1)).fit(X).score_samples(X)
    torch.set_default_dtype(torch.float64)
    try:
        assert_allclose(tiny(components=mixed(0, 1)).fit(X).score_samples(X), wanted)
    finally:
        torch.set_default_dtype(torch.float32)
    with torch.inference_mode():
        assert_allclose(tiny(components=mixed(0, 1)).fit(X).score_samples(X), wanted)


def test_copies_and_files_score_alike():
    X = pd.DataFrame(topics().astype(int), columns=list("abcdefgh"))
    model = tiny(components=["trees", "latent_mixture"]).fit(X)
    assert_copies_score_alike(model, X)
    assert list(model.sample(5, random_state=0).columns) == list("abcdefgh")


def test_a_seed_decides_the_fit_and_nothing_global_is_touched():
    X = topics()
    before = torch.get_rng_state()
    first, again = (tiny(components=mixed(0, 1)).fit(X).score_samples(X) for _ in range(2))
    assert_array_equal(first, again)
    assert torch.equal(torch.get_rng_state(), before)


def test_what_goes_on_leaves_the_mixtures_as_they_are():
    X = topics()
    model = tiny(components=mixed(0, 1), warm_start=True).fit(X)
    weights, others = model.component_weights_, inside(model).others
    model.partial_fit(X[:50]).fit(X)
    assert model.component_weights_ is weights
    assert inside(model).others is others
    with pytest.raises(ValueError, match=r"components is .*'n_networks': 2.*the fitted model has"):
        model.set_params(components=mixed(0, 2)).fit(X)


def test_streams_start_with_trees_alone():
    model = tiny(components=mixed(0, 2)).partial_fit(topics())
    assert_array_equal(model.component_weights_, [1.0])


def test_weights_of_rows_count():
    X = topics(400)
    heavy = np.where(X.mean(axis=1) > 0.5, 100.0, 1.0)
    model = tiny(components=mixed(0, 1)).fit(X, sample_weight=heavy)
    mean, _ = model.moments()
    assert_allclose(mean, np.average(X, axis=0, weights=heavy), atol=0.1)


def test_adam_trains_the_trees_beside_them():
    model = tiny(components=mixed(0, 1), solver="adam", max_iter=3).fit(topics())
    assert model.component_weights_.shape == (2,)
    assert np.isfinite(model.score(topics(seed=1)))


def test_progress_is_told(capsys):
    tiny(components=mixed(0, 1), verbose=10).fit(topics())
    assert "latent mixture 1" in capsys.readouterr().out


@pytest.mark.parametrize(
    "settings",
    [
        {"early_stopping": True},
        {"early_stopping": True, "solver": "adam"},
        {"n_init": 2},
        {"dtype": "float64"},
        {"smoothing": 0.5},
        {"smoothing": "auto"},
        {"structure": "random_trees", "depth": 2, "layer": "tucker"},
    ],
    ids=str,
)
def test_other_settings_of_the_fit_go_with_them(settings):
    rng = np.random.RandomState(0)
    hidden = rng.normal(size=1200)
    X = pd.DataFrame(
        {
            "number": np.where(rng.uniform(size=1200) < 0.1, np.nan, hidden),
            "word": np.where(hidden + rng.normal(size=1200) > 0, "high", "low"),
            "count": np.round(np.exp(hidden)).astype(int),
        }
    )
    model = tiny(components=mixed(0, 1), **settings).fit(X)
    assert model.component_weights_.shape == (2,)
    assert model.score(X) > tiny(components=mixed(0, 0), **settings).fit(X).score(X) - 0.1
    assert not model.impute(X.head(20)).isna().any(axis=None)
    assert list(model.sample(3, random_state=0).dtypes) == list(X.dtypes)
