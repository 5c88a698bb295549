"""Figures of everyday use, by defaults, on simulated tables; results in results/everyday.md.

    python benchmarks/everyday.py
    python benchmarks/everyday.py --rows 1000000    # the large table as well: minutes

Rows of related normal columns. One row: `score_samples` of a single row, median of 300. Draws:
median of 3. Memory: the peak above the start of the fit, with the table of float64 loaded.
"""

import argparse
import resource
import time
from pathlib import Path

import numpy as np
import torch
from machine import add_allocator, header, set_allocator

from skpc import EinetDensityEstimator

RESULTS = Path(__file__).parent / "results"


def related(n: int, d: int, seed: int = 0) -> np.ndarray:
    """Normal columns with five common causes, (n, d), made in blocks."""
    random = np.random.default_rng(seed)
    loadings = random.normal(size=(5, d))
    X = np.empty((n, d))
    for start in range(0, n, 50_000):
        rows = X[start : start + 50_000]
        rows[:] = random.normal(size=(len(rows), 5)) @ loadings + random.normal(size=rows.shape)
    return X


def median_seconds(work, repetitions: int) -> float:
    """Median of some runs."""
    seconds = []
    for _ in range(repetitions):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds))


def peak_mb() -> float:
    """Peak resident memory so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure, write Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, help="of a large table of 100 columns")
    add_allocator(parser)
    options = parser.parse_args()
    allocator = set_allocator(options)
    torch.set_num_threads(1)
    lines = ["| what | figure |", "| --- | ---: |"]

    def note(what: str, figure: str) -> None:
        lines.append(f"| {what} | {figure} |")
        print(lines[-1], flush=True)

    small = related(500, 10)
    EinetDensityEstimator(random_state=0, max_iter=2).fit(small)
    fit = median_seconds(lambda: EinetDensityEstimator(random_state=0).fit(small), 5)
    note("fit of 500 rows x 10 columns", f"{fit:.2f} s")
    for n in (500, 5000):
        model = EinetDensityEstimator(random_state=0).fit(related(n, 20))
        row = related(1, 20, seed=1)
        model.score_samples(row)
        one = median_seconds(lambda m=model, r=row: m.score_samples(r), 300)
        note(f"one row of 20 columns scored, model of {n:,} rows", f"{1e3 * one:.2f} ms")
    model = EinetDensityEstimator(random_state=0).fit(related(5000, 10))
    draws = median_seconds(lambda: model.sample(1_000_000, random_state=0), 3)
    note("1,000,000 draws of 10 columns", f"{draws:.1f} s")
    if options.rows:
        X = related(options.rows, 100)
        before, start = peak_mb(), time.perf_counter()
        EinetDensityEstimator(random_state=0, max_iter=1, n_replicas=4).fit(X)
        note(
            f"fit of {options.rows:,} rows x 100 columns, one pass, 4 trees",
            f"{time.perf_counter() - start:.0f} s, {(peak_mb() - before) / 1024:.1f} GiB",
        )
    text = f"# Figures of everyday use\n\n{header(1)}\n{allocator}\n\n"
    text += f"{__doc__.split('minutes', 1)[1].strip()}\n\n"
    (RESULTS / "everyday.md").write_text(text + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
