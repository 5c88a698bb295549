"""Entropy, mutual information and divergence: sums over all states, closed forms and draws."""

import numpy as np
import pytest
from helpers.cases import Case, exact, tiny
from numpy.testing import assert_allclose
from scipy.special import logsumexp
from sklearn.mixture import GaussianMixture


def log_shares(model, states):
    """Log probabilities of all states, without unseen values, (n,)."""
    scores = model.score_samples(states)
    return scores - logsumexp(scores)


def test_entropy_of_states_is_their_sum(discrete_case):
    model, states = discrete_case.fitted(), discrete_case.fully_observed_states()
    logs = log_shares(model, states)
    value, error = model.entropy()
    assert_allclose(value, -np.exp(logs) @ logs, rtol=1e-9)
    assert error == 0
    assert model.entropy(random_state=0) == model.entropy(n_samples=7)


def test_chain_rules_hold(discrete_case):
    model = discrete_case.fitted()
    joint, a, b = (model.entropy(f).value for f in ([0, 1, 3], [0, 3], [1]))
    value, error = model.mutual_information([0, 3], [1])
    assert_allclose(value, a + b - joint, atol=1e-9)
    assert value >= -1e-12
    assert error == 0


def test_divergence_of_states_is_their_sum(discrete_case):
    model, states = discrete_case.fitted(), discrete_case.fully_observed_states()
    other = discrete_case.model(random_state=1, max_iter=2, tol=1e9).fit(discrete_case.rows(300, 7))
    logs, of_other = model.score_samples(states), other.score_samples(states)
    value, error = model.kl_divergence(other)
    assert_allclose(value, np.exp(log_shares(model, states)) @ (logs - of_other), atol=1e-9)
    assert value > 0
    assert error == 0
    assert_allclose(model.kl_divergence(model), (0.0, 0.0), atol=1e-12)


def test_numbers_are_estimated_with_an_error_that_covers():
    random = np.random.RandomState(0)
    a = random.normal(size=4000)
    X = np.column_stack([a, 0.8 * a + 0.6 * random.normal(size=4000)])
    model = exact(components="gaussians").fit(X)
    value, error = model.mutual_information([0], [1], random_state=0)
    wanted = -0.5 * np.log(1 - np.corrcoef(X.T)[0, 1] ** 2)
    assert 0 < error < 0.02
    assert value == pytest.approx(wanted, abs=4 * error + 0.02)
    value, error = model.entropy(random_state=0)
    wanted = 0.5 * np.linalg.slogdet(2 * np.pi * np.e * np.cov(X.T)).logabsdet
    assert value == pytest.approx(wanted, abs=4 * error + 0.02)


def test_errors_are_those_of_repetitions():
    model = Case("auto", "cp", "mixed").fitted()
    values, errors = np.array([model.entropy(n_samples=400, random_state=i) for i in range(60)]).T
    assert values.std() == pytest.approx(errors.mean(), rel=0.35)


def test_entropy_does_not_depend_on_the_type_of_a_column():
    random = np.random.RandomState(0)
    X = np.rint(50 * random.gamma(3.0, size=(400, 1)))
    model, of_integers = tiny().fit(X), tiny().fit(X.astype(int))
    assert model.entropy(random_state=0) == of_integers.entropy(random_state=0)


def test_what_cannot_be_compared_is_refused():
    model = Case("auto", "cp", "mixed").fitted()
    for a, b in (([0], []), ([0, 1], [1])):
        with pytest.raises(ValueError, match="without a common one"):
            model.mutual_information(a, b)
    with pytest.raises(ValueError, match="other columns"):
        model.kl_divergence(tiny().fit(np.random.RandomState(0).normal(size=(50, 2))))
    with pytest.raises(ValueError, match="at least 2"):
        model.entropy(n_samples=1)


def test_questions_without_columns_or_of_others_are_refused():
    X = np.random.RandomState(0).randint(0, 2, size=(40, 2))
    model = tiny().fit(X)
    with pytest.raises(ValueError, match="features names no column"):
        model.entropy([])
    with pytest.raises(TypeError, match="a fitted EinetDensityEstimator is accepted"):
        model.kl_divergence(GaussianMixture().fit(X))
