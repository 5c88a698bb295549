/* The M-step: parameters from running statistics and the prior's; included by typed.h. Axes as in
 * pack.h, C = group->copies * K numbers of a row of a group.
 *
 * What a family of each kind does to mean statistics is that of skpc/circuit/leaves: the kinds are
 * in kernel.c and in `Form` there.
 */

/* running = old + rate (fresh - old), or the fresh ones where there are no old ones; without fresh
 * ones they stay. */
INLINE void NAME(move)(const double *old, const double *fresh, double rate, double *running, int64_t n)
{
    if (!fresh) return;
    if (!old)
        for (int64_t i = 0; i < n; i++) running[i] = fresh[i];
    else if (rate < 0.5)
        for (int64_t i = 0; i < n; i++) running[i] = old[i] + rate * (fresh[i] - old[i]);
    else
        for (int64_t i = 0; i < n; i++) running[i] = fresh[i] - (fresh[i] - old[i]) * (1 - rate);
}

/* Of some copies of a group, n numbers a row: mean statistics, and as the last row the counts that
 * they were divided by, 1 where nothing was counted. Whether that is so anywhere. */
INLINE int NAME(mean_statistics)(
    const struct update *u, const struct group *group, int64_t first, int copies, int rows, double *mu)
{
    const int units = u->units, n = copies * units;
    int unused = 0;
    for (int j = 0; j <= rows; j++)
        for (int c = 0; c < copies; c++) {
            const int64_t row = group->row + j * group->copies + first + c;
            const double pseudo = u->share * u->prior[row], *running = u->running + row * units;
            for (int k = 0; k < units; k++) mu[j * n + c * units + k] = running[k] + pseudo;
        }
    double *restrict count = mu + rows * n;
    for (int i = 0; i < n; i++) {
        unused |= !(count[i] > 0);
        count[i] = count[i] > 0 ? count[i] : 1;
    }
    for (int j = 0; j < rows; j++) {
        double *restrict row = mu + j * n;
        for (int i = 0; i < n; i++) row[i] /= count[i];
    }
    return unused;
}

/* Shares (values, n) to their logarithms: none below its floor, and together `total`, or 1. */
INLINE void NAME(log_shares)(double *restrict p, int values, int n, const double *total, double *restrict sums)
{
    for (int i = 0; i < n; i++) sums[i] = 0;
    for (int j = 0; j < values; j++)
        for (int i = 0; i < n; i++) {
            const double share = p[j * n + i] > PROBABILITY_FLOOR ? p[j * n + i] : PROBABILITY_FLOOR;
            p[j * n + i] = share;
            sums[i] += share;
        }
    for (int i = 0; i < n; i++) sums[i] = (total ? total[i] : 1) / sums[i];
    for (int j = 0; j < values; j++)
        for (int i = 0; i < n; i++) p[j * n + i] = log_double(p[j * n + i] * sums[i]);
}

/* A code, mean indicators (values, n) to log p and the row of the count to -A = 0. */
INLINE void NAME(update_codes)(int values, int n, double *mu, double *scratch)
{
    NAME(log_shares)(mu, values, n, NULL, scratch);
    for (int i = 0; i < n; i++) mu[values * n + i] = 0;
}

/* Zero or one, p (1, n) to its logit and -A = log(1 - p). */
INLINE void NAME(update_binary)(int n, double *mu)
{
    for (int i = 0; i < n; i++) {
        double p = mu[i] > PROBABILITY_FLOOR ? mu[i] : PROBABILITY_FLOOR;
        p = p < 1 - PROBABILITY_FLOOR ? p : 1 - PROBABILITY_FLOOR;
        mu[n + i] = log_double(1 - p);
        mu[i] = log_double(p) - mu[n + i];
    }
}

/* A number z or an atom: means of z, of z^2 and of the indicators, if there are any, to m / v,
 * -1 / 2v, log p_0 - A and log p_i, or without indicators -A; A = m^2 / 2v + log(v) / 2. */
INLINE void NAME(update_numbers)(const struct group *group, int n, double *mu, double *scratch)
{
    const int values = (int)group->values;
    double *number = mu + 2 * n;
    for (int i = 0; i < n; i++) {
        /* Without numbers their distribution is a broad one. */
        const double share = values ? number[i] : 1, inverse = 1 / (share > PROBABILITY_FLOOR ? share : PROBABILITY_FLOOR);
        const int alive = share > 2 * PROBABILITY_FLOOR;
        const double mean = alive ? mu[i] * inverse : 0, square = alive ? mu[n + i] * inverse : 1;
        double variance = square - mean * mean;
        variance = variance > group->min_variance ? variance : group->min_variance;
        mu[i] = mean / variance;
        mu[n + i] = -0.5 / variance;
        scratch[i] = -0.5 * (mean * mu[i] + log_double(variance));
    }
    if (!values) {
        for (int i = 0; i < n; i++) number[i] = scratch[i];
        return;
    }
    double *left = scratch + n, most = 1 - (values - 1) * PROBABILITY_FLOOR;
    for (int i = 0; i < n; i++) {
        double share = number[i] > group->min_share ? number[i] : group->min_share;
        share = values == 1 ? 1 : share < most ? share : most;
        left[i] = 1 - share;
        number[i] = log_double(share) + scratch[i];
    }
    if (values > 1) NAME(log_shares)(number + n, values - 1, n, left, scratch);
    for (int i = 0; i < n; i++) number[values * n + i] = 0;
}

/* Some copies of a group; units that nothing was counted for keep their parameters. */
INLINE void NAME(update_copies)(const struct update *u, const struct group *group, int64_t first, int copies)
{
    const int units = u->units, n = copies * units;
    const int values = (int)group->values, rows = values + 2 * (group->kind == NUMBERS);
    double *mu = u->scratch, *more = u->scratch + (rows + 1) * n;
    const int unused = NAME(mean_statistics)(u, group, first, copies, rows, mu);
    if (group->kind == CODES) NAME(update_codes)(values, n, mu, more);
    if (group->kind == BINARY) NAME(update_binary)(n, mu);
    if (group->kind == NUMBERS) NAME(update_numbers)(group, n, mu, more);
    const int64_t last = (group->row + rows * group->copies + first) * units;
    for (int j = 0; j <= rows; j++) {
        const int64_t at = (group->row + j * group->copies + first) * units;
        memcpy(u->leaves + at, mu + j * n, n * sizeof(double));
        for (int i = 0; unused && i < n; i++)
            if (!(u->running[last + i] + u->share * u->prior[(last + i) / units] > 0))
                u->leaves[at + i] = u->old_leaves[at + i];
    }
}

TARGET static void NAME(update_leaves)(const struct update *u)
{
    NAME(move)(u->before, u->fresh, u->rate, u->running, u->n_rows * u->units);
    for (int64_t g = 0; g < u->n_groups; g++) {
        const struct group *group = u->groups + g;
        const int64_t at = group->row * u->units;
        if (group->kind == KEPT) {
            memcpy(u->leaves + at, u->old_leaves + at, (size_t)group->copies * u->units * sizeof(double));
            continue;
        }
        for (int64_t first = 0; first < group->copies; first += u->at_once) {
            const int64_t left = group->copies - first;
            NAME(update_copies)(u, group, first, (int)(left < u->at_once ? left : u->at_once));
        }
    }
}

/* The sum of n numbers, four at a time. */
INLINE double NAME(total_of)(const double *x, int n)
{
    double lanes[4] = {0};
    int i = 0;
    for (; i + 4 <= n; i += 4)
        for (int l = 0; l < 4; l++) lanes[l] += x[i + l];
    for (; i < n; i++) lanes[0] += x[i];
    return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
}

/* The weights of one sum: shares of its counts, none below its floor. */
INLINE void NAME(update_sum)(
    const double *restrict counts, const double *restrict old, double pseudo, double *restrict weights, int n)
{
    const double total = NAME(total_of)(counts, n) + n * pseudo, inverse = 1 / (total > LEAST_TOTAL ? total : 1);
    int below = 0;
    for (int i = 0; i < n; i++) weights[i] = total > LEAST_TOTAL ? (counts[i] + pseudo) * inverse : old[i];
    for (int i = 0; i < n; i++) below |= weights[i] < WEIGHT_FLOOR;
    if (!below) return;
    for (int i = 0; i < n; i++) weights[i] = weights[i] > WEIGHT_FLOOR ? weights[i] : WEIGHT_FLOOR;
    const double of_floored = NAME(total_of)(weights, n);
    for (int i = 0; i < n; i++) weights[i] /= of_floored;
}

/* Weights (sums, n) of all layers. */
TARGET static void NAME(update_sums)(const struct sums *s)
{
    for (int64_t l = 0; l < s->n_layers; l++) {
        const struct layer *layer = s->layers + l;
        const int n = (int)layer->n_inputs;
        NAME(move)(layer->before, layer->fresh, s->rate, layer->running, layer->n_sums * n);
        for (int64_t i = 0; i < layer->n_sums; i++)
            NAME(update_sum)(layer->running + i * n, layer->old + i * n, s->share / n, layer->weights + i * n, n);
    }
}
