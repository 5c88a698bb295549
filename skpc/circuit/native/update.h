/* The M-step: parameters from running statistics and the prior's; included by typed.h. Axes as in
 * pack.h, C = group->copies * K numbers of a row of a group.
 *
 * What a family of each kind does to mean statistics is that of skpc/circuit/leaves: the kinds are
 * in pack.h and in `Form` there.
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

/* Of some copies of a group: mean statistics (values + 3, n) and the counts that they were divided
 * by, which are at the end; 1 where nothing was counted. */
INLINE void NAME(mean_statistics)(
    const struct update *u, const struct group *group, int64_t first, int copies, int rows, double *mu)
{
    const int units = u->units, n = copies * units;
    for (int j = 0; j <= rows; j++)
        for (int c = 0; c < copies; c++) {
            const int64_t row = group->row + j * group->copies + first + c;
            const double pseudo = u->share * u->prior[row];
            for (int k = 0; k < units; k++) mu[j * n + c * units + k] = u->running[row * units + k] + pseudo;
        }
    double *count = mu + rows * n;
    for (int i = 0; i < n; i++) count[i] = count[i] > 0 ? count[i] : 1;
    for (int j = 0; j < rows; j++)
        for (int i = 0; i < n; i++) mu[j * n + i] /= count[i];
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
    NAME(mean_statistics)(u, group, first, copies, rows, mu);
    if (group->kind == CODES) NAME(update_codes)(values, n, mu, more);
    if (group->kind == BINARY) NAME(update_binary)(n, mu);
    if (group->kind == NUMBERS) NAME(update_numbers)(group, n, mu, more);
    for (int c = 0; c < copies; c++) {
        const int64_t last = group->row + rows * group->copies + first + c;
        for (int j = 0; j <= rows; j++) {
            const int64_t row = group->row + j * group->copies + first + c;
            for (int k = 0; k < units; k++) {
                const int alive = u->running[last * units + k] + u->share * u->prior[last] > 0;
                u->leaves[row * units + k] = alive ? mu[j * n + c * units + k] : u->old_leaves[row * units + k];
            }
        }
    }
}

TARGET static void NAME(update_leaves)(const struct update *u)
{
    NAME(move)(u->before, u->fresh, u->rate, u->running, u->n_rows * u->units);
    for (int64_t g = 0; g < u->n_groups; g++)
        for (int64_t first = 0; first < u->groups[g].copies; first += u->at_once) {
            const int64_t left = u->groups[g].copies - first;
            NAME(update_copies)(u, u->groups + g, first, (int)(left < u->at_once ? left : u->at_once));
        }
}

/* The weights of one sum: shares of its counts, none below its floor. */
INLINE void NAME(update_sum)(const double *counts, const double *old, double pseudo, double *weights, int n)
{
    double total = 0, least = 1;
    for (int i = 0; i < n; i++) total += counts[i] + pseudo;
    if (total > LEAST_TOTAL)
        for (int i = 0; i < n; i++) weights[i] = (counts[i] + pseudo) / total;
    else
        for (int i = 0; i < n; i++) weights[i] = old[i];
    for (int i = 0; i < n; i++) least = least < weights[i] ? least : weights[i];
    if (least >= WEIGHT_FLOOR) return;
    total = 0;
    for (int i = 0; i < n; i++) {
        weights[i] = weights[i] > WEIGHT_FLOOR ? weights[i] : WEIGHT_FLOOR;
        total += weights[i];
    }
    for (int i = 0; i < n; i++) weights[i] /= total;
}

/* Weights (sums, n) of one layer. */
TARGET static void NAME(update_sums)(const struct sums *s)
{
    NAME(move)(s->before, s->fresh, s->rate, s->running, s->n_sums * s->n_inputs);
    const int n = (int)s->n_inputs;
    for (int64_t i = 0; i < s->n_sums; i++)
        NAME(update_sum)(s->running + i * n, s->old + i * n, s->share / n, s->weights + i * n, n);
}
