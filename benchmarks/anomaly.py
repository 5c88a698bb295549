"""One-class anomaly detection: AUROC of `EinetOutlierDetector` beside four detectors.

    python benchmarks/anomaly.py --data FOLDER

Writes results/anomaly.md. FOLDER (or SKPC_DATA) holds anomaly/NAME.npz with X (n, d) and y (n,), 1
where a row is an anomaly; what is measured is told in NOTE.
"""

import argparse
import os
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from machine import header
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import LocalOutlierFactor, NearestNeighbors
from sklearn.preprocessing import StandardScaler

from skpc import EinetDensityEstimator, EinetOutlierDetector

RESULTS = Path(__file__).parent / "results" / "anomaly.md"
MOST_ROWS = 1000
NOTE = """
Half of the normal rows, at most 1,000, are for training; all other rows are scored. "skpc" is the
detector by its defaults, which ranks by kernels. Numbers are standardised for the others.
A second table, where there is one, has scores of one accurate density (trees and Gaussians), of
which "bounded" is ranking="density". Seconds are those of all fits and scores of a row.
"""
DETECTORS = (
    "skpc", "kNN (k = 5)", "IsolationForest", "LocalOutlierFactor", "GaussianMixture",
)  # fmt: skip
ACCURATE = ("bounded", "log density", "copula and tails", "bounded and copula", "surprises")


def split(X, y, seed):
    """Training rows, and rows to score with their labels."""
    random = np.random.RandomState(seed)
    normal = random.permutation(np.flatnonzero(y == 0))
    train = normal[: min(len(normal) // 2, MOST_ROWS)]
    rest = np.setdiff1d(np.arange(len(y)), normal[: len(normal) // 2])
    return X[train], X[rest], y[rest]


def of_accurate(train, test, seed):
    """Scores of one accurate density, by name; the higher, the more usual."""
    density = EinetDensityEstimator(components=["trees", "gaussians"], random_state=seed)
    detector = EinetOutlierDetector(density, ranking="density").fit(train)
    model, d = detector.density_, train.shape[1]
    log_density = model.score_samples(test)
    margins = sum(model.predict_marginal(test, [j]) for j in range(d))
    below = model.cdf(test, range(d)).clip(1e-12, 1 - 1e-12)
    tails = np.log(2 * np.minimum(below, 1 - below)).sum(axis=1)
    bounded, copula = detector.score_samples(test), log_density - margins + tails
    surprise = detector.expected_surprise_ + model.score_columns(test)
    return {
        "bounded": bounded,
        "log density": log_density,
        "copula and tails": copula,
        "bounded and copula": bounded + copula,
        "surprises": np.nansum(surprise, axis=1),
    }


def of_detectors(train, test, seed):
    """Scores of detectors, others than skpc's on standardised rows, by name."""
    # The density only explains: it decides no score here.
    quick = EinetDensityEstimator(components="trees", max_iter=1, random_state=seed)
    ours = EinetOutlierDetector(quick).fit(train).score_samples(test)
    scaler = StandardScaler().fit(train)
    train, test = scaler.transform(train), scaler.transform(test)
    forest = IsolationForest(random_state=seed).fit(train)
    factor = LocalOutlierFactor(novelty=True).fit(train)
    counts = [k for k in (1, 2, 4, 8, 16) if len(train) >= 10 * k]
    mixtures = [GaussianMixture(k, reg_covar=1e-3, random_state=seed).fit(train) for k in counts]
    mixture = min(mixtures, key=lambda one: one.bic(train))
    neighbours = NearestNeighbors(n_neighbors=5).fit(train)
    return {
        "skpc": ours,
        "kNN (k = 5)": -neighbours.kneighbors(test)[0].mean(axis=1),
        "IsolationForest": forest.score_samples(test),
        "LocalOutlierFactor": factor.score_samples(test),
        "GaussianMixture": mixture.score_samples(test),
    }


def measured(folder, names, score, seeds):
    """A table of mean AUROCs by name, in Markdown."""
    lines = ["| table | " + " | ".join(names) + " | seconds |"]
    lines.append("| --- |" + " ---: |" * (len(names) + 1))
    rows = []
    for path in sorted(folder.glob("*.npz")):
        table = np.load(path)
        found, started = [], time.perf_counter()
        for seed in range(seeds):
            train, test, labels = split(table["X"].astype(float), table["y"], seed)
            scores = score(train, test, seed)
            found.append([roc_auc_score(labels, -scores[name]) for name in names])
        rows.append(np.mean(found, axis=0))
        cells = [f"{value:.3f}" for value in rows[-1]]
        cells.append(f"{(time.perf_counter() - started) / seeds:.0f}")
        lines.append(f"| {path.stem} | " + " | ".join(cells) + " |")
        print(lines[-1], flush=True)
    mean = [f"{value:.4f}" for value in np.mean(rows, axis=0)]
    lines.append("| mean | " + " | ".join(mean) + " | |")
    print(lines[-1])
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("SKPC_DATA"))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--accurate-seeds", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(1)
    detectors = measured(options.data / "anomaly", DETECTORS, of_detectors, options.seeds)
    text = f"# One-class AUROC\n\n{header(1)}\n{NOTE}\n"
    text += f"Detectors, means of {options.seeds} seeds:\n\n{detectors}\n"
    if seeds := options.accurate_seeds:
        accurate = measured(options.data / "anomaly", ACCURATE, of_accurate, seeds)
        text += f"Scores of the accurate density, means of {seeds} seeds:\n\n{accurate}"
    RESULTS.write_text(text)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
