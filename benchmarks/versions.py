"""Two versions of skpc against each other, in turns; results in benchmarks/results/versions.md.

    python benchmarks/versions.py --other CHECKOUT --data FOLDER

Each version runs in a process of its own, on the same core, with one thread, and with the C
library's threshold of allocation set alike (MALLOC_MMAP_THRESHOLD_ of 32 MiB); a task is measured
in the one version, then in the other, and so on. Ratios are those of the medians: above 1 this
version is slower than the other. Tasks are those of everyday.py (a fit of 500 x 10, one row
scored by models of 500 and 5,000 rows, draws), of floor.py (training passes over 8,192 rows of 111
binary columns) and of peers.py (epochs of batches of 100, depth 3, 10 replicas, K = 20).
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

RESULTS = Path(__file__).parent / "results"
THRESHOLD = 2**25
FIXED = {"random_state": 0, "smoothing": 0.1}
RANDOM = {"structure": "random_trees", "depth": 3, "n_replicas": 10}
PASSES = {
    "pass, random trees, CP, K = 16": {**RANDOM, "n_sums": 16},
    "pass, random trees, CP, K = 64": {**RANDOM, "n_sums": 64},
    "pass, random trees, Tucker, K = 16": {**RANDOM, "n_sums": 16, "layer": "tucker"},
    "pass, 4 learned trees, K = 32": {"n_replicas": 4, "n_sums": 32},
    "pass, learned trees by default": {},
}
EPOCHS = {
    f"epoch of {name}, {layer}": (name, {**RANDOM, "n_sums": 20, "layer": layer})
    for name in ("nltcs", "accidents", "plants")
    for layer in ("cp", "tucker")
}


class Tasks:
    """Answers of one version: seconds of a task, prepared when it is first asked for."""

    def __init__(self, data: str | None) -> None:
        import numpy as np
        import torch
        from everyday import related
        from floor import table

        from skpc import EinetDensityEstimator

        torch.set_num_threads(1)
        self.kind, self.data, self.prepared = EinetDensityEstimator, data, {}
        # Trees alone, by the names of either version.
        named = EinetDensityEstimator().get_params()
        old = {"n_decoders": 0, "n_gaussians": 0}
        self.trees = {"components": "trees"} if "components" in named else old
        self.binary, self.small, self.np = table(), related(500, 10), np
        self.wide = {n: related(n, 20) for n in (500, 5000)}
        self.row = related(1, 20, seed=1)

    def seconds(self, task: str) -> float:
        """Of one repetition."""
        if task in PASSES or task in EPOCHS:
            return self.epoch(task)
        if task == "fit of 500 x 10":
            return self.clock(lambda: self.kind(random_state=0).fit(self.small))
        n = 500 if task.endswith(" 500 rows") else 5000
        if n not in self.prepared:
            self.prepared[n] = self.kind(random_state=0).fit(self.wide[n])
        model = self.prepared[n]
        if task.startswith("draws"):
            return self.clock(lambda: model.sample(200_000, random_state=0))
        times = [self.clock(lambda: model.score_samples(self.row)) for _ in range(200)]
        return median(times)

    def epoch(self, task: str) -> float:
        """Median second of the later passes of a short fit."""
        if task in PASSES:
            X, settings = self.binary, {**PASSES[task], "batch_size": 512}
        else:
            name, settings = EPOCHS[task]
            settings = {**settings, "batch_size": 100}
            with self.np.load(Path(self.data) / "debd" / f"{name}.npz") as file:
                X = file["train"].astype(self.np.float32)
        fixed = {**FIXED, **self.trees, "leaf": "bernoulli", "max_iter": 4}
        history = self.kind(**fixed, **settings).fit(X).history_
        seconds = history.get("trees", history)["seconds"]
        return median(self.np.diff(seconds).tolist())

    def clock(self, work) -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start


def work() -> None:
    """Answer the names of tasks by their seconds."""
    tasks = Tasks(os.environ.get("SKPC_DATA"))
    for line in sys.stdin:
        print(json.dumps(tasks.seconds(line.strip())), flush=True)


def worker(checkout: Path, options: argparse.Namespace) -> subprocess.Popen:
    """A process that answers for the version in a checkout."""
    here = Path(__file__).parent
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(checkout), str(here)]),
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "MALLOC_MMAP_THRESHOLD_": str(THRESHOLD),
        "MALLOC_TRIM_THRESHOLD_": str(2 * THRESHOLD),
        **({"SKPC_DATA": options.data} if options.data else {}),
    }
    command = ["taskset", "-c", str(options.core), sys.executable, __file__, "--work"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return subprocess.Popen(command, env=environment, text=True, **pipes)


def ask(process: subprocess.Popen, task: str) -> float:
    """Seconds of a task in a worker."""
    process.stdin.write(task + "\n")
    process.stdin.flush()
    return float(process.stdout.readline())


def main() -> None:
    """Measure in turns, write Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--other", type=Path, help="checkout of the other version")
    parser.add_argument("--data", help="folder of the tables; without it no epochs")
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--only", default="", help="words in the names of tasks")
    options = parser.parse_args()
    if options.work:
        work()
        return
    from machine import header

    here = Path(__file__).parent.parent
    versions = {"this": worker(here, options), "other": worker(options.other, options)}
    names = ["fit of 500 x 10", "one row, model of 500 rows", "one row, model of 5,000 rows"]
    names += ["draws of 200,000 x 20", *PASSES, *(EPOCHS if options.data else ())]
    names = [name for name in names if options.only in name]
    commit = subprocess.run(
        ["git", "-C", options.other, "rev-parse", "--short", "HEAD"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    text = f"# Two versions in turns\n\n{header(1)}\n- the other version: {commit}\n\n"
    text += f"{__doc__.split('--data FOLDER', 1)[1].strip()}\n\n"
    text += "| task | this, s | other, s | this / other |\n| --- | ---: | ---: | ---: |\n"
    for task in names:
        seconds = {version: [] for version in versions}
        for _ in range(1 + options.repetitions):
            for version, process in versions.items():
                seconds[version].append(ask(process, task))
        this, other = (median(seconds[version][1:]) for version in ("this", "other"))
        text += f"| {task} | {this:.4g} | {other:.4g} | {this / other:.3f} |\n"
        print(text.splitlines()[-1], flush=True)
        (RESULTS / "versions.md").write_text(text)


if __name__ == "__main__":
    main()
