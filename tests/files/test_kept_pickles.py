"""Pickles and files of skops say which version of skpc wrote them, and hold plain objects."""

import pickle
import warnings

import joblib
import pytest
from helpers.kept import NAMES, answers, fitted, rows_of
from numpy.testing import assert_array_equal
from sklearn.exceptions import InconsistentVersionWarning

import skpc

TRUSTED = {
    "skpc.density.EinetDensityEstimator", "skpc.imputer.EinetImputer",
    "skpc.outliers.EinetOutlierDetector", "skpc.regression.DirectBayesianRegressor",
    "skpc.classifier.EinetClassifier", "skpc.direct_classifier.DirectBayesianClassifier",
    "skpc.regressor.EinetRegressor",
    "skpc._tables.numeric.Numeric", "skpc.components.Gaussians", "skpc.components.Kernels",
    "skpc.components.LatentMixture",
}  # fmt: skip
KINDS = ["numbers", "imputer", "detector", "regression"]


def written_by(version, model, monkeypatch):
    """A pickle as another version of skpc writes it."""
    with monkeypatch.context() as patch:
        patch.setattr(skpc, "__version__", version)
        return pickle.dumps(model)


def numbers_in(one):
    """Arrays of the answers of an estimator."""
    return [value for value in one.values() if hasattr(value, "dtype") and value.dtype.kind == "f"]


@pytest.mark.parametrize("name", KINDS)
def test_pickles_of_another_version_warn_as_those_of_scikit_learn_do(name, monkeypatch):
    model, _ = fitted(name)
    data = written_by("0.0.7", model, monkeypatch)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        other = pickle.loads(data)
    # Of the estimator and of those that it holds.
    last = caught[-1].message
    assert isinstance(last, InconsistentVersionWarning)
    versions = f"from version 0.0.7 when using version {skpc.__version__}."
    assert f"unpickle estimator {type(model).__name__} {versions}" in str(last)
    for mine, theirs in zip(
        numbers_in(answers(model, rows_of(name))),
        numbers_in(answers(other, rows_of(name))),
        strict=True,
    ):
        assert_array_equal(mine, theirs)


@pytest.mark.parametrize("name", NAMES)
def test_pickles_of_this_version_do_not_warn(name, tmp_path):
    model, _ = fitted(name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pickle.loads(pickle.dumps(model))
        joblib.dump(model, tmp_path / "model.joblib")
        other = joblib.load(tmp_path / "model.joblib")
    assert "_skpc_version" not in vars(other)
    assert vars(other).keys() == vars(model).keys()


def test_pickles_without_a_version_warn():
    model = skpc.EinetDensityEstimator()
    state = model.__getstate__()
    del state["_skpc_version"]
    with pytest.warns(InconsistentVersionWarning, match=r"from version before 0\.1"):
        model.__setstate__(state)


@pytest.mark.parametrize("name", NAMES)
def test_skops_has_to_trust_estimators_alone(name):
    skops = pytest.importorskip("skops.io")
    model, _ = fitted(name)
    data = skops.dumps(model)
    trusted = skops.get_untrusted_types(data=data)
    # Estimators, and the objects of skpc that are parameters.
    assert {f"{type(model).__module__}.{type(model).__name__}"} <= set(trusted) <= TRUSTED
    other = skops.loads(data, trusted=trusted)
    for mine, theirs in zip(
        numbers_in(answers(model, rows_of(name))),
        numbers_in(answers(other, rows_of(name))),
        strict=True,
    ):
        assert_array_equal(mine, theirs)
