"""Draws of fitted densities against the rows that they were fitted to, in results/draws.*.

    python benchmarks/draws.py --data FOLDER

FOLDER holds mixed/, uci/ and frames/ (or set SKPC_DATA). What is measured is told in NOTE.
"""

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from machine import header
from scipy.stats import ks_2samp
from sklearn.datasets import load_diabetes, load_iris, load_wine
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from skpc import EinetDensityEstimator

RESULTS = Path(__file__).parent / "results"
MIXED = ("abalone", "german", "australian", "adult")
UCI = ("housing", "yacht", "airfoil", "energy", "concrete")
PACKAGED = {
    "iris": lambda: load_iris().data,
    "wine": lambda: load_wine().data,
    "diabetes": lambda: load_diabetes(scaled=False).data,
}
FRAMES = ("shoppers", "diamonds")
SETS = (*PACKAGED, *MIXED[:3], *UCI, MIXED[3], *FRAMES)
MANY = 20_000
NOTE = """
A density is fitted by defaults to a table, and as many rows are drawn as it has (at most the
number of --rows, of both). AUC: of HistGradientBoostingClassifier, which tells draws from rows, out
of fold in 5 folds; 0.5 is perfect. KS: the largest Kolmogorov-Smirnov distance of a column of
numbers between its rows and 20,000 draws. Off grid: share of drawn cells, in columns with a grid,
that are not on it. Beyond: share of drawn rows with a number outside of the training range.
log P(cell): mean over held-out rows of the log probability of the recorded cell, which is the log
density plus the log step of every column with a grid; columns without one count by their density.
The steps are those that skpc found (`columns_`), for all versions alike: a version without
`columns_` takes those of the earlier results. Where it had a smaller step, its atoms have narrower
cells, and its log P(cell) is too high by the logarithm of the ratio.
"""


def load(folder: Path, name: str, rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Training rows, held-out rows, and the mask of columns of categories."""
    random = np.random.RandomState(0)
    if name in MIXED:
        with np.load(folder / "mixed" / f"{name}.npz") as file:
            train, test, categorical = file["train"], file["test"], file["categorical"]
    else:
        if name in FRAMES:
            frame = pd.read_csv(folder / "frames" / f"{name}.csv.gz")
            text = [not pd.api.types.is_numeric_dtype(dtype) for dtype in frame.dtypes]
            codes = [
                pd.factorize(frame[c], sort=True)[0] if t else frame[c].to_numpy()
                for c, t in zip(frame.columns, text, strict=True)
            ]
            X, categorical = np.column_stack(codes).astype(np.float64), np.array(text)
        elif name in UCI:
            with np.load(folder / "uci" / f"{name}.npz") as file:
                X = np.column_stack([file["X"], file["y"].ravel()]).astype(np.float64)
            categorical = np.zeros(X.shape[1], dtype=bool)
        else:
            X = PACKAGED[name]()
            categorical = np.zeros(X.shape[1], dtype=bool)
        order = random.permutation(len(X))
        train, test = X[order[len(X) // 5 :]], X[order[: len(X) // 5]]
    return train[random.permutation(len(train))[:rows]], test[:rows], categorical


def auc(rows: np.ndarray, draws: np.ndarray, categorical: np.ndarray) -> float:
    """Of a classifier that tells draws from rows, out of fold."""
    X, y = np.concatenate([rows, draws]), np.repeat([0, 1], [len(rows), len(draws)])
    # Categories are ordinal where a classifier takes no more of them.
    few = categorical & (np.nanmax(rows, axis=0, initial=0) < 250)
    classifier = HistGradientBoostingClassifier(categorical_features=few, random_state=0)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    found = cross_val_predict(classifier, X, y, cv=folds, method="predict_proba")[:, 1]
    return float(roc_auc_score(y, found))


def off_grid(train: np.ndarray, draws: np.ndarray, steps: np.ndarray) -> float:
    """Share of drawn cells that are not on the grid of their column."""
    shares = []
    for x, drawn, step in zip(train.T, draws.T, steps, strict=True):
        if step:
            # The grid goes through the value that has the most rows on it, as some rows are off it.
            rows = x[~np.isnan(x)]
            origins = np.unique(rows)[:, None] if len(rows) < 4000 else rows[:200, None]
            origin = origins[np.argmin(_off(rows - origins, step).mean(axis=1))]
            shares.append(_off(drawn - origin, step).mean())
    return float(np.mean(shares)) if shares else 0.0


def _off(distance: np.ndarray, step: float) -> np.ndarray:
    """Whether distances are no multiples of a step, to a fiftieth of it."""
    k = distance / step
    return np.abs(k - np.rint(k)) > 0.02


def beyond(train: np.ndarray, draws: np.ndarray) -> float:
    """Share of drawn rows with a number outside of the training range."""
    outside = (draws < np.nanmin(train, axis=0)) | (draws > np.nanmax(train, axis=0))
    return float(outside.any(axis=1).mean())


def measure(folder: Path, name: str, options: argparse.Namespace, known: list) -> dict:
    """One row of the results."""
    train, test, categorical = load(folder, name, options.rows)
    start = time.perf_counter()
    model = EinetDensityEstimator(
        categorical_features=categorical, components=options.components, random_state=0
    ).fit(train)
    seconds = time.perf_counter() - start
    if hasattr(model, "columns_"):
        known = [report.step for report in model.columns_]
    steps = np.array(known)
    draws = model.sample(len(train), random_state=1)
    many = model.sample(MANY, random_state=2)
    # Draws have no holes: those of the rows are put where they were.
    draws = np.where(np.isnan(train), np.nan, draws)
    distances = [
        ks_2samp(x[~np.isnan(x)], drawn, method="asymp").statistic
        for x, drawn in zip(train.T[~categorical], many.T[~categorical], strict=True)
    ]
    with np.errstate(divide="ignore"):
        log_steps = np.where(steps > 0, np.log(steps), 0.0)
    cells = model.score_samples(test) + (~np.isnan(test)) @ log_steps
    return {
        "set": name,
        "version": options.label,
        "rows": len(train),
        "columns": train.shape[1],
        "auc": auc(train, draws, categorical),
        "ks": float(max(distances)),
        "off": off_grid(train, draws, steps),
        "beyond": beyond(train, draws),
        "cell": float(cells.mean()),
        "seconds": seconds,
        "steps": steps.tolist(),
    }


def table(rows: list[dict]) -> str:
    """The results as Markdown."""
    head = (
        "| set | rows | columns | version | AUC | KS | off grid | beyond | log P(cell) | fit, s |"
    )
    line = (
        "| {set} | {rows} | {columns} | {version} | **{auc:.3f}** | {ks:.3f} | {off:.1%} | "
        "{beyond:.1%} | {cell:.3f} | {seconds:.0f} |"
    )
    rule = "| --- | ---: | ---: | --- |" + " ---: |" * 6
    return "\n".join([head, rule, *(line.format(**row) for row in rows)]) + "\n"


def main() -> None:
    """Measure every set, write Markdown and JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("SKPC_DATA"))
    parser.add_argument("--sets", nargs="+", default=SETS, choices=SETS)
    parser.add_argument("--rows", type=int, default=5000, help="most rows of a table")
    parser.add_argument("--components", default="auto")
    parser.add_argument("--label", default="this", help="name of the version")
    parser.add_argument("--output", default="draws", help="name of the results files")
    options = parser.parse_args()
    if options.data is None:
        parser.error("--data or the variable SKPC_DATA must name the folder of the tables")
    torch.set_num_threads(1)
    file = RESULTS / f"{options.output}.json"
    for name in options.sets:
        rows = json.loads(file.read_text()) if file.exists() else []
        known = next((row["steps"] for row in rows if row["set"] == name), [])
        row = measure(Path(options.data), name, options, known)
        print({key: value for key, value in row.items() if key != "steps"}, flush=True)
        mine = (name, options.label)
        rows = [one for one in rows if (one["set"], one["version"]) != mine] + [row]
        rows.sort(key=lambda one: (SETS.index(one["set"]), one["version"]))
        file.write_text(json.dumps(rows, indent=1) + "\n")
        text = f"# Draws and rows\n\n{header(1)}\n{NOTE}\n{table(rows)}"
        file.with_suffix(".md").write_text(text)


if __name__ == "__main__":
    main()
