"""Feature maps in C: features equal those of scikit-learn up to the rounding of doubles."""

import os
import shutil
import subprocess

import numpy as np
import pytest
from sklearn.kernel_approximation import Nystroem, RBFSampler, SkewedChi2Sampler
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer, StandardScaler

from skpc import DirectBayesianRegressor

needs_compilers = pytest.mark.skipif(
    shutil.which("gcc") is None and not os.environ.get("CI"), reason="needs gcc"
)
FLAGS = ["-Wall", "-Wextra", "-Wconversion", "-Werror"]
LANGUAGES = {"c": ["gcc", "-std=c99"], "cpp": ["g++", "-std=c++11", "-ffp-contract=off"]}
PROGRAM = """\
#include <stdio.h>
#include "pump.h"

int main(void)
{
    static double row[N_COLUMNS], features[pump_N_FEATURES];
    static int8_t inputs[pump_N_FEATURES];
    while (fread(row, sizeof row, 1, stdin) == 1) {
        double out[2];
        pump_map(row, features);
        pump_read(row, inputs);
        out[0] = pump_predict(inputs);
        out[1] = pump_spread(inputs);
        fwrite(features, sizeof features, 1, stdout);
        fwrite(inputs, sizeof inputs, 1, stdout);
        fwrite(out, sizeof out, 1, stdout);
    }
    return 0;
}
"""
MAPS = {
    "scaler": StandardScaler(),
    "scaler without mean": StandardScaler(with_mean=False),
    "scaler without scale": make_pipeline(StandardScaler(with_std=False), StandardScaler()),
    "splines": SplineTransformer(),
    "splines at quantiles": SplineTransformer(6, degree=2, knots="quantile", include_bias=False),
    "Fourier": make_pipeline(StandardScaler(), RBFSampler(n_components=30, random_state=0)),
    "nested": make_pipeline(
        make_pipeline("passthrough", StandardScaler()), SplineTransformer(), RBFSampler(
            gamma=0.3, n_components=20, random_state=1
        ),
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def rows():
    random = np.random.RandomState(0)
    x = random.standard_normal((300, 4)) * [1.0, 1e-3, 50.0, 1.0] + [0.0, 5.0, -300.0, 1.0]
    return x, np.sin(x[:, 0]) + x[:, 3] ** 2 + 0.1 * random.standard_normal(300)


@needs_compilers
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", MAPS)
def test_columns_are_read_as_python_reads_them(rows, tmp_path, name, language):
    x, y = rows
    model = DirectBayesianRegressor(feature_map=MAPS[name], random_state=0).fit(x, y)
    packed = model.pack(4, random_state=0)
    packed.to_c(tmp_path / "pump.h", prefix="pump", feature_map=model.feature_map_)
    source = tmp_path / f"main.{language}"
    source.write_text(PROGRAM.replace("N_COLUMNS]", "4]"))
    command = [*LANGUAGES[language], *FLAGS, str(source), "-o", str(tmp_path / "main"), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # New rows reach beyond those of training, where splines are constant.
    new = np.concatenate([x[:100], x[:50] + 3 * (x[50:100] - x[:50]), x[[np.argmax(x[:, 0])]]])
    done = subprocess.run([tmp_path / "main"], input=new.tobytes(), capture_output=True, check=True)
    n = packed.n_features
    record = np.dtype([("features", "f8", n), ("inputs", "i1", n), ("out", "f8", 2)])
    found = np.frombuffer(done.stdout, dtype=record)
    features = model.feature_map_.transform(new)
    assert np.allclose(found["features"], features, rtol=1e-13, atol=1e-13)
    # The same features to the bit have the same inputs; others may round to the next one.
    inputs = packed.quantise(found["features"])
    assert (found["inputs"] == inputs).all()
    assert np.mean(inputs != packed.quantise(features)) < 1e-3
    mean, std = packed.predict_quantised(inputs, return_std=True)
    assert (found["out"] == np.column_stack([mean, std])).all()


def test_the_header_says_what_the_map_costs(rows, tmp_path):
    x, y = rows
    model = DirectBayesianRegressor(feature_map=MAPS["Fourier"], random_state=0).fit(x, y)
    model.pack(1).to_c(tmp_path / "pump.h", feature_map=model.feature_map_)
    # Mean and scale of 4 columns; 4 x 30 weights, 30 phases and a factor.
    n_bytes = 8 * (2 * 4 + 4 * 30 + 30 + 1)
    text = (tmp_path / "pump.h").read_text()
    assert f"{n_bytes} bytes of constants, {8 * (4 + 30)} of stack; a row takes 4 divisions" in text
    assert "150 products and 30 cosines" in text


@pytest.mark.parametrize(
    ("feature_map", "message"),
    [
        (Nystroem(n_components=5, random_state=0), "for which there is no C"),
        (SplineTransformer(extrapolation="linear"), "for which there is no C"),
        (SkewedChi2Sampler(skewedness=1e4, n_components=5, random_state=0), "something else"),
    ],
)
def test_other_maps_are_refused_and_nothing_is_written(rows, tmp_path, feature_map, message):
    x, y = rows
    model = DirectBayesianRegressor(feature_map=feature_map, random_state=0).fit(x, y)
    with pytest.raises(ValueError, match=message):
        model.pack(1).to_c(tmp_path / "pump.h", feature_map=model.feature_map_)
    assert list(tmp_path.iterdir()) == []


def test_a_map_of_other_features_is_refused(rows, tmp_path):
    x, y = rows
    packed = DirectBayesianRegressor(random_state=0).fit(x[:, :3], y).pack(1)
    with pytest.raises(ValueError, match="feature_map gives 4 features; 3 are accepted"):
        packed.to_c(tmp_path / "pump.h", feature_map=StandardScaler().fit(x))
