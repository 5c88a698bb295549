"""Copies and files score to the last bit like the model that they were made from."""

import copy
import io
import pickle
import zipfile

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from helpers.cases import Case, masked, tiny
from numpy.testing import assert_array_equal
from sklearn.base import clone
from skops import io as skops_io

from skpc import EinetDensityEstimator


def frame(library, n=80, seed=0):
    rng = np.random.RandomState(seed)
    words = rng.choice(["red", "green", "blue"], n)
    columns = {
        "size": rng.normal(size=n),
        "colour": words.tolist(),
        "count": rng.randint(9, size=n),
    }
    return library.DataFrame(columns)


def models():
    """Fitted models of every kind of state, with a table each."""
    for layer in ("cp", "tucker"):
        for table in ("mixed", "gaussian"):
            case = Case("deep_trees", layer, table)
            yield f"{layer}-{table}", case.model().fit(case.rows(80)), masked(case.rows(20), 0.2)
    grid = Case("grid", "tucker", "categorical")
    yield "grid", grid.model().fit(grid.rows(80)), grid.rows(20)
    explicit = Case("explicit", "cp", "bernoulli")
    yield "explicit", explicit.model(early_stopping=True).fit(explicit.rows(80)), explicit.rows(20)
    real = Case("row", "cp", "gaussian")
    yield "adam", real.model(solver="adam").fit(real.rows(80)), real.rows(20)
    yield "stream", real.model().partial_fit(real.rows(80)), real.rows(20)
    yield "pandas", tiny().fit(frame(pd)), frame(pd, 20, 1)
    yield "polars", tiny().fit(frame(pl)), frame(pl, 20, 1)


def by_pickle(model):
    return pickle.loads(pickle.dumps(model))


def by_joblib(model):
    file = io.BytesIO()
    joblib.dump(model, file)
    return joblib.load(io.BytesIO(file.getvalue()))


def by_skops(model):
    data = skops_io.dumps(model)
    return skops_io.loads(data, trusted=skops_io.get_untrusted_types(data=data))


WAYS = {"pickle": by_pickle, "joblib": by_joblib, "skops": by_skops, "deepcopy": copy.deepcopy}


def assert_same(other, model, X):
    assert_array_equal(other.score_samples(X), model.score_samples(X))
    first = next(iter(getattr(model, "feature_names_in_", [0])))
    assert_array_equal(other.predict_marginal(X, [first]), model.predict_marginal(X, [first]))
    ours, theirs = model.sample(5, random_state=0), other.sample(5, random_state=0)
    assert type(ours) is type(theirs)
    assert_array_equal(np.asarray(theirs), np.asarray(ours))
    assert other.get_params().keys() == model.get_params().keys()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("model", "X"), [pytest.param(m, X, id=name) for name, m, X in models()])
def test_round_trip(model, X, way):
    model.score_samples(X)
    assert_same(WAYS[way](model), model, X)


@pytest.mark.parametrize(("model", "X"), [pytest.param(m, X, id=name) for name, m, X in models()])
def test_mapped_file(model, X, tmp_path):
    joblib.dump(model, tmp_path / "model.joblib")
    mapped = joblib.load(tmp_path / "model.joblib", mmap_mode="r")
    assert_same(mapped, model, X)


def test_mapped_model_can_go_on_learning(tmp_path):
    X = Case("row", "cp", "gaussian").rows(80)
    model = tiny(warm_start=True).fit(X)
    joblib.dump(model, tmp_path / "model.joblib")
    mapped = joblib.load(tmp_path / "model.joblib", mmap_mode="r")
    assert_array_equal(
        mapped.partial_fit(X).score_samples(X), model.partial_fit(X).score_samples(X)
    )
    assert_array_equal(mapped.fit(X).score_samples(X), model.fit(X).score_samples(X))


@pytest.mark.parametrize("name", ["structure", "layer"])
def test_clone_is_unfitted_and_fits_alike(name):
    case = Case("explicit", "tucker", "mixed")
    model, X = case.model(), case.rows(80)
    model.fit(X).score_samples(X)
    other = clone(model)
    assert not hasattr(other, "structure_")
    assert getattr(other, name) == getattr(model, name)
    assert_array_equal(other.fit(X).score_samples(X), model.score_samples(X))


def test_files_hold_arrays_only():
    case = Case("deep_trees", "cp", "mixed")
    model = case.model().fit(case.rows(80))
    fresh = pickle.dumps(model)
    model.score_samples(case.rows(5))
    model.sample(2, random_state=0)
    # Neither tensors nor the built circuit are kept, whatever was asked before.
    assert pickle.dumps(model) == fresh
    assert b"torch" not in fresh
    with zipfile.ZipFile(io.BytesIO(skops_io.dumps(model))) as file:
        schema = file.read("schema.json").decode()
    assert "torch" not in schema
    assert "_built" not in schema


def test_fitted_attributes_are_plain():
    case = Case("deep_trees", "cp", "mixed")
    model = case.model(early_stopping=True).fit(case.rows(80))
    assert model.leaf_families_ == ["numeric", "bernoulli", "numeric", "categorical"]
    assert isinstance(model.n_parameters_, int)
    assert isinstance(model.n_iter_, int)
    assert isinstance(model.converged_, bool)
    assert all(type(v) is np.ndarray for v in model.history_["trees"].values())


def test_device_can_be_set_after_fitting():
    case = Case("deep_trees", "cp", "mixed")
    X = case.rows(20)
    model = case.model(device="auto").fit(case.rows(80))
    before = model.score_samples(X)
    assert_array_equal(model.set_params(device="cpu").score_samples(X), before)
    with pytest.raises(ValueError, match="device is 'warp'"):
        model.set_params(device="warp").score_samples(X)


def test_settings_changed_after_fitting_do_not_change_the_model():
    case = Case("deep_trees", "cp", "mixed")
    X = case.rows(20)
    model = case.model().fit(case.rows(80))
    before = model.score_samples(X)
    model.set_params(n_sums=9, layer="tucker", min_variance=0.5, structure="poon_domingos")
    assert_array_equal(by_pickle(model).score_samples(X), before)


def test_unfitted_model_travels():
    assert isinstance(by_skops(EinetDensityEstimator(n_sums=3)), EinetDensityEstimator)
    assert by_pickle(EinetDensityEstimator(n_sums=3)).n_sums == 3
