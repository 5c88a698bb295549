"""Packed classifiers as a C99 header: constant data, and functions that classify int8 inputs.

Axes: B features, S scores, C classes.
"""

from collections.abc import Sequence
from string import Template
from typing import TYPE_CHECKING, Any

from .bits import largest_code
from .c_arrays import array
from .c_header import check_prefix, reading, stream
from .class_arithmetic import RAISED, SHARE_BITS, TABLE_BITS, table_of_powers
from .maps import Stage

if TYPE_CHECKING:
    from .packed_classes import PackedClassifier

TOP = Template("""\
/* Classification by $n_scores score(s) of $n_features integer weights of $n_bits bits.
 *
 * Made by skpc. Include it in one C99 or C++ file or in several; all names start with ${p}_.
 *
 * Inputs are int8. Input j stands for a feature of ${p}_offset[j] + ${p}_scale[j] * input[j];
 * ${p}_quantise makes inputs from features, and holds them within -127 and 127.
 *
 * ${p}_predict(inputs)         the class, from 0 to ${p}_N_CLASSES - 1
 * ${p}_shares(inputs, shares)  probabilities of the classes in units of 1 / 65536
 * ${p}_scores(inputs, scores)  scores in units of 2^-${p}_FRACTION doublings of the odds; of two
 *                            classes that of the second, where the first has 0
 *
 * These three use integers alone, and results equal Python's to the last bit. No score exceeds
 * $largest_score in absolute value, which $score_type holds. No division but one a class in
 * ${p}_shares; no recursion, no memory but the stack: $stack bytes of scores and shares.
 */
#ifndef ${guard}
#define ${guard}

#include <math.h>
#include <stdint.h>

#define ${p}_N_FEATURES $n_features
#define ${p}_N_SCORES $n_scores
#define ${p}_N_CLASSES $n_classes
#define ${p}_FRACTION $fraction

typedef $score_type ${p}_score_t;

""")

FUNCTIONS = Template("""\
static inline void ${p}_scores(const int8_t inputs[${p}_N_FEATURES],
                               ${p}_score_t scores[${p}_N_SCORES])
{
    uint32_t j, s, k = 0;$place
    for (s = 0; s < ${p}_N_SCORES; s++) {
        scores[s] = 0;
    }
    for (j = 0; j < ${p}_N_FEATURES; j++) {
        const ${p}_score_t input = inputs[j];
        for (s = 0; s < ${p}_N_SCORES; s++$next) {
$skip            scores[s] += ((${p}_score_t)${p}_code(k) - $largest) * $input;
            k++;
        }
    }
    for (s = 0; s < ${p}_N_SCORES; s++) {
        scores[s] = scores[s] * ${p}_multiplier[s] + ${p}_constant[s];
    }
}

$predict
/* 2^-below in units of 2^-24, where below has ${p}_FRACTION fractional bits. */
static inline uint32_t ${p}_power(${p}_score_t below)
{
    const ${p}_score_t whole = below >> ${p}_FRACTION;
    const uint32_t rest = (uint32_t)(below & (((${p}_score_t)1 << ${p}_FRACTION) - 1));
    const uint32_t i = rest >> $fine;
    const uint32_t part = rest & ${fine_mask}u;
    const uint32_t high = ${p}_powers[i], low = ${p}_powers[i + 1u];
    const uint32_t value = high - (((high - low) * part) >> $fine);
    return whole > 30 ? 0u : (value << $raised) >> whole;
}

static inline void ${p}_shares(const int8_t inputs[${p}_N_FEATURES],
                               uint32_t shares[${p}_N_CLASSES])
{
    ${p}_score_t scores[${p}_N_CLASSES];
    ${p}_score_t top;
    uint32_t c, total = 0;
$load
    top = scores[0];
    for (c = 1; c < ${p}_N_CLASSES; c++) {
        top = scores[c] > top ? scores[c] : top;
    }
    for (c = 0; c < ${p}_N_CLASSES; c++) {
        shares[c] = ${p}_power(top - scores[c]);
        total += shares[c];
    }
    total >>= $raised;
    for (c = 0; c < ${p}_N_CLASSES; c++) {
        shares[c] = (shares[c] << $lifted) / total;
    }
}

""")

PREDICT_TWO = Template("""\
static inline uint32_t ${p}_predict(const int8_t inputs[${p}_N_FEATURES])
{
    ${p}_score_t scores[1];
    ${p}_scores(inputs, scores);
    return scores[0] > 0 ? 1u : 0u;
}
""")

PREDICT_MANY = Template("""\
static inline uint32_t ${p}_predict(const int8_t inputs[${p}_N_FEATURES])
{
    ${p}_score_t scores[${p}_N_SCORES];
    uint32_t c, best = 0;
    ${p}_scores(inputs, scores);
    for (c = 1; c < ${p}_N_CLASSES; c++) {
        best = scores[c] > scores[best] ? c : best;
    }
    return best;
}
""")


def header(packed: "PackedClassifier", prefix: str, stages: Sequence[Stage] = ()) -> str:
    """Text of the header.

    Parameters
    ----------
    packed : PackedClassifier
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


def _score_type(packed: "PackedClassifier") -> str:
    """The type of scores, and of what they are made of."""
    return "int32_t" if packed.largest_score < 2**31 else "int64_t"


def _numbers(packed: "PackedClassifier", prefix: str) -> dict[str, Any]:
    """Values for the top of the header."""
    score_type = _score_type(packed)
    width = 4 if score_type == "int32_t" else 8
    return {
        "p": prefix,
        "guard": f"{prefix}_H",
        "n_bits": packed.n_bits,
        "n_scores": packed.n_scores,
        "n_classes": packed.n_classes,
        "n_features": packed.n_features,
        "fraction": packed.fraction,
        "largest_score": packed.largest_score // 2,
        "score_type": score_type,
        "stack": (width + 4) * packed.n_classes,
    }


def _data(packed: "PackedClassifier", prefix: str) -> str:
    """Constant arrays, so that they can stay in flash, and functions that read their fields."""
    text = stream(prefix, "code", packed.code_stream, packed.n_bits)
    if len(packed.mask_stream):
        text += stream(prefix, "kept", packed.mask_stream, 1)
    if packed.exponent_bits:
        text += stream(prefix, "exponent", packed.exponent_stream, packed.exponent_bits)
    for name in ("multiplier", "constant"):
        text += array(f"{_score_type(packed)} {prefix}_{name}", getattr(packed, name).tolist())
    text += array(f"uint16_t {prefix}_powers", table_of_powers().tolist())
    for name in ("offset", "scale"):
        text += array(f"double {prefix}_{name}", map(repr, getattr(packed, name).tolist()))
    return text


def _steps(packed: "PackedClassifier", prefix: str) -> dict[str, Any]:
    """The lines that depend on layout, steps and the number of classes."""
    value, skip = "input", ""
    if len(packed.mask_stream):
        skip = (
            f"            if ({prefix}_kept(i) == 0u) {{\n"
            "                continue;\n"
            "            }\n"
        )
    if packed.exponent_bits:
        value = f"(input * (({prefix}_score_t)1 << {prefix}_exponent(i)))"
    # Zeros have an exponent, or a bit that says so, and no code.
    placed = len(packed.mask_stream) > 0 or packed.exponent_bits > 0
    two = packed.n_scores == 1
    load = f"    scores[0] = 0;\n    {prefix}_scores(inputs, &scores[1]);\n"
    fine = packed.fraction - TABLE_BITS
    return {
        "p": prefix,
        "largest": largest_code(packed.n_bits),
        "place": "\n    uint32_t i = 0;" if placed else "",
        "next": ", i++" if placed else "",
        "skip": skip,
        "input": value,
        "predict": (PREDICT_TWO if two else PREDICT_MANY).substitute(p=prefix),
        "load": load if two else f"    {prefix}_scores(inputs, scores);\n",
        "fine": fine,
        "fine_mask": 2**fine - 1,
        "raised": RAISED,
        "lifted": SHARE_BITS - RAISED,
    }
