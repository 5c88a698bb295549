"""Rules for "auto": values can be named, and no phase moves the random stream of another one."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from helpers.cases import Case, masked, tiny
from helpers.own_component import Independent
from helpers.own_solver import HalfSteps
from numpy.testing import assert_array_equal
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

from skpc import EinetDensityEstimator
from skpc.circuit import RegionGraph, chow_liu_tree
from skpc.components import Gaussians, LatentMixture

SMALL = {"n_sums": 3, "n_replicas": 2, "max_iter": 4, "random_state": 0}


def words(n=120):
    rng = np.random.RandomState(0)
    return pd.DataFrame(
        {
            "number": np.where(rng.uniform(size=n) < 0.2, np.nan, rng.normal(size=n)),
            "amount": np.maximum(rng.normal(size=n), 0.0),
            "word": rng.choice(["a", "b", "c"], n),
            "flag": rng.uniform(size=n) < 0.3,
            "digit": rng.randint(2, size=n),
        }
    )


TABLES = {
    "numbers": lambda: Case("auto", "cp", "gaussian").rows(120),
    "digits": lambda: Case("auto", "cp", "bernoulli").rows(120),
    "mixed with holes": lambda: masked(Case("auto", "cp", "mixed").rows(120), 0.1),
    "frame": words,
    "few rows": lambda: Case("auto", "cp", "mixed").rows(30),
    "mini-batches": lambda: Case("auto", "cp", "mixed").rows(1100),
}
SETTINGS = {
    "defaults": {},
    "depth": {"depth": 1},
    "tucker": {"layer": "tucker"},
    "random trees": {"structure": "random_trees"},
    "grid": {"structure": "poon_domingos"},
    "adam": {"solver": "adam"},
    "trees": {"components": "trees"},
    "early stopping": {"early_stopping": True},
}
QUICK_LATENT = ["trees", "gaussians", LatentMixture(n_points=16, max_iter=2)]


def fitted(X, **settings):
    model = EinetDensityEstimator(random_state=0, tol=0.0, **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X)


@pytest.fixture(autouse=True)
def short_latent_mixtures(monkeypatch):
    """What they mean does not depend on their length."""
    for name, value in (("PASSES", 2), ("LEAST_STEPS", 10)):
        monkeypatch.setattr(f"skpc.circuit.components.latent_mixture.{name}", value)


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_naming_what_auto_stood_for_gives_the_same_model(table, settings):
    X = table()
    small = {"n_sums": 3, "n_replicas": 2} if len(X) > 1000 else {}
    model = fitted(X, **settings, **small)
    scores, drawn = model.score_samples(X), np.asarray(model.sample(5, random_state=0))
    every = fitted(X, **{**settings, **small, **model.settings_})
    assert_array_equal(every.score_samples(X), scores)
    assert_array_equal(np.asarray(every.sample(5, random_state=0)), drawn)
    assert every.settings_ == model.settings_


@pytest.mark.parametrize("name", ["structure", "n_sums", "leaf", "components", "max_iter"])
def test_values_can_be_named_one_by_one(name):
    X = TABLES["mixed with holes"]()
    model = fitted(X)
    again = fitted(X, **{name: model.settings_[name]})
    assert_array_equal(again.score_samples(X), model.score_samples(X))


@pytest.mark.parametrize("settings", [{}, {"depth": 2}, {"layer": "tucker"}], ids=str)
@pytest.mark.parametrize("table", ["numbers", "mixed with holes", "mini-batches"])
def test_the_graph_of_a_model_gives_the_same_model(table, settings):
    X = TABLES[table]()
    model = fitted(X, **settings, n_replicas=3, n_sums=3)
    layer = settings.get("layer", "cp")
    again = fitted(X, structure=model.structure_, layer=layer, n_sums=3)
    assert again.structure_ == model.structure_
    assert_array_equal(again.score_samples(X), model.score_samples(X))


def test_a_component_that_is_left_out_moves_no_other_phase():
    X = TABLES["mixed with holes"]()
    whole = fitted(X, components=QUICK_LATENT)
    for left in (QUICK_LATENT[:2], QUICK_LATENT[::2]):
        part = fitted(X, components=left)
        assert part.structure_ == whole.structure_
        for name in part.component_names_:
            assert_array_equal(
                part.history_[name]["log_likelihood"], whole.history_[name]["log_likelihood"]
            )


def test_a_structure_that_is_passed_moves_no_other_phase():
    """Tempering is a field of the graph, and no name decides it."""
    X = Case("auto", "cp", "gaussian").rows(1100)
    learned = fitted(X, n_replicas=3, n_sums=3, components="trees", batch_size=50)
    graph = learned.structure_
    assert graph.tempered
    plain = RegionGraph(graph.regions, graph.partitions)
    assert plain != graph
    other = fitted(X, structure=plain, n_sums=3, components="trees", batch_size=50)
    assert other.settings_["max_iter"] > learned.settings_["max_iter"]


def test_a_structure_may_be_a_function():
    seen = {}

    def halves(z, numeric, weights, spec, random_state):
        seen.update(shape=z.shape, numeric=list(numeric), depth=spec.depth, weights=len(weights))
        return RegionGraph([(0, 1, 2, 3), (0, 1), (2, 3)], [(0, (1, 2))])

    X = Case("auto", "cp", "mixed").rows(60)
    model = fitted(X, structure=halves, depth=7, components="trees", **{"n_sums": 2})
    assert model.structure_.regions[1:] == ((0, 1), (2, 3))
    assert seen == {
        "shape": (60, 4), "numeric": [True, False, True, True], "depth": 7, "weights": 60
    }  # fmt: skip
    with pytest.raises(TypeError, match="structure returned None"):
        fitted(X, structure=lambda *arguments: None)
    with pytest.raises(ValueError, match="covers 1 columns; X has 4 columns"):
        fitted(X, structure=lambda *arguments: RegionGraph([(0,)]))


def test_a_function_that_builds_learned_trees_is_trained_like_them():
    X = Case("auto", "cp", "gaussian").rows(60)

    def learned(z, numeric, weights, spec, random_state):
        return chow_liu_tree(z, numeric, weights, spec.n_replicas, random_state)

    own, named = (fitted(X, structure=s, components="trees") for s in (learned, "chow_liu"))
    assert_array_equal(own.score_samples(X), named.score_samples(X))


def test_a_search_over_depth_with_none_is_no_worse_than_no_search():
    """A depth changes the trees alone: the Gaussians compete in every candidate."""
    X = load_wine().data
    testing = np.arange(len(X)) % 3 == 0
    train, test = X[~testing], X[testing]
    search = GridSearchCV(EinetDensityEstimator(random_state=0), {"depth": [None, 1, 2]}, cv=3).fit(
        train
    )
    default = EinetDensityEstimator(random_state=0).fit(train)
    assert search.cv_results_["mean_test_score"].min() > -1e3
    # Three folds of 119 rows only tell densities apart that differ by more than half a nat.
    assert search.score(test) > default.score(test) - 0.7
    for depth in (1, 2):
        model = EinetDensityEstimator(depth=depth, random_state=0).fit(train)
        assert "gaussians" in model.component_names_


def test_breast_cancer_is_the_same_by_default_by_name_and_by_graph():
    X = load_breast_cancer().data[:, :10]
    train, test = X[::2], X[1::2]
    model = EinetDensityEstimator(random_state=0).fit(train)
    for structure in ("chow_liu", model.structure_):
        other = EinetDensityEstimator(structure, random_state=0).fit(train)
        assert other.score(test) == model.score(test)


def test_a_solver_may_be_an_object():
    X = Case("auto", "cp", "mixed").rows(60)
    model = tiny(solver=HalfSteps(), batch_size=None, max_iter=30, warm_start=True).fit(X)
    rises = np.diff(model.history_["trees"]["log_likelihood"])
    assert (rises > -1e-3).all()
    assert model.score(X) > tiny(max_iter=30).fit(X).score(X) - 0.3
    scores = model.score_samples(X)
    assert_array_equal(pickle.loads(pickle.dumps(model)).score_samples(X), scores)
    assert model.set_params(max_iter=1).fit(X).score(X) > scores.mean() - 1e-3
    assert model.settings_["solver"] == HalfSteps()
    assert model.settings_["learning_rate"] == 1.0
    with pytest.raises(ValueError, match="'solver' parameter"):
        tiny(solver=object()).fit(X)


def test_a_component_may_be_an_object_of_the_users():
    X = Case("auto", "cp", "gaussian").rows(120)
    model = tiny(components=["trees", Independent()]).fit(X)
    assert set(model.component_names_) <= {"trees", "independent"}
    alone = tiny(components=Independent()).fit(X)
    assert alone.component_names_ == ["independent"]
    assert_array_equal(pickle.loads(pickle.dumps(alone)).score_samples(X), alone.score_samples(X))
    assert np.isfinite(alone.sample(5, random_state=0)).all()


def test_searches_may_set_components():
    X = Case("auto", "cp", "gaussian").rows(120)
    values = ["trees", ["trees", "gaussians"], ["trees", Gaussians(n_units=4)], "gaussians"]
    search = GridSearchCV(EinetDensityEstimator(**SMALL), {"components": values}, cv=2).fit(X)
    assert search.best_params_["components"] in values
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize(
    ("components", "error"),
    [
        ("forest", "components has 'forest'; accepted are 'trees', 'gaussians', 'latent_mixture'"),
        ([], "components is empty"),
        (["trees", "trees"], "names 'trees' twice"),
        (["gaussians", Gaussians(3)], "names 'gaussians' twice"),
        (["trees", 3], "components has 3"),
        (["trees", Gaussians], "components has <class"),
        (["trees", Gaussians(n_units=0)], "n_units"),
    ],
    ids=str,
)
def test_components_that_do_not_exist(components, error):
    with pytest.raises(ValueError, match=error):
        fitted(Case("auto", "cp", "gaussian").rows(40), components=components)


def test_gaussians_alone_are_a_density():
    X = Case("auto", "cp", "gaussian").rows(200)
    model = fitted(X, components=Gaussians(n_units=2))
    assert model.component_names_ == ["gaussians"]
    assert_array_equal(model.component_weights_, [1.0])
    assert not hasattr(model, "n_iter_")
    assert model.score(X) > fitted(X, components="trees").score(X) - 3
    assert np.isfinite(model.score_samples(masked(X, 0.3))).all()
    with pytest.raises(ValueError, match="only trees can be trained further"):
        model.partial_fit(X)
    with pytest.raises(ValueError, match=r"do not fit this table .* add 'trees'"):
        fitted(Case("auto", "cp", "bernoulli").rows(60), components="gaussians")


def test_parameters_of_all_components_are_counted():
    X = Case("auto", "cp", "gaussian").rows(200)
    trees = fitted(X, components="trees")
    both = fitted(X, components=["trees", Gaussians(n_units=3)])
    # Three units: weights less one, four means and variances, six correlations; a component more.
    assert both.n_parameters_ == trees.n_parameters_ + 2 + 3 * (4 + 4 + 6) + 1


def test_converged_says_whether_the_likelihood_still_rose():
    X = Case("auto", "cp", "gaussian").rows(60)
    with pytest.warns(ConvergenceWarning, match=r"max_iter=3 passes ended .* raise max_iter"):
        model = tiny(max_iter=3).fit(X)
    assert not model.converged_
    rises = np.diff(model.history_["trees"]["log_likelihood"])
    assert rises[-1] > model.tol
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        assert tiny(max_iter=300, tol=1e-2).fit(X).converged_


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_defaults_do_not_warn(table):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        EinetDensityEstimator(random_state=0, n_sums=3, n_replicas=2).fit(table())
    assert not [one for one in caught if issubclass(one.category, ConvergenceWarning)]


def test_a_convergence_warning_that_is_an_error_leaves_the_old_model():
    X = Case("auto", "cp", "gaussian").rows(60)
    model = tiny(max_iter=300, tol=1e-2).fit(X)
    before = model.score_samples(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        with pytest.raises(ConvergenceWarning):
            model.set_params(max_iter=2).fit(2 * X)
    assert_array_equal(model.score_samples(X), before)
