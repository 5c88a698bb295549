"""EinetDensityEstimator and scikit-learn's densities on tables of numbers, in results/numeric.*.

    python benchmarks/numeric.py --data FOLDER

FOLDER holds uci/*.npz with the arrays X, y and test_mask (or set SKPC_DATA): regression tables,
whose target is a column like the others here. What is compared is told in NOTE.
"""

import argparse
import json
import os
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from machine import header
from mixed_peers import BANDWIDTHS, standardised
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import KernelDensity

from skpc import EinetDensityEstimator

SETS = ("airfoil", "concrete", "energy", "gas", "housing", "protein", "yacht")
RESULTS = Path(__file__).parent / "results"
COMPONENTS = (1, 2, 3, 5, 8, 12, 20, 30, 50, 80)
FLOORS = (1e-6, 1e-4, 1e-2)
OURS = {
    "ours, defaults": {},
    "ours, trees and latent mixture": {"components": ["trees", "latent_mixture"]},
    "ours, trees alone": {"components": "trees"},
}
NOTE = """
Mean test log density in nats, higher is better, in the units of the tables: the first of the ten
splits, with a tenth of its training rows, drawn once, as validation rows for what peers choose.
Ours does not see these. A continuous density may rise without bound on values that repeat, so a
column in which fewer than half of the values are different is moved by uniform noise of
the width of the median distance of neighbouring values, in all rows and for all models.
Constant columns are left out.

GaussianMixture: full or diagonal covariances, 1 to 80 components, at least ten rows each, and
reg_covar 1e-6, 1e-4 or 1e-2, the best on valid. KernelDensity: the bandwidth that is best on
valid. Both see standardised columns.
"""


def load(folder: Path, name: str) -> list[np.ndarray]:
    """Train, valid and test, (n, d) each."""
    with np.load(folder / "uci" / f"{name}.npz") as file:
        rows = np.column_stack([file["X"], file["y"].ravel()]).astype(np.float64)
        held = file["test_mask"][:, 0]
    random = np.random.RandomState(0)
    rows = rows[:, np.ptp(rows, axis=0) > 0]
    rows = rows + random.uniform(-0.5, 0.5, rows.shape) * [width(column) for column in rows.T]
    order = random.permutation(np.flatnonzero(~held))
    n_valid = len(order) // 10
    return [rows[order[n_valid:]], rows[order[:n_valid]], rows[held]]


def width(values: np.ndarray) -> float:
    """Of a column's noise."""
    seen = np.unique(values)
    return float(np.median(np.diff(seen))) if len(seen) < 0.5 * len(values) else 0.0


def gaussian_mixture(parts: list[np.ndarray]) -> tuple[str, list[float]]:
    """The best settings on valid, with the scores of valid and test."""
    z, log_scale = standardised(parts)
    found = []
    for covariance in ("full", "diag"):
        for floor in FLOORS:
            for k in (k for k in COMPONENTS if 10 * k <= len(z[0])):
                model = GaussianMixture(
                    k, covariance_type=covariance, reg_covar=floor, random_state=0
                ).fit(z[0])
                scores = [float(model.score(part)) - log_scale for part in z[1:]]
                found.append((f"{covariance}, {k}, {floor:g}", scores))
    return max(found, key=lambda f: f[1][0])


def kernel_density(parts: list[np.ndarray]) -> tuple[str, list[float]]:
    """The best bandwidth on valid, with the scores of valid and test."""
    z, log_scale = standardised(parts)
    models = [KernelDensity(bandwidth=h, rtol=1e-4).fit(z[0]) for h in BANDWIDTHS]
    scores = [float(model.score_samples(z[1]).mean()) - log_scale for model in models]
    best = int(np.argmax(scores))
    test = float(models[best].score_samples(z[2]).mean()) - log_scale
    return f"bandwidth {BANDWIDTHS[best]}", [scores[best], test]


def ours(parts: list[np.ndarray], settings: dict) -> tuple[str, list[float]]:
    """Plain defaults, but for the settings; the weights of the parts."""
    model = EinetDensityEstimator(random_state=0, **settings).fit(parts[0])
    weights = zip(model.component_names_, model.component_weights_, strict=True)
    return ", ".join(f"{name} {w:.2f}" for name, w in weights), [
        model.score(part) for part in parts[1:]
    ]


def table(rows: list[dict]) -> str:
    """Results as Markdown."""
    head = "| set | rows | columns | model | settings | valid | test | seconds |\n"
    head += "| --- | ---: | ---: | --- | --- | ---: | ---: | ---: |\n"
    line = "| {set} | {rows} | {columns} | {model} | {settings} | {valid:.3f} | **{test:.3f}** "
    line += "| {seconds:.1f} |\n"
    return head + "".join(line.format(**row) for row in rows)


def main() -> None:
    """Measure every set, write Markdown and JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("SKPC_DATA"))
    parser.add_argument("--sets", nargs="+", default=SETS, choices=SETS)
    options = parser.parse_args()
    if options.data is None:
        parser.error("--data or the variable SKPC_DATA must name the folder of the tables")
    torch.set_num_threads(1)
    RESULTS.mkdir(exist_ok=True)
    models = {label: lambda p, s=s: ours(p, s) for label, s in OURS.items()}
    models |= {"GaussianMixture": gaussian_mixture, "KernelDensity": kernel_density}
    rows: list[dict] = []
    for name in options.sets:
        parts = load(Path(options.data), name)
        n, d = parts[0].shape
        for label, model in models.items():
            start = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                settings, (valid, test) = model(parts)
            row = {"set": name, "rows": n, "columns": d, "model": label, "settings": settings}
            row |= {"valid": valid, "test": test, "seconds": time.perf_counter() - start}
            print(row, flush=True)
            rows.append(row)
        text = f"# Tables of numbers\n\n{header(1)}\n{NOTE}\n{table(rows)}"
        (RESULTS / "numeric.md").write_text(text)
        (RESULTS / "numeric.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
