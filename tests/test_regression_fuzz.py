"""The regression on tables of any kind: an error that names the column, or right answers.

`pytest tests/test_regression_fuzz.py --fuzz 20000` draws as many new tables.
"""

import copy
import pickle
import shutil
import subprocess
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from helpers.direct_evidence import log_evidence
from helpers.kept import from_file
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skpc import DirectBayesianRegressor
from skpc.direct import PackedEnsemble

CI_TABLES, CI_PROGRAMS = 120, 6
GOOD = ("normal", "integers", "zeros and ones", "constant", "zeros", "far", "large", "small")
BAD = ("dates", "durations", "digits", "text", "NaN", "infinity", "huge", "tiny", "categories")
PROGRAM = """\
#include <stdio.h>
#include "model.h"

int main(void)
{
    static double row[model_N_FEATURES];
    static int8_t inputs[model_N_FEATURES];
    while (fread(row, sizeof row, 1, stdin) == 1) {
        double out[2];
        model_quantise(row, inputs);
        out[0] = model_predict(inputs);
        out[1] = model_spread(inputs);
        fwrite(out, sizeof out, 1, stdout);
    }
    return 0;
}
"""


def column(kind, n, random):
    """Cells of one column (n,)."""
    z = random.standard_normal(n)
    day = np.timedelta64(1, "D").astype("timedelta64[ns]")
    return {
        "normal": lambda: z,
        "integers": lambda: random.randint(-5, 6, n),
        "zeros and ones": lambda: random.randint(0, 2, n).astype(bool),
        "constant": lambda: np.full(n, 0.1),
        "zeros": lambda: np.zeros(n),
        "far": lambda: 1e9 + 1e-6 * z,
        "large": lambda: 1e90 * z,
        "small": lambda: 1e-90 * z,
        "dates": lambda: np.datetime64("2020-01-01", "ns") + day * np.arange(n),
        "durations": lambda: day * np.arange(n),
        "digits": lambda: np.array([str(i) for i in range(n)], dtype=object),
        "text": lambda: np.array(["tall"] * n, dtype=object),
        "NaN": lambda: np.where(np.arange(n) == n - 1, np.nan, z),
        "infinity": lambda: np.where(np.arange(n) == 0, np.inf, z),
        "huge": lambda: 1e200 * (1 + z**2),
        "tiny": lambda: 1e-200 * (1 + z**2),
        "categories": lambda: pd.Categorical(random.randint(0, 3, n)),
    }[kind]()


def polars_column(cells, kind):
    """Cells as polars holds them."""
    if kind == "categories":
        return pl.Series(cells.astype(str).tolist(), dtype=pl.Categorical)
    return pl.Series(cells)


@dataclass
class Drawn:
    """A table as a user might pass it."""

    X: Any
    y: Any
    weights: Any
    options: dict
    kinds: tuple
    bad_target: bool

    @property
    def bad(self) -> list[int]:
        return [j for j, kind in enumerate(self.kinds) if kind in BAD]


def made(kinds, n, seed, noise, offset, target, weighting, container, options) -> Drawn:
    random = np.random.RandomState(seed)
    cells = [column(kind, n, random) for kind in kinds]
    numbers = [
        np.asarray(c, dtype=float) if kind in GOOD else random.standard_normal(n)
        for c, kind in zip(cells, kinds, strict=True)
    ]
    z = np.stack([(v - v.mean()) / (v.std() or 1.0) for v in numbers], axis=1)
    y: Any = offset + z @ random.randint(-2, 3, len(kinds)) + noise * random.standard_normal(n)
    if target != "numbers":
        y = column(target, n, random)
    weights = {
        "none": lambda: None,
        "ones": lambda: np.ones(n),
        "counts": lambda: np.maximum(random.randint(0, 4, n), np.arange(n) == 0),
        "shares": lambda: random.uniform(0.5, 1.0, n) / n,
        "tiny": lambda: random.uniform(0.5, 1.0, n) * 1e-30,
    }[weighting]()
    names = [f"c{j}" for j in range(len(kinds))]
    table: Any
    if container == "array":
        plain = [np.asarray(c) for c in cells]
        table = np.stack(plain, axis=1) if len({c.dtype for c in plain}) == 1 else None
        if table is None:
            table = np.empty((n, len(kinds)), dtype=object)
            for j, values in enumerate(cells):
                table[:, j] = list(values)
    elif container == "pandas":
        table = pd.DataFrame(dict(zip(names, cells, strict=True)))
    else:
        named = zip(names, cells, kinds, strict=True)
        table = pl.DataFrame({name: polars_column(c, kind) for name, c, kind in named})
    # Categories of an array are the numbers that they name.
    if container == "array":
        kinds = tuple("integers" if kind == "categories" else kind for kind in kinds)
    return Drawn(table, y, weights, options, tuple(kinds), target in BAD)


def tables(good_only=False):
    kinds = st.sampled_from(GOOD) if good_only else st.sampled_from(GOOD * 4 + BAD)
    target = st.sampled_from(("numbers",) * 8 + (() if good_only else ("dates", "digits", "huge")))
    options = st.fixed_dictionaries(
        {
            "n_bits": st.integers(2, 3),
            "prior": st.sampled_from(["uniform", "normal", "spike"]),
            "fit_intercept": st.booleans(),
            "posterior": st.sampled_from(["mean_field", "mean_field", "mixture"]),
            "weight_scale": st.sampled_from(["auto", "auto", "ridge", "elbo", 1.0]),
        }
    )
    return st.builds(
        made,
        kinds=st.lists(kinds, min_size=1, max_size=3),
        n=st.sampled_from([1, 2, 3, 10, 40]),
        seed=st.integers(0, 10_000),
        noise=st.sampled_from([0.0, 1e-9, 1e-5, 1e-2, 1.0]),
        offset=st.sampled_from([0.0, 5.0, -1e9]),
        target=target,
        weighting=st.sampled_from(["none", "ones", "counts", "shares", "tiny"]),
        container=st.sampled_from(["array", "pandas", "polars"]),
        options=options,
    )


def check_drawn(request, in_ci, strategy, check):
    """Run a check on as many tables as were asked for."""
    n = request.config.getoption("--fuzz")
    given(strategy)(
        settings(
            max_examples=n or in_ci,
            derandomize=not n,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )(check)
    )()


def fresh(drawn):
    return DirectBayesianRegressor(max_iter=100, random_state=0, **drawn.options)


def unchanged(before, after):
    if isinstance(before, pd.DataFrame):
        return before.equals(after)
    if isinstance(before, pl.DataFrame):
        return before.equals(after, null_equal=True)
    return before is after or all(
        a is b or a == b or (a != a and b != b)
        for a, b in zip(np.ravel(before).tolist(), np.ravel(after).tolist(), strict=True)
    )


def assert_refused_by_name(drawn):
    named = [f"column {j}" if isinstance(drawn.X, np.ndarray) else f"'c{j}'" for j in drawn.bad]
    named += ["target y", "Input y"] if drawn.bad_target else []
    with pytest.raises((ValueError, TypeError)) as caught:
        fresh(drawn).fit(drawn.X, drawn.y, drawn.weights)
    message = str(caught.value)
    assert any(name.lower() in message.lower() for name in named), (named, message)


def assert_right(drawn):
    x = drawn.X if isinstance(drawn.X, np.ndarray) else drawn.X.to_numpy()
    x = x.astype(float)
    model = fresh(drawn).fit(drawn.X, drawn.y, drawn.weights)
    mean, std = model.predict(drawn.X, return_std=True)
    assert np.isfinite(mean).all()
    assert np.isfinite(std).all()
    assert np.isfinite(model.log_predictive_density(drawn.X, drawn.y)).all()
    evidence = log_evidence(model, x, drawn.y, drawn.weights)
    # Rounding of the sum of terms of that size.
    assert model.elbo_ <= evidence + 1e-7 + 1e-11 * abs(evidence)
    again = fresh(drawn).fit(drawn.X, drawn.y, drawn.weights)
    assert (again.predict(drawn.X) == mean).all()
    for other in (pickle.loads(pickle.dumps(model)), from_file(model)):
        assert (other.predict(drawn.X) == mean).all()
    return model, x


def test_tables_are_refused_by_name_or_answered_rightly(request):
    def check(drawn):
        before = copy.deepcopy((drawn.X, drawn.y, drawn.weights))
        if drawn.bad or drawn.bad_target:
            assert_refused_by_name(drawn)
        else:
            assert_right(drawn)
        for one, other in zip(before, (drawn.X, drawn.y, drawn.weights), strict=True):
            assert unchanged(one, other)

    check_drawn(request, CI_TABLES, tables(), check)


def test_packed_ensembles_are_stored_and_compiled_whole(request, tmp_path):
    compiler = shutil.which("cc") or shutil.which("gcc")

    def check(drawn):
        model, x = assert_right(drawn)
        try:
            packed = model.pack(3, random_state=0)
        except ValueError as error:
            assert "weight_scale_" in str(error)  # noqa: PT017
            return
        packed.save(tmp_path / "model.npz")
        loaded = PackedEnsemble.load(tmp_path / "model.npz")
        expected = np.stack(packed.predict_quantised(packed.quantise(x), return_std=True), axis=1)
        assert (loaded.predict(x) == packed.predict(x)).all()
        assert np.isfinite(expected).all()
        loaded.to_c(tmp_path / "model.h", prefix="model")
        if compiler:
            (tmp_path / "main.c").write_text(PROGRAM)
            program = tmp_path / "main"
            command = [compiler, "-std=c99", "-O1", "-ffp-contract=off", "main.c", "-lm"]
            subprocess.run([*command, "-o", str(program)], cwd=tmp_path, check=True)
            out = subprocess.run([str(program)], input=x.tobytes(), capture_output=True, check=True)
            assert (np.frombuffer(out.stdout).reshape(-1, 2) == expected).all()

    check_drawn(request, CI_PROGRAMS, tables(good_only=True), check)
