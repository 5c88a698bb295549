"""Means and variances agree with sums over states, integrals and draws."""

import numpy as np
import pytest
from helpers.cases import LAYERS, STRUCTURES, Case
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax

CASES = [Case(s, layer, "gaussian") for s in STRUCTURES for layer in LAYERS]


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_moments_of_digits_by_enumeration(structure, layer):
    case = Case(structure, layer, "bernoulli")
    model, states = case.fitted(), case.fully_observed_states()
    share = softmax(model.score_samples(states))
    mean, variance = model.moments()
    assert_allclose(np.ravel(mean), share @ states, atol=1e-9)
    assert_allclose(np.ravel(variance), share @ states**2 - (share @ states) ** 2, atol=1e-9)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_conditional_moments_of_numbers_by_integration(case):
    model, X = case.fitted(), case.rows(300)
    row = case.rows(1, seed=5)
    row[0, 1] = np.nan
    grid = np.linspace(X[:, 1].min() - 6 * X[:, 1].std(), X[:, 1].max() + 6 * X[:, 1].std(), 8001)
    filled = np.tile(row, (len(grid), 1))
    filled[:, 1] = grid
    share = softmax(model.predict_conditional(filled, [1]))
    mean, variance = model.moments(row)
    assert_allclose(mean[0, 1], share @ grid, rtol=1e-6)
    assert_allclose(variance[0, 1], share @ (grid - share @ grid) ** 2, rtol=1e-5)
    # An observed cell is itself.
    others = [0, 2, 3]
    assert_allclose(mean[0, others], row[0, others], rtol=1e-12)
    assert_array_equal(variance[0, others], 0.0)
