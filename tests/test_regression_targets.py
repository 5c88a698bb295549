"""Several targets: as if each were the only one, from one product X'X."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.kernel_approximation import RBFSampler
from sklearn.metrics import r2_score
from sklearn.model_selection import cross_val_predict
from sklearn.preprocessing import StandardScaler

from skpc import DirectBayesianRegressor, EinetDensityEstimator
from skpc.direct import PackedEnsemble

N, N_TARGETS = 80, 3
RANDOM = np.random.RandomState(0)
X = RANDOM.standard_normal((N, 4)) + np.array([0.0, 5.0, 0.0, -2.0])
COEF = np.array([[1.0, 0.0, -2.0, 3.0], [0.0, 50.0, 0.0, 20.0], [1.0, 1.0, 1.0, 1.0]])
Y = X @ COEF.T + [0.0, 100.0, -1.0] + RANDOM.standard_normal((N, 3)) * [1.0, 10.0, 1e-7]
NEW = RANDOM.standard_normal((7, 4))
# The second target's product with X may be summed in another order than when it is alone.
ALIKE = {"rtol": 1e-9, "atol": 1e-12}


def each(**parameters):
    return [DirectBayesianRegressor(random_state=0, **parameters).fit(X, y) for y in Y.T]


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"weight_scale": "elbo", "n_bits": 3, "max_iter": 20},
        {"posterior": "mixture", "n_mixtures": 2, "max_iter": 20},
        {"feature_map": RBFSampler(n_components=10), "fit_intercept": False},
    ],
    ids=["default", "elbo", "mixture", "map"],
)
def test_every_target_is_fitted_as_if_it_were_the_only_one(parameters):
    model = DirectBayesianRegressor(random_state=0, **parameters).fit(X, Y)
    alone = each(**parameters)
    mean, std = model.predict(NEW, return_std=True)
    for t, one in enumerate(alone):
        their_mean, their_std = one.predict(NEW, return_std=True)
        assert np.allclose(mean[:, t], their_mean, **ALIKE)
        assert np.allclose(std[:, t], their_std, **ALIKE)
        for name in ("coef_", "coef_std_", "intercept_", "elbo_", "noise_levels_", "weight_codes_"):
            assert np.allclose(getattr(model, name)[t], getattr(one, name), **ALIKE), name
    of_each = [one.log_predictive_density(NEW, Y[:7, t]) for t, one in enumerate(alone)]
    assert np.allclose(model.log_predictive_density(NEW, Y[:7]), sum(of_each), rtol=1e-6)


def test_shapes():
    model = DirectBayesianRegressor(random_state=0).fit(X, Y)
    assert model.predict(NEW).shape == (7, N_TARGETS)
    assert model.coef_.shape == model.weight_codes_.shape == (N_TARGETS, 4)
    assert model.intercept_.shape == model.elbo_.shape == (N_TARGETS,)
    assert model.feature_scale_.shape == (4,)
    assert model.sample_weights(5, random_state=0).shape == (5, N_TARGETS, 4)
    assert model.sample_y(NEW, 6, random_state=0).shape == (7, N_TARGETS, 6)
    assert len(model.elbo_path_) == N_TARGETS
    column = DirectBayesianRegressor(random_state=0).fit(X, Y[:, :1])
    assert column.predict(NEW).shape == (7, 1)
    assert column.coef_.shape == (1, 4)


def test_draws_follow_the_predictive_distribution():
    model = DirectBayesianRegressor(random_state=0).fit(X, Y)
    mean, std = model.predict(NEW, return_std=True)
    draws = model.sample_y(NEW, 20_000, random_state=0)
    assert np.allclose(draws.mean(axis=2), mean, rtol=0, atol=0.05 * std)
    assert np.allclose(draws.std(axis=2), std, rtol=0.05)


def test_pack_gives_an_ensemble_for_every_target(tmp_path):
    model = DirectBayesianRegressor(random_state=0).fit(X, Y)
    packed = model.pack(1)
    for t, (ensemble, alone) in enumerate(zip(packed, each(), strict=True)):
        assert isinstance(ensemble, PackedEnsemble)
        assert np.allclose(ensemble.predict(NEW), alone.pack(1).predict(NEW), **ALIKE)
        ensemble.to_c(tmp_path / f"target_{t}.h", prefix=f"target_{t}")
        assert f"target_{t}_predict(" in (tmp_path / f"target_{t}.h").read_text()


def test_chunks_give_the_model_of_one_fit():
    whole = DirectBayesianRegressor(random_state=0).fit(X, Y[:, :2])
    parts = DirectBayesianRegressor(random_state=0)
    for rows in (slice(0, 30), slice(30, None)):
        parts.partial_fit(X[rows], Y[rows, :2])
    assert np.allclose(parts.predict(NEW), whole.predict(NEW), rtol=1e-9)


def test_weights_count_rows():
    counts = RANDOM.randint(0, 3, N)
    weighted = DirectBayesianRegressor(random_state=0).fit(X, Y, sample_weight=counts)
    repeated = DirectBayesianRegressor(random_state=0)
    repeated.fit(np.repeat(X, counts, axis=0), np.repeat(Y, counts, axis=0))
    assert np.allclose(weighted.predict(NEW), repeated.predict(NEW), rtol=1e-6)


def test_missing_cells_add_to_the_variance_of_every_target():
    density = EinetDensityEstimator(max_iter=5, random_state=0).fit(X)
    holes = NEW.copy()
    holes[0, 1] = holes[2, :2] = np.nan
    model = DirectBayesianRegressor(random_state=0).fit(X, Y)
    mean, std = model.predict(holes, return_std=True, density=density)
    for t, one in enumerate(each()):
        for mine, theirs in zip(
            (mean, std), one.predict(holes, return_std=True, density=density), strict=True
        ):
            assert np.allclose(mine[:, t], theirs, rtol=1e-8)


def test_frames_scores_and_tools_of_scikit_learn():
    frame = pd.DataFrame(Y, columns=["a", "b", "c"])
    model = DirectBayesianRegressor(random_state=0).fit(X, frame)
    assert model.score(X, frame) == r2_score(Y, model.predict(X))
    assert cross_val_predict(model, X, Y, cv=3).shape == Y.shape
    scaled = TransformedTargetRegressor(model, transformer=StandardScaler()).fit(X, Y)
    assert np.allclose(scaled.predict(NEW), model.predict(NEW), rtol=1e-6, atol=1e-6)


def test_other_targets_than_in_training_are_refused():
    model = DirectBayesianRegressor(random_state=0).fit(X, Y)
    with pytest.raises(ValueError, match=r"y has the shape \(n, 2\) and had \(n, 3\) in training"):
        model.partial_fit(X, Y[:, :2])
    with pytest.raises(ValueError, match=r"y has the shape \(n\) and had \(n, 3\)"):
        model.log_predictive_density(X, Y[:, 0])
    with pytest.raises(ValueError, match="target y, column 1, has a root mean square above 1e"):
        model.fit(X, Y * [1.0, 1e120, 1.0])


def test_warnings_say_of_which_target():
    model = DirectBayesianRegressor(noise_range=(1e-3, 2e-3), random_state=0)
    with pytest.warns(UserWarning, match="it was widened to") as caught:
        model.fit(X, Y)
    assert {str(one.message).split(":")[0] for one in caught} == {
        "Target 0",
        "Target 1",
        "Target 2",
    }
