"""Which cell `EinetOutlierDetector.explain` names first where one was planted.

    python benchmarks/explain.py

Writes results/explain.md; how cells are planted is told in NOTE. The tables are those that
scikit-learn ships.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from machine import header
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine

from skpc import EinetDensityEstimator, EinetOutlierDetector

RESULTS = Path(__file__).parent / "results"
TABLES = {
    "iris": lambda: load_iris().data,
    "wine": lambda: load_wine().data,
    "diabetes": lambda: load_diabetes(scaled=False).data,
    "breast_cancer": lambda: load_breast_cancer().data,
}
NOTE = """
Two thirds of the rows are for training. In each other row one random cell of a column with more
than two values is moved by the stated number of standard deviations of its column, up or down, but
stays within the range of the column in training: the cell is odd for its row, not for its column.
Shares of rows in which the planted cell comes first: by the centred surprise, which `explain` shows
(-log p(cell given the others) less its expectation), and by the raw one.
"""


def planted(rows, train, distance, random):
    """Rows with one cell moved each, and its column; rows in which no move stays in range go."""
    low, high, spread = train.min(axis=0), train.max(axis=0), train.std(axis=0)
    wide = np.flatnonzero([len(np.unique(x)) > 2 for x in train.T])
    moved, columns = [], []
    for row in rows:
        column = random.choice(wide)
        for sign in random.permutation([-1, 1]):
            value = row[column] + sign * distance * spread[column]
            if low[column] <= value <= high[column]:
                moved.append(np.r_[row[:column], value, row[column + 1 :]])
                columns.append(column)
                break
    return np.array(moved), np.array(columns)


def measure(X, distance, seed):
    """Rows, and how many of them name the planted cell first, centred and raw."""
    random = np.random.RandomState(seed)
    order = random.permutation(len(X))
    train, rest = X[order[len(X) // 3 :]], X[order[: len(X) // 3]]
    moved, columns = planted(rest, train, distance, random)
    detector = EinetOutlierDetector(EinetDensityEstimator(random_state=seed)).fit(train)
    raw = -detector.density_.score_columns(moved)
    centred = raw - detector.expected_surprise_
    return len(moved), (centred.argmax(1) == columns).sum(), (raw.argmax(1) == columns).sum()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--distances", type=float, nargs="+", default=[1.5, 2.5])
    options = parser.parse_args()
    torch.set_num_threads(1)
    lines = ["| table | moved by | rows | centred | raw |", "| --- | ---: | ---: | ---: | ---: |"]
    for name, load in TABLES.items():
        for distance in options.distances:
            found = [measure(load(), distance, seed) for seed in range(options.seeds)]
            n, centred, raw = np.sum(found, axis=0)
            lines.append(f"| {name} | {distance} | {n} | {centred / n:.0%} | {raw / n:.0%} |")
            print(lines[-1], flush=True)
    text = "\n".join(lines)
    (RESULTS / "explain.md").write_text(f"# Planted cells\n\n{header(1)}\n{NOTE}\n{text}\n")


if __name__ == "__main__":
    main()
