/* jpeg/chroma_search.py: coefficients of a component with fewer samples than pixels, whose upsampled
   samples lie between bounds. Compiled once for each instruction set. */
#include <stdint.h>
#include <string.h>

#include "export.h"
#include "jpeg_idct.h"

enum { UNIT = 32, MOST = 1023, SIDE = 18, PLACES = SIDE * SIDE, PART = 108, NEVER = INT32_MAX };

/* Pixels (height, width) and bounds of theirs; samples (rows, cols) that they are made of, `stride` apart,
   in blocks of 8 x 8 of which there are across; moves (64, places): what a step of each coefficient does to
   the pixels about its block, in 1 / (UNIT 2^15); wanted, left: (blocks,), those to search, and how many
   pixels about each are outside their bounds. */
typedef struct {
    int64_t height, width, rows, cols, stride, blocks, across, row_step, col_step, triangle;
    int64_t steps, tenure, nearly;
    const uint8_t *least, *most;
    uint8_t *samples;
    int16_t *coefficients;
    const uint16_t *table;
    const int32_t *moves;
    const uint8_t *reach, *wanted;
    int32_t *left;
} inr_jpeg_chroma;

/* Where pixels about a block begin, how many there are, and what the search knows of them. */
typedef struct {
    int64_t top, left, high, wide, count;
    int16_t low[PLACES], up[PLACES];
    uint8_t least[PLACES], most[PLACES];
} inr_about;

typedef struct {
    int64_t own, other;
    int weight, part;
} inr_tap;

static inr_tap tap_of(int64_t at, int64_t step, int64_t count, int64_t triangle)
{
    const int64_t own = step == 2 ? at >> 1 : at;
    inr_tap t = {own < count ? own : count - 1, 0, 1, 0};
    t.other = t.own;
    if (step == 2 && triangle) {
        const int64_t other = at & 1 ? own + 1 : own - 1;
        t.other = other < 0 ? 0 : other < count ? other : count - 1;
        t.weight = 3;
        t.part = 1;
    }
    return t;
}

/* The parts of samples that make a pixel, before they are rounded. */
static int sum_of(const inr_jpeg_chroma *c, inr_tap y, inr_tap x)
{
    const uint8_t *one = c->samples + y.own * c->stride, *two = c->samples + y.other * c->stride;
    return y.weight * (x.weight * one[x.own] + x.part * one[x.other]) +
           y.part * (x.weight * two[x.own] + x.part * two[x.other]);
}

static int shift_of(const inr_jpeg_chroma *c)
{
    return c->triangle ? 2 * ((c->row_step == 2) + (c->col_step == 2)) : 0;
}

static void look_about(const inr_jpeg_chroma *c, int64_t block, inr_about *a)
{
    const int64_t m = c->row_step == 2 && c->triangle, n = c->col_step == 2 && c->triangle;
    a->top = block / c->across * 8 * c->row_step - m;
    a->left = block % c->across * 8 * c->col_step - n;
    a->high = 8 * c->row_step + 2 * m;
    a->wide = 8 * c->col_step + 2 * n;
    a->count = a->high * a->wide;
    for (int64_t i = 0, p = 0; i < a->high; i++)
        for (int64_t j = 0; j < a->wide; j++, p++) {
            const int64_t y = a->top + i, x = a->left + j;
            a->least[p] = 0;
            a->most[p] = 255;
            if (y >= 0 && y < c->height && x >= 0 && x < c->width) {
                a->least[p] = c->least[y * c->width + x];
                a->most[p] = c->most[y * c->width + x];
            }
            a->low[p] = (int16_t)(a->least[p] ? (a->least[p] - 128) * UNIT - UNIT / 2 : -30000);
            a->up[p] = (int16_t)(a->most[p] < 255 ? (a->most[p] - 128) * UNIT + UNIT / 2 : 30000);
        }
}

static void taps_across(const inr_jpeg_chroma *c, const inr_about *a, inr_tap *across)
{
    for (int64_t j = 0; j < a->wide; j++) {
        const int64_t x = a->left + j, last = c->width - 1;
        across[j] = tap_of(x < 0 ? 0 : x > last ? last : x, c->col_step, c->cols, c->triangle);
    }
}

/* The number of pixels outside their bounds, which move in by a unit there. */
static int32_t wrong_about(const inr_jpeg_chroma *c, inr_about *a)
{
    const int shift = shift_of(c);
    inr_tap across[SIDE];
    taps_across(c, a, across);
    int32_t found = 0;
    for (int64_t i = 0, p = 0; i < a->high; i++) {
        const int64_t y = a->top + i;
        if (y < 0 || y >= c->height) {
            p += a->wide;
            continue;
        }
        const inr_tap ty = tap_of(y, c->row_step, c->rows, c->triangle);
        for (int64_t j = 0; j < a->wide; j++, p++) {
            const int64_t x = a->left + j;
            if (x < 0 || x >= c->width || (a->least[p] == 0 && a->most[p] == 255))
                continue;
            const int sum = sum_of(c, ty, across[j]);
            const int add = shift == 4 ? 8 - (int)(x & 1)
                            : shift == 2 ? 1 + (int)((c->col_step == 2 ? x : y) & 1)
                                         : 0;
            const int value = (sum + add) >> shift;
            a->low[p] = (int16_t)(a->low[p] + (value < a->least[p]));
            a->up[p] = (int16_t)(a->up[p] - (value > a->most[p]));
            found += value < a->least[p] || value > a->most[p];
        }
    }
    return found;
}

/* What the pixels about a block are, in 1 / (UNIT 2^15) from the middle, if its coefficients are none. */
static void without(const inr_jpeg_chroma *c, const inr_about *a, uint8_t *own, int64_t *sums)
{
    const int shift = shift_of(c);
    for (int64_t y = 0; y < 8; y++)
        memset(own + y * c->stride, 128, 8);
    inr_tap across[SIDE];
    taps_across(c, a, across);
    for (int64_t i = 0, p = 0; i < a->high; i++) {
        const int64_t y = a->top + i;
        for (int64_t j = 0; j < a->wide; j++, p++) {
            const int64_t x = a->left + j;
            sums[p] = 0;
            if (y >= 0 && y < c->height && x >= 0 && x < c->width) {
                const int sum = sum_of(c, tap_of(y, c->row_step, c->rows, c->triangle), across[j]);
                sums[p] = (int64_t)(sum - (128 << shift)) * (UNIT >> shift) * (1 << 15);
            }
        }
    }
}

/* What the moved pixels lie outside their bounds, squared and summed; it ends early where it is no less
   than what is told. */
static int32_t outside(const int16_t *restrict pixels, const int16_t *restrict move, int16_t sign,
                       const inr_about *restrict a, int32_t enough)
{
    int32_t sum = 0;
    for (int64_t from = 0; from < a->count && sum < enough; from += PART) {
        const int64_t to = from + PART < a->count ? from + PART : a->count;
        for (int64_t p = from; p < to; p++) {
            const int16_t y = (int16_t)(pixels[p] + sign * move[p]);
            const int16_t up = y > a->low[p] ? y : a->low[p], down = y < a->up[p] ? y : a->up[p];
            int16_t far = (int16_t)(up - down);
            far = far > MOST ? MOST : far;
            sum += far * far;
        }
    }
    return sum;
}

static void search_block(const inr_jpeg_chroma *c, int64_t block, int16_t moves[64][PLACES])
{
    static const inr_about nothing;
    inr_about a = nothing;
    int16_t own[64], pixels[PLACES], *best = c->coefficients + 64 * block;
    int64_t until[64] = {0}, sums[PLACES];
    uint8_t *samples = c->samples + block / c->across * 8 * c->stride + block % c->across * 8;
    look_about(c, block, &a);
    memcpy(own, best, sizeof own);
    inr_block_samples(own, c->table, samples, c->stride);
    int32_t few = wrong_about(c, &a);
    if (few && c->steps) {
        without(c, &a, samples, sums);
        for (int k = 0; k < 64; k++)
            if (own[k])
                for (int64_t p = 0; p < a.count; p++)
                    sums[p] += (int64_t)own[k] * c->moves[k * a.count + p];
    }
    int16_t start[64];
    memcpy(start, own, sizeof start);
    for (int64_t step = 1; few && step <= c->steps; step++) {
        for (int64_t p = 0; p < a.count; p++) {
            const int64_t s = (sums[p] + (1 << 14)) >> 15;
            pixels[p] = (int16_t)(s < -20000 ? -20000 : s > 20000 ? 20000 : s);
        }
        int32_t least_cost = NEVER;
        int chosen = -1, way = 0;
        for (int k = 0; k < 64; k++) {
            if (until[k] > step)
                continue;
            for (int sign = -1; sign <= 1; sign += 2) {
                const int far = own[k] + sign - start[k];
                if (far > c->reach[k] || -far > c->reach[k])
                    continue;
                const int32_t cost = outside(pixels, moves[k], (int16_t)sign, &a, least_cost);
                if (cost < least_cost) {
                    least_cost = cost;
                    chosen = k;
                    way = sign;
                }
            }
        }
        if (chosen < 0)
            break;
        own[chosen] = (int16_t)(own[chosen] + way);
        until[chosen] = step + c->tenure;
        for (int64_t p = 0; p < a.count; p++)
            sums[p] += (int64_t)way * c->moves[chosen * a.count + p];
        if (least_cost > c->nearly)
            continue;
        inr_block_samples(own, c->table, samples, c->stride);
        const int32_t now = wrong_about(c, &a);
        if (now < few) {
            few = now;
            memcpy(best, own, sizeof own);
        }
    }
    inr_block_samples(best, c->table, samples, c->stride);
    c->left[block] = few;
}

/* Searches the wanted blocks one after the other, each beside what its neighbours are by then. */
INR_EXPORT void INR_NAME(inr_search_chroma)(const inr_jpeg_chroma *c)
{
    int16_t moves[64][PLACES];
    inr_about a;
    look_about(c, 0, &a);
    for (int k = 0; k < 64; k++)
        for (int64_t p = 0; p < a.count; p++)
            moves[k][p] = (int16_t)((c->moves[k * a.count + p] + (1 << 14)) >> 15);
    for (int64_t block = 0; block < c->blocks; block++)
        if (c->wanted[block])
            search_block(c, block, moves);
}
