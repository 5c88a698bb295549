/* A training step of CP circuits on the CPU: cells to values of leaves, log densities, expected
 * counts and flows node by node, and the M-step.
 *
 * The functions compute what skpc/circuit/passes does with torch, for circuits in which every
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

/* Floors as in skpc/circuit/passes and skpc/circuit/leaves. */
#define LOWEST (-1e30)
#define FARTHEST 1e12
#define PROBABILITY_FLOOR 1e-12
#define WEIGHT_FLOOR 1e-12
#define LEAST_TOTAL 1e-300

/* Copies of a group that are packed at once, see pack.h. */
#define COPIES 8

/* A column of a leaf region in `leaf_tables` and its cells; see leaves.h. */
struct entry {
    int64_t cell;      /* row of codes and numbers */
    int64_t row, step; /* of its first statistic, and from one statistic to the next */
    int64_t quadratic; /* whether a cell may be a number */
};

struct program {
    int64_t n_rows, n_partitions, n_top, n_leaves, n_slots;
    int64_t n_table_rows; /* T, rows of parameters of direct leaf regions, the first ones */
    const int64_t *first_factor; /* (P + 1), factors of each partition */
    const int64_t *factors;      /* an edge, or -1 - i for the direct leaf region i */
    const int64_t *child;        /* (Q), a partition, or -1 - i for the other leaf region i */
    const int64_t *top;          /* partitions of the root */
    const int64_t *slot;         /* (P), where the flows into a partition stand, see program.py */
    const int64_t *table;        /* of each direct leaf region the first row of its table */
    const int64_t *stride;       /* rows of the tables from one value to the next */
    const int64_t *code_of;      /* of each direct leaf region the row of `codes` */
    const int64_t *leaf_scope;   /* of each other leaf region how many there are before its scope, */
    const int64_t *leaf_copy;    /* which of the regions of the scope it is, */
    const int64_t *leaf_stride;  /* and how many there are */
    const int64_t *first_entry;  /* (other leaf regions + 1), entries of each */
    const struct entry *entries;
    double exponent;
    int32_t units, leaf_units, most_units, width, block;
};

/* What a family does: a code, zero or one, and a number or an atom, see `Form` of the leaves; and
 * rows that nothing is done to. */
enum kind { CODES, BINARY, NUMBERS, KEPT };

/* What one family has in all regions of one scope: (statistics and a count, copies, K). */
struct group {
    int64_t row, copies;
    int64_t kind, values; /* how many indicators of values there are */
    int64_t direct;
    double min_variance, min_share;
};

/* Parameters, and where their expected statistics go. */
struct packing {
    int64_t n_layers, n_groups;
    const int64_t *first_edge;     /* (layers + 1) */
    const int64_t *inputs;         /* of a sum of each layer */
    const double *const *weights;  /* of each layer, and of the root */
    double *const *counts;         /* as weights */
    const double *leaves;          /* (N, K) */
    double *sums;                  /* (N, K) */
    const struct group *groups;
};

struct update {
    int64_t n_rows, n_groups, units, at_once; /* copies of a group that `scratch` holds */
    double rate, share;                       /* step size, and pseudo-rows of the prior */
    const struct group *groups;
    const double *before, *fresh; /* (N, K), or null */
    double *running;              /* (N, K) */
    const double *prior;          /* (N) */
    const double *old_leaves;     /* (N, K) */
    double *leaves;               /* (N, K) */
    double *scratch;
};

struct layer {
    int64_t n_sums, n_inputs;
    const double *before, *fresh; /* (sums, inputs), or null */
    double *running;
    const double *old;
    double *weights;
};

struct sums {
    int64_t n_layers;
    double rate, share;
    const struct layer *layers;
};

struct column {
    int64_t column, kind, first, values; /* `first` is the code of the first indicator */
    double log_base;                     /* of numbers */
};

struct cells {
    int64_t n_rows, width, n_columns;
    const struct column *columns;
    const double *values; /* (B, D) */
    const int16_t *atoms; /* (B, D), or null */
    int32_t *codes;       /* (G, B) */
    double *numbers;      /* (G, B) */
    double *log_base;     /* (B) */
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

#include "functions.h"
#include "read.h"

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

#define CHOOSE(function, ...)                                                     \
    if (__builtin_cpu_supports("x86-64-v4")) return function##_avx512(__VA_ARGS__); \
    if (__builtin_cpu_supports("x86-64-v3")) return function##_avx2(__VA_ARGS__);
#else
#define CHOOSE(function, ...)
#endif

#define OF_TYPE(type)                                                                                             \
    void skpc_passes_##type(const struct program *p, const struct arrays_##type *a, int64_t begin, int64_t end)   \
    {                                                                                                             \
        CHOOSE(passes_##type, p, a, begin, end)                                                                   \
        passes_##type##_plain(p, a, begin, end);                                                                  \
    }                                                                                                             \
    void skpc_pack_##type(const struct program *p, const struct packing *from, const struct arrays_##type *to)    \
    {                                                                                                             \
        CHOOSE(pack_##type, p, from, to)                                                                          \
        pack_##type##_plain(p, from, to);                                                                         \
    }                                                                                                             \
    void skpc_unpack_##type(const struct program *p, const struct packing *to, const struct arrays_##type *found) \
    {                                                                                                             \
        CHOOSE(unpack_##type, p, to, found)                                                                       \
        unpack_##type##_plain(p, to, found);                                                                      \
    }
OF_TYPE(float)
OF_TYPE(double)

void skpc_update_leaves(const struct update *u)
{
    CHOOSE(update_leaves, u)
    update_leaves_plain(u);
}

void skpc_update_sums(const struct sums *s)
{
    CHOOSE(update_sums, s)
    update_sums_plain(s);
}
