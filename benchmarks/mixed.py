"""EinetDensityEstimator and its peers on tables of numbers and categories.

    python benchmarks/mixed.py --data FOLDER

FOLDER holds mixed/*.npz with the arrays train, valid, test and categorical (or set SKPC_DATA).
What is compared, and how peers get to deal with categories, is told in NOTE, which heads the
results. pomegranate and SPFlow are measured if they can be imported.
"""

import argparse
import json
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import mixed_peers as peers
import numpy as np
import torch
from machine import header

from skpc import EinetDensityEstimator

SETS = ("abalone", "adult", "australian", "german")
RESULTS = Path(__file__).parent / "results"
GRID = [{"n_sums": k, "smoothing": s} for k in (12, 48) for s in (0.01, 0.1, 1.0)]
NOTE = """
Mean test log density in nats, higher is better. The reference measure is the same for all:
counting for categories, Lebesgue in the units of the table for numbers. A continuous density may
rise without bound on values that repeat, so the rows that all models are trained, chosen and
tested on have numbers moved by uniform noise of one step of their column (the largest of 1, 0.5,
0.1, 0.05, ... of which all training values are multiples), drawn once with one seed. The mean
over the noise is a lower bound of the log probability of the recorded value over its step. 'ours,
as recorded' is fitted to and scored on the values without noise: there an atom has its
probability over its step.

Peers: GaussianMixture (full and diagonal covariances; number of components chosen on valid) and
KernelDensity (bandwidth chosen on valid) see categories as codes with uniform noise of width 1,
so that their density at a code is a lower bound of its probability, standardised like the
numbers. GaussianMixture is also tried with one-hot categories (diagonal) or without (full) for
the responsibilities, and with smoothed shares of every category for each component in the
density; the better of all on valid counts. pomegranate (mixture of independent normals and
categoricals, 2, 5, 12 or 20 components chosen on valid) and SPFlow's LearnSPN (normal and
categorical leaves, least rows 100 or 300 chosen on valid) see categories as such. For peers,
missing training cells hold the mean or the most frequent code of their column. All are validated
and tested on the rows without missing cells.
"""


def steps(train: np.ndarray, categorical: np.ndarray) -> np.ndarray:
    """Step of every column's grid, 0 for categories, (d,)."""
    return np.array(
        [0.0 if c else _step(x[~np.isnan(x)]) for x, c in zip(train.T, categorical, strict=True)]
    )


def _step(values: np.ndarray) -> float:
    """The largest of 1, 0.5, 0.1, ... of which all values are multiples, up to a hundredth."""
    for k in range(8):
        for step in (10.0**-k, 0.5 * 10.0**-k):
            multiples = values / step
            if (np.abs(multiples - np.rint(multiples)) < 1e-2).all():
                return step
    raise ValueError("no decimal step")


def load(folder: Path, name: str) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Splits as recorded and with noise ('noisy train', ...), test without missing cells."""
    with np.load(folder / "mixed" / f"{name}.npz") as file:
        parts = {split: file[split] for split in ("train", "valid", "test")}
        categorical = file["categorical"]
    for split in ("valid", "test"):
        parts[split] = parts[split][~np.isnan(parts[split]).any(axis=1)]
    random, width = np.random.RandomState(0), steps(parts["train"], categorical)
    for split in ("train", "valid", "test"):
        noise = random.uniform(-0.5, 0.5, parts[split].shape) * width
        parts[f"noisy {split}"] = parts[split] + noise
    return parts, categorical


def ours(train: np.ndarray, categorical: np.ndarray, **settings: object) -> EinetDensityEstimator:
    """Plain defaults, but for the settings."""
    model = EinetDensityEstimator(categorical_features=categorical, random_state=0, **settings)
    return model.fit(train)


def chosen(parts: dict, categorical: np.ndarray, prefix: str, max_iter: object) -> tuple:
    """The model of GRID with the highest validation score, and its settings."""
    fits = []
    for settings in GRID:
        model = ours(parts[f"{prefix}train"], categorical, max_iter=max_iter, **settings)
        fits.append((model.score(parts[f"{prefix}valid"]), model, settings))
    return max(fits, key=lambda fit: fit[0])[1:]


def entry(name: str, model: str, settings: object, scores: tuple, start: float) -> dict:
    """One row of the results."""
    seconds = time.perf_counter() - start
    row = {"set": name, "model": model, "settings": str(settings), "seconds": seconds}
    row |= {"valid": float(scores[0]), "test": float(scores[1])}
    print(row, flush=True)
    return row


def measure_ours(folder: Path, name: str, grid: bool, rows: list[dict], write: Callable) -> None:
    """Ours by defaults, with and without noise, and with settings chosen on valid."""
    parts, categorical = load(folder, name)
    for prefix, label in (("noisy ", "ours"), ("", "ours, as recorded")):
        start = time.perf_counter()
        model = ours(parts[f"{prefix}train"], categorical)
        scores = tuple(model.score(parts[f"{prefix}{s}"]) for s in ("valid", "test"))
        rows.append(entry(name, f"{label}, defaults", "", scores, start))
        write()
    if grid:
        start = time.perf_counter()
        model, settings = chosen(parts, categorical, "noisy ", "auto")
        scores = tuple(model.score(parts[f"noisy {s}"]) for s in ("valid", "test"))
        rows.append(entry(name, "ours, chosen", settings, scores, start))
        write()


def measure_peers(
    folder: Path, name: str, wanted: list[str], rows: list[dict], write: Callable
) -> None:
    """Peers that can be imported."""
    parts, categorical = load(folder, name)
    noisy = [parts[f"noisy {split}"] for split in ("train", "valid", "test")]
    for label in wanted:
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found = peers.PEERS[label](*noisy, categorical)
            except ImportError as error:
                print(f"{label} is not measured: {error}")
                continue
        rows.append(entry(name, label, *found, start))
        write()


def holes(folder: Path, name: str, shares: list[float], rows: list[dict], write: Callable) -> None:
    """Test score of ours, by defaults, with shares of the training cells removed."""
    parts, categorical = load(folder, name)
    train = parts["train"]
    for share in shares:
        lost = np.random.RandomState(1).uniform(size=train.shape) < share
        model = ours(np.where(lost, np.nan, train), categorical)
        rows.append({"set": name, "share": share, "test": model.score(parts["test"])})
        print(rows[-1], flush=True)
        write()


def table(rows: list[dict]) -> str:
    """Results of models as Markdown."""
    head = "| set | model | settings | valid | test | seconds |\n"
    head += "| --- | --- | --- | ---: | ---: | ---: |\n"
    line = "| {set} | {model} | {settings} | {valid:.3f} | **{test:.3f}** | {seconds:.0f} |\n"
    return head + "".join(line.format(**row) for row in rows)


def holes_table(rows: list[dict]) -> str:
    """Results with removed cells as Markdown."""
    if not rows:
        return ""
    shares = sorted({row["share"] for row in rows})
    head = "| set | " + " | ".join(f"{s:.0%} removed" for s in shares) + " |\n"
    text = head + "| --- |" + " ---: |" * len(shares) + "\n"
    for name in dict.fromkeys(row["set"] for row in rows):
        found = {row["share"]: row["test"] for row in rows if row["set"] == name}
        text += f"| {name} | " + " | ".join(f"{found.get(s, np.nan):.3f}" for s in shares) + " |\n"
    return text


def kept(file: Path, options: argparse.Namespace) -> tuple[list[dict], list[dict]]:
    """Results of an earlier run that are not measured again."""
    record = json.loads(file.read_text()) if file.exists() else {"models": [], "holes": []}

    def again(row: dict) -> bool:
        mine = not options.only_peers and row["model"].startswith("ours")
        return row["set"] in options.sets and (mine or row["model"] in options.peers)

    found = [row for row in record["models"] if not again(row)]
    lost = [row for row in record["holes"] if row["set"] not in options.sets or options.only_peers]
    return found, lost


def main() -> None:
    """Measure every set, write Markdown and JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("SKPC_DATA"))
    parser.add_argument("--sets", nargs="+", default=SETS, choices=SETS)
    parser.add_argument("--grid", nargs="*", default=("abalone", "australian", "german"))
    parser.add_argument("--shares", nargs="*", type=float, default=(0.0, 0.1, 0.5))
    parser.add_argument("--peers", nargs="*", default=list(peers.PEERS), choices=peers.PEERS)
    parser.add_argument("--only-peers", action="store_true", help="keep earlier results of ours")
    parser.add_argument("--output", default="mixed", help="name of the results files")
    options = parser.parse_args()
    if options.data is None:
        parser.error("--data or the variable SKPC_DATA must name the folder of the tables")
    torch.set_num_threads(1)
    folder = Path(options.data)
    RESULTS.mkdir(exist_ok=True)
    found, removed = kept(RESULTS / f"{options.output}.json", options)

    def write() -> None:
        found.sort(key=lambda row: (row["set"], not row["model"].startswith("ours")))
        text = f"# Tables of mixed columns\n\n{header(1)}\n{NOTE}\n{table(found)}\n"
        text += "## Training cells removed at random\n\nOurs by defaults, values as recorded.\n\n"
        (RESULTS / f"{options.output}.md").write_text(text + holes_table(removed))
        record = json.dumps({"models": found, "holes": removed}, indent=1)
        (RESULTS / f"{options.output}.json").write_text(record + "\n")

    for name in options.sets:
        if not options.only_peers:
            measure_ours(folder, name, name in options.grid, found, write)
        measure_peers(folder, name, options.peers, found, write)
        if not options.only_peers:
            holes(folder, name, options.shares, removed, write)


if __name__ == "__main__":
    main()
