"""How safe the defaults are on few rows: beside independent columns, no stopping, and stopping.

    python benchmarks/safety.py --data FOLDER
    python benchmarks/safety.py --data FOLDER --sets nips dna --rows 300 --subsamples 1

Rows are drawn from the training split without replacement, and scored is the validation split (at
most 2,000 rows); test splits are not read. A table without a validation split gives a fifth of its
training rows for it. Four fits of every subsample: by defaults; independent columns (one unit,
smoothed as the trees are); trees and components without early stopping; and with
`early_stopping=True` and scikit-learn's usual patience and share. Results are kept from run to run
in results/safety.json, by table, rows and subsample; `--models` names those to measure again.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from machine import header

from skpc import EinetDensityEstimator

RESULTS = Path(__file__).parent / "results"
BINARY = ("nltcs", "plants", "baudio", "accidents", "dna", "bbc", "nips", "mushrooms")
MIXED = ("abalone", "adult", "australian", "german")
NUMBERS = ("autos", "gas", "protein", "airfoil", "concrete", "energy", "housing", "yacht")
FRAMES = ("shoppers", "diamonds")
MOST_SCORED = 2000
MODELS = {
    "defaults": {},
    "independent": {
        "components": "trees", "n_replicas": 1, "n_sums": 1, "early_stopping": False, "max_iter": 1,
    },
    "no stopping": {"early_stopping": False},
    "stopping": {"early_stopping": True, "validation_fraction": 0.1, "n_iter_no_change": 5},
}  # fmt: skip


def load(folder: Path, name: str) -> tuple[pd.DataFrame, pd.DataFrame, dict]:
    """Training and validation rows, and the settings of the columns."""
    if name in FRAMES:
        frame = pd.read_csv(folder / "frames" / f"{name}.csv.gz")
        return *split(frame), {}
    if name in NUMBERS:
        with np.load(folder / "uci" / f"{name}.npz") as file:
            table = np.column_stack([file["X"], file["y"]])[~file["test_mask"][:, 0].astype(bool)]
        return *split(pd.DataFrame(table[:, np.ptp(table, axis=0) > 0])), {}
    with np.load(folder / ("debd" if name in BINARY else "mixed") / f"{name}.npz") as file:
        train, valid = pd.DataFrame(file["train"]), pd.DataFrame(file["valid"])
        columns = {"categorical_features": file["categorical"]} if name in MIXED else {}
    return train, valid, columns


def split(frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Four fifths for training, one for validation, at random."""
    order = np.random.default_rng(0).permutation(len(frame))
    cut = len(frame) // 5
    return frame.iloc[order[cut:]], frame.iloc[order[:cut]]


def score(train: pd.DataFrame, valid: pd.DataFrame, settings: dict) -> tuple[float, float]:
    """Mean log density of the validation rows, and processor seconds of the fit."""
    start = time.process_time()
    model = EinetDensityEstimator(random_state=0, **settings).fit(train)
    seconds = time.process_time() - start
    return float(np.mean(model.score_samples(valid))), seconds


def main() -> None:
    """Measure, keep, write Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=[*BINARY, *MIXED, *NUMBERS, *FRAMES])
    parser.add_argument("--rows", nargs="+", type=int, default=[50, 100, 300, 1000])
    parser.add_argument("--subsamples", type=int, default=5)
    parser.add_argument("--models", nargs="*", default=[], help="measured again")
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    kept = RESULTS / "safety.json"
    results = json.loads(kept.read_text()) if kept.exists() else {}
    fresh: set[str] = set()
    for number in range(options.subsamples):
        for name in options.sets:
            train, valid, columns = load(options.data, name)
            valid = valid.iloc[:MOST_SCORED]
            for n in options.rows:
                if n > len(train):
                    continue
                order = np.random.default_rng(number).permutation(len(train))
                cell = results.setdefault(name, {}).setdefault(str(n), {})
                rows = cell.setdefault(str(number), {})
                for model, settings in MODELS.items():
                    key = f"{name} {n} {number} {model}"
                    if model in rows and (model not in options.models or key in fresh):
                        continue
                    fresh.add(key)
                    rows[model] = score(train.iloc[order[:n]], valid, {**columns, **settings})
                told = ", ".join(f"{model} {rows[model][0]:.2f}" for model in MODELS)
                print(name, n, number, told, f"{rows['defaults'][1]:.1f} s", flush=True)
            kept.write_text(json.dumps(results, indent=1))
            (RESULTS / "safety.md").write_text(report(results))


def report(results: dict) -> str:
    """The Markdown page."""
    lines = ["# Defaults on few rows", "", header(1), "", __doc__.split("\n\n", 2)[2].strip(), ""]
    lines += [
        "Mean log density of validation rows in nats, means over the subsamples. Gaps are of "
    ]
    lines[-1] += "the defaults: to independent columns, and to the better of the other two."
    lines += [
        "",
        "| table | rows | subsamples | defaults | independent | no stopping | stopping | ",
    ]
    lines[-1] += "over independent | over the better | seconds |"
    lines += ["| --- " + "| ---: " * 9 + "|"]
    gaps = []
    for name, of_rows in results.items():
        for n, of_numbers in of_rows.items():
            cells = list(of_numbers.values())
            mean = {m: np.mean([one[m][0] for one in cells]) for m in MODELS}
            seconds = np.mean([one["defaults"][1] for one in cells])
            over = mean["defaults"] - mean["independent"]
            better = mean["defaults"] - max(mean["no stopping"], mean["stopping"])
            gaps.append((over, better))
            means = " | ".join(f"{mean[m]:.2f}" for m in MODELS)
            lines.append(
                f"| {name} | {n} | {len(cells)} | {means} | {over:+.2f} | {better:+.2f} | "
                f"{seconds:.1f} |"
            )
    over, better = np.array(gaps).T
    lines += ["", f"Below independent columns by over 0.05: {np.sum(over < -0.05)} of {len(over)}."]
    lines += [f"Below the better of the two by over 0.1: {np.sum(better < -0.1)} of {len(better)}."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
