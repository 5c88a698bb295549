"""Imputed cells: exact means and modes, states that are likely, and cells that stay as they are."""

import numpy as np
import pytest
from helpers.cases import LAYERS, STRUCTURES, Case, masked, tiny
from numpy.testing import assert_allclose, assert_array_equal

from skpc import EinetDensityEstimator
from skpc.circuit.leaves import Binomial


def test_observed_cells_stay_and_missing_cells_are_filled(case):
    model, X = case.fitted(), masked(case.rows(40, seed=3), 0.4)
    kept = X.copy()
    for strategy in ("mean", "mode"):
        filled = model.impute(X, strategy)
        assert_array_equal(X, kept)
        assert_array_equal(filled[~np.isnan(X)], X[~np.isnan(X)])
        assert not np.isnan(filled).any()
    # Means of counts are no counts, but a state is one that the model takes.
    assert np.isfinite(model.score_samples(filled)).all()


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_numbers_get_their_conditional_mean(structure, layer):
    case = Case(structure, layer, "gaussian")
    model, X = case.fitted(), masked(case.rows(40, seed=3), 0.5)
    assert_allclose(model.impute(X), model.moments(X)[0], rtol=1e-9)


def test_codes_get_their_most_probable_value(discrete_case):
    model, states = discrete_case.fitted(), discrete_case.fully_observed_states()
    X = masked(discrete_case.rows(30, seed=3), 0.5)
    filled = model.impute(X)
    for row, found in zip(X, filled, strict=True):
        for j in np.flatnonzero(np.isnan(row)):
            values = np.unique(states[:, j])
            tries = np.tile(row, (len(values), 1))
            tries[:, j] = values
            scores = model.score_samples(tries)
            assert scores[values == found[j]] >= scores.max() - 1e-9


def test_a_most_probable_state_of_one_unit_is_the_most_probable(discrete_case):
    settings = {"n_sums": 1, "n_leaves": 1, "n_replicas": 1}
    model = discrete_case.model(**settings).fit(discrete_case.rows(80))
    states = discrete_case.fully_observed_states()
    nothing = np.full((1, states.shape[1]), np.nan)
    best = model.score_samples(states).max()
    if discrete_case.structure != "poon_domingos":
        assert_allclose(model.score_samples(model.impute(nothing, "mode")), best, rtol=1e-9)


def test_modes_belong_together_where_means_do_not():
    random = np.random.default_rng(0)
    side = random.choice([-1.0, 1.0], p=[0.4, 0.6], size=400)
    X = np.column_stack([side, side]) * 5 + random.normal(size=(400, 2))
    model = EinetDensityEstimator(n_replicas=1, n_sums=4, random_state=0).fit(X)
    nothing = np.full((1, 2), np.nan)
    mean, mode = model.impute(nothing), model.impute(nothing, "mode")
    assert_allclose(mean[0], X.mean(axis=0), atol=0.2)
    assert (np.sign(mode) == np.sign(mode[0, 0])).all()
    assert (np.abs(mode) > 3).all()
    assert model.score_samples(mode) > model.score_samples(mean) + 3


def test_frames_keep_their_types():
    pandas = pytest.importorskip("pandas")
    random = np.random.default_rng(0)
    frame = pandas.DataFrame(
        {
            "size": random.normal(size=200),
            "count": pandas.Series(random.poisson(3, 200), dtype="Int64"),
            "kind": pandas.Categorical(random.choice(["a", "b"], 200)),
            "flag": pandas.Series(random.random(200) < 0.8, dtype="boolean"),
        }
    )
    model = tiny(max_iter=3).fit(frame)
    holes = frame.copy()
    for column in holes:
        holes.loc[holes.index % 3 == 0, column] = None
    for strategy in ("mean", "mode"):
        filled = model.impute(holes, strategy)
        assert (filled.dtypes == frame.dtypes).all()
        assert not filled.isna().any(axis=None)


def test_another_strategy_is_refused(case):
    with pytest.raises(ValueError, match=r"strategy is 'middle'; .* and 'sample' are accepted"):
        case.fitted().impute(case.rows(2), "middle")


def test_flags_under_a_leaf_of_numbers_are_rounded():
    pandas = pytest.importorskip("pandas")
    random = np.random.default_rng(0)
    flags = pandas.Series(random.random(100) < 0.1, dtype="boolean")
    frame = pandas.DataFrame({"flag": flags, "other": random.normal(size=100)})
    model = tiny(leaf={"flag": "gaussian"}, max_iter=3).fit(frame)
    holes = frame.head(3).copy()
    holes["flag"] = pandas.array([None, None, True], dtype="boolean")
    assert model.impute(holes)["flag"].tolist() == [False, False, True]


class Triangle(Binomial):
    """Codes with statistics that are no one-hot of them."""

    name = "triangle"
    support = "codes"


def test_codes_need_not_be_one_hot():
    X = np.full((60, 2), 3.0)
    X[:20, 0], X[:, 1] = 2.0, np.arange(60) % 4
    X[0, 0], X[1, 0] = 0.0, 1.0
    model = tiny(leaf=[Triangle, "categorical"], max_iter=3).fit(X)
    assert model.impute(np.array([[np.nan, 0.0]]))[0, 0] == 3.0
