"""The same seed gives the same bits in other processes, whatever Python's hashes are."""

import os
import subprocess
import sys

FITS = """
import hashlib
import numpy as np
import pandas as pd
from skpc import DirectBayesianRegressor, EinetDensityEstimator
random = np.random.RandomState(0)
frame = pd.DataFrame(random.normal(size=(120, 3)), columns=["a", "b", "c"])
frame["word"] = random.choice(["one", "two", "three", "four"], 120)
frame["more"] = pd.Categorical(random.choice(["x", "y"], 120))
frame.loc[::9, "word"] = None
hashes = hashlib.sha256()
leaf = {"a": "gaussian", "word": "categorical"}
density = EinetDensityEstimator(leaf=leaf, n_sums=3, n_replicas=3, max_iter=5, random_state=0)
density.fit(frame)
hashes.update(density.score_samples(frame).tobytes())
hashes.update(repr(density.sample(20, random_state=0).to_dict()).encode())
hashes.update(density.impute(frame).to_csv().encode())
y = frame["a"] - frame["b"] + 0.1 * random.normal(size=120)
regression = DirectBayesianRegressor(posterior="mixture", n_mixtures=2, random_state=0)
hashes.update(regression.fit(frame[["a", "b", "c"]], y).coef_.tobytes())
print(hashes.hexdigest())
"""


def test_processes_and_hash_seeds_give_the_same_bits():
    found = set()
    for seed in ("0", "4242"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONWARNINGS": "ignore"}
        command = [sys.executable, "-c", FITS]
        result = subprocess.run(
            command, capture_output=True, text=True, check=True, env=environment
        )
        found.add(result.stdout)
    assert len(found) == 1, found
