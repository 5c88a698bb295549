"""scikit-learn's callbacks hear of every pass, can stop a fit, and go through a search."""

from importlib.util import find_spec

import numpy as np
import pytest
from helpers.cases import Case, tiny
from helpers.recorders import Recorder, Traveller
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skpc.components import Kernels

callback = pytest.importorskip("sklearn.callback", reason="callbacks came with scikit-learn 1.9")


@pytest.fixture(name="X")
def make_rows():
    return Case("deep_trees", "cp", "gaussian").rows(60)


def test_every_pass_is_told(X):
    recorder = Recorder()
    model = tiny(max_iter=3, tol=0.0).set_callbacks(recorder).fit(X)
    passes = ["begin pass", "end pass"] * 3
    assert recorder.calls == ["setup", "begin fit", *passes, "end fit", "teardown"]
    # The estimator of a pass is the model after it.
    assert_allclose(recorder.scores[-1], model.score(X), rtol=1e-12)
    assert recorder.scores == sorted(recorder.scores)


def test_components_are_told_and_a_callback_can_stop_before_the_next(X):
    """The estimator that ends a component has it, or does without what weighs too little."""
    components = ["trees", "gaussians", Kernels()]
    recorder = Components()
    model = tiny(max_iter=2, components=components).set_callbacks(recorder).fit(X)
    told = ["begin gaussians", "end gaussians", "begin kernels", "end kernels"]
    assert recorder.calls[-6:-2] == told
    assert recorder.scores[-1] == pytest.approx(model.score(X), rel=1e-12)
    assert recorder.most == 2 + 2
    stopped = Components(stop_after="gaussians")
    tiny(max_iter=2, components=components).set_callbacks(stopped).fit(X)
    assert "begin kernels" not in stopped.calls
    assert stopped.calls[-3:] == ["end gaussians", "end fit", "teardown"]


def test_components_without_trees_are_told(X):
    recorder = Components()
    model = tiny(components=["gaussians"]).set_callbacks(recorder).fit(X)
    assert recorder.calls[1:-2] == ["begin fit", "begin gaussians", "end gaussians"]
    assert recorder.scores == [pytest.approx(model.score(X), rel=1e-12)]


class Components(Recorder):
    """Scores after every component, and stops after one of them."""

    def on_fit_task_begin(self, estimator, context):
        super().on_fit_task_begin(estimator, context)
        if context.task_name == "fit":
            self.most = context.max_subtasks

    def on_fit_task_end(self, estimator, context, *, X=None, fitted_estimator=None):
        self.calls.append(f"end {context.task_name}")
        if context.task_name not in ("pass", "fit"):
            self.scores.append(fitted_estimator.score(X))
        return context.task_name == self.stop_after


def test_passes_begin_as_often_as_they_end(X):
    for settings in ({"n_init": 2, "max_iter": 3}, {"max_iter": 200, "tol": 0.1}):
        recorder = Recorder()
        tiny(**settings).set_callbacks(recorder).fit(X)
        assert recorder.calls.count("begin pass") == recorder.calls.count("end pass")
        assert recorder.calls.count("end pass") == len(recorder.scores)


def test_callback_can_stop_a_fit(X):
    recorder = Recorder(stop_after=2)
    model = tiny(max_iter=10).set_callbacks(recorder).fit(X)
    assert model.n_iter_ == 2
    assert not model.converged_
    assert recorder.calls[-2:] == ["end fit", "teardown"]
    assert_array_equal(model.score_samples(X), tiny(max_iter=2).fit(X).score_samples(X))


def test_callbacks_do_not_change_the_fit(X):
    told = tiny().set_callbacks(Recorder()).fit(X)
    assert_array_equal(told.score_samples(X), tiny().fit(X).score_samples(X))


def test_failed_fit_tears_down(X):
    recorder = Recorder()
    X[0, 0] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        tiny().set_callbacks(recorder).fit(X)
    assert recorder.calls.count("setup") == recorder.calls.count("teardown")


def test_clone_keeps_callbacks(X):
    recorder = Recorder()
    clone(tiny(max_iter=2).set_callbacks(recorder)).fit(X)
    assert "end pass" in recorder.calls


def test_callbacks_of_a_grid_search_and_a_pipeline(X):
    recorder = Traveller()
    pipeline = make_pipeline(StandardScaler(), tiny(max_iter=3, tol=0.0))
    named = {"einetdensityestimator__n_sums": [1, 2]}
    search = GridSearchCV(pipeline, named, cv=2).set_callbacks(recorder).fit(X)
    # Two candidates on two folds, and the refit.
    assert recorder.calls.count("end pass") == 5 * 3
    assert recorder.calls.count("setup") == recorder.calls.count("teardown") == 1
    plain = GridSearchCV(pipeline, named, cv=2).fit(X)
    assert search.best_score_ == plain.best_score_


def test_callback_of_the_inner_estimator_in_a_search(X):
    recorder = Recorder()
    model = tiny(max_iter=3, tol=0.0).set_callbacks(recorder)
    GridSearchCV(model, {"n_sums": [1, 2]}, cv=2).fit(X)
    assert recorder.calls.count("end pass") == 5 * 3


def test_progress_bar(X, capsys):
    if find_spec("rich") is None:
        with pytest.raises(ImportError, match="rich"):
            callback.ProgressBar()
        return
    tiny(max_iter=2).set_callbacks(callback.ProgressBar()).fit(X)
    assert "EinetDensityEstimator - fit" in capsys.readouterr().out
