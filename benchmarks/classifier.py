"""Log losses of EinetClassifier and of scikit-learn's classifiers, in results/classifier.*.

    python benchmarks/classifier.py --data FOLDER

FOLDER holds frames/*.csv.gz and mixed/german.npz, or set SKPC_DATA. What is measured is told in
NOTE.
"""

import argparse
import json
import os
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from machine import header
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skpc import EinetClassifier, EinetDensityEstimator

RESULTS = Path(__file__).parent / "results"
PACKAGED = {"breast cancer": load_breast_cancer, "wine": load_wine, "digits": load_digits}
FRAMES = {"adult": "salary", "shoppers": "Revenue"}
# Of german, the column that is predicted: the state of the checking account, four classes.
GERMAN = 0
RATES = (0.0, 0.1, 0.3, 0.5)
NOTE = """
A table is split into 70 % training and 30 % test rows, stratified by class. The three classifiers
are fitted to the whole cells of the training rows; then the stated share of the test rows' cells,
chosen at random, is taken away. EinetClassifier is as by default, with the categories named.
LogisticRegression gets one-hot categories and standardised numbers, missing ones filled by the mean
or a category of their own; HistGradientBoostingClassifier, as by default, takes missing cells and
categories itself. Log losses of the test rows in nats, and the standard deviation over the splits;
seconds are the processor's, of the fit and of 1,000 predicted rows.
"""


def load(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features (n, D) with categories as codes, classes (n,), and the mask of categories (D,)."""
    if name in PACKAGED:
        table = PACKAGED[name]()
        return table.data, table.target, np.zeros(table.data.shape[1], dtype=bool)
    if name == "german":
        with np.load(folder / "mixed" / "german.npz") as file:
            rows = np.concatenate([file["train"], file["valid"], file["test"]])
            categorical = file["categorical"]
        y = np.unique(rows[:, GERMAN], return_inverse=True)[1]
        return np.delete(rows, GERMAN, 1), y, np.delete(categorical, GERMAN)
    frame = pd.read_csv(folder / "frames" / f"{name}.csv.gz")
    y = pd.factorize(frame.pop(FRAMES[name]), sort=True)[0]
    words = np.array(
        [
            not pd.api.types.is_numeric_dtype(t) or pd.api.types.is_bool_dtype(t)
            for t in frame.dtypes
        ]
    )
    columns = [
        pd.factorize(frame[c], sort=True)[0] if word else frame[c].to_numpy()
        for c, word in zip(frame.columns, words, strict=True)
    ]
    return np.column_stack(columns).astype(np.float64), y, words


def classifiers(categorical: np.ndarray) -> dict:
    """Unfitted classifiers of a table with these columns of categories (D,), by their names."""
    density = EinetDensityEstimator(
        components="trees", dtype="float64", categorical_features=categorical
    )
    words = make_pipeline(
        SimpleImputer(strategy="constant", fill_value=-1), OneHotEncoder(handle_unknown="ignore")
    )
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    read = make_column_transformer((words, categorical), (numbers, ~categorical))
    return {
        "EinetClassifier": EinetClassifier(density, random_state=0),
        "LogisticRegression": make_pipeline(read, LogisticRegression(max_iter=3000)),
        "HistGradientBoosting": HistGradientBoostingClassifier(
            categorical_features=categorical, random_state=0
        ),
    }


def measured(name: str, folder: Path, split: int) -> list[dict]:
    """Losses of all classifiers on one split of a table."""
    X, y, categorical = load(folder, name)
    train, test, y_train, y_test = train_test_split(
        X, y, test_size=0.3, stratify=y, random_state=split
    )
    found = []
    for label, model in classifiers(categorical).items():
        start = time.process_time()
        model.fit(train, y_train)
        fitting = time.process_time() - start
        start = time.process_time()
        model.predict_proba(test)
        predicting = (time.process_time() - start) * 1000 / len(test)
        one = {"table": name, "split": split, "classifier": label, "fit": fitting}
        one["predict"] = predicting
        for rate in RATES:
            holes = np.random.RandomState(split).uniform(size=test.shape) < rate
            shares = model.predict_proba(np.where(holes, np.nan, test))
            one[f"{rate:g}"] = log_loss(y_test, shares, labels=np.unique(y))
        found.append(one)
        print(one, flush=True)
    return found


def table(found: list[dict]) -> str:
    """Means over the splits, as Markdown."""
    text = "| table | classifier | " + " | ".join(f"{rate:.0%} missing" for rate in RATES)
    text += " | fit, s | 1,000 rows, s |\n| --- | --- |" + " ---: |" * (len(RATES) + 2) + "\n"
    for case in dict.fromkeys((one["table"], one["classifier"]) for one in found):
        mine = [one for one in found if (one["table"], one["classifier"]) == case]
        cells = []
        for rate in RATES:
            losses = [one[f"{rate:g}"] for one in mine]
            cells.append(f"{np.mean(losses):.3f} ± {np.std(losses):.3f}")
        for what in ("fit", "predict"):
            cells.append(f"{np.median([one[what] for one in mine]):.2f}")
        text += f"| {case[0]} | {case[1]} | " + " | ".join(cells) + " |\n"
    return text


def main() -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("SKPC_DATA"))
    parser.add_argument("--sets", nargs="+", default=[*PACKAGED, "german", *FRAMES])
    parser.add_argument("--splits", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    found: list[dict] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in options.sets:
            for split in range(options.splits):
                found += measured(name, options.data, split)
            text = f"# Classes, with and without holes\n\n{header(1)}\n{NOTE}\n{table(found)}"
            (RESULTS / "classifier.md").write_text(text)
            (RESULTS / "classifier.json").write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
