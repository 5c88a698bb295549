"""One circuit in a process of its own, which works only when peers_rounds.py tells it to.

Commands and answers are lines of JSON, so that a worker may run in another environment than the
one that compares.

Axes: n rows, d columns.
"""

import contextlib
import gc
import importlib
import json
import os
import sys
import time
from pathlib import Path

import numpy as np


def read(data: dict) -> tuple[np.ndarray, np.ndarray]:
    """Training and test rows, float32: of a file, or simulated standard normals."""
    if "file" in data:
        with np.load(data["file"]) as file:
            return tuple(file[split].astype(np.float32) for split in ("train", "test"))
    random = np.random.RandomState(0)
    train, test = (random.randn(n, data["columns"]) for n in (data["rows"], 200))
    return train.astype(np.float32), test.astype(np.float32)


def resident(field: str) -> float:
    """MB of this process now ("VmRSS") or at most so far ("VmHWM")."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


class Work:
    """What a worker has, and its answers to the commands."""

    def start(self, model: list[str], job: dict, data: dict, threads: int) -> dict:
        """Build and warm up; memory is counted from the moment before."""
        module, name = model
        kind = getattr(importlib.import_module(module), name)
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(threads)
        self.train, self.test = read(data)
        # A small model first, so that memory and seconds are not those of loading libraries.
        rows = self.train[:200, :12].copy()
        small = kind({**job, "depth": 2, "replicas": 2, "n_sums": 2}, rows)
        small.warm_up()
        small.log_densities(rows)
        del small
        gc.collect()
        # The highest memory so far is forgotten, where that is allowed.
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
        self.before = resident("VmRSS")
        start = time.perf_counter()
        self.model = kind(job, self.train)
        built = time.perf_counter()
        self.model.warm_up()
        return {
            "version": self.model.version,
            "trained_by": self.model.trained_by,
            "n_parameters": int(self.model.n_parameters),
            "rows": len(self.train),
            "columns": self.train.shape[1],
            "build": built - start,
            "warm_up": time.perf_counter() - built,
        }

    def epoch(self) -> dict:
        """Seconds as the model counts them, if it does, and of the call."""
        start = time.perf_counter()
        counted = self.model.epoch()
        taken = time.perf_counter() - start
        memory = resident("VmHWM") - self.before
        return {"seconds": taken if counted is None else counted, "call": taken, "memory": memory}

    def score(self) -> dict:
        """One pass over the training rows, without gradients; then what the test rows get."""
        start = time.perf_counter()
        train = self.model.log_densities(self.train)
        taken = time.perf_counter() - start
        test = self.model.log_densities(self.test)
        means = [float(np.mean(part, dtype=np.float64)) for part in (train, test)]
        if not np.isfinite(means).all():
            return {"error": f"log-likelihood {means[0]} after training"}
        return {"seconds": taken, "train": means[0], "test": means[1]}

    def sample(self, n: int, limit: float) -> dict:
        """Seconds for n rows; where they go past the limit, from the rows drawn until then."""
        self.model.sample(1)
        part = min(n, getattr(self.model, "draws_at_once", n))
        drawn, taken = 0, 0.0
        while drawn < n and taken < limit:
            now = min(part, n - drawn)
            start = time.perf_counter()
            self.model.sample(now)
            taken += time.perf_counter() - start
            drawn += now
        return {"seconds": taken * n / drawn, "drawn": drawn}


def main() -> None:
    """Answer commands until there are no more."""
    # Answers have the output to themselves: what libraries print goes to the errors.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    work = Work()
    for line in sys.stdin:
        message = json.loads(line)
        try:
            answer = getattr(work, message.pop("command"))(**message)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0][:200]}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
