"""Importing skpc is quick and changes nothing for others."""

import json
import os
import platform
import subprocess
import sys
from statistics import median

import pytest

STATE = """
import json, sys
import numpy as np, torch, sklearn, warnings
def state():
    return [
        str(torch.get_default_dtype()), torch.get_num_threads(), torch.is_grad_enabled(),
        torch.get_rng_state().tolist()[:64], torch.initial_seed(),
        torch.backends.cudnn.benchmark, torch.get_float32_matmul_precision(),
        torch.are_deterministic_algorithms_enabled(),
        bool(torch.distributions.Distribution._validate_args),
        np.geterr(), np.random.get_state()[1].tolist()[:64], np.get_printoptions()["precision"],
        len(warnings.filters), sklearn.get_config(), sys.getrecursionlimit(),
    ]
torch.manual_seed(3); np.random.seed(3)
before = json.dumps(state(), default=str)
import skpc
after = json.dumps(state(), default=str)
model = skpc.EinetDensityEstimator(n_sums=2, max_iter=2, random_state=0)
model.fit(np.random.RandomState(0).normal(size=(20, 3))).sample(3, random_state=0)
print(json.dumps([before, after, json.dumps(state(), default=str)]))
"""

# Whether glibc maps a block of 20 MiB by itself, as it does where nothing has raised its threshold.
MAPPED = """
import ctypes, sys
import numpy as np, torch
import skpc
libc = ctypes.CDLL(None)
class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in "abchijklmn"]
libc.mallinfo2.restype = Info
if "keep" in sys.argv:
    skpc.keep_freed_memory()
X = np.random.RandomState(0).normal(size=(20, 3))
model = skpc.EinetDensityEstimator(n_sums=2, max_iter=2, random_state=0).fit(X)
model.score_samples(X), model.sample(3, random_state=0)
before = libc.mallinfo2().h
block = torch.empty(20 * 2**20, dtype=torch.uint8)
print(libc.mallinfo2().h - before)
"""

OPTIONAL = """
import sys, torch, sklearn.base
try:
    import sklearn.callback  # Loads rich where it is installed, as sklearn itself loads pandas.
except ImportError:
    pass
extras = {"pandas", "polars", "matplotlib", "rich", "dask", "skops"} - set(sys.modules)
import skpc
print(sorted(extras & set(sys.modules)))
"""

CLOCK = "import time; t = time.perf_counter(); import {}; print(time.perf_counter() - t)"


def run(code, *arguments):
    # The tests' own settings must not reach the child.
    own = ("SCIPY_ARRAY_API", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_")
    environment = {k: v for k, v in os.environ.items() if k not in own}
    command = [sys.executable, "-c", code, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return result.stdout


def test_neither_import_nor_fit_changes_global_state():
    before, after, later = json.loads(run(STATE))
    assert after == before
    assert later == before


@pytest.mark.parametrize(("arguments", "n_mapped"), [([], 1), (["keep"], 0)], ids=str)
def test_only_the_switch_changes_how_the_c_library_keeps_memory(arguments, n_mapped):
    name, version = platform.libc_ver()
    if name == "glibc" and tuple(map(int, version.split("."))) >= (2, 33):
        assert int(run(MAPPED, *arguments)) == n_mapped
    else:
        # Other libraries take no notice of the switch, which may be turned all the same.
        assert run("import skpc; print(skpc.keep_freed_memory())").strip() == "None"


def test_extras_are_not_imported():
    assert run(OPTIONAL).strip() == "[]"


def test_import_takes_hardly_longer_than_that_of_its_dependencies():
    ours, theirs = [], []
    for _ in range(3):
        theirs.append(float(run(CLOCK.format("torch, sklearn"))))
        ours.append(float(run(CLOCK.format("skpc"))))
    # The quickest runs say what it costs; the others what else the machine did.
    assert min(ours) < 1.5 * min(theirs) or median(ours) < 1.5 * median(theirs)
