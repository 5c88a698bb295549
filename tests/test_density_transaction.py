"""A fit stores all or nothing: refused, interrupted or failed, the old model answers as before."""

import copy
import pickle
import threading

import numpy as np
import pandas as pd
import pytest
from helpers.cases import Case, mixed, tiny
from helpers.interruptions import Interrupter, moments, run
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from skpc import EinetDensityEstimator
from skpc.circuit import RegionGraph
from skpc.circuit.leaves import Gaussian

X = Case("deep_trees", "cp", "mixed").rows(60)
OTHER = 1000 + 50 * X
NAMES = ["a", "b", "c", "d"]


def frame(values):
    return pd.DataFrame(values, columns=NAMES[: values.shape[1]])


def answers(model):
    """What a model says, and what it says of itself."""
    rows = np.where(np.arange(4) == 2, np.nan, X[:5])
    rows = frame(rows) if hasattr(model, "feature_names_in_") else rows
    public = {k: v for k, v in vars(model).items() if k.endswith("_") and not k.startswith("_")}
    return {
        "scores": model.score_samples(rows),
        "marginal": model.predict_marginal(rows, [0]),
        "drawn": np.asarray(model.sample_conditional(rows, random_state=0)),
        "imputed": np.asarray(model.impute(rows)),
        "public": public,
    }


def assert_same_answers(model, before):
    after = answers(model)
    assert after["public"].keys() == before["public"].keys()
    for question in before.keys() - {"public"}:
        assert_array_equal(after[question], before[question])


def assert_same(model, before):
    assert_same_answers(model, before)
    for name, value in before["public"].items():
        assert getattr(model, name) is value, name


class Fails(Gaussian):
    """A family of a user that raises in the middle of training."""

    name = "fails"

    def natural(self, mu):
        raise RuntimeError("mine")


class Callback:
    """Raises after the second pass."""

    passes = 0

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        self.passes += 1
        if self.passes == 2:
            raise RuntimeError("mine")


ONE_COLUMN = RegionGraph([(0,)])
TEXT = OTHER.astype(object)
TEXT[3, 0] = "much"
REFUSED = {
    "grid of another size": ({"structure": "poon_domingos", "grid_shape": (2, 3)}, OTHER, {}),
    "structure of another size": ({"structure": ONE_COLUMN}, OTHER, {}),
    "grid without its structure": ({"grid_shape": (2, 2)}, OTHER, {}),
    "too large a step": ({"learning_rate": 2.0}, OTHER, {}),
    "no row held out": ({"early_stopping": True, "validation_fraction": 1e-9}, OTHER, {}),
    "a family's values": ({"leaf": "beta"}, OTHER, {}),
    "families for other columns": ({"leaf": ["gaussian"]}, OTHER, {}),
    "no such device": ({"device": "warp"}, OTHER, {}),
    "no such column": ({"categorical_features": ["z"]}, OTHER, {}),
    "Tucker of three": ({"layer": "tucker", "structure": "chow_liu"}, OTHER[:, :3], {}),
    "infinity": ({}, np.where(OTHER[7, 2] == OTHER, np.inf, OTHER), {}),
    "text": ({}, TEXT, {}),
    "three columns, then infinity": ({}, np.full((9, 3), np.inf), {}),
    "names, then infinity": ({}, pd.DataFrame({"z": [1.0, np.inf]}), {}),
    "dates": ({}, pd.DataFrame({"z": pd.to_datetime(["2020-01-01", "2020-01-02"])}), {}),
    "negative weights": ({}, OTHER, {"sample_weight": -np.ones(60)}),
    "weights of other rows": ({}, OTHER[:, :2], {"sample_weight": np.ones(9)}),
    "no weight": ({}, OTHER[:, :2], {"sample_weight": np.zeros(60)}),
    "a parameter's type": ({"n_sums": "many"}, OTHER[:, :2], {}),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("named", [False, True], ids=["array", "frame"])
def test_refused_refits_leave_the_old_model(case, named):
    settings, table, arguments = REFUSED[case]
    model = tiny(max_iter=3).fit(frame(X) if named else X)
    before = answers(model)
    model.set_params(**settings)
    with pytest.raises((ValueError, TypeError)):
        model.fit(table, **arguments)
    model.set_params(**{name: getattr(tiny(max_iter=3), name) for name in settings})
    assert_same(model, before)
    assert_same_answers(pickle.loads(pickle.dumps(model)), before)


@pytest.mark.parametrize("case", REFUSED)
def test_refused_first_fits_are_no_fits(case):
    settings, table, arguments = REFUSED[case]
    model = tiny(max_iter=3).set_params(**settings)
    with pytest.raises((ValueError, TypeError)):
        model.fit(table, **arguments)
    with pytest.raises(NotFittedError):
        model.sample()
    assert not [name for name in vars(model) if name.endswith("_") or name == "_fitted_density"]


def test_a_refit_without_names_forgets_them():
    model = tiny(max_iter=2).fit(frame(X))
    model.fit(X[:, :3])
    assert not hasattr(model, "feature_names_in_")
    assert model.n_features_in_ == 3


def test_a_users_family_that_raises():
    model = tiny(max_iter=3).fit(X)
    before = answers(model)
    with pytest.raises(RuntimeError, match="mine"):
        model.set_params(leaf=Fails).fit(OTHER)
    assert_same(model.set_params(leaf="auto"), before)


def test_a_callback_that_raises():
    pytest.importorskip("sklearn.callback", reason="callbacks came with scikit-learn 1.9")
    model = tiny(max_iter=3).fit(X)
    before = answers(model)
    with pytest.raises(RuntimeError, match="mine"):
        model.set_callbacks(Callback()).fit(OTHER)
    assert_same(model, before)


WORK = {
    "fit": ({}, lambda m: m.fit(frame(OTHER))),
    "fit of three columns": ({}, lambda m: m.fit(OTHER[:, :3])),
    "going on": ({"warm_start": True}, lambda m: m.fit(X[::-1])),
    "stream": ({}, lambda m: m.partial_fit(X[::2])),
    "every component": (
        {"components": mixed(3, 1), "smoothing": "auto"},
        lambda m: m.fit(OTHER),
    ),
}


def score(model):
    """Of the first columns, by their names where the model has some."""
    rows = X[:, : model.n_features_in_]
    return model.score(frame(rows) if hasattr(model, "feature_names_in_") else rows)


@pytest.mark.parametrize("name", WORK)
def test_interruptions_at_any_moment(name, monkeypatch):
    """Before the model is stored nothing has changed; after it, everything has."""
    monkeypatch.setattr("skpc.circuit.components.latent_mixture.POINTS", 8)
    settings, work = WORK[name]
    model = tiny(max_iter=2, **settings).fit(X)
    before = answers(model)
    fresh = score(work(copy.deepcopy(model)))
    interrupted = 0
    counted = copy.deepcopy(model)
    for error, at in moments(lambda: work(counted), 30):
        other = copy.copy(model)
        other.__dict__ = dict(vars(model))
        if not run(lambda o=other: work(o), Interrupter(error, at)):
            continue
        interrupted += 1
        if other._fitted_density is model._fitted_density:
            assert_same(other, before)
        else:
            assert score(other) == fresh
    assert interrupted >= 25


@pytest.mark.parametrize("work", [lambda m: m.fit(X), lambda m: m.partial_fit(X)])
def test_an_interrupted_first_fit_is_no_fit(work):
    for error, at in moments(lambda: work(tiny(max_iter=2)), 15):
        model = tiny(max_iter=2)
        if run(lambda m=model: work(m), Interrupter(error, at)) and not hasattr(
            model, "_fitted_density"
        ):
            assert not [name for name in vars(model) if name.endswith("_")]
            with pytest.raises(NotFittedError):
                model.score_samples(X)


def test_another_thread_gets_the_old_or_the_new_model():
    model = tiny(max_iter=2).fit(X)
    narrow, wide = X[:5, :3], X[:5]
    allowed = {
        3: tiny(max_iter=2).fit(OTHER[:, :3]).score_samples(narrow),
        4: tiny(max_iter=2).fit(X).score_samples(wide),
    }
    stop, errors = threading.Event(), []

    def refit():
        for i in range(12):
            model.fit(X if i % 2 else OTHER[:, :3])
        stop.set()

    def ask():
        while not stop.is_set():
            for rows in (narrow, wide):
                try:
                    scores = model.score_samples(rows)
                except ValueError as error:
                    if "expecting" not in str(error):
                        errors.append(error)
                    continue
                if not np.array_equal(scores, allowed[rows.shape[1]]):
                    errors.append(scores)

    threads = [threading.Thread(target=work) for work in (refit, ask, ask)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors


LONG = np.zeros(1200, dtype=bool)
OTHERS = {
    "a mask with one other column": (
        {"categorical_features": LONG},
        {"categorical_features": np.arange(1200) == 600},
    ),
    "another region graph": (
        {"structure": RegionGraph([(0, 1), (0,), (1,)], [(0, (1, 2))])},
        {"structure": RegionGraph([(0, 1)])},
    ),
    "positions for a mask": ({"categorical_features": [False, True]},
                             {"categorical_features": [0, 1]}),
    "another family": ({"leaf": ["gaussian", "auto"]}, {"leaf": ["auto", "gaussian"]}),
}  # fmt: skip
SAME = {
    "a number of NumPy": ({"n_sums": 2}, {"n_sums": np.int64(2)}),
    "a list for an array": ({"categorical_features": [1]}, {"categorical_features": np.array([1])}),
    "a list for a tuple": ({"leaf": ["gaussian", "auto"]}, {"leaf": ("gaussian", "auto")}),
    "an equal region graph": (
        {"structure": RegionGraph([(0, 1), (0,), (1,)], [(0, (1, 2))])},
        {"structure": RegionGraph([[0, 1], [0], [1]], [(0, [1, 2])])},
    ),
}


def warm(settings, rows):
    return EinetDensityEstimator(
        **{"n_sums": 2, "max_iter": 1, "n_replicas": 1, "random_state": 0, **settings},
        components=mixed(0, 0), warm_start=True,
    ).fit(rows)  # fmt: skip


@pytest.mark.parametrize("case", OTHERS)
def test_a_fit_that_goes_on_compares_values_and_refuses_others(case):
    first, then = OTHERS[case]
    d = 1200 if "mask with" in case else 2
    rows = np.random.RandomState(0).randint(2, size=(12, d)).astype(float)
    model = warm(first, rows)
    with pytest.raises(ValueError, match="the fitted model has"):
        model.set_params(**then).fit(rows)


@pytest.mark.parametrize("case", SAME)
def test_a_fit_that_goes_on_accepts_equal_values(case):
    first, then = SAME[case]
    rows = np.random.RandomState(0).normal(size=(12, 2)).round(1)
    model = warm(first, rows)
    assert model.set_params(**then).fit(rows).n_iter_ == 1


def test_lists_that_are_changed_after_a_fit_are_seen():
    families = ["gaussian", "auto"]
    rows = np.random.RandomState(0).normal(size=(12, 2))
    model = warm({"leaf": families}, rows)
    families[1] = "gaussian"
    with pytest.raises(ValueError, match="leaf is"):
        model.fit(rows)


def test_a_class_that_was_defined_again_is_refused_by_a_message_that_says_so():
    def define():
        return type("Mine", (Gaussian,), {"name": "mine"})

    rows = np.random.RandomState(0).normal(size=(12, 2))
    model = warm({"leaf": define()}, rows)
    with pytest.raises(ValueError, match="another class of that name"):
        model.set_params(leaf=define()).fit(rows)


class Own(EinetDensityEstimator):
    """Names of its own, a constructor of its own, and attributes that it sets itself."""

    def __new__(cls, path=None):
        made = super().__new__(cls)
        made.path_of_new = path
        return made

    def __init__(self, path=None):
        super().__init__(n_replicas=2, n_sums=2, max_iter=2, random_state=0)
        self.path = path

    def fit(self, X, y=None, sample_weight=None):
        self._fitted = False
        super().fit(X[:, :-1])
        self._fitted, self.n_features_in_, self.extra_ = True, X.shape[1], "kept"
        return self


def test_subclasses_keep_their_attributes_and_constructors():
    model = Own("here").fit(X)
    scores = model.score_samples(X[:, :-1])
    for other in (model, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert (other.n_features_in_, other.extra_, other._fitted) == (4, "kept", True)
        assert_array_equal(other.score_samples(X[:, :-1]), scores)


def test_a_state_is_that_of_one_fit_though_another_thread_fits_meanwhile(monkeypatch):
    model = tiny(max_iter=2).fit(frame(X))
    plain = BaseEstimator.__getstate__

    def refits(self):
        state = plain(self)
        monkeypatch.setattr(BaseEstimator, "__getstate__", plain)
        model.fit(OTHER[:, :2])
        return state

    monkeypatch.setattr(BaseEstimator, "__getstate__", refits)
    other = pickle.loads(pickle.dumps(model))
    assert list(other.feature_names_in_) == NAMES
    assert other.score_samples(frame(X)).shape == (60,)


def test_seconds_tell_where_the_time_went():
    model = tiny(max_iter=2, components=mixed(3, 1)).fit(X)
    assert model.fit_seconds_.keys() == {"structure", "trees", "gaussians", "latent_mixture"}
    assert all(seconds > 0 for seconds in model.fit_seconds_.values())
    assert tiny(max_iter=2).fit(X).fit_seconds_.keys() == {"structure", "trees"}
