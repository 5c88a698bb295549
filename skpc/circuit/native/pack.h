/* Parameters as the passes read them, and counts as the M-step reads them, in one type of floats;
 * included by typed.h.
 *
 * Axes: N rows of parameters of leaves, of which the first T are those of direct leaf regions, K
 * units, K' padded ones. A `group` is what one family has in all regions of one scope, its copies:
 * rows (statistics and a count, copies, K), see skpc/circuit/native/leaves.py.
 */

/* Weights (O, I) of every edge, by [input][output] and by [output][input], zeros around them. */
INLINE void NAME(pack_weights)(const struct program *p, const struct packing *from, const struct TYPED(arrays) *to)
{
    const int width = p->width, most = p->most_units, n_out = p->units;
    const size_t size = (size_t)most * width;
    for (int64_t l = 0; l < from->n_layers; l++) {
        const int n_in = (int)from->inputs[l];
        const double *weights = from->weights[l];
        for (int64_t q = from->first_edge[l]; q < from->first_edge[l + 1]; q++, weights += n_out * n_in) {
            REAL *forward = to->weights + q * size, *backward = to->transposed + q * size;
            memset(forward, 0, size * sizeof(REAL));
            memset(backward, 0, size * sizeof(REAL));
            for (int o = 0; o < n_out; o++)
                for (int i = 0; i < n_in; i++) {
                    const REAL weight = (REAL)weights[o * n_in + i];
                    forward[i * width + o] = weight;
                    backward[o * width + i] = weight;
                }
        }
    }
    const double *root = from->weights[from->n_layers];
    for (int64_t t = 0; t < p->n_top; t++)
        for (int k = 0; k < width; k++) to->root_weights[t * width + k] = k < n_out ? (REAL)root[t * n_out + k] : 0;
}

/* Of some copies of a group the row of statistic j, n = copies K numbers: the log density of its
 * value, which is theta of the indicator - A, A the log partition; theta alone for z and z^2. */
INLINE void NAME(log_densities)(
    const struct packing *from, const struct group *group, int64_t j, int64_t first, int n, int units, double *h)
{
    const int64_t quadratic = group->kind == NUMBERS, last = 2 * quadratic + group->values;
    const double *theta = from->leaves + (group->row + j * group->copies + first) * units;
    const double *base = from->leaves + (group->row + last * group->copies + first) * units;
    const double share = j < 2 * quadratic || j == last ? 0 : 1;
    for (int i = 0; i < n; i++) h[i] = theta[i] + share * base[i];
}

/* Log densities of a value in one leaf region, and its density or, where there is a sum above, that
 * with the maximum over units taken out. */
INLINE void NAME(pack_value)(
    const struct program *p, const struct group *group, int64_t j, int64_t row, const double *h,
    const struct TYPED(arrays) *to)
{
    const int width = p->width, units = p->leaf_units, is_value = j >= 2 * (group->kind == NUMBERS);
    if (group->direct) {
        REAL *table = to->tables + row * width;
        for (int k = 0; k < units; k++) table[k] = (REAL)h[k];
        for (int k = units; k < width; k++) table[k] = 0;
        return;
    }
    const int64_t at = row - p->n_table_rows;
    double *table = to->leaf_tables + at * width;
    for (int k = 0; k < units; k++) table[k] = h[k];
    for (int k = units; k < width; k++) table[k] = is_value ? LOWEST : 0;
    if (is_value) to->leaf_highest[at] = NAME(values_of)(table, to->leaf_densities + at * width, width);
}

INLINE void NAME(pack_leaves)(const struct program *p, const struct packing *from, const struct TYPED(arrays) *to)
{
    const int units = p->leaf_units;
    for (int64_t g = 0; g < from->n_groups; g++) {
        const struct group *group = from->groups + g;
        const int64_t last = 2 * (group->kind == NUMBERS) + group->values;
        if (group->kind == KEPT) continue;
        for (int64_t j = 0; j <= last; j++)
            for (int64_t first = 0; first < group->copies; first += COPIES) {
                const int copies = group->copies - first < COPIES ? (int)(group->copies - first) : COPIES;
                double *h = to->copies;
                NAME(log_densities)(from, group, j, first, copies * units, units, h);
                if (group->direct)
                    for (int i = 0; i < copies * units; i++) h[i] = exp_double(h[i]);
                for (int c = 0; c < copies; c++)
                    NAME(pack_value)(p, group, j, group->row + j * group->copies + first + c, h + c * units, to);
            }
    }
}

TARGET static void NAME(pack)(const struct program *p, const struct packing *from, const struct TYPED(arrays) *to)
{
    NAME(pack_weights)(p, from, to);
    NAME(pack_leaves)(p, from, to);
}

/* Counts of all weights (O, I). */
INLINE void NAME(unpack_weights)(const struct program *p, const struct packing *to, const struct TYPED(arrays) *found)
{
    const int width = p->width, n_out = p->units;
    const size_t size = (size_t)p->most_units * width;
    for (int64_t l = 0; l < to->n_layers; l++) {
        const int n_in = (int)to->inputs[l];
        const double *weights = to->weights[l];
        double *into = to->counts[l];
        for (int64_t q = to->first_edge[l]; q < to->first_edge[l + 1]; q++) {
            const REAL *counts = found->counts + q * size;
            for (int o = 0; o < n_out; o++, weights += n_in, into += n_in)
                for (int i = 0; i < n_in; i++) into[i] = weights[i] * (double)counts[i * width + o];
        }
    }
    double *root = to->counts[to->n_layers];
    for (int64_t t = 0; t < p->n_top; t++)
        for (int k = 0; k < n_out; k++) root[t * n_out + k] = found->root_counts[t * width + k];
}

/* Of a group in one region the sums of its statistics, and as the last row those of all values. */
INLINE void NAME(unpack_copy)(
    const struct program *p, const struct packing *to, const struct group *group, int64_t copy,
    const struct TYPED(arrays) *found)
{
    const int width = p->width, units = p->leaf_units;
    const int64_t first = 2 * (group->kind == NUMBERS), last = first + group->values;
    double *count = to->sums + (group->row + last * group->copies + copy) * units;
    for (int k = 0; k < units; k++) count[k] = 0;
    for (int64_t j = 0; j <= last; j++) {
        const int64_t row = group->row + j * group->copies + copy;
        double *sums = to->sums + row * units;
        for (int k = 0; k < units; k++) {
            const double sum = group->direct ? (double)found->table_counts[row * width + k]
                                             : found->leaf_sums[(row - p->n_table_rows) * width + k];
            if (j < last) sums[k] = sum;
            if (j >= first) count[k] += sum;
        }
    }
}

/* Expected statistics of all weights and leaves; zeros for leaves that are not read here. */
TARGET static void NAME(unpack)(const struct program *p, const struct packing *to, const struct TYPED(arrays) *found)
{
    NAME(unpack_weights)(p, to, found);
    for (int64_t g = 0; g < to->n_groups; g++) {
        const struct group *group = to->groups + g;
        const size_t n = (size_t)group->copies * p->leaf_units;
        if (group->kind == KEPT)
            memset(to->sums + group->row * p->leaf_units, 0, n * sizeof(double));
        else
            for (int64_t copy = 0; copy < group->copies; copy++) NAME(unpack_copy)(p, to, group, copy, found);
    }
}
