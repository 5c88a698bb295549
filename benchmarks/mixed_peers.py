"""Peers of the benchmark on mixed tables: fit, choose on valid, and score.

Axes: n rows, d columns, k components. Every peer takes train, valid and test (n, d), where numbers
have noise, and the mask of the categories; it returns its settings and mean log
densities of valid and test.
"""

import numpy as np
from scipy.special import logsumexp
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity

COMPONENTS = (1, 2, 3, 5, 8, 12, 20, 30, 50)
BANDWIDTHS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0)
PSEUDOCOUNT = 0.1


def filled(train: np.ndarray, categorical: np.ndarray) -> np.ndarray:
    """Missing cells by the mean or the most frequent code of their column."""
    out = train.copy()
    for j, codes in enumerate(categorical):
        lost = np.isnan(out[:, j])
        values, counts = np.unique(out[~lost, j], return_counts=True)
        out[lost, j] = values[counts.argmax()] if codes else out[~lost, j].mean()
    return out


def standardised(parts: list) -> tuple[list, float]:
    """Columns of mean 0 and variance 1 in training, and the log of the scales."""
    mean, scale = parts[0].mean(axis=0), parts[0].std(axis=0)
    return [(part - mean) / scale for part in parts], float(np.log(scale).sum())


def noisy_codes(parts: list, categorical: np.ndarray) -> list:
    """Codes moved by uniform noise of width 1."""
    random = np.random.RandomState(1)
    return [part + random.uniform(-0.5, 0.5, part.shape) * categorical for part in parts]


def sizes(n: int) -> list[int]:
    """Numbers of components that are tried for n rows."""
    return [k for k in COMPONENTS if 10 * k <= n]


def gaussian_mixture(train: np.ndarray, valid: np.ndarray, test: np.ndarray, categorical) -> tuple:
    """The best of both treatments of categories, covariances and numbers of components."""
    parts = [filled(train, categorical), valid, test]
    found = []
    z, log_scale = standardised(noisy_codes(parts, categorical))
    for covariance in ("full", "diag"):
        for k in sizes(len(train)):
            model = GaussianMixture(k, covariance_type=covariance, random_state=0).fit(z[0])
            scores = [model.score(part) - log_scale for part in z[1:]]
            found.append((scores, f"noisy codes, {covariance}, {k}"))
            scores = shares_by_component(parts, categorical, covariance, k)
            found.append((scores, f"shares by component, {covariance}, {k}"))
    scores, settings = max(found, key=lambda f: f[0][0])
    return settings, tuple(scores)


def shares_by_component(parts: list, categorical: np.ndarray, covariance: str, k: int) -> list:
    """A Gaussian mixture whose components have shares of the categories, too.

    Responsibilities come from the numbers alone, or, with diagonal covariances, from
    numbers and one-hot categories.
    """
    z, log_scale = standardised([part[:, ~categorical] for part in parts])
    codes = [part[:, categorical] for part in parts]
    levels = [np.unique(np.concatenate([c[:, j] for c in codes])) for j in range(codes[0].shape[1])]
    hot = [
        np.hstack([c[:, [j]] == values for j, values in enumerate(levels)]).astype(float)
        for c in codes
    ]
    wide = covariance == "diag"
    seen = np.hstack([z[0], hot[0]]) if wide else z[0]
    model = GaussianMixture(k, covariance_type=covariance, random_state=0, reg_covar=1e-4)
    weights = model.fit(seen).predict_proba(seen)
    log_shares = np.hstack(
        [log_table(weights.T @ (codes[0][:, [j]] == values)) for j, values in enumerate(levels)]
    )
    numbers = GaussianMixture(k, covariance_type=covariance, random_state=0, max_iter=1)
    numbers.weights_ = model.weights_
    numbers.means_ = model.means_[:, : z[0].shape[1]]
    precisions = model.precisions_cholesky_
    numbers.precisions_cholesky_ = precisions[:, : z[0].shape[1]] if wide else precisions
    return [
        float(
            logsumexp(
                numbers._estimate_log_prob(a) + np.log(model.weights_) + b @ log_shares.T, axis=1
            ).mean()
            - log_scale
        )
        for a, b in zip(z[1:], hot[1:], strict=True)
    ]


def log_table(counts: np.ndarray) -> np.ndarray:
    """Smoothed log shares of categories, (k, categories)."""
    counts = counts + PSEUDOCOUNT
    return np.log(counts / counts.sum(axis=1, keepdims=True))


def kernel_density(train: np.ndarray, valid: np.ndarray, test: np.ndarray, categorical) -> tuple:
    """Gaussian kernels; bandwidth in standard deviations."""
    parts = [filled(train, categorical), valid, test]
    z, log_scale = standardised(noisy_codes(parts, categorical))
    models = [KernelDensity(bandwidth=h, rtol=1e-4).fit(z[0]) for h in BANDWIDTHS]
    scores = [model.score_samples(z[1]).mean() for model in models]
    best = int(np.argmax(scores))
    test_score = models[best].score_samples(z[2]).mean()
    return f"bandwidth {BANDWIDTHS[best]}", (scores[best] - log_scale, test_score - log_scale)


def contiguous(parts: list, categorical: np.ndarray) -> tuple[list, list]:
    """Standardised numbers, and codes 0 to C - 1 with one more for codes not in training."""
    z, log_scale = standardised([np.where(categorical, 0.0, part) for part in parts])
    levels = {j: np.unique(parts[0][:, j]) for j in np.flatnonzero(categorical)}
    for j, values in levels.items():
        for out, part in zip(z, parts, strict=True):
            place = np.searchsorted(values, part[:, j]).clip(0, len(values) - 1)
            out[:, j] = np.where(values[place] == part[:, j], place, len(values))
    return z, [len(levels[j]) + 1 if j in levels else 0 for j in range(len(categorical))], log_scale


def _ready(train: np.ndarray, valid: np.ndarray, test: np.ndarray, categorical) -> tuple:
    """As `contiguous`, where codes count for nothing in the scales."""
    with np.errstate(divide="ignore", invalid="ignore"):
        z, n_codes, _ = contiguous([filled(train, categorical), valid, test], categorical)
    scales = filled(train, categorical)[:, ~categorical].std(axis=0)
    return z, n_codes, float(np.log(scales).sum())


def pomegranate_mixture(train, valid, test, categorical) -> tuple:
    """Mixture of independent normals and categoricals."""
    import torch
    from pomegranate.distributions import Categorical, IndependentComponents, Normal
    from pomegranate.gmm import GeneralMixtureModel

    class Coded(Categorical):
        """Takes codes from a table of floats, as its neighbours' columns are."""

        def log_probability(self, X):
            return super().log_probability(X.long())

        def summarize(self, X, sample_weight=None):
            return super().summarize(X.long(), sample_weight=sample_weight)

    z, n_codes, log_scale = _ready(train, valid, test, categorical)
    tensors = [torch.tensor(part, dtype=torch.float32) for part in z]
    found = []
    for k in (2, 5, 12, 20):
        torch.manual_seed(0)
        parts = [
            IndependentComponents(
                [
                    Coded(n_categories=c, pseudocount=PSEUDOCOUNT)
                    if c
                    else Normal(covariance_type="diag", min_cov=1e-4)
                    for c in n_codes
                ]
            )
            for _ in range(k)
        ]
        start = np.random.RandomState(0).dirichlet(np.ones(k), len(z[0]))
        for component, weights in zip(parts, start.T, strict=True):
            component.fit(tensors[0], sample_weight=torch.tensor(weights, dtype=torch.float32))
        model = GeneralMixtureModel(parts, max_iter=30, tol=1e-3 * len(z[0])).fit(tensors[0])
        scores = [float(model.log_probability(t).mean()) - log_scale for t in tensors[1:]]
        found.append((scores, f"{k} components"))
    scores, settings = max(found, key=lambda f: np.nan_to_num(f[0][0], nan=-np.inf))
    return settings, tuple(scores)


def learn_spn(train, valid, test, categorical) -> tuple:
    """SPFlow's LearnSPN: independence by the randomised dependence coefficient, k-means."""
    import torch
    from spflow.learn.learn_spn import learn_spn as learn
    from spflow.meta.data import Scope
    from spflow.modules.leaves import Categorical, Normal

    class Coded(Categorical):
        """Copies that the learner makes of a leaf are not told its number of categories."""

        def __init__(self, scope, *arguments, K=None, **settings) -> None:
            probs = settings.get("probs") is None and settings.get("logits") is None
            known = n_codes[next(iter(Scope.as_scope(scope).query))] if probs else None
            super().__init__(scope, *arguments, K=K or known, **settings)

    z, n_codes, log_scale = _ready(train, valid, test, categorical)
    tensors = [torch.tensor(part, dtype=torch.float32) for part in z]
    found = []
    for least in (100, 300):
        for threshold in (0.3,):
            torch.manual_seed(0)
            leaves = [
                Coded(Scope([j]), K=c) if c else Normal(Scope([j])) for j, c in enumerate(n_codes)
            ]
            try:
                model = learn(
                    tensors[0],
                    leaves,
                    min_instances_slice=least,
                    partitioning_args={"threshold": threshold},
                )
                scores = [float(model.log_likelihood(t).mean()) - log_scale for t in tensors[1:]]
            except Exception as error:  # Some settings fail within the learner; others are tried.
                print("LearnSPN", least, threshold, type(error).__name__, str(error)[:120])
                continue
            found.append((scores, f"{least} rows, threshold {threshold}"))
    if not found:
        raise ImportError("LearnSPN failed for all settings")
    scores, settings = max(found, key=lambda f: np.nan_to_num(f[0][0], nan=-np.inf))
    return settings, tuple(scores)


PEERS = {
    "GaussianMixture": gaussian_mixture,
    "KernelDensity": kernel_density,
    "pomegranate": pomegranate_mixture,
    "SPFlow LearnSPN": learn_spn,
}
