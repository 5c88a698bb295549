"""Columns recorded to a grid: atoms, draws on the grid and within bounds, constants, settings."""

import pickle

import numpy as np
import pytest
from helpers.cases import inside, tiny
from numpy.testing import assert_allclose, assert_array_equal

from skpc import EinetDensityEstimator, Numeric

DIE = np.repeat(np.arange(1.0, 7.0), 200)[:, None]


def random(seed=0):
    return np.random.RandomState(seed)


def plain(**settings):
    return EinetDensityEstimator(
        **{"components": "trees", "n_sums": 4, "max_iter": 20, "random_state": 0, **settings}
    )


def shares(values):
    return np.unique(values, return_counts=True)


@pytest.mark.parametrize("weighted", [False, True])
def test_a_die_is_a_die(weighted):
    """Equal rows are evidence, whether they are repeated or have a weight."""
    X, weights = (DIE[::200], np.full(6, 200.0)) if weighted else (DIE, None)
    model = tiny().fit(X, sample_weight=weights)
    faces, counts = shares(model.sample(6000, random_state=0))
    assert_array_equal(faces, np.arange(1, 7))
    assert_allclose(counts, 1000, atol=5 * np.sqrt(6000 * 5 / 36))
    mean, variance = model.moments()
    assert_allclose(mean, 3.5, atol=0.01)
    assert_allclose(variance, 35 / 12, rtol=0.01)
    assert_allclose(np.exp(model.score_samples(DIE[::200])), 1 / 6, rtol=0.02)
    assert model.impute(np.array([[np.nan]]))[0, 0] in (3.0, 4.0)


def test_doses_are_drawn_as_they_are():
    doses = np.repeat([[0.0], [10.0], [50.0]], 100, axis=0)
    values, counts = shares(tiny().fit(doses).sample(600, random_state=0))
    assert_array_equal(values, [0.0, 10.0, 50.0])
    assert_allclose(counts, 200, atol=60)
    uneven = np.repeat([[0.5], [1.7], [9.2]], 100, axis=0)
    model = tiny().fit(uneven)
    assert model.columns_[0].atoms == (0.5, 1.7, 9.2)
    assert_array_equal(np.unique(model.sample(300, random_state=0)), [0.5, 1.7, 9.2])


def test_likert_columns_with_holes_are_atoms():
    X = random().randint(1, 6, (400, 2)).astype(float)
    X[:, 1] = np.clip(X[:, 0] + random(1).randint(-1, 2, 400), 1, 5)
    X[random(2).uniform(size=X.shape) < 0.05] = np.nan
    model = tiny().fit(X)
    assert [report.atoms for report in model.columns_] == [(1.0, 2.0, 3.0, 4.0, 5.0)] * 2
    assert set(np.unique(model.sample(2000, random_state=0))) == {1.0, 2.0, 3.0, 4.0, 5.0}


@pytest.mark.parametrize("n", [1, 5, 20, 300])
def test_constants_stay_where_they_are(n):
    X = np.column_stack([np.full(n, 1000.0), random().normal(size=n), np.full(n, 0.3)])
    model = plain().fit(X)
    draws = model.sample(500, random_state=0)
    assert_array_equal(draws[:, [0, 2]], np.tile([1000.0, 0.3], (500, 1)))
    mean, variance = model.moments()
    assert_allclose(mean[[0, 2]], [1000.0, 0.3], rtol=1e-12)
    assert_allclose(variance[[0, 2]], 0.0, atol=1e-9)
    hole = np.array([[np.nan, X[0, 1], np.nan]])
    assert_array_equal(model.impute(hole)[0, [0, 2]], [1000.0, 0.3])


def test_a_pixel_that_was_constant_costs_no_more_the_brighter_it_is():
    X = np.column_stack([np.zeros(1000), random().uniform(size=1000)])
    model = plain().fit(X)
    same, dim, bright = model.score_samples(np.array([[0.0, 0.5], [0.5, 0.5], [200.0, 0.5]]))
    assert 5 < same - dim < 25
    assert 0 < dim - bright < 15


def rounded(n=1000, seed=0):
    """A column recorded to 0.1, and another that depends on it."""
    x = np.round(random(seed).normal(50, 5, n), 1)
    return np.column_stack([x, x + random(seed + 1).normal(size=n)])


def test_odd_last_digits_do_not_decide():
    X = rounded()
    odd = X.copy()
    odd[:13, 0] += random(3).uniform(-0.04, 0.04, 13)
    before, after = (plain().fit(table) for table in (X, odd))
    assert before.columns_[0].step == after.columns_[0].step == 0.1
    assert_allclose(after.score_samples(X), before.score_samples(X), atol=0.3)
    moved = X[:300].copy()
    moved[:, 0] += 0.02
    assert_allclose(after.score_samples(moved), after.score_samples(X[:300]), atol=0.01)


def test_a_zero_recoded_to_little_keeps_the_grid():
    counts = random().poisson(5.0, (800, 1)).astype(float)
    counts[counts == 0] = 0.001
    assert tiny().fit(counts).columns_[0].step == 1.0


@pytest.mark.parametrize("scale", [1.0, 1e-9, 1e9, 0.3])
def test_draws_and_imputed_values_are_on_the_grid_within_bounds(scale):
    ages = random().randint(18, 91, 400)
    amounts = np.where(random(1).uniform(size=400) < 0.5, 0.0, random(2).exponential(40, 400))
    X = scale * np.column_stack([ages, amounts, np.round(ages + random(3).normal(0, 9, 400), 1)])
    model = plain().fit(X)
    # Where the unit is no power of ten, decimal digits show no step of the amounts.
    assert_allclose(model.columns_[0].step, scale)
    holes = np.where(random(4).uniform(size=X.shape) < 0.4, np.nan, X)
    tables = [
        model.sample(3000, random_state=0),
        model.sample_conditional(holes, random_state=0),
        model.impute(holes),
        model.impute(holes, strategy="mode"),
    ]
    for table in tables:
        assert (table >= X.min(axis=0)).all()
        assert (table <= X.max(axis=0)).all()
        for j, step in ((0, scale), (2, 0.1 * scale)):
            k = table[:, j] / step
            assert_allclose(k, np.rint(k), atol=1e-6)


def test_draws_are_those_of_the_density_within_bounds():
    """No pile at the ends: the ends of a uniform column are as likely as what is between."""
    draws = plain().fit(random().uniform(size=(2000, 1))).sample(20_000, random_state=0)
    shares = np.histogram(draws, bins=20, range=(0, 1))[0] / len(draws)
    assert_allclose(shares, 0.05, atol=0.012)
    assert (draws == draws.max()).sum() == 1


def test_columns_report_and_print():
    X = np.column_stack([DIE[:600, 0], rounded(600)[:, 0], random(5).randint(0, 2, 600)])
    model = tiny().fit(X)
    die, measured, digit = model.columns_
    assert (die.name, die.family, die.step, die.bounds) == (0, "numeric", 1.0, (1.0, 3.0))
    assert die.atoms == (1.0, 2.0, 3.0)
    assert measured.step == 0.1
    assert measured.bounds == (X[:, 1].min(), X[:, 1].max())
    assert (digit.family, digit.bounds) == ("bernoulli", None)
    lines = repr(model.columns_).splitlines()
    assert lines[0].split() == ["column", "family", "step", "bounds", "atoms", "beyond"]
    assert lines[1].split()[:6] == ["0", "numeric", "1", "1", "to", "3"]
    with pytest.raises(AttributeError, match="after fit"):
        _ = tiny().columns_


def test_the_share_beyond_is_that_of_the_density():
    X = random().uniform(size=(300, 1))
    model = plain().fit(X)
    edges = np.linspace(-1.5, 2.5, 400_001)
    x = 0.5 * (edges[1:] + edges[:-1])
    outside = (x < X.min()) | (x > X.max())
    mass = np.exp(model.score_samples(x[outside, None])).sum() * (edges[1] - edges[0])
    assert 0.001 < mass < 0.2
    assert_allclose(model.columns_[0].beyond, mass, rtol=0.01)


def test_grid_bounds_and_atoms_can_be_set():
    X = rounded(400)
    asked = Numeric(step=0.5, bounds=(0, 120), atoms=[50.0])
    model = plain(leaf={0: asked}).fit(X)
    report = model.columns_[0]
    assert (report.step, report.bounds, report.atoms) == (0.5, (0.0, 120.0), (50.0,))
    draws = model.sample(1000, random_state=0)[:, 0]
    assert_allclose(2 * draws, np.rint(2 * draws), atol=1e-9)
    again = plain(**{"leaf": model.settings_["leaf"]}).fit(X)
    assert_array_equal(again.score_samples(X), model.score_samples(X))
    assert pickle.loads(pickle.dumps(model)).columns_ == model.columns_
    free = plain(leaf=[Numeric(step=0, bounds=(None, None), atoms=()), "auto"]).fit(X).columns_[0]
    assert (free.step, free.bounds, free.atoms) == (0.0, (-np.inf, np.inf), ())
    with pytest.raises(ValueError, match=r"Column 0 contains .* its bounds are 0 and 40"):
        plain(leaf=[Numeric(bounds=(0, 40)), "auto"]).fit(X)


@pytest.mark.parametrize(
    "wrong", [{"step": -1}, {"step": "fine"}, {"bounds": (2, 1)}, {"bounds": 3}, {"atoms": "all"}]
)
def test_settings_that_no_column_can_have_are_refused(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} is .* accepted"):
        Numeric(**wrong)


def test_bounds_follow_a_stream():
    first, second = DIE[:400], DIE[400:]
    model = tiny().partial_fit(first).partial_fit(second)
    assert model.columns_[0].bounds == (1.0, 6.0)
    assert inside(model).plan.table.columns[0].beyond == 0.0
    assert np.isfinite(model.score_samples(DIE)).all()


@pytest.mark.parametrize("share", [0.96, 0.98, 0.99])
@pytest.mark.parametrize("amounts", ["lognormal", "normal"])
def test_zeros_alone_make_no_grid(share, amounts):
    """Zeros lie on any grid, however large its step, and are nearly all rows."""
    rng = random()
    n = round(2000 * (1 - share))
    values = rng.lognormal(3, 1, n) if amounts == "lognormal" else rng.normal(50, 20, n)
    X = np.r_[np.zeros(2000 - n), values][:, None]
    (column,) = tiny(max_iter=1).fit(X).columns_
    assert column.step == 0
