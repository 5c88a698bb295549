import numpy as np
import pytest
from helpers.direct_problems import elbo_by_enumeration, enumerate_all, random_problem
from hypothesis import given, settings
from hypothesis import strategies as st

from skpc.direct.model import PRIORS, evaluate
from skpc.direct.solve import solve_mean_field

CASES = [(3, 2, "uniform"), (5, 2, "laplace"), (5, 2, "spike"), (4, 3, "normal"), (5, 3, "uniform")]


@pytest.mark.parametrize(("n_features", "n_bits", "prior"), CASES)
def test_elbo_equals_enumeration_and_stays_below_the_evidence(n_features, n_bits, prior):
    problem, x, y = random_problem(1, n_features, n_bits, prior=prior)
    every = enumerate_all(problem, x, y)
    random = np.random.RandomState(0)
    theta, tau = random.standard_normal((4, n_features)), np.array([0.01, 0.3, 1.0, 7.0])
    states = evaluate(problem, theta, tau)
    for k in range(4):
        q, noise = states.posterior.probabilities[k], states.noise.probabilities[k]
        exact = elbo_by_enumeration(every, q, noise)
        assert states.elbo[k] == pytest.approx(exact, abs=1e-10)
        assert states.elbo[k] <= every.log_evidence + 1e-10


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    n_features=st.integers(1, 4),
    n_rows=st.integers(1, 12),
    prior=st.sampled_from(PRIORS),
    scale=st.floats(0.1, 30.0),
)
def test_elbo_equals_enumeration_at_random_points(seed, n_features, n_rows, prior, scale):
    problem, x, y = random_problem(seed, n_features, 2, n_rows, prior)
    every = enumerate_all(problem, x, y)
    theta = scale * np.random.RandomState(seed).standard_normal((1, n_features))
    state = evaluate(problem, theta, np.array([scale / 10]))
    exact = elbo_by_enumeration(
        every, state.posterior.probabilities[0], state.noise.probabilities[0]
    )
    assert state.elbo[0] == pytest.approx(exact, abs=1e-10, rel=1e-12)
    assert state.elbo[0] <= every.log_evidence + 1e-10


def test_elbo_of_one_weight_reaches_the_evidence_when_the_noise_is_known():
    problem, x, y = random_problem(3, n_features=1, n_bits=3)
    problem = problem.with_grid(noise=np.array([0.3]))
    solution = solve_mean_field(problem)
    evidence = enumerate_all(problem, x, y).log_evidence
    assert solution.elbo == pytest.approx(evidence, abs=1e-10)


def test_noise_posterior_is_the_best_one():
    problem, x, y = random_problem(5)
    every = enumerate_all(problem, x, y)
    state = evaluate(problem, np.zeros((1, 3)), np.array([1.0]))
    q, best = state.posterior.probabilities[0], state.noise.probabilities[0]
    random = np.random.RandomState(0)
    for _ in range(20):
        other = best * np.exp(0.3 * random.standard_normal(best.shape))
        other /= other.sum()
        assert elbo_by_enumeration(every, q, other) <= state.elbo[0] + 1e-12
