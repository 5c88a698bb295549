"""One-class anomaly detection: AUROC of `EinetOutlierDetector` beside four detectors.

Half of the normal rows, at most 1,000, are for training; all other rows are scored. Numbers are
standardised for the others. Run as

    python benchmarks/anomaly.py FOLDER [--seeds 1] [--out benchmarks/results/anomaly.md]

with a folder of files NAME.npz that hold X (n, d) and y (n,), 1 where a row is an anomaly.
"""

import argparse
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors
from sklearn.preprocessing import StandardScaler

from skpc import EinetDensityEstimator, EinetOutlierDetector

MOST_ROWS = 1000
NAMES = (
    "skpc", "log density", "copula and tails", "skpc and copula", "surprises",
    "kNN (k = 5)", "IsolationForest", "LocalOutlierFactor", "GaussianMixture",
)  # fmt: skip


def split(X, y, seed):
    """Training rows, and rows to score with their labels."""
    random = np.random.RandomState(seed)
    normal = random.permutation(np.flatnonzero(y == 0))
    train = normal[: min(len(normal) // 2, MOST_ROWS)]
    rest = np.setdiff1d(np.arange(len(y)), normal[: len(normal) // 2])
    return X[train], X[rest], y[rest]


def of_skpc(train, test, seed):
    """Scores of one fitted density, by name; the higher, the more usual."""
    density = EinetDensityEstimator(components=["trees", "gaussians"], random_state=seed)
    detector = EinetOutlierDetector(density).fit(train)
    model, d = detector.density_, train.shape[1]
    log_density = model.score_samples(test)
    margins = sum(model.predict_marginal(test, [j]) for j in range(d))
    below = model.cdf(test, range(d)).clip(1e-12, 1 - 1e-12)
    tails = np.log(2 * np.minimum(below, 1 - below)).sum(axis=1)
    bounded, copula = detector.score_samples(test), log_density - margins + tails
    surprise = detector.expected_surprise_ + model.score_columns(test)
    return {
        "skpc": bounded,
        "log density": log_density,
        "copula and tails": copula,
        "skpc and copula": bounded + copula,
        "surprises": np.nansum(surprise, axis=1),
    }


def of_others(train, test, seed):
    """Scores of other detectors on standardised rows, by name."""
    scaler = StandardScaler().fit(train)
    train, test = scaler.transform(train), scaler.transform(test)
    forest = IsolationForest(random_state=seed).fit(train)
    factor = LocalOutlierFactor(novelty=True).fit(train)
    counts = [k for k in (1, 2, 4, 8, 16) if len(train) >= 10 * k]
    mixtures = [GaussianMixture(k, reg_covar=1e-3, random_state=seed).fit(train) for k in counts]
    mixture = min(mixtures, key=lambda one: one.bic(train))
    neighbours = NearestNeighbors(n_neighbors=5).fit(train)
    return {
        "kNN (k = 5)": -neighbours.kneighbors(test)[0].mean(axis=1),
        "IsolationForest": forest.score_samples(test),
        "LocalOutlierFactor": factor.score_samples(test),
        "GaussianMixture": mixture.score_samples(test),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    lines = ["| table | " + " | ".join(NAMES) + " | seconds |"]
    lines.append("| --- |" + " --- |" * (len(NAMES) + 1))
    rows = []
    for path in sorted(options.folder.glob("*.npz")):
        table = np.load(path)
        scores, seconds = [], 0.0
        for seed in range(options.seeds):
            train, test, labels = split(table["X"].astype(float), table["y"], seed)
            started = time.perf_counter()
            found = of_skpc(train, test, seed)
            seconds += time.perf_counter() - started
            found |= of_others(train, test, seed)
            scores.append([roc_auc_score(labels, -found[name]) for name in NAMES])
        rows.append(np.mean(scores, axis=0))
        cells = [f"{value:.3f}" for value in rows[-1]] + [f"{seconds / options.seeds:.0f}"]
        lines.append(f"| {path.stem} | " + " | ".join(cells) + " |")
        print(lines[-1], flush=True)
    mean = [f"{value:.3f}" for value in np.mean(rows, axis=0)]
    lines.append("| mean | " + " | ".join(mean) + " | |")
    print(lines[-1])
    if options.out:
        command = f"python benchmarks/anomaly.py FOLDER --seeds {options.seeds}"
        options.out.write_text(f"# One-class AUROC\n\n`{command}`\n\n" + "\n".join(lines) + "\n")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
