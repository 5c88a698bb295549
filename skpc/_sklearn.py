"""Every private or recent scikit-learn name that skpc uses, and nothing else.

scikit-learn moves private names between releases; then only this file must change.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from numpy.typing import NDArray
from sklearn.base import _fit_context as fit_context
from sklearn.utils import _safe_indexing as rows_of
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils.validation import _check_feature_names_in as feature_names
from sklearn.utils.validation import _check_sample_weight, validate_data

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


def check_sample_weight(sample_weight: Any, X: Any, **options: Any) -> NDArray[Any]:
    """Weights of the rows of X (n,), of which one is positive: before 1.9 scikit-learn took zeros.

    Parameters
    ----------
    sample_weight : array-like (n,) or None
        None: 1 for each row.
    X : array-like (n, D)
    **options
        Of scikit-learn's own check.

    Raises
    ------
    ValueError
        For weights of another number of rows, NaN, infinity, and zeros alone.
    """
    weights: NDArray[Any] = _check_sample_weight(sample_weight, X, **options)
    if not weights.any():
        raise ValueError("sample_weight is zero for all rows; one must be positive.")
    return weights


@dataclass(frozen=True)
class Features:
    """Columns of a table as scikit-learn knows them.

    Attributes
    ----------
    n : int
        D.
    names : ndarray of str (D,) or None
        Of a frame's columns.
    """

    n: int
    names: NDArray[Any] | None

    def attributes(self) -> dict[str, Any]:
        """`n_features_in_`, and `feature_names_in_` if there are names."""
        named = {} if self.names is None else {"feature_names_in_": self.names}
        return {"n_features_in_": self.n, **named}


class _StandIn:
    """Has an estimator's name and tags, and columns of its own for `validate_data` to write on."""

    def __init__(self, estimator: Any) -> None:
        self._estimator = estimator

    def __sklearn_tags__(self) -> Any:
        return self._estimator.__sklearn_tags__()


@cache
def _stand_in_class(name: str) -> Any:
    """A class of that name, which messages of scikit-learn show."""
    return type(name, (_StandIn,), {})


def validated(
    estimator: Any,
    X: Any,
    y: Any = "no_validation",
    *,
    features: Features | None,
    **options: Any,
) -> tuple[Any, Features]:
    """What `validate_data` gives, and the columns of X; nothing is written on the estimator.

    scikit-learn writes `n_features_in_` while it checks, so that a table that is refused later
    would leave a fitted model with a wrong number of columns.

    Parameters
    ----------
    estimator : estimator
        Its name is for messages, its tags decide the checks.
    X, y
        As `validate_data` takes them.
    features : Features or None
        Columns that X must have; None: X is the first table.
    **options
        Of `validate_data`.
    """
    stand_in = _stand_in_class(type(estimator).__name__)(estimator)
    if features is not None:
        vars(stand_in).update(features.attributes())
    checked = validate_data(stand_in, X, y, reset=features is None, **options)
    if features is None:
        names = getattr(stand_in, "feature_names_in_", None)
        features = Features(stand_in.n_features_in_, names)
    return checked, features


def store(estimator: Any, attributes: dict[str, Any], absent: tuple[str, ...] = ()) -> None:
    """Set all fitted attributes at once, so that those of two fits are never mixed.

    Parameters
    ----------
    estimator : estimator
    attributes : dict
    absent : tuple of str
        Attributes of an earlier fit that this one does not have.
    """
    kept = {name: value for name, value in vars(estimator).items() if name not in absent}
    # One assignment: an interruption comes before or after it, and so does another thread.
    object.__setattr__(estimator, "__dict__", {**kept, **attributes})


def _is_heard(estimator: Any) -> bool:
    """Whether an estimator has callbacks, set by the user or passed on by a search.

    Without any, reports cost nothing.
    """
    return HAS_CALLBACKS and (
        hasattr(estimator, "_skl_callbacks") or hasattr(estimator, "_parent_callback_ctx")
    )


class PassReporter:
    """Reports passes and components of a fit to scikit-learn's callbacks, if there are any.

    Parameters
    ----------
    estimator : CallbackSupportMixin
        Its method `fit` must be decorated with `with_callbacks`.
    X : array-like
        Training table, for callbacks that score on it.
    attributes : callable
        From a result of the fit to the fitted attributes of the estimator.
    """

    def __init__(self, estimator: Any, X: Any, attributes: Callable[[Any], dict[str, Any]]) -> None:
        self._estimator = estimator
        self._X = X
        self._attributes = attributes
        self.stopped = False
        self._active = _is_heard(estimator)

    def open(self, max_tasks: int) -> None:
        """A fit begins, of at most `max_tasks` passes and other components."""
        if self._active:
            self._root = self._estimator._init_callback_context(max_subtasks=max_tasks)
            self._root.call_on_fit_task_begin(estimator=self._estimator, X=self._X)

    def begin(self, task: str = "pass") -> None:
        """A pass begins, or the fit of the component of that name."""
        if self._active:
            self._task = self._root.subcontext(task_name=task)
            self._task.call_on_fit_task_begin(estimator=self._estimator, X=self._X)

    def end(self, result: Callable[[], Any]) -> bool:
        """What began has ended; whether a callback wants the fit to stop.

        Parameters
        ----------
        result : callable
            Makes the result as of now, from which callbacks get a fitted estimator.
        """
        if self._active:
            self.stopped = self._end(self._task, result)
        return self.stopped

    def close(self, result: Callable[[], Any]) -> None:
        """The fit ended."""
        if self._active:
            self._end(self._root, result)

    def _end(self, task: Any, result: Callable[[], Any]) -> bool:
        return task.call_on_fit_task_end(
            estimator=self._estimator,
            X=self._X,
            reconstruction_attributes=lambda: self._attributes(result()),
        )


class PartReporter:
    """Reports a fit that consists of the fit of another estimator, and passes callbacks on to that.

    Parameters
    ----------
    estimator : CallbackSupportMixin
        Its method `fit` must be decorated with `with_callbacks`.
    X : array-like
        Training table.
    """

    def __init__(self, estimator: Any, X: Any) -> None:
        self._estimator = estimator
        self._X = X
        self._active = _is_heard(estimator)

    @contextmanager
    def part(self, part: Any, task_name: str) -> Iterator[None]:
        """The fit begins, and that of the other estimator takes place."""
        if not self._active:
            yield
            return
        told = {"estimator": self._estimator, "X": self._X}
        self._root = self._estimator._init_callback_context(max_subtasks=1)
        self._root.call_on_fit_task_begin(**told)
        task = self._root.subcontext(task_name=task_name)
        with task.propagate_callback_context(part):
            task.call_on_fit_task_begin(**told)
            yield
            task.call_on_fit_task_end(**told)

    def close(self, attributes: dict[str, Any]) -> None:
        """The fit ended, with these fitted attributes."""
        if self._active:
            self._root.call_on_fit_task_end(
                estimator=self._estimator, X=self._X, reconstruction_attributes=attributes
            )


__all__ = [
    "CallbackSupportMixin",
    "Features",
    "HasMethods",
    "Interval",
    "PartReporter",
    "PassReporter",
    "StrOptions",
    "check_sample_weight",
    "feature_names",
    "fit_context",
    "rows_of",
    "store",
    "validate_parameter_constraints",
    "validated",
    "with_callbacks",
]
