"""EinetClassifier: probabilities of classes by enumeration, and what users do with it."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from helpers.cases import exact, tiny
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skpc
from skpc import EinetClassifier, EinetDensityEstimator

SMALL = tiny(max_iter=10, dtype="float64")


def rows(n=90, seed=0):
    """Two numbers and a category that depend on one of three classes, with holes."""
    random = np.random.RandomState(seed)
    y = random.randint(0, 3, n)
    X = np.column_stack(
        [
            random.normal(size=n) + 2 * y,
            random.normal(size=n),
            (y + (random.uniform(size=n) < 0.3)) % 3,
        ]
    )
    X[random.uniform(size=X.shape) < 0.1] = np.nan
    return X, y


def with_codes(density):
    return clone(density).set_params(categorical_features=[2])


@pytest.fixture(scope="module")
def fitted():
    X, y = rows()
    return EinetClassifier(with_codes(SMALL)).fit(X, y), X, y


def by_enumeration(model, X):
    """p(y, x) of every class over their sum, from the density's own scores."""
    joint = [
        model.density_.score_samples(np.column_stack([X, np.full(len(X), code)]))
        for code in range(len(model.classes_))
    ]
    shares = np.exp(np.transpose(joint) - np.max(joint, axis=0)[:, None])
    return shares / shares.sum(axis=1, keepdims=True)


def test_probabilities_are_those_of_the_joint_density(fitted):
    model, X, _ = fitted
    found = model.predict_proba(X)
    assert_allclose(found, by_enumeration(model, X), rtol=1e-9)
    assert_allclose(found.sum(axis=1), 1)
    assert_allclose(np.log(found), model.predict_log_proba(X))
    assert_array_equal(model.predict(X), model.classes_[found.argmax(axis=1)])


def test_a_row_of_holes_has_the_frequencies_of_the_classes(fitted):
    model, X, _ = fitted
    nothing = np.full((1, X.shape[1]), np.nan)
    marginal = [
        model.density_.predict_marginal(np.array([[0, 0, 0, code]]), [3])[0] for code in range(3)
    ]
    assert_allclose(model.predict_log_proba(nothing)[0], marginal - np.logaddexp.reduce(marginal))


def test_missing_features_are_integrated_out(fitted):
    """The probabilities without a category are the mean of those with each, by its probability."""
    model = fitted[0]
    row = np.array([[1.0, 0.5, np.nan]])
    each = np.repeat(row, 3, axis=0)
    each[:, 2] = [0, 1, 2]
    shares = np.exp(
        model.density_.predict_marginal(np.column_stack([each, np.zeros(3)]), [0, 1, 2])
    )
    wanted = shares @ model.predict_proba(each) / shares.sum()
    # Values that training did not show have a share of their own.
    assert_allclose(model.predict_proba(row)[0], wanted, rtol=2e-3)


def test_class_weights_change_frequencies_and_nothing_else(fitted):
    plain, X, y = fitted
    weights = {0: 1.0, 1: 3.0, 2: 0.5}
    model = clone(plain).set_params(class_weight=weights).fit(X, y)
    assert_array_equal(model.class_weight_, [1.0, 3.0, 0.5])
    wanted = plain.predict_proba(X) * model.class_weight_
    assert_allclose(model.predict_proba(X), wanted / wanted.sum(axis=1, keepdims=True))
    balanced = clone(plain).set_params(class_weight="balanced").fit(X, y)
    assert_allclose(balanced.class_weight_, len(y) / (3 * np.bincount(y)))


def test_contributions_are_differences_of_two_log_odds(fitted):
    plain, X, y = fitted
    model = clone(plain).set_params(class_weight={0: 1.0, 1: 3.0, 2: 0.5}).fit(X, y)

    def log_odds(rows):
        shares = model.predict_proba(rows)
        return np.log(shares / (1 - shares))

    added = model.contributions(X)
    assert_array_equal(np.isnan(added), np.repeat(np.isnan(X)[:, :, None], 3, axis=2))
    for j in range(3):
        without = X.copy()
        without[:, j] = np.nan
        seen = ~np.isnan(X[:, j])
        wanted = log_odds(X) - log_odds(without)
        assert_allclose(added[seen, j], wanted[seen], rtol=1e-6, atol=1e-8)
    listed = model.explain(X, n_cells=1)
    assert list(listed) == ["row", "column", "value", "class", "contribution"]
    assert_array_equal(listed["class"], model.predict(X)[listed["row"]])
    own = added[listed["row"], :, listed["class"]]
    assert_allclose(listed["contribution"].abs(), np.nanmax(np.abs(own), axis=1))


def test_log_odds_have_their_digits_where_a_class_is_nearly_certain():
    random = np.random.RandomState(0)
    y = np.arange(400) % 2
    X = np.column_stack([random.normal(size=400) + 10 * y for _ in range(4)])
    model = EinetClassifier(exact(leaf=["gaussian"] * 4 + ["auto"])).fit(X, y)
    added = model.contributions(X[:50])
    assert np.isfinite(added).all()
    # Of two classes one has the odds against the other.
    assert_allclose(added[:, :, 0], -added[:, :, 1], rtol=1e-9)


def test_nothing_adds_to_a_class_that_is_the_only_one():
    X, _ = rows()
    added = EinetClassifier(SMALL).fit(X, np.zeros(len(X), dtype=int)).contributions(X)
    assert_array_equal(added[~np.isnan(X)], 0.0)


def frame(library, n=90):
    X, y = rows(n)
    words = [None if np.isnan(v) else "abc"[int(v)] for v in X[:, 2]]
    columns = {"one": X[:, 0], "two": X[:, 1], "word": words}
    return library.DataFrame(columns), np.array(["low", "mid", "top"])[y]


@pytest.mark.parametrize("library", [pd, pl])
@pytest.mark.parametrize("asked", ["from_dtype", ["word"], [False, False, True]])
def test_frames_and_labels_of_text(library, asked):
    X, y = frame(library)
    density = clone(SMALL).set_params(categorical_features=asked)
    model = EinetClassifier(density).fit(X, y)
    assert model.classes_.tolist() == ["low", "mid", "top"]
    assert list(model.feature_names_in_) == ["one", "two", "word"]
    assert model.n_features_in_ == 3
    same = EinetClassifier(with_codes(SMALL)).fit(*rows())
    assert_allclose(model.predict_proba(X), same.predict_proba(rows()[0]), rtol=1e-6)
    drawn = model.density_.sample(20, random_state=0)
    assert set(drawn["class"]) <= {"low", "mid", "top"}
    with pytest.raises(ValueError, match="feature names"):
        model.predict(X[["two", "one", "word"]])


@pytest.mark.parametrize(
    ("names", "added"),
    [
        (["class", "b", "c"], "class_"),
        ([5, 2, 1], 6),
        ([True, False, 3], 4),
        (pd.date_range("2020", periods=3), 0),
        (pd.MultiIndex.from_tuples([("u", "x"), ("u", "y"), ("class", "x")]), ("class_", "")),
    ],
)
def test_the_column_of_classes_gets_a_free_name(names, added):
    X, y = rows()
    X = pd.DataFrame(X, columns=names)
    before = X.copy()
    model = EinetClassifier(SMALL).fit(X, y)
    assert model.predict(X).shape == y.shape
    assert added in list(model.density_.sample(2, random_state=0).columns)
    pd.testing.assert_frame_equal(X, before)


@pytest.mark.parametrize("asked", [[-1], [2], [False, False, True]])
def test_categories_are_named_among_the_columns_of_x(asked):
    X, y = rows()
    model = EinetClassifier(clone(SMALL).set_params(categorical_features=asked)).fit(X, y)
    assert [column.family for column in model.density_.columns_][2:] == ["categorical"] * 2
    with pytest.raises(ValueError, match="categorical_features"):
        EinetClassifier(clone(SMALL).set_params(categorical_features=[3])).fit(X, y)


@pytest.mark.parametrize("dtype", [str, object])
def test_arrays_of_texts(dtype):
    X = np.array([["a", "u"], ["b", "v"]] * 20, dtype=dtype)
    density = clone(SMALL).set_params(categorical_features=[0, 1], smoothing=1e-3)
    model = EinetClassifier(density).fit(X, [3, 4] * 20)
    assert_array_equal(model.predict(X), [3, 4] * 20)


@pytest.mark.parametrize("y", [[True, False] * 45, np.arange(90) % 2 - 0.5, list("ab") * 45])
def test_labels_of_any_type_come_back(y):
    X, _ = rows()
    if isinstance(y, np.ndarray):
        y = y.astype(int)
    found = EinetClassifier(SMALL).fit(X, y).predict(X)
    assert set(found.tolist()) <= set(np.unique(y).tolist())


def test_rows_without_weight_are_no_rows(fitted):
    model, X, y = fitted
    more = np.concatenate([X, X[:5]]), np.concatenate([y, np.full(5, 9)])
    weights = np.concatenate([np.ones(len(X)), np.zeros(5)])
    other = clone(model).fit(*more, sample_weight=weights)
    assert_array_equal(other.classes_, model.classes_)
    assert_allclose(other.predict_proba(X), model.predict_proba(X))


def test_what_is_refused():
    X, y = rows()
    with pytest.raises(ValueError, match="y to be passed"):
        EinetClassifier(SMALL).fit(X, None)
    for missing in (None, np.nan, pd.NA):
        with pytest.raises(ValueError, match="y has no label in row 1; "):
            EinetClassifier(SMALL).fit(X[:3], np.array(["a", missing, "b"], dtype=object))
    with pytest.raises(ValueError, match="y has no label in row 0; "):
        EinetClassifier(SMALL).fit(X[:2], pd.Series([None, "b"], dtype="string"))
    with pytest.raises(ValueError, match="Unknown label type"):
        EinetClassifier(SMALL).fit(X, np.random.RandomState(0).normal(size=len(X)))
    with pytest.raises(ValueError, match="last column of the density has the family 'gaussian'"):
        EinetClassifier(clone(SMALL).set_params(leaf="gaussian")).fit(X, y)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        EinetClassifier(SMALL).fit(X, y[:-1])


def test_a_failed_fit_leaves_the_last_one(fitted):
    model, X, y = clone(fitted[0]).fit(*fitted[1:]), *fitted[1:]
    before = model.predict_proba(X)
    with pytest.raises(ValueError, match="infinity"):
        model.fit(np.full_like(X, np.inf), y)
    assert_array_equal(model.predict_proba(X), before)


def test_in_pipelines_searches_and_files(tmp_path):
    X, y = load_iris(return_X_y=True)
    scaled = make_column_transformer((StandardScaler(), [0, 1]), remainder="passthrough")
    pipeline = make_pipeline(scaled, EinetClassifier(SMALL))
    grid = {f"einetclassifier__density__{name}": [1, 2] for name in ("depth", "n_replicas")}
    search = GridSearchCV(pipeline, grid, cv=2, scoring="neg_log_loss").fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    model = search.best_estimator_[-1]
    model.save(tmp_path / "classes.skpc")
    Z = search.best_estimator_[:-1].transform(X)
    same = skpc.load(tmp_path / "classes.skpc")
    assert_array_equal(same.predict_proba(Z), model.predict_proba(Z))


@pytest.mark.slow
def test_it_classifies_with_and_without_holes():
    X, y = load_iris(return_X_y=True)
    train, test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)
    model = EinetClassifier(EinetDensityEstimator(components="trees", random_state=0))
    model.fit(train, y_train)
    assert log_loss(y_test, model.predict_proba(test)) < 0.25
    # By one of the two petal columns alone iris is nearly as clear.
    test = test.copy()
    test[:, :3] = np.nan
    assert log_loss(y_test, model.predict_proba(test)) < 0.4
