"""A fit happens as a whole or not at all, whatever stops it and whoever asks meanwhile."""

import copy
import re
import sys
import threading
import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import NotFittedError
from sklearn.kernel_approximation import RBFSampler
from sklearn.utils.validation import check_is_fitted

import skpc
from skpc import DirectBayesianRegressor

PACKAGE = str(Path(skpc.__file__).parent)
RANDOM = np.random.RandomState(0)
X = pd.DataFrame(RANDOM.standard_normal((40, 2)), columns=["a", "b"])
Y = X.to_numpy() @ [2.0, -1.0] + 0.3 * RANDOM.standard_normal(40) + 5.0
OTHER_X = pd.DataFrame(RANDOM.standard_normal((30, 3)), columns=["c", "d", "e"])
OTHER_Y = OTHER_X.to_numpy() @ [1.0, 1.0, 3.0] + RANDOM.standard_normal(30)
MAP = RBFSampler(n_components=3, random_state=0)


def regressor(**parameters):
    return DirectBayesianRegressor(
        **{"n_bits": 3, "n_noise_levels": 5, "max_iter": 3, "random_state": 0, **parameters}
    )


def state_of(model):
    """Every answer and every public attribute of a model, as bytes."""
    columns = list(model.feature_names_in_)
    table = pd.DataFrame(np.random.RandomState(1).normal(size=(9, len(columns))), columns=columns)
    target = np.arange(9.0)
    attributes = {name: value for name, value in vars(model).items() if name.endswith("_")}
    feature_map = attributes.pop("feature_map_", None)
    answers = {
        "moments": model.predict(table, return_std=True),
        "weights": model.sample_weights(5, random_state=0),
        "targets": model.sample_y(table, 2, random_state=0),
        "density": model.log_predictive_density(table, target),
        "pack": model.pack(3, random_state=0).predict(np.ones((2, len(model.coef_)))),
        "names": [name.encode() for name in columns],
        "map": None if feature_map is None else feature_map.transform(table.to_numpy()),
    }
    values = {**attributes, **answers}
    del values["feature_names_in_"]
    return {name: np.asarray(value).tobytes() for name, value in values.items()}


class Unwilling(TransformerMixin, BaseEstimator):
    """A map of which one method raises."""

    def __init__(self, method="fit"):
        self.method = method

    def _act(self, method):
        if self.method == method:
            raise RuntimeError(f"no {method}")

    def fit(self, X, y=None):
        self._act("fit")
        return self

    def transform(self, X):
        self._act("transform")
        return np.asarray(X)


REFUSED = {
    "NaN in y": ({}, {"y": np.where(np.arange(30) == 3, np.nan, OTHER_Y)}),
    "NaN in X": ({}, {"X": OTHER_X.assign(d=np.nan)}),
    "overflow": ({}, {"y": OTHER_Y * 1e200}),
    "short weights": ({}, {"sample_weight": np.ones(7)}),
    "negative weights": ({}, {"sample_weight": -np.ones(30)}),
    "no weight": ({}, {"sample_weight": np.zeros(30)}),
    "short prior": ({"prior": [0.5, 0.5]}, {}),
    "infinite noise": ({"noise_range": (1.0, np.inf)}, {}),
    "too many steps": ({"weight_scale": np.ones(9)}, {}),
    "nothing to sample": ({"solver": "sampling"}, {}),
    "unknown device": ({"device": "abacus"}, {}),
    "a map that cannot be fitted": ({"feature_map": Unwilling("fit")}, {}),
    "a map that cannot transform": ({"feature_map": Unwilling("transform")}, {}),
}


@pytest.mark.parametrize("before", [None, MAP], ids=["plain", "mapped"])
@pytest.mark.parametrize(("parameters", "rows"), REFUSED.values(), ids=REFUSED)
def test_a_refused_refit_leaves_the_old_model(before, parameters, rows):
    model = regressor(feature_map=before).fit(X, Y)
    old = state_of(model)
    rows = {"X": OTHER_X, "y": OTHER_Y, **rows}
    with pytest.raises((ValueError, RuntimeError)):
        model.set_params(**parameters).fit(**rows)
    assert state_of(model) == old
    fresh = regressor(**parameters)
    with pytest.raises((ValueError, RuntimeError)):
        fresh.fit(**rows)
    with pytest.raises(NotFittedError):
        check_is_fitted(fresh)
    assert set(vars(fresh)) == set(vars(regressor(**parameters)))


@pytest.mark.parametrize("feature_map", [None, MAP], ids=["plain", "mapped"])
def test_rows_of_other_columns_are_refused_and_change_nothing(feature_map):
    model = regressor(feature_map=feature_map).fit(X, Y)
    old = state_of(model)
    for table in (OTHER_X, X.rename(columns={"a": "z"})):
        with pytest.raises(ValueError, match="feature names should match"):
            model.partial_fit(table, OTHER_Y[: len(table)] if len(table) == 30 else Y)
        assert state_of(model) == old
    with pytest.raises(ValueError, match="X has 3 features"):
        regressor().fit(X.to_numpy(), Y).partial_fit(OTHER_X.to_numpy(), OTHER_Y)


def test_a_map_that_fails_later_leaves_the_model_of_the_first_chunk():
    model = regressor(feature_map=Unwilling("never")).fit(X, Y)
    old = state_of(model)
    model.feature_map_.method = "transform"
    with pytest.raises(RuntimeError, match="no transform"):
        model.partial_fit(X, Y)
    model.feature_map_.method = "never"
    assert state_of(model) == old


def test_a_refit_without_map_and_names_forgets_those_of_before():
    model = regressor(feature_map=MAP).fit(X, Y).set_params(feature_map=None)
    model.fit(OTHER_X.to_numpy(), OTHER_Y)
    assert not hasattr(model, "feature_map_")
    assert not hasattr(model, "feature_names_in_")
    assert model.n_features_in_ == len(model.coef_) == 3


def test_warnings_and_prints_that_fail_leave_the_old_model(monkeypatch):
    model = regressor().fit(X, Y)
    old = state_of(model)
    model.set_params(noise_range=(1e-5, 1e-3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="was widened"):
            model.fit(OTHER_X, OTHER_Y)
    assert state_of(model) == old
    with pytest.warns(UserWarning, match="was widened") as caught:
        model.fit(X, Y)
    assert caught[0].filename == __file__

    def broken(*_):
        raise BrokenPipeError

    model = regressor(verbose=1).fit(X, Y)
    old = state_of(model)
    monkeypatch.setattr("builtins.print", broken)
    with pytest.raises(BrokenPipeError):
        model.fit(OTHER_X, OTHER_Y)
    assert state_of(model) == old


@contextmanager
def interrupted_at(line, error):
    """Raise an error at one of the lines of skpc, in the order in which they run."""
    counted = 0

    def trace(frame, event, _):
        nonlocal counted
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        if event == "line":
            counted += 1
            if counted == line:
                sys.settrace(None)
                raise error
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield lambda: counted
    finally:
        sys.settrace(before)


def run(model, method):
    """A refit to other columns, or more rows of the same ones."""
    if method == "fit":
        model.fit(OTHER_X, OTHER_Y)
    else:
        model.partial_fit(X[::-1], Y)


@pytest.mark.parametrize("feature_map", [None, MAP], ids=["plain", "mapped"])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_interruptions_leave_the_old_model_or_the_new_one(method, feature_map):
    first = regressor(feature_map=feature_map).fit(X, Y)
    model = copy.deepcopy(first)
    with interrupted_at(None, None) as count:
        run(model, method)
    n_lines, old, new = count(), state_of(first), state_of(model)
    assert old != new
    lines = {*np.linspace(1, n_lines, 40).astype(int), *range(n_lines - 9, n_lines + 1)}
    stopped = 0
    for line in sorted(lines):
        model = copy.deepcopy(first)
        error = KeyboardInterrupt if line % 2 else MemoryError
        with interrupted_at(line, error), pytest.raises(error):
            run(model, method)
        state = state_of(model)
        assert state in (old, new)
        stopped += state == old
    # Hardly any line comes after the store.
    assert stopped >= len(lines) - 5


@pytest.mark.parametrize("feature_map", [None, MAP], ids=["plain", "mapped"])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_an_interrupted_first_fit_is_no_fit(method, feature_map):
    fresh = regressor(feature_map=feature_map)
    model = copy.deepcopy(fresh)
    with interrupted_at(None, None) as count:
        getattr(model, method)(X, Y)
    for line in np.linspace(1, count() - 5, 8).astype(int):
        model = copy.deepcopy(fresh)
        with interrupted_at(line, KeyboardInterrupt), pytest.raises(KeyboardInterrupt):
            getattr(model, method)(X, Y)
        with pytest.raises(NotFittedError):
            model.predict(X)
        assert vars(model).keys() == vars(fresh).keys()


def test_who_asks_during_a_refit_gets_one_of_the_models():
    tables = [(X.to_numpy(), Y), (OTHER_X.to_numpy(), OTHER_Y)]
    questions = [
        lambda model, x: np.concatenate(model.predict(x, return_std=True)),
        lambda model, x: model.sample_y(x, 2, random_state=0),
        lambda model, x: model.log_predictive_density(x, np.arange(len(x))),
        lambda model, x: model.pack(2, random_state=0).predict(x),
    ]
    fitted = [regressor().fit(*table) for table in tables]
    right = [
        [ask(model, x[:5]) for ask in questions]
        for model, (x, _) in zip(fitted, tables, strict=True)
    ]
    model, done, wrong, answered = regressor().fit(*tables[0]), threading.Event(), [], [0, 0]

    def ask_on():
        while not done.is_set():
            for k, (x, _) in enumerate(tables):
                for ask, expected in zip(questions, right[k], strict=True):
                    try:
                        answered[k] += 1
                        if not np.array_equal(ask(model, x[:5]), expected):
                            wrong.append("an answer of neither model")
                    except ValueError as error:
                        answered[k] -= 1
                        if not re.match(r"X has \d features|A table of shape", str(error)):
                            wrong.append(repr(error))
                    except Exception as error:
                        wrong.append(repr(error))

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    thread = threading.Thread(target=ask_on)
    thread.start()
    try:
        for _ in range(4):
            for x, y in reversed(tables):
                model.fit(x, y)
    finally:
        done.set()
        thread.join()
        sys.setswitchinterval(before)
    assert not wrong
    assert min(answered) > 0


def test_copies_go_on_by_themselves():
    model = regressor(feature_map=MAP).fit(X, Y)
    old = state_of(model)
    other = copy.deepcopy(model)
    assert state_of(other) == old
    assert state_of(other.partial_fit(X[:9], Y[:9])) != old
    assert state_of(model) == old
