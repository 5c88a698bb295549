"""EinetDensityEstimator on the binary density-estimation benchmarks.

For every set, in a process of its own: a fit with the settings of the EiNet paper's
structure (random trees, depth 3, 10 replicas, K = 20), with learned trees alone, or with all that
skpc's defaults choose (--structure auto: latent mixtures beside the trees); test
log-likelihood, seconds a pass, draws a second, memory. Of several values of --smoothing,
--n-sums, --n-networks and --max-iter those with the best validation likelihood are kept and the
test split is used once.

    python benchmarks/density.py --data FOLDER

FOLDER holds debd/*.npz with the arrays train, valid and test (or set SKPC_DATA).
"""

import argparse
import json
import multiprocessing
import os
import resource
import time
from itertools import product
from pathlib import Path

import numpy as np
import psutil
import torch
from machine import header

from skpc import EinetDensityEstimator
from skpc.components import LatentMixture

SETS = ("nltcs", "plants", "baudio", "accidents", "dna", "bbc")
RESULTS = Path(__file__).parent / "results"
STRUCTURES = {
    "random_trees": {
        "structure": "random_trees",
        "depth": 3,
        "n_replicas": 10,
        "n_sums": 20,
        "components": "trees",
    },
    "chow_liu": {"structure": "chow_liu", "components": "trees"},
    "auto": {},
}


def components(n_networks: int) -> list:
    """Trees, with a latent mixture of so many networks."""
    return ["trees", LatentMixture(n_networks)] if n_networks else ["trees"]


def measure(job: dict) -> dict:
    """Fit, choose, score and time on one set."""
    torch.set_num_threads(job["threads"])
    with np.load(Path(job["data"]) / "debd" / f"{job['name']}.npz") as file:
        train, valid, test = (file[split] for split in ("train", "valid", "test"))
    settings = {**STRUCTURES[job["structure"]], "layer": job["layer"], "random_state": 0}
    # A small fit first, so that memory and seconds are not those of loading libraries.
    EinetDensityEstimator(**settings, components="trees", max_iter=1).fit(train[:300])
    before = psutil.Process().memory_info().rss
    units = [{"n_sums": n} for n in job["n_sums"]] or [{}]
    mixtures = [{"components": components(n)} for n in job["n_networks"]] or [{}]
    passes = [{"max_iter": n} for n in job["max_iter"]] or [{}]
    grid = [
        {**u, **b, **p, "smoothing": s}
        for u, b, p, s in product(units, mixtures, passes, job["smoothing"])
    ]
    fits = [fit(train, valid, {**settings, **choice}) for choice in grid]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    model, best = max(fits, key=lambda f: f[1]["valid"])
    return {
        "set": job["name"],
        "columns": train.shape[1],
        "rows": len(train),
        **best,
        "test": model.score(test),
        "epoch_100": seconds_a_pass(train, {**settings, "batch_size": 100}),
        "samples_a_second": samples_a_second(model),
        "memory_mb": (peak - before) / 2**20,
    }


def fit(train: np.ndarray, valid: np.ndarray, settings: dict) -> tuple:
    """A model and what its fit took."""
    start = time.perf_counter()
    model = EinetDensityEstimator(**settings).fit(train)
    found = {
        "smoothing": settings["smoothing"],
        "n_sums": model.n_sums,
        "components": " + ".join(model.component_names_),
        "weight": float(model.component_weights_[0]),
        "passes": model.n_iter_,
        "fit_seconds": time.perf_counter() - start,
        "train": model.score(train),
        "valid": model.score(valid),
    }
    return model, found


def seconds_a_pass(train: np.ndarray, settings: dict) -> float:
    """Of the trees, median of five passes."""
    model = EinetDensityEstimator(**settings, components="trees", max_iter=6).fit(train)
    return float(np.median(np.diff(model.history_["trees"]["seconds"])))


def samples_a_second(model: EinetDensityEstimator, n: int = 1000) -> float:
    """Rows a second, median of five draws of n."""
    seconds = []
    for seed in range(6):
        start = time.perf_counter()
        model.sample(n, random_state=seed)
        seconds.append(time.perf_counter() - start)
    return n / float(np.median(seconds[1:]))


def table(rows: list[dict]) -> str:
    """The results as Markdown."""
    head = (
        "| set | columns | rows | K | smoothing | passes | components | weight of trees "
        "| train | valid | test | fit, s | pass at batch 100, s | draws a second "
        "| memory above start, MB |\n"
        "| --- |" + " ---: |" * 14 + "\n"
    )
    line = (
        "| {set} | {columns} | {rows} | {n_sums} | {smoothing:g} | {passes} | {components} "
        "| {weight:.2f} | {train:.3f} | {valid:.3f} | **{test:.3f}** "
        "| {fit_seconds:.1f} | {epoch_100:.2f} | {samples_a_second:,.0f} | {memory_mb:.0f} |\n"
    )
    return head + "".join(line.format(**row) for row in rows)


def main() -> None:
    """Measure every set, write Markdown and JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("SKPC_DATA"))
    parser.add_argument("--sets", nargs="+", default=SETS, choices=SETS)
    parser.add_argument("--structure", default="random_trees", choices=STRUCTURES)
    parser.add_argument("--layer", default="cp", choices=("cp", "tucker"))
    parser.add_argument("--smoothing", nargs="+", type=float, default=[0.1])
    parser.add_argument("--n-sums", nargs="+", type=int, default=[], help="default: skpc's")
    parser.add_argument("--n-networks", nargs="+", type=int, default=[], help="default: skpc's")
    parser.add_argument("--max-iter", nargs="+", type=int, default=[], help="default: skpc's")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", default="density", help="name of the results files")
    options = parser.parse_args()
    if options.data is None:
        parser.error("--data or the variable SKPC_DATA must name the folder of the tables")
    # A process a set: the peak of memory is then its own.
    pool = multiprocessing.get_context("spawn")
    rows = []
    for name in options.sets:
        job = {**vars(options), "data": str(options.data), "name": name}
        with pool.Pool(1) as worker:
            rows.append(worker.apply(measure, (job,)))
        print(table(rows[-1:]), flush=True)
    title = f"# Structure {options.structure} on binary tables, layer {options.layer}\n\n"
    note = (
        f"\nMean log densities in nats. Settings {STRUCTURES[options.structure]}; everything else "
        "is the default; K, smoothing and the number of latent mixtures are the best on the "
        "validation split of those tried.\n"
    )
    RESULTS.mkdir(exist_ok=True)
    text = title + header(options.threads) + "\n\n" + table(rows) + note
    (RESULTS / f"{options.output}.md").write_text(text)
    (RESULTS / f"{options.output}.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
