"""Treatments of columns of numbers, compared on held-out rows.

    python benchmarks/columns.py --data FOLDER

The tables of mixed.py (validation split) and of scikit-learn (three-fold cross-validation); test
splits are not read. All models are fitted to the rows with uniform noise of one step of the
column's grid, but 'numeric' also to the rows as recorded; all are scored on held-out rows with
noise, so that a treatment gains nothing from narrow peaks on values that repeat.
"""

import argparse
import os
from pathlib import Path

import numpy as np
import torch
from machine import header
from mixed import load, steps
from scipy.stats import yeojohnson, yeojohnson_normmax
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from sklearn.model_selection import KFold

from skpc import EinetDensityEstimator

RESULTS = Path(__file__).parent / "results"
PACKAGED = {
    "iris": lambda: load_iris().data,
    "wine": lambda: load_wine().data,
    "breast_cancer": lambda: load_breast_cancer().data,
    "diabetes": lambda: load_diabetes(scaled=False).data,
}
TREATMENTS = ("gaussian", "yeo-johnson", "histogram 16", "histogram 32", "numeric")


def yeo_johnson(x: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mapped values and their log slopes; the power is that of training values x."""
    mean, scale = x.mean(), x.std()
    power = yeojohnson_normmax((x - mean) / scale)
    u = (values - mean) / scale
    return yeojohnson(u, power), (power - 1) * np.sign(u) * np.log1p(np.abs(u)) - np.log(scale)


def histogram(x: np.ndarray, values: np.ndarray, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Bins of equal counts and minus their log widths; exponential tails beyond."""
    edges = np.unique(np.quantile(x, np.linspace(0, 1, bins + 1)))
    bin_of = np.searchsorted(edges, values, side="right") - 1
    beyond = np.maximum(edges[0] - values, values - edges[-1]).clip(0)
    inside = (bin_of >= 0) & (bin_of < len(edges) - 1)
    width = np.diff(edges)[bin_of.clip(0, len(edges) - 2)]
    return bin_of, np.where(inside, -np.log(width), -np.log(x.std()) - beyond / x.std())


def score(
    treatment: str, train: np.ndarray, held: np.ndarray, categorical: np.ndarray, passes: object
) -> float:
    """Mean log density of held-out rows in the units of the table."""
    leaf = ["categorical" if c else "auto" for c in categorical]
    parts, log_slope = [train.copy(), held.copy()], np.zeros(len(held))
    for j in np.flatnonzero(~categorical):
        seen = [~np.isnan(part[:, j]) for part in parts]
        x = train[seen[0], j]
        if treatment in ("gaussian", "yeo-johnson"):
            leaf[j] = "gaussian"
        if treatment == "yeo-johnson" or treatment.startswith("histogram"):
            for i, part in enumerate(parts):
                values = part[seen[i], j]
                if treatment == "yeo-johnson":
                    part[seen[i], j], slope = yeo_johnson(x, values)
                else:
                    leaf[j] = "categorical"
                    part[seen[i], j], slope = histogram(x, values, int(treatment.split()[1]))
            log_slope[seen[1]] += slope
    model = EinetDensityEstimator(
        leaf=leaf, components="trees", random_state=0, max_iter=passes
    ).fit(parts[0])
    return float((model.score_samples(parts[1]) + log_slope).mean())


def splits(folder: Path, name: str) -> list[tuple]:
    """Pairs of training rows (with noise, as recorded), held-out rows with noise, categories."""
    if name not in PACKAGED:
        parts, categorical = load(folder, name)
        return [(parts["noisy train"], parts["train"], parts["noisy valid"], categorical)]
    X = PACKAGED[name]()
    categorical = np.zeros(X.shape[1], dtype=bool)
    noisy = X + np.random.RandomState(0).uniform(-0.5, 0.5, X.shape) * steps(X, categorical)
    folds = KFold(3, shuffle=True, random_state=0).split(X)
    return [(noisy[a], X[a], noisy[b], categorical) for a, b in folds]


def main() -> None:
    """Measure every treatment on every table, write Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("SKPC_DATA"))
    sets = ["iris", "wine", "diabetes", "breast_cancer", "australian", "german", "abalone"]
    parser.add_argument("--sets", nargs="+", default=sets, choices=[*sets, "adult"])
    parser.add_argument("--max-iter", type=int, help="passes; by default the estimator's own")
    options = parser.parse_args()
    torch.set_num_threads(1)
    passes = options.max_iter or "auto"
    text = f"# Treatments of columns of numbers\n\n{header(1)}\n\n"
    text += f"{__doc__.split('FOLDER')[1].strip()}\n\n"
    text += "| table | " + " | ".join((*TREATMENTS, "numeric, as recorded")) + " |\n"
    text += "| --- |" + " ---: |" * (len(TREATMENTS) + 1) + "\n"
    RESULTS.mkdir(exist_ok=True)
    for name in options.sets:
        parts = splits(Path(options.data), name)
        scores = [
            np.mean([score(t, noisy, held, c, passes) for noisy, _, held, c in parts])
            for t in TREATMENTS
        ]
        scores.append(
            np.mean([score("numeric", raw, held, c, passes) for _, raw, held, c in parts])
        )
        text += f"| {name} | " + " | ".join(f"{s:.3f}" for s in scores) + " |\n"
        print(text.splitlines()[-1], flush=True)
        (RESULTS / "columns.md").write_text(text)


if __name__ == "__main__":
    main()
