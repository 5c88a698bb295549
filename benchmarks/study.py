"""Where the defaults come from: alternatives to them, with equal time for each.

    python benchmarks/study.py --data FOLDER

On every table the default fit sets the time (its processor seconds). Every alternative gets as many
passes as fit into it, by the seconds of its first passes, and is judged by the mean log density of
the validation split; test splits are not read. `settings` are parameters of the estimator.
`schedules` run their own loop over the package's collect and update; softened data are zeros and
ones moved by so much towards each other, for training alone. All are trees alone, without
Gaussians or latent mixtures. Of --only alternatives are run whose names hold one
of the words.
"""

import argparse
import os
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from machine import header

from skpc import EinetDensityEstimator
from skpc._fitting import LEARNED_EXPONENTS, cells_of
from skpc._tables import read_table
from skpc.circuit import training
from skpc.circuit.passes import Cells
from skpc.circuit.training import EM, EMState, Rows

RESULTS = Path(__file__).parent / "results"
SETS = ("nltcs", "plants", "accidents", "dna", "abalone", "german", "australian")
BINARY = ("nltcs", "plants", "baudio", "accidents", "dna", "bbc")
ALONE = {"components": "trees", "random_state": 0}
RANDOM = {"structure": "random_trees", "n_replicas": 10}
SETTINGS = {
    "24 learned trees, K = 12": {"n_replicas": 24},
    "8 learned trees, K = 20": {"n_replicas": 8, "n_sums": 20},
    "48 learned trees, K = 6": {"n_replicas": 48, "n_sums": 6},
    "1 learned tree, K = 64": {"n_replicas": 1, "n_sums": 64},
    "10 random trees, K = 20, depth 3": {**RANDOM, "depth": 3, "n_sums": 20},
    "10 random trees, K = 20, to the columns": {**RANDOM, "n_sums": 20},
    "10 random trees, K = 10, depth 3, Tucker": {
        **RANDOM, "depth": 3, "n_sums": 10, "layer": "tucker"
    },
    "full batches": {"batch_size": None},
    "Adam": {"solver": "adam"},
    "Adam, held-out rows cut its step": {
        "solver": "adam", "early_stopping": True, "n_iter_no_change": 10
    },
}  # fmt: skip
SCHEDULES = ("falling step", "full-batch finish", "growing batches", "momentum", "no ensemble")
SOFTENED = {f"softened data, {by:g}": by for by in (0.003, 0.01)}
MOST_PASSES = 400


def load(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray, dict]:
    """Training rows, validation rows without missing cells, settings of the columns."""
    with np.load(folder / ("debd" if name in BINARY else "mixed") / f"{name}.npz") as file:
        train, valid = file["train"], file["valid"].astype(float)
        columns = {"categorical_features": file["categorical"]} if "categorical" in file else {}
    return train, valid[~np.isnan(valid).any(axis=1)], columns


def seconds_of(work) -> tuple[object, float]:
    """A result and its processor seconds."""
    start = time.process_time()
    return work(), time.process_time() - start


def fit_for(train: np.ndarray, settings: dict, seconds: float) -> EinetDensityEstimator:
    """A fit of as many passes as the seconds allow."""
    one, three = (
        seconds_of(lambda n=n: EinetDensityEstimator(**settings, **ALONE, max_iter=n).fit(train))[1]
        for n in (1, 3)
    )
    each = max((three - one) / 2, 1e-3)
    passes = int(np.clip((seconds - one) / each + 1, 1, MOST_PASSES))
    return EinetDensityEstimator(**settings, **ALONE, max_iter=passes).fit(train)


def scheduled(
    train: np.ndarray, columns: dict, schedule: str, passes: int
) -> EinetDensityEstimator:
    """A fit of the default circuit by another schedule of steps and batches."""
    model = EinetDensityEstimator(**columns, **ALONE, smoothing=0.1, max_iter=1).fit(train)
    density = model._fitted_density
    plan = density.plan
    circuit = plan.circuit(torch.device("cpu"))
    encoded = plan.table.encode(read_table(train))
    rows = Rows(cells_of(encoded), torch.ones(len(train), dtype=torch.float64))
    sums = rows.column_sums(circuit)
    prior = training.make_prior(circuit, sums, 0.1)
    generator = torch.Generator().manual_seed(0)
    state = EM().begin(circuit, training.random_parameters(circuit, sums, generator))
    if by := SOFTENED.get(schedule):
        rows = replace(rows, cells=Cells(by + (1 - 2 * by) * rows.cells.values))
    state = passes_of(circuit, state, rows, prior, schedule, passes, generator)
    trees = replace(density.trees, arrays=EM().to_arrays(state))
    model._fitted_density = replace(density, trees=trees)
    return model


def passes_of(circuit, state, rows, prior, schedule, passes, generator):
    """The passes of a schedule."""
    n, before = len(rows), None
    for iteration in range(passes):
        done = iteration / max(passes - 1, 1)
        size = max(64, min(512, n // 128))
        if schedule == "growing batches":
            size = int(size * (n / size) ** done)
        if schedule == "full-batch finish" and iteration == passes - 1:
            size = n
        first, last = (1.0, 1.0) if schedule == "no ensemble" else LEARNED_EXPONENTS
        exponent = first + (last - first) * done
        batches = torch.randperm(n, generator=generator).tensor_split(-(-n // size))
        for i, batch in enumerate(batches):
            statistics = rows.collect(circuit, state.parameters, batch, torch.float32, exponent)
            rate = 0.5 * (1 - (iteration + i / len(batches)) / passes)
            if schedule == "growing batches":
                rate = 0.5
            if len(batches) == 1:
                rate = 1.0
            mean = statistics.per_row(rows.total * len(batch) / n)
            new = EM().update(circuit, state, mean, prior, rate, rows.evidence)
            if schedule == "momentum" and before is not None:
                new = pushed(circuit, new, before, prior, rows.evidence)
            before, state = state if state.leaves is not None else None, new
    return state


def pushed(circuit, new, before, prior, evidence, momentum=0.5):
    """Running counts of sums moved on by a share of their last move, never below half."""
    sums = tuple(
        torch.maximum(s + momentum * (s - old), 0.5 * s)
        for s, old in zip(new.sums, before.sums, strict=True)
    )
    state = EMState(new.parameters, new.leaves, sums)
    return EM().under_prior(circuit, state, prior, evidence)


def main() -> None:
    """Measure every alternative on every table, write Markdown as it grows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("SKPC_DATA"))
    parser.add_argument("--sets", nargs="+", default=SETS, choices=sorted({*SETS, *BINARY}))
    parser.add_argument("--only", nargs="+", default=[""], help="words in names of alternatives")
    parser.add_argument("--output", default="study", help="name of the results file")
    options = parser.parse_args()

    def wanted(labels: Iterable[str]) -> list[str]:
        """Those that shall run."""
        return [label for label in labels if any(word in label for word in options.only)]

    torch.set_num_threads(1)
    found: dict[str, list[str]] = {"defaults": []}
    seconds_row = []
    for name in options.sets:
        train, valid, columns = load(Path(options.data), name)
        default, seconds = seconds_of(
            lambda a=train, c=columns: EinetDensityEstimator(**c, **ALONE).fit(a)
        )
        found["defaults"].append(f"{default.score(valid):.3f} ({default.n_iter_})")
        seconds_row.append(f"{seconds:.0f}")
        for label in wanted(SETTINGS):
            model = fit_for(train, {**columns, **SETTINGS[label]}, seconds)
            found.setdefault(label, []).append(f"{model.score(valid):.3f} ({model.n_iter_})")
        for schedule in wanted([*SCHEDULES, *SOFTENED]):
            cells = found.setdefault(f"schedule: {schedule}", [])
            binary = name in BINARY or schedule not in SOFTENED
            if len(train) <= 1000 or not binary:  # the default is full batches of few rows
                cells.append("")
                continue
            model = scheduled(train, columns, schedule, default.n_iter_)
            cells.append(f"{model.score(valid):.3f}")
        write(options, seconds_row, found)
        print(name, {label: cells[-1] for label, cells in found.items()}, flush=True)


def write(options, seconds_row: list[str], found: dict[str, list[str]]) -> None:
    """The table so far."""
    sets = options.sets
    text = f"# Alternatives to the defaults, equal time\n\n{header(1)}\n\n"
    text += f"{__doc__.split('FOLDER', 1)[1].strip()}\n\nIn brackets: passes.\n\n"
    text += f"| | {' | '.join(sets)} |\n| --- |{' ---: |' * len(sets)}\n"
    text += f"| seconds | {' | '.join(seconds_row)} |\n"
    for label, cells in found.items():
        text += f"| {label} | {' | '.join(cells)} |\n"
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{options.output}.md").write_text(text)


if __name__ == "__main__":
    main()
