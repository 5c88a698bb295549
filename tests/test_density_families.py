"""Named families and a user's own: which values they take, what they give back, how they travel."""

import io
import pickle
import re

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from helpers.cases import OutOfFive, exact, tiny
from helpers.own_family import Rayleigh
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from skops import io as skops_io

from skpc.circuit.leaves import Gaussian, Leaf, Poisson

ONE_UNIT = {"depth": 0, "n_sums": 1, "n_leaves": 1, "smoothing": 0.0, "max_iter": 2}
POSITIVE = ["exponential", "gamma", "lognormal", Rayleigh]


def column(family, n=80):
    """A column of n values that the family models."""
    rng = np.random.RandomState(0)
    if family in ("poisson", "binomial"):
        return rng.binomial(9, 0.4, size=(n, 1)).astype(float)
    return rng.beta(2, 3, size=(n, 1)) if family == "beta" else rng.gamma(3, 50, size=(n, 1))


@pytest.mark.parametrize(
    ("family", "value", "accepted"),
    [
        ("poisson", 2.5, "the whole numbers 0, 1, 2, ..."),
        ("poisson", -1.0, "the whole numbers 0, 1, 2, ..."),
        ("poisson", 2.0**60, "the whole numbers 0, 1, 2, ..."),
        ("binomial", 2.5, "whole numbers from 0"),
        ("binomial", -1.0, "whole numbers from 0"),
        (OutOfFive, 6.0, "whole numbers from 0 to 5"),
        ("exponential", -0.25, "zero and positive numbers"),
        ("gamma", 0.0, "positive numbers"),
        ("lognormal", -3.0, "positive numbers"),
        (Rayleigh, -3.0, "positive numbers"),
        ("beta", 0.0, "numbers above 0 and below 1"),
        ("beta", 1.0, "numbers above 0 and below 1"),
        ("beta", -0.5, "numbers above 0 and below 1"),
    ],
)
def test_values_that_a_family_does_not_model(family, value, accepted):
    name = family if isinstance(family, str) else family.name
    frame = pd.DataFrame({"a": np.clip(column(name)[:, 0], 0, 5)})
    model = tiny(leaf=family).fit(frame)
    frame.loc[7, "a"] = value
    found = rf"{name} and contains {re.escape(str(value))} \(row 7\)"
    said = rf"^Column 'a' is modelled as {found}; {accepted} are accepted\."
    for use in (model.score_samples, model.sample_conditional, clone(model).fit):
        with pytest.raises(ValueError, match=said):
            use(frame)


def test_counts_above_the_largest_of_training():
    X = column("binomial")
    n = len(X)
    model = tiny(leaf="binomial").fit(X)
    top = X.max()
    share = np.log(6 / (n * n + n + 4))
    assert_allclose(model.score_samples([[top + 1], [top + 5]]), share)
    states = np.arange(top + 1)[:, None]
    assert_allclose(np.exp(model.score_samples(states)).sum() + np.exp(share), 1.0)
    assert model.sample(500, random_state=0).max() <= top
    told = tiny(leaf=OutOfFive).fit(np.minimum(X, 3))
    assert_allclose(np.exp(told.score_samples(np.arange(6.0)[:, None])).sum(), 1.0)


@pytest.mark.parametrize("family", [*POSITIVE, "beta"])
@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_density_integrates_to_one_in_the_units_of_the_table(family, scale):
    scale = 1.0 if family == "beta" else scale
    X = scale * column(family)
    model = tiny(leaf=family).fit(X)
    step = 0.002
    u = np.arange(-30, 12, step)
    grid = 1 / (1 + np.exp(-u)) if family == "beta" else X.mean() * np.exp(u)
    weights = step * grid * (1 - grid if family == "beta" else 1)
    density = np.exp(model.score_samples(grid[:, None]))
    assert_allclose(density @ weights, 1.0, atol=1e-6)
    mean, variance = model.moments()
    assert_allclose(mean, density @ (weights * grid), rtol=1e-6)
    assert_allclose(variance, density @ (weights * (grid - mean) ** 2), rtol=1e-5)


@pytest.mark.parametrize(
    ("family", "peer"),
    [
        ("poisson", lambda x: stats.poisson(x.mean()).logpmf(x)),
        ("exponential", lambda x: stats.expon(scale=x.mean()).logpdf(x)),
        ("gamma", lambda x: stats.gamma(*stats.gamma.fit(x, floc=0)).logpdf(x)),
        ("lognormal", lambda x: stats.lognorm(*stats.lognorm.fit(x, floc=0)).logpdf(x)),
        ("beta", lambda x: stats.beta(*stats.beta.fit(x, floc=0, fscale=1)).logpdf(x)),
        (Rayleigh, lambda x: stats.rayleigh(0, np.sqrt((x * x).mean() / 2)).logpdf(x)),
    ],
)
def test_one_unit_is_the_most_likely_density_of_the_family(family, peer):
    X = column(family)
    found = exact(leaf=family, **ONE_UNIT).fit(X).score_samples(X)
    assert_allclose(found, peer(X[:, 0]), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("family", ["poisson", "binomial"])
@pytest.mark.parametrize("top", [10**5, 10**6])
def test_large_counts_keep_their_digits_in_single_precision(family, top):
    rng = np.random.RandomState(0)
    X = rng.binomial(2 * top, 0.3 + 0.1 * rng.randint(2, size=(100, 2)))
    models = [tiny(leaf=family, dtype=dtype, tol=0.0).fit(X) for dtype in ("float32", "float64")]
    paths = [model.history_["trees"]["log_likelihood"] for model in models]
    # The first passes climb from -9,000 or less, where rounding moves the shares of rows.
    assert_allclose(paths[0][2:], paths[1][2:], rtol=1e-4)


def test_adam_reaches_em_on_large_counts():
    rng = np.random.RandomState(0)
    X = rng.poisson(1e5 * (1 + rng.randint(2, size=(200, 2))))
    em, adam = (tiny(leaf="poisson", solver=s, max_iter=300).fit(X) for s in ("em", "adam"))
    assert adam.score(X) > em.score(X) - 0.5


@pytest.mark.parametrize("family", ["poisson", "binomial", *POSITIVE])
@pytest.mark.parametrize("dtype", ["int16", "float32", "float64"])
def test_draws_are_of_the_columns_type_and_accepted(family, dtype):
    X = np.maximum(np.rint(column(family)), 1).astype(dtype)
    model = tiny(leaf=family).fit(X)
    draws = model.sample(500, random_state=0)
    assert draws.dtype == X.dtype
    assert np.isfinite(model.score_samples(draws)).all()
    holes = np.full((20, 1), np.nan)
    assert np.isfinite(model.score_samples(model.sample_conditional(holes, random_state=0))).all()


@pytest.mark.parametrize("value", [1e-30, 1.0 - 1e-12])
def test_draws_near_the_ends_stay_between_them(value):
    X = np.where(column("beta", 60) < 0.4, value, column("beta", 60)).astype("float32")
    X = np.minimum(X, np.nextafter(np.float32(1), np.float32(0)))
    model = tiny(leaf="beta").fit(X)
    assert np.isfinite(model.score_samples(model.sample(2000, random_state=0))).all()


@pytest.mark.parametrize("library", [pd, pl])
def test_families_by_name_of_the_column(library):
    rng = np.random.RandomState(0)
    data = {"a": rng.normal(size=60), "n": rng.poisson(4, size=60), "s": rng.rayleigh(size=60)}
    frame = library.DataFrame(data)
    model = tiny(leaf={"s": Rayleigh, "n": "poisson"}).fit(frame)
    assert model.leaf_families_ == ["numeric", "poisson", "rayleigh"]
    listed = tiny(leaf=["auto", Poisson, Rayleigh]).fit(frame)
    assert listed.leaf_families_ == model.leaf_families_
    assert_array_equal(listed.score_samples(frame), model.score_samples(frame))
    by_position = tiny(leaf={1: "poisson", -1: Rayleigh}).fit(frame)
    assert_array_equal(by_position.score_samples(frame), model.score_samples(frame))
    draws = model.sample(9, random_state=0)
    assert list(draws.columns) == ["a", "n", "s"]
    assert draws["n"].dtype == frame["n"].dtype
    one = tiny(leaf=Gaussian).fit(frame.to_numpy())
    assert_array_equal(
        one.score_samples(frame.to_numpy()),
        tiny(leaf="gaussian").fit(frame.to_numpy()).score_samples(frame.to_numpy()),
    )


def by_joblib(model):
    file = io.BytesIO()
    joblib.dump(model, file)
    return joblib.load(io.BytesIO(file.getvalue()))


def by_skops(model):
    data = skops_io.dumps(model)
    return skops_io.loads(data, trusted=skops_io.get_untrusted_types(data=data))


@pytest.mark.parametrize("leaf", [Rayleigh, ["gamma", Rayleigh], {1: Rayleigh}], ids=str)
def test_own_family_travels(leaf):
    X = np.random.RandomState(0).rayleigh(size=(60, 2))
    model = tiny(leaf=leaf, warm_start=True).fit(X)
    assert model.leaf_families_[1] == "rayleigh"
    again = clone(model)
    assert again.get_params()["leaf"] == leaf
    assert_array_equal(again.fit(X).score_samples(X), model.score_samples(X))
    for other in (pickle.loads(pickle.dumps(model)), by_joblib(model), by_skops(model)):
        assert_array_equal(other.score_samples(X), model.score_samples(X))
        assert_array_equal(other.sample(5, random_state=0), model.sample(5, random_state=0))
        assert other.fit(X).n_iter_ > 0
        other.partial_fit(X)


def test_search_over_families():
    X = np.random.RandomState(0).rayleigh(size=(200, 2))
    leaves = ["gaussian", "exponential", Rayleigh]
    search = GridSearchCV(tiny(n_sums=1, n_leaves=1), {"leaf": leaves}, cv=2).fit(X)
    assert search.best_params_["leaf"] is Rayleigh


def test_unfinished_family_is_refused():
    class Half(Leaf):
        name = "half"
        support = "real"

    class Misplaced(Poisson):
        support = "numbers"

    with pytest.raises(ValueError, match=r"support 'numbers'; \['binary', .*'unit'\] are accepted"):
        tiny(leaf=Misplaced).fit(np.zeros((3, 1)))
    with pytest.raises(ValueError, match=r"Half'> for column 0; it lacks expectation, from_free, "):
        tiny(leaf=Half).fit(np.zeros((3, 1)))
