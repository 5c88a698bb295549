/* Leaf regions that have a sum above them, in one type of floats; included by passes.h. Axes as
 * there; M leaf regions.
 *
 * The log density of a region is a sum over its entries, a group of columns each. What a cell adds
 * is a row of the table of its entry, that of the cell's value, and for a number z, which has the
 * value 0 of an entry that is `quadratic`, theta_1 z + theta_2 z^2 besides. A region without entries
 * has its log densities from outside, and its flows go there.
 */

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

INLINE double NAME(largest)(const double *h, int width)
{
    double lanes[16];
    memcpy(lanes, h, sizeof lanes);
    for (int k = 16; k < width; k += 16)
        for (int l = 0; l < 16; l++) lanes[l] = lanes[l] > h[k + l] ? lanes[l] : h[k + l];
    UNROLL for (int half = 8; half; half /= 2)
        UNROLL for (int k = 0; k < half; k++)
            lanes[k] = lanes[k] > lanes[k + half] ? lanes[k] : lanes[k + half];
    return lanes[0];
}

/* Values of all leaf regions, their maximum over units taken out. */
INLINE void NAME(fill_leaves)(const struct program *p, const struct TYPED(arrays) *a, int64_t first, int rows)
{
    const int width = p->width, whole = WHOLE_TILES(rows);
    for (int64_t leaf = 0; leaf < p->n_leaves; leaf++) {
        REAL *values = a->leaf_values + (size_t)leaf * p->block * width;
        for (int r = 0; r < rows; r++) {
            NAME(leaf_row_logs)(p, a, leaf, first + r, a->row);
            double most = NAME(largest)(a->row, width);
            most = most > LOWEST ? most : LOWEST;
            a->leaf_maxima[leaf * p->block + r] = most;
            REAL *of_row = values + (size_t)r * width;
            for (int k = 0; k < width; k++) of_row[k] = (REAL)(a->row[k] > LOWEST ? a->row[k] - most : LOWEST - most);
        }
        for (int i = 0; i < rows * width; i++) values[i] = EXP(values[i]);
        for (int i = rows * width; i < whole * width; i++) values[i] = 1;
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
        const double *numbers = a->numbers + e->cell * p->n_rows + first;
        const size_t step = (size_t)e->step * width;
        double *sums = a->leaf_sums + e->row * width;
        for (int r = 0; r < rows; r++) {
            if (codes[r] < 0) continue;
            const REAL *flow = flows + (size_t)r * width;
            double *of_value = sums + (2 * e->quadratic + codes[r]) * step;
            for (int k = 0; k < width; k++) of_value[k] += flow[k];
            if (!e->quadratic || codes[r]) continue;
            const double z = numbers[r];
            for (int k = 0; k < width; k++) {
                sums[k] += z * flow[k];
                sums[step + k] += z * z * flow[k];
            }
        }
    }
    if (begin < end) return;
    const size_t stride = (size_t)p->leaf_stride[leaf] * p->leaf_units;
    REAL *outside = a->leaf_flows + NAME(leaf_row)(p, leaf, first) * p->leaf_units;
    for (int r = 0; r < rows; r++)
        for (int k = 0; k < p->leaf_units; k++) outside[r * stride + k] += flows[(size_t)r * width + k];
}
