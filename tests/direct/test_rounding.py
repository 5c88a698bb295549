"""Codes near a ridge regression: rounding with compensation, moves, and the plainest good grid."""

import numpy as np
import pytest
from direct.test_ridge import rows, standard

from skpc.direct.model import evaluate, integer_codes
from skpc.direct.solve import (
    Options,
    best_ridge,
    likeliest_codes,
    prior_units,
    round_ridge,
    solve_mean_field,
    solve_regression,
)
from skpc.direct.solve.plain_grid import GOOD
from skpc.direct.solve.rounding import Moves, rounder

CODES = integer_codes(4)


def ridge_of(data):
    return best_ridge(data, prior_units(data))


def fixed(step):
    return lambda j, weight: (step[j], float(np.clip(np.round(weight / step[j]), -7, 7)))


@pytest.mark.parametrize("seed", range(5))
def test_errors_of_rounding_are_made_up_for(seed):
    ridge = ridge_of(standard(*rows(seed)))
    # No code is cut off here.
    step = np.full(12, np.abs(ridge.mean).max() / 3)
    codes, taken = rounder(ridge, CODES).nearest_plane(fixed(step))
    assert (taken == step).all()
    assert (codes == np.round(codes)).all()
    assert np.abs(codes).max() < 7
    each = np.round(ridge.mean / step)
    # On seed 3 they are the same codes.
    better = ridge.excess(codes * step) / ridge.excess(each * step)
    assert better == pytest.approx(1.0) if seed == 3 else better < 0.99


def test_without_correlation_weights_are_rounded_each_by_itself():
    random = np.random.RandomState(0)
    x = np.linalg.qr(random.standard_normal((200, 10)) - 0.0)[0]
    x -= x.mean(axis=0)
    x = np.linalg.qr(x)[0]
    ridge = ridge_of(standard(x, x @ random.standard_normal(10)))
    step = np.full(10, np.abs(ridge.mean).max() / 7)
    codes, _ = rounder(ridge, CODES).nearest_plane(fixed(step))
    assert (codes == np.round(ridge.mean / step)).all()


@pytest.mark.parametrize("prior", [None, "spike"])
@pytest.mark.parametrize("seed", range(3))
def test_no_single_move_is_left_that_makes_codes_likelier(seed, prior):
    ridge = ridge_of(standard(*rows(seed)))
    log_prior = None
    if prior == "spike":
        log_prior = np.log(np.where(CODES == 0, 0.9, 0.1 / 14))
    near, step = rounder(ridge, CODES, log_prior), np.full(12, np.abs(ridge.mean).max() / 7)
    codes, _ = near.nearest_plane(fixed(step))
    moved = near.moved(codes, step)
    assert moved.loss <= near.rounded(codes, step).loss
    for j in range(12):
        for code in CODES:
            other = moved.codes.copy()
            other[j] = code
            assert near.rounded(other, step).loss >= moved.loss - 1e-6 * ridge.noise


def test_moves_find_the_best_of_all_codes_of_a_small_problem():
    random = np.random.RandomState(0)
    x = random.standard_normal((20, 3))
    gram, codes = x.T @ x, np.arange(-1.0, 2.0)
    step, energy = np.array([0.5, 1.0, 2.0]), np.array([1.0, 0.0, 2.0])
    pull = gram @ [0.4, -1.1, 0.1]
    moves = Moves(gram, np.diag(gram), codes, step, energy)
    found = moves.descend(np.zeros(3), -pull, 1e-9)
    every = np.stack(np.meshgrid(codes, codes, codes, indexing="ij"), axis=-1).reshape(-1, 3)
    weights = every * step
    values = np.einsum("mb,bc,mc->m", weights, gram, weights) - 2 * weights @ pull
    values += energy[(every + 1).astype(int)].sum(axis=1)
    assert (found == every[values.argmin()]).all()
    # The diagonal of the matrix does not count: it may stand apart.
    without = Moves(gram - np.diag(np.diag(gram)), np.diag(gram), codes, step, energy)
    assert (without.descend(np.zeros(3), -pull, 1e-9) == found).all()


@pytest.mark.parametrize("own", [False, True], ids=["one step", "a step a feature"])
@pytest.mark.parametrize("top", [4, 5, 6, 7])
@pytest.mark.parametrize("seed", range(3))
def test_planted_integers_are_found(own, top, seed):
    random = np.random.RandomState(seed)
    x = random.standard_normal((5000, 12))
    codes = random.randint(-top, top + 1, 12)
    weights = codes / 7 * (2.0 ** random.randint(-2, 3, 12) if own else 1.0)
    y = x @ weights + 0.3 * random.standard_normal(5000)
    data = standard(x, y)
    found = round_ridge(ridge_of(data), CODES, data.x_scale)
    # Nearest by far: steps are at least 1 / 28.
    assert found.weights * y.std() / x.std(axis=0) == pytest.approx(weights, abs=0.02)


@pytest.mark.parametrize("n_bits", [2, 3, 4, 6, 8])
@pytest.mark.parametrize("seed", range(3))
def test_the_first_grid_that_is_good_enough_is_taken(n_bits, seed):
    x, y = rows(seed, n_rows=200, n_features=30, noise=0.5)
    data = standard(x, y)
    ridge, codes = ridge_of(data), integer_codes(n_bits)
    found = round_ridge(ridge, codes, data.x_scale)
    assert np.abs(found.codes).max() <= codes.max()
    assert ridge.excess(found.weights) <= (GOOD if n_bits > 2 else 2 * GOOD)
    powers = round_ridge(ridge, codes, data.x_scale, powers=True)
    exponents = np.log2(powers.step)
    assert exponents == pytest.approx(exponents.round(), abs=1e-12)


def test_no_step_is_below_the_least():
    data = standard(*rows(0, noise=1.0))
    ridge = ridge_of(data)
    found = round_ridge(ridge, CODES, data.x_scale, powers=True, least=2.0)
    assert (found.step >= 2 * np.sqrt(ridge.noise / np.diag(ridge.precision))).all()


def test_more_bits_are_nearer_to_the_ridge():
    data = standard(*rows(1, n_rows=200, n_features=40))
    ridge = ridge_of(data)
    errors = [
        ridge.excess(round_ridge(ridge, integer_codes(n_bits), data.x_scale, powers=True).weights)
        for n_bits in (2, 4, 8)
    ]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < GOOD


@pytest.mark.parametrize("near_ridge", ["steps", "powers"])
@pytest.mark.parametrize("n_bits", [2, 4, 8])
def test_the_solve_starts_from_the_codes_and_is_no_worse(n_bits, near_ridge):
    data = standard(*rows(0, n_rows=200, n_features=40))
    options = Options(n_bits, "uniform", None, 15, None, "auto", 1000, 1e-6, near_ridge=near_ridge)
    ridge = ridge_of(data)
    solved = solve_regression(data, options, np.random.RandomState(0), ridge=ridge)
    problem = solved.problem
    powers = near_ridge == "powers"
    rounded = round_ridge(ridge, problem.codes, data.x_scale, powers=powers)
    assert (problem.step == rounded.step).all()
    excess = ridge.excess(rounded.weights)
    assert problem.noise[0] < ridge.noise * (1 + excess) < problem.noise[-1]
    assert ridge.excess(solved.posterior.mean[0]) <= max(GOOD, 2 * excess)
    tau = 1 / np.sqrt(problem.noise[0] * problem.noise[-1])
    theta = tau * (problem.moment - rounded.weights @ problem.off_diagonal)
    start = evaluate(problem, theta[None], np.array([tau]))
    path = np.array(solve_mean_field(problem, start=start, temper=False).path)
    assert path[0] == start.elbo[0]
    assert (np.diff(path) >= -1e-12 * np.abs(path[1:])).all()


@pytest.mark.parametrize("near_ridge", [None, "steps"])
def test_likeliest_codes_have_no_likelier_neighbour(near_ridge):
    x, y = rows(3, noise=0.5)
    options = Options(3, "uniform", None, 15, None, "auto", 1000, 1e-6, near_ridge=near_ridge)
    solved = solve_regression(standard(x, y), options, np.random.RandomState(0))
    problem = solved.problem
    codes = likeliest_codes(solved)
    prior = np.broadcast_to(problem.log_prior, (12, 7))
    tau = solved.posterior.noise.precision[0]

    def log_joint(codes):
        residual = y - x @ (codes * problem.step)
        terms = prior[np.arange(12), (codes + 3).astype(int)]
        return -0.5 * tau * residual @ residual + terms.sum()

    best = log_joint(codes)
    for j in range(12):
        for code in problem.codes:
            other = codes.copy()
            other[j] = code
            assert log_joint(other) <= best + 1e-6
