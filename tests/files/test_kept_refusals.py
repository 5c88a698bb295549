"""What no file holds is refused when it is saved, by name; pickle keeps it."""

import pickle

import numpy as np
import pandas as pd
import pytest
from helpers.cases import OutOfFive, tiny
from helpers.kept import fitted, numbers
from helpers.own_component import Independent
from helpers.own_family import Rayleigh
from helpers.own_solver import HalfSteps
from sklearn import config_context
from sklearn.preprocessing import PolynomialFeatures, SplineTransformer

from skpc import DirectBayesianRegressor, EinetDensityEstimator, EinetImputer
from skpc.circuit import RegionGraph

PREFIX = r"EinetDensityEstimator\.parameters"
NO_FILE = "which a file of skpc does not hold: .* and no code. Pickle"


def own_structure(codes, numeric, weights, spec, random):
    return RegionGraph([range(3)])


OWN = {
    "leaf": ({"leaf": Rayleigh}, rf"{PREFIX}\.leaf is .*own_family\.Rayleigh"),
    "leaves": ({"leaf": ["numeric", Rayleigh, "auto"]}, rf"{PREFIX}\.leaf\.1 is .*Rayleigh"),
    "subclass of a leaf": ({"leaf": {1: OutOfFive}}, rf"{PREFIX}\.leaf\.1 is .*OutOfFive"),
    "structure": ({"structure": own_structure}, rf"{PREFIX}\.structure is .*\.own_structure"),
    "solver": ({"solver": HalfSteps()}, rf"{PREFIX}\.solver is an object of .*HalfSteps"),
    "component": (
        {"components": ["trees", Independent()]},
        rf"{PREFIX}\.components\.1 is an object of .*own_component\.Independent",
    ),
}


@pytest.mark.parametrize(("settings", "match"), OWN.values(), ids=OWN)
def test_code_of_the_users_own_is_refused_by_name_and_pickled(settings, match, tmp_path):
    path = tmp_path / "model.skpc"
    path.write_bytes(b"old")
    X = np.abs(np.rint(numbers()))
    for model in (tiny(**settings), tiny(**settings).fit(X + 1.0 if "leaf" in settings else X)):
        with pytest.raises(ValueError, match=f"{match}, {NO_FILE}"):
            model.save(path)
        assert path.read_bytes() == b"old"
        assert pickle.loads(pickle.dumps(model)).get_params().keys() == model.get_params().keys()


def test_a_component_that_only_the_fitted_model_has_is_refused(tmp_path):
    model = tiny(components=["trees", Independent()]).fit(numbers())
    model.set_params(components="trees")
    with pytest.raises(ValueError, match=r"others\.0\.kind is an object of .*Independent"):
        model.save(tmp_path / "model")


@pytest.mark.parametrize("feature_map", [PolynomialFeatures(2), SplineTransformer(n_knots=4)])
def test_feature_maps_of_scikit_learn_are_refused_by_name(feature_map, tmp_path):
    X = numbers()
    model = DirectBayesianRegressor(feature_map=feature_map, random_state=0).fit(X[:, :2], X[:, 2])
    name = type(feature_map).__name__
    with pytest.raises(ValueError, match=rf"parameters\.feature_map is an object of .*\.{name}, "):
        model.save(tmp_path / "model")
    copy = pickle.loads(pickle.dumps(model))
    assert (copy.predict(X[:, :2]) == model.predict(X[:, :2])).all()


class Mine(EinetDensityEstimator):
    """A subclass of a user's."""


def test_subclasses_of_the_users_own_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"Mine is a class of yours, .* pickle it"):
        Mine().save(tmp_path / "model")
    with pytest.raises(ValueError, match=r"parameters\.density is an object of .*\.Mine, "):
        EinetImputer(Mine()).save(tmp_path / "model")


def test_attributes_that_are_not_of_the_fit_are_refused(tmp_path):
    model = pickle.loads(pickle.dumps(fitted("numbers")[0]))
    model.note = "mine"
    with pytest.raises(ValueError, match=r"has the attributes \['note'\], which no file"):
        model.save(tmp_path / "model")
    del model.note
    with config_context(enable_metadata_routing=True):
        model.set_fit_request(sample_weight=True)
    with pytest.raises(ValueError, match=r"\['_metadata_request'\], .*metadata requests"):
        model.save(tmp_path / "model")


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"tol": -1.0}, "'tol' parameter .* must be"),
        ({"random_state": np.random.RandomState(np.random.PCG64(3))}, "RandomState of PCG64"),
        ({"one_hot": [{1, 2}]}, r"one_hot\.0 is an object of builtins\.set"),
        ({"categorical_features": np.ma.masked_array([1, 2])}, r"an object of numpy\.ma\."),
        ({"categorical_features": pd.Series([1, 2])}, r"features is an object of pandas\."),
        ({"grid_shape": np.array([1, 3], dtype=np.longdouble)}, "grid_shape is an array of"),
    ],
)
def test_other_parameters_that_no_file_holds_are_refused(settings, match, tmp_path):
    with pytest.raises(ValueError, match=match):
        EinetDensityEstimator(**settings).save(tmp_path / "model")
    assert not [*tmp_path.iterdir()]
