/* Passes of CP circuits on the CPU: log densities, expected counts and flows, node by node.
 *
 * The function computes what skpc/circuit/passes does with torch, for circuits in which every
 * region has one partition; tests/circuit/test_native.py compares them. Rows go through all nodes
 * a block at a time, so that values of the nodes stay in the caches between the upward and the
 * downward pass. Nothing is allocated here and nothing is kept: all memory is the caller's, who has
 * checked every index against the sizes of the arrays (skpc/circuit/native/program.py).
 *
 * Sums over rows go block after block, so results depend on the size of a block alone.
 */

#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Of which sources this is the library: a number that skpc compares with theirs, so that a library
 * that was built before they changed is not used. */
#ifndef SKPC_SOURCES
#define SKPC_SOURCES 0
#endif
const uint32_t skpc_sources = SKPC_SOURCES;

#define LOG_2 0.69314718055994530942
#define TINY 1e-300

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 32")
#define JOIN(a, b) JOINED(a, b)
#define JOINED(a, b) a##b

struct program {
    int64_t n_rows, n_partitions, n_top;
    const int64_t *first_factor; /* (P + 1), factors of each partition */
    const int64_t *factors;      /* an edge, or -1 - i for the direct leaf region i */
    const int64_t *child;        /* (Q), a partition, or -1 - i for the other leaf region i */
    const int64_t *top;          /* partitions of the root */
    const int64_t *table;        /* of each direct leaf region the first row of its table */
    const int64_t *stride;       /* rows of the tables from one value to the next */
    const int64_t *code_of;      /* of each direct leaf region the row of `codes` */
    const int64_t *leaf_scope;   /* of each other leaf region how many there are before its scope, */
    const int64_t *leaf_copy;    /* which of the regions of the scope it is, */
    const int64_t *leaf_stride;  /* and how many there are */
    double exponent;
    int32_t units, leaf_units, most_units, width, block;
};

#define REAL float
#define NAME(x) x##_float
#include "arrays.h"
#undef REAL
#undef NAME
#define REAL double
#define NAME(x) x##_double
#include "arrays.h"
#undef REAL
#undef NAME

/* 1 / x for x in the range of SMALLEST to 1e30: bits that are near, and three steps of Newton, each
 * of which doubles the digits. Processors divide at a quarter of that speed. */
INLINE float reciprocal(float x)
{
    int32_t bits;
    float y;
    memcpy(&bits, &x, sizeof bits);
    bits = 0x7EF311C7 - bits;
    memcpy(&y, &bits, sizeof y);
    y *= 2 - x * y;
    y *= 2 - x * y;
    return y * (2 - x * y);
}

/* Registers decide how large a tile is: 32 of 64 bytes, 16 of 32, and 16 or 32 of 16. */
#define LEVEL plain
#define TARGET
#define BYTES 16
#define ROWS 4
#define MOST_INPUTS 4
#include "typed.h"

/* Where the compiler can, one binary has versions for AVX2 and AVX-512 too, chosen at run time;
 * elsewhere (arm64, other compilers) there is the portable one. */
#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__) && !defined(SKPC_NO_CLONES)
#define LEVEL avx2
#define TARGET __attribute__((target("arch=x86-64-v3")))
#define BYTES 32
#define ROWS 4
#define MOST_INPUTS 4
#include "typed.h"

#define LEVEL avx512
#define TARGET __attribute__((target("arch=x86-64-v4")))
#define BYTES 64
#define ROWS 8
#define MOST_INPUTS 12
#include "typed.h"

#define CHOOSE(type, ...)                                                              \
    if (__builtin_cpu_supports("x86-64-v4")) return passes_##type##_avx512(__VA_ARGS__); \
    if (__builtin_cpu_supports("x86-64-v3")) return passes_##type##_avx2(__VA_ARGS__);
#else
#define CHOOSE(type, ...)
#endif

void skpc_passes_float(const struct program *p, const struct arrays_float *a, int64_t begin, int64_t end)
{
    CHOOSE(float, p, a, begin, end)
    passes_float_plain(p, a, begin, end);
}

void skpc_passes_double(const struct program *p, const struct arrays_double *a, int64_t begin, int64_t end)
{
    CHOOSE(double, p, a, begin, end)
    passes_double_plain(p, a, begin, end);
}
