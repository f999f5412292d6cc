/* context/neighbours.py: base predictions and trunk inputs of BLOCK points of a row. */
#include "context.h"

#define RIDGE_A 128
#define RIDGE_B 256
#define SLOPE_LIMIT 4096

static const int8_t near_a[4][2] = {{-1, -1}, {-1, 1}, {1, -1}, {1, 1}};
static const int8_t near_b[4][2] = {{-1, 0}, {0, -1}, {0, 1}, {1, 0}};
static const int8_t far_a[OWN_COUNT - 4][2] = {
    {-3, -3}, {-3, -1}, {-3, 1}, {-3, 3}, {-1, -3}, {-1, 3}, {1, -3}, {1, 3}, {3, -3}, {3, -1},
    {3, 1},   {3, 3},   {-5, -1}, {-5, 1}, {-1, -5}, {-1, 5}, {1, -5}, {1, 5}, {5, -1}, {5, 1},
    {-5, -3}, {-5, 3}, {-3, -5}, {-3, 5}, {3, -5}, {3, 5}, {5, -3}, {5, 3},
};
static const int8_t far_b[OWN_COUNT - 4][2] = {
    {-2, -1}, {-2, 1}, {-1, -2}, {-1, 2}, {1, -2}, {1, 2}, {2, -1}, {2, 1},  {-3, 0}, {0, -3},
    {0, 3},   {3, 0},  {-3, -2}, {-3, 2}, {-2, -3}, {-2, 3}, {2, -3}, {2, 3}, {3, -2}, {3, 2},
    {-4, -1}, {-4, 1}, {-1, -4}, {-1, 4}, {1, -4}, {1, 4}, {4, -1}, {4, 1},
};
static const int8_t about[RING_COUNT][2] = {
    {-1, -1}, {-1, 0}, {-1, 1}, {0, -1}, {0, 1},  {1, -1},
    {1, 0},   {1, 1},  {-2, 0}, {0, -2}, {0, 2}, {2, 0},
    {-2, -1}, {-2, 1}, {-1, -2}, {-1, 2}, {1, -2}, {1, 2}, {2, -1}, {2, 1},
};
/* In half lattice units. */
static const int8_t fine[FINE_COUNT][2] = {
    {-1, -1}, {-1, 0}, {-1, 1}, {0, -1}, {0, 1}, {1, -1}, {1, 0}, {1, 1},
    {-2, -1}, {-2, 1}, {-1, -2}, {-1, 2}, {1, -2}, {1, 2}, {2, -1}, {2, 1},
};

/* Differences in quarter samples to the unit of inputs. */
#define SCALED(quarters) inr_clip((quarters) * 64 >> e, -LIMIT, LIMIT)

/* 256 log2(sum 2^shift + 16) */
static void logarithms(const int32_t *restrict sums, int shift, const int32_t *restrict log2,
                       int32_t *restrict out)
{
    const int left = shift > 0 ? shift : 0, right = shift < 0 ? -shift : 0;
    for (int p = 0; p < BLOCK; p += LANES) {
        const whole sum = RIGHT(LEFT(LOAD(sums + p), left), right);
        STORE(out + p, RIGHT(inr_log2(ADD(sum, ALL(16)), log2), 2));
    }
}

/* Differences of `count` points of the ring to the one amid it, inputs from f on, and the sum of the
   magnitudes of the first 8; returns what f is behind them. */
static int ring(const inr_band *b, const uint16_t *phases, int64_t i, int64_t j, int count,
                int32_t (*restrict inputs)[BLOCK], int32_t *restrict spread, int f)
{
    const int e = (int)b->exponent;
    const uint16_t *restrict here = inr_at(b, phases, i, j, 0, 0);
    memset(spread, 0, sizeof(int32_t) * BLOCK);
    for (int n = 0; n < count; n++, f++) {
        const uint16_t *restrict there = inr_at(b, phases, i, j, about[n][0], about[n][1]);
        const int32_t counts = n < 8 ? -1 : 0;
        for (int p = 0; p < BLOCK; p++) {
            const int32_t difference = there[p] - here[p];
            spread[p] += inr_abs(difference) & counts;
            inputs[f][p] = SCALED(4 * difference);
        }
    }
    return f;
}

/* What windows say of another channel or frame, inputs from f on; sums: its own; returns what f is
   behind them. */
static int statistics(const inr_band *b, const int32_t *sums, int64_t stride, const int32_t *restrict own_sum,
                      const int32_t *restrict error, const int32_t *restrict base,
                      int32_t (*restrict inputs)[BLOCK], int f)
{
    const int step_b = !(b->row & b->col), e = (int)b->exponent;
    const int shifts[3] = {step_b ? 1 : 3, step_b ? 0 : 1, step_b ? -2 : -1};
    for (int n = 0; n < 3; n++, f++)
        logarithms(sums + n * stride, shifts[n], b->tables->log2, inputs[f]);
    const int32_t *restrict products = sums + 3 * stride, *restrict squares = sums + 4 * stride;
    const int32_t ridge = step_b ? RIDGE_B : RIDGE_A;
    for (int p = 0; p < BLOCK; p++) {
        const double quotient = (double)(products[p] + ridge) * 1024 / (double)(squares[p] + ridge);
        const double limited =
            quotient < -SLOPE_LIMIT ? -SLOPE_LIMIT : quotient > SLOPE_LIMIT ? SLOPE_LIMIT : quotient;
        /* rounded down: positive as it is cut */
        const int32_t slope = (int32_t)(limited + SLOPE_LIMIT) - SLOPE_LIMIT;
        inputs[f][p] = SCALED(own_sum[p] + (slope * error[p] >> 10) - base[p]);
    }
    return f + 1;
}

void INR_NAME(inr_inputs)(const inr_band *b, const inr_windows *w, int64_t i, int64_t j,
                          int32_t *restrict base, int32_t (*restrict inputs)[BLOCK])
{
    const int step_b = !(b->row & b->col), e = (int)b->exponent, many = (int)b->references;
    const int seen = many + (int)b->frames;
    const int8_t(*near)[2] = step_b ? near_b : near_a, (*far)[2] = step_b ? far_b : far_a;
    const int32_t *restrict log2 = b->tables->log2;
    const uint16_t *restrict own[4];
    int32_t own_sum[BLOCK], spread[BLOCK], error[MAX_SEEN][BLOCK];
    int f = many ? 1 : 0;
    const int activities = f + OWN_COUNT + RING_COUNT * many + (b->fine ? FINE_COUNT : 0);
    for (int n = 0; n < 4; n++)
        own[n] = inr_at(b, b->own, i, j, near[n][0], near[n][1]);
    for (int p = 0; p < BLOCK; p++) {
        const int32_t total = own[0][p] + own[1][p] + own[2][p] + own[3][p];
        own_sum[p] = base[p] = total;
        spread[p] = inr_abs(4 * own[0][p] - total) + inr_abs(4 * own[1][p] - total) +
                    inr_abs(4 * own[2][p] - total) + inr_abs(4 * own[3][p] - total);
    }
    logarithms(spread, 2 - e, log2, inputs[activities]);
    for (int k = 0; k < seen; k++) {
        const uint16_t *restrict here = inr_at(b, b->seen[k], i, j, 0, 0);
        const uint16_t *restrict r[4];
        for (int n = 0; n < 4; n++)
            r[n] = inr_at(b, b->seen[k], i, j, near[n][0], near[n][1]);
        for (int p = 0; p < BLOCK; p++)
            error[k][p] = 4 * here[p] - (r[0][p] + r[1][p] + r[2][p] + r[3][p]);
        if (k || !many)
            continue;
        const int own_base = b->own_base != 0;
        for (int p = 0; p < BLOCK; p++) {
            const int32_t s = own[0][p] - r[0][p], t = own[1][p] - r[1][p];
            const int32_t u = own[2][p] - r[2][p], v = own[3][p] - r[3][p];
            const int32_t highest = inr_most(inr_most(s, t), inr_most(u, v));
            const int32_t lowest = inr_least(inr_least(s, t), inr_least(u, v));
            const int32_t middle = (s + t + u + v - highest - lowest) * 2;
            const int32_t predicted = 4 * here[p] + middle;
            spread[p] = inr_abs(4 * s - middle) + inr_abs(4 * t - middle) +
                        inr_abs(4 * u - middle) + inr_abs(4 * v - middle);
            const int32_t difference = own_sum[p] - predicted;
            base[p] = own_base ? own_sum[p] : predicted;
            inputs[0][p] = SCALED(own_base ? -difference : difference);
        }
        logarithms(spread, 2 - e, log2, inputs[activities + 1]);
    }
    for (int n = 0; n < OWN_COUNT; n++, f++) {
        const uint16_t *restrict there =
            n < 4 ? own[n] : inr_at(b, b->own, i, j, far[n - 4][0], far[n - 4][1]);
        for (int p = 0; p < BLOCK; p++)
            inputs[f][p] = SCALED(4 * there[p] - base[p]);
    }
    for (int k = 0; k < many; k++) {
        f = ring(b, b->seen[k], i, j, RING_COUNT, inputs, spread, f);
        logarithms(spread, 3 - e, log2, inputs[activities + 2 + k]);
    }
    if (b->fine) {
        const uint16_t *restrict here = inr_at(b, b->seen[many - 1], i, j, 0, 0);
        for (int n = 0; n < FINE_COUNT; n++, f++) {
            /* rounded down, as ODD counts */
            const int y = fine[n][0], x = fine[n][1], odd = 2 * (y & 1) + (x & 1);
            const uint16_t *restrict there =
                inr_at(b, b->between[odd - 1], i, j, (y - (y & 1)) / 2, (x - (x & 1)) / 2);
            for (int p = 0; p < BLOCK; p++)
                inputs[f][p] = SCALED(4 * (there[p] - here[p]));
        }
    }
    f = activities + 1 + many + (many ? 1 : 0);
    const int up = b->planes <= 12 ? 12 - (int)b->planes : 0;
    const int down = b->planes > 12 ? (int)b->planes - 12 : 0;
    const int64_t y = ((2 * i + b->row) << b->level) * 8192 / b->height - 4096;
    for (int p = 0; p < BLOCK; p++) {
        inputs[f][p] = inr_clip((base[p] * (1 << up) >> down) - 8192, -LIMIT, LIMIT);
        inputs[f + 1][p] = (int32_t)y;
        inputs[f + 3][p] = (int32_t)(256 * b->level);
    }
    for (int p = 0; p < BLOCK; p++) {
        const int64_t x = (2 * (j + p) + b->col) << b->level;
        inputs[f + 2][p] = inr_clip((int32_t)(x * 8192 / b->width - 4096), -LIMIT, LIMIT);
    }
    f += 4;
    const int64_t stride = w->width;
    const int32_t *sums = w->sums + j;
    const int shifts[3] = {step_b ? 1 : 3, step_b ? 0 : 1, step_b ? -2 : -1};
    for (int n = 0; n < 3; n++, f++)
        logarithms(sums + n * stride, shifts[n], log2, inputs[f]);
    for (int k = 0; k < many; k++)
        f = statistics(b, sums + (3 + 5 * k) * stride, stride, own_sum, error[k], base, inputs, f);
    for (int k = many; k < seen; k++) {
        const uint16_t *restrict here = inr_at(b, b->seen[k], i, j, 0, 0);
        f = ring(b, b->seen[k], i, j, FRAME_COUNT, inputs, spread, f);
        for (int p = 0; p < BLOCK; p++)
            inputs[f][p] = SCALED(4 * here[p] - base[p]);
        logarithms(spread, 3 - e, log2, inputs[f + 1]);
        f = statistics(b, sums + (3 + 5 * k) * stride, stride, own_sum, error[k], base, inputs, f + 2);
    }
}
