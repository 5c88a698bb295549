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

/* Where the compiler can, one binary has a version for AVX-512 and one for AVX2, chosen at run
 * time; elsewhere (arm64, other compilers) there is the portable one. */
#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__) && !defined(SKPC_NO_CLONES)
#define CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CLONES
#endif

struct program {
    int64_t n_rows, n_partitions, n_top;
    const int64_t *first_factor; /* (P + 1), factors of each partition */
    const int64_t *factors;      /* an edge, or -1 - i for the direct leaf region i */
    const int64_t *child;        /* (Q), a partition, or -1 - i for the other leaf region i */
    const int64_t *top;          /* partitions of the root */
    const int64_t *table;        /* of each direct leaf region the first row of its table */
    const int64_t *stride;       /* rows of the tables from one value to the next */
    const int64_t *code_of;      /* of each direct leaf region the row of `codes` */
    double exponent;
    int32_t units, leaf_units, most_units, width, block;
};

#define REAL float
#define NAME(x) x##_float
#define MOST_FACTORS 3
#define SMALLEST 1e-30f
#define WORD int32_t
#define MANTISSA 23
#define BIAS 126
#include "arrays.h"
#include "passes.h"
#undef REAL
#undef NAME
#undef MOST_FACTORS
#undef SMALLEST
#undef WORD
#undef MANTISSA
#undef BIAS

#define REAL double
#define NAME(x) x##_double
#define MOST_FACTORS 12
#define SMALLEST 1e-250
#define WORD int64_t
#define MANTISSA 52
#define BIAS 1022
#include "arrays.h"
#include "passes.h"
