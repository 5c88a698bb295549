/* Leaf regions that have a sum above them, in one type of floats; included by passes.h. Axes as
 * there; M leaf regions.
 *
 * The log density of a region is a sum over its entries, a group of columns each. What a cell adds
 * is a row of the table of its entry, that of the cell's value, and for a number z, which has the
 * value 0 of an entry that is `quadratic`, theta_1 z + theta_2 z^2 besides. A region without entries
 * has its log densities from outside, and its flows go there.
 */

/* As many numbers as there are in a vector of doubles. */
typedef REAL NAME(narrow) __attribute__((vector_size(DOUBLES * sizeof(REAL)), aligned(sizeof(REAL)), may_alias));
#define AS_DOUBLES(x) __builtin_convertvector(*(const NAME(narrow) *)(x), DOUBLE_VECTOR)

/* Of such a region the first row in the matrix of log densities. */
INLINE int64_t NAME(leaf_row)(const struct program *p, int64_t leaf, int64_t first)
{
    return p->leaf_scope[leaf] * p->n_rows + p->leaf_copy[leaf] + first * p->leaf_stride[leaf];
}

/* h += what a cell adds to the log densities of all units. */
INLINE void NAME(add_entry)(const struct entry *e, const double *tables, int32_t code, double z, double *restrict h, int width)
{
    const double *first = tables + e->row * width;
    const size_t step = (size_t)e->step * width;
    const double *of_value = first + (2 * e->quadratic + code) * step;
    if (e->quadratic && !code)
        for (int k = 0; k < width; k += DOUBLES)
            *(DOUBLE_VECTOR *)(h + k) += *(const DOUBLE_VECTOR *)(of_value + k)
                + z * (*(const DOUBLE_VECTOR *)(first + k) + z * *(const DOUBLE_VECTOR *)(first + step + k));
    else
        for (int k = 0; k < width; k += DOUBLES)
            *(DOUBLE_VECTOR *)(h + k) += *(const DOUBLE_VECTOR *)(of_value + k);
}

/* Log densities h of all units of a region in a row. */
INLINE void NAME(leaf_row_logs)(
    const struct program *p, const struct TYPED(arrays) *a, int64_t leaf, int64_t row, double *restrict h)
{
    const int64_t begin = p->first_entry[leaf], end = p->first_entry[leaf + 1];
    for (int k = 0; k < p->width; k++) h[k] = 0;
    for (int64_t i = begin; i < end; i++) {
        const int64_t at = p->entries[i].cell * p->n_rows + row;
        /* Integrate out: a missing cell adds the logarithm of 1. */
        if (a->codes[at] < 0) continue;
        NAME(add_entry)(p->entries + i, a->leaf_tables, a->codes[at], a->numbers[at], h, p->width);
    }
    if (begin < end) return;
    const double *given = a->leaf_logs + NAME(leaf_row)(p, leaf, row) * p->leaf_units;
    for (int k = 0; k < p->leaf_units; k++) h[k] = given[k];
    for (int k = p->leaf_units; k < p->width; k++) h[k] = LOWEST;
}

/* Values of all units from log densities h, their maximum over units taken out and returned. */
INLINE double NAME(values_of)(const double *h, REAL *values, int width)
{
    double lanes[16];
    memcpy(lanes, h, sizeof lanes);
    for (int k = 16; k < width; k += 16)
        for (int l = 0; l < 16; l++) lanes[l] = lanes[l] > h[k + l] ? lanes[l] : h[k + l];
    UNROLL for (int half = 8; half; half /= 2)
        UNROLL for (int k = 0; k < half; k++)
            lanes[k] = lanes[k] > lanes[k + half] ? lanes[k] : lanes[k + half];
    const double most = lanes[0] > LOWEST ? lanes[0] : LOWEST;
    for (int k = 0; k < width; k++) values[k] = EXP((REAL)((h[k] > LOWEST ? h[k] : LOWEST) - most));
    return most;
}

/* Of the only entry of a region the row of the table that has the values in a row of cells; -1 where
 * they depend on a number, or on several columns. */
INLINE int64_t NAME(row_of_value)(const struct program *p, const int32_t *codes, int64_t leaf, int64_t row)
{
    const struct entry *e = p->entries + p->first_entry[leaf];
    if (p->first_entry[leaf + 1] - p->first_entry[leaf] != 1) return -1;
    const int32_t code = codes[e->cell * p->n_rows + row];
    return code < 0 || (e->quadratic && !code) ? -1 : e->row + (2 * e->quadratic + code) * e->step;
}

/* Values of all leaf regions. */
INLINE void NAME(fill_leaves)(const struct program *p, const struct TYPED(arrays) *a, int64_t first, int rows)
{
    const int width = p->width, whole = WHOLE_TILES(rows);
    for (int64_t leaf = 0; leaf < p->n_leaves; leaf++) {
        REAL *values = a->leaf_values + (size_t)leaf * p->block * width;
        double *maxima = a->leaf_maxima + leaf * p->block;
        for (int r = 0; r < rows; r++) {
            REAL *of_row = values + (size_t)r * width;
            const int64_t known = NAME(row_of_value)(p, a->codes, leaf, first + r);
            if (known < 0) {
                NAME(leaf_row_logs)(p, a, leaf, first + r, a->row);
                maxima[r] = NAME(values_of)(a->row, of_row, width);
            } else {
                const REAL *densities = a->leaf_densities + known * width;
                for (int k = 0; k < width; k += LANES) *(VECTOR *)(of_row + k) = *(const VECTOR *)(densities + k);
                maxima[r] = a->leaf_highest[known];
            }
        }
        for (int i = rows * width; i < whole * width; i++) values[i] = 1;
    }
}

/* Flows (rows, K') into values of an entry, and into its numbers, to its sums. */
INLINE void NAME(count_codes)(
    const struct entry *e, const int32_t *codes, const REAL *flows, double *table, int rows, int width)
{
    const size_t step = (size_t)e->step * width;
    for (int r = 0; r < rows; r++) {
        if (codes[r] < 0 || (e->quadratic && !codes[r])) continue;
        const REAL *flow = flows + (size_t)r * width;
        double *sums = table + (2 * e->quadratic + codes[r]) * step;
        for (int k = 0; k < width; k += DOUBLES) *(DOUBLE_VECTOR *)(sums + k) += AS_DOUBLES(flow + k);
    }
}

INLINE void NAME(count_numbers)(
    const struct entry *e, const int32_t *codes, const double *numbers, const REAL *flows, double *sums, int rows,
    int width)
{
    const size_t step = (size_t)e->step * width;
    for (int k = 0; k < width; k += DOUBLES) {
        DOUBLE_VECTOR counts = {0}, of_z = {0}, of_squares = {0};
        for (int r = 0; r < rows; r++) {
            if (codes[r]) continue;
            const DOUBLE_VECTOR flow = AS_DOUBLES(flows + (size_t)r * width + k);
            counts += flow;
            of_z += numbers[r] * flow;
            of_squares += numbers[r] * numbers[r] * flow;
        }
        *(DOUBLE_VECTOR *)(sums + k) += of_z;
        *(DOUBLE_VECTOR *)(sums + step + k) += of_squares;
        *(DOUBLE_VECTOR *)(sums + 2 * step + k) += counts;
    }
}

/* Flows (rows, K') into a region, to the sums of its entries or to the outside. */
INLINE void NAME(count_leaf)(
    const struct program *p, const struct TYPED(arrays) *a, int64_t leaf, int64_t first, int rows, const REAL *flows)
{
    const int width = p->width;
    const int64_t begin = p->first_entry[leaf], end = p->first_entry[leaf + 1];
    for (int64_t i = begin; i < end; i++) {
        const struct entry *e = p->entries + i;
        const int32_t *codes = a->codes + e->cell * p->n_rows + first;
        double *sums = a->leaf_sums + e->row * width;
        NAME(count_codes)(e, codes, flows, sums, rows, width);
        if (e->quadratic)
            NAME(count_numbers)(e, codes, a->numbers + e->cell * p->n_rows + first, flows, sums, rows, width);
    }
    if (begin < end) return;
    const size_t stride = (size_t)p->leaf_stride[leaf] * p->leaf_units;
    REAL *outside = a->leaf_flows + NAME(leaf_row)(p, leaf, first) * p->leaf_units;
    for (int r = 0; r < rows; r++)
        for (int k = 0; k < p->leaf_units; k++) outside[r * stride + k] += flows[(size_t)r * width + k];
}

#undef AS_DOUBLES
