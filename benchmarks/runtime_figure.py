"""The EiNet paper's figure of runtime and memory, for skpc and peers, in results/runtime_figure.*.

2,000 Gaussian rows of 512 columns, random binary trees of depth 4, batches of 100: seconds an epoch
and memory against K, replicas and depth, each with the others as they are in the middle
(K = 10, 10 replicas, depth 4).

    python benchmarks/runtime_figure.py --einsum-networks CHECKOUT --simple-einet CHECKOUT
"""

import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from machine import header
from matplotlib.ticker import LogLocator
from peers import cell, failures, versions
from peers_rounds import MODELS, add_options, allocator, measure

RESULTS = Path(__file__).parent / "results"
MIDDLE = {"n_sums": 10, "replicas": 10, "depth": 4}
LABELS = {"n_sums": "K", "replicas": "replicas", "depth": "depth"}
COMPARED = (
    "skpc-cp",
    "skpc-tucker",
    "einsum-networks",
    "cirkit-cp",
    "cirkit-tucker",
    "simple-einet-cp",
    "simple-einet-tucker",
    "spflow-cp",
    "spflow-tucker",
)
COLOURS = {
    "skpc": "#d1495b",
    "EinsumNetworks": "#222222",
    "cirkit": "#2e86ab",
    "simple-einet": "#5b8c5a",
    "SPFlow Einet": "#b07d2b",
    "libspn-keras": "#8a6fb0",
}
NOTE = """
Seconds an epoch, medians of the repetitions, which the models take in turns, and in brackets the
most resident memory in building and training, MB above the start. What is optimised with what is
said in peers.md, as is how memory is counted. cirkit's CP layers replace log densities under -708.4
by that number, without a gradient: where all rows begin below it, they do not learn.
"""


def sweeps(options: argparse.Namespace) -> dict[str, list[int]]:
    """The values of each axis."""
    return {"n_sums": options.n_sums, "replicas": options.replicas, "depth": options.depths}


def cells(options: argparse.Namespace) -> list[dict]:
    """Every circuit once."""
    found = []
    for axis, values in sweeps(options).items():
        for value in values:
            if (job := {**MIDDLE, axis: value}) not in found:
                found.append(job)
    return found


def along(rows: list[dict], axis: str) -> list[dict]:
    """Rows in which the other axes are in the middle, ordered."""
    others = {name: value for name, value in MIDDLE.items() if name != axis}
    found = [row for row in rows if all(row[name] == others[name] for name in others)]
    return sorted(found, key=lambda row: row[axis])


def table(rows: list[dict], axis: str) -> str:
    """One axis' results as Markdown, models against values."""
    found = along(rows, axis)
    values = list(dict.fromkeys(row[axis] for row in found))
    lines = [
        f"| model | layer | {' | '.join(f'{LABELS[axis]} = {value}' for value in values)} |",
        "| --- | --- |" + " ---: |" * len(values),
    ]
    for name in dict.fromkeys(row["model"] for row in found):
        own = {row[axis]: row for row in found if row["model"] == name}
        if not any("epoch" in row for row in own.values()):
            continue
        entries = [
            f"{cell(own[v], 'epoch', '.2f')} ({cell(own[v], 'memory', '.0f')})" for v in values
        ]
        _, library, layer = MODELS[name]
        lines.append(f"| {library} | {layer} | {' | '.join(entries)} |")
    return "\n".join(lines)


def draw(rows: list[dict], options: argparse.Namespace, path: Path) -> None:
    """Seconds above, memory below, one column of panels an axis."""
    fig, axes = plt.subplots(2, 3, figsize=(10, 6.4), sharex="col", sharey="row")
    for column, axis in enumerate(sweeps(options)):
        found = along(rows, axis)
        for name in options.models:
            _, library, layer = MODELS[name]
            own = [row for row in found if row["model"] == name and "epoch" in row]
            library = library.split(",")[0]
            for panel, field in zip(axes[:, column], ("epoch", "memory"), strict=True):
                panel.plot(
                    [row[axis] for row in own],
                    [row[field] for row in own],
                    color=COLOURS.get(library, "#999999"),
                    linestyle={"cp": "--", "tucker": "-"}[layer],
                    linewidth=2.2 if library == "skpc" else 1.2,
                    marker="o",
                    markersize=3.5,
                    label=f"{library}, {layer}",
                )
        if axis != "depth":
            axes[1, column].set_xscale("log")
        ticks = sorted({row[axis] for row in found})
        axes[1, column].set_xticks(ticks, [str(tick) for tick in ticks])
        axes[1, column].minorticks_off()
        axes[1, column].set_xlabel(LABELS[axis])
    for row, label in zip(axes, ("seconds an epoch", "memory above start, MB"), strict=True):
        row[0].set_ylabel(label)
        for panel in row:
            panel.set_yscale("log")
            panel.yaxis.set_major_locator(LogLocator(subs=(1, 3)))
            panel.yaxis.set_major_formatter("{x:g}")
            panel.yaxis.set_minor_formatter("")
            panel.grid(alpha=0.25, linewidth=0.6)
            panel.spines[["top", "right"]].set_visible(False)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="lower center", ncols=3, frameon=False, fontsize=9)
    fig.tight_layout(rect=(0, 0.01 + 0.03 * -(-len(labels) // 3), 1, 1))
    fig.savefig(path, dpi=150)
    plt.close(fig)


def report(rows: list[dict], options: argparse.Namespace) -> str:
    """The page of results."""
    title = f"# Runtime and memory: {options.rows:,} Gaussian rows, {options.columns} columns"
    top = [header(options.threads), allocator(options), versions(rows)]
    picture = f"![Seconds and memory against K, replicas and depth]({options.output}.png)"
    lines = [title, "", *top, "", picture]
    for axis in sweeps(options):
        others = ", ".join(f"{LABELS[n]} = {v}" for n, v in MIDDLE.items() if n != axis)
        lines += ["", f"## {LABELS[axis]} ({others})", "", table(rows, axis)]
    lines.append(NOTE)
    failed = failures(rows, "circuit")
    return "\n".join(lines + (["What is missing or failed:", "", *failed, ""] if failed else []))


def main() -> None:
    """Measure circuit by circuit; results are written after each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument("--columns", type=int, default=512)
    parser.add_argument("--n-sums", nargs="+", type=int, default=[5, 10, 20, 40])
    parser.add_argument("--replicas", nargs="+", type=int, default=[1, 10, 20])
    parser.add_argument("--depths", nargs="+", type=int, default=[1, 2, 3, 4, 5])
    add_options(parser, COMPARED, "runtime_figure")
    options = parser.parse_args()
    data = {"rows": options.rows, "columns": options.columns}
    rows: list[dict] = []
    RESULTS.mkdir(exist_ok=True)
    for circuit in cells(options):
        job = {**circuit, "batch_size": options.batch_size, "leaf": "gaussian"}
        label = ", ".join(f"{LABELS[name]} = {value}" for name, value in circuit.items())
        for row in measure(job, data, options, sample=False):
            rows.append({**row, **circuit, "circuit": label})
            print(
                label,
                row["model"],
                cell(row, "epoch", ".2f"),
                cell(row, "memory", ".0f"),
                flush=True,
            )
        draw(rows, options, RESULTS / f"{options.output}.png")
        (RESULTS / f"{options.output}.md").write_text(report(rows, options))
        (RESULTS / f"{options.output}.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
