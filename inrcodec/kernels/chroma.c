/* Samples of a picture's chroma that no pixel tells: history/chroma_samples.py. */
#include <stdint.h>

#include "export.h"

enum { COSITED, REPEATED, TRIANGLE };
#define WRONG 16

/* Pixels R, G, B (height, width), samples Cb, Cr (rows, cols) of a lattice, those that may move, and a
   conversion: tables of history/conversions.py, and by value and chroma (256, 256) the least and the most
   Y that lead to R and to B. */
typedef struct {
    int64_t height, width, rows, cols, row_step, col_step, row_phase, col_phase, rule, divisor;
    const uint8_t *r, *g, *b;
    uint8_t *cb, *cr;
    const uint8_t *moves;
    const int64_t *luma, *g_cb, *g_cr;
    const int16_t *red_least, *red_most, *blue_least, *blue_most;
} inr_chroma;

/* What a place on an axis is upsampled from: two samples, and parts of each; parts is their sum. */
typedef struct {
    int64_t first, second;
    int weight, other, parts, odd;
} inr_place;

static inr_place place_of(int64_t at, int64_t step, int64_t phase, int64_t count, int64_t rule)
{
    const int64_t q = at + phase, k = step == 2 ? q >> 1 : q;
    const int odd = (int)(q & 1);
    inr_place p = {k, k, 1, 0, 1, odd};
    if (step == 1 || rule == REPEATED)
        return p;
    const int64_t other = rule == COSITED || odd ? k + 1 : k - 1;
    p.second = other < 0 ? 0 : other < count ? other : count - 1;
    if (rule == COSITED) {
        p.weight = odd ? 1 : 2;
        p.other = odd ? 1 : 0;
        p.parts = 2;
    } else {
        p.weight = 3;
        p.other = 1;
        p.parts = 4;
    }
    return p;
}

static int64_t upsampled(const uint8_t *samples, int64_t cols, inr_place y, inr_place x, int64_t rule)
{
    const uint8_t *one = samples + y.first * cols, *two = samples + y.second * cols;
    const int sum = y.weight * (x.weight * one[x.first] + x.other * one[x.second]) +
                    y.other * (x.weight * two[x.first] + x.other * two[x.second]);
    const int parts = y.parts * x.parts;
    int add = parts >> 1;
    if (rule == TRIANGLE && parts > 1) {
        const int odd = x.parts > 1 ? x.odd : y.odd;
        add = parts == 16 ? 8 - odd : 1 + odd;
    }
    return (sum + add) / parts;
}

/* 0 if some Y leads from a chroma to a pixel, else how far it is from that: WRONG, and less than that in
   about steps of Y. */
static int lacking(const inr_chroma *c, int64_t at, int64_t cb, int64_t cr)
{
    const int64_t r = c->r[at] * 256 + cr, b = c->b[at] * 256 + cb, g = c->g[at];
    int64_t least = c->red_least[r], most = c->red_most[r];
    least = least > c->blue_least[b] ? least : c->blue_least[b];
    most = most < c->blue_most[b] ? most : c->blue_most[b];
    if (least > most)
        return WRONG + (int)(least - most < WRONG ? least - most : WRONG - 1);
    const int64_t chroma = c->g_cb[cb] + c->g_cr[cr], above = g * c->divisor - chroma;
    /* the first Y whose G is not below the pixel's */
    int64_t low = least - 1, high = most + 1;
    while (g > 0 && low + 1 < high) {
        const int64_t middle = (low + high) >> 1;
        if (c->luma[middle] < above)
            low = middle;
        else
            high = middle;
    }
    least = g > 0 ? high : least;
    int64_t far;
    if (least > most)
        far = above - c->luma[most];
    else if (g < 255 && c->luma[least] >= above + c->divisor)
        far = c->luma[least] - above - c->divisor + 1;
    else
        return 0;
    far /= c->divisor;
    return WRONG + (int)(far < WRONG ? far : WRONG - 1);
}

/* What is lacking in all to the pixels that a sample reaches. */
static int lacking_about(const inr_chroma *c, int64_t row, int64_t col)
{
    const int64_t top = row * c->row_step - c->row_phase, left = col * c->col_step - c->col_phase;
    const int64_t up = c->row_step == 2 && c->rule != REPEATED, down = up && c->rule == TRIANGLE;
    const int64_t before = c->col_step == 2 && c->rule != REPEATED, behind = before && c->rule == TRIANGLE;
    int sum = 0;
    for (int64_t y = top - up; y < top + c->row_step + down; y++) {
        if (y < 0 || y >= c->height)
            continue;
        const inr_place py = place_of(y, c->row_step, c->row_phase, c->rows, c->rule);
        for (int64_t x = left - before; x < left + c->col_step + behind; x++) {
            if (x < 0 || x >= c->width)
                continue;
            const inr_place px = place_of(x, c->col_step, c->col_phase, c->cols, c->rule);
            sum += lacking(c, y * c->width + x, upsampled(c->cb, c->cols, py, px, c->rule),
                           upsampled(c->cr, c->cols, py, px, c->rule));
        }
    }
    return sum;
}

static int64_t near(const uint8_t *samples, const inr_chroma *c, int64_t row, int64_t col)
{
    const int64_t at = row * c->cols + col;
    const int64_t north = samples[row ? at - c->cols : at], west = samples[col ? at - 1 : at];
    const int64_t south = samples[row + 1 < c->rows ? at + c->cols : at];
    const int64_t east = samples[col + 1 < c->cols ? at + 1 : at];
    return north + west + south + east;
}

/* Moves each sample that may move and reaches a pixel to which something is lacking to where the least is,
   at most `reach` away; of several to the one next to the mean of its neighbours. Returns how many moved. */
INR_EXPORT int64_t inr_move_chroma(const inr_chroma *c, int64_t reach)
{
    int64_t moved = 0;
    for (int64_t row = 0; row < c->rows; row++)
        for (int64_t col = 0; col < c->cols; col++) {
            const int64_t at = row * c->cols + col;
            if (!c->moves[at])
                continue;
            const int now = lacking_about(c, row, col);
            if (!now)
                continue;
            const uint8_t cb = c->cb[at], cr = c->cr[at];
            const int64_t mean_b = near(c->cb, c, row, col), mean_r = near(c->cr, c, row, col);
            uint8_t best_b = cb, best_r = cr;
            int least = now;
            int64_t closest = -1;
            for (int64_t b = cb - reach; b <= cb + reach; b++)
                for (int64_t r = cr - reach; r <= cr + reach; r++) {
                    if (b < 0 || b > 255 || r < 0 || r > 255)
                        continue;
                    c->cb[at] = (uint8_t)b;
                    c->cr[at] = (uint8_t)r;
                    const int lack = lacking_about(c, row, col);
                    const int64_t far = (4 * b - mean_b) * (4 * b - mean_b) + (4 * r - mean_r) * (4 * r - mean_r);
                    if (lack < least || (lack == least && (closest < 0 || far < closest))) {
                        least = lack;
                        closest = far;
                        best_b = (uint8_t)b;
                        best_r = (uint8_t)r;
                    }
                }
            c->cb[at] = best_b;
            c->cr[at] = best_r;
            moved += best_b != cb || best_r != cr;
        }
    return moved;
}
