"""Mixtures against enumeration of every vector of codes."""

import numpy as np
import pytest
from helpers.direct_mixtures import (
    by_differences,
    elbo_by_enumeration,
    information_by_enumeration,
    joint,
    random_mixture,
)
from helpers.direct_problems import enumerate_all, problem_of, random_problem
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp

from skpc.direct.model import (
    PRIORS,
    Mixture,
    information_bound,
    integer_codes,
    mixture_elbo,
    mixture_of,
    named_log_prior,
    sampled_information,
    sampled_information_value,
)
from skpc.direct.solve import solve_mean_field, solve_mixture
from skpc.direct.solve.mixture import climb_bound
from skpc.direct.solve.mixture_start import on_lattice, starting_mixture

CASES = [(1, 3, 2), (2, 4, 2), (3, 3, 3), (5, 4, 3), (5, 5, 2)]


def information(mixture):
    return information_bound(mixture.log_weights, mixture.log_q)


def gradient(now):
    return np.concatenate([now.by_factors.ravel(), now.by_weights])


def search(problem, n_components=5, *, sampling=False, seed=0, max_iter=1000):
    start = solve_mean_field(problem, n_starts=64, random=np.random.RandomState(0))
    random = np.random.RandomState(seed)
    return start, solve_mixture(
        start, n_components, sampling=sampling, max_iter=max_iter, tol=1e-5, random=random
    )


@pytest.mark.parametrize(("n_components", "n_features", "n_bits"), CASES)
def test_expected_log_likelihood_equals_enumeration(n_components, n_features, n_bits):
    problem, x, y = random_problem(1, n_features, n_bits, prior="laplace")
    every = enumerate_all(problem, x, y)
    mixture = random_mixture(0, n_components, problem)
    now = mixture_elbo(problem, mixture, information_bound)
    q = np.exp(logsumexp(joint(mixture, every.indices), axis=0))
    noise = now.posterior.noise.probabilities[0]
    log_likelihood = every.log_joint - every.log_prior[:, None]  # with the noise's prior
    entropy = -(noise[noise > 0] @ np.log(noise[noise > 0]))
    exact = q @ (log_likelihood @ noise) + entropy
    assert now.posterior.noise.evidence[0] == pytest.approx(exact, abs=1e-10)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n_components=st.integers(1, 6),
    n_features=st.integers(1, 4),
    prior=st.sampled_from(PRIORS),
    spread=st.floats(0.01, 10.0),
)
def test_bound_is_below_the_elbo_and_that_below_the_evidence(
    seed, n_components, n_features, prior, spread
):
    problem, x, y = random_problem(seed, n_features, 2, prior=prior)
    every = enumerate_all(problem, x, y)
    mixture = random_mixture(seed, n_components, problem, spread)
    now = mixture_elbo(problem, mixture, information_bound)
    exact = elbo_by_enumeration(every, mixture, now.posterior.noise.probabilities[0])
    assert now.elbo <= exact + 1e-10 * abs(exact)
    assert exact <= every.log_evidence + 1e-10
    gap = information_by_enumeration(mixture, every.indices) - information(mixture).value
    assert exact - now.elbo == pytest.approx(gap, abs=1e-10, rel=1e-10)


def test_bound_is_exact_for_one_component_for_equal_ones_and_for_disjoint_ones():
    problem, _, _ = random_problem(0, 4, 3)
    one = random_mixture(0, 1, problem)
    assert information(one).value == pytest.approx(0.0, abs=1e-14)
    equal = Mixture(np.log([0.2, 0.5, 0.3]), one.log_q.repeat(3, axis=0))
    assert information(equal).value == pytest.approx(0.0, abs=1e-12)
    apart = random_mixture(1, 3, problem).log_q
    apart[:, 0] = -1000.0
    apart[[0, 1, 2], 0, [0, 3, 5]] = 0.0
    weights = np.array([0.2, 0.5, 0.3])
    value = information_bound(np.log(weights), apart).value
    assert value == pytest.approx(-weights @ np.log(weights), abs=1e-12)


@pytest.mark.parametrize(("n_components", "n_features", "n_bits"), CASES)
def test_gradient_of_the_bound_equals_differences(n_components, n_features, n_bits):
    problem, _, _ = random_problem(2, n_features, n_bits, prior="spike")
    mixture = random_mixture(3, n_components, problem)
    numeric = by_differences(lambda m: mixture_elbo(problem, m, information_bound).elbo, mixture)
    now = mixture_elbo(problem, mixture, information_bound)
    assert gradient(now) == pytest.approx(numeric, abs=1e-6)


@pytest.mark.parametrize("spread", [0.5, 2.0])
@pytest.mark.parametrize(("n_components", "n_features", "n_bits"), [(3, 3, 2), (2, 4, 3)])
def test_sampled_information_and_its_slopes_are_unbiased(n_components, n_features, n_bits, spread):
    problem, x, y = random_problem(4, n_features, n_bits)
    indices = enumerate_all(problem, x, y).indices
    mixture = random_mixture(5, n_components, problem, spread)
    random = np.random.RandomState(0)

    def mixing(log_weights, log_q):
        return sampled_information(log_weights, log_q, 2, random)

    drawn = [mixture_elbo(problem, mixture, mixing) for _ in range(2000)]
    offset = mixture_elbo(problem, mixture, information_bound).elbo - information(mixture).value
    values = np.array([now.elbo for now in drawn]) - offset
    exact = information_by_enumeration(mixture, indices)
    assert abs(values.mean() - exact) < 4 * values.std() / np.sqrt(2000)

    def true_elbo(m):
        rest = mixture_elbo(problem, m, information_bound).elbo - information(m).value
        return rest + information_by_enumeration(m, indices)

    slopes = np.array([gradient(now) for now in drawn])
    error = slopes.std(axis=0) / np.sqrt(2000)
    numeric = by_differences(true_elbo, mixture)
    # 4 standard errors each; a few dozen slopes leave 1 in 500 runs beyond, and the seed is fixed.
    assert (np.abs(slopes.mean(axis=0) - numeric) < 4 * error + 1e-6).all()


def test_value_of_many_draws_is_close_to_enumeration():
    problem, x, y = random_problem(6, 4, 3)
    mixture = random_mixture(7, 4, problem)
    exact = information_by_enumeration(mixture, enumerate_all(problem, x, y).indices)
    sampled = sampled_information_value(
        mixture.log_weights, mixture.log_q, 4000, np.random.RandomState(0)
    )
    assert sampled == pytest.approx(exact, abs=0.03)


@pytest.mark.parametrize("sampling", [False, True])
@pytest.mark.parametrize("n_bits", [2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_search_ends_between_mean_field_and_the_evidence(seed, n_bits, sampling):
    problem, x, y = random_problem(seed, 4, n_bits, n_rows=8)
    every = enumerate_all(problem, x, y)
    start, solution = search(problem, sampling=sampling, max_iter=300)
    n_before = len(start.path)
    assert solution.path[:n_before] == start.path
    assert (np.diff(solution.path[n_before - 1 :]) >= 0).all()
    noise = solution.posterior.noise.probabilities[0]
    # Masses that underflow have no logarithm.
    masses = solution.posterior.weights, solution.posterior.probabilities
    mixture = Mixture(*(np.log(np.maximum(mass, 1e-300)) for mass in masses))
    exact = elbo_by_enumeration(every, mixture, noise)
    assert solution.elbo <= exact + (0.05 if sampling else 1e-9)
    assert solution.elbo <= every.log_evidence + (0.05 if sampling else 1e-9)
    assert solution.posterior.weights.sum() == pytest.approx(1.0)
    assert solution.n_iter > start.n_iter


def two_modes():
    """A feature and its copy with one weight of 3 to share, and a prior that shuns sharing."""
    random = np.random.RandomState(0)
    z = random.standard_normal(40)
    x, y = np.stack([z, z], axis=1), 3 * z + 0.3 * random.standard_normal(40)
    codes = integer_codes(3)
    prior = named_log_prior("spike", codes, 0.9)
    return problem_of(x, y, codes, np.ones(2), prior), x, y


def test_a_mixture_holds_both_modes_of_a_posterior():
    problem, x, y = two_modes()
    start, solution = search(problem, 2)
    assert solution.elbo == pytest.approx(start.elbo + np.log(2), abs=0.01)
    assert solution.posterior.weights == pytest.approx([0.5, 0.5], abs=0.01)
    evidence = enumerate_all(problem, x, y).log_evidence
    assert solution.elbo == pytest.approx(evidence, abs=0.1)


def test_halves_catch_the_dependence_of_two_weights():
    random = np.random.RandomState(0)
    z = random.standard_normal((60, 1))
    x = z + 0.3 * random.standard_normal((60, 2))
    y = x @ [1.0, 1.0] + random.standard_normal(60)
    codes = integer_codes(4)
    prior = named_log_prior("uniform", codes, 0)
    problem = problem_of(x, y, codes, np.full(2, 0.3), prior)
    evidence = enumerate_all(problem, x, y).log_evidence
    gains = [search(problem, r)[1].elbo - search(problem, 1)[1].elbo for r in (1, 2, 5)]
    assert 0.0 == gains[0] < gains[1] < gains[2]
    lost = evidence - search(problem, 1)[1].elbo
    assert gains[2] > 0.5 * lost


def test_one_component_is_the_mean_field_posterior():
    problem, _, _ = random_problem(0, 5, 3)
    start, solution = search(problem, 1)
    state = start.state
    now = mixture_elbo(problem, mixture_of(problem, state), information_bound)
    assert now.elbo == pytest.approx(state.elbo[0], abs=1e-10)
    assert now.posterior.mean == pytest.approx(state.posterior.mean, abs=1e-12)
    assert now.posterior.variance == pytest.approx(state.posterior.variance, abs=1e-12)
    assert solution.path == start.path
    assert start.elbo == state.elbo[0]
    climbed = mixture_elbo(
        problem, climb_bound(problem, mixture_of(problem, state), 100)[0], information_bound
    )
    assert climbed.elbo == pytest.approx(state.elbo[0], abs=1e-9)


def test_halves_start_at_the_bound_of_mean_field():
    problem, _, _ = random_problem(3, 40, 4, 80, "normal")
    state = solve_mean_field(problem, n_starts=64, random=np.random.RandomState(0)).state
    start = starting_mixture(problem, state, 5, np.random.RandomState(0))
    assert len(start.log_weights) == 5
    assert mixture_elbo(problem, start, information_bound).elbo > state.elbo[0] - 0.01


def test_certain_weights_leave_nothing_to_mix():
    problem, _, _ = random_problem(7, 3, 2)
    certain = problem.with_grid(noise=np.array([1e-9]), step=np.full(3, 0.5))
    start, solution = search(certain)
    assert solution.path == start.path
    assert len(solution.posterior.weights) == 1


def test_rounding_of_the_data_does_not_show():
    problem, _, _ = random_problem(8, 12, 4, 60)
    random = np.random.RandomState(0)
    other = problem.with_grid(
        moment=problem.moment * (1 + 1e-15 * random.standard_normal(12)),
        square=problem.square * (1 + 1e-15),
    )
    assert (on_lattice(problem).moment == on_lattice(other).moment).all()
    (_, a), (_, b) = search(problem), search(other)
    assert a.elbo == pytest.approx(b.elbo, rel=1e-12)
    assert a.posterior.mean == pytest.approx(b.posterior.mean, abs=1e-12)
