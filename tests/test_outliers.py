"""The outlier detector: contamination, units, holes, and reasons that name a planted cell."""

import pickle

import numpy as np
import pandas as pd
import pytest
from helpers.cases import exact, tiny
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import roc_auc_score

from skpc import EinetOutlierDetector


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


@pytest.mark.parametrize("contamination", [0.02, 0.1, 0.35, 0.5])
def test_the_share_of_outliers_in_training_is_the_contamination(contamination):
    detector = EinetOutlierDetector(tiny(max_iter=3), contamination=contamination)
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
    detector = EinetOutlierDetector(exact(leaf="gaussian")).fit(X)
    difference = detector.density_.score_samples(X) - detector.score_samples(X)
    assert np.ptp(difference) < 1e-9


def test_the_unit_of_a_column_does_not_matter():
    X = np.random.RandomState(0).gamma(2.0, size=(300, 2))
    X[:60, 1] = 0.0
    detector = EinetOutlierDetector(exact(max_iter=5)).fit(X)
    scaled = EinetOutlierDetector(exact(max_iter=5)).fit(X * [1000.0, 1e-3])
    assert_allclose(
        detector.decision_function(X), scaled.decision_function(X * [1000.0, 1e-3]), atol=1e-6
    )


def test_an_atom_does_not_hide_outliers():
    # Half of a column is one number: its density is high, whatever the other column is.
    random = np.random.RandomState(0)
    X = np.column_stack([np.where(random.uniform(size=600) < 0.5, 0.1, random.normal(size=600)),
                         random.normal(size=600)])  # fmt: skip
    odd = np.column_stack([np.full(50, 0.1), 4.5 + 0.1 * random.normal(size=50)])
    detector = EinetOutlierDetector(exact()).fit(X)
    labels = np.repeat([0, 1], [600, 50])
    assert roc_auc_score(labels, -detector.score_samples(np.vstack([X, odd]))) > 0.99


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


def test_holes_are_no_reason_and_no_obstacle():
    X = rows()
    X.loc[::4, "weight"] = np.nan
    detector = EinetOutlierDetector(tiny(max_iter=3)).fit(X)
    assert np.isfinite(detector.score_samples(X)).all()
    assert not detector.explain(X)["value"].isna().any()


def test_weights_are_repeated_rows():
    X, weights = rows(60), np.arange(60) % 3
    weighted = EinetOutlierDetector(exact(max_iter=3)).fit(X, sample_weight=weights)
    repeated = EinetOutlierDetector(exact(max_iter=3)).fit(X.loc[X.index.repeat(weights)])
    assert weighted.offset_ == pytest.approx(repeated.offset_)
    assert_allclose(weighted.expected_surprise_, repeated.expected_surprise_)
