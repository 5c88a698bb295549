import numpy as np
import pytest
from scipy.linalg import cholesky
from scipy.stats import multivariate_normal

from skpc.direct import collect
from skpc.direct.model import evaluate
from skpc.direct.moments import standardise
from skpc.direct.solve import Options, best_ridge, solve_mean_field, solve_regression
from skpc.direct.solve import ridge as module
from skpc.direct.solve.ridge import EASINGS, FLOORS, PENALTIES, feed_back, round_ridge


def rows(seed, n_rows=60, n_features=12, noise=0.05):
    """Strongly correlated columns x (n, B) and a target, both centred and of unit spread."""
    random = np.random.RandomState(seed)
    x = random.standard_normal((n_rows, 4)) @ random.standard_normal((4, n_features))
    x += 0.1 * random.standard_normal(x.shape)
    y = x @ random.standard_normal(n_features) + noise * random.standard_normal(n_rows)
    x, y = x - x.mean(axis=0), y - y.mean()
    return x / x.std(axis=0), y / y.std()


def standard(x, y):
    return standardise(collect(x, y, np.ones(len(y))), True)


@pytest.mark.parametrize("noise", [0.05, 1.0, 5.0])
@pytest.mark.parametrize("seed", range(3))
def test_penalty_maximises_the_density_of_the_rows(seed, noise):
    x, y = rows(seed, noise=noise)

    def evidence(penalty):
        shape = np.eye(len(y)) + x @ x.T / penalty
        noise = y @ np.linalg.solve(shape, y) / len(y)
        return multivariate_normal(np.zeros(len(y)), noise * shape).logpdf(y), noise

    ridge = best_ridge(standard(x, y))
    best, at_best = evidence(ridge.penalty)
    assert ridge.noise == pytest.approx(at_best, rel=1e-6)
    assert best >= max(evidence(p)[0] for p in len(y) * PENALTIES[40::4]) - 1e-6


@pytest.mark.parametrize("seed", range(5))
def test_errors_of_rounding_are_made_up_for(seed):
    x, y = rows(seed)
    metric = x.T @ x + 0.01 * np.eye(x.shape[1])
    target = np.linalg.solve(metric, x.T @ y)
    codes, step = feed_back(cholesky(metric), target, 7.0, 0.01)
    assert (np.abs(codes) <= 7).all()
    assert (codes == np.round(codes)).all()
    assert (np.log2(step) % 1 == 0).all()

    def distance(weights):
        return (weights - target) @ metric @ (weights - target)

    assert distance(codes * step) < distance(step * np.clip(np.round(target / step), -7, 7))


def test_without_correlation_weights_are_rounded_each_by_itself():
    target = np.random.RandomState(0).standard_normal(30)
    codes, step = feed_back(3 * np.eye(30), target, 7.0, 0.1)
    assert (codes == np.round(target / step)).all()
    large = np.abs(target) > 0.1
    assert (np.abs(codes[large]) >= 3).all()


def test_grids_reach_beyond_their_weights():
    target = np.random.RandomState(0).standard_normal(30)
    _, step = feed_back(np.eye(30), target, 7.0, 0.1, deviation=0.5)
    assert (7 * step >= np.abs(target) + 0.5).all()
    assert (3.5 * step < np.abs(target) + 0.5).all()


@pytest.mark.parametrize("seed", [1, 3, 4, 5])
def test_of_all_roundings_the_likeliest_under_the_ridge_is_taken(seed, monkeypatch):
    x, y = rows(seed, n_rows=50, n_features=30, noise=1.0)
    data, penalty = standard(x, y), best_ridge(standard(x, y)).penalty

    def loss():
        weights = round_ridge(data, 1.0).weights
        return ((y - x @ weights) ** 2).sum() + penalty * weights @ weights

    taken, alone = loss(), np.empty((len(EASINGS), len(FLOORS)))
    for i, easing in enumerate(EASINGS):
        for j, floor in enumerate(FLOORS):
            monkeypatch.setattr(module, "EASINGS", [easing])
            monkeypatch.setattr(module, "FLOORS", [floor])
            alone[i, j] = loss()
    assert taken == pytest.approx(alone.min())
    assert alone[0].min() > alone.min(), "larger penalties than the ridge's own are tried"


@pytest.mark.parametrize("seed", [3, 4])
def test_the_noise_covers_the_residuals_of_rounded_weights(seed):
    x, y = rows(seed, n_rows=50, n_features=30, noise=1.0)
    rounded, ridge = round_ridge(standard(x, y), 1.0), best_ridge(standard(x, y))
    residual = np.mean((y - x @ rounded.weights) ** 2)
    assert (residual > ridge.noise) == (seed == 3)
    assert rounded.noise == pytest.approx(max(residual, ridge.noise))


@pytest.mark.parametrize("n_bits", [2, 4, 8])
def test_the_solve_is_no_worse_than_the_rounded_weights(n_bits):
    data = standard(*rows(0, n_rows=200, n_features=40))
    options = Options(n_bits, "uniform", None, 15, None, "auto", 1000, 1e-6, near_ridge=True)
    solved = solve_regression(data, options, np.random.RandomState(0))
    problem = solved.problem
    rounded = round_ridge(data, problem.codes.max())
    assert (problem.step == rounded.step).all()
    assert problem.noise[0] < rounded.noise < problem.noise[-1]
    theta = (problem.moment - rounded.weights @ problem.off_diagonal) / rounded.noise
    start = evaluate(problem, theta[None], np.array([1 / rounded.noise]))
    path = np.array(solve_mean_field(problem, start=start, temper=False).path)
    assert path[0] == start.elbo[0]
    assert (np.diff(path) >= -1e-12 * np.abs(path[1:])).all()
    assert solved.elbo >= path[-1] - 1e-9 * abs(path[-1])


def test_more_bits_are_nearer_to_the_ridge():
    x, y = rows(1, n_rows=200, n_features=40)
    data = standard(x, y)
    ridge = best_ridge(data)
    weights = np.linalg.solve(data.gram + ridge.penalty * np.eye(40), data.moment)
    errors = [
        np.mean((x @ (round_ridge(data, largest).weights - weights)) ** 2)
        for largest in (1.0, 7.0, 127.0)
    ]
    assert errors[0] > errors[1] > errors[2]
    assert errors[1] < ridge.noise
