"""Log loss, size and work of DirectBayesianClassifier and of others, in results/direct_logistic.*.

    python benchmarks/direct_logistic.py --data FOLDER

FOLDER holds frames/adult.csv.gz and mixed/german.npz, or set SKPC_DATA. What is measured is told in
NOTE.
"""

import argparse
import json
import os
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from classifier import load
from machine import header
from scipy.special import expit, softmax
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegressionCV
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skpc import DirectBayesianClassifier

RESULTS = Path(__file__).parent / "results"
SETS = ("breast cancer", "wine", "digits", "german", "adult")
BITS = (4, 2, 3, 8)
# Bytes of the table of powers, which probabilities need and classes do not.
TABLE = 130
NOTE = """
A table is split into 70 % training and 30 % test rows, stratified by class; categories are one-hot,
numbers standardised, by the training rows. Figures are means over the splits, losses in nats a test
row, where a probability below 2**-17 counts as that; "ratio" is the mean log loss over that of
LogisticRegressionCV. The way penalties are chosen was settled within training rows of several of
these splits (breast cancer, wine, digits, german), after one cross-validation of all of wine: rows
that are tested in one split are training rows of others, so that these four are no fresh tables.
The reference chooses among its ten penalties by `scoring="neg_log_loss"` and five folds, on
columns that are standardised again, one-hot ones too (`LogisticRegressionCV, float`);
DirectBayesianClassifier is as by default but for n_bits. "packed" are the likeliest codes with
int8 inputs, as the C header computes them. A random forest of ten trees and a tree of at most 64
leaves, of five rows a leaf at least, stand for what is written as comparisons of integers; their
sizes are counted, not compiled: an inner node has a feature, a threshold of 16 bits and two
children, 6 bytes, a leaf one byte a class.

Calibration is the expected calibration error of the most probable class in ten bins of equal width.
Bytes are constants of what says the class: for probabilities packed models have 130 more, of a
table, and float ones an exponential function. Those of quantising, which all integer models need
alike, are left out; a float model has four bytes a weight and intercept. RAM is of scores and
probabilities, on the stack, beside the int8 inputs (the float model: float inputs) that are the
caller's. Operations of a row are products and sums, or comparisons; a float one is a call of a
function where there is no floating point unit. Zeros are those of the likeliest codes. Seconds are
the processor's, of the fit.
"""


def columns(categorical: np.ndarray):
    """One-hot categories, and standardised numbers."""
    words = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return make_column_transformer(
        (words, np.flatnonzero(categorical)), (StandardScaler(), np.flatnonzero(~categorical))
    )


def calibration(y: np.ndarray, shares: np.ndarray) -> float:
    """Expected calibration error of the most probable class, ten bins."""
    sure, right = shares.max(axis=1), shares.argmax(axis=1) == y
    bins = np.minimum((sure * 10).astype(int), 9)
    gaps = [abs(right[bins == b].sum() - sure[bins == b].sum()) for b in range(10)]
    return float(np.sum(gaps) / len(y))


def quality(y: np.ndarray, shares: np.ndarray, n_classes: int) -> dict:
    """What is said of probabilities (n, C) of rows."""
    # A share of the table of powers may be 0; half a unit stands for it.
    held = np.maximum(shares, 2.0**-17)
    return {
        "loss": log_loss(y, held / held.sum(axis=1, keepdims=True), labels=range(n_classes)),
        "accuracy": float((shares.argmax(axis=1) == y).mean()),
        "calibration": calibration(y, shares),
    }


def fitted(model, X: np.ndarray, y: np.ndarray) -> float:
    """Processor seconds of a fit."""
    start = time.process_time()
    model.fit(X, y)
    return time.process_time() - start


def of_floats(train, y_train, test, y_test, n_classes: int) -> dict:
    """LogisticRegressionCV."""
    model = make_pipeline(
        StandardScaler(), LogisticRegressionCV(scoring="neg_log_loss", max_iter=3000)
    )
    seconds = fitted(model, train, y_train)
    weights = model[-1].coef_
    return {
        "model": "LogisticRegressionCV, float",
        **quality(y_test, model.predict_proba(test), n_classes),
        "zeros": float((weights == 0).mean()),
        "bytes": 4 * (weights.size + len(weights)),
        "ram": 8 * n_classes,
        "operations": 2 * weights.size,
        "seconds": seconds,
    }


def of_integers(n_bits: int, train, y_train, test, y_test, n_classes: int) -> list[dict]:
    """DirectBayesianClassifier by its means, by its codes, and packed."""
    model = DirectBayesianClassifier(n_bits)
    seconds = fitted(model, train, y_train)
    codes = model.weight_codes_ * model.weight_scale_ / model.feature_scale_
    scores = (test - train.mean(axis=0)) @ codes.T
    scores += model.intercept_ + model.coef_ @ train.mean(axis=0)
    of_codes = softmax(scores, axis=1)
    if n_classes == 2:
        of_codes = np.concatenate([expit(-scores), expit(scores)], axis=1)
    packed = model.pack()
    width = 8 if packed.largest_score >= 2**31 else 4
    small = {
        "zeros": float((model.weight_codes_ == 0).mean()),
        "bytes": packed.nbytes - TABLE,
        "ram": (width + 4) * n_classes,
        "operations": 2 * int(np.count_nonzero(model.weight_codes_)),
    }
    name = f"{n_bits} bits"
    return [
        {
            "model": f"{name}, means",
            **quality(y_test, model.predict_proba(test), n_classes),
            "seconds": seconds,
        },
        {"model": f"{name}, codes", **quality(y_test, of_codes, n_classes)},
        {
            "model": f"{name}, packed",
            **quality(y_test, packed.predict_proba(test), n_classes),
            **small,
        },
    ]


def of_trees(train, y_train, test, y_test, n_classes: int) -> list[dict]:
    """A tree and a forest, with sizes by count."""
    found = []
    for name, model in (
        (
            "tree, 64 leaves",
            DecisionTreeClassifier(max_leaf_nodes=64, min_samples_leaf=5, random_state=0),
        ),
        ("forest, 10 trees", RandomForestClassifier(10, min_samples_leaf=5, random_state=0)),
    ):
        seconds = fitted(model, train, y_train)
        trees = [one.tree_ for one in getattr(model, "estimators_", [model])]
        inner = sum(int((tree.children_left >= 0).sum()) for tree in trees)
        leaves = sum(int((tree.children_left < 0).sum()) for tree in trees)
        path = model.decision_path(test)
        path = path[0] if isinstance(path, tuple) else path
        found.append(
            {
                "model": name,
                **quality(y_test, model.predict_proba(test), n_classes),
                "bytes": 6 * inner + n_classes * leaves,
                "ram": 2 * n_classes,
                "operations": round(path.sum() / len(test)) - len(trees),
                "seconds": seconds,
            }
        )
    return found


def measured(name: str, folder: Path, split: int) -> list[dict]:
    """All models on one split of a table."""
    X, y, categorical = load(folder, name)
    train, test, y_train, y_test = train_test_split(
        X, y, test_size=0.3, stratify=y, random_state=split
    )
    read = columns(categorical)
    train, test = read.fit_transform(train), read.transform(test)
    parts = (train, y_train, test, y_test, len(np.unique(y)))
    found = [of_floats(*parts)]
    for n_bits in BITS:
        found += of_integers(n_bits, *parts)
    found += of_trees(*parts)
    size = {"table": name, "split": split, "rows": len(train), "features": train.shape[1]}
    return [{**size, **one} for one in found]


def table(found: list[dict]) -> str:
    """Means over the splits, as Markdown."""
    names = ("loss", "ratio", "accuracy", "calibration", "zeros", "bytes", "ram", "operations")
    text = "| table | model | " + " | ".join([*names, "fit, s"])
    text += " |\n| --- | --- |" + " ---: |" * (len(names) + 1) + "\n"
    forms = {"zeros": "{:.0%}", "bytes": "{:.0f}", "ram": "{:.0f}", "operations": "{:.0f}"}
    for case in dict.fromkeys((one["table"], one["model"]) for one in found):
        mine = [one for one in found if (one["table"], one["model"]) == case]
        own = [one for one in found if one["table"] == case[0]]
        floats = np.mean([one["loss"] for one in own if "float" in one["model"]])
        cells = []
        for what in (*names, "seconds"):
            if what == "ratio":
                cells.append(f"{np.mean([one['loss'] for one in mine]) / floats:.3f}")
            elif what not in mine[0]:
                cells.append("")
            else:
                form = forms.get(what, "{:.2f}" if what == "seconds" else "{:.4f}")
                cells.append(form.format(np.mean([one[what] for one in mine])))
        rows, features = mine[0]["rows"], mine[0]["features"]
        text += f"| {case[0]} ({rows} x {features}) | {case[1]} | " + " | ".join(cells) + " |\n"
    return text


def main() -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("SKPC_DATA"))
    parser.add_argument("--sets", nargs="+", default=[*SETS])
    parser.add_argument("--splits", type=int, default=10)
    options = parser.parse_args()
    torch.set_num_threads(1)
    found: list[dict] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in options.sets:
            # Large tables differ less from split to split, and take longer.
            n_splits = min(options.splits, 3) if name == "adult" else options.splits
            for split in range(n_splits):
                found += measured(name, options.data, split)
            print(table([one for one in found if one["table"] == name]), flush=True)
            text = f"# Classes by small integers\n\n{header(1)}\n{NOTE}\n{table(found)}"
            (RESULTS / "direct_logistic.md").write_text(text)
            (RESULTS / "direct_logistic.json").write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
