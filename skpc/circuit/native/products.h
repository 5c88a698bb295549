/* The three products of an edge, and the division between; included by passes.h. Axes as there.
 *
 * A tile of sums, of some rows and one or two vectors of units, stays in registers while the inputs
 * go by. The vectors are the outer loop, so that the part of the weights that they read stays in
 * the first cache for all rows of the block. BYTES is the size of a vector and ROWS how many rows a
 * tile has, a divisor of 8: what the registers of the processor hold.
 */

#define LANES ((int)(BYTES / sizeof(REAL)))
typedef REAL NAME(vector) __attribute__((vector_size(BYTES), aligned(sizeof(REAL)), may_alias));
#define VECTOR NAME(vector)

/* sum[v][j] = sum over i of in[j][i] w[i][v], for `rows` rows j and `vectors` vectors v. */
INLINE void NAME(tile)(
    const REAL *restrict in, const REAL *restrict w, VECTOR *restrict sum, int inputs, int width,
    const int rows, const int vectors)
{
    UNROLL for (int j = 0; j < rows * vectors; j++) sum[j] = (VECTOR){0};
    for (int i = 0; i < inputs; i++) {
        VECTOR column[2];
        UNROLL for (int v = 0; v < vectors; v++) column[v] = *(const VECTOR *)(w + (size_t)i * width + v * LANES);
        UNROLL for (int j = 0; j < rows; j++)
            UNROLL for (int v = 0; v < vectors; v++) sum[v * rows + j] += in[(size_t)j * width + i] * column[v];
    }
}

/* Of some units o: sums[r][o] = sum over i of in[r][i] w[i][o], by which values[r][o] is multiplied. */
INLINE void NAME(sum_up_units)(
    const REAL *restrict in, const REAL *restrict w, REAL *restrict sums, REAL *restrict values,
    int rows, int inputs, int width, const int vectors)
{
    for (int r = 0; r < rows; r += ROWS) {
        VECTOR sum[ROWS * 2];
        NAME(tile)(in + (size_t)r * width, w, sum, inputs, width, ROWS, vectors);
        UNROLL for (int j = 0; j < ROWS; j++)
            UNROLL for (int v = 0; v < vectors; v++) {
                const size_t at = (size_t)(r + j) * width + v * LANES;
                *(VECTOR *)(sums + at) = sum[v * ROWS + j];
                *(VECTOR *)(values + at) *= sum[v * ROWS + j];
            }
    }
}

INLINE void NAME(sum_up)(
    const REAL *restrict in, const REAL *restrict w, REAL *restrict sums, REAL *restrict values,
    int rows, int inputs, int width)
{
    int o = 0;
    for (; o + 2 * LANES <= width; o += 2 * LANES)
        NAME(sum_up_units)(in, w + o, sums + o, values + o, rows, inputs, width, 2);
    for (; o < width; o += LANES)
        NAME(sum_up_units)(in, w + o, sums + o, values + o, rows, inputs, width, 1);
}

/* Of some units i: flow[r][i] += values[r][i] sum over o of ratio[r][o] w[o][i]. */
INLINE void NAME(pass_down_units)(
    const REAL *restrict ratio, const REAL *restrict w, const REAL *restrict values, REAL *restrict flow,
    int rows, int outputs, int width, const int vectors)
{
    for (int r = 0; r < rows; r += ROWS) {
        VECTOR sum[ROWS * 2];
        NAME(tile)(ratio + (size_t)r * width, w, sum, outputs, width, ROWS, vectors);
        UNROLL for (int j = 0; j < ROWS; j++)
            UNROLL for (int v = 0; v < vectors; v++) {
                const size_t at = (size_t)(r + j) * width + v * LANES;
                *(VECTOR *)(flow + at) += sum[v * ROWS + j] * *(const VECTOR *)(values + at);
            }
    }
}

INLINE void NAME(pass_down)(
    const REAL *restrict ratio, const REAL *restrict w, const REAL *values, REAL *restrict flow, int rows,
    int outputs, int width)
{
    int o = 0;
    for (; o + 2 * LANES <= width; o += 2 * LANES)
        NAME(pass_down_units)(ratio, w + o, values + o, flow + o, rows, outputs, width, 2);
    for (; o < width; o += LANES)
        NAME(pass_down_units)(ratio, w + o, values + o, flow + o, rows, outputs, width, 1);
}

/* counts[i][o] += sum over r of in[r][i] ratio[r][o], for `inputs` inputs i and some units o. */
INLINE void NAME(add_counts_tile)(
    const REAL *restrict in, const REAL *restrict ratio, REAL *restrict counts, int rows, int width,
    const int inputs, const int vectors)
{
    VECTOR sum[MOST_INPUTS * 2];
    UNROLL for (int j = 0; j < inputs; j++)
        UNROLL for (int v = 0; v < vectors; v++)
            sum[j * vectors + v] = *(VECTOR *)(counts + (size_t)j * width + v * LANES);
    for (int r = 0; r < rows; r++) {
        VECTOR g[2];
        UNROLL for (int v = 0; v < vectors; v++) g[v] = *(const VECTOR *)(ratio + (size_t)r * width + v * LANES);
        UNROLL for (int j = 0; j < inputs; j++)
            UNROLL for (int v = 0; v < vectors; v++) sum[j * vectors + v] += in[(size_t)r * width + j] * g[v];
    }
    UNROLL for (int j = 0; j < inputs; j++)
        UNROLL for (int v = 0; v < vectors; v++)
            *(VECTOR *)(counts + (size_t)j * width + v * LANES) = sum[j * vectors + v];
}

INLINE void NAME(add_counts_units)(
    const REAL *restrict in, const REAL *restrict ratio, REAL *restrict counts, int rows, int inputs,
    int width, const int vectors)
{
    int i = 0;
    for (; i + MOST_INPUTS <= inputs; i += MOST_INPUTS)
        NAME(add_counts_tile)(in + i, ratio, counts + (size_t)i * width, rows, width, MOST_INPUTS, vectors);
    for (; i + 4 <= inputs; i += 4)
        NAME(add_counts_tile)(in + i, ratio, counts + (size_t)i * width, rows, width, 4, vectors);
    for (; i < inputs; i++)
        NAME(add_counts_tile)(in + i, ratio, counts + (size_t)i * width, rows, width, 1, vectors);
}

INLINE void NAME(add_counts)(
    const REAL *restrict in, const REAL *restrict ratio, REAL *restrict counts, int rows, int inputs,
    int width)
{
    int o = 0;
    for (; o + 2 * LANES <= width; o += 2 * LANES)
        NAME(add_counts_units)(in, ratio + o, counts + o, rows, inputs, width, 2);
    for (; o < width; o += LANES)
        NAME(add_counts_units)(in, ratio + o, counts + o, rows, inputs, width, 1);
}

/* ratio = flow / sums; padded units have the sum 0 and the flow 0. */
INLINE void NAME(divide)(const REAL *restrict flow, const REAL *restrict sums, REAL *restrict ratio, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const REAL sum = sums[i] > SMALLEST ? sums[i] : SMALLEST;
        ratio[i] = flow[i] * RECIPROCAL(sum);
    }
}
