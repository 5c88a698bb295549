import numpy as np
import pytest
from helpers.direct_problems import problem_of, random_problem
from hypothesis import given, settings
from hypothesis import strategies as st

from skpc.direct import collect
from skpc.direct.model import evaluate, integer_codes, named_log_prior, noise_levels
from skpc.direct.moments import standardise
from skpc.direct.solve import Options, solve_mean_field, solve_regression, sweep
from skpc.direct.solve.ascent import climb
from skpc.direct.solve.newton import newton
from skpc.direct.solve.problem import lowest_noise
from skpc.direct.solve.starts import full_tau, random_starts


def restarts(problem, n_starts, seed):
    """ELBO of coordinate ascent from random codes, each start on its own."""
    random = np.random.RandomState(seed)
    mean = random.choice(problem.codes, (n_starts, len(problem.step))) * problem.step
    tau = 1 / random.choice(problem.noise, n_starts)
    theta = tau[:, None] * (problem.moment - mean @ problem.off_diagonal)
    state = evaluate(problem, theta, tau)
    for _ in range(200):
        state = sweep(problem, state)
    return state.elbo


@pytest.mark.parametrize("n_bits", [2, 3])
@pytest.mark.parametrize("n_features", [2, 4, 5])
@pytest.mark.parametrize("seed", range(5))
def test_optimum_is_as_good_as_200_restarts(n_bits, n_features, seed):
    problem, _, _ = random_problem(seed, n_features, n_bits, n_rows=8)
    ours = solve_mean_field(problem, n_starts=256, random=np.random.RandomState(0)).elbo
    assert ours >= restarts(problem, 200, seed + 100).max() - 1e-8


@pytest.mark.parametrize("solver", ["lbfgs", "coordinate"])
@pytest.mark.parametrize("seed", range(4))
def test_path_never_falls_and_ends_at_the_fixed_point(solver, seed):
    problem, _, _ = random_problem(seed, n_features=20, n_bits=4, n_rows=60, prior="normal")
    solution = solve_mean_field(problem, solver=solver)
    path = np.array(solution.path)
    assert (np.diff(path) >= -1e-12 * np.abs(path[1:])).all()
    assert solution.converged
    state = solution.state
    tau = state.noise.precision[0]
    assert state.tau[0] == pytest.approx(tau, rel=1e-10)
    fixed = tau * (problem.moment - state.posterior.mean[0] @ problem.off_diagonal)
    moved = state.posterior.variance[0] / problem.step * np.abs(fixed - state.theta[0])
    assert moved.max() < 1e-9


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), n_rows=st.integers(2, 30), n_bits=st.integers(2, 6))
def test_sweeps_never_lower_the_elbo(seed, n_rows, n_bits):
    problem, _, _ = random_problem(seed, 6, n_bits, n_rows)
    state = evaluate(problem, np.zeros((1, 6)), np.array([0.5]))
    for _ in range(10):
        after = sweep(problem, state)
        assert after.elbo[0] >= state.elbo[0] - 1e-10 * abs(state.elbo[0])
        state = after


@pytest.mark.parametrize("seed", range(4))
def test_climb_ends_where_every_factor_is_the_best_given_the_others(seed):
    problem, _, _ = random_problem(seed, 8, 4, 40, "normal")
    state, n_gradients = climb(problem, np.zeros((1, 8)), 2.0, 500)
    assert n_gradients > 1
    best = 2.0 * (problem.moment - state.posterior.mean[0] @ problem.off_diagonal)
    assert (state.posterior.variance[0] * (best - state.theta[0])) == pytest.approx(0.0, abs=1e-2)


@pytest.mark.parametrize("seed", range(4))
def test_newton_solves_both_equations_in_a_few_steps(seed):
    """Where weights are so uncertain that iterating the equations themselves diverges."""
    random = np.random.RandomState(seed)
    x = random.standard_normal((60, 4)) @ random.standard_normal((4, 12))
    x += 0.3 * random.standard_normal(x.shape)
    y = x @ random.standard_normal(12) * 0.3 + random.standard_normal(60)
    codes = integer_codes(6)
    prior, noise = named_log_prior("normal", codes, 0.4), noise_levels(0.1, 10, 15)
    problem = problem_of(x, y, codes, np.full(12, 0.05), prior, noise)
    best = solve_mean_field(problem).state
    slopes = best.tau[0] * problem.off_diagonal * best.posterior.variance[0]
    assert np.abs(np.linalg.eigvals(slopes)).max() > 2
    size = np.abs(best.theta).max()
    moved = best.theta + 0.01 * size * random.standard_normal(best.theta.shape)
    state = newton(problem, evaluate(problem, moved, 1.3 * best.tau), max_iter=6)
    fixed = state.tau[0] * (problem.moment - state.posterior.mean[0] @ problem.off_diagonal)
    assert fixed == pytest.approx(state.theta[0], abs=1e-11 * size)
    assert state.noise.precision == pytest.approx(state.tau, rel=1e-9)


def test_random_starts_are_the_same_about_any_origin():
    """With G the Gram matrix, theta about codes o is theta - tau diag(G) step o."""
    problem, x, y = random_problem(0, 6, 4, 20)
    origin = np.array([3.0, -2.0, 0.0, 7.0, 1.0, -5.0])
    residual = y - x @ (problem.step * origin)
    about = problem.with_grid(
        origin=origin, moment=x.T @ residual, square=float(residual @ residual)
    )
    tau = np.array([0.3, 1.0, 2.0])
    plain, moved = (random_starts(p, tau, np.random.RandomState(1)) for p in (problem, about))
    assert moved == pytest.approx(plain - tau[:, None] * problem.diagonal * problem.step * origin)


def test_the_first_precision_is_one_of_the_grid():
    problem, _, y = random_problem(0)
    mean_square = y @ y / len(y)
    assert full_tau(problem.with_grid(noise=np.array([0.01, 99.0]))) == pytest.approx(
        1 / mean_square
    )
    assert full_tau(problem.with_grid(noise=np.array([0.01, 0.02]))) == 1 / 0.02
    assert full_tau(problem.with_grid(noise=np.array([1e3, 1e4]))) == 1 / 1e3


def test_rising_noise_precision_beats_coordinates_on_correlated_features():
    random = np.random.RandomState(0)
    x = random.standard_normal((300, 5)) @ random.standard_normal((5, 60))
    x += 0.3 * random.standard_normal(x.shape)
    y = x @ random.standard_normal(60) * 0.05 + 0.3 * random.standard_normal(300)
    codes = integer_codes(4)
    noise = noise_levels(1e-3, 10, 15)
    problem = problem_of(
        x, y, codes, np.full(60, 0.03), named_log_prior("uniform", codes, 0), noise
    )
    ours, coordinates = solve_mean_field(problem), solve_mean_field(problem, solver="coordinate")
    assert ours.elbo >= coordinates.elbo - 1e-6


def test_a_noise_range_is_widened_to_where_it_may_end_and_no_further():
    """A target that codes explain exactly has the lowest noise of all."""
    random = np.random.RandomState(0)
    x = random.standard_normal((100, 4))
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    y = x @ (0.1 * np.array([3.0, -2.0, 1.0, 7.0]))
    data, step = standardise(collect(x, y, np.ones(100)), True), np.full(4, 0.1 / y.std())
    lowest = lowest_noise(data)
    for low, widened in ((0.1, True), (lowest, False)):
        options = Options(4, "uniform", step, 15, (low, 1.0), "auto", 1000, 1e-6)
        solution = solve_regression(data, options, np.random.RandomState(0))
        assert solution.widened == widened
        assert solution.problem.noise[0] == pytest.approx(lowest)


def test_rounds_are_counted_and_limited():
    problem, _, _ = random_problem(0, 20, 4, 60)
    long, short = solve_mean_field(problem), solve_mean_field(problem, max_iter=3)
    assert short.n_iter < long.n_iter
    assert long.converged
    assert not short.converged
    assert not solve_mean_field(problem, max_iter=1, solver="coordinate").converged


@pytest.mark.parametrize(("prior", "cut"), [("normal", 0.3), ("laplace", 0.6)])
def test_another_width_of_the_prior_is_tried_first_at_the_same_width_in_weights(
    prior, cut, monkeypatch
):
    """The step grows as the width in codes shrinks, to half powers of two.

    The largest code cuts the tails of a wide prior, of Laplace's more than of the normal one.
    """
    random, tried = np.random.RandomState(0), []

    def record(problem, **options):
        solution = solve_mean_field(problem, **options)
        spread = np.sqrt(np.exp(problem.log_prior) @ problem.codes**2)
        tried.append((float(solution.state.elbo[0]), spread, problem.step[0] * spread))
        return solution

    monkeypatch.setattr("skpc.direct.solve.steps.solve_mean_field", record)
    x = random.normal(size=(200, 5))
    y = x @ random.normal(size=5) + random.normal(size=200)
    data = standardise(collect(x, y, np.ones(200)), True)
    solve_regression(data, Options(8, prior, None, 15, None, "auto", 1000, 1e-6), random)
    spreads = list(dict.fromkeys(spread for _, spread, _ in tried))
    assert len(spreads) == 3
    for spread in spreads[1:]:
        first = next(i for i, one in enumerate(tried) if one[1] == spread)
        best = max(tried[:first])
        assert abs(np.log2(tried[first][2] / best[2])) <= cut
