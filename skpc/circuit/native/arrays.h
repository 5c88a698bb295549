/* What the passes read and write, in one type of floats; included by kernel.c. Axes as in passes.h
 * and pack.h. */

struct NAME(arrays) {
    /* Parameters as the passes read them, written by `pack`. */
    REAL *weights;       /* (Q, most_units, K'): [input][output] */
    REAL *transposed;    /* (Q, most_units, K'): [output][input] */
    REAL *root_weights;  /* (top, K') */
    REAL *tables;        /* (T, K'), densities of values in direct leaf regions */
    double *leaf_tables; /* (N - T, K'), numbers of the other leaf regions, see pack.h */
    REAL *leaf_densities; /* (N - T, K'), of their values, the maximum over units taken out, */
    double *leaf_highest; /* (N - T), and its logarithm */
    double *copies; /* (COPIES, K), memory */
    /* Read. */
    const int32_t *codes;      /* (cells, B), -1 where missing */
    const double *numbers;     /* (cells, B) */
    const double *leaf_logs;   /* (rows and regions, leaf units), log densities of leaves, see program.py */
    const double *row_weights; /* (B) */
    /* Written. Without flows only the root is. */
    double *root;       /* (B) */
    double *objective;  /* (B) */
    REAL *counts;       /* as weights, to be multiplied by them */
    REAL *root_counts;  /* as root_weights */
    REAL *table_counts; /* as tables */
    double *leaf_sums;  /* as leaf_tables */
    REAL *leaf_flows;   /* as leaf_logs */
    /* Memory of a block. */
    REAL *partitions;    /* (P, R, K') */
    double *logs;        /* (P, R) */
    REAL *edges;         /* (Q, R, K') */
    REAL *flows;         /* (slots, R, K'), or null */
    REAL *ratio;         /* (R, K') */
    REAL *into;          /* (R, K') */
    REAL *leaf_values;   /* (leaves, R, K') */
    double *leaf_maxima; /* (leaves, R) */
    double *row;         /* (K') */
    double *shares;      /* (top) */
    double *sums;        /* (top) */
};
