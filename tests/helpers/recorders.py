"""Callbacks of scikit-learn that keep what they are told."""


class Recorder:
    """Keeps what it is told; stops the fit after some passes."""

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.calls = []
        self.scores = []

    def setup(self, estimator, context):
        self.calls.append("setup")

    def teardown(self, estimator, context):
        self.calls.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.calls.append(f"begin {context.task_name}")

    def on_fit_task_end(self, estimator, context, *, X=None, fitted_estimator=None):
        self.calls.append(f"end {context.task_name}")
        if context.task_name != "pass":
            return False
        self.scores.append(fitted_estimator.score(X))
        return len(self.scores) == self.stop_after


class Traveller(Recorder):
    """Goes down from a search or a pipeline to the estimators inside."""

    max_propagation_depth = None

    def on_fit_task_end(self, estimator, context):
        self.calls.append(f"end {context.task_name}")
