"""Models in processes of their own that take turns, for peers.py and runtime_figure.py."""

import argparse
import json
import os
import platform
import select
import subprocess
import sys
from pathlib import Path
from statistics import median

# Name of a model: its class in peers_models.py or peers_keras.py, its library and its layer.
MODELS = {
    "skpc-cp": ("Skpc", "skpc", "cp"),
    "skpc-tucker": ("Skpc", "skpc", "tucker"),
    "einsum-networks": ("EinsumNetworks", "EinsumNetworks", "tucker"),
    "cirkit-cp": ("Cirkit", "cirkit", "cp"),
    "cirkit-tucker": ("Cirkit", "cirkit", "tucker"),
    "simple-einet-cp": ("SimpleEinet", "simple-einet, linsum", "cp"),
    "simple-einet-tucker": ("SimpleEinet", "simple-einet, einsum", "tucker"),
    "spflow-cp": ("SPFlow", "SPFlow Einet, linsum", "cp"),
    "spflow-tucker": ("SPFlow", "SPFlow Einet, einsum", "tucker"),
    "spflow-rat": ("SPFlowRat", "SPFlow RatSPN", "tucker"),
    "spflow-em": ("SPFlowEM", "SPFlow Einet, einsum", "tucker"),
    "libspn-keras": ("LibspnKeras", "libspn-keras", "tucker"),
}
N_SAMPLES = 1000


class Worker:
    """A process that holds one model."""

    def __init__(self, python: str, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [python, str(Path(__file__).resolve().with_name("peers_worker.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **environment},
        )

    def ask(self, command: str, patience: float, **settings) -> dict:
        """The answer; if it fails or takes more than `patience` seconds, one with "error"."""
        message = json.dumps({"command": command, **settings}) + "\n"
        self.process.stdin.write(message.encode())
        self.process.stdin.flush()
        ready, _, _ = select.select([self.process.stdout], [], [], patience)
        line = self.process.stdout.readline() if ready else b""
        if line:
            return json.loads(line)
        self.close()
        if not ready:
            return {"error": f"more than {patience:g} s"}
        return {"error": f"the process ended (exit status {self.process.returncode})"}

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


def add_options(parser: argparse.ArgumentParser, models: tuple, output: str) -> None:
    """Options of both commands."""
    parser.add_argument("--models", nargs="+", default=models, choices=MODELS)
    parser.add_argument("--batch-size", type=int, default=100)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--mmap-threshold", type=int, help="bytes; default: the allocator's own")
    parser.add_argument("--patience", type=float, default=600, help="seconds a step may take")
    parser.add_argument("--once", type=float, default=60, help="seconds past which none repeats")
    parser.add_argument("--einsum-networks", metavar="CHECKOUT", help="of EinsumNetworks")
    parser.add_argument("--simple-einet", metavar="CHECKOUT", help="default: the installed one")
    parser.add_argument("--libspn-keras", metavar="PYTHON", help="of an environment that has it")
    parser.add_argument("--output", default=output, help="name of the results files")


def allocator(options: argparse.Namespace) -> str:
    """Markdown line on the allocator of the workers."""
    size = options.mmap_threshold
    return f"- allocator: {' '.join(platform.libc_ver())}, " + (
        f"MALLOC_MMAP_THRESHOLD_={size}, MALLOC_TRIM_THRESHOLD_={2 * size}" if size else "as it is"
    )


def environment(options: argparse.Namespace) -> dict[str, str]:
    """Variables of the workers: threads and allocator."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
    found = {**dict.fromkeys(names, str(options.threads)), "TF_NUM_INTEROP_THREADS": "1"}
    if options.mmap_threshold:
        # A fixed threshold leaves the one of trimming low, where each large free gives pages
        # back; the allocator itself sets it to twice the other when it raises that.
        found["MALLOC_MMAP_THRESHOLD_"] = str(options.mmap_threshold)
        found["MALLOC_TRIM_THRESHOLD_"] = str(2 * options.mmap_threshold)
    return {**found, "TF_CPP_MIN_LOG_LEVEL": "2"}


class Turn:
    """A model's worker and what is known of it so far."""

    def __init__(self, name: str, job: dict, data: dict, options: argparse.Namespace) -> None:
        kind, library, layer = MODELS[name]
        self.row = {"model": name, "library": library, "layer": layer, "errors": []}
        self.failed: set[str] = set()
        self.patience = options.patience
        self.once = options.once
        needed = {"EinsumNetworks": "einsum_networks", "LibspnKeras": "libspn_keras"}.get(kind)
        if needed and not getattr(options, needed):
            self.failed.add("start")
            self.row["errors"].append(f"start: --{needed.replace('_', '-')} is not given")
        keras = needed == "libspn_keras"
        python = options.libspn_keras if keras else None
        self.worker = Worker(python or sys.executable, environment(options))
        paths = {"EinsumNetworks": options.einsum_networks, "SimpleEinet": options.simple_einet}
        self.ask(
            "start",
            model=["peers_keras" if keras else "peers_models", kind],
            job={**job, "layer": layer, "path": paths.get(kind)},
            data=data,
            threads=options.threads,
        )

    def ask(self, command: str, **settings) -> None:
        """Add the answer's fields to lists of the row; what failed or is slow is not repeated."""
        slow = max(self.row.get(f"{command}_seconds", [0.0])) > self.once
        if slow or self.failed & {"start", "epoch", command}:
            return
        answer = self.worker.ask(command, self.patience, **settings)
        if "error" in answer:
            self.failed.add("start" if self.worker.process.returncode is not None else command)
            self.row["errors"].append(f"{command}: {answer['error']}")
        elif command == "start":
            self.row.update(answer)
        else:
            for field, value in answer.items():
                self.row.setdefault(f"{command}_{field}", []).append(value)


def measure(job: dict, data: dict, options: argparse.Namespace, sample: bool = True) -> list[dict]:
    """Rows of results: epochs in turns first, then scoring passes, then samples."""
    turns = [Turn(name, job, data, options) for name in options.models]
    for _ in range(options.repetitions):
        for turn in turns:
            turn.ask("epoch")
    for _ in range(options.repetitions):
        for turn in turns:
            turn.ask("score")
    for _ in range(options.repetitions if sample else 0):
        for turn in turns:
            turn.ask("sample", n=N_SAMPLES, limit=options.once)
    for turn in turns:
        turn.worker.close()
    return [{**turn.row, **medians(turn.row)} for turn in turns]


def medians(row: dict) -> dict:
    """Medians of the repetitions; memory is the most, likelihoods are the last ones."""
    seconds = ("epoch_seconds", "score_seconds", "sample_seconds")
    found = {name.split("_")[0]: median(row[name]) for name in seconds if name in row}
    if "epoch_memory" in row:
        found["memory"] = max(row["epoch_memory"])
    scores = {name: row.get(f"score_{name}", [None])[-1] for name in ("train", "test")}
    return {**found, **scores}
