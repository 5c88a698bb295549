"""Callbacks of the imputer and the detector hear of the passes of the density inside."""

import pickle
from importlib.util import find_spec

import numpy as np
import pytest
from helpers.cases import Case, masked, tiny
from helpers.recorders import Recorder, Traveller
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skpc import EinetImputer, EinetOutlierDetector

callback = pytest.importorskip("sklearn.callback", reason="callbacks came with scikit-learn 1.9")


class Finisher(Recorder):
    """Keeps what the fit ended with."""

    def on_fit_task_end(self, estimator, context, *, X=None, fitted_estimator=None):
        self.calls.append(f"end {context.task_name}")
        if context.parent is None:
            self.answer = answers(fitted_estimator, X)


class Stopper(Traveller):
    """Stops the passes of the density after the second."""

    def on_fit_task_end(self, estimator, context):
        super().on_fit_task_end(estimator, context)
        return self.calls.count("end pass") == 2


def answers(model, X):
    return model.transform(X) if isinstance(model, EinetImputer) else model.score_samples(X)


def density(**settings):
    return tiny(**{"max_iter": 3, "tol": 0.0, **settings})


@pytest.fixture(name="over", params=[EinetImputer, EinetOutlierDetector])
def each_class(request):
    return request.param


@pytest.fixture(name="X")
def make_rows():
    return masked(Case("deep_trees", "cp", "gaussian").rows(60), 0.2)


def test_every_pass_is_told(over, X):
    recorder = Traveller()
    over(density()).set_callbacks(recorder).fit(X)
    # The task of the density's fit and its own first task are one.
    passes = ["begin pass", "end pass"] * 3
    wanted = ["setup", "begin fit", "begin fit", *passes, "end fit", "end fit", "teardown"]
    assert recorder.calls == wanted


def test_callbacks_that_stay_outside_hear_of_two_tasks(over, X):
    recorder = Finisher()
    model = over(density()).set_callbacks(recorder).fit(X)
    tasks = ["begin fit", "begin fit-density", "end fit-density", "end fit"]
    assert recorder.calls == ["setup", *tasks, "teardown"]
    # The estimator at the end is the fitted one.
    assert_array_equal(recorder.answer, answers(model, X))


def test_callback_can_stop_the_density(over, X):
    model = over(density(max_iter=10)).set_callbacks(Stopper()).fit(X)
    assert model.density_.n_iter_ == 2
    assert_array_equal(answers(model, X), answers(over(density(max_iter=2)).fit(X), X))


def test_callbacks_do_not_change_the_fit(over, X):
    told = over(density()).set_callbacks(Traveller()).fit(X)
    assert_array_equal(answers(told, X), answers(over(density()).fit(X), X))


def test_nothing_stays_with_the_density(over, X):
    model = over(density()).set_callbacks(Traveller()).fit(X)
    assert not [name for name in vars(model.density_) if "callback" in name]
    assert [name for name in vars(model) if "callback" in name] == ["_skl_callbacks"]
    assert_array_equal(answers(pickle.loads(pickle.dumps(model)), X), answers(model, X))


def test_failed_fit_tears_down(over, X):
    recorder = Traveller()
    model = over(density()).set_callbacks(recorder).fit(X)
    before, n = answers(model, X), recorder.calls.count("teardown")
    wrong = X.copy()
    wrong[0, 0] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        model.fit(wrong)
    assert recorder.calls.count("setup") == recorder.calls.count("teardown") == n + 1
    assert_array_equal(answers(model, X), before)


def test_clone_keeps_callbacks(over, X):
    recorder = Traveller()
    clone(over(density()).set_callbacks(recorder)).fit(X)
    assert recorder.calls.count("end pass") == 3


def test_callbacks_of_the_density_hear_of_it_as_before(over, X):
    recorder = Recorder()
    over(density().set_callbacks(recorder)).fit(X)
    passes = ["begin pass", "end pass"] * 3
    assert recorder.calls == ["setup", "begin fit", *passes, "end fit", "teardown"]


def test_callbacks_go_through_a_pipeline(X):
    recorder = Traveller()
    pipeline = make_pipeline(EinetImputer(density()), StandardScaler(), tiny(max_iter=2, tol=0.0))
    pipeline.set_callbacks(recorder).fit(X)
    assert recorder.calls.count("end pass") == 3 + 2
    assert recorder.calls.count("setup") == recorder.calls.count("teardown") == 1


def test_callbacks_go_through_a_search(X):
    recorder = Traveller()
    search = GridSearchCV(
        EinetOutlierDetector(density()),
        {"density__n_sums": [1, 2]},
        scoring=lambda model, X: model.score_samples(X).mean(),
        cv=2,
    )
    search.set_callbacks(recorder).fit(X)
    # Two candidates on two folds, and the refit.
    assert recorder.calls.count("end pass") == 5 * 3


def test_progress_bar_shows_the_passes(over, X, capsys):
    if find_spec("rich") is None:
        pytest.skip("the progress bar needs rich")
    over(density()).set_callbacks(callback.ProgressBar()).fit(X)
    shown = capsys.readouterr().out
    assert f"{over.__name__} - fit" in shown
    assert "EinetDensityEstimator - fit" in shown
