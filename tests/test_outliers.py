"""The outlier detector: contamination, units, holes, and reasons that name a planted cell."""

import pickle

import numpy as np
import pandas as pd
import pytest
from helpers.cases import exact, tiny
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logsumexp
from sklearn.base import clone
from sklearn.metrics import roc_auc_score

from skpc import EinetDensityEstimator, EinetOutlierDetector

RANKINGS = pytest.mark.parametrize("ranking", ["kernels", "density"])


def rows(n=300, seed=0):
    """Columns that depend on each other: two of numbers, one of categories."""
    random = np.random.RandomState(seed)
    a = random.normal(size=n)
    return pd.DataFrame(
        {
            "length": a,
            "weight": 100 + 30 * a + 3 * random.normal(size=n),
            "kind": np.where(a > 0, "big", "small"),
        }
    )


@pytest.fixture(scope="module")
def fitted():
    return EinetOutlierDetector(exact(n_sums=6, n_leaves=6, max_iter=60)).fit(rows())


@RANKINGS
@pytest.mark.parametrize("contamination", [0.02, 0.1, 0.35, 0.5])
def test_the_share_of_outliers_in_training_is_the_contamination(contamination, ranking):
    model = tiny(max_iter=3)
    detector = EinetOutlierDetector(model, ranking=ranking, contamination=contamination)
    predicted = detector.fit_predict(rows())
    assert (predicted == -1).sum() == round(300 * contamination)
    assert_array_equal(predicted == -1, detector.decision_function(rows()) < 0)


def test_scores_less_the_offset_decide(fitted):
    X = rows(seed=1)
    decided = fitted.score_samples(X) - fitted.offset_
    assert_allclose(fitted.decision_function(X), decided)
    copy = pickle.loads(pickle.dumps(fitted))
    assert_array_equal(copy.score_samples(X), fitted.score_samples(X))


def test_scores_are_a_log_density_where_columns_are_smooth():
    X = np.random.RandomState(0).normal(size=(400, 2))
    detector = EinetOutlierDetector(exact(leaf="gaussian"), ranking="density").fit(X)
    difference = detector.density_.score_samples(X) - detector.score_samples(X)
    assert np.ptp(difference) < 1e-9


@RANKINGS
def test_the_unit_of_a_column_does_not_matter(ranking):
    X = np.random.RandomState(0).gamma(2.0, size=(300, 2))
    X[:60, 1] = 0.0
    detector = EinetOutlierDetector(exact(max_iter=5), ranking=ranking).fit(X)
    scaled = EinetOutlierDetector(exact(max_iter=5), ranking=ranking).fit(X * [1000.0, 1e-3])
    assert_allclose(
        detector.decision_function(X), scaled.decision_function(X * [1000.0, 1e-3]), atol=1e-6
    )


@RANKINGS
def test_an_atom_does_not_hide_outliers(ranking):
    # Half of a column is one number: its density is high, whatever the other column is.
    random = np.random.RandomState(0)
    X = np.column_stack([np.where(random.uniform(size=600) < 0.5, 0.1, random.normal(size=600)),
                         random.normal(size=600)])  # fmt: skip
    odd = np.column_stack([np.full(50, 0.1), 4.5 + 0.1 * random.normal(size=50)])
    detector = EinetOutlierDetector(exact(), ranking=ranking).fit(X)
    labels = np.repeat([0, 1], [600, 50])
    assert roc_auc_score(labels, -detector.score_samples(np.vstack([X, odd]))) > 0.99


def test_kernels_score_by_the_other_rows():
    """By the formula, in standard deviations; rows of training are left out of their own score."""
    X = np.random.RandomState(0).uniform(-2, 2, size=(60, 2)) * [1.0, 50.0]
    X[3] = X[4]
    detector = EinetOutlierDetector(tiny(max_iter=1)).fit(X)
    new = np.vstack([X, X[:1] + np.array([0.1, 5.0]), [[np.nan, 20.0]]])
    u, v = (X - X.mean(0)) / X.std(0), (new - X.mean(0)) / X.std(0)
    # A thousandth of a row of the column's own distribution is in each unit. The range of uniform
    # numbers is 0.73 of that of normal ones, and units are powers of the root of two.
    variance = np.maximum((u * u + 1e-3) / 1.001 - (u / 1.001) ** 2, 0.5 * 0.45**2)
    log_kernels = -0.5 * ((v[:, None] - u / 1.001) ** 2 / variance + np.log(2 * np.pi * variance))
    log_kernels = np.nansum(log_kernels, axis=2)
    others = np.ones((62, 60))
    others[np.arange(60), np.arange(60)] = 0.0
    others[[3, 4], :] = 1.0
    others[[3, 4], 3] = 0.0
    wanted = logsumexp(log_kernels, axis=1, b=others / others.sum(axis=1, keepdims=True))
    assert_allclose(detector.score_samples(new), wanted, rtol=1e-7)


def test_new_rows_are_outliers_as_often_as_those_of_training():
    """Also in many columns, where the kernel of a row is all that is near it."""
    random = np.random.RandomState(0)
    mix = random.normal(size=(15, 15))
    X, new = random.normal(size=(400, 15)) @ mix, random.normal(size=(2000, 15)) @ mix
    detector = EinetOutlierDetector(tiny(max_iter=1), contamination=0.1).fit(X)
    assert (detector.predict(X) == -1).mean() == 0.1
    assert (detector.predict(new) == -1).mean() == pytest.approx(0.1, abs=0.05)


@pytest.mark.parametrize(
    "settings",
    [
        {"structure": "poon_domingos", "grid_shape": (1, 2)},
        {"layer": "tucker", "structure": "random_trees", "depth": 1},
        {"leaf": "gamma"},
        {"missing": "model"},
        {"warm_start": True, "dtype": "float32"},
    ],
)
def test_kernels_have_the_columns_of_any_density(settings):
    X = np.random.RandomState(0).gamma(3.0, size=(80, 2))
    detector = EinetOutlierDetector(tiny(max_iter=1, **settings)).fit(X)
    assert detector.predict(np.vstack([X.mean(axis=0), [[40.0, 0.01]]])).tolist() == [1, -1]
    families = {"numeric": "gaussian"}
    wanted = [families.get(c.family, c.family) for c in detector.density_.columns_]
    assert [column.family for column in detector.kernels_.columns_] == wanted


def test_a_few_extreme_values_do_not_hide_outliers():
    X = np.vstack([np.random.RandomState(0).normal(size=(500, 3)), [[1000.0, 0.0, 0.0]]])
    detector = EinetOutlierDetector(tiny(max_iter=1)).fit(X)
    assert detector.predict([[0.0, 0, 0], [8, 0, 0], [30, 0, 0]]).tolist() == [1, -1, -1]
    far = detector.score_samples([[1000.0, 0, 0], [8, 0, 0]])
    assert far[0] < far[1]


def test_a_subclass_of_the_density_explains():
    class Quick(EinetDensityEstimator):
        def __init__(self, random_state=None):
            super().__init__(random_state=random_state, components="trees", max_iter=1)

    detector = EinetOutlierDetector(Quick(0)).fit(rows())
    assert isinstance(detector.density_, Quick)
    assert type(detector.kernels_) is EinetDensityEstimator


def test_equal_rows_have_a_score():
    detector = EinetOutlierDetector(tiny(max_iter=1)).fit(np.ones((30, 2)))
    assert np.isfinite(detector.score_samples([[1.0, 1.0], [1.0, 2.0]])).all()


def test_an_earlier_ranking_leaves_nothing_behind():
    detector = EinetOutlierDetector(tiny(max_iter=1)).fit(rows())
    kernels = detector.score_samples(rows())
    detector.set_params(ranking="density").fit(rows())
    assert not hasattr(detector, "kernels_")
    assert not np.allclose(detector.score_samples(rows()), kernels)
    detector.set_params(ranking="kernels").fit(rows())
    assert_allclose(detector.score_samples(rows()), kernels)


def test_planted_cells_are_named_first(fitted):
    X, random = rows(100, seed=2), np.random.RandomState(0)
    planted = random.choice(["length", "weight", "kind"], 100)
    for i, name in enumerate(planted):
        other = {"length": -3.0 * np.sign(X.loc[i, "length"]), "weight": 100.0}
        X.loc[i, name] = other.get(name, {"big": "small", "small": "big"}[X.loc[i, "kind"]])
    frame = fitted.explain(X, n_cells=1)
    assert frame["row"].tolist() == list(range(100))
    assert (frame["column"].to_numpy() == planted).mean() > 0.6


def test_reasons_have_what_is_expected(fitted):
    odd = pd.DataFrame({"length": [1.5, np.nan], "weight": [60.0, 60.0], "kind": ["big", "big"]})
    frame = fitted.explain(odd, n_cells=3)
    assert list(frame) == ["row", "column", "value", "surprise", "expected", "low", "high"]
    assert frame["row"].tolist() == [0, 0, 0, 1, 1]
    first = frame[frame["column"] == "weight"].iloc[0]
    assert first["value"] == 60.0
    assert 100 < first["low"] < first["expected"] < first["high"] < 200
    wanted = fitted.density_.predict_quantiles(odd[:1], "weight", [0.05, 0.5, 0.95])[0]
    assert_allclose([first[name] for name in ("low", "expected", "high")], wanted)
    kind = frame[(frame["column"] == "kind") & (frame["row"] == 1)].iloc[0]
    assert (kind["value"], kind["expected"]) == ("big", "small")
    assert np.isnan(kind["low"])
    cells = -fitted.density_.score_columns(odd) - fitted.expected_surprise_
    for _, one in frame.iterrows():
        j = list(odd).index(one["column"])
        assert one["surprise"] == pytest.approx(cells[one["row"], j])


def test_expected_surprise_is_the_mean_of_training(fitted):
    wanted = -fitted.density_.score_columns(rows()).mean(axis=0)
    assert_allclose(fitted.expected_surprise_, wanted)


@RANKINGS
def test_holes_are_no_reason_and_no_obstacle(ranking):
    X = rows()
    X.loc[::4, "weight"] = np.nan
    detector = EinetOutlierDetector(tiny(max_iter=3), ranking=ranking).fit(X)
    assert np.isfinite(detector.score_samples(X)).all()
    assert not detector.explain(X)["value"].isna().any()


@RANKINGS
def test_weights_are_repeated_rows(ranking):
    X, weights = rows(60), np.arange(60) % 3
    detector = EinetOutlierDetector(exact(max_iter=3), ranking=ranking)
    weighted = clone(detector).fit(X, sample_weight=weights)
    repeated = clone(detector).fit(X.loc[X.index.repeat(weights)])
    assert weighted.offset_ == pytest.approx(repeated.offset_)
    assert_allclose(weighted.expected_surprise_, repeated.expected_surprise_)
