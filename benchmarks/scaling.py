"""How the cost of skpc's passes grows, in results/scaling.*.

Simulated zeros and ones, random binary trees of depth 3: seconds of a training pass and of scoring
against rows, columns, K and replicas, each with the others in the middle, and the exponents of
power laws through them.

    python benchmarks/scaling.py
"""

import argparse
import json
import time
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import torch
from machine import header

from skpc import EinetDensityEstimator

RESULTS = Path(__file__).parent / "results"
MIDDLE = {"rows": 4000, "columns": 128, "n_sums": 16, "n_replicas": 8}
VALUES = {
    "rows": (1000, 2000, 4000, 8000, 16000, 32000),
    "columns": (32, 64, 128, 256, 512, 1024),
    "n_sums": (4, 8, 16, 32, 64, 128),
    "n_replicas": (1, 2, 4, 8, 16, 32),
}
LABELS = {"rows": "rows", "columns": "columns", "n_sums": "K", "n_replicas": "replicas"}
LAYERS = {"cp": "#d1495b", "tucker": "#2e86ab"}
WORK = {"fit": "training pass", "score": "scoring"}
NOTE = """
A training pass is mini-batch EM over all rows, as `history_` times it; scoring is a call of
`score_samples` on the float32 table. Medians of the repetitions, which the circuits of an axis take
in turns. Exponent: slope of a straight line through the logarithms of seconds and value, over
all values and over the largest three, where fixed costs count least. Tucker layers stop at K = 64:
their cost grows with the cube of K, the cost of CP layers with its square.
"""


def simulated(n: int, d: int) -> np.ndarray:
    """Rows of a mixture of 20 products of Bernoulli distributions, (n, d) float32."""
    random = np.random.RandomState(0)
    shares = random.beta(0.5, 0.5, size=(20, d))
    return (random.rand(n, d) < shares[random.randint(20, size=n)]).astype(np.float32)


class Circuit:
    """An estimator on its table, which is trained a pass at a time."""

    def __init__(self, case: dict, batch_size: int) -> None:
        self.case = case
        self.x = simulated(case["rows"], case["columns"])
        self.model = EinetDensityEstimator(
            "random_trees",
            depth=3,
            n_replicas=case["n_replicas"],
            n_sums=case["n_sums"],
            layer=case["layer"],
            leaf="bernoulli",
            batch_size=batch_size,
            max_iter=1,
            warm_start=True,
            device="cpu",
            random_state=np.random.RandomState(0),
        )
        self.seconds: dict[str, list[float]] = {"fit": [], "score": []}

    def go(self) -> None:
        """Time one pass of each kind."""
        self.model.fit(self.x)
        self.seconds["fit"].append(float(self.model.history_["trees"]["seconds"][-1]))
        start = time.perf_counter()
        self.model.score_samples(self.x)
        self.seconds["score"].append(time.perf_counter() - start)

    def row(self) -> dict:
        """The case and medians, without the first round."""
        return {**self.case, **{k: float(np.median(v[1:])) for k, v in self.seconds.items()}}


def sweep(axis: str, options: argparse.Namespace) -> list[dict]:
    """Circuits along one axis, in turns."""
    cases = [
        {**MIDDLE, axis: value, "axis": axis, "layer": layer}
        for layer in LAYERS
        for value in VALUES[axis][: options.points]
        if layer == "cp" or value <= 64 or axis != "n_sums"
    ]
    circuits = [Circuit(case, options.batch_size) for case in cases]
    for _ in range(options.repetitions + 1):
        for circuit in circuits:
            circuit.go()
    return [circuit.row() for circuit in circuits]


def exponent(values: list[int], seconds: list[float]) -> float:
    """Slope on log axes."""
    return float(np.polyfit(np.log(values), np.log(seconds), 1)[0])


def table(rows: list[dict], axis: str) -> str:
    """One axis' results as Markdown."""
    values = sorted({row[axis] for row in rows if row["axis"] == axis})
    head = " | ".join(f"{value:,}" for value in values)
    lines = [
        f"| layer | seconds of | {head} | exponent | of the last three |",
        "| --- | --- |" + " ---: |" * (len(values) + 2),
    ]
    for layer in LAYERS:
        own = {row[axis]: row for row in rows if row["axis"] == axis and row["layer"] == layer}
        for kind, label in WORK.items():
            seconds = [own[value][kind] for value in own]
            shown = [f"{own[v][kind]:.3g}" if v in own else "" for v in values]
            slopes = [exponent(list(own)[-n:], seconds[-n:]) for n in (len(own), 3)]
            entries = [layer, label, *shown, *(f"{slope:.2f}" for slope in slopes)]
            lines.append(f"| {' | '.join(entries)} |")
    return "\n".join(lines)


def draw(rows: list[dict], path: Path) -> None:
    """One panel an axis, with fitted exponents at the ends of the lines."""
    fig, panels = plt.subplots(1, 4, figsize=(12, 3.6), sharey=True)
    for panel, axis in zip(panels, VALUES, strict=True):
        for layer, colour in LAYERS.items():
            own = [row for row in rows if row["axis"] == axis and row["layer"] == layer]
            values = [row[axis] for row in own]
            for kind, style in (("fit", "-"), ("score", ":")):
                seconds = [row[kind] for row in own]
                slope = exponent(values[-3:], seconds[-3:])
                label = f"{layer}, {WORK[kind]}: {slope:.1f}"
                panel.loglog(values, seconds, style, color=colour, marker="o", ms=3, label=label)
        ticks = sorted({row[axis] for row in rows if row["axis"] == axis})
        panel.set_xticks(ticks, [f"{tick:,}" for tick in ticks], fontsize=8)
        panel.minorticks_off()
        panel.set_xlabel(LABELS[axis])
        panel.grid(alpha=0.25, linewidth=0.6)
        panel.spines[["top", "right"]].set_visible(False)
        panel.legend(frameon=False, fontsize=7, loc="upper left")
    low, high = panels[0].get_ylim()
    panels[0].set_ylim(low, high * 8)
    panels[0].set_ylabel("seconds a pass")
    fig.suptitle("legends: exponents over the three largest values", fontsize=9)
    fig.tight_layout()
    fig.savefig(path, dpi=150)
    plt.close(fig)


def main() -> None:
    """Measure axis by axis."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch-size", type=int, default=250)
    parser.add_argument("--points", type=int, default=6, help="values an axis, from the smallest")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--output", default="scaling", help="name of the results files")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows: list[dict] = []
    for axis in VALUES:
        rows += sweep(axis, options)
        print(LABELS[axis], table(rows, axis), sep="\n", flush=True)
    middle = ", ".join(f"{LABELS[name]} = {value:,}" for name, value in MIDDLE.items())
    top = [
        "# How the cost of a pass grows",
        "",
        header(options.threads),
        f"- in the middle: {middle}; batches of {options.batch_size}, depth 3",
        "",
        f"![Seconds a pass against rows, columns, K and replicas]({options.output}.png)",
    ]
    parts = [f"\n## {LABELS[axis]}\n\n{table(rows, axis)}" for axis in VALUES]
    RESULTS.mkdir(exist_ok=True)
    draw(rows, RESULTS / f"{options.output}.png")
    (RESULTS / f"{options.output}.md").write_text("\n".join([*top, *parts, NOTE]))
    (RESULTS / f"{options.output}.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
