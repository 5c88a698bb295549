"""Options that do not fit, each with an error that lists what is accepted."""

import re

import pandas as pd
import pytest
from helpers.cases import EXPLICIT, Case, tiny

from skpc.circuit import RegionGraph
from skpc.circuit.leaves import Leaf


@pytest.fixture(name="X")
def make_rows():
    return Case("deep_trees", "cp", "gaussian").rows(40)


@pytest.fixture(name="frame")
def make_frame(X):
    return pd.DataFrame(X, columns=["a", "b", "c", "d"])


@pytest.fixture(name="model", scope="module")
def fit_model():
    return tiny().fit(Case("deep_trees", "cp", "gaussian").rows(40))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"structure": "quad_trees"},
            r"'structure'.*poon_domingos.*random_trees|"
            r"'structure'.*random_trees.*poon_domingos",
        ),
        ({"layer": "einsum"}, r"'layer'.*cp.*tucker|'layer'.*tucker.*cp"),
        ({"solver": "sgd"}, r"'solver'.*adam"),
        ({"dtype": "float16"}, r"'dtype'.*float32.*float64|'dtype'.*float64.*float32"),
        ({"leaf": "cauchy"}, r"leaf is 'cauchy' for column 0; .*'bernoulli'.*'gaussian'.*Leaf"),
        ({"leaf": ["gaussian"] * 3 + ["cauchy"]}, r"leaf is 'cauchy' for column 3"),
        ({"leaf": {3: "cauchy"}}, r"leaf is 'cauchy' for column 3"),
        ({"leaf": {4: "gaussian"}}, r"leaf holds 4; .*from -4 to 3"),
        ({"leaf": {"a": "gaussian"}}, r"leaf names the column 'a'; X has no column names"),
        ({"leaf": dict}, r"leaf is <class 'dict'> for column 0"),
        ({"leaf": Leaf}, r"leaf is <class .*Leaf'> for column 0; it lacks expectation, from_free"),
        ({"leaf": ["gaussian"] * 3}, r"leaf names 3 families; X has 4 columns"),
        ({"device": "warp"}, r"device is 'warp'; 'auto', 'cpu'"),
        ({"learning_rate": 1.5}, r"learning_rate is 1.5; EM accepts steps above 0 and up to 1"),
        ({"learning_rate": 0.0}, r"'learning_rate'"),
        ({"n_sums": 0}, r"'n_sums'"),
        ({"depth": -1}, r"'depth'"),
        ({"smoothing": -0.1}, r"'smoothing'"),
        ({"min_variance": 0.0}, r"'min_variance'"),
        ({"validation_fraction": 1.0}, r"'validation_fraction'"),
        ({"early_stopping": True, "validation_fraction": 0.001}, r"leaves 0 for validation"),
        ({"structure": "poon_domingos", "grid_shape": (3, 3)}, r"\(3, 3\) has 9 cells; X has 4"),
        ({"structure": "poon_domingos", "grid_shape": (-2, -2)}, r"positive sides"),
        (
            {"structure": RegionGraph([(0, 1), (0,), (1,)], [(0, (1, 2))])},
            r"structure covers 2 columns; X has 4 columns",
        ),
        (
            {
                "structure": RegionGraph([(0, 1, 2, 3), (0,), (1,), (2, 3)], [(0, (1, 2, 3))]),
                "layer": "tucker",
            },
            r"[Tt]ucker",
        ),
        ({"categorical_features": [True, False]}, r"is a mask of 2 columns; X has 4"),
        ({"categorical_features": ["a"]}, r"names the column 'a'; X has no column names"),
        ({"categorical_features": [4]}, r"categorical_features holds 4; .*from -4 to 3"),
    ],
    ids=str,
)
def test_options_that_do_not_fit(X, settings, message):
    for method in ("fit", "partial_fit"):
        if method == "partial_fit" and "early_stopping" in settings:
            continue
        with pytest.raises(ValueError, match=message):
            getattr(tiny(**settings), method)(X)


@pytest.mark.parametrize("n_samples", [0, -1, 1.5, "3", None])
def test_numbers_of_samples(model, X, n_samples):
    message = rf"n_samples is {re.escape(repr(n_samples))}; a positive integer is accepted"
    with pytest.raises(ValueError, match=message):
        model.sample(n_samples)
    with pytest.raises(ValueError, match=message):
        model.sample_conditional(X, n_samples)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ([4], r"features holds 4; .*from -4 to 3"),
        ([-5], r"features holds -5"),
        ([1.5], r"features holds 1.5"),
        (["a"], r"features names the column 'a'; X has no column names"),
        ([True, False], r"features is a mask of 2 columns; X has 4"),
    ],
)
def test_features_that_do_not_exist(model, X, frame, features, message):
    for use in (model.predict_marginal, model.predict_conditional):
        with pytest.raises(ValueError, match=message):
            use(X, features)
    named = tiny().fit(frame)
    with pytest.raises(ValueError, match=r"names the column 'z'; the columns are \['a', 'b'"):
        named.predict_marginal(frame, ["z"])


def test_explicit_graph_of_the_right_width_is_accepted(X):
    assert tiny(structure=EXPLICIT).fit(X).structure_ is EXPLICIT
