"""Training on a GPU: epochs a second, memory, share of the floor; results in results/gpu_DEVICE.md.

    python benchmarks/gpu.py                      # CUDA; says 'not measured' where there is none
    python benchmarks/gpu.py --device cpu --n-sums 16 --rows 4096

Random trees (depth 3, 10 replicas) and 4 hidden Chow-Liu trees over a simulated table of 111 binary
columns, K from 16 to 256, batches of 4,096 rows. The floor is that of benchmarks/floor.py: the
operations of the products over the measured rate of a plain product on the same device. The last
column is the difference of the mean log-likelihoods of the same fit on the device and on the CPU.
"""

import argparse
import time
from pathlib import Path

import floor
import numpy as np
import torch
from machine import header

from skpc import EinetDensityEstimator

RESULTS = Path(__file__).parent / "results"
STRUCTURES = {
    "random trees": {"structure": "random_trees", "depth": 3, "n_replicas": 10},
    "4 learned trees": {"structure": "chow_liu", "n_replicas": 4},
}


def rate(device: str, n: int = 4096, repetitions: int = 10) -> float:
    """Operations a second of a plain product in float32 on the device."""
    a, b = (torch.rand(n, n, device=device) for _ in range(2))
    torch.mm(a, b)
    synchronise(device)
    start = time.perf_counter()
    for _ in range(repetitions):
        torch.mm(a, b)
    synchronise(device)
    return 2 * n**3 * repetitions / (time.perf_counter() - start)


def synchronise(device: str) -> None:
    """Wait for the device."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def fit(X: np.ndarray, device: str, settings: dict, passes: int = 5) -> EinetDensityEstimator:
    """Passes of EM at batch 4,096."""
    fixed = {"batch_size": 4096, "random_state": 0, "smoothing": 0.1, "device": device}
    return EinetDensityEstimator(**settings, **fixed, max_iter=passes).fit(X)


def measure(X: np.ndarray, device: str, settings: dict, plain: float) -> str:
    """Seconds an epoch, share of the floor's rate, memory, and agreement with the CPU."""
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats()
    model = fit(X, device, settings)
    seconds = float(np.median(np.diff(model.history_["trees"]["seconds"])))
    least = floor.operations(model) * len(X) / plain
    memory = torch.cuda.max_memory_allocated() / 2**20 if device.startswith("cuda") else np.nan
    few = X[:4096]
    apart = fit(few, device, settings, 2).score(few) - fit(few, "cpu", settings, 2).score(few)
    return f"{1 / seconds:.2f} | {least / seconds:.0%} | {memory:.0f} | {apart:.1e}"


def main() -> None:
    """Measure every circuit, write Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--n-sums", nargs="+", type=int, default=[16, 32, 64, 128, 256])
    parser.add_argument("--rows", type=int, default=65_536)
    options = parser.parse_args()
    if options.device.startswith("cuda") and not torch.cuda.is_available():
        print("No GPU: not measured.")
        return
    X = np.concatenate([floor.table()] * -(-options.rows // floor.ROWS))[: options.rows]
    plain = rate(options.device)
    text = f"# Training on {options.device}\n\n{header(torch.get_num_threads())}\n\n"
    text += f"A plain product runs at {plain / 1e12:.2f} TFlop/s; {options.rows} rows.\n\n"
    text += "| circuit | K | epochs a second | share of the floor's rate | MB | apart |\n"
    text += "| --- |" + " ---: |" * 5 + "\n"
    for label, settings in STRUCTURES.items():
        for k in options.n_sums:
            found = measure(X, options.device, {**settings, "n_sums": k}, plain)
            text += f"| {label} | {k} | {found} |\n"
            print(text.splitlines()[-1], flush=True)
            name = options.device.replace(":", "")
            (RESULTS / f"gpu_{name}.md").write_text(text)


if __name__ == "__main__":
    main()
