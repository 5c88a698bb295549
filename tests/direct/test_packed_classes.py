"""Packed classifiers: integers near the float model, C to the last bit, files, refusals."""

import shutil
import subprocess

import numpy as np
import pytest
from helpers.class_problems import rows_of_classes
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer, StandardScaler

import skpc
from skpc import DirectBayesianClassifier
from skpc.direct import PackedClassifier
from skpc.direct.deploy import pack_classes
from skpc.direct.deploy.class_arithmetic import class_shares, powers, table_of_powers

from .test_c_header import CC, FLAGS, TRAPS, compile_c, needs_cc

CXX = shutil.which("c++")
PROGRAM = """\
#include <stdio.h>
#include "model.h"
#include "model.h"

int main(void)
{
    static double row[model_N_FEATURES];
    static int8_t inputs[model_N_FEATURES];
    static model_score_t scores[model_N_SCORES];
    static uint32_t shares[model_N_CLASSES];
    while (fread(row, sizeof row, 1, stdin) == 1) {
        int64_t out[1 + model_N_SCORES + model_N_CLASSES];
        int s;
        model_quantise(row, inputs);
        model_scores(inputs, scores);
        model_shares(inputs, shares);
        out[0] = (int64_t)model_predict(inputs);
        for (s = 0; s < model_N_SCORES; s++) {
            out[1 + s] = (int64_t)scores[s];
        }
        for (s = 0; s < model_N_CLASSES; s++) {
            out[1 + model_N_SCORES + s] = (int64_t)shares[s];
        }
        fwrite(out, sizeof out, 1, stdout);
    }
    return 0;
}
"""


def packed_of(n_scores=3, n_features=7, n_bits=4, powers_of_two=True, zeros=0.0, size=0.1, seed=0):
    """A packed classifier of random codes in uneven units."""
    random = np.random.RandomState(seed)
    largest = 2 ** (n_bits - 1) - 1
    codes = random.randint(-largest, largest + 1, (n_scores, n_features))
    codes *= random.uniform(size=codes.shape) >= zeros
    shifts = random.randint(0, 4, codes.shape) if powers_of_two else 0
    step = size * random.uniform(0.5, 2, (n_scores, 1)) * 2.0**shifts * np.ones(codes.shape)
    if n_scores == 1:
        step *= random.uniform(1, 2, n_features)
    return pack_classes(
        codes.astype(np.int8), n_bits, step, random.uniform(-50, 50, n_features),
        10.0 ** random.uniform(-3, 3, n_features), random.normal(0, 1, n_scores), 4.0,
    )  # fmt: skip


CASES = {
    "two classes": {"n_scores": 1},
    "two classes, one step": {"n_scores": 1, "powers_of_two": False},
    "three classes": {},
    "one step each": {"powers_of_two": False},
    "sparse": {"zeros": 0.7, "n_features": 40},
    "all zero": {"zeros": 1.0},
    "wide": {"n_bits": 8, "n_features": 300, "n_scores": 5},
    "2 bits": {"n_bits": 2},
    "3 bits": {"n_bits": 3, "n_scores": 10, "n_features": 64},
    "large steps": {"size": 30.0},
    "small steps": {"size": 1e-4},
}


def rows_with_extremes(packed, n_rows=1500):
    """Features (n, B), some beyond the range of inputs, and those that drive scores far."""
    random = np.random.RandomState(0)
    levels = random.normal(0, 60, (n_rows, packed.n_features))
    signs = np.where(packed.codes() < 0, -200.0, 200.0)
    return packed.offset + packed.scale * np.concatenate([levels, signs, -signs])


@needs_cc
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_c_equals_python_to_the_last_bit(tmp_path, case):
    packed = packed_of(**case)
    packed.to_c(tmp_path / "model.h", prefix="model")
    rows = rows_with_extremes(packed)
    inputs = packed.quantise(rows)
    for optimise in ("-O0", "-O2"):
        program = compile_c(tmp_path, PROGRAM, optimise, *(TRAPS if optimise == "-O0" else []))
        done = subprocess.run([program], input=rows.tobytes(), capture_output=True, check=True)
        found = np.frombuffer(done.stdout, dtype=np.int64).reshape(len(rows), -1)
        assert_array_equal(found[:, 0], packed.predict_quantised(inputs))
        assert_array_equal(found[:, 1 : 1 + packed.n_scores], packed.scores(inputs))
        assert_array_equal(found[:, 1 + packed.n_scores :], packed.shares(inputs))
    assert np.abs(packed.scores(inputs)).max() <= packed.largest_score // 2


@pytest.mark.skipif(CXX is None, reason="needs a C++ compiler")
def test_the_header_is_cpp_too(tmp_path):
    packed_of().to_c(tmp_path / "model.h", prefix="model")
    (tmp_path / "main.cpp").write_text(PROGRAM)
    flags = ["-std=c++11", *FLAGS[1:]]
    command = [CXX, *flags, str(tmp_path / "main.cpp"), "-o", str(tmp_path / "program"), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@needs_cc
def test_classes_and_probabilities_use_no_floating_point(tmp_path):
    packed_of(n_scores=4).to_c(tmp_path / "model.h", prefix="model")
    text = (tmp_path / "model.h").read_text()
    # Nothing before the constants of quantise, and none of its own functions, is a double.
    start = text.index("model_quantise(const")
    code = [
        line for line in text[:start].splitlines() if not line.startswith("static const double")
    ]
    assert not [line for line in code if "double" in line or "float" in line]
    assert CC is not None


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_integers_are_near_the_float_scores(case):
    packed = packed_of(**case)
    rows = rows_with_extremes(packed)
    levels = (rows - packed.offset) / packed.scale
    clipped = packed.offset + packed.scale * np.clip(np.rint(levels), -127, 127)
    unit = np.log(2) * 2.0**-packed.fraction
    exact = (clipped - packed.offset) @ packed.weights().T + packed.constant * unit
    assert_allclose(packed.scores(packed.quantise(rows)) * unit, exact, rtol=1e-9, atol=1e-9)


def test_powers_are_near_exponentials_and_shares_near_probabilities():
    below = np.arange(0, 30 << 12, 7, dtype=np.int64)
    assert_allclose(powers(below, 12), 2.0 ** (24 - below / 2.0**12), rtol=1e-4, atol=1)
    assert (np.diff(table_of_powers()) < 0).all()
    scores = (np.random.RandomState(0).normal(0, 3, (500, 4)) * 2**12).astype(np.int64)
    exact = np.exp2(scores / 2.0**12)
    exact /= exact.sum(axis=1, keepdims=True)
    assert_allclose(class_shares(scores, 12) / 2.0**16, exact, atol=1e-4)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_packed_model_classifies_as_its_codes_do(n_classes):
    X, y = rows_of_classes(300, 5, n_classes)
    model = DirectBayesianClassifier().fit(X, y)
    packed = model.pack(input_range=4.0)
    assert (packed.codes() == model.weight_codes_).all()
    weights = model.weight_codes_ * model.weight_scale_ / model.feature_scale_
    assert_allclose(packed.weights(), weights, rtol=0.02)
    assert np.abs(packed.predict_proba(X) - model.predict_proba(X)).mean() < 0.03
    assert (packed.predict(X) == model.predict(X)).mean() > 0.95
    assert packed.nbytes < 200


@needs_cc
def test_a_whole_pipeline_runs_in_c(tmp_path):
    X, y = rows_of_classes(200, 2, 3)
    curves = make_pipeline(StandardScaler(), SplineTransformer(extrapolation="constant"))
    model = DirectBayesianClassifier(feature_map=curves).fit(X, y)
    packed = model.pack()
    packed.to_c(tmp_path / "model.h", "model", feature_map=model.feature_map_)
    source = PROGRAM.replace("static double row[model_N_FEATURES]", "static double row[2]")
    program = compile_c(tmp_path, source.replace("model_quantise", "model_read"), "-O2")
    done = subprocess.run([program], input=X.tobytes(), capture_output=True, check=True)
    found = np.frombuffer(done.stdout, dtype=np.int64).reshape(len(X), -1)
    assert (found[:, 0] == packed.predict(model.feature_map_.transform(X))).mean() > 0.99
    with pytest.raises(ValueError, match="features"):
        packed.to_c(tmp_path / "other.h", feature_map=StandardScaler().fit(X))


@pytest.mark.parametrize("case", ["two classes", "sparse"])
def test_files_bring_everything_back(tmp_path, case):
    packed = packed_of(**CASES[case])
    packed.save(tmp_path / "packed.skpc")
    rows = rows_with_extremes(packed, 50)
    for loaded in (
        PackedClassifier.load(tmp_path / "packed.skpc"),
        skpc.load(tmp_path / "packed.skpc"),
    ):
        assert isinstance(loaded, PackedClassifier)
        assert_array_equal(loaded.predict_proba(rows), packed.predict_proba(rows))
    data = bytearray((tmp_path / "packed.skpc").read_bytes())
    data[-1] ^= 1
    (tmp_path / "altered.skpc").write_bytes(data)
    with pytest.raises(ValueError, match="altered"):
        PackedClassifier.load(tmp_path / "altered.skpc")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_scores": 2}, "n_scores"),
        ({"fraction": 40}, "fraction"),
        ({"n_bits": 9}, "n_bits"),
        ({"multiplier": np.zeros(3, dtype=np.int64)}, "multiplier"),
        ({"constant": np.full(3, 2**61)}, "2\\*\\*61"),
        ({"constant": np.zeros(2, dtype=np.int64)}, "constant"),
        ({"scale": np.zeros(7)}, "scale"),
        ({"offset": np.full(7, np.nan)}, "offset"),
        ({"code_stream": np.full(11, 255, dtype=np.uint8)}, "code_stream"),
        ({"code_stream": np.zeros(4, dtype=np.uint8)}, "code_stream"),
        ({"exponent_stream": np.zeros(1, dtype=np.uint8)}, "exponent_stream"),
    ],
)
def test_fields_that_do_not_agree_are_refused(changes, message):
    packed = packed_of()
    with pytest.raises(ValueError, match=message):
        PackedClassifier(**{**vars(packed), **changes})


def test_refusals_say_what_is_accepted(tmp_path):
    packed = packed_of()
    with pytest.raises(ValueError, match="prefix"):
        packed.to_c(tmp_path / "model.h", prefix="1x")
    with pytest.raises(TypeError, match="int8"):
        packed.predict_quantised(np.zeros((1, 7)))
    with pytest.raises(ValueError, match="NaN"):
        packed.predict(np.full((1, 7), np.nan))
    steps = np.array([[1.0, 1.0], [1.0, 1.5], [1.0, 1.0]])
    ones = np.ones(2)
    with pytest.raises(ValueError, match="powers of two"):
        pack_classes(np.ones((3, 2), dtype=np.int8), 4, steps, ones, ones, np.zeros(3), 4.0)
    wide = np.array([[1.0, 2.0**50]])
    with pytest.raises(ValueError, match="too far apart"):
        pack_classes(np.ones((1, 2), dtype=np.int8), 4, wide, ones, ones, np.zeros(1), 4.0)
    with pytest.raises(ValueError, match="255"):
        pack_classes(
            np.ones((300, 2), dtype=np.int8), 4, np.ones((300, 2)), ones, ones, np.zeros(300), 4.0
        )
