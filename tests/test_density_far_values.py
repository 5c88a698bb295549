"""A far value, or a mark such as 9999, decides neither the grid of a column nor what it holds."""

import numpy as np
import pytest
from helpers.cases import tiny
from numpy.testing import assert_allclose

from skpc import EinetDensityEstimator


def trees(**parameters):
    return EinetDensityEstimator(
        components="trees", n_sums=3, max_iter=5, random_state=0, **parameters
    )


def bulk(n=1000):
    return np.random.RandomState(0).normal(size=(n, 1))


@pytest.mark.parametrize("far", [50.0, 1e3, -1e4, 1e10, 1e15])
def test_one_far_value_makes_no_grid(far):
    x = bulk()
    x[0] = far
    model = trees().fit(x)
    (column,) = model.columns_
    assert column.step == 0
    assert len(np.unique(model.sample(500, random_state=0))) > 400
    scores = model.score_samples([[0.0], [1.0], [2.0]])
    assert scores[0] > scores[1] > scores[2]
    assert_allclose(scores, -0.5 * np.log(2 * np.pi) - np.array([0, 0.5, 2.0]), atol=0.5)


@pytest.mark.parametrize("far", [1e150, -1e150, 1e12, -1e12])
def test_one_far_value_leaves_the_grid_of_the_others(far):
    x = bulk().round(1)
    x[0] = far
    model = trees().fit(x)
    (column,) = model.columns_
    assert_allclose(column.step, 0.1)
    drawn = model.sample(500, random_state=0)
    near = drawn[np.abs(drawn) < 5]
    assert len(near) > 480
    assert_allclose(near, near.round(1), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", [float, "int64"])
def test_ages_with_a_mark_are_ages(kind):
    ages = np.random.RandomState(0).randint(18, 91, size=(800, 1)).astype(kind)
    ages[:5] = 9999
    model = trees().fit(ages)
    (column,) = model.columns_
    assert column.step == 1
    drawn = model.sample(500, random_state=0)
    near = drawn[drawn < 9999]
    assert len(near) > 480
    assert len(np.unique(near)) > 50
    assert (near == np.rint(near)).all()
    assert 18 <= near.min() <= near.max() <= 200


@pytest.mark.parametrize(
    "make",
    [
        lambda random: random.pareto(1.5, 1000),
        lambda random: (
            np.where(random.uniform(size=1000) < 0.5, 0, 1) + random.normal(0, 1e-3, 1000)
        ),
        lambda random: np.exp(3 * random.normal(size=1000)),
    ],
    ids=["pareto", "two clusters", "lognormal"],
)
def test_continuous_columns_of_wide_range_have_no_grid(make):
    model = trees().fit(make(np.random.RandomState(1))[:, None])
    assert model.columns_[0].step == 0
    assert len(np.unique(model.sample(500, random_state=0))) > 400


def test_quantiles_of_columns_of_atoms_are_atoms():
    """With nothing beside the atoms, quantiles and medians are values of training."""
    answers = np.repeat([1.0, 2.0, 3.0, 4.0, 5.0], [400, 300, 150, 80, 70])[:, None]
    model = tiny(dtype="float64", max_iter=20).fit(answers)
    asked = [[np.nan]]
    levels = [0.05, 0.3, 0.5, 0.75, 0.9, 0.99]
    expected = np.quantile(answers, levels, method="inverted_cdf")
    assert model.predict_quantiles(asked, 0, levels).ravel().tolist() == expected.tolist()
    assert model.impute(asked, "median").item() == 2
    assert_allclose(model.cdf(np.arange(0.0, 7.0)[:, None], 0),
                    [0, 0.4, 0.7, 0.85, 0.93, 1, 1], atol=0.01)  # fmt: skip


@pytest.mark.parametrize(
    ("marks", "shares"),
    [((50000, 49999), (0.2, 0.19)), ((50000, 49999), (0.15, 0.15)), ((41000, 41001), (0.05, 0.3))],
)
def test_values_that_stand_out_side_by_side_are_all_atoms(marks, shares):
    random = np.random.RandomState(0)
    v = np.rint(random.normal(40000, 12000, 1000))
    counts = (1000 * np.array(shares)).astype(int)
    v[: counts[0]] = marks[0]
    v[counts[0] : counts.sum()] = marks[1]
    model = trees().fit(v[:, None])
    assert set(marks) <= set(model.columns_[0].atoms)
    found = np.exp(model.score_samples(np.array(marks, dtype=float)[:, None]))
    assert_allclose(found, shares, atol=0.04)
    drawn = model.sample(2000, random_state=0)[:, 0]
    assert_allclose([(drawn == mark).mean() for mark in marks], shares, atol=0.05)


@pytest.mark.parametrize("mean", [5, 30, 100, 1000])
def test_frequent_values_among_frequent_ones_are_no_atoms(mean):
    counts = np.random.RandomState(0).poisson(mean, size=(3000, 1)).astype(float)
    (column,) = trees().fit(counts).columns_
    assert len(column.atoms) == 0 or len(np.unique(counts)) <= 16


@pytest.mark.parametrize("marks", [(0.0, 0.05), (0.0, 0.2), (0.5, 0.501), (0.5, 0.6, 0.7)])
@pytest.mark.parametrize("n", [1000, 10000])
def test_neighbours_that_stand_out_of_a_column_without_a_grid_are_atoms(marks, n):
    x = np.random.RandomState(0).uniform(size=n)
    for i, mark in enumerate(marks):
        x[i * n // 4 : (i + 1) * n // 4] = mark
    model = trees().fit(x[:, None])
    assert set(marks) <= set(model.columns_[0].atoms)
    drawn = model.sample(2000, random_state=0)[:, 0]
    assert_allclose([(drawn == mark).mean() for mark in marks], 0.25, atol=0.05)


def test_zeros_among_dense_numbers_are_drawn_as_often_as_they_come():
    """Durations: every sixteenth is 0, and as many more are within 1 % of the range of it."""
    random = np.random.RandomState(0)
    x = random.exponential(1000.0, 3000)
    x[random.uniform(size=3000) < 1 / 16] = 0.0
    model = trees().fit(x[:, None])
    assert model.columns_[0].atoms == (0.0,)
    drawn = model.sample(20000, random_state=0)[:, 0]
    assert_allclose((drawn == 0).mean(), (x == 0).mean(), atol=0.005)
    assert_allclose((drawn < 30).mean(), (x < 30).mean(), atol=0.01)


@pytest.mark.parametrize("k", [1, 5, 6, 10])
def test_any_number_of_marks_at_the_end_of_a_grid(k):
    x = np.random.RandomState(0).randint(0, 1001, 60000).astype(float)
    for i in range(k):
        x[i * 3000 : (i + 1) * 3000] = 1000 - i
    model = trees().fit(x[:, None])
    p = np.exp(model.score_samples(np.arange(1001.0)[:, None]))
    assert_allclose(p.sum(), 1.0, atol=0.02)
    assert_allclose(p[1001 - k :], 0.05, atol=0.01)
