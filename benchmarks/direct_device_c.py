"""C programs of the benchmark of small devices: compiled, measured, and their float32 rivals."""

import platform
import re
import subprocess
import tempfile
from pathlib import Path

__all__ = ["FLAGS", "float_draws", "float_moments", "measure", "run"]

CALLS = 50
FLAGS = ["-std=c99", "-Os", "-fno-asynchronous-unwind-tables", "-fstack-usage"]
if platform.machine() == "x86_64":
    FLAGS.append("-mno-red-zone")  # A frame there would not be counted.

MOMENTS = """\
#include <math.h>
static inline double model_predict(const float *x)
{{
    float sum = {intercept}f;
    for (int j = 0; j < {n_features}; j++) {{
        sum += model_coef[j] * x[j];
    }}
    return (double)sum;
}}
static inline double model_spread(const float *x)
{{
    float sum = {noise}f;
    for (int j = 0; j < {n_features}; j++) {{
        const float centred = x[j] - model_centre[j];
        sum += model_variance[j] * (centred * centred);
    }}
    return (double)sqrtf(sum);
}}
"""

SAMPLES = """\
#include <math.h>
static inline float model_draw(const float *x, int s)
{{
    float sum = 0.0f;
    for (int j = 0; j < {n_features}; j++) {{
        sum += model_weights[s * {n_features} + j] * (x[j] - model_centre[j]);
    }}
    return sum;
}}
static inline double model_predict(const float *x)
{{
    float total = 0.0f;
    for (int s = 0; s < {n_samples}; s++) {{
        total += model_draw(x, s);
    }}
    return (double)(total / {n_samples}.0f + {intercept}f);
}}
static inline double model_spread(const float *x)
{{
    float total = 0.0f, squares = 0.0f, mean;
    for (int s = 0; s < {n_samples}; s++) {{
        const float draw = model_draw(x, s);
        total += draw;
        squares += draw * draw;
    }}
    mean = total / {n_samples}.0f;
    return (double)sqrtf(squares / {n_samples}.0f - mean * mean + {noise}f);
}}
"""

UNIT = """\
#include "model.h"
double measured_{name}(const {type} *inputs);
double measured_{name}(const {type} *inputs) {{ return model_{name}(inputs); }}
"""

PROGRAM = """\
#include <stdint.h>
#include <stdio.h>
double measured_{name}(const {type} *inputs);
static {type} inputs[{n_features}];
int main(void)
{{
    double sum = 0;
    for (int i = 0; i < {calls}; i++) {{
        for (int j = 0; j < {n_features}; j++) {{
            inputs[j] = ({type})((i * 31 + j * 17) % 255 - 127);
        }}
        sum += measured_{name}(inputs);
    }}
    printf("%g", sum);
    return 0;
}}
"""


def arrays(**values):
    """Constant arrays of float32."""
    return "".join(
        f"static const float model_{name}[] = {{{', '.join(f'{v:.9e}f' for v in listed)}}};\n"
        for name, listed in values.items()
    )


def numbers(model):
    """Numbers of a fitted regressor, as C floats without their suffix."""
    return {"noise": f"{model.noise_variance_:.9e}", "n_features": len(model.coef_)}


def float_moments(model):
    """Header of the exact mean and standard deviation, and its bytes by function."""
    b = len(model.coef_)
    data = arrays(coef=model.coef_, variance=model.coef_std_**2, centre=model.pack(1, 0).offset)
    functions = MOMENTS.format(intercept=f"{model.intercept_:.9e}", **numbers(model))
    return data + functions, {"predict": 4 * b + 4, "spread": 8 * b + 4}


def float_draws(model, packed):
    """Header of the draws of a packed ensemble, and its bytes by function."""
    weights = packed.weights()
    data = arrays(weights=weights.ravel(), centre=packed.offset)
    functions = SAMPLES.format(
        intercept=f"{packed.intercept:.9e}", n_samples=len(weights), **numbers(model)
    )
    n_bytes = 4 * weights.size + 4 * packed.n_features + 4
    return data + functions, {"predict": n_bytes, "spread": n_bytes + 4}


def run(*command, folder="."):
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)


def measure(text, name, input_type, n_features):
    """Bytes of flash (code and constants) and of stack, and instructions, of one function.

    Helpers that are not inlined call each other at most once, so their frames are added.
    """
    with tempfile.TemporaryDirectory() as folder:
        values = {"type": input_type, "name": name, "n_features": n_features, "calls": CALLS}
        (Path(folder) / "model.h").write_text(text)
        for file, source in (("model.c", UNIT), ("main.c", PROGRAM)):
            (Path(folder) / file).write_text(source.format(**values))
        run("cc", *FLAGS, "-c", "model.c", folder=folder)
        run("cc", *FLAGS, "main.c", "model.o", "-lm", "-o", "program", folder=folder)
        flash = int(run("size", "model.o", folder=folder).stdout.splitlines()[1].split()[0])
        usage = (Path(folder) / "model.su").read_text().splitlines()
        stack = sum(int(line.split("\t")[1]) for line in usage)
        valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
        done = run(*valgrind, f"--toggle-collect=measured_{name}", "./program", folder=folder)
    return flash, stack, int(re.search(r"Collected : (\d+)", done.stderr)[1]) // CALLS
