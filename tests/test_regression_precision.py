"""Small noise, far targets, odd units, little weight: bounds below the evidence, honest noise."""

import warnings

import numpy as np
import pandas as pd
import pytest
from helpers.direct_evidence import log_evidence
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.preprocessing import FunctionTransformer, TargetEncoder

from skpc import DirectBayesianRegressor

RANDOM = np.random.RandomState(0)
X = RANDOM.standard_normal((3000, 2))
NOISE = RANDOM.standard_normal(3000)
FAST = {"n_bits": 3, "random_state": 0}
# Rounding of the bound's own terms.
ROUNDING = 1e-12


def in_chunks(model, x, y, weights=None):
    for rows in np.array_split(np.arange(len(y)), 4):
        model.partial_fit(x[rows], y[rows], None if weights is None else weights[rows])
    return model


@pytest.mark.parametrize("noise", [0.0, 1e-10, 1e-6, 1e-5, 1e-4, 1e-2])
@pytest.mark.parametrize(
    "options",
    [{}, {"fit_intercept": False}, {"posterior": "mixture"}, {"weight_scale": "ridge"}],
    ids=["plain", "no intercept", "mixture", "ridge"],
)
def test_the_bound_stays_below_the_evidence_however_small_the_noise(noise, options):
    y = 2 * X[:, 0] + noise * NOISE
    model = DirectBayesianRegressor(**FAST, **options).fit(X, y)
    evidence = log_evidence(model, X, y)
    assert model.elbo_ <= evidence + ROUNDING * abs(evidence)
    # Codes are certain here, so the bound is tight; one of two weights may share its mass.
    assert model.elbo_ >= evidence - 10
    std = model.predict(X[:1], return_std=True)[1][0]
    assert 0.9 * noise <= std <= max(1.2 * noise, 5e-6)


@pytest.mark.parametrize("noise", [0.0, 1e-6, 1e-4])
def test_sums_alone_give_a_lower_bound_and_a_warning_where_it_matters(noise):
    y = 2 * X[:, 0] + noise * NOISE
    whole = DirectBayesianRegressor(**FAST).fit(X, y)
    model = DirectBayesianRegressor(**FAST)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        in_chunks(model, X, y)
    told = [w for w in caught if "partial_fit keeps" in str(w.message)]
    assert bool(told) == (noise < 1e-4)
    evidence = log_evidence(model, X, y)
    assert model.elbo_ <= evidence + ROUNDING * abs(evidence)
    # Without noise, steps whose codes reach the same weight are equally good but for rounding.
    weights, theirs = (one.weight_codes_ * one.weight_scale_ for one in (model, whole))
    assert np.allclose(weights, theirs, rtol=1e-6, atol=1e-12)
    assert model.noise_variance_ == pytest.approx(whole.noise_variance_, rel=0.2)
    assert all(w.filename == __file__ for w in told)


def test_targets_far_from_zero_keep_what_their_digits_show():
    y = 1e9 + 1e-6 * NOISE
    model = DirectBayesianRegressor(**FAST).fit(X, y)
    _, std = model.predict(X, return_std=True)
    assert std == pytest.approx(y.std(), rel=0.05)
    gaussian = -0.5 * np.log(2 * np.pi * y.var()) - 0.5
    assert model.log_predictive_density(X, y).mean() == pytest.approx(gaussian, abs=0.1)
    # Below the distance of floats nothing is known.
    model.fit(X, 1e9 + 1e-8 * NOISE)
    assert model.predict(X, return_std=True)[1].min() >= 1e9 * np.finfo(float).eps


@pytest.mark.parametrize("noise", [0.0, 1e-5, 1e-2])
@pytest.mark.parametrize(
    "fit",
    [
        lambda *data: DirectBayesianRegressor(**FAST).fit(*data),
        lambda *data: in_chunks(DirectBayesianRegressor(**FAST), *data),
    ],
)
@pytest.mark.filterwarnings("ignore:The noise variance")
def test_features_far_from_zero_have_no_bias(noise, fit):
    far = 1e9 + 1e-6 * X[:, :1]
    y = 2e6 * (far[:, 0] - 1e9) + noise * NOISE
    model = fit(far, y)
    evidence = log_evidence(model, far, y)
    assert model.elbo_ <= evidence + ROUNDING * abs(evidence) + 1e-9
    mean, std = model.predict(far, return_std=True)
    assert abs(np.mean(mean - y)) < 1e-8
    assert std.max() < 1.2 * noise + 1e-5


@pytest.mark.parametrize("y", [3.0, -40.0, 1e-12, 0.0])
def test_one_row_says_nothing_of_the_noise(y):
    model = DirectBayesianRegressor(random_state=0).fit([[1.0, 2.0]], [y])
    mean, std = model.predict([[1.0, 2.0]], return_std=True)
    size = abs(y) or 1.0
    assert mean == pytest.approx(y)
    assert size <= std[0] <= 2 * size
    assert -3 < model.log_predictive_density([[1.0, 2.0]], [y + 0.1 * size])[0] + np.log(size) < 0


@pytest.mark.parametrize("unit", [1e-155, 1e-200, 1e-320, 1e120, 1e200, 1e300])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_units_that_squares_cannot_hold_are_refused_by_name(unit, method):
    frame = pd.DataFrame(X[:50], columns=["a", "b"])
    call = getattr(DirectBayesianRegressor(), method)
    with pytest.raises(ValueError, match="Column 'b' has a root mean square"):
        call(frame.assign(b=frame["b"] * unit), NOISE[:50])
    with pytest.raises(ValueError, match="Column 1 has a root mean square"):
        call(X[:50] * [1.0, unit], NOISE[:50])
    with pytest.raises(ValueError, match="The target y has a root mean square"):
        call(frame, NOISE[:50] * unit)
    scaled = DirectBayesianRegressor(feature_map=FunctionTransformer(lambda x: x * [1.0, unit]))
    with pytest.raises(ValueError, match="Feature 1 of feature_map has a root mean square"):
        getattr(scaled, method)(X[:50], NOISE[:50])


@pytest.mark.parametrize("unit", [1e-99, 1e-50, 1e50, 1e99])
def test_units_that_they_can_hold_change_no_prediction(unit):
    y = X @ [1.0, -1.0] + 0.1 * NOISE
    expected = DirectBayesianRegressor(**FAST).fit(X, y).predict(X, return_std=True)
    for x_unit, y_unit in ((unit, 1.0), (1.0, unit), (unit, 1 / unit)):
        model = DirectBayesianRegressor(**FAST).fit(X * x_unit, y * y_unit)
        for ours, plain in zip(model.predict(X * x_unit, return_std=True), expected, strict=True):
            assert ours / y_unit == pytest.approx(plain, rel=1e-6, abs=1e-9)


def test_cells_too_far_from_training_are_refused_by_name():
    frame = pd.DataFrame(X[:50], columns=["a", "b"])
    model = DirectBayesianRegressor(random_state=0).fit(frame, X[:50] @ [1.0, 1.0])
    far = frame.assign(b=np.where(np.arange(50) == 7, 1e200, 0.0))
    for ask in (
        lambda: model.predict(far, return_std=True),
        lambda: model.log_predictive_density(far, NOISE[:50]),
    ):
        with pytest.raises(ValueError, match=r"Row 7 has 1e\+200 in column 'b'.*overflows"):
            ask()


@pytest.mark.parametrize("total", [3000.0, 10.0, 1.0, 1e-6, 1e-40])
def test_weights_that_add_to_little_count_for_their_rows(total):
    y = X @ [1.0, -2.0] + 0.5 * NOISE
    shares = np.full(3000, total / 3000)
    plain = DirectBayesianRegressor(**FAST).fit(X, y)
    for model in (
        DirectBayesianRegressor(**FAST).fit(X, y, shares),
        in_chunks(DirectBayesianRegressor(**FAST), X, y, shares),
    ):
        assert model.predict(X) == pytest.approx(plain.predict(X), rel=1e-9, abs=1e-9)
        assert model.elbo_ == pytest.approx(plain.elbo_, rel=1e-9)
        assert model.noise_variance_ == pytest.approx(plain.noise_variance_, rel=1e-9)


def test_weights_beyond_all_sums_are_refused():
    for unit in (1e-60, 1e60):
        with pytest.raises(ValueError, match=r"sample_weight adds to .* are accepted"):
            DirectBayesianRegressor().fit(X, NOISE, np.full(3000, unit))


@pytest.mark.parametrize("n", [1, 2, 3, 5, 30])
@pytest.mark.parametrize("intercept", [True, False])
def test_chosen_noise_levels_stay_where_the_docstring_says(n, intercept):
    x, y = X[:n], X[:n] @ [1.0, 1.0] + 0.5 * NOISE[:n] + 3.0
    model = DirectBayesianRegressor(fit_intercept=intercept, random_state=0).fit(x, y)
    variance = y.var() if intercept else np.mean(y**2)
    if n == 1 and intercept:
        variance = y[0] ** 2
    assert model.noise_levels_[0] >= 0.999e-12 * variance
    assert model.noise_levels_[-1] <= 4.001 * variance


class CrossFitted(TransformerMixin, BaseEstimator):
    """A map whose training rows have other features than new ones."""

    def fit(self, X, y):
        self.fitted_ = True
        return self

    def transform(self, X):
        return -X

    def fit_transform(self, X, y):
        self.fit(X, y)
        return X


@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_first_rows_have_the_features_of_fit_transform(monkeypatch, noise):
    monkeypatch.setattr("skpc._regression.feature_map.FIRST_BLOCK", 1000)
    monkeypatch.setattr("skpc.direct.moments.features.BLOCK_CELLS", 1400)
    y = X @ [1.0, -2.0] + noise * NOISE
    weights = (np.arange(3000) % 5 > 0).astype(float)
    mapped = np.where((np.cumsum(weights) <= 1000)[:, None], X, -X)
    by_hand = DirectBayesianRegressor(**FAST).fit(mapped, y, weights)
    inside = DirectBayesianRegressor(feature_map=CrossFitted(), **FAST).fit(X, y, weights)
    assert inside.predict(X) == pytest.approx(by_hand.predict(-X), rel=1e-9)
    assert inside.elbo_ == pytest.approx(by_hand.elbo_, rel=1e-9)


def test_target_encoders_do_not_leak_the_target():
    random = np.random.RandomState(0)
    ids = random.randint(0, 300, (600, 1)).astype(float)
    y = random.standard_normal(600)
    encoder = TargetEncoder(target_type="continuous", smooth=0.0)
    leaky = DirectBayesianRegressor(**FAST).fit(encoder.fit(ids, y).transform(ids), y)
    inside = DirectBayesianRegressor(feature_map=encoder, **FAST).fit(ids, y)
    assert leaky.noise_variance_ < 0.7 * y.var()
    assert inside.noise_variance_ > 0.9 * y.var()
