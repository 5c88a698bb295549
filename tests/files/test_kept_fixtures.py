"""Files of the first version stay readable: scores are those that were recorded with them.

The files and the values beside them were written by `python tests/files/test_kept_fixtures.py` and
stay as they are. A later version of the trees gets files of its own.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.kept import NAMES, fitted, rows_of
from numpy.testing import assert_allclose

import skpc

FOLDER = Path(__file__).parent / "fixtures"
VALUES = FOLDER / "version_1.json"
STORED = ["numbers", "frame", "holes", "one-hot", "kernels of atoms", "adam", "imputer",
          "detector", "classifier", "regressor", "two classes", "three classes",
          "regression", "several targets", "mixture", "map"]  # fmt: skip


def file_of(name):
    return FOLDER / f"version_1_{name.replace(' ', '_')}.skpc"


def scores(model, X):
    """Numbers (n,) by which an estimator is known."""
    if hasattr(model, "score_samples"):
        return np.asarray(model.score_samples(X))
    if hasattr(model, "predict_proba"):
        return model.predict_proba(X).ravel()
    if hasattr(model, "predict"):
        return np.concatenate(model.predict(X, return_std=True)).ravel()
    filled = model.transform(X)
    return filled[["size", "count"]].to_numpy(dtype=float).ravel()


@pytest.mark.parametrize("name", STORED)
def test_files_of_version_1_are_read(name):
    model = skpc.load(file_of(name))
    found = scores(model, rows_of(name))
    # Recorded on one machine: others round the last digits in another way.
    assert_allclose(found, json.loads(VALUES.read_text())[name], rtol=1e-6, atol=1e-9)


def test_all_kinds_of_estimators_are_stored():
    assert set(STORED) <= set(NAMES)
    kinds = {type(skpc.load(file_of(name))).__name__ for name in STORED}
    assert kinds == {name for name in skpc.__all__ if name.startswith(("Einet", "Direct"))}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    recorded = json.loads(VALUES.read_text()) if sys.argv[1:] else {}
    for each in sys.argv[1:] or STORED:
        fitted(each)[0].save(file_of(each))
        recorded[each] = scores(skpc.load(file_of(each)), rows_of(each)).tolist()
    VALUES.write_text(json.dumps(recorded))
