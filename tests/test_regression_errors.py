"""Bad input: an error that names what is wrong and what is accepted."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.preprocessing import FunctionTransformer

from skpc import DirectBayesianRegressor

X = np.random.RandomState(0).standard_normal((30, 3))
Y = X @ [1.0, 0.0, -2.0]


def with_cell(value, column=1, row=4):
    table = X.copy()
    table[row, column] = value
    return table


@pytest.mark.parametrize(("value", "kind"), [(np.nan, "NaN"), (np.inf, "infinity")])
def test_cells_that_are_not_finite_are_named(value, kind):
    model = DirectBayesianRegressor()
    message = f"Input X contains {kind} in column 1, row 4.*finite numbers only"
    with pytest.raises(ValueError, match=message):
        model.fit(with_cell(value), Y)
    frame = pd.DataFrame(with_cell(value), columns=["a", "age", "c"])
    with pytest.raises(ValueError, match=f"{kind} in column 'age', row 4"):
        model.fit(frame, Y)
    fitted = model.fit(X, Y)
    for method in (fitted.predict, fitted.sample_y):
        with pytest.raises(ValueError, match=message):
            method(with_cell(value))
    with pytest.raises(ValueError, match=message):
        fitted.partial_fit(with_cell(value), Y)
    with pytest.raises(ValueError, match=f"Input y contains {kind}"):
        model.fit(X, np.where(np.arange(30) == 3, value, Y))


@pytest.mark.parametrize("steps", [True, np.array([True, False, True])])
def test_steps_are_numbers(steps):
    with pytest.raises(ValueError, match=r"weight_scale is .*True.*; a name, or one positive"):
        DirectBayesianRegressor(weight_scale=steps).fit(X, Y)


def test_text_is_named():
    with pytest.raises(ValueError, match=r"Column 2 contains 'tall' in row 0, a str; only numbers"):
        DirectBayesianRegressor().fit(texts(), Y)
    frame = pd.DataFrame(X, columns=["a", "b", "c"]).assign(b="tall")
    with pytest.raises(
        ValueError, match=r"Column 'b' contains 'tall' in row 0, a str; only numbers"
    ):
        DirectBayesianRegressor().fit(frame, Y)


def texts():
    table = X.astype(object)
    table[:, 2] = "tall"
    return table


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (np.empty((0, 3)), r"0 sample\(s\)"),
        (np.empty((30, 0)), r"0 feature\(s\)"),
        (X[:, 0], "Expected 2D array"),
        (sparse.csr_array(X), "[Ss]parse"),
        (X + 1j, "Complex data not supported"),
    ],
)
def test_misshapen_tables(table, message):
    with pytest.raises((ValueError, TypeError), match=message):
        DirectBayesianRegressor().fit(table, Y[: len(table)] if table.shape[0] == 0 else Y)


def test_other_columns_than_in_training():
    model = DirectBayesianRegressor().fit(pd.DataFrame(X, columns=["a", "b", "c"]), Y)
    with pytest.raises(ValueError, match=r"X has 2 features, but .* expecting 3"):
        DirectBayesianRegressor().fit(X, Y).predict(X[:, :2])
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(pd.DataFrame(X, columns=["a", "b", "d"]))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (-np.ones(30), "Negative values in data passed to `sample_weight`"),
        (np.zeros(30), "at least one non-zero number|zero for all rows"),
        (np.ones(29), "sample_weight"),
        (np.full(30, np.nan), "sample_weight contains NaN"),
    ],
)
def test_bad_weights(weights, message):
    with pytest.raises(ValueError, match=message):
        DirectBayesianRegressor().fit(X, Y, sample_weight=weights)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"posterior": "full"}, "'posterior' parameter .*'mean_field'"),
        ({"n_bits": 9}, r"'n_bits' parameter .* range \[2, 8\]"),
        ({"prior": "cauchy"}, "'prior' parameter .*'laplace'"),
        ({"prior": [0.5, 0.5]}, "one probability for each of 15 codes"),
        ({"prior": [0.0] * 15}, "positive, finite probabilities"),
        ({"weight_scale": 0.0}, "'weight_scale' parameter"),
        ({"weight_scale": "rigde"}, "'weight_scale' parameter .*'auto'.*float.*array-like"),
        ({"weight_scale": "rigde"}, "'weight_scale' parameter .*'ridge'"),
        ({"weight_scale": [1.0, 2.0]}, "one step or one for each of 3 features"),
        ({"weight_scale": [1.0, np.nan, 2.0]}, "positive, finite steps"),
        ({"weight_scale": 1e300}, r"holds 1e\+300; .* are accepted, 1e-120 to 1e\+120 times"),
        ({"weight_scale": [1.0, 1e-300, 2.0]}, "holds 1e-300; .* are accepted"),
        ({"noise_range": (1.0, 0.5)}, "two variances 0 < low <= high"),
        ({"noise_range": "wide"}, "'noise_range' parameter"),
        ({"solver": "newton"}, "'solver' parameter .*'coordinate'"),
        ({"n_noise_levels": 0}, "'n_noise_levels' parameter"),
        ({"feature_map": "rbf"}, "'feature_map' parameter"),
        ({"device": "abacus"}, "'auto', 'cpu' and the devices"),
    ],
)
def test_unknown_options_say_what_is_accepted(options, message):
    with pytest.raises(ValueError, match=message):
        DirectBayesianRegressor(**options).fit(X, Y)


def test_dask_collections_are_refused():
    fake = type("Array", (), {"__module__": "dask.array.core", "shape": (30, 3)})()
    with pytest.raises(
        TypeError, match=r"does not accept Dask collections.*skpc\.dask.*X\.compute"
    ):
        DirectBayesianRegressor().fit(fake, Y)


def test_feature_maps_must_give_finite_numbers():
    model = DirectBayesianRegressor(feature_map=FunctionTransformer(lambda x: x / 0.0 * 0.0))
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="feature_map gives NaN"):
        model.fit(X, Y)


def test_overflow_is_an_error_and_leaves_the_model_as_it_was():
    model = DirectBayesianRegressor().fit(X, Y)
    before = model.predict(X)
    with pytest.raises(ValueError, match=r"Column 0 has a root mean square above 1e\+100"):
        model.partial_fit(X * 1e200, Y)
    assert (model.predict(X) == before).all()
    expected = DirectBayesianRegressor().fit(X, Y).partial_fit(X, Y)
    assert (model.partial_fit(X, Y).predict(X) == expected.predict(X)).all()


def test_predicting_needs_a_fit():
    for call in ("predict", "sample_y"):
        with pytest.raises(ValueError, match="not fitted"):
            getattr(DirectBayesianRegressor(), call)(X)
    with pytest.raises(ValueError, match="not fitted"):
        DirectBayesianRegressor().sample_weights()
