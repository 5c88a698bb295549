"""Rows of classes, and the exact evidence of a fitted classifier: every vector of codes.

Axes: n rows, B features, C classes, S scores, M vectors of codes.
"""

from itertools import product

import numpy as np
from scipy.special import logsumexp


def rows_of_classes(n=40, n_features=3, n_classes=2, seed=0, size=1.5):
    """Rows (n, B) in uneven units, classes (n,)."""
    random = np.random.RandomState(seed)
    X = random.standard_normal((n, n_features))
    X[:, 1:] += 0.5 * X[:, :1]
    scores = X @ (size * random.standard_normal((n_features, n_classes)))
    y = (scores + random.gumbel(size=scores.shape)).argmax(axis=1)
    y[:n_classes] = np.arange(n_classes)
    return X * 10.0 ** random.uniform(-2, 2, n_features) + 3.0, y


def log_likelihoods(scores, y):
    """Of classes (n,) at scores (..., n, S)."""
    if scores.shape[-1] == 1:
        scores = np.concatenate([np.zeros_like(scores), scores], axis=-1)
    scores = scores - logsumexp(scores, axis=-1, keepdims=True)
    return np.take_along_axis(
        scores, np.broadcast_to(y[:, None], (*scores.shape[:-1], 1)), axis=-1
    )[..., 0].sum(axis=-1)


def all_codes(model):
    """Every vector of codes (M, B) of one score."""
    n_codes = model.code_prior_.shape[-1]
    codes = np.array(list(product(range(n_codes), repeat=model.coef_.shape[1])))
    return codes - n_codes // 2


def log_joint(model, X, y):
    """Log joint of codes (M,) and labels for two classes, at the intercept of the model."""
    codes = all_codes(model)
    centre = (X - 0.0).mean(axis=0) if model.fit_intercept else 0.0
    at_centre = model.intercept_[0] + model.coef_[0] @ np.broadcast_to(centre, X.shape[1])
    weights = codes * model.weight_scale_[0] / model.feature_scale_
    scores = (X - centre) @ weights.T + at_centre
    likelihood = log_likelihoods(scores.T[..., None], (y == model.classes_[1]).astype(int))
    log_prior = np.log(model.code_prior_[0])
    index = codes + log_prior.shape[1] // 2
    return likelihood + log_prior[np.arange(codes.shape[1]), index].sum(axis=1)


def log_posterior(model):
    """Log probability of every vector of codes (M,) under the posterior of the first score."""
    codes = all_codes(model)
    shares = model.weight_probabilities_[0]
    index = codes + shares.shape[1] // 2
    with np.errstate(divide="ignore"):
        return np.log(shares[np.arange(codes.shape[1]), index]).sum(axis=1)
