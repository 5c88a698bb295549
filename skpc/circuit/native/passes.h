/* The passes of one block of rows in one type of floats; included by kernel.c once for each type.
 *
 * REAL is the type, NAME(x) the name of a function for it. Axes: P partitions, Q edges, K units,
 * K' = `width`, K padded to a multiple of LANES, R = `rows` rows of a block, B rows in all.
 *
 * Values of a node are [row][unit]; their maximum over units is between 1/2 and 1, the factor that
 * was taken out is a power of two, and its logarithm, with those of leaves, is kept apart.
 */

#define BYTES 64
#define LANES ((int)(BYTES / sizeof(REAL)))
typedef REAL NAME(vector) __attribute__((vector_size(BYTES), aligned(sizeof(REAL)), may_alias));
#define VECTOR NAME(vector)

/* Rows of a product that are summed at once, so that additions need not wait for each other. */
#define TILE 8

/* out[r][o] = sum over i of in[r][i] w[i][o]. */
static inline __attribute__((always_inline)) void NAME(product)(
    const REAL *restrict in, const REAL *restrict w, REAL *restrict out, int rows, int inputs, int width)
{
    for (int r = 0; r < rows; r += TILE) {
        for (int o = 0; o < width; o += LANES) {
            VECTOR sum[TILE] = {0};
            for (int i = 0; i < inputs; i++) {
                const VECTOR column = *(const VECTOR *)(w + (size_t)i * width + o);
                for (int j = 0; j < TILE; j++) sum[j] += in[(size_t)(r + j) * width + i] * column;
            }
            for (int j = 0; j < TILE; j++) *(VECTOR *)(out + (size_t)(r + j) * width + o) = sum[j];
        }
    }
}

/* counts[i][o] += sum over r of in[r][i] ratio[r][o]. */
static inline __attribute__((always_inline)) void NAME(add_counts)(
    const REAL *restrict in, const REAL *restrict ratio, REAL *restrict counts, int rows, int inputs, int width)
{
    int i = 0;
    for (; i + TILE <= inputs; i += TILE) {
        for (int o = 0; o < width; o += LANES) {
            VECTOR sum[TILE];
            for (int j = 0; j < TILE; j++) sum[j] = *(VECTOR *)(counts + (size_t)(i + j) * width + o);
            for (int r = 0; r < rows; r++) {
                const VECTOR g = *(const VECTOR *)(ratio + (size_t)r * width + o);
                for (int j = 0; j < TILE; j++) sum[j] += in[(size_t)r * width + i + j] * g;
            }
            for (int j = 0; j < TILE; j++) *(VECTOR *)(counts + (size_t)(i + j) * width + o) = sum[j];
        }
    }
    for (; i < inputs; i++) {
        for (int o = 0; o < width; o += LANES) {
            VECTOR sum = *(VECTOR *)(counts + (size_t)i * width + o);
            for (int r = 0; r < rows; r++)
                sum += in[(size_t)r * width + i] * *(const VECTOR *)(ratio + (size_t)r * width + o);
            *(VECTOR *)(counts + (size_t)i * width + o) = sum;
        }
    }
}

/* Take the power of two next above the maximum over units out of the values of every row. */
static inline __attribute__((always_inline)) void NAME(rescale)(REAL *restrict values, double *restrict logs, int rows, int width)
{
    for (int r = 0; r < rows; r++) {
        REAL *row = values + (size_t)r * width;
        REAL largest = 0, factor;
        for (int k = 0; k < width; k++) largest = row[k] > largest ? row[k] : largest;
        /* The exponent stands in the bits: weights and probabilities have floors, so the maximum is
         * neither zero nor subnormal. */
        WORD bits;
        memcpy(&bits, &largest, sizeof bits);
        const WORD exponent = (bits >> MANTISSA) - BIAS;
        bits = (BIAS + 1 - exponent) << MANTISSA;
        memcpy(&factor, &bits, sizeof bits);
        for (int k = 0; k < width; k += LANES) *(VECTOR *)(row + k) *= factor;
        logs[r] += (double)exponent * LOG_2;
    }
}

/* Values (summed, K, B) of leaf regions that have a sum above them, as [row][unit] of one region. */
static inline __attribute__((always_inline)) void NAME(read_leaf)(
    const struct program *p, const REAL *values, int leaf, int64_t first, int rows, REAL *restrict out)
{
    const REAL *of_leaf = values + (size_t)leaf * p->leaf_units * p->n_rows;
    memset(out, 0, (size_t)p->block * p->width * sizeof(REAL));
    for (int k = 0; k < p->leaf_units; k++)
        for (int r = 0; r < rows; r++) out[(size_t)r * p->width + k] = of_leaf[(size_t)k * p->n_rows + first + r];
}

/* Upward through all partitions for rows first, ..., first + rows - 1; padded rows repeat nothing. */
static inline __attribute__((always_inline)) void NAME(upward)(
    const struct program *p, const struct NAME(arrays) *a, int64_t first, int rows)
{
    const int width = p->width, block = p->block;
    const size_t node = (size_t)block * width;
    for (int64_t q = 0; q < p->n_partitions; q++) {
        REAL *values = a->partitions + q * node;
        double *logs = a->logs + q * block;
        for (size_t i = 0; i < node; i++) values[i] = 1;
        for (int r = 0; r < block; r++) logs[r] = 0;
        int factors = 0;
        for (int64_t f = p->first_factor[q]; f < p->first_factor[q + 1]; f++) {
            const int64_t factor = p->factors[f];
            if (factors == MOST_FACTORS) {
                NAME(rescale)(values, logs, block, width);
                factors = 1;
            }
            factors++;
            if (factor < 0) {
                const int64_t leaf = -1 - factor;
                const REAL *table = a->tables + p->table[leaf] * width;
                const int32_t *codes = a->codes + p->code_of[leaf] * p->n_rows + first;
                for (int r = 0; r < rows; r++) {
                    /* Integrate out: a missing cell has density 1 in all units. */
                    if (codes[r] < 0) continue;
                    const REAL *of_code = table + (size_t)codes[r] * p->stride[leaf] * width;
                    REAL *row = values + (size_t)r * width;
                    for (int k = 0; k < width; k += LANES) *(VECTOR *)(row + k) *= *(const VECTOR *)(of_code + k);
                }
                continue;
            }
            const int64_t child = p->child[factor];
            REAL *sums = a->edges + factor * node;
            const REAL *inputs;
            int n_inputs;
            if (child < 0) {
                const int64_t leaf = -1 - child;
                NAME(read_leaf)(p, a->leaves, (int)leaf, first, rows, a->inputs);
                inputs = a->inputs;
                n_inputs = p->leaf_units;
                for (int r = 0; r < rows; r++) logs[r] += (double)a->leaf_logs[leaf * p->n_rows + first + r];
            } else {
                inputs = a->partitions + child * node;
                n_inputs = p->units;
                for (int r = 0; r < rows; r++) logs[r] += a->logs[child * block + r];
            }
            NAME(product)(inputs, a->weights + (size_t)factor * p->most_units * width, sums, block, n_inputs, width);
            for (size_t i = 0; i < node; i += LANES) *(VECTOR *)(values + i) *= *(const VECTOR *)(sums + i);
        }
        NAME(rescale)(values, logs, block, width);
    }
}

/* The root: log densities, what training raises, and, with `flows`, those into its partitions. */
static inline __attribute__((always_inline)) void NAME(root)(
    const struct program *p, const struct NAME(arrays) *a, int64_t first, int rows)
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
            REAL *flow = a->flows + p->top[t] * node + (size_t)r * width;
            const double share = a->row_weights[first + r] * a->shares[t] / tempered / a->sums[t];
            for (int k = 0; k < p->units; k++) {
                const REAL into = (REAL)(share * (double)weights[k]) * values[k];
                flow[k] += into;
                a->root_counts[t * width + k] += into;
            }
        }
    }
}

/* Flows from the root's partitions to the leaves, and counts of all weights. */
static inline __attribute__((always_inline)) void NAME(downward)(
    const struct program *p, const struct NAME(arrays) *a, int64_t first, int rows)
{
    const int width = p->width, block = p->block;
    const size_t node = (size_t)block * width;
    for (int64_t q = p->n_partitions - 1; q >= 0; q--) {
        const REAL *flow = a->flows + q * node;
        for (int64_t f = p->first_factor[q]; f < p->first_factor[q + 1]; f++) {
            const int64_t factor = p->factors[f];
            if (factor < 0) {
                const int64_t leaf = -1 - factor;
                REAL *table = a->table_counts + p->table[leaf] * width;
                const int32_t *codes = a->codes + p->code_of[leaf] * p->n_rows + first;
                for (int r = 0; r < rows; r++) {
                    if (codes[r] < 0) continue;
                    REAL *of_code = table + (size_t)codes[r] * p->stride[leaf] * width;
                    const REAL *row = flow + (size_t)r * width;
                    for (int k = 0; k < width; k += LANES) *(VECTOR *)(of_code + k) += *(const VECTOR *)(row + k);
                }
                continue;
            }
            const int64_t child = p->child[factor];
            const REAL *sums = a->edges + factor * node;
            /* Padded units have the sum 0 and the flow 0. */
            for (size_t i = 0; i < node; i++)
                a->ratio[i] = flow[i] / (sums[i] > SMALLEST ? sums[i] : SMALLEST);
            const REAL *inputs;
            int n_inputs;
            if (child < 0) {
                NAME(read_leaf)(p, a->leaves, (int)(-1 - child), first, rows, a->inputs);
                inputs = a->inputs;
                n_inputs = p->leaf_units;
            } else {
                inputs = a->partitions + child * node;
                n_inputs = p->units;
            }
            const size_t weights = (size_t)factor * p->most_units * width;
            NAME(add_counts)(inputs, a->ratio, a->counts + weights, block, n_inputs, width);
            NAME(product)(a->ratio, a->transposed + weights, a->into, block, p->units, width);
            if (child < 0) {
                REAL *of_leaf = a->leaf_flows + (size_t)(-1 - child) * p->leaf_units * p->n_rows;
                for (int k = 0; k < p->leaf_units; k++)
                    for (int r = 0; r < rows; r++)
                        of_leaf[(size_t)k * p->n_rows + first + r] += a->into[(size_t)r * width + k] * inputs[(size_t)r * width + k];
            } else {
                REAL *of_child = a->flows + child * node;
                for (size_t i = 0; i < node; i += LANES)
                    *(VECTOR *)(of_child + i) += *(const VECTOR *)(a->into + i) * *(const VECTOR *)(inputs + i);
            }
        }
    }
}

/* Rows begin, ..., end - 1, block after block. */
CLONES void NAME(skpc_passes)(const struct program *p, const struct NAME(arrays) *a, int64_t begin, int64_t end)
{
    const size_t node = (size_t)p->block * p->width;
    for (int64_t first = begin; first < end; first += p->block) {
        const int64_t left = end - first;
        const int rows = left < p->block ? (int)left : p->block;
        NAME(upward)(p, a, first, rows);
        if (a->flows) memset(a->flows, 0, (size_t)p->n_partitions * node * sizeof(REAL));
        NAME(root)(p, a, first, rows);
        if (a->flows) NAME(downward)(p, a, first, rows);
    }
}

#undef VECTOR
#undef LANES
#undef BYTES
#undef TILE
