"""Draws follow the density, and conditional draws the exact conditional."""

from itertools import product

import numpy as np
import pytest
import torch
from helpers.cases import LAYERS, STRUCTURES, Case, masked
from numpy.testing import assert_array_equal
from scipy.special import softmax
from scipy.stats import chisquare

from skpc import Numeric

REAL_CASES = [Case(*names, "gaussian") for names in product(STRUCTURES, LAYERS)]
MIXED_CASES = [Case(*names, "mixed") for names in product(STRUCTURES, LAYERS)]


def assert_follows(counts, shares):
    """Counts come from these shares; rare states are counted together."""
    expected = counts.sum() * shares
    rare = expected < 5
    if rare.any():
        counts = np.append(counts[~rare], counts[rare].sum())
        expected = np.append(expected[~rare], expected[rare].sum())
    if expected[-1] == 0:
        assert counts[-1] == 0
        counts, expected = counts[:-1], expected[:-1]
    assert chisquare(counts, expected).pvalue > 1e-4


def count(rows, states):
    """How often each state occurs; every row must be one of them."""
    found, numbers = np.unique(rows, axis=0, return_counts=True)
    place = {tuple(state): i for i, state in enumerate(states.tolist())}
    counts = np.zeros(len(states))
    for row, number in zip(found.tolist(), numbers, strict=True):
        counts[place[tuple(row)]] += number
    return counts


def assert_means(values, mean, variance, n_errors=4.5):
    """The mean of draws is that of the density, within standard errors."""
    error = np.sqrt(variance / len(values))
    assert abs(values.mean() - mean) < n_errors * error


def grid_of(column, n):
    return np.linspace(column.min() - 5 * column.std(), column.max() + 5 * column.std(), n)


def test_draws_of_states_follow_the_density(discrete_case):
    model, states = discrete_case.fitted(), discrete_case.fully_observed_states()
    draws = model.sample(4000, random_state=1)
    # Draws hold known categories only.
    assert_follows(count(draws, states), softmax(model.score_samples(states)))


@pytest.mark.parametrize("case", REAL_CASES, ids=str)
def test_draws_of_numbers_have_the_means_and_covariances_of_the_density(case):
    X = case.rows(300)
    # Without bounds draws are those of the whole density.
    model = case.model(leaf=Numeric(bounds=(None, None))).fit(X)
    draws = model.sample(4000, random_state=1)
    assert draws.shape == (4000, 4)
    a, b = grid_of(X[:, 0], 120), grid_of(X[:, 1], 120)
    mesh = np.stack(np.meshgrid(a, b, indexing="ij"), axis=-1).reshape(-1, 2)
    filled = np.full((len(mesh), 4), np.nan)
    filled[:, :2] = mesh
    share = softmax(model.score_samples(filled))
    mean = share @ mesh
    centred, drawn = mesh - mean, draws[:, :2] - mean
    for i, j in ((0, 0), (0, 1), (1, 1)):
        assert_means(draws[:, i], mean[i], share @ centred[:, i] ** 2)
        product_of = centred[:, i] * centred[:, j]
        covariance = share @ product_of
        spread = share @ (product_of - covariance) ** 2
        assert_means(drawn[:, i] * drawn[:, j], covariance, spread)


def test_conditional_draws_of_states_follow_the_exact_conditional(discrete_case):
    model = discrete_case.fitted()
    evidence = discrete_case.rows(1, seed=5)
    evidence[0, [0, 2]] = np.nan
    draws = model.sample_conditional(evidence, n_samples=3000, random_state=1)
    states = discrete_case.fully_observed_states()
    states = states[(states[:, [1, 3]] == evidence[0, [1, 3]]).all(axis=1)]
    shares = softmax(model.predict_conditional(states, [0, 2]))
    assert_follows(count(draws, states), shares)


@pytest.mark.parametrize("case", REAL_CASES + MIXED_CASES, ids=str)
def test_conditional_draws_of_a_number_follow_the_exact_conditional(case):
    model, X = case.fitted(), case.rows(300)
    for evidence in case.rows(2, seed=5):
        evidence[0] = np.nan
        draws = model.sample_conditional(evidence[None], n_samples=3000, random_state=1)[:, 0]
        grid = grid_of(X[:, 0], 4001)
        # Draws are given that the number lies within the bounds that its column shows.
        low, high = model.columns_[0].bounds
        grid = grid[(grid >= low) & (grid <= high)]
        filled = np.tile(evidence, (len(grid), 1))
        filled[:, 0] = grid
        share = softmax(model.predict_conditional(filled, [0]))
        mean = share @ grid
        square = (grid - mean) ** 2
        variance = share @ square
        assert_means(draws, mean, variance)
        assert_means((draws - mean) ** 2, variance, share @ (square - variance) ** 2)


def test_conditional_draws_without_evidence_are_draws(discrete_case):
    model, states = discrete_case.fitted(), discrete_case.fully_observed_states()
    draws = model.sample_conditional(np.full((1, 4), np.nan), 3000, random_state=2)
    assert_follows(count(draws, states), softmax(model.score_samples(states)))


def test_evidence_stays_to_the_bit(case):
    model, X = case.fitted(), masked(case.rows(40, seed=1), 0.4)
    if case.table == "gaussian":
        X[0] = [-0.0, 5e-324, 1 / 3, np.nan]
    if case.table == "categorical":
        X[0] = [np.nan, 987.0, np.nan, 0.1]
    seen = ~np.isnan(X)
    out = model.sample_conditional(X, random_state=0)
    assert not np.isnan(out).any()
    assert_array_equal(out[seen].view(np.int64), X[seen].view(np.int64))


def test_several_draws_of_a_row_stand_together():
    case = Case("deep_trees", "cp", "gaussian")
    X = case.rows(3, seed=1)
    X[:, 1:3] = np.nan
    out = case.fitted().sample_conditional(X, n_samples=4, random_state=0)
    assert out.shape == (12, 4)
    assert_array_equal(out[:, [0, 3]], np.repeat(X[:, [0, 3]], 4, axis=0))
    assert len(np.unique(out[:, 1])) == 12


def test_draws_repeat_with_a_seed_only(case):
    model = case.fitted()
    holes = np.full((30, 4), np.nan)

    def draw(how, random_state):
        if how == "sample":
            return model.sample(30, random_state=random_state)
        return model.sample_conditional(holes, random_state=random_state)

    for how in ("sample", "conditional"):
        assert_array_equal(draw(how, 3), draw(how, 3))
        assert (draw(how, 3) != draw(how, 4)).any()
        assert (draw(how, None) != draw(how, None)).any()
        stream = np.random.RandomState(0)
        assert (draw(how, stream) != draw(how, stream)).any()


def test_draws_leave_the_global_generators_alone():
    model = Case("deep_trees", "cp", "mixed").fitted()
    numpy_state = np.random.mtrand._rand.get_state()[1].copy()
    torch_state = torch.get_rng_state()
    model.sample(5, random_state=0)
    model.sample_conditional(np.full((2, 4), np.nan), random_state=0)
    assert_array_equal(np.random.mtrand._rand.get_state()[1], numpy_state)
    assert torch.equal(torch.get_rng_state(), torch_state)


def test_one_row_is_drawn_by_default():
    model = Case("deep_trees", "cp", "mixed").fitted()
    assert model.sample().shape == (1, 4)
    assert_array_equal(model.sample(random_state=1), model.sample(1, random_state=1))
