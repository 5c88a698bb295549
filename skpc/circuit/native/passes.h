/* The passes of one block of rows in one type of floats, for one kind of processor; included by
 * typed.h.
 *
 * REAL is the type, NAME(x) the name of a function for it and the processor, TYPED(x) one for the
 * type alone. Axes: P partitions, Q edges, K units, K' = `width`, K padded to a multiple of 16, R =
 * `block` rows of a block, a multiple of ROWS, B rows in all.
 *
 * Values of a node are [row][unit]; their maximum over units is between 1/2 and 1, the factor that
 * was taken out is a power of two, and its logarithm, with those of leaves, is kept apart.
 */

#include "products.h"

#define WHOLE_TILES(rows) (((rows) + 7) / 8 * 8)

#include "leaves.h"

/* Take the power of two next above the maximum over units out of the values of every row. */
INLINE void NAME(rescale)(REAL *restrict values, double *restrict logs, int rows, int width)
{
    for (int r = 0; r < rows; r++) {
        REAL *row = values + (size_t)r * width;
        REAL lanes[LANES], factor;
        memcpy(lanes, row, sizeof lanes);
        for (int k = LANES; k < width; k += LANES)
            for (int l = 0; l < LANES; l++) lanes[l] = lanes[l] > row[k + l] ? lanes[l] : row[k + l];
        UNROLL for (int half = LANES / 2; half; half /= 2)
            UNROLL for (int k = 0; k < half; k++)
                lanes[k] = lanes[k] > lanes[k + half] ? lanes[k] : lanes[k + half];
        /* The exponent stands in the bits: weights and probabilities have floors, so the maximum is
         * neither zero nor subnormal. */
        WORD bits;
        memcpy(&bits, lanes, sizeof bits);
        const WORD exponent = (bits >> MANTISSA) - BIAS;
        bits = (BIAS + 1 - exponent) << MANTISSA;
        memcpy(&factor, &bits, sizeof bits);
        for (int k = 0; k < width; k += LANES) *(VECTOR *)(row + k) *= factor;
        logs[r] += (double)exponent * LOG_2;
    }
}

/* What an edge reads: values [row][unit]. */
struct NAME(input) {
    const REAL *values;
    int units;
};

INLINE struct NAME(input) NAME(input_of)(const struct program *p, const struct TYPED(arrays) *a, int64_t child)
{
    const size_t node = (size_t)p->block * p->width;
    if (child >= 0) return (struct NAME(input)){a->partitions + child * node, p->units};
    return (struct NAME(input)){a->leaf_values + (-1 - child) * node, p->leaf_units};
}

/* Multiply the values of a partition by the densities of a direct leaf region. */
INLINE void NAME(look_up)(
    const struct program *p, const struct TYPED(arrays) *a, int64_t leaf, int64_t first, int rows, REAL *values)
{
    const int width = p->width;
    const REAL *table = a->tables + p->table[leaf] * width;
    const int32_t *codes = a->codes + p->code_of[leaf] * p->n_rows + first;
    const size_t step = (size_t)p->stride[leaf] * width;
    for (int r = 0; r < rows; r++) {
        /* Integrate out: a missing cell has density 1 in all units. */
        if (codes[r] < 0) continue;
        const REAL *of_code = table + (size_t)codes[r] * step;
        REAL *row = values + (size_t)r * width;
        for (int k = 0; k < width; k += LANES) *(VECTOR *)(row + k) *= *(const VECTOR *)(of_code + k);
    }
}

/* Upward through all partitions for rows first, ..., first + rows - 1; those that fill up
 * their last tile are computed with them and not used. */
INLINE void NAME(upward)(const struct program *p, const struct TYPED(arrays) *a, int64_t first, int rows)
{
    const int width = p->width, whole = WHOLE_TILES(rows);
    const size_t node = (size_t)p->block * width, used = (size_t)whole * width;
    NAME(fill_leaves)(p, a, first, rows);
    for (int64_t q = 0; q < p->n_partitions; q++) {
        REAL *values = a->partitions + q * node;
        double *logs = a->logs + q * p->block;
        for (size_t i = 0; i < used; i++) values[i] = 1;
        for (int r = 0; r < whole; r++) logs[r] = 0;
        int factors = 0;
        for (int64_t f = p->first_factor[q]; f < p->first_factor[q + 1]; f++) {
            const int64_t factor = p->factors[f];
            if (factors == MOST_FACTORS) {
                NAME(rescale)(values, logs, whole, width);
                factors = 1;
            }
            factors++;
            if (factor < 0) {
                NAME(look_up)(p, a, -1 - factor, first, rows, values);
                continue;
            }
            const int64_t child = p->child[factor];
            const double *below = child < 0 ? a->leaf_maxima + (-1 - child) * p->block : a->logs + child * p->block;
            for (int r = 0; r < rows; r++) logs[r] += below[r];
            const struct NAME(input) in = NAME(input_of)(p, a, child);
            const REAL *weights = a->weights + (size_t)factor * p->most_units * width;
            NAME(sum_up)(in.values, weights, a->edges + factor * node, values, whole, in.units, width);
        }
        NAME(rescale)(values, logs, whole, width);
    }
}

/* The root: log densities, what training raises, and, with `flows`, those into its partitions. */
INLINE void NAME(root)(const struct program *p, const struct TYPED(arrays) *a, int64_t first, int rows)
{
    const int width = p->width, block = p->block;
    const size_t node = (size_t)block * width;
    for (int r = 0; r < rows; r++) {
        double highest = -DBL_MAX;
        for (int64_t t = 0; t < p->n_top; t++) {
            const REAL *values = a->partitions + p->top[t] * node + (size_t)r * width;
            const REAL *weights = a->root_weights + t * width;
            double sum = 0;
            for (int k = 0; k < p->units; k++) sum += (double)weights[k] * (double)values[k];
            sum = sum > TINY ? sum : TINY;
            a->shares[t] = log(sum) + a->logs[p->top[t] * block + r];
            a->sums[t] = sum;
            highest = a->shares[t] > highest ? a->shares[t] : highest;
        }
        double total = 0, tempered = 0;
        for (int64_t t = 0; t < p->n_top; t++) total += exp(a->shares[t] - highest);
        a->root[first + r] = highest + log(total);
        if (!a->flows) continue;
        for (int64_t t = 0; t < p->n_top; t++) {
            a->shares[t] = exp(p->exponent * (a->shares[t] - highest));
            tempered += a->shares[t];
        }
        a->objective[first + r] = highest + log(tempered) / p->exponent;
        for (int64_t t = 0; t < p->n_top; t++) {
            const REAL *values = a->partitions + p->top[t] * node + (size_t)r * width;
            const REAL *weights = a->root_weights + t * width;
            REAL *flow = a->flows + p->slot[p->top[t]] * node + (size_t)r * width;
            const double share = a->row_weights[first + r] * a->shares[t] / tempered / a->sums[t];
            for (int k = 0; k < p->units; k++) {
                const REAL into = (REAL)(share * (double)weights[k]) * values[k];
                flow[k] += into;
                a->root_counts[t * width + k] += into;
            }
        }
    }
}

/* Flows into the values of a direct leaf region. */
INLINE void NAME(count_values)(
    const struct program *p, const struct TYPED(arrays) *a, int64_t leaf, int64_t first, int rows, const REAL *flow)
{
    const int width = p->width;
    REAL *table = a->table_counts + p->table[leaf] * width;
    const int32_t *codes = a->codes + p->code_of[leaf] * p->n_rows + first;
    const size_t step = (size_t)p->stride[leaf] * width;
    for (int r = 0; r < rows; r++) {
        if (codes[r] < 0) continue;
        REAL *of_code = table + (size_t)codes[r] * step;
        const REAL *row = flow + (size_t)r * width;
        for (int k = 0; k < width; k += LANES) *(VECTOR *)(of_code + k) += *(const VECTOR *)(row + k);
    }
}

/* Flows from the root's partitions to the leaves, and counts of all weights. */
INLINE void NAME(downward)(const struct program *p, const struct TYPED(arrays) *a, int64_t first, int rows)
{
    const int width = p->width, whole = WHOLE_TILES(rows);
    const size_t node = (size_t)p->block * width, used = (size_t)whole * width;
    for (int64_t q = p->n_partitions - 1; q >= 0; q--) {
        REAL *flow = a->flows + p->slot[q] * node;
        for (int64_t f = p->first_factor[q]; f < p->first_factor[q + 1]; f++) {
            const int64_t factor = p->factors[f];
            if (factor < 0) {
                NAME(count_values)(p, a, -1 - factor, first, rows, flow);
                continue;
            }
            const int64_t child = p->child[factor];
            NAME(divide)(flow, a->edges + factor * node, a->ratio, used);
            const struct NAME(input) in = NAME(input_of)(p, a, child);
            const size_t weights = (size_t)factor * p->most_units * width;
            NAME(add_counts)(in.values, a->ratio, a->counts + weights, whole, in.units, width);
            if (child >= 0) {
                NAME(pass_down)(
                    a->ratio, a->transposed + weights, in.values, a->flows + p->slot[child] * node, whole, p->units, width);
                continue;
            }
            memset(a->into, 0, used * sizeof(REAL));
            NAME(pass_down)(a->ratio, a->transposed + weights, in.values, a->into, whole, p->units, width);
            NAME(count_leaf)(p, a, -1 - child, first, rows, a->into);
        }
        /* The flows of another partition will be added here. */
        memset(flow, 0, used * sizeof(REAL));
    }
}

/* Rows begin, ..., end - 1, block after block. */
TARGET static void NAME(passes)(const struct program *p, const struct TYPED(arrays) *a, int64_t begin, int64_t end)
{
    const size_t node = (size_t)p->block * p->width;
    for (int64_t first = begin; first < end; first += p->block) {
        const int64_t left = end - first;
        const int rows = left < p->block ? (int)left : p->block;
        NAME(upward)(p, a, first, rows);
        if (a->flows && first == begin) memset(a->flows, 0, (size_t)p->n_slots * node * sizeof(REAL));
        NAME(root)(p, a, first, rows);
        if (a->flows) NAME(downward)(p, a, first, rows);
    }
}

#include "pack.h"

#undef VECTOR
#undef LANES
#undef WHOLE_TILES

/* What typed.h defined for the type. */
#undef REAL
#undef TYPED
#undef NAME
#undef MOST_FACTORS
#undef SMALLEST
#undef RECIPROCAL
#undef WORD
#undef MANTISSA
#undef BIAS
#undef EXP
