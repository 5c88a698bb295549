"""Small fitted estimators of every kind, and what it takes to alter their files."""

import json
import math
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import polars as pl
from sklearn.datasets import load_diabetes, load_iris

import skpc
from helpers.cases import mixed, tiny
from helpers.forgery import forged, parts_of
from skpc import (
    DirectBayesianClassifier,
    DirectBayesianRegressor,
    EinetClassifier,
    EinetImputer,
    EinetOutlierDetector,
    EinetRegressor,
    Numeric,
)
from skpc.components import Kernels

N = 60


def numbers(n=N, seed=0):
    """Three related columns: normal, on a grid, and mostly zero."""
    x = np.random.RandomState(seed).normal(size=(n, 3))
    x += x[:, :1]
    return np.column_stack([x[:, 0], x[:, 1].round(1), np.where(x[:, 2] < 0.5, 0, x[:, 2])])


def frame(library=pd, n=N, seed=0):
    """Numbers, words, whole numbers and booleans, with holes."""
    random = np.random.RandomState(seed)
    x = random.normal(size=n)
    words = [["red", "green", "blue", None][i] for i in random.randint(0, 4, n)]
    return library.DataFrame(
        {
            "size": [None if i % 9 == 0 else float(v) for i, v in enumerate(x)],
            "colour": words,
            "count": random.randint(0, 30, n) + 5 * (x > 0),
            "seen": (x > 0.3).tolist(),
        }
    )


def one_hot(n=N, seed=0):
    """A group of three columns, and a number."""
    codes = np.random.RandomState(seed).randint(0, 3, n)
    return np.column_stack([np.eye(3)[codes], numbers(n, seed)[:, 0] + codes])


def densities():
    """Unfitted densities with a table each, by what is special about them."""
    bins = frame().assign(bin=pd.cut(frame()["count"], [-1, 3, 9, 50]))
    dated = pd.DataFrame(numbers(), columns=pd.date_range("2020-01-01", periods=3))
    levels = pd.MultiIndex.from_tuples([("a", "x"), ("a", "y"), ("b", "z")], names=["p", None])
    return {
        "numbers": (tiny(components=mixed(3, 1)), numbers()),
        "frame": (tiny(), frame()),
        "polars": (tiny(categorical_features=["colour"]), frame(pl)),
        "enum": (tiny(), frame(pl).cast({"colour": pl.Enum(["red", "green", "blue", "grey"])})),
        "holes": (tiny(missing="model"), frame()),
        "one-hot": (tiny(one_hot=[[0, 1, 2]]), one_hot()),
        "kernels": (tiny(components=Kernels(bandwidth=0.3), leaf="gaussian"), numbers()),
        "kernels of atoms": (tiny(components="kernels"), numbers()),
        "gaussians alone": (tiny(components="gaussians", leaf="gaussian"), numbers(200)),
        "adam": (tiny(solver="adam", layer="tucker", structure="random_trees"), numbers()),
        "set": (
            tiny(leaf=[Numeric(step=0.1, bounds=(None, 40), atoms=[0.0]), "auto", "gaussian"]),
            numbers(),
        ),
        "options": (
            tiny(random_state=np.random.RandomState(3), n_sums=np.int64(3), tol=np.float32(0.01)),
            numbers().astype("float32"),
        ),
        "bins": (tiny(), bins),
        "dates as names": (tiny(), dated),
        "levels": (tiny(), pd.DataFrame(numbers(), columns=levels)),
        "many categories": (
            tiny(categorical_features=[0]),
            np.column_stack([np.arange(400) % 300, numbers(400)[:, 0]]),
        ),
    }  # fmt: skip


def others():
    """Unfitted estimators over a density, and regressions, with a table each."""
    X, y = load_diabetes(return_X_y=True)
    flowers, kinds = load_iris(return_X_y=True)
    regression = {"random_state": 0, "max_iter": 50}
    return {
        "imputer": (EinetImputer(tiny(), add_indicator=True), frame(), None),
        "detector": (EinetOutlierDetector(tiny(), random_state=0), frame(), None),
        "detector by density": (EinetOutlierDetector(tiny(), ranking="density"), numbers(), None),
        "classifier": (EinetClassifier(tiny(), class_weight="balanced"), frame(), list("abc") * 20),
        "two classes": (
            DirectBayesianClassifier(3, prior="normal", class_weight={"rare": 2.0}),
            pd.DataFrame(X, columns=[f"x{j}" for j in range(10)]),
            np.where(y > 200, "rare", "usual"),
        ),
        "three classes": (DirectBayesianClassifier(), flowers, kinds),
        "regressor": (EinetRegressor(tiny(), random_state=0), frame(), numbers()[:, 0]),
        "regression": (DirectBayesianRegressor(**regression), X, y),
        "several targets": (
            DirectBayesianRegressor(**regression), X, np.column_stack([y, X[:, 0] - y]),
        ),
        "mixture": (DirectBayesianRegressor(posterior="mixture", n_mixtures=2, **regression), X, y),
        "priors": (
            DirectBayesianRegressor(
                3, prior=np.array([1, 1, 2, 4, 2, 1, 1]) / 12, weight_scale=np.full(10, 4.0),
                noise_range=(1e3, 1e4), fit_intercept=False, **regression,
            ),
            pd.DataFrame(X, columns=[f"x{j}" for j in range(10)]), y - y.mean(),
        ),
        "map": (
            DirectBayesianRegressor(feature_map=EinetImputer(tiny()), **regression), X[:, :3], y,
        ),
    }  # fmt: skip


NAMES_OF_DENSITIES = [*densities()]
NAMES = [*NAMES_OF_DENSITIES, *others()]


@cache
def fitted(name):
    """A fitted estimator of a name, with its table; shared, so do not change it."""
    if name in NAMES_OF_DENSITIES:
        model, X = densities()[name]
        return model.fit(X), X
    model, X, y = others()[name]
    return model.fit(X, y), X


def from_file(model):
    """What a file brings back of an estimator."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.skpc"
        model.save(path)
        return skpc.load(path)


def rows_of(name):
    """The first rows of its table."""
    X = fitted(name)[1]
    return X[:12] if isinstance(X, np.ndarray | pl.DataFrame) else X.head(12)


def answers(model, X):
    """What an estimator says of a table, by the method that says it."""
    if hasattr(model, "sample"):
        names = getattr(X, "columns", range(X.shape[1]))
        return {
            "score_samples": model.score_samples(X),
            "sample": model.sample(7, random_state=0),
            "predict_marginal": model.predict_marginal(X, [names[0]]),
            "impute": model.impute(X, "median"),
            "sample_conditional": model.sample_conditional(X, random_state=0),
            "moments": model.moments(X),
            "columns_": repr(model.columns_),
        }
    if hasattr(model, "transform"):
        return {"transform": model.transform(X), "names": model.get_feature_names_out()}
    if hasattr(model, "pack") and hasattr(model, "predict_proba"):
        low, high = model.predict_interval(X)
        return {
            "predict_proba": model.predict_proba(X),
            "low": low,
            "high": high,
            "weights": model.sample_weights(3, random_state=0),
            "pack": model.pack().weights(),
        }
    if hasattr(model, "decision_function"):
        return {"scores": model.decision_function(X), "explain": model.explain(X)}
    if hasattr(model, "predict_proba"):
        return {"predict_proba": model.predict_proba(X), "predict": model.predict(X)}
    mean, std = model.predict(X, return_std=True)
    if hasattr(model, "predict_quantiles"):
        return {
            "mean": mean,
            "std": std,
            "quantiles": model.predict_quantiles(X, [0.1, 0.5]),
            "log_predictive_density": model.log_predictive_density(X, mean),
        }
    packed = model.pack(3, random_state=0)
    return {
        "mean": mean,
        "std": std,
        "draws": model.sample_y(X, 3, random_state=0),
        "weights": model.sample_weights(3, random_state=0),
        "log_predictive_density": model.log_predictive_density(X, mean),
        "pack": [one.weights() for one in (packed if isinstance(packed, list) else [packed])],
    }


def places(tree, at=()):
    """Paths to everything in a tree of JSON."""
    yield at
    if isinstance(tree, dict | list):
        for key, one in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from places(one, (*at, key))


def replaced(tree, at, value):
    """A copy of a tree with another value at a place; None of `value` is no change of the rest."""
    if not at:
        return value
    copy = dict(tree) if isinstance(tree, dict) else list(tree)
    copy[at[0]] = replaced(copy[at[0]], at[1:], value)
    return copy


def at_place(tree, at):
    for key in at:
        tree = tree[key]
    return tree


def with_tree(data, change):
    """Bytes of a file with another tree, and the right checksum."""
    header, about, rest = parts_of(data)
    about["fields"]["tree"] = change(about["fields"]["tree"])
    return forged(header, about, rest)


def with_array(data, name, change):
    """Bytes of a file with other numbers in an array, and the right checksum."""
    header, about, rest = parts_of(data)
    entry = header[name]
    start, end = entry["data_offsets"]
    dtype = {"F64": "<f8", "I64": "<i8", "U32": "<u4", "I16": "<i2", "I8": "<i1"}[entry["dtype"]]
    array = np.frombuffer(rest[start:end], dtype=dtype).reshape(entry["shape"]).copy()
    made = change(array)
    assert made.nbytes == end - start
    return forged(header, about, rest[:start] + made.astype(dtype).tobytes() + rest[end:])


def arrays_of(data):
    """Names of all arrays of a file."""
    return [name for name in parts_of(data)[0] if name != "__metadata__"]


def other_values(value):
    """Values that might stand where one does, harmless and not."""
    if isinstance(value, bool):
        return [not value, 3, None, "auto"]
    if isinstance(value, int):
        return [value + 1, -value - 1, 0, 2**70, -1, 0.5, None, True, "auto"]
    if isinstance(value, float):
        nan, inf = {"float": "nan"}, {"float": "inf"}
        return [-value, 2 * value + 1, 0.0, 1e300, 5e-324, nan, inf, None, "auto", [value]]
    if isinstance(value, str):
        return ["", value + "x", "os.system", "pickle", "\0", 7, None, [value]]
    if value is None:
        return [0, -1, 1.5, "auto", [], {"tuple": []}, {"float": "nan"}]
    if isinstance(value, list):
        return [[], value + value, value[:-1], value[::-1], None, 3, [[]], {"tuple": value}]
    name, inner = next(iter(value.items()))
    return [
        {}, {**value, "array": "x"}, {"os.system": inner}, {"own": inner}, {name: []}, {name: None},
        {name: {}}, {"dict": []}, {"objects": [[2**40], []]}, {"texts": [[-1, -1], ["x"]]}, None,
        {"constant": "leaf poisson"}, {"floats": {"array": "x"}}, {"Grid": {}}, [value], inner,
    ]  # fmt: skip


def altered_numbers(array):
    """Arrays that might stand where one does, of the same type and shape."""
    whole = array.dtype.kind in "iu"
    values = (
        [0, 2, 127, *([-1] if array.dtype.kind == "i" else [])]
        if whole
        else [math.nan, math.inf, -1.0, 0.0, 1e300, 0.5]
    )
    made = [array[::-1], -array, array + 1]
    for value in values:
        for at in (0, array.size // 2, array.size - 1):
            one = array.copy()
            one.flat[at] = value
            made.append(one)
        made.append(np.full_like(array, value))
    return made


def dumps(data):
    """The tree of a file as text, for messages."""
    return json.dumps(parts_of(data)[1]["fields"]["tree"])
