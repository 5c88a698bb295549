"""What a default fit costs and reaches: seconds by component, and likelihoods without the others.

    python benchmarks/seconds.py --data FOLDER
    python benchmarks/seconds.py --data FOLDER --sets adult shoppers

Trees alone, then with Gaussians, then all that the defaults let compete: three fits with one seed,
of which each begins with the same trees. Processor seconds on one thread. Validation rows judge;
test rows are scored once, by the defaults, to compare with earlier defaults. Tables without splits
of their own give a tenth of their rows for each. Results are kept from run to run in
results/seconds.json.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from machine import header

from skpc import EinetDensityEstimator

RESULTS = Path(__file__).parent / "results"
BINARY = ("nltcs", "plants", "baudio", "accidents", "dna", "bbc", "mushrooms")
MIXED = ("abalone", "adult")
NUMBERS = ("protein", "gas", "airfoil")
FRAMES = ("shoppers", "diamonds")
FITS = {
    "trees": {"components": ["trees"]},
    "trees, Gaussians": {"components": ["trees", "gaussians"]},
    "defaults": {},
}


def load(folder: Path, name: str) -> tuple[list[pd.DataFrame], dict]:
    """Training, validation and test rows, and the settings of the columns."""
    if name in FRAMES:
        return split(pd.read_csv(folder / "frames" / f"{name}.csv.gz")), {}
    if name in NUMBERS:
        with np.load(folder / "uci" / f"{name}.npz") as file:
            table = np.column_stack([file["X"], file["y"]])
        return split(pd.DataFrame(table[:, np.ptp(table, axis=0) > 0])), {}
    with np.load(folder / ("debd" if name in BINARY else "mixed") / f"{name}.npz") as file:
        parts = [pd.DataFrame(file[part]) for part in ("train", "valid", "test")]
        return parts, {"categorical_features": file["categorical"]} if name in MIXED else {}


def split(frame: pd.DataFrame) -> list[pd.DataFrame]:
    """Eight tenths for training, one for validation and one for tests, at random."""
    order = np.random.RandomState(0).permutation(len(frame))
    cut = len(frame) // 10
    return [frame.iloc[of] for of in (order[2 * cut :], order[:cut], order[cut : 2 * cut])]


def measure(parts: list[pd.DataFrame], columns: dict, label: str) -> dict:
    """One fit: seconds, by component too, weights and mean log densities."""
    train, valid, test = parts
    start = time.process_time()
    model = EinetDensityEstimator(random_state=0, **columns, **FITS[label]).fit(train)
    found = {
        "seconds": time.process_time() - start,
        "by component": model.fit_seconds_,
        "weights": np.round(model.component_weights_, 2).tolist(),
        "valid": float(np.mean(model.score_samples(valid))),
    }
    if label == "defaults":
        found["test"] = float(np.mean(model.score_samples(test)))
    return found


def main() -> None:
    """Measure, keep, write Markdown and a picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=[*MIXED, *NUMBERS, *FRAMES, *BINARY])
    parser.add_argument("--fits", nargs="+", choices=list(FITS), default=list(FITS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    kept = RESULTS / "seconds.json"
    results = json.loads(kept.read_text()) if kept.exists() else {}
    for name in options.sets:
        parts, columns = load(options.data, name)
        shape = list(parts[0].shape)
        for label in options.fits:
            if label == "trees, Gaussians" and name in BINARY:
                continue
            found = measure(parts, columns, label)
            results.setdefault(name, {})[label] = {"shape": shape, **found}
            print(name, label, json.dumps(found), flush=True)
            kept.write_text(json.dumps(results, indent=1))
    (RESULTS / "seconds.md").write_text(report(results))
    draw(results)


def report(results: dict) -> str:
    """The Markdown page."""
    lines = [
        "# Seconds of default fits",
        "",
        header(1),
        "",
        __doc__.split("\n\n", 2)[2].strip(),
        "",
    ]
    lines += ["![likelihood against seconds](seconds.png)", ""]
    lines += ["| table | rows x columns | fit | weights | valid | test | seconds | by component |"]
    lines += ["| --- | --- | --- | --- | ---: | ---: | ---: | --- |"]
    for name, fits in results.items():
        for label, one in fits.items():
            rows, d = one["shape"]
            parts = ", ".join(f"{part} {s:.1f}" for part, s in one["by component"].items())
            weights = " ".join(f"{w:.2f}" for w in one["weights"])
            test = f"**{one['test']:.3f}**" if "test" in one else ""
            lines.append(
                f"| {name} | {rows:,} x {d} | {label} | {weights} | {one['valid']:.3f} | {test} | "
                f"{one['seconds']:.1f} | {parts} |"
            )
    lines += ["", "By component: seconds on the clock, which other work on the machine lengthens."]
    return "\n".join(lines) + "\n"


def draw(results: dict) -> None:
    """Seconds of trees alone and of defaults, a row a table, with what the others add."""
    import matplotlib.pyplot as plt

    shown = {name: fits for name, fits in results.items() if {"trees", "defaults"} <= fits.keys()}
    order = sorted(shown, key=lambda name: shown[name]["defaults"]["seconds"])
    figure, ax = plt.subplots(figsize=(7, 0.33 * len(order) + 1.2), layout="constrained")
    for y, name in enumerate(order):
        trees, whole = (shown[name][fit] for fit in ("trees", "defaults"))
        seconds = [trees["seconds"], whole["seconds"]]
        ax.plot(seconds, [y, y], color="0.7", linewidth=2, zorder=1)
        ax.scatter(seconds[0], y, color="C0", label=None if y else "trees")
        ax.scatter(seconds[1], y, color="C1", label=None if y else "defaults")
        gain = f"{whole['valid'] - trees['valid']:+.2f}"
        ax.annotate(gain, (max(seconds), y), textcoords="offset points", xytext=(9, -4))
    ax.set(xscale="log", xlabel="processor seconds of the fit; nats a validation row gained")
    ax.set_yticks(range(len(order)), order)
    ax.margins(x=0.12)
    ax.legend(loc="lower right", frameon=False)
    figure.savefig(RESULTS / "seconds.png", dpi=150)


if __name__ == "__main__":
    main()
