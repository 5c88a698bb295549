"""Missing cells filled by EinetDensityEstimator and by imputers, in results/imputation.*.

    python benchmarks/imputation.py --data FOLDER

FOLDER holds mixed/*.npz (train, categorical) and uci/*.npz (X, y), or set SKPC_DATA. How cells are
removed and what is measured is told in NOTE. miceforest is measured if it can be imported. With
--imputers and --first-seed, the other results in results/imputation.json are kept: peers do not
change with our code, and take hours.
"""

import argparse
import json
import os
import time
import warnings
from collections.abc import Callable
from itertools import product
from pathlib import Path

import imputation_peers as peers
import numpy as np
import torch
from machine import header

RESULTS = Path(__file__).parent / "results"
MIXED = ("abalone", "german", "australian")
NUMBERS = ("airfoil", "concrete", "energy", "housing", "yacht")
RATES = (0.1, 0.3, 0.5)
MOST_ROWS = 1000
MEASURES = ("rmse", "mae", "crps", "coverage", "accuracy", "seconds")
NOTE = """
Cells are removed from a table, at most 1,000 rows of it drawn once, and filled by a model of that
same table with its holes. MCAR: every cell with the stated probability. MAR: half of the columns,
drawn anew for each seed, stay whole; in each of the others a cell is missing with a probability
that rises with one of these columns (logistic in its ranks, the stated probability in the mean).

Numbers are compared in standard deviations of their whole column: root mean squared error and mean
absolute error of the filled values, and, of draws of every missing cell (50 of one fit, 10 of
peers, whose draws are chains of their own), the continuous ranked probability score (CRPS) and the
coverage of 90 % intervals: the share of cells whose rank among their draws, ties broken at random
as repeated values need it, is within the middle 90 % of ranks. An imputer that does not draw has
the absolute error as its CRPS. Accuracy is the share of right categories. Columns count alike
within a table. Ranks are those within a table, mechanism, rate and seed. Seconds are the
processor's. miceforest, which takes hours, has three seeds.
"""


def load(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """A whole table (n, d) and the mask of its columns of categories (d,)."""
    if name in MIXED:
        with np.load(folder / "mixed" / f"{name}.npz") as file:
            rows, categorical = file["train"], file["categorical"]
    else:
        with np.load(folder / "uci" / f"{name}.npz") as file:
            rows = np.column_stack([file["X"], file["y"].ravel()]).astype(np.float64)
        categorical = np.zeros(rows.shape[1], dtype=bool)
    rows = rows[~np.isnan(rows).any(axis=1)]
    varies = np.ptp(rows, axis=0) > 0
    order = np.random.RandomState(0).permutation(len(rows))[:MOST_ROWS]
    return rows[order][:, varies], categorical[varies]


def removed(rows: np.ndarray, mechanism: str, rate: float, seed: int) -> np.ndarray:
    """The mask of cells that are taken away, (n, d); no column loses all of its cells."""
    random = np.random.RandomState(seed)
    n, d = rows.shape
    chance = np.full((n, d), rate)
    if mechanism == "MAR":
        whole = random.permutation(d)[: max(1, d // 2)]
        for column in range(d):
            ranks = rows[:, random.choice(whole)].argsort().argsort() / n
            weight = 1 / (1 + np.exp(-6 * (ranks - 0.5)))
            chance[:, column] = np.minimum(1.0, rate * weight / weight.mean())
        chance[:, whole] = 0.0
    return random.uniform(size=(n, d)) < chance


def crps(draws: np.ndarray, truth: np.ndarray) -> float:
    """Mean of E|x - y| - E|x - x'| / 2 over cells, draws (m, c) and truth (c,)."""
    m = len(draws)
    ordered = np.sort(draws, axis=0)
    weights = 2 * np.arange(1, m + 1) - m - 1
    spread = (weights[:, None] * ordered).sum(axis=0) / (m * (m - 1))
    return float((np.abs(draws - truth).mean(axis=0) - spread).mean())


def coverage(draws: np.ndarray, truth: np.ndarray, random: np.random.RandomState) -> float:
    """Share of cells within the middle 90 % of ranks among draws (m, c); truth is (c,)."""
    less = (draws < truth - 1e-9).sum(axis=0)
    alike = (np.abs(draws - truth) <= 1e-9).sum(axis=0)
    rank = (less + random.uniform(size=len(truth)) * (alike + 1)) / (len(draws) + 1)
    return float(((rank >= 0.05) & (rank <= 0.95)).mean())


def measured(
    rows: np.ndarray, categorical: np.ndarray, mask: np.ndarray, filled: peers.Filled
) -> dict[str, float]:
    """MEASURES of the filled cells; those of draws where there are draws."""
    of_columns: dict[str, list[float]] = {name: [] for name in MEASURES}
    for j in np.flatnonzero(mask.any(axis=0)):
        holes, truth = mask[:, j], rows[mask[:, j], j]
        if categorical[j]:
            of_columns["accuracy"].append(float((filled.values[holes, j] == truth).mean()))
            continue
        scale = rows[:, j].std()
        error = (filled.values[holes, j] - truth) / scale
        of_columns["rmse"].append(float(np.sqrt((error**2).mean())))
        of_columns["mae"].append(float(np.abs(error).mean()))
        if filled.draws is None:
            of_columns["crps"].append(float(np.abs(error).mean()))
            continue
        draws = filled.draws[:, holes, j] / scale
        of_columns["crps"].append(crps(draws, truth / scale))
        of_columns["coverage"].append(coverage(draws, truth / scale, np.random.RandomState(j)))
    return {name: float(np.mean(of)) for name, of in of_columns.items() if of}


def one(rows: np.ndarray, categorical: np.ndarray, mask: np.ndarray, fill: Callable) -> dict:
    """The measures of one imputer, and its seconds."""
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        filled = fill(np.where(mask, np.nan, rows), categorical)
    seconds = time.process_time() - start
    return {**measured(rows, categorical, mask, filled), "seconds": seconds}


def ranks(found: list[dict], measure: str) -> dict[str, float]:
    """Mean rank of every imputer by a measure, 1 the best."""
    cases: dict[tuple, dict[str, float]] = {}
    for result in found:
        if measure in result:
            case = tuple(result[key] for key in ("table", "mechanism", "rate", "seed"))
            sign = -1.0 if measure == "accuracy" else 1.0
            cases.setdefault(case, {})[result["imputer"]] = sign * result[measure]
    of_imputers: dict[str, list[float]] = {}
    for scores in cases.values():
        for name, score in scores.items():
            less = sum(other < score for other in scores.values())
            alike = sum(other == score for other in scores.values())
            of_imputers.setdefault(name, []).append(less + (alike + 1) / 2)
    return {name: float(np.mean(of)) for name, of in of_imputers.items()}


def table(found: list[dict]) -> str:
    """Means over everything, with mean ranks, as Markdown."""
    names = [name for name in peers.IMPUTERS if any(r["imputer"] == name for r in found)]
    by_rank = {measure: ranks(found, measure) for measure in ("mae", "crps", "rmse")}
    text = "| imputer | rank MAE | rank CRPS | rank RMSE | MAE | CRPS | RMSE | coverage | accuracy "
    text += "| seconds |\n| --- |" + " ---: |" * 9 + "\n"
    for name in names:
        mine = [result for result in found if result["imputer"] == name]
        cells = [f"{by_rank[measure].get(name, np.nan):.2f}" for measure in ("mae", "crps", "rmse")]
        for measure in ("mae", "crps", "rmse", "coverage", "accuracy", "seconds"):
            values = [result[measure] for result in mine if measure in result]
            cells.append(f"{np.mean(values):.3f}" if values else "")
        text += f"| {name} | " + " | ".join(cells) + " |\n"
    return text


def by_case(found: list[dict]) -> str:
    """MAE and CRPS by table, mechanism and rate, means over the seeds, as Markdown."""
    names = [name for name in peers.IMPUTERS if any(r["imputer"] == name for r in found)]
    text = "| table | cells | " + " | ".join(names) + " |\n| --- | --- |" + " ---: |" * len(names)
    text += "\n"
    for case in dict.fromkeys((r["table"], r["mechanism"], r["rate"]) for r in found):
        cells = []
        for name in names:
            mine = [
                result
                for result in found
                if (result["table"], result["mechanism"], result["rate"]) == case
                and result["imputer"] == name
                and "mae" in result
            ]
            means = [np.mean([result[m] for result in mine]) for m in ("mae", "crps") if mine]
            cells.append(" / ".join(f"{mean:.3f}" for mean in means))
        text += f"| {case[0]} | {case[1]} {case[2]:.0%} | " + " | ".join(cells) + " |\n"
    return text


def main() -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("SKPC_DATA"))
    parser.add_argument("--sets", nargs="+", default=[*MIXED, *NUMBERS])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--imputers", nargs="+", default=list(peers.IMPUTERS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    seeds = range(options.first_seed, options.seeds)
    found = kept(options.imputers, seeds)
    for seed in seeds:
        for name in options.sets:
            rows, categorical = load(options.data, name)
            for mechanism, rate in product(("MCAR", "MAR"), RATES):
                mask = removed(rows, mechanism, rate, seed)
                for imputer in options.imputers:
                    result = one(rows, categorical, mask, peers.IMPUTERS[imputer])
                    case = {"table": name, "mechanism": mechanism, "rate": rate, "seed": seed}
                    found.append({**case, "imputer": imputer, **result})
        write(found)


def kept(imputers: list[str], seeds: range) -> list[dict]:
    """Earlier results of other imputers, and of these for other seeds."""
    file = RESULTS / "imputation.json"
    earlier = json.loads(file.read_text()) if file.exists() else []
    return [one for one in earlier if one["imputer"] not in imputers or one["seed"] not in seeds]


def write(found: list[dict]) -> None:
    """Both files of the results so far."""
    text = f"# Imputation\n\n{header(1)}\n{NOTE}\n{table(found)}\n"
    text += f"MAE / CRPS by table:\n\n{by_case(found)}"
    (RESULTS / "imputation.md").write_text(text)
    (RESULTS / "imputation.json").write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
