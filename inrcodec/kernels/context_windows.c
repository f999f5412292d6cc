/* context/windows.py: sums over windows for a row of points. */
#include "context.h"

#define ERROR_LIMIT 2047

static inline int16_t *error_row(const inr_windows *w, int64_t parity, int64_t channel, int64_t r)
{
    const int64_t slot = (r + 2 * RING) % RING;
    return w->errors + ((parity * (1 + MAX_SEEN) + channel) * RING + slot) * w->width;
}

/* Errors of the samples of row r of the phase (parity, parity), from column -4 on. */
static void fill_errors(const inr_band *b, const uint16_t *phases, int64_t parity, int64_t r,
                        int64_t width, int16_t *restrict out)
{
    const int64_t stride = b->row_stride, step_a = b->row & b->col;
    const uint16_t *here = phases + parity * 3 * b->phase_stride + (r + PAD) * stride + PAD - 4;
    const uint16_t *p, *q, *s, *t;
    if (step_a) { /* two lattice rows and columns away: the same phase */
        p = here - stride;
        q = here - 1;
        s = here + 1;
        t = here + stride;
    } else { /* the diagonal ones: the other phase of even row + column */
        const uint16_t *o = phases + (1 - parity) * 3 * b->phase_stride;
        o += (r + PAD - 1 + parity) * stride + PAD - 5 + parity;
        p = o;
        q = o + 1;
        s = o + stride;
        t = o + stride + 1;
    }
    const int e = (int)b->exponent;
    for (int64_t x = 0; x < width; x++) {
        const int32_t error = (4 * (int32_t)here[x] - (p[x] + q[x] + s[x] + t[x])) >> e;
        out[x] = (int16_t)inr_clip(error, -ERROR_LIMIT, ERROR_LIMIT);
    }
}

/* Vertical sums of magnitudes of own errors, or of their differences to another's, for windows of
   three heights; and of products for the one in the middle. */
static void sum_columns(const inr_windows *w, int64_t parity, int64_t channel, int64_t first,
                        int64_t count, int32_t *restrict columns)
{
    const int64_t n = w->width;
    memset(columns, 0, sizeof(int32_t) * 5 * (size_t)n);
    for (int64_t k = 0; k < count; k++) {
        const int16_t *restrict own = error_row(w, parity, 0, first + k);
        const int16_t *restrict other = error_row(w, parity, channel, first + k);
        /* rows near the middle count in the smaller windows, too */
        const int64_t from = k < 2 || k >= count - 2 ? 2 : k < 3 || k >= count - 3 ? 1 : 0;
        int32_t *restrict total = columns + from * n;
        if (channel == 0) {
            for (int64_t x = 0; x < n; x++)
                total[x] += inr_abs(own[x]);
            continue;
        }
        for (int64_t x = 0; x < n; x++)
            total[x] += inr_abs(own[x] - other[x]);
        if (from == 2)
            continue;
        int32_t *restrict products = columns + 3 * n, *restrict squares = columns + 4 * n;
        for (int64_t x = 0; x < n; x++) {
            products[x] += own[x] * other[x];
            squares[x] += other[x] * other[x];
        }
    }
    for (int64_t x = 0; x < n; x++)
        columns[n + x] += columns[x];
    for (int64_t x = 0; x < n; x++)
        columns[2 * n + x] += columns[n + x];
}

/* Adds sums of `count` neighbours to the row, or starts it. */
static void sum_row(const int32_t *restrict v, int64_t count, int64_t n, int add, int32_t *restrict out)
{
#define SUM(expression)                                                                               \
    if (add) {                                                                                        \
        for (int64_t x = 0; x < n; x++)                                                               \
            out[x] += expression;                                                                     \
    } else {                                                                                          \
        for (int64_t x = 0; x < n; x++)                                                               \
            out[x] = expression;                                                                      \
    }
    switch (count) {
    case 2:
        SUM(v[x] + v[x + 1])
        break;
    case 3:
        SUM(v[x] + v[x + 1] + v[x + 2])
        break;
    case 4:
        SUM(v[x] + v[x + 1] + v[x + 2] + v[x + 3])
        break;
    case 5:
        SUM(v[x] + v[x + 1] + v[x + 2] + v[x + 3] + v[x + 4])
        break;
    case 8:
        SUM(v[x] + v[x + 1] + v[x + 2] + v[x + 3] + v[x + 4] + v[x + 5] + v[x + 6] + v[x + 7])
        break;
    default:
        SUM(v[x] + v[x + 1] + v[x + 2] + v[x + 3] + v[x + 4] + v[x + 5] + v[x + 6] + v[x + 7] + v[x + 8])
    }
#undef SUM
}

/* All sums of row i; rows are asked for in ascending order. */
void INR_NAME(inr_window_row)(const inr_band *b, inr_windows *w, int64_t i)
{
    const int64_t parities = b->row & b->col ? 1 : 2, n = b->cols, stride = w->width;
    const int64_t seen = b->references + b->frames;
    for (int64_t parity = 0; parity < parities; parity++) {
        const int64_t same_row = b->row == parity, same_col = b->col == parity;
        const int64_t rows = same_row ? 9 : 8, cols = same_col ? 9 : 8;
        /* phases' first row and column in the largest window of point (i, 0) */
        const int64_t top = i + (same_row || parity ? -4 : -3);
        const int64_t left = same_col || parity ? 0 : 1;
        for (int64_t r = w->next[parity] > top ? w->next[parity] : top; r < top + rows; r++)
            for (int64_t c = 0; c <= seen; c++)
                fill_errors(b, c ? b->seen[c - 1] : b->own, parity, r, n + 9,
                            error_row(w, parity, c, r));
        w->next[parity] = top + rows;
        for (int64_t c = 0; c <= seen; c++) {
            int32_t *columns = w->columns, *sums = w->sums + (c ? 3 + 5 * (c - 1) : 0) * stride;
            sum_columns(w, parity, c, top, rows, columns);
            columns += left;
            const int add = parity != 0;
            sum_row(columns + 3, cols - 6, n, add, sums);
            sum_row(columns + stride + 2, cols - 4, n, add, sums + stride);
            sum_row(columns + 2 * stride, cols, n, add, sums + 2 * stride);
            if (c) {
                sum_row(columns + 3 * stride + 2, cols - 4, n, add, sums + 3 * stride);
                sum_row(columns + 4 * stride + 2, cols - 4, n, add, sums + 4 * stride);
            }
        }
    }
}
