"""`save` and `skpc.load` bring back every estimator with all its answers, to the bit."""

import copy
import subprocess
import sys

import numpy as np
import pandas as pd
import polars as pl
import pytest
from helpers.cases import CASES, masked, tiny
from helpers.forgery import full_disk
from helpers.kept import NAMES, NAMES_OF_DENSITIES, answers, fitted, frame, numbers, rows_of
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skpc
from skpc import DirectBayesianRegressor, EinetDensityEstimator, EinetImputer, EinetOutlierDetector
from skpc.circuit import RegionGraph
from skpc.circuit.leaves import Gaussian, Poisson
from skpc.components import Gaussians, LatentMixture


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.skpc"


def kept(model, path):
    model.save(path)
    return skpc.load(path)


def assert_equal(one, other):
    """Equal to the bit, with types, in arrays, frames, and tuples of them."""
    assert type(one) is type(other)
    if isinstance(one, tuple | list):
        for mine, theirs in zip(one, other, strict=True):
            assert_equal(mine, theirs)
    elif isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other, check_exact=True)
    elif isinstance(one, pl.DataFrame):
        assert one.equals(other)
        assert one.schema == other.schema
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        assert_array_equal(one, other)
    else:
        assert one == other


def assert_same_answers(one, other, X):
    mine, theirs = answers(one, X), answers(other, X)
    assert mine.keys() == theirs.keys()
    for name in mine:
        assert_equal(mine[name], theirs[name])


def attributes_of(model):
    """Public fitted attributes."""
    return {name for name in vars(model) if name.endswith("_")}


@pytest.mark.parametrize("name", NAMES)
def test_answers_come_back_to_the_bit(name, path):
    model, _ = fitted(name)
    other = kept(model, path)
    assert type(other) is type(model)
    assert attributes_of(other) == attributes_of(model)
    assert_same_answers(model, other, rows_of(name))
    # What was read is written alike.
    first = path.read_bytes()
    other.save(path)
    assert path.read_bytes() == first


@pytest.mark.parametrize("name", NAMES)
def test_parameters_come_back_with_their_types(name, path):
    model, _ = fitted(name)
    other = kept(model, path)
    mine, theirs = model.get_params(), other.get_params()
    assert mine.keys() == theirs.keys()
    for key, value in mine.items():
        assert type(theirs[key]) is type(value)
        assert repr(theirs[key]) == repr(value) or isinstance(value, np.random.RandomState)


@pytest.mark.parametrize("case", [c for c in CASES if c.table != "counts"], ids=str)
def test_every_structure_layer_and_family_comes_back(case, path):
    model = case.model().fit(case.rows(60))
    other = kept(model, path)
    X = masked(case.rows(20), 0.2)
    assert_array_equal(other.score_samples(X), model.score_samples(X))
    assert_array_equal(other.sample(5, random_state=0), model.sample(5, random_state=0))
    assert other.structure_ == model.structure_


@pytest.mark.parametrize("leaf", ["poisson", "binomial", ["poisson", Poisson], {0: "binomial"}])
def test_leaves_of_counts_come_back(leaf, path):
    X = np.random.RandomState(0).poisson(3, (60, 2)).astype(float)
    model = tiny(leaf=leaf).fit(X)
    other = kept(model, path)
    assert other.get_params()["leaf"] == leaf
    assert_same_answers(model, other, X[:9])


@pytest.mark.parametrize("name", ["numbers", "frame", "adam", "holes"])
def test_a_density_goes_on_learning_where_it_was(name, path):
    model, X = fitted(name)
    for method in ("partial_fit", "fit"):
        mine = copy.deepcopy(model).set_params(warm_start=True)
        theirs = kept(model, path).set_params(warm_start=True)
        for one in (mine, theirs):
            getattr(one, method)(X)
        assert_same_answers(mine, theirs, rows_of(name))
    assert_array_equal(
        np.asarray(clone(kept(model, path)).fit(X).score_samples(X)),
        np.asarray(clone(model).fit(X).score_samples(X)),
    )


@pytest.mark.parametrize("block", [1, 40])
def test_partial_fit_after_a_file_is_that_without(block, path):
    X = numbers(120)
    one = tiny().partial_fit(X[:60])
    other = kept(one, path)
    for _ in range(2):
        one.partial_fit(X[60 : 60 + block])
        other = kept(other.partial_fit(X[60 : 60 + block]), path)
    assert_array_equal(other.score_samples(X), one.score_samples(X))


@pytest.mark.parametrize("name", ["regression", "priors", "map"])
def test_a_regression_goes_on_learning_where_it_was(name, path):
    model, X = fitted(name)
    other, twin, y = kept(model, path), copy.deepcopy(model), np.linspace(0.0, 9.0, len(X))
    for one in (other, twin):
        one.partial_fit(X, y)
    assert_same_answers(other, twin, rows_of(name))


@pytest.mark.parametrize(
    "model",
    [
        EinetDensityEstimator(n_sums=3, structure=RegionGraph([(0, 1), (0,), (1,)], [(0, (1, 2))])),
        EinetDensityEstimator(
            leaf={"a": Gaussian, ("b", "c"): "poisson"},
            components=["trees", Gaussians(8), LatentMixture(n_points=np.int64(7))],
            categorical_features=np.array([True, False]),
            one_hot=[["a", "b"], ("c", 3)],
        ),
        EinetImputer(EinetDensityEstimator(depth=2), strategy="sample"),
        EinetImputer(),
        EinetOutlierDetector(contamination=0.25),
        DirectBayesianRegressor(prior=[0.2, 0.6, 0.2], n_bits=2, noise_range=(0.5, 2)),
    ],
    ids=lambda model: type(model).__name__,
)
def test_an_estimator_before_its_fit_comes_back(model, path):
    other = kept(model, path)
    assert repr(other) == repr(model)
    with pytest.raises(NotFittedError):
        other.score_samples(numbers()) if hasattr(other, "score_samples") else (
            other.predict(numbers()) if hasattr(other, "predict") else other.transform(numbers())
        )


def test_a_seed_with_a_state_comes_back(path):
    random = np.random.RandomState(5)
    random.normal()
    other = kept(tiny(random_state=random), path).random_state
    assert_array_equal(other.normal(size=700), random.normal(size=700))


def test_what_set_output_asked_for_comes_back(path):
    model = EinetImputer(tiny()).set_output(transform="pandas").fit(numbers())
    assert type(kept(model, path).transform(numbers())) is pd.DataFrame


def test_a_model_from_a_file_can_be_used_like_any_other(path):
    X, y = numbers(), numbers()[:, 0]
    regression = kept(DirectBayesianRegressor(random_state=0).fit(X, y), path)
    pipeline = make_pipeline(StandardScaler(), clone(regression))
    assert pipeline.fit(X, y).score(X, y) > 0.9


@pytest.mark.parametrize("name", ["numbers", "imputer", "detector", "map"])
def test_load_sets_the_device_of_all_that_a_file_holds(name, path):
    model, _ = fitted(name)
    model.save(path)
    other = skpc.load(path, device="cpu")
    assert getattr(other, "density_", other).device == "cpu"
    assert getattr(getattr(other, "feature_map_", other), "density_", other).device == "cpu"
    assert_same_answers(model, other, rows_of(name))


def test_a_model_of_another_device_is_read(path):
    """Where there is no such device: its arrays are on the CPU, and `device` says where they go."""
    X = numbers()
    model = tiny().fit(X).set_params(device="meta")
    model.save(path)
    assert skpc.load(path).device == "meta"
    assert_array_equal(
        skpc.load(path, device="cpu").score_samples(X),
        model.set_params(device="cpu").score_samples(X),
    )


def test_packed_ensembles_are_read_by_the_same_function(path):
    model, X = fitted("regression")
    packed = model.pack(3, random_state=0)
    packed.save(path)
    assert_array_equal(skpc.load(path).predict(X), packed.predict(X))
    model.save(path)
    with pytest.raises(ValueError, match="a 'DirectBayesianRegressor'; a 'packed ensemble' is"):
        skpc.direct.PackedEnsemble.load(path)


SCRIPT = """
import sys
import skpc
model = skpc.load(sys.argv[1])
assert "polars" not in sys.modules
drawn = model.sample(3, random_state=0)
print(type(drawn).__module__.split(".")[0], list(drawn.columns))
"""


@pytest.mark.parametrize("library", [pd, pl])
def test_a_process_that_knows_no_frames_reads_and_draws(library, path):
    tiny().fit(frame(library)).save(path)
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(path)], capture_output=True, text=True, check=True
    )
    assert run.stdout.startswith(f"{library.__name__} ['size', 'colour'")


@pytest.mark.parametrize("name", NAMES_OF_DENSITIES)
def test_nothing_is_imported_by_a_file(name, path):
    """A file names classes of the table alone: it has no name of a module in it."""
    fitted(name)[0].save(path)
    data = path.read_bytes()
    for module in (b"skpc.", b"numpy", b"sklearn", b"torch", b"builtins", b"__class__"):
        assert module not in data


def test_a_full_disk_keeps_the_old_file(path):
    model, _ = fitted("numbers")
    model.save(path)
    before = path.read_bytes()
    with full_disk(500), pytest.raises(OSError, match="File too large"):
        model.save(path)
    assert path.read_bytes() == before
    assert [*path.parent.iterdir()] == [path]
