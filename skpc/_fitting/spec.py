"""The parameters of the estimator as one frozen record."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, is_dataclass
from typing import Any

import numpy as np

from ..circuit import RegionGraph

# Parameters on which the circuits of a model depend: warm starts and `partial_fit` cannot change
# them.
BUILT_FROM = (
    "structure",
    "depth",
    "n_replicas",
    "components",
    "n_sums",
    "n_leaves",
    "layer",
    "leaf",
    "grid_shape",
    "categorical_features",
    "one_hot",
    "missing",
    "min_variance",
)


@dataclass(frozen=True)
class FitSpec:
    """Parameters of `EinetDensityEstimator`, where each of them is explained."""

    structure: Any
    depth: int | None
    n_replicas: Any
    n_sums: Any
    n_leaves: Any
    layer: str
    components: Any
    leaf: Any
    grid_shape: Any
    categorical_features: Any
    one_hot: Any
    missing: str
    solver: Any
    learning_rate: Any
    batch_size: Any
    max_iter: Any
    tol: float
    n_init: int
    early_stopping: Any
    validation_fraction: Any
    n_iter_no_change: Any
    smoothing: Any
    min_variance: float
    device: str
    dtype: str
    verbose: int

    def built_from(self) -> dict[str, Any]:
        """Values of the parameters in BUILT_FROM, made `plain`."""
        return {name: plain(getattr(self, name)) for name in BUILT_FROM}


def plain(value: Any) -> Any:
    """A parameter's value as a copy of lists, dicts and Python's own numbers.

    Arrays and lists of the same values become the same; a region graph becomes its regions and
    partitions.

    Examples
    --------
    >>> plain(np.array([True, False])), plain(np.int64(2)), plain({"a": ("x",)})
    ([True, False], 2, {'a': ['x']})
    """
    if isinstance(value, RegionGraph):
        fields = (value.regions, value.partitions, value.tempered)
        return dict(zip(("regions", "partitions", "tempered"), map(plain, fields), strict=True))
    if is_dataclass(value) and not isinstance(value, type):
        return {"class": type(value).__name__, **plain(vars(value))}
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {key: plain(v) for key, v in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str | type):
        return [plain(v) for v in value]
    return value


def same(a: Any, b: Any) -> bool:
    """Whether two plain values mean the same: 2 and 2.0 do, a mask and positions do not."""
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, bool) != isinstance(b, bool):
        return False
    try:
        return bool(a == b)
    except (TypeError, ValueError):
        # pandas.NA and the like have no truth of their own.
        return a is b


def check_unchanged(
    spec: FitSpec, built_from: Mapping[str, Any], settings: Mapping[str, Any]
) -> None:
    """Refuse to continue a fitted model with other parameters than those it was built from.

    Parameters
    ----------
    spec : FitSpec
    built_from : dict
        Plain values of the parameters, as they were passed then.
    settings : dict
        Values that "auto" stood for: naming one of them changes nothing.

    Raises
    ------
    ValueError
        Names the parameter, its value and the one that the fitted model has.
    """
    for name, now in spec.built_from().items():
        then = built_from[name]
        if not same(now, then) and not same(now, plain(settings.get(name, then))):
            other = " (another class of that name)" if _shown(now) == _shown(then) else ""
            raise ValueError(
                f"{name} is {_shown(now)}; the fitted model has {_shown(then)}{other}. Set it "
                "back, or fit anew with warm_start=False."
            )


def _shown(value: Any) -> str:
    """A value as a message shows it; long ones are cut in the middle."""
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:100]} ... {text[-60:]}"
