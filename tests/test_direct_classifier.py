"""DirectBayesianClassifier: bounds and posteriors by enumeration, and what users do with it."""

import warnings

import numpy as np
import pandas as pd
import pytest
from helpers.class_problems import (
    all_codes,
    log_joint,
    log_likelihoods,
    log_posterior,
    rows_of_classes,
)
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit, logsumexp
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegressionCV
from sklearn.metrics import log_loss
from sklearn.model_selection import cross_val_predict, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skpc import DirectBayesianClassifier, PoorFitWarning

SMALL = {"n_bits": 2, "weight_scale": 0.8}


@pytest.mark.parametrize("prior", ["uniform", "spike", "normal", [1.0, 3.0, 1.0]])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_elbo_is_a_bound_of_the_evidence_and_rises(prior, fit_intercept):
    X, y = rows_of_classes(25, 3)
    model = DirectBayesianClassifier(prior=prior, fit_intercept=fit_intercept, tol=1e-9, **SMALL)
    model.fit(X, y)
    joint, posterior = log_joint(model, X, y), log_posterior(model)
    evidence = logsumexp(joint)
    q = np.exp(posterior)
    # Of the posterior, with the likelihood itself in place of its bound.
    exact = np.sum(np.where(q > 0, q * (joint - np.where(q > 0, posterior, 0)), 0))
    assert model.elbo_ <= exact + 1e-9
    assert exact <= evidence + 1e-9
    assert evidence - model.elbo_ < (1.0 if fit_intercept else 3.0)
    assert (np.diff(model.elbo_path_) >= -1e-9).all()


def test_the_bound_holds_on_chosen_grids_too():
    X, y = rows_of_classes(60, 2, seed=3)
    model = DirectBayesianClassifier(3, prior="laplace").fit(X, y)
    assert model.elbo_ <= logsumexp(log_joint(model, X, y))


def test_means_are_near_those_of_the_exact_posterior():
    X, y = rows_of_classes(300, 2, seed=1)
    model = DirectBayesianClassifier(5, weight_scale=0.2, tol=1e-9).fit(X, y)
    weights = np.exp(log_joint(model, X, y) - logsumexp(log_joint(model, X, y)))
    codes = all_codes(model)
    exact = weights @ codes * model.weight_scale_[0] / model.feature_scale_
    spread = np.sqrt(weights @ codes**2 - (weights @ codes) ** 2) * model.weight_scale_[0]
    assert (np.abs(model.coef_[0] - exact) * model.feature_scale_ < 0.35 * spread).all()
    # The normal approximation's deviations, which know that weights depend on each other.
    assert_allclose(model.coef_std_[0] * model.feature_scale_, spread, rtol=0.4)


def test_codes_of_three_classes_follow_the_exact_posterior():
    X, y = rows_of_classes(150, 1, n_classes=3, seed=2)
    model = DirectBayesianClassifier(3, weight_scale=0.4).fit(X, y)
    z = (X - X.mean(axis=0)) / model.feature_scale_
    codes = np.array(np.meshgrid(*[np.arange(-3, 4)] * 3, indexing="ij")).reshape(3, -1).T
    at_centre = model.intercept_ + model.coef_ @ X.mean(axis=0)
    scores = (codes[:, None] * 0.4) * z[None, :, :] + at_centre
    joint = log_likelihoods(scores, y)
    shares = np.exp(joint - logsumexp(joint))
    exact, own = (z[:, :, None] * np.einsum("m,ms->s", shares, codes) * 0.4)[:, 0], model.coef_
    # A shift of all scores changes nothing.
    means = exact - exact.mean(axis=1, keepdims=True)
    found = z * model.feature_scale_ * own[:, 0]
    found = found - found.mean(axis=1, keepdims=True)
    assert np.abs(means - found).max() < 0.3 * np.abs(means).max()


def test_draws_have_the_probabilities_of_the_posterior():
    X, y = rows_of_classes(40, 3, n_classes=3)
    model = DirectBayesianClassifier(3, weight_scale=0.8).fit(X, y)
    drawn = model.sample_weights(4000, random_state=0)
    assert drawn.dtype == np.int8
    assert drawn.shape == (4000, 3, 3)
    for k, code in enumerate(range(-3, 4)):
        share = (drawn == code).mean(axis=0)
        assert_allclose(share, model.weight_probabilities_[..., k], atol=0.04)
    assert_array_equal(drawn, model.sample_weights(4000, random_state=0))
    deviations = (drawn * model.weight_scale_).std(axis=0) / model.feature_scale_
    assert_allclose(deviations, model.draw_std_, rtol=0.05)


def test_probabilities_scores_and_classes_agree():
    for n_classes in (2, 3):
        X, y = rows_of_classes(80, 3, n_classes)
        labels = np.array(["ant", "bee", "cat"])[y]
        model = DirectBayesianClassifier().fit(X, labels)
        shares, scores = model.predict_proba(X), model.decision_function(X)
        linear = X @ model.coef_.T + model.intercept_
        assert_allclose(linear if n_classes == 3 else linear[:, 0], scores, rtol=1e-9, atol=1e-9)
        assert_allclose(shares.sum(axis=1), 1)
        assert_allclose(np.log(shares), model.predict_log_proba(X), atol=1e-9)
        assert_array_equal(model.predict(X), model.classes_[shares.argmax(axis=1)])
        if n_classes == 2:
            assert_allclose(shares[:, 1], expit(scores))


def test_intervals_hold_true_probabilities():
    held, widths = [], []
    for seed in range(30):
        random = np.random.RandomState(seed)
        X = random.standard_normal((150, 3))
        truth = expit(X @ [1.0, -0.5, 0.3])
        y = random.uniform(size=150) < truth
        low, high = DirectBayesianClassifier().fit(X, y).predict_interval(X, coverage=0.9)
        held.append(((low[:, 1] <= truth) & (truth <= high[:, 1])).mean())
        widths.append((high - low).mean())
        assert_allclose(low[:, 0], 1 - high[:, 1])
    assert 0.8 < np.mean(held) < 0.98
    assert 0.05 < np.mean(widths) < 0.4


@pytest.mark.parametrize("load", [load_breast_cancer, load_wine])
def test_log_loss_is_near_that_of_float_weights(load):
    X, y = load(return_X_y=True)
    other = make_pipeline(StandardScaler(), LogisticRegressionCV(scoring="neg_log_loss"))
    with warnings.catch_warnings():
        # LogisticRegressionCV tells of its defaults to come.
        warnings.simplefilter("ignore", FutureWarning)
        losses = [
            log_loss(y, cross_val_predict(model, X, y, method="predict_proba"))
            for model in (DirectBayesianClassifier(), other)
        ]
    assert losses[0] < 1.15 * losses[1]


def test_chunks_are_near_one_fit_and_their_bound_holds():
    X, y = rows_of_classes(240, 3, seed=5)
    whole = DirectBayesianClassifier(weight_scale=0.4, n_bits=3).fit(X, y)
    parts = DirectBayesianClassifier(weight_scale=0.4, n_bits=3)
    for start in range(0, 240, 80):
        parts.partial_fit(X[start : start + 80], y[start : start + 80], classes=[0, 1])
    assert_allclose(parts.predict_proba(X), whole.predict_proba(X), atol=0.05)
    assert parts.elbo_ <= logsumexp(log_joint(parts, X, y)) + 1e-9
    assert parts.elbo_ > whole.elbo_ - 10
    assert_allclose(parts.feature_scale_, whole.feature_scale_)


def test_chunks_of_three_classes_are_near_one_fit():
    X, y = rows_of_classes(300, 3, n_classes=3, seed=5)
    whole, parts = DirectBayesianClassifier().fit(X, y), DirectBayesianClassifier()
    for start in range(0, 300, 100):
        parts.partial_fit(X[start : start + 100], y[start : start + 100], classes=[0, 1, 2])
    assert_allclose(parts.predict_proba(X), whole.predict_proba(X), atol=0.1)
    # A chunk of one class alone, with columns that do not vary.
    parts.partial_fit(np.repeat(X[:1], 5, axis=0), [1] * 5)
    assert parts.predict_proba(X[:1])[0, 1] > 0


def test_weights_of_classes_are_weights_of_rows():
    X, y = rows_of_classes(90, 3, n_classes=3)
    by_class = DirectBayesianClassifier(class_weight={1: 3.0}).fit(X, y)
    by_row = DirectBayesianClassifier().fit(X, y, np.where(y == 1, 3.0, 1.0))
    assert_allclose(by_class.predict_proba(X), by_row.predict_proba(X))
    rare = (y == 0) & (np.arange(90) % 4 > 0)
    balanced = DirectBayesianClassifier(class_weight="balanced").fit(X[~rare], y[~rare])
    plain = DirectBayesianClassifier().fit(X[~rare], y[~rare])
    assert balanced.predict_proba(X)[:, 0].mean() > plain.predict_proba(X)[:, 0].mean()
    chunk = DirectBayesianClassifier(class_weight={1: 3.0})
    chunk.partial_fit(X[y != 1], y[y != 1], classes=[0, 1, 2])
    chunk.partial_fit(X, y)
    assert chunk.score(X, y) > 0.5
    with pytest.raises(ValueError, match="balanced"):
        DirectBayesianClassifier(class_weight="balanced").partial_fit(X, y)


def test_a_constant_column_changes_nothing():
    X, y = rows_of_classes(60, 3, n_classes=3)
    plain = DirectBayesianClassifier().fit(X, y)
    wide = DirectBayesianClassifier().fit(np.insert(X, 1, 7.0, axis=1), y)
    expected = plain.predict_proba(X)
    assert_allclose(wide.predict_proba(np.insert(X, 1, 99.0, axis=1)), expected, rtol=1e-7)
    assert (wide.weight_codes_[:, 1] == 0).all()
    assert (wide.penalty_ > 0).tolist() == [True, False, True, True]
    assert_allclose(wide.pack().predict_proba(np.insert(X, 1, 99.0, axis=1)), expected, atol=0.1)


def test_few_bits_warn_and_sparse_priors_have_zeros():
    X, y = rows_of_classes(600, 12, size=3.0)
    with pytest.warns(PoorFitWarning, match="n_bits"):
        DirectBayesianClassifier(2, weight_scale=0.01).fit(X, y)
    noise = np.random.RandomState(0).standard_normal((600, 20))
    sparse = DirectBayesianClassifier(prior="spike").fit(np.column_stack([X, noise]), y)
    uniform = DirectBayesianClassifier().fit(np.column_stack([X, noise]), y)
    assert sparse.sparsity_ > uniform.sparsity_


def test_separable_classes_and_tiny_tables_have_finite_answers():
    X = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    model = DirectBayesianClassifier().fit(X, [0, 0, 1, 1])
    assert model.predict([[-3.0], [3.0]]).tolist() == [0, 1]
    assert np.isfinite(model.predict_log_proba([[1e3]])).all()
    wide = np.random.RandomState(0).standard_normal((8, 30))
    assert np.isfinite(DirectBayesianClassifier().fit(wide, [0, 1, 2, 0, 1, 2, 0, 1]).coef_).all()
    same = DirectBayesianClassifier().fit(np.ones((6, 2)), [0, 1] * 3)
    assert_allclose(same.predict_proba(np.ones((1, 2))), [[0.5, 0.5]], atol=1e-6)


def test_errors_say_what_is_accepted():
    X, y = rows_of_classes(30, 3)
    with pytest.raises(NotFittedError):
        DirectBayesianClassifier().predict(X)
    with pytest.raises(ValueError, match="one class: 1"):
        DirectBayesianClassifier().fit(X, np.ones(30, dtype=int))
    with pytest.raises(ValueError, match="one class: 0"):
        DirectBayesianClassifier().fit(X, y, (y == 0).astype(float))
    with pytest.raises(ValueError, match="no label in row 2"):
        DirectBayesianClassifier().fit(X, np.where(np.arange(30) == 2, None, "a"))
    model = DirectBayesianClassifier().partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match="label 5 in row 0"):
        model.partial_fit(X, np.full(30, 5))
    with pytest.raises(ValueError, match="they were"):
        model.partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="coverage"):
        model.predict_interval(X, coverage=90)
    with pytest.raises(ValueError, match="input_range"):
        model.pack(input_range=0)
    with pytest.raises(ValueError, match="15 codes"):
        DirectBayesianClassifier(prior=[0.5, 0.5]).fit(X, y)
    table = pd.DataFrame(X, columns=["a", "b", "c"]).astype(object)
    table.loc[3, "b"] = np.nan
    with pytest.raises(ValueError, match="NaN in column 'b', row 3"):
        DirectBayesianClassifier().fit(table, y)
    with pytest.raises(ValueError, match="overflows"):
        model.predict(np.full((1, 3), 1e308))


def test_a_refused_fit_leaves_the_model_as_it_was():
    X, y = rows_of_classes(40, 3, n_classes=3)
    model = DirectBayesianClassifier().fit(pd.DataFrame(X, columns=["a", "b", "c"]), y)
    before = vars(model).copy()
    with pytest.raises(ValueError, match="NaN"):
        model.fit(np.full((4, 2), np.nan), [0, 1, 0, 1])
    with pytest.raises(ValueError, match="prior"):
        model.set_params(prior=[1.0]).fit(X, y)
    model.set_params(prior="uniform")
    assert vars(model) == before
    two = model.fit(X, y > 0)
    assert two.elbo_ < 0
    assert not hasattr(two, "feature_names_in_")
    assert not hasattr(two.fit(X, y), "elbo_")


def test_three_or_more_labels_of_any_kind(capsys):
    X, y = rows_of_classes(60, 2, n_classes=3)
    for labels in (y * 10 - 7, y.astype(float), np.array(["x", "yy", "z"])[y], y == 1):
        model = DirectBayesianClassifier(verbose=1).fit(X, labels)
        assert model.classes_.dtype == np.asarray(labels).dtype
        assert model.score(X, labels) > 0.5
    assert "[DIRECT] 3 classes" in capsys.readouterr().out
    frame = pd.Series(pd.Categorical(np.array(["x", "y", "z"])[y]))
    assert set(DirectBayesianClassifier().fit(X, frame).predict(X)) <= {"x", "y", "z"}


def test_held_out_rows_lose_about_what_was_expected():
    X, y = load_breast_cancer(return_X_y=True)
    train, test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
    model = DirectBayesianClassifier().fit(train, y_train)
    assert log_loss(y_test, model.predict_proba(test)) < 2 * model.expected_loss_ + 0.05
    assert 0 <= model.excess_loss_ < 0.02
