"""Every private or young scikit-learn name that skpc uses, and nothing else.

scikit-learn moves private names between releases; a release that does costs one file.
"""

from collections.abc import Callable
from typing import Any

from sklearn.base import _fit_context as fit_context
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight as check_sample_weight
from sklearn.utils.validation import validate_data

try:  # scikit-learn 1.9 and later
    from sklearn.callback import CallbackSupportMixin, with_callbacks

    HAS_CALLBACKS = True
except ImportError:  # pragma: no cover
    HAS_CALLBACKS = False

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands in where scikit-learn has no callbacks."""

    def with_callbacks(method: Callable[..., Any]) -> Callable[..., Any]:
        """Leave the method as it is."""
        return method


class PassReporter:
    """Tells scikit-learn's callbacks about the passes of a fit; silent where it has none.

    Parameters
    ----------
    estimator : CallbackSupportMixin
        Its method `fit` must be decorated with `with_callbacks`.
    max_passes : int
    X : array-like
        Training table, for callbacks that score on it.
    """

    def __init__(self, estimator: Any, max_passes: int, X: Any) -> None:
        self.estimator = estimator
        self.X = X
        self.stopped = False
        # Callbacks cost nothing unless somebody has set some or a search passes them on.
        self.active = HAS_CALLBACKS and (
            hasattr(estimator, "_skl_callbacks") or hasattr(estimator, "_parent_callback_ctx")
        )
        if self.active:
            self.root = estimator._init_callback_context(max_subtasks=max_passes)
            self.root.call_on_fit_task_begin(estimator=estimator, X=X)

    def begin(self) -> None:
        """A pass begins."""
        if self.active:
            self.task = self.root.subcontext(task_name="pass")
            self.task.call_on_fit_task_begin(estimator=self.estimator, X=self.X)

    def end(self, attributes: Callable[[], dict[str, Any]]) -> bool:
        """A pass ended; whether a callback wants training to stop.

        Parameters
        ----------
        attributes : callable
            Returns the fitted attributes of the estimator as of now.
        """
        if self.active:
            self.stopped = self.task.call_on_fit_task_end(
                estimator=self.estimator, X=self.X, reconstruction_attributes=attributes
            )
        return self.stopped

    def close(self, attributes: Callable[[], dict[str, Any]]) -> None:
        """The fit ended."""
        if self.active:
            self.root.call_on_fit_task_end(
                estimator=self.estimator, X=self.X, reconstruction_attributes=attributes
            )


__all__ = [
    "CallbackSupportMixin",
    "HasMethods",
    "Interval",
    "PassReporter",
    "StrOptions",
    "check_sample_weight",
    "fit_context",
    "validate_data",
    "with_callbacks",
]
