"""Errors of EinetRegressor and of scikit-learn's regressors, with and without holes.

    python benchmarks/regressor.py --data FOLDER

FOLDER holds frames/diamonds.csv.gz, mixed/abalone.npz and uci/*.npz, or set SKPC_DATA. The results
are written to results/regressor.*. What is measured is told in NOTE.
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
from scipy.stats import rankdata
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.inspection import permutation_importance
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skpc import EinetDensityEstimator, EinetRegressor

RESULTS = Path(__file__).parent / "results"
TABLES = ("housing", "concrete", "energy", "airfoil", "abalone", "diamonds")
RATES = (0.0, 0.1, 0.3, 0.5)
# The most important column is missing throughout.
COLUMN = "column missing"
CONDITIONS = (*(f"{rate:.0%} missing" for rate in RATES), COLUMN)
OURS, BOOSTED, RIDGE = "EinetRegressor", "HistGradientBoosting", "RidgeCV"
RETRAINED = "HistGradientBoosting, retrained"
NOTE = """
A table is split into 70 % training and 30 % test rows; of diamonds, 10,000 rows drawn once, the
target is the logarithm of the price, of abalone the rings. EinetRegressor, HistGradientBoosting and
RidgeCV are fitted to the whole cells of the training rows; then the stated share of the test rows'
cells, chosen at random, is taken away, or the whole column that matters most (by permuting it in
the training rows of HistGradientBoosting). "Retrained" is HistGradientBoosting that is fitted once
more for each of these, with the same share of the training cells, or the same column, taken away.
EinetRegressor and HistGradientBoosting are as by default, with the categories named; both take
missing cells themselves. RidgeCV gets one-hot categories and standardised numbers, missing ones
filled by the mean or a category of their own, and penalties from 1e-3 to 1e3. Root mean squared
errors of the test rows, means over the splits and standard deviations; "in 90 %" is the share of
test rows whose target lies in EinetRegressor's interval of 90 %; seconds are the processor's, of
the fit. Components and sizes of the default were settled within training rows of two splits of
all tables but diamonds, so these are no fresh ones.
"""


def load(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features (n, D) with categories as codes, target (n,), and the mask of categories (D,)."""
    if name == "diamonds":
        frame = pd.read_csv(folder / "frames" / "diamonds.csv.gz").sample(10_000, random_state=0)
        y = np.log(frame.pop("price").to_numpy(dtype=np.float64))
        words = np.array([not pd.api.types.is_numeric_dtype(dtype) for dtype in frame.dtypes])
        columns = [
            pd.factorize(frame[c], sort=True)[0] if word else frame[c].to_numpy()
            for c, word in zip(frame.columns, words, strict=True)
        ]
        return np.column_stack(columns).astype(np.float64), y, words
    if name == "abalone":
        with np.load(folder / "mixed" / "abalone.npz") as file:
            rows = np.concatenate([file["train"], file["valid"], file["test"]])
        # The file calls the rings categories; here they are the target.
        return rows[:, :-1], rows[:, -1], np.arange(rows.shape[1] - 1) == 0
    with np.load(folder / "uci" / f"{name}.npz") as file:
        X, y = file["X"].astype(np.float64), file["y"].astype(np.float64).ravel()
    return X, y, np.zeros(X.shape[1], dtype=bool)


def regressors(categorical: np.ndarray) -> dict:
    """Unfitted regressors of a table with these columns of categories (D,), by their names."""
    density = EinetDensityEstimator(dtype="float64", categorical_features=categorical)
    words = make_pipeline(
        SimpleImputer(strategy="constant", fill_value=-1), OneHotEncoder(handle_unknown="ignore")
    )
    # A column without any number is filled by zeros.
    numbers = make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler())
    read = make_column_transformer((words, categorical), (numbers, ~categorical))
    boosted = HistGradientBoostingRegressor(categorical_features=categorical, random_state=0)
    return {
        OURS: EinetRegressor(density, random_state=0),
        BOOSTED: boosted,
        RETRAINED: boosted,
        RIDGE: make_pipeline(read, RidgeCV(np.logspace(-3, 3, 7))),
    }


def holed(X: np.ndarray, condition: str, most: int, random: np.random.RandomState) -> np.ndarray:
    """Rows (n, D) with cells taken away."""
    if condition == COLUMN:
        return np.where(np.arange(X.shape[1]) == most, np.nan, X)
    rate = RATES[CONDITIONS.index(condition)]
    return np.where(random.uniform(size=X.shape) < rate, np.nan, X)


def emptied(X: np.ndarray) -> np.ndarray:
    """Rows (n, D) with zeros in columns of which all cells are missing."""
    return np.where(np.isnan(X).all(axis=0), 0.0, X)


def measured(name: str, folder: Path, split: int) -> list[dict]:
    """Errors of all regressors on one split of a table."""
    X, y, categorical = load(folder, name)
    train, test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=split)
    models, fitting = regressors(categorical), {}
    for label in (OURS, BOOSTED, RIDGE):
        start = time.process_time()
        models[label] = clone(models[label]).fit(train, y_train)
        fitting[label] = time.process_time() - start
    matter = permutation_importance(
        models[BOOSTED], train, y_train, n_repeats=3, random_state=split
    ).importances_mean
    most = int(matter.argmax())
    found = []
    for label, model in models.items():
        one = {"table": name, "split": split, "regressor": label, "most": most}
        one["fit"] = fitting.get(label, np.nan)
        for condition in CONDITIONS:
            rows = holed(test, condition, most, np.random.RandomState(split))
            if label == RETRAINED:
                seen = holed(train, condition, most, np.random.RandomState(1000 + split))
                # It does not take a column without any number: one number throughout is no column.
                seen, rows = (emptied(one) for one in (seen, rows))
                model = clone(models[RETRAINED]).fit(seen, y_train)
            one[condition] = float(np.sqrt(np.mean((model.predict(rows) - y_test) ** 2)))
            if label == OURS:
                low, high = model.predict_interval(rows).T
                one[f"in 90 %, {condition}"] = float(((low <= y_test) & (y_test <= high)).mean())
        found.append(one)
        print(one, flush=True)
    return found


def table(found: list[dict]) -> str:
    """Means over the splits, as Markdown."""
    text = "| table | regressor | " + " | ".join(CONDITIONS) + " | fit, s |\n"
    text += "| --- | --- |" + " ---: |" * (len(CONDITIONS) + 1) + "\n"
    for case in dict.fromkeys((one["table"], one["regressor"]) for one in found):
        mine = [one for one in found if (one["table"], one["regressor"]) == case]
        cells = []
        for condition in CONDITIONS:
            errors = [one[condition] for one in mine]
            cells.append(f"{np.mean(errors):.3g} ± {np.std(errors):.2g}")
        seconds = np.median([one["fit"] for one in mine])
        cells.append("" if np.isnan(seconds) else f"{seconds:.2f}")
        text += f"| {case[0]} | {case[1]} | " + " | ".join(cells) + " |\n"
    return text


def summary(found: list[dict]) -> str:
    """Ratios of errors to those of EinetRegressor, mean ranks, and coverage, as Markdown."""
    names, tables = (
        [*dict.fromkeys(one[what] for one in found)] for what in ("regressor", "table")
    )
    head = "| | " + " | ".join(CONDITIONS) + " |\n| --- |" + " ---: |" * len(CONDITIONS) + "\n"
    ratios, ranks = {}, {}
    for condition in CONDITIONS:
        errors = np.array(
            [
                [
                    np.mean([o[condition] for o in found if (o["table"], o["regressor"]) == (t, r)])
                    for r in names
                ]
                for t in tables
            ]
        )
        against = errors / errors[:, [names.index(OURS)]]
        ratios[condition] = np.exp(np.log(against).mean(axis=0))
        ranks[condition] = rankdata(errors, axis=1).mean(axis=0)
    text = "Error over EinetRegressor's (geometric mean over the tables; above 1: ours is lower), "
    text += "and the mean rank:\n\n" + head
    for i, name in enumerate(names):
        cells = [f"{ratios[c][i]:.2f} ({ranks[c][i]:.1f})" for c in CONDITIONS]
        text += f"| {name} | " + " | ".join(cells) + " |\n"
    text += "\nShare of targets in EinetRegressor's intervals of 90 %:\n\n" + head
    for name in tables:
        mine = [one for one in found if (one["table"], one["regressor"]) == (name, OURS)]
        cells = [f"{np.mean([one[f'in 90 %, {c}'] for one in mine]):.3f}" for c in CONDITIONS]
        text += f"| {name} | " + " | ".join(cells) + " |\n"
    return text


def main() -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("SKPC_DATA"))
    parser.add_argument("--sets", nargs="+", default=[*TABLES])
    parser.add_argument("--splits", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    found: list[dict] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in options.sets:
            for split in range(options.splits):
                found += measured(name, options.data, split)
            text = f"# Numbers, with and without holes\n\n{header(1)}\n{NOTE}\n"
            text += f"{summary(found)}\n{table(found)}"
            (RESULTS / "regressor.md").write_text(text)
            (RESULTS / "regressor.json").write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
