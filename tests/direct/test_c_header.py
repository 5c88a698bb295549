"""The C header compiles without a warning and does Python's arithmetic to the last bit."""

import os
import re
import shutil
import subprocess

import numpy as np
import pytest
from helpers.direct_packs import ensemble, features

from skpc.direct.deploy.c_header import header

CC = shutil.which("cc")
# In CI a missing compiler is a failure.
needs_cc = pytest.mark.skipif(CC is None and not os.environ.get("CI"), reason="needs a C compiler")
FLAGS = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror"]
# Any undefined step, such as an overflow or a shift too far, ends the program.
TRAPS = ["-fsanitize=undefined", "-fsanitize-undefined-trap-on-error"]

PROGRAM = """\
#include <stdio.h>
#include "model.h"
#include "model.h"

int main(void)
{
    static double row[model_N_FEATURES];
    static int8_t inputs[model_N_FEATURES];
    static model_sum_t sums[model_N_SAMPLES];
    while (fread(row, sizeof row, 1, stdin) == 1) {
        double out[2];
        int s;
        model_quantise(row, inputs);
        out[0] = model_predict(inputs);
        out[1] = model_spread(inputs);
        fwrite(inputs, sizeof inputs, 1, stdout);
        fwrite(out, sizeof out, 1, stdout);
        model_sums(inputs, sums);
        for (s = 0; s < model_N_SAMPLES; s++) {
            const int64_t sum = sums[s];
            fwrite(&sum, sizeof sum, 1, stdout);
        }
    }
    return 0;
}
"""

CASES = {
    **{f"{n_bits} bits": {"n_bits": n_bits} for n_bits in range(2, 9)},
    "one draw": {"n_samples": 1},
    "one feature": {"n_features": 1},
    "powers of two": {"steps": "powers", "n_features": 60},
    "any steps": {"steps": "any"},
    "sparse": {"zeros": 0.7, "n_samples": 8},
    "sparse powers": {"zeros": 0.7, "steps": "powers"},
    "all zero": {"zeros": 1.0},
    "wide sums": {"n_bits": 8, "steps": "wide", "n_features": 40},
}


def compile_c(folder, source, *flags):
    """The program of a source file beside its headers."""
    program = folder / "program"
    (folder / "main.c").write_text(source)
    command = [CC, *FLAGS, *flags, str(folder / "main.c"), "-o", str(program), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return program


def run_c(program, packed, rows):
    """Inputs, predictions and sums of the program."""
    done = subprocess.run([program], input=rows.tobytes(), capture_output=True, check=True)
    record = np.dtype(
        [
            ("inputs", np.int8, (packed.n_features,)),
            ("out", np.float64, 2),
            ("sums", np.int64, (packed.n_samples,)),
        ]
    )
    return np.frombuffer(done.stdout, dtype=record)


def rows_with_extremes(packed, n_rows):
    """Random features, and those that drive a draw's sum as far as it goes."""
    signs = np.where(packed.codes() < 0, -1.0, 1.0)
    far = packed.offset + packed.scale * 200 * np.concatenate([signs, -signs])
    return np.concatenate([features(packed, n_rows), far])


@needs_cc
@pytest.mark.parametrize("optimise", ["-O0", "-O2", "-Os"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_c_equals_python_to_the_last_bit(tmp_path, case, optimise):
    packed = ensemble(**case)
    packed.to_c(tmp_path / "model.h", prefix="model")
    traps = TRAPS if optimise == "-O0" else []
    program = compile_c(tmp_path, PROGRAM, optimise, *traps)
    rows = rows_with_extremes(packed, 4000)
    printed = run_c(program, packed, rows)
    inputs = packed.quantise(rows)
    mean, std = packed.predict_quantised(inputs, return_std=True)
    assert np.array_equal(printed["inputs"].reshape(inputs.shape), inputs)
    assert np.array_equal(printed["sums"].reshape(len(rows), -1), packed.sums(inputs))
    assert np.array_equal(printed["out"][:, 0], mean)
    assert np.array_equal(printed["out"][:, 1], std)
    assert len(np.unique(mean)) > 100 or packed.n_features == 1 or not packed.codes().any()


@needs_cc
def test_two_models_in_two_files_of_one_program(tmp_path):
    for name, seed in (("hot", 0), ("cold", 1)):
        ensemble(seed=seed).to_c(tmp_path / f"{name}.h", prefix=name)
    (tmp_path / "other.c").write_text(
        '#include "cold.h"\n#include "hot.h"\ndouble other(const int8_t *inputs);\n'
        "double other(const int8_t *inputs)\n"
        "{\n    return cold_predict(inputs) - hot_predict(inputs);\n}\n"
    )
    source = (
        '#include <stdio.h>\n#include "hot.h"\n#include "cold.h"\n'
        "double other(const int8_t *inputs);\n"
        "int main(void)\n{\n    static const int8_t inputs[hot_N_FEATURES] = {3, -4};\n"
        '    printf("%.17g %.17g", cold_predict(inputs) - hot_predict(inputs), other(inputs));\n'
        "    return 0;\n}\n"
    )
    program = compile_c(tmp_path, source, str(tmp_path / "other.c"))
    done = subprocess.run([program], capture_output=True, text=True, check=True)
    inputs = np.zeros((1, 21), dtype=np.int8)
    inputs[0, :2] = 3, -4
    hot, cold = (ensemble(seed=seed).predict_quantised(inputs)[0] for seed in (0, 1))
    assert [float(value) for value in done.stdout.split()] == [cold - hot] * 2


def body_of(text, function):
    """Text of a C function."""
    match = re.search(rf"static inline [^;]* {function}\(.*?\n}}\n", text, flags=re.DOTALL)
    assert match
    return match[0]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_sums_have_no_floating_point_and_a_type_that_holds_them(case):
    packed = ensemble(**case)
    text = header(packed, "model")
    for function in ("model_sums", "model_code", "model_total"):
        assert not re.search(r"double|float|\d\.\d", body_of(text, function))
    wide = packed.largest_sum >= 2**31
    assert f"typedef {'int64_t' if wide else 'int32_t'} model_sum_t;" in text
    assert wide == (case.get("steps") == "wide")


def values_of(text, array):
    """Numbers of a constant array."""
    listed = re.search(rf"static const \w+ {array}\[\] = {{(.*?)}};", text, flags=re.DOTALL)
    assert listed
    return [float(value) for value in listed[1].split(",")]


def test_names_data_and_guard():
    packed = ensemble(zeros=0.7, steps="powers")
    text = header(packed, "pump_1")
    assert "#ifndef pump_1_H\n#define pump_1_H\n" in text
    assert text.endswith("#endif\n")
    assert values_of(text, "pump_1_code_stream") == packed.code_stream.tolist()
    assert values_of(text, "pump_1_kept_stream") == packed.mask_stream.tolist()
    assert values_of(text, "pump_1_exponent_stream") == packed.exponent_stream.tolist()
    assert values_of(text, "pump_1_offset") == packed.offset.tolist()
    assert values_of(text, "pump_1_scale") == packed.scale.tolist()
    assert re.findall(r"#include (.*)", text) == ["<math.h>", "<stdint.h>"]
    # Nothing but constants has static storage.
    assert set(re.findall(r"static (\w+)", text)) == {"const", "inline"}


@pytest.mark.parametrize("prefix", ["", "1st", "a-b", "_x", "é", "a b", "a\n"])
def test_prefixes_that_are_no_names_are_refused(tmp_path, prefix):
    path = tmp_path / "model.h"
    with pytest.raises(ValueError, match=r"prefix is .*; a letter, then letters, digits"):
        ensemble().to_c(path, prefix=prefix)
    assert not path.exists()
