"""The exact evidence of a fitted regression: every vector of codes, every level of the noise.

Residuals are formed for each vector of codes by itself, in extended precision, so that nothing
cancels however small the noise is.

Axes: n rows, B features, M vectors of codes, L noise levels.
"""

from itertools import product

import numpy as np
from scipy.special import logsumexp


def log_evidence(model, x, y, weights=None) -> float:
    """Log evidence of the rows on the grid that `model` was fitted on, in units of y."""
    x, y = np.asarray(x, dtype=np.longdouble), np.asarray(y, dtype=np.longdouble)
    w = np.ones(len(y)) if weights is None else np.asarray(weights, dtype=float)
    x, y, w = x[w > 0], y[w > 0], w[w > 0]
    n = max(w.sum(), len(w))
    w = w.astype(np.longdouble) * (n / w.sum())
    if model.fit_intercept:
        # Twice, since a mean is rounded as well.
        for _ in range(2):
            x, y = x - w @ x / w.sum(), y - w @ y / w.sum()
    n_codes = model.code_prior_.shape[-1]
    codes = np.array(list(product(range(n_codes), repeat=x.shape[1])))
    step = np.broadcast_to(model.weight_scale_, x.shape[1]) / model.feature_scale_
    coef = (codes - n_codes // 2) * step
    error = np.array([float(w @ (y - x @ c.astype(np.longdouble)) ** 2) for c in coef])
    levels = model.noise_levels_
    joint = -0.5 * n * np.log(2 * np.pi * levels) - 0.5 * error[:, None] / levels
    with np.errstate(divide="ignore"):
        log_prior = np.log(np.broadcast_to(model.code_prior_, (x.shape[1], n_codes)))
    joint += log_prior[np.arange(x.shape[1]), codes].sum(axis=1)[:, None] - np.log(len(levels))
    return float(logsumexp(joint))
