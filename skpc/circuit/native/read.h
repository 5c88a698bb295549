/* Cells of rows as the passes read them; included by kernel.c. Axes: B rows, D columns of the
 * table, G groups, which are one column each.
 *
 * A cell is the number of its value: of a code or an atom that of its indicator, or that of
 * indicators where it has none; -1 where it is missing.
 */

/* The kernel is compiled for numbers that are finite, so bits tell what is missing. */
INLINE int is_missing(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return (bits & 0x7FFFFFFFFFFFFFFFu) > 0x7FF0000000000000u;
}

/* Position of a code among the indicators of its column. */
INLINE int32_t value_of(const struct column *column, double x)
{
    const double at = x - (double)column->first;
    if (!(at >= 0 && at < (double)column->values)) return (int32_t)column->values;
    return (double)(int32_t)at == at ? (int32_t)at : (int32_t)column->values;
}

void skpc_read(const struct cells *c)
{
    for (int64_t r = 0; r < c->n_rows; r++) c->log_base[r] = 0;
    for (int64_t g = 0; g < c->n_columns; g++) {
        const struct column *column = c->columns + g;
        int32_t *codes = c->codes + g * c->n_rows;
        double *numbers = c->numbers + g * c->n_rows;
        for (int64_t r = 0; r < c->n_rows; r++) {
            const int64_t at = r * c->width + column->column;
            const double x = c->values[at];
            numbers[r] = 0;
            if (is_missing(x)) {
                codes[r] = -1;
            } else if (column->kind != NUMBERS) {
                codes[r] = value_of(column, x);
            } else {
                const int16_t atom = column->values && c->atoms ? c->atoms[at] : 0;
                codes[r] = atom >= 0 && atom < column->values ? atom : (int32_t)column->values;
                numbers[r] = x < -FARTHEST ? -FARTHEST : x > FARTHEST ? FARTHEST : x;
                if (!atom) c->log_base[r] += column->log_base;
            }
        }
    }
}
