"""What `pack` promises: the model's own draws, in its units, at a fraction of the bytes."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.exceptions import NotFittedError
from sklearn.kernel_approximation import RBFSampler

from skpc import DirectBayesianRegressor
from skpc.direct import PackedEnsemble

X, Y = load_diabetes(return_X_y=True)
FAST = {"max_iter": 200, "random_state": 0}
MAP = RBFSampler(gamma=5.0, n_components=60, random_state=0)
OPTIONS = {
    "one step": {},
    "8 bits": {"n_bits": 8},
    "2 bits, spike": {"n_bits": 2, "prior": "spike"},
    "ridge": {"weight_scale": "ridge"},
    "given steps": {"weight_scale": np.linspace(2.0, 6.0, 10)},
    # Near a ridge, weights of columns far from zero cancel, and do not stand inputs of 8 bits.
    "no intercept": {"fit_intercept": False, "weight_scale": "elbo"},
    "feature map": {"feature_map": MAP, "weight_scale": "ridge"},
}


@pytest.fixture(scope="module", params=OPTIONS.values(), ids=OPTIONS)
def model(request):
    # Columns of uneven units, far from zero.
    return DirectBayesianRegressor(**request.param, **FAST).fit(rows(), Y)


def rows():
    return X * np.logspace(-1, 1, 10) + np.arange(10.0)


def features_of(model):
    return model.feature_map_.transform(rows()) if hasattr(model, "feature_map_") else rows()


def test_packed_draws_are_those_of_sample_weights(model):
    packed = model.pack(5, random_state=3)
    assert isinstance(packed, PackedEnsemble)
    assert (packed.codes() == model.sample_weights(5, random_state=3)).all()
    assert packed.n_bits == model.n_bits
    draws = packed.codes() * model.weight_scale_ / model.feature_scale_
    assert packed.weights() == pytest.approx(draws, rel=1e-12)


def test_one_draw_is_the_likeliest_codes(model):
    assert (model.pack(1).codes() == model.weight_codes_).all()
    assert (model.pack(1, random_state=1).codes() == model.pack(1, random_state=2).codes()).all()


def test_predictions_have_the_units_of_the_target(model):
    packed = model.pack(5, random_state=3)
    features = features_of(model)
    draws = model.sample_weights(5, random_state=3) * model.weight_scale_ / model.feature_scale_
    values = model.intercept_ + features @ draws.T - features.mean(axis=0) @ (draws - model.coef_).T
    if not model.fit_intercept:
        values = features @ draws.T
    mean, std = packed.predict(features, return_std=True)
    assert mean == pytest.approx(values.mean(axis=1), rel=1e-9)
    assert packed.noise_variance >= model.noise_variance_
    assert std**2 == pytest.approx(values.var(axis=1) + packed.noise_variance, rel=1e-9)


def test_many_draws_approach_the_exact_moments(model):
    packed, features = model.pack(2000, random_state=0), features_of(model)
    packed_mean, packed_std = packed.predict(features, return_std=True)
    from_centre = features - features.mean(axis=0) if model.fit_intercept else features
    variance = from_centre**2 @ model.draw_std_**2
    gap = np.abs(packed_mean - model.predict(rows()))
    assert (gap <= 6 * np.sqrt(variance / 2000) + 1e-9).all()
    assert packed_std**2 == pytest.approx(variance + packed.noise_variance, rel=0.06)


def test_int8_inputs_cost_little(model):
    packed = model.pack(4, random_state=0, input_range=6.0)
    features = features_of(model)
    gap = packed.predict_quantised(packed.quantise(features)) - packed.predict(features)
    assert np.sqrt(np.mean(gap**2)) < 0.05 * np.sqrt(model.noise_variance_)


def test_files_and_headers_of_a_fit(model, tmp_path):
    packed = model.pack(2, random_state=0)
    packed.save(tmp_path / "packed.npz")
    loaded = PackedEnsemble.load(tmp_path / "packed.npz")
    features = features_of(model)
    assert (loaded.predict(features) == packed.predict(features)).all()
    loaded.to_c(tmp_path / "pump.h", prefix="pump")
    assert f"#define pump_N_FEATURES {features.shape[1]}\n" in (tmp_path / "pump.h").read_text()


@pytest.mark.parametrize("weight_scale", ["auto", "ridge"])
def test_four_bits_take_a_fourteenth_of_float64(weight_scale):
    wide = RBFSampler(gamma=5.0, n_components=400, random_state=0)
    model = DirectBayesianRegressor(weight_scale=weight_scale, feature_map=wide, **FAST).fit(X, Y)
    packed = model.pack(random_state=0)
    assert packed.n_samples == 8
    assert packed.nbytes <= 8 * 400 * 8 / 14


def test_constant_columns_add_nothing_where_they_stay_constant():
    constant = np.column_stack([X, np.full(len(X), 7.0)])
    model = DirectBayesianRegressor(**FAST).fit(constant, Y)
    packed = model.pack(3, random_state=0)
    without = packed.weights()[:, :10]
    by_hand = Y.mean() + (X - X.mean(axis=0)) @ without.T
    assert packed.predict(constant) == pytest.approx(by_hand.mean(axis=1), rel=1e-9)
    assert (packed.quantise(constant)[:, 10] == 0).all()


@pytest.mark.parametrize("weight_scale", ["auto", "elbo", 5.0])
def test_the_code_of_a_constant_column_is_zero(weight_scale):
    """All its codes are as probable; another value in a new row should change nothing."""
    constant = np.column_stack([X, np.full(len(X), 7.0)])
    model = DirectBayesianRegressor(weight_scale=weight_scale, **FAST).fit(constant, Y)
    assert model.weight_codes_[10] == 0
    moved = np.column_stack([X, np.full(len(X), 9.0)])
    assert model.pack(1).predict(moved) == pytest.approx(model.pack(1).predict(constant))


def test_a_pack_is_seeded_and_its_own():
    model = DirectBayesianRegressor(**FAST).fit(X[:100], Y[:100])
    packed = model.pack(20, random_state=1)
    assert (packed.codes() == model.pack(20, random_state=1).codes()).all()
    assert (packed.codes() != model.pack(20, random_state=2).codes()).any()
    before = packed.predict(X)
    model.set_params(n_bits=8).partial_fit(X[100:], Y[100:])
    assert (packed.predict(X) == before).all()


def test_bad_calls_say_what_is_accepted():
    with pytest.raises(NotFittedError, match="not fitted"):
        DirectBayesianRegressor().pack()
    model = DirectBayesianRegressor(**FAST).fit(X, Y)
    for n_samples in (0, -1, 2.5, "8"):
        with pytest.raises(
            ValueError, match=f"n_samples is {n_samples!r}; an integer of 1 or more"
        ):
            model.pack(n_samples)
    for input_range in (0, -1.0, np.inf, np.nan):
        with pytest.raises(ValueError, match=r"input_range is .*; a positive number"):
            model.pack(2, input_range=input_range)
    with pytest.raises(ValueError, match=r"shape \(442, 3\) .* \(n_rows, 10\) is accepted"):
        model.pack().predict(X[:, :3])
