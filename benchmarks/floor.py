"""Training passes against the floor of their arithmetic; results in benchmarks/results/floor.md.

    python benchmarks/floor.py --threads 1

The floor is the floating-point operations of a pass's products (three for each sum: values,
counts, flows; two for each leaf), over the measured rate of one large product of the same type.
The table is simulated: 8,192 rows of 111 related binary columns. Seconds are the median of the
passes after the first. "Batched alone" is the rate, over the plain one, at which torch runs the
three products of a layer of such sums by themselves: passes could not be faster on them. Where
the rest goes is told by torch's profiler, as shares of the time of all operations; it makes new
memory dearer than it is without.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
from machine import add_allocator, header, set_allocator
from torch.profiler import ProfilerActivity, profile

from skpc import EinetDensityEstimator

RESULTS = Path(__file__).parent / "results"
ROWS, COLUMNS, BATCH = 8192, 111, 512
FIXED = {"batch_size": BATCH, "components": "trees", "random_state": 0, "smoothing": 0.1}
RANDOM = {"structure": "random_trees", "depth": 3, "n_replicas": 10}
CIRCUITS = {
    **{f"random trees, CP, K = {k}": {**RANDOM, "n_sums": k} for k in (16, 32, 64, 128)},
    **{
        f"random trees, Tucker, K = {k}": {**RANDOM, "layer": "tucker", "n_sums": k}
        for k in (16, 32)
    },
    **{f"4 learned trees, K = {k}": {"n_replicas": 4, "n_sums": k} for k in (16, 32, 64)},
    "defaults": {},
}
GROUPS = {
    "products": ("aten::bmm", "aten::mm", "aten::addmm"),
    "copies and gathers": (
        "aten::copy_", "aten::index_select", "aten::index_copy_", "aten::index_add_", "aten::index",
        "aten::cat", "aten::_index_put_impl_", "aten::scatter_add_",
    ),
    "exp and log": ("aten::exp", "aten::exp_", "aten::log", "aten::log_"),
    "maxima": ("aten::amax", "aten::max"),
}  # fmt: skip


def table() -> np.ndarray:
    """Binary rows that share four causes, (ROWS, COLUMNS)."""
    random = np.random.default_rng(0)
    causes = random.normal(size=(ROWS, 4)) @ random.normal(size=(4, COLUMNS))
    return (causes + random.normal(size=causes.shape) > 0).astype(np.float32)


def rate(n: int = 1536, repetitions: int = 15) -> float:
    """Operations a second of a plain product in float32, median."""
    a, b = torch.rand(n, n), torch.rand(n, n)
    seconds = []
    for _ in range(repetitions):
        start = time.perf_counter()
        torch.mm(a, b)
        seconds.append(time.perf_counter() - start)
    return 2 * n**3 / float(np.median(seconds))


def batched(settings: dict, plain: float, nodes: int = 40, repetitions: int = 15) -> float:
    """Rate of the three products of 40 sums' layer by themselves, over the plain one."""
    units = settings.get("n_sums", 12)
    inputs = units**2 if settings.get("layer") == "tucker" else units
    weights = torch.rand(nodes, units, inputs)
    below, above = torch.rand(nodes, inputs, BATCH), torch.rand(nodes, units, BATCH)
    seconds = []
    for _ in range(repetitions):
        start = time.perf_counter()
        torch.bmm(weights, below)
        torch.bmm(above, below.transpose(1, 2))
        torch.bmm(weights.transpose(1, 2), above)
        seconds.append(time.perf_counter() - start)
    return 6 * weights.numel() * BATCH / float(np.median(seconds)) / plain


def operations(model: EinetDensityEstimator) -> int:
    """Of the products that a pass makes for one row."""
    circuit = model._fitted_density.components("cpu")[0].circuit
    sums = sum(int(np.prod(layer.shape)) for layer in circuit.weighted)
    return 2 * (3 * sums + 2 * int(np.prod(circuit.inputs.shape)))


def seconds_a_pass(X: np.ndarray, settings: dict, passes: int = 6) -> tuple[float, object]:
    """Median of the passes after the first, and the model."""
    model = EinetDensityEstimator(**settings, **FIXED, max_iter=passes).fit(X)
    return float(np.median(np.diff(model.history_["trees"]["seconds"]))), model


def shares(X: np.ndarray, settings: dict) -> dict[str, float]:
    """Share of each group of operations in one pass."""
    fixed = {**FIXED, "max_iter": 1}
    with profile(activities=[ProfilerActivity.CPU]) as record:
        EinetDensityEstimator(**settings, **fixed).fit(X)
    spent = {event.key: event.self_cpu_time_total for event in record.key_averages()}
    total = sum(spent.values())
    return {
        group: sum(spent.get(name, 0.0) for name in names) / total
        for group, names in GROUPS.items()
    }


def main() -> None:
    """Measure every circuit, write Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    add_allocator(parser)
    options = parser.parse_args()
    allocator = set_allocator(options)
    torch.set_num_threads(options.threads)
    X = table()
    seconds_a_pass(X[:1000], {"n_sums": 2}, 2)
    plain = rate()
    text = f"# Passes against the floor\n\n{header(options.threads)}\n{allocator}\n\n"
    text += f"{__doc__.split('--threads 1', 1)[1].strip()}\n\n"
    text += f"A plain product runs at {plain / 1e9:.1f} GFlop/s; batches of {BATCH}.\n\n"
    text += "| circuit | Mflop a row | pass, s | floor, s | share of the floor's rate "
    text += f"| batched alone | {' | '.join(GROUPS)} |\n"
    text += "| --- |" + " ---: |" * (5 + len(GROUPS)) + "\n"
    for label, settings in CIRCUITS.items():
        seconds, model = seconds_a_pass(X, settings)
        work = operations(model)
        floor = work * ROWS / plain
        text += f"| {label} | {work / 1e6:.2f} | {seconds:.2f} | {floor:.2f} "
        text += f"| **{floor / seconds:.0%}** | {batched(settings, plain):.0%} | "
        text += " | ".join(f"{s:.0%}" for s in shares(X, settings).values()) + " |\n"
        print(text.splitlines()[-1], flush=True)
        (RESULTS / "floor.md").write_text(text)


if __name__ == "__main__":
    main()
