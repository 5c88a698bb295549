"""The same circuit trained and scored by skpc and by its peers, in results/peers.*.

Random binary trees with Bernoulli leaves on binary tables. Every model lives in a process of its
own; the models take turns, so that only one works at a time: first epochs, then passes of
scoring, then samples.

    python benchmarks/peers.py --data FOLDER --einsum-networks CHECKOUT --simple-einet CHECKOUT \
        --libspn-keras PYTHON

FOLDER holds debd/*.npz with the arrays train and test (or set SKPC_DATA). Peers that are not
installed, or whose checkout or environment is not given, are left out, and the results name them.
"""

import argparse
import json
import os
from pathlib import Path

from machine import header
from peers_models import ADAM_RATE, EM_STEP, WARM_UP_BATCHES
from peers_rounds import MODELS, N_SAMPLES, add_options, allocator, measure

RESULTS = Path(__file__).parent / "results"
SETS = ("nltcs", "plants", "accidents", "bbc")

HEAD = (
    "| model | layer | trained by | epoch, s | in epochs of skpc | scoring pass, s | 1,000 "
    "samples, s | memory above start, MB | train | test | parameters |\n"
    "| --- | --- | --- |" + " ---: |" * 8 + "\n"
)


def versions(rows: list[dict]) -> str:
    """Markdown line: the versions of the libraries that were measured."""
    found = {row["library"].split(",")[0]: row["version"] for row in rows if "version" in row}
    return "- models: " + ", ".join(f"{library} {found[library]}" for library in found)


def failures(rows: list[dict], of: str) -> list[str]:
    """Markdown list of what failed; `of` says for which field rows tell their cases."""
    found: dict[str, list[str]] = {}
    for row in rows:
        for error in row["errors"]:
            found.setdefault(f"{row['model']}, {error}", []).append(str(row[of]))
    return [f"- {what} ({', '.join(cases)})" for what, cases in found.items()]


def cell(row: dict, field: str, form: str) -> str:
    value = row.get(field)
    return "" if value is None else format(value, form)


def table(rows: list[dict]) -> str:
    """One set's results as Markdown."""
    own = {row["layer"]: row.get("epoch") for row in rows if row["library"] == "skpc"}
    lines = []
    for row in rows:
        if "version" not in row:
            continue
        yardstick = own.get(row["layer"])
        times = row["epoch"] / yardstick if yardstick and "epoch" in row else None
        about = "about " if min(row.get("sample_drawn", [N_SAMPLES])) < N_SAMPLES else ""
        lines.append(
            f"| {row['library']} | {row['layer']} | {row['trained_by']} "
            f"| {cell(row, 'epoch', '.2f')} | {cell({'times': times}, 'times', '.1f')} "
            f"| {cell(row, 'score', '.2f')} | {about}{cell(row, 'sample', '.3f')} "
            f"| {cell(row, 'memory', '.0f')} | {cell(row, 'train', '.3f')} "
            f"| {cell(row, 'test', '.3f')} | {row['n_parameters']:,} |\n"
        )
    return HEAD + "".join(lines)


NOTES = f"""
Bernoulli leaves (categories of two values in EinsumNetworks and cirkit, sums over indicators in
libspn-keras); all numbers are float32. Layers: CP also stands for layers that sum after products
of units with the same number (linsum).

Seconds are medians of the repetitions, which the models take in turns; what takes longer than
--once seconds is measured once. Scoring is in batches of the same size as training, of skpc in
blocks of its own choice. Warm-up: {WARM_UP_BATCHES} batches, of skpc a pass, so that it has seen
one pass more when it is scored. skpc's epoch is the pass over the rows; the call of `fit` around
it, which also reads the table again, is in the JSON file ("epoch_call"). "In epochs of skpc":
seconds an epoch over those of skpc with the same kind of layer. Samples that take longer than
--once seconds are extrapolated from those drawn until then ("about"). simple-einet fails to sample
Bernoulli leaves: its samples come from an untrained twin with binomial leaves of one trial.

EinsumNetworks is trained by its online EM with its demonstrations' step of {EM_STEP:g}, others by
Adam with a step of {ADAM_RATE:g}, skpc by stepwise EM, with a step that falls from 0.5 to 0 in
every pass here. Log-likelihoods, nats a row, are there to see that all learn: no model is tuned.
cirkit's CP layers replace log densities under -708.4 by that number, which has no gradient: where
all rows begin below it, they take their time but do not learn.

Memory: the most resident in building and training, above what was resident once libraries and
data were loaded and a small model had been trained. Parameters: skpc counts free ones, the others
those stored.
"""


def report(sets: dict[str, list[dict]], options: argparse.Namespace) -> str:
    """The page of results."""
    rows = [row for rows in sets.values() for row in rows]
    shape = f"depth {options.depth}, {options.replicas} replicas, K = {options.n_sums}"
    lines = [
        f"# The same circuit in skpc and elsewhere: {shape}, batch {options.batch_size}",
        "",
        header(options.threads),
        allocator(options),
        versions(rows),
    ]
    for name, found in sets.items():
        size = f"{found[0]['rows']:,} rows, {found[0]['columns']:,} columns"
        lines += ["", f"## {name}: {size}", "", table(found).rstrip()]
    lines.append(NOTES)
    failed = failures(rows, "set")
    return "\n".join(lines + (["What is missing or failed:", "", *failed, ""] if failed else []))


def main() -> None:
    """Measure set by set; results are written after each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("SKPC_DATA"))
    parser.add_argument("--sets", nargs="+", default=SETS)
    parser.add_argument("--depth", type=int, default=3)
    parser.add_argument("--replicas", type=int, default=10)
    parser.add_argument("--n-sums", type=int, default=20)
    add_options(parser, tuple(MODELS), "peers")
    options = parser.parse_args()
    if options.data is None:
        parser.error("--data or the variable SKPC_DATA must name the folder of the tables")
    names = ("depth", "replicas", "n_sums", "batch_size")
    job = {**{name: getattr(options, name) for name in names}, "leaf": "bernoulli"}
    sets = {}
    RESULTS.mkdir(exist_ok=True)
    for name in options.sets:
        file = (Path(options.data) / "debd" / f"{name}.npz").resolve()
        sets[name] = [{"set": name, **row} for row in measure(job, {"file": str(file)}, options)]
        print(table(sets[name]), *failures(sets[name], "set"), sep="\n", flush=True)
        (RESULTS / f"{options.output}.md").write_text(report(sets, options))
        rows = [row for rows in sets.values() for row in rows]
        (RESULTS / f"{options.output}.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
