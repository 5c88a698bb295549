"""Gaussians with full covariances mixed with the trees, as users of the estimator meet them.

Axes: n rows, D columns.
"""

import numpy as np
import pandas as pd
import pytest
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
from skpc.circuit.components import gaussians
from skpc.components import Gaussians


def related(n=600, seed=0):
    """Two clusters of strongly correlated numbers, one column with many zeros, (n, 4)."""
    random = np.random.RandomState(seed)
    base = random.normal(size=(n, 2)) + 3 * random.randint(2, size=(n, 1))
    noise = 0.1 * random.normal(size=(n, 2))
    X = np.column_stack([base, 50 + 20 * (base + noise)])
    X[random.uniform(size=n) < 0.3, 1] = 0.0
    return X


def test_density_integrates_to_one():
    X = related(300)[:, [0, 2]]
    model = tiny(components=mixed(5)).fit(X)
    x, y = np.linspace(-8, 12, 801), np.linspace(-150, 300, 901)
    grid = np.stack(np.meshgrid(x, y, indexing="ij"), axis=-1).reshape(-1, 2)
    total = np.exp(model.score_samples(grid)).sum() * (x[1] - x[0]) * (y[1] - y[0])
    assert total == pytest.approx(1, abs=2e-3)


def test_where_numbers_move_together_they_have_weight_and_raise_the_likelihood():
    X, fresh = related(1000), related(1000, seed=1)
    trees = tiny(n_replicas=4, n_sums=8).fit(X)
    model = tiny(n_replicas=4, n_sums=8, components=mixed(10)).fit(X)
    assert model.component_weights_.shape == (2,)
    assert_allclose(model.component_weights_.sum(), 1)
    assert model.component_weights_[1] > 0.3
    assert model.score(fresh) > trees.score(fresh) + 0.3


@pytest.mark.parametrize("n_networks", [0, 1])
@pytest.mark.parametrize("table", ["gaussian", "mixed"])
def test_queries_agree(table, n_networks):
    case = Case("auto", "cp", table)
    X = case.rows(300)
    model = case.model(components=mixed(4, n_networks)).fit(masked(X, 0.1))
    assert_answers_agree(model, masked(case.rows(40, seed=1), 0.3))


def test_moments_are_those_of_the_draws():
    X = related()
    model = tiny(components=mixed(6)).fit(X)
    # In the middle: far out the few draws from the trees decide about the variance.
    row = X[[np.abs(X[:, 0] - 1).argmin()]]
    row[0, 1:3] = np.nan
    mean, variance = model.moments(row)
    drawn = model.sample_conditional(row, n_samples=50_000, random_state=0)
    assert (np.abs(drawn.mean(axis=0) - mean[0]) <= 5 * np.sqrt(variance[0] / 50_000) + 1e-9).all()
    assert_allclose(drawn.var(axis=0)[1:3], variance[0, 1:3], rtol=0.1)


def test_draws_keep_the_correlations_and_the_zeros():
    X = related(1000)
    model = tiny(components=mixed(10)).fit(X)
    drawn = model.sample(20_000, random_state=0)
    assert_allclose(np.corrcoef(drawn[:, [0, 2, 3]].T), np.corrcoef(X[:, [0, 2, 3]].T), atol=0.07)
    assert (drawn[:, 1] == 0).mean() == pytest.approx((X[:, 1] == 0).mean(), abs=0.03)


@pytest.mark.parametrize(
    ("X", "why"),
    [
        (np.random.RandomState(0).randint(2, size=(300, 4)).astype(float), "no numbers"),
        (np.random.RandomState(0).poisson(1.0, size=(300, 4)).astype(float), "atoms only"),
        (related(300)[:, :1], "one column"),
    ],
)
def test_there_are_none_without_numbers_that_could_move_together(X, why):
    assert_array_equal(tiny(components=mixed(5)).fit(X).component_weights_, [1.0])


def test_those_without_weight_are_left_out(monkeypatch):
    monkeypatch.setattr("skpc.circuit.components.gaussians.LEAST_WEIGHT", 1.0)
    model = tiny(components=mixed(5)).fit(related())
    assert_array_equal(model.component_weights_, [1.0])
    assert model.component_names_ == ["trees"]


@pytest.mark.parametrize(("rows", "n_parts"), [(99, 1), (100, 2)])
def test_defaults_have_some_from_a_hundred_rows_on(monkeypatch, rows, n_parts):
    monkeypatch.setattr("skpc.circuit.components.gaussians.LEAST_WEIGHT", 0.0)
    model = EinetDensityEstimator(n_replicas=2, n_sums=3, max_iter=2, random_state=0)
    assert len(model.fit(related(rows)).component_weights_) == n_parts


def test_more_units_than_rows_do_no_harm():
    X = related(60)
    model = tiny(components=mixed(100)).fit(X)
    assert np.isfinite(model.score_samples(X)).all()


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_columns_without_spread_equal_columns_and_scales_do_no_harm(scale):
    X = scale * related(400)
    X = np.column_stack([X, X[:, 0], np.full(400, 3.0), np.full(400, np.nan)])
    model = tiny(components=mixed(8)).fit(X)
    assert np.isfinite(model.component_weights_).all()
    assert np.isfinite(model.score_samples(X)).all()
    assert np.isfinite(model.sample(50, random_state=0)[:, :6]).all()


def test_scores_move_with_the_units():
    X = related()
    wanted = tiny(components=mixed(5)).fit(X).score_samples(X)
    scaled = tiny(components=mixed(5)).fit(8.0 * X).score_samples(8.0 * X)
    assert_allclose(scaled, wanted - 4 * np.log(8.0))


def test_weights_of_any_scale_mean_the_same():
    X = related()
    wanted = tiny(components=mixed(5)).fit(X)
    small = tiny(components=mixed(5)).fit(X, sample_weight=np.full(len(X), 1e-6))
    assert_allclose(small.component_weights_, wanted.component_weights_, atol=0.05)
    assert small.score(X) == pytest.approx(wanted.score(X), abs=0.1)


def test_copies_and_files_score_alike():
    X = pd.DataFrame(related(), columns=list("abcd"))
    model = tiny(components=["trees", "gaussians"]).fit(X)
    assert_copies_score_alike(model, X)


def test_a_seed_decides_the_fit():
    X = related()
    first, again = (tiny(components=mixed(5)).fit(X).score_samples(X) for _ in range(2))
    assert_array_equal(first, again)


def test_what_goes_on_leaves_them_as_they_are():
    X = related()
    model = tiny(components=mixed(5), warm_start=True).fit(X)
    stored = inside(model).others
    model.partial_fit(X[:50]).fit(X)
    assert inside(model).others is stored
    with pytest.raises(ValueError, match=r"components is .*'n_units': 6.*the fitted model has"):
        model.set_params(components=mixed(6)).fit(X)
    model.set_params(warm_start=False, components="trees").fit(X)
    assert_array_equal(model.component_weights_, [1.0])


def test_rows_that_were_held_out_are_learned_too(monkeypatch):
    seen = []
    train = gaussians.train

    def spy(state, rows, *rest):
        seen.append(len(rows))
        return train(state, rows, *rest)

    monkeypatch.setattr(gaussians, "train", spy)
    tiny(components=mixed(3)).fit(related(60))
    assert seen == [54, 60]


def coverage(model, new):
    """Share of cells within their 90 % intervals given the others of their row."""
    found = []
    for j in range(new.shape[1]):
        holes = new.copy()
        holes[:, j] = np.nan
        low, high = model.predict_quantiles(holes, [j], [0.05, 0.95])[:, 0].T
        found.append((low <= new[:, j]) & (new[:, j] <= high))
    return np.mean(found)


def test_cells_given_the_others_of_few_rows_are_within_their_intervals(monkeypatch):
    """The likeliest covariances of 15 columns from 80 rows leave a cell too certain."""
    random = np.random.RandomState(0)
    mix = random.normal(size=(15, 15))
    X, new = random.normal(size=(80, 15)) @ mix, random.normal(size=(200, 15)) @ mix
    model = tiny(components=[Gaussians(n_units=1)]).fit(X)
    assert coverage(model, new) > 0.85
    monkeypatch.setattr(gaussians, "WIDTHS", (0.0,))
    assert coverage(tiny(components=[Gaussians(n_units=1)]).fit(X), new) < 0.82


def test_codes_are_imputed_beside_columns_whose_floors_differ():
    """Coarse grids keep their floor in the Gaussians, other numbers have a lower one in the fit."""
    X = related(600)[:, [0, 2, 3]]
    X[:, 1] = np.round(X[:, 1])
    X = np.column_stack([X, X[:, 0] > 1.5])
    model = tiny(components=mixed(5), categorical_features=[3]).fit(X)
    holes = X.copy()
    holes[::2, 3] = np.nan
    assert (model.impute(holes)[:, 3] == X[:, 3]).mean() > 0.9
