/* What the passes read and write, in one type of floats; included by kernel.c. Axes as in passes.h. */

struct NAME(arrays) {
    /* Read. */
    const REAL *weights;      /* (Q, most_units, K'): [input][output] */
    const REAL *transposed;   /* (Q, most_units, K'): [output][input] */
    const REAL *root_weights; /* (top, K') */
    const REAL *tables;       /* (rows of tables, K'), densities of values in direct leaf regions */
    const int32_t *codes;     /* (columns, B), -1 where missing */
    const REAL *leaves;       /* (rows and regions, leaf units), their maximum taken out, see program.py */
    const double *leaf_logs;  /* (rows and regions) */
    const double *row_weights; /* (B) */
    /* Written. Without flows only the root is. */
    double *root;         /* (B) */
    double *objective;    /* (B) */
    REAL *counts;         /* as weights, to be multiplied by them */
    REAL *root_counts;    /* as root_weights */
    REAL *table_counts;   /* as tables */
    REAL *leaf_flows;     /* as leaves */
    /* Memory of a block. */
    REAL *partitions;  /* (P, R, K') */
    double *logs;      /* (P, R) */
    REAL *edges;       /* (Q, R, K') */
    REAL *flows;       /* (P, R, K'), or null */
    REAL *ratio;       /* (R, K') */
    REAL *into;        /* (R, K') */
    double *shares;    /* (top) */
    double *sums;      /* (top) */
};
