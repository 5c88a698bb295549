"""Public objects for the parameter `components`: parameters, copies, searches, errors."""

import pickle

import numpy as np
import pytest
from helpers.own_component import Independent
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import GridSearchCV

from skpc.circuit import components as circuit_components
from skpc.components import Gaussians, Kernels, LatentMixture, kinds_of

OBJECTS = [
    Gaussians(),
    Gaussians(n_units=8),
    LatentMixture(),
    LatentMixture(2, 16, max_iter=3),
    Kernels(),
]


@pytest.mark.parametrize("component", OBJECTS, ids=repr)
def test_copies_are_equal_and_other_objects(component):
    for copy in (clone(component), pickle.loads(pickle.dumps(component))):
        assert copy == component
        assert copy is not component
    assert component != type(component)(3)
    assert component != component.get_params()


def test_equality_is_of_class_and_parameters():
    assert Gaussians(n_units=8) == Gaussians().set_params(n_units=8)
    assert Gaussians() != LatentMixture()


def test_they_show_the_parameters_that_are_set():
    assert repr(Gaussians(n_units=8)) == "Gaussians(n_units=8)"
    assert repr(LatentMixture(n_networks=2)) == "LatentMixture(n_networks=2)"
    assert LatentMixture().get_params() == {"n_networks": 1, "n_points": 1024, "max_iter": "auto"}


@pytest.mark.parametrize("component", [Gaussians(), LatentMixture(), Kernels()], ids=repr)
def test_defaults_are_those_of_the_name(component):
    kind = component.kind()
    assert kind == circuit_components.COMPONENTS[kind.name]


def test_kinds_have_the_parameters():
    assert Gaussians(np.int64(8)).kind() == circuit_components.Gaussians(n_units=8)
    assert type(Gaussians(np.int64(8)).kind().n_units) is int
    wanted = circuit_components.LatentMixture(n_networks=2, n_points=16, max_iter=3)
    assert LatentMixture(2, 16, 3).kind() == wanted
    of_numpy = Kernels(np.float32(0.5), np.int64(9)).kind()
    assert of_numpy == circuit_components.Kernels(0.5, 9)
    assert (type(of_numpy.bandwidth), type(of_numpy.n_units)) == (float, int)


@pytest.mark.parametrize(
    ("component", "name"),
    [
        (Gaussians(n_units=0), "n_units"),
        (Gaussians(n_units=2.5), "n_units"),
        (Gaussians(n_units="many"), "n_units"),
        (Gaussians(n_units=None), "n_units"),
        (Kernels(n_units=0), "n_units"),
        (Kernels(bandwidth=0.0), "bandwidth"),
        (Kernels(bandwidth="auto"), "bandwidth"),
        (Kernels(bandwidth=1e200), "bandwidth"),
        (LatentMixture(n_networks=0), "n_networks"),
        (LatentMixture(n_networks="auto"), "n_networks"),
        (LatentMixture(n_points=-1), "n_points"),
        (LatentMixture(max_iter=0), "max_iter"),
    ],
    ids=repr,
)
def test_parameters_are_checked_when_a_fit_asks(component, name):
    message = f"'{name}' parameter of {type(component).__name__} must be .* Got"
    with pytest.raises(ValueError, match=message):
        component.kind()
    with pytest.raises(ValueError, match=message):
        kinds_of(["trees", component])


def test_names_objects_and_lists_of_them_are_accepted():
    gaussians = circuit_components.Gaussians()
    assert kinds_of("trees") == ("trees",)
    assert kinds_of("gaussians") == (gaussians,)
    assert kinds_of(Gaussians()) == (gaussians,)
    several = kinds_of(["trees", LatentMixture(n_points=4), "gaussians"])
    assert several == ("trees", circuit_components.LatentMixture(n_points=4), gaussians)
    assert kinds_of(("trees", Independent(2.0))) == ("trees", Independent(2.0))


@pytest.mark.parametrize(
    ("components", "message"),
    [
        ([], "components is empty"),
        ("tree", "components has 'tree'; accepted are 'trees', 'gaussians', 'latent_mixture'"),
        (["trees", "auto"], "components has 'auto'"),
        (None, "components has None"),
        (["trees", 3], "components has 3"),
        (["trees", Gaussians], "components has <class"),
        (["trees", Independent], "components has <class"),
        (["trees", "trees"], "'trees' twice"),
        (["gaussians", Gaussians(n_units=8)], "'gaussians' twice"),
    ],
    ids=repr,
)
def test_what_is_not_accepted_is_named(components, message):
    with pytest.raises(ValueError, match=message):
        kinds_of(components)


class Mixture(BaseEstimator):
    """An estimator with the parameter: the score is the number of components."""

    def __init__(self, components="auto"):
        self.components = components

    def fit(self, X, y=None):
        self.kinds_ = kinds_of(self.components)
        return self

    def score(self, X, y=None):
        return float(len(self.kinds_))


def test_searches_take_lists_of_them_as_values():
    values = [["trees"], ["trees", Gaussians(n_units=8)], ["trees", Independent()]]
    search = GridSearchCV(Mixture(), {"components": values[:2]}, cv=2).fit(np.zeros((8, 2)))
    assert search.best_params_ == {"components": values[1]}
    search = GridSearchCV(Mixture(), {"components": values[::2]}, cv=2).fit(np.zeros((8, 2)))
    assert search.best_estimator_.components == values[2]


def test_searches_reach_the_parameters_of_one():
    grid = {"components__n_units": [4, 8]}
    search = GridSearchCV(Mixture(Gaussians()), grid, cv=2).fit(np.zeros((8, 2)))
    assert search.best_estimator_.kinds_ == (circuit_components.Gaussians(n_units=4),)


def test_clones_of_an_estimator_have_components_of_their_own():
    components = ["trees", Gaussians(n_units=8)]
    copy = clone(Mixture(components))
    assert copy.components == components
    assert copy.components[1] is not components[1]
