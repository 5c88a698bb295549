"""What classes of `skpc.dask` add to those of their names: a parameter `client`, `to_local`."""

from copy import copy
from inspect import Parameter, signature
from typing import Any

# A class of skpc.
Local = Any


def with_parameters(parent: Local, **added: Any) -> Any:
    """A decorator of a constructor: it says the parent's parameters, and added ones by keyword."""
    known = signature(parent.__init__)
    more = [Parameter(name, Parameter.KEYWORD_ONLY, default=value) for name, value in added.items()]

    def decorate(init: Any) -> Any:
        """The constructor with that signature, by which scikit-learn knows its parameters."""
        init.__signature__ = known.replace(parameters=[*known.parameters.values(), *more])
        return init

    return decorate


class OnCluster:
    """An estimator that fits on a cluster, and is the local one of its name for all else."""

    _local: Local
    client: Any

    def to_local(self) -> Any:
        """The estimator of `skpc` of the same name, with the same parameters and the same fit."""
        names = self._local._get_param_names()
        local = self._local(**{name: getattr(self, name) for name in names})
        for name in set(vars(self)) - self._names():
            setattr(local, name, vars(self)[name])
        return local

    def _names(self) -> set[str]:
        """Names of all parameters."""
        return set(type(self)._get_param_names())  # type: ignore[attr-defined]

    def save(self, path: Any) -> None:
        """Write the local estimator to a file, see `skpc.EinetDensityEstimator.save`."""
        self.to_local().save(path)

    def __sklearn_clone__(self) -> Any:
        """An unfitted copy with the same client: a connection cannot be copied."""
        alone = copy(self)
        clone = super(OnCluster, alone).__sklearn_clone__()  # type: ignore[misc]
        clone.client = self.client
        return clone

    def __getstate__(self) -> dict[str, Any]:
        """The state for pickles, without the client, which is a connection."""
        state: dict[str, Any] = dict(super().__getstate__())  # type: ignore[call-overload]
        return {**state, "client": None}
