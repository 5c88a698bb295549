"""Packed draws as a C99 header: constant data, and functions that predict from int8 inputs.

Axes: B features, S draws.
"""

import re
from collections.abc import Sequence
from string import Template
from typing import TYPE_CHECKING, Any

from .bits import Bytes, largest_code
from .c_arrays import array
from .maps import Stage, cost, functions

if TYPE_CHECKING:
    from .packed import PackedEnsemble

TOP = Template("""\
/* Bayesian linear regression: $n_samples draws of $n_features integer weights of $n_bits bits.
 *
 * Made by skpc. Include it in one C99 file or in several; all names start with ${p}_.
 *
 * Inputs are int8. Input j stands for a feature of ${p}_offset[j] + ${p}_scale[j] * input[j];
 * ${p}_quantise makes inputs from features, and holds them within -127 and 127.
 *
 * ${p}_predict(inputs)      mean of the draws' predictions, in units of the target
 * ${p}_spread(inputs)       standard deviation of a new target: draws and noise together
 * ${p}_sums(inputs, sums)   integer sums of the draws: a draw predicts
 *                         ${p}_INTERCEPT + sum * ${p}_MEAN_UNIT * ${p}_N_SAMPLES
 *
 * Sums are exact integers: none exceeds $largest_sum in absolute value, which $sum_type holds.
 * Floating point enters after them, with a few operations a prediction and one square a draw;
 * without contraction of those (gcc: -std=c99 or -ffp-contract=off) results equal Python's
 * to the last bit.
 */
#ifndef ${guard}
#define ${guard}

#include <math.h>
#include <stdint.h>

#define ${p}_N_FEATURES $n_features
#define ${p}_N_SAMPLES $n_samples
#define ${p}_INTERCEPT ($intercept)
#define ${p}_MEAN_UNIT ($mean_unit)
#define ${p}_VARIANCE_UNIT ($variance_unit)
#define ${p}_NOISE_VARIANCE ($noise_variance)

typedef $sum_type ${p}_sum_t;

""")

FIELD = Template("""\
static inline uint32_t ${p}_$name(uint32_t k)
{
    const uint32_t bit = k * ${width}u;
    const uint8_t *const at = &${p}_$stream[bit >> 3];
    return (($bytes) >> (bit & 7u)) & ${mask}u;
}

""")

FUNCTIONS = Template("""\
static inline void ${p}_sums(const int8_t inputs[${p}_N_FEATURES],
                             ${p}_sum_t sums[${p}_N_SAMPLES])
{
    uint32_t j, s, k = 0;
    for (s = 0; s < ${p}_N_SAMPLES; s++) {
        sums[s] = 0;
    }
    for (j = 0; j < ${p}_N_FEATURES; j++) {
        const ${p}_sum_t input = $input;
        for (s = 0; s < ${p}_N_SAMPLES; s++) {
$skip            sums[s] += ((${p}_sum_t)${p}_code(k) - $largest) * input;
            k++;
        }
    }
}

static inline int64_t ${p}_total(const ${p}_sum_t sums[${p}_N_SAMPLES])
{
    uint32_t s;
    int64_t total = 0;
    for (s = 0; s < ${p}_N_SAMPLES; s++) {
        total += sums[s];
    }
    return total;
}

static inline double ${p}_predict(const int8_t inputs[${p}_N_FEATURES])
{
    ${p}_sum_t sums[${p}_N_SAMPLES];
    double mean;
    ${p}_sums(inputs, sums);
    mean = (double)${p}_total(sums) * ${p}_MEAN_UNIT;
    return mean + ${p}_INTERCEPT;
}

static inline double ${p}_spread(const int8_t inputs[${p}_N_FEATURES])
{
    ${p}_sum_t sums[${p}_N_SAMPLES];
    double squares = 0.0;
    uint32_t s;
    int64_t total;
    ${p}_sums(inputs, sums);
    total = ${p}_total(sums);
    for (s = 0; s < ${p}_N_SAMPLES; s++) {
        const double deviation = (double)(${p}_N_SAMPLES * (int64_t)sums[s] - total);
        const double square = deviation * deviation;
        squares += square;
    }
    squares *= ${p}_VARIANCE_UNIT;
    return sqrt(squares + ${p}_NOISE_VARIANCE);
}

""")

QUANTISE = Template("""\
/* Rounded, ties to even, and held within -127 and 127. Features must be finite. */
static inline void ${p}_quantise(const double features[${p}_N_FEATURES],
                                 int8_t inputs[${p}_N_FEATURES])
{
    uint32_t j;
    for (j = 0; j < ${p}_N_FEATURES; j++) {
        const double level = rint((features[j] - ${p}_offset[j]) / ${p}_scale[j]);
        inputs[j] = (int8_t)(level > 127.0 ? 127.0 : level < -127.0 ? -127.0 : level);
    }
}

""")

MAPPED = Template("""\
/* The feature map: $cost.
 * Features equal Python's up to the rounding of doubles, where cos and the order of sums differ.
 */
${functions}\
static inline void ${p}_map(const double columns[$n_columns], double features[${p}_N_FEATURES])
{
$calls}

/* Inputs of a row of columns: its features, quantised. Columns must be finite. */
static inline void ${p}_read(const double columns[$n_columns], int8_t inputs[${p}_N_FEATURES])
{
    double features[${p}_N_FEATURES];
    ${p}_map(columns, features);
    ${p}_quantise(features, inputs);
}

""")


def header(packed: "PackedEnsemble", prefix: str, stages: Sequence[Stage] = ()) -> str:
    """Text of the header.

    Parameters
    ----------
    packed : PackedEnsemble
    prefix : str
        Start of every name: a letter, then letters, digits and underscores.
    stages : sequence of Stage
        Of the feature map, none without one.

    Raises
    ------
    ValueError
        For any other prefix.
    """
    check_prefix(prefix)
    return (
        TOP.substitute(_numbers(packed, prefix))
        + _data(packed, prefix)
        + FUNCTIONS.substitute(_steps(packed, prefix))
        + reading(stages, prefix)
        + "#endif\n"
    )


def check_prefix(prefix: str) -> None:
    """Refuse what is no start of a name in C.

    Raises
    ------
    ValueError
    """
    if not re.fullmatch("[A-Za-z][A-Za-z0-9_]*", prefix):
        raise ValueError(
            f"prefix is {prefix!r}; a letter, then letters, digits and underscores, are accepted."
        )


def reading(stages: Sequence[Stage], prefix: str) -> str:
    """What makes inputs of features, and the feature map if there is one."""
    text = QUANTISE.substitute(p=prefix)
    return text + (_mapped(stages, prefix) if stages else "")


def _mapped(stages: Sequence[Stage], prefix: str) -> str:
    """The feature map, and what reads columns through it."""
    calls, source = "", "columns"
    for i, stage in enumerate(stages[:-1]):
        calls += f"    double between{i}[{stage.n_out}];\n"
    for i in range(len(stages)):
        target = "features" if i == len(stages) - 1 else f"between{i}"
        calls += f"    {prefix}_step{i}({source}, {target});\n"
        source = target
    return MAPPED.substitute(
        p=prefix,
        cost=cost(stages),
        functions=functions(stages, prefix),
        n_columns=stages[0].n_in,
        calls=calls,
    )


def _numbers(packed: "PackedEnsemble", prefix: str) -> dict[str, Any]:
    """Values for the top of the header."""
    largest = packed.largest_sum
    return {
        "p": prefix,
        "guard": f"{prefix}_H",
        "n_bits": packed.n_bits,
        "n_samples": packed.n_samples,
        "n_features": packed.n_features,
        "intercept": repr(packed.intercept),
        "mean_unit": repr(packed.mean_unit),
        "variance_unit": repr(packed.variance_unit),
        "noise_variance": repr(packed.noise_variance),
        "largest_sum": largest,
        "sum_type": "int32_t" if largest < 2**31 else "int64_t",
    }


def _data(packed: "PackedEnsemble", prefix: str) -> str:
    """Constant arrays, so that they can stay in flash, and functions that read their fields."""
    declarations = [stream(prefix, "code", packed.code_stream, packed.n_bits)]
    if len(packed.mask_stream):
        declarations.append(stream(prefix, "kept", packed.mask_stream, 1))
    if packed.exponent_bits:
        declarations.append(
            stream(prefix, "exponent", packed.exponent_stream, packed.exponent_bits)
        )
    for name in ("offset", "scale"):
        declarations.append(
            array(f"double {prefix}_{name}", map(repr, getattr(packed, name).tolist()))
        )
    return "".join(declarations)


def stream(prefix: str, name: str, values: Bytes, width: int) -> str:
    """A stream, and the function that reads its field k."""
    one_byte = 8 % width == 0
    # A field may reach into the next byte, so one follows the last; C has no empty arrays.
    padding = [] if one_byte and len(values) else [0]
    read = FIELD.substitute(
        p=prefix,
        name=name,
        stream=f"{name}_stream",
        width=width,
        mask=2**width - 1,
        bytes="(uint32_t)at[0]" if one_byte else "(uint32_t)at[0] | (uint32_t)at[1] << 8",
    )
    return array(f"uint8_t {prefix}_{name}_stream", [*values.tolist(), *padding]) + read


def _steps(packed: "PackedEnsemble", prefix: str) -> dict[str, Any]:
    """The lines of the loop that depend on layout and steps."""
    value, skip = f"({prefix}_sum_t)inputs[j]", ""
    if len(packed.mask_stream):
        skip = (
            f"            if ({prefix}_kept(j * {prefix}_N_SAMPLES + s) == 0u) {{\n"
            "                continue;\n"
            "            }\n"
        )
    if packed.exponent_bits:
        value = f"{value} * (({prefix}_sum_t)1 << {prefix}_exponent(j))"
    return {"p": prefix, "largest": largest_code(packed.n_bits), "skip": skip, "input": value}
